package tickets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/coder/websocket"
)

// The same commands come over the bus.
func TestBus(t *testing.T) {
	w := newWorld(t, nil)
	send := func(subject, id, kind string, c any) (tickets.CommandDocument, error) {
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := w.commands.Send(t.Context(), integration.Request{Namespace: "test", Kind: pool.Kind, Subject: subject, ID: id, Type: kind, Data: data})
		var d tickets.CommandDocument
		if err == nil {
			err = json.Unmarshal(reply.Data, &d)
		}
		return d, err
	}
	create := pool.Create{Name: "Jazz", Capacity: 4, Rule: pool.Rule{Base: 5000}, Currency: "EUR", EventDate: event, Payment: pool.Door}
	made, err := send("", "1", tickets.CreatePool, create)
	again, errAgain := send("", "1", tickets.CreatePool, create)
	if err != nil || errAgain != nil || again.ID != made.ID || !again.Repeated {
		t.Fatalf("made %+v, %v and then %+v, %v", made, err, again, errAgain)
	}
	create.Name = "Named"
	if d, err := send("pool/named-night", "2", tickets.CreatePool, create); err != nil || d.ID != "named-night" {
		t.Errorf("with an ID: %+v, %v", d, err)
	}
	create.Name = "Other"
	if _, err := send("pool/named-night", "3", tickets.CreatePool, create); refusal(err) != pool.PoolExists {
		t.Errorf("with the ID of another: %v", err)
	}
	// The time is the server's, whatever somebody says.
	claimed, err := send("pool/"+made.ID, "4", tickets.ClaimTickets, pool.ClaimTickets{Customer: "ann", Quantity: 2, PriceSeen: 5000, At: event})
	if err != nil || !claimed.Claim.Until.Equal(noon.Add(pool.Hold)) {
		t.Errorf("claimed %+v, %v", claimed, err)
	}
	for _, bad := range []struct{ subject, kind string }{
		{"pool/" + made.ID, "expire"}, {"pool/NO", tickets.StopSales}, {"grid/x", tickets.StopSales}, {"", tickets.StopSales}, {"pool/a/b", tickets.CreatePool},
	} {
		if _, err := send(bad.subject, "5", bad.kind, create); !errors.Is(err, aether.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", bad, err)
		}
	}
	if _, err := send("pool/"+made.ID, "6", tickets.StopSales, "x"); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("data that cannot be read: %v", err)
	}
}

func refusal(err error) string {
	if r, ok := errors.AsType[*aether.Refusal](err); ok {
		return r.Reason
	}
	return ""
}

// The secret of a pool is in its first event, and nowhere else.
func TestSecret(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	var secret []byte
	for e, err := range w.store.GetEvents(t.Context(), "pool/"+jazz, 0) {
		if err != nil {
			t.Fatal(err)
		}
		var created pool.PoolCreated
		if err := json.Unmarshal(e.Data, &created); err != nil {
			t.Fatal(err)
		}
		secret = created.Secret
	}
	if len(secret) != 32 {
		t.Fatalf("the secret has %d bytes", len(secret))
	}
	text, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	w.claim(jazz, "ann", 1)
	w.pool(jazz)
	for _, path := range []string{"/pools", "/pools/" + jazz, "/claims/" + jazz + "-1", "/../integration/tickets"} {
		if status, data := w.raw("GET", path, nil, as("ann")...); status != http.StatusOK || bytes.Contains(data, bytes.Trim(text, `"`)) {
			t.Errorf("%s: %d %s", path, status, data)
		}
	}
}

// The API has a description, with examples that people may try.
func TestDescription(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/../../openapi.json", "/../../api"} {
		if status, data := w.raw("GET", path, nil); status != http.StatusOK || !bytes.Contains(data, []byte("/api/tickets/pools/{pool}/claims")) {
			t.Errorf("%s: %d %.300s", path, status, data)
		}
	}
}

// message is what a live client hears.
type message struct {
	Topic            string
	Position         uint64
	Document, Change json.RawMessage
	Error            string
}

// A page of a pool, and a cart, are told of everything.
func TestLive(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	cart := w.claim(jazz, "ann", 1)
	w.pool(jazz)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	connection, _, err := websocket.Dial(ctx, strings.Replace(w.url, "http", "ws", 1)+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.CloseNow()
	say := func(text string) {
		t.Helper()
		if err := connection.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	// hear waits until a topic says something, which comes as a document or a change.
	hear := func(topic, part string) {
		t.Helper()
		for {
			_, data, err := connection.Read(ctx)
			var m message
			if err == nil {
				err = json.Unmarshal(data, &m)
			}
			if err != nil || m.Error != "" {
				t.Fatalf("waiting for %s of %s: %s, %v", part, topic, data, err)
			}
			if m.Topic == topic && strings.Contains(string(m.Document)+string(m.Change), part) {
				return
			}
		}
	}
	say(`{"subscribe":"pool/` + jazz + `"}`)
	hear("pool/"+jazz, `"held":1,"sold":0,"available":3`)
	topic := w.look(cart).Topic
	say(`{"subscribe":"` + topic + `"}`)
	hear(topic, `"state":"held"`)
	say(`{"subscribe":"pools"}`)
	hear("pools", `"name":"Jazz"`)
	w.claim(jazz, "bob", 3)
	hear("pool/"+jazz, `"held":4,"sold":0,"available":0`)
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil)
	hear("pool/"+jazz, `"status":"stopped"`)
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/cancel", nil)
	hear(topic, `"reason":"cancelled"`)
	w.create("Rock", 1, nil)
	hear("pools", `"name":"Rock"`)
	for _, unknown := range []string{"claim/nobody-1", "claim/" + cart, "claim/" + cart + ".", topic + "a"} { // a number is no proof
		say(`{"subscribe":"` + unknown + `"}`)
		for told := false; !told; {
			_, data, err := connection.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if told = strings.Contains(string(data), `"`+unknown+`"`); told && !strings.Contains(string(data), "error") {
				t.Errorf("of a claim that is not there: %s", data)
			}
		}
	}
}

// The read model is the same when it is made again.
func TestRebuild(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	w.buy(cart, "ann", good)
	w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	w.claim(jazz, "bob", 3)
	paths := []string{"/pools", "/pools/" + jazz, "/claims/" + cart, "/pools/" + jazz + "/sales", "/pools/" + jazz + "/orders"}
	w.pool(jazz)
	var before [][]byte
	for _, path := range paths {
		_, data := w.raw("GET", path, nil, as("ann")...)
		before = append(before, data)
	}
	w.stop()
	w.start() // with an empty read DB
	for i, path := range paths {
		if status, data := w.raw("GET", path, nil, as("ann")...); status != http.StatusOK || !bytes.Equal(data, before[i]) {
			t.Errorf("%s: %d %s\nwas %s", path, status, data, before[i])
		}
	}
}
