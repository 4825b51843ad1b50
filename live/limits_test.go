package live

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		origins []string
		origin  string
		want    int
	}{
		{nil, "", 101}, // no browser
		{nil, "https://aether.example", 101},
		{nil, "https://aether.example.evil.example", 403},
		{nil, "https://evil.example", 403},
		{nil, "null", 403},
		{[]string{"good.example"}, "https://good.example", 101},
		{[]string{"good.example"}, "https://evil.example", 403},
		{[]string{"https://*.good.example"}, "https://www.good.example", 101},
		{[]string{"https://*.good.example"}, "http://www.good.example", 403},
	} {
		t.Run(fmt.Sprint(test.origins, test.origin), func(t *testing.T) {
			inWorld(t, Options{Origins: test.origins}, func(t *testing.T, w *world) {
				header := http.Header{}
				if test.origin != "" {
					header.Set("Origin", test.origin)
				}
				ws, answer, err := w.dial(header)
				if answer == nil || answer.StatusCode != test.want {
					t.Fatalf("the answer is %v, %v, want %d", answer, err, test.want)
				}
				if err == nil {
					_ = ws.CloseNow()
				}
			})
		})
	}
}

func TestAccess(t *testing.T) {
	access := func(r *http.Request) func(string) bool {
		user := r.Header.Get("User")
		if user == "root" {
			return nil
		}
		return func(topic string) bool { return strings.HasPrefix(topic, user) }
	}
	inWorld(t, Options{Access: access}, func(t *testing.T, w *world) {
		w.set("ann/1", 1, `1`)
		w.set("bob/1", 1, `1`)
		subscribe := func(user, topic, want string) {
			t.Helper()
			ws, _, err := w.dial(http.Header{"User": {user}})
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
			p := &page{t, ws}
			p.send(`{"subscribe":"` + topic + `","after":1}`)
			p.expect(want)
		}
		subscribe("root", "bob/1", `{"topic":"bob/1","position":1,"document":1}`)
		subscribe("bob", "bob/1", `{"topic":"bob/1","position":1}`)
		subscribe("ann", "bob/1", `{"topic":"bob/1","error":"unknown topic"}`)
	})
}

func TestTooManyClients(t *testing.T) {
	inWorld(t, Options{Clients: 2}, func(t *testing.T, w *world) {
		first, _ := w.connect(), w.connect()
		_, answer, err := w.dial(nil)
		if answer == nil || answer.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("the third client got %v, %v", answer, err)
		}
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 10 {
			t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
		}
		synctest.Wait()
		if s := w.hub.Stats(); s.Clients != 2 || s.Refused != 1 {
			t.Errorf("stats are %+v", s)
		}
		// Those who are no WebSocket, or from elsewhere, take no place.
		first.leave()
		for range 3 {
			if _, _, err := w.dial(http.Header{"Origin": {"https://evil.example"}}); err == nil {
				t.Error("a page from elsewhere connected")
			}
		}
		w.connect()
	})
}

// What breaks the rules is closed, and told why.
func TestBrokenRules(t *testing.T) {
	for _, test := range []struct {
		name   string
		kind   websocket.MessageType
		text   string
		code   websocket.StatusCode
		reason string
	}{
		{"binary", websocket.MessageBinary, `{"subscribe":"a"}`, websocket.StatusUnsupportedData, "messages are text"},
		{"no JSON", websocket.MessageText, `subscribe`, websocket.StatusPolicyViolation, "a message is not what it should be"},
		{"nothing", websocket.MessageText, ``, websocket.StatusPolicyViolation, "a message is not what it should be"},
		{"none", websocket.MessageText, `{}`, websocket.StatusPolicyViolation, "a message subscribes, unsubscribes or pings"},
		{"both", websocket.MessageText, `{"subscribe":"a","unsubscribe":"b"}`, websocket.StatusPolicyViolation, "a message subscribes, unsubscribes or pings"},
		{"both, with a ping", websocket.MessageText, `{"subscribe":"a","ping":1}`, websocket.StatusPolicyViolation, "a message subscribes, unsubscribes or pings"},
		{"negative", websocket.MessageText, `{"subscribe":"a","after":-1}`, websocket.StatusPolicyViolation, "a message is not what it should be"},
		{"too big", websocket.MessageText, `{"subscribe":"` + strings.Repeat("x", 100_000) + `"}`, websocket.StatusMessageTooBig, "message too big"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world) {
				p := w.connect()
				if err := p.ws.Write(t.Context(), test.kind, []byte(test.text)); err != nil {
					t.Fatal(err)
				}
				p.expectClose(test.code, test.reason)
				synctest.Wait()
				if s := w.hub.Stats(); s.Dropped != 1 || s.Clients != 0 {
					t.Errorf("stats are %+v", s)
				}
			})
		})
	}
}

// One that broke the rules and does not answer is cut off.
func TestBrokenRulesAndDeaf(t *testing.T) {
	inWorld(t, Options{Ping: time.Second}, func(t *testing.T, w *world) {
		p := w.connect()
		p.send(`nonsense`)
		p.send(`more`)
		begin := time.Now()
		for w.hub.Stats().Clients > 0 {
			pass(100 * time.Millisecond)
		}
		if took := time.Since(begin); took < closing || took > 2*closing {
			t.Errorf("cut off after %v", took)
		}
		if s := w.hub.Stats(); s.Dropped != 1 {
			t.Errorf("stats are %+v", s)
		}
	})
}

func TestLargestMessage(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		w.set("a", 1, `1`)
		p := w.connect()
		text := `{"subscribe":"a"` // and white space
		p.send(text + strings.Repeat(" ", maxMessage-len(text)-1) + "}")
		p.expect(`{"topic":"a","position":1,"document":1}`)
	})
}

func TestTooManyMessages(t *testing.T) {
	inWorld(t, Options{Topics: 5}, func(t *testing.T, w *world) {
		const burst = messageBurst + 2*5
		steady, hasty, pinger := w.connect(), w.connect(), w.connect()
		for range burst {
			steady.send(`{"unsubscribe":"a"}`)
			hasty.send(`{"unsubscribe":"a"}`)
		}
		for range 3 * messageRate {
			pass(time.Second / messageRate)
			steady.send(`{"unsubscribe":"a"}`)
		}
		synctest.Wait()
		if s := w.hub.Stats(); s.Clients != 3 {
			t.Fatalf("stats are %+v", s)
		}
		for range 3*messageRate + 1 {
			hasty.send(`{"unsubscribe":"a"}`)
		}
		hasty.expectClose(websocket.StatusPolicyViolation, "too many messages")

		pinger.ws.CloseRead(t.Context())
		for range burst {
			if err := pinger.ws.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := pinger.ws.Ping(t.Context()); err == nil {
			t.Error("there is no end of pings")
		}
		pass(time.Second)
		steady.send(`{"subscribe":"a"}`)
		steady.expect(`{"topic":"a","error":"unknown topic"}`)
	})
}

// A client that sends and never reads leaves no heap of answers.
func TestTooManyAnswers(t *testing.T) {
	inWorld(t, Options{Topics: 1000}, func(t *testing.T, w *world) {
		p := w.connect()
		bad := `{"subscribe":"` + strings.Repeat("\x7f", maxMessage-100) + `"}`
		for range 30 {
			p.send(bad)
		}
		synctest.Wait()
		if s := w.hub.Stats(); s.Dropped != 1 {
			t.Errorf("stats are %+v", s)
		}
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		for c := range w.hub.clients {
			if c.replyBytes > maxReplies+2*maxMessage {
				t.Errorf("%d bytes of answers wait", c.replyBytes)
			}
		}
	})
}

// Clients are asked whether they are there; those that do not answer are closed.
func TestPings(t *testing.T) {
	inWorld(t, Options{Ping: 20 * time.Second, Timeout: 10 * time.Second}, func(t *testing.T, w *world) {
		alive, dead := w.connect(), w.connect()
		alive.ws.CloseRead(t.Context()) // it reads, and so answers
		// The dead one takes what is sent and answers nothing.
		transport := &http.Transport{DialContext: w.pipes.dial, DisableKeepAlives: true}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://aether.example/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"MDEyMzQ1Njc4OWFiY2RlZg=="},
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body) // until the hub closes it
		if string(got) != "\x89\x00" {
			t.Errorf("the dead client got %x, %v; want one ping", got, err)
		}
		if now := w.hub.now(); now < 20*time.Second || now > 33*time.Second {
			t.Errorf("the dead client was closed after %v", now)
		}
		// Nor is one alive that takes nothing at all.
		pass(time.Minute)
		if s := w.hub.Stats(); s.Clients != 1 || s.Dropped != 2 {
			t.Errorf("stats are %+v", s)
		}
		if err := alive.ws.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		_ = dead
	})
}

// A client has Timeout for every 16 KiB, not for a whole document.
func TestWriteTimeout(t *testing.T) {
	inWorld(t, Options{Ping: time.Hour, Timeout: 8 * time.Second}, func(t *testing.T, w *world) {
		w.set("large", 1, `"`+strings.Repeat("x", 12*chunk)+`"`)
		p := w.connect()
		p.send(`{"subscribe":"large"}`)
		_, r, err := p.ws.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, chunk)
		for i := range 10 {
			pass(6 * time.Second)
			if _, err := io.ReadFull(r, buffer); err != nil {
				t.Fatalf("part %d: %v", i, err)
			}
		}
		begin := time.Now()
		for w.hub.Stats().Clients > 0 {
			pass(time.Second / 10)
		}
		if took := time.Since(begin); took < 7*time.Second || took > 10*time.Second {
			t.Errorf("closed after %v", took)
		}
		if s := w.hub.Stats(); s.Dropped != 1 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// The history of all topics together is bounded, and so are topics without
// subscribers.
func TestHistoryIsBounded(t *testing.T) {
	const limit = 100 << 10
	inWorld(t, Options{HistoryBytes: limit}, func(t *testing.T, w *world) {
		w.set("watched", 0, `0`)
		p := w.connect()
		p.send(`{"subscribe":"watched"}`)
		p.expect(`{"topic":"watched","position":0,"document":0}`)
		w.change("watched", 1)
		p.expect(`{"topic":"watched","position":1,"change":1}`)
		data := []byte(`"` + strings.Repeat("x", 500) + `"`)
		for i := range uint64(1000) {
			w.hub.Publish(Change{fmt.Sprintf("topic/%d", i%300), i + 1, data})
			if i%100 == 0 {
				w.checkCosts()
			}
		}
		s := w.hub.Stats()
		if s.HistoryBytes > limit || s.HistoryBytes < limit/2 || s.Topics > 200 || s.Topics < 50 {
			t.Errorf("stats are %+v", s)
		}
		// One who was subscribed all the time notices nothing.
		w.change("watched", 2)
		p.expect(`{"topic":"watched","position":2,"change":2}`)
		// One topic alone may have an eighth.
		for i := range uint64(1000) {
			w.hub.Publish(Change{"one", i + 1, data})
		}
		w.hub.mu.Lock()
		if one := w.hub.topics["one"]; one.bytes > limit/8 || one.bytes < limit/16 {
			t.Errorf("one topic has %d bytes", one.bytes)
		}
		w.hub.mu.Unlock()
	})
}

func TestNoWebSocket(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		client := &http.Client{Transport: &http.Transport{DialContext: w.pipes.dial, DisableKeepAlives: true}}
		answer, err := client.Get("http://aether.example/live")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("the answer is %s", answer.Status)
		}
		w.server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.hub.ServeHTTP(struct{ http.ResponseWriter }{rw}, r)
		})
		if _, answer, _ := w.dial(nil); answer == nil || answer.StatusCode != http.StatusNotImplemented {
			t.Errorf("behind a middleware that hides the connection the answer is %v", answer)
		}
	})
}
