package tickets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	event = noon.AddDate(0, 1, 0)
)

const webhookSecret = "whsec_test"

// world is a server with the tickets system, whose clock stands still.
type world struct {
	t        testing.TB
	url      string
	store    *countingStore
	clock    *aethertest.Clock
	provider *ledger          // nil without one
	real     payment.Provider // instead, one that is reached over the network
	tickets  *tickets.Tickets
	commands integration.Commands
	client   *http.Client
	token    string // of the server; "" for none
	bus      integration.Bus
	leases   *lease.Local // shared by all processes on the store, if there are several
	stop     func()       // ends the server; the store stays
}

// countingStore counts what is asked of a store.
type countingStore struct {
	aether.EventStore
	aether.SnapshotStore
	saves, reads, lookups atomic.Int64
}

func (s *countingStore) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	s.saves.Add(1)
	return s.EventStore.SaveEvents(ctx, events...)
}

func (s *countingStore) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	s.reads.Add(1)
	return s.EventStore.GetEvents(ctx, actorID, after)
}

func (s *countingStore) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	s.reads.Add(1)
	return s.EventStore.GetLatestVersion(ctx, actorID)
}

func (s *countingStore) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	s.lookups.Add(1)
	return s.EventStore.GetEventVersion(ctx, actorID, eventID)
}

// newWorld returns a world with a provider, or without one.
func newWorld(t testing.TB, provider *ledger) *world {
	t.Helper()
	return newWorldOn(t, provider, nil)
}

// newWorldOn returns a world that shares its store with others, where leases are given.
func newWorldOn(t testing.TB, provider *ledger, leases *lease.Local) *world {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: &countingStore{EventStore: store, SnapshotStore: store.(aether.SnapshotStore)}, clock: aethertest.NewClock(noon), provider: provider, bus: integration.NewLocal(nil), leases: leases}
	w.start()
	return w
}

// another returns a world on the same store, as another process has it.
func (w *world) another() *world {
	w.t.Helper()
	other := &world{t: w.t, store: w.store, clock: w.clock, provider: w.provider, bus: w.bus, leases: w.leases}
	other.start()
	return other
}

// start runs the system on the store, and returns when queries are answered.
func (w *world) start() {
	w.t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		w.t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	parts := node.Alone(w.store, "test", db, logger)
	parts.Bus, w.commands = w.bus, parts.Commands
	config := tickets.Config{SoleWriter: w.leases == nil, WebhookSecret: webhookSecret, Clock: w.clock}
	if w.provider != nil {
		config.Provider = w.provider
	}
	if w.real != nil {
		config.Provider = w.real
	}
	if w.leases != nil { // the bus is that of all of them
		parts.Leases, parts.SharedBus = w.leases, true
	}
	if w.tickets, err = tickets.New(parts, config); err != nil {
		w.t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: w.store, Namespace: "test", Version: "test", Logger: logger, Token: w.token}, w.tickets)
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.url = "http://" + listener.Addr().String()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			w.client.CloseIdleConnections()
			end()
			if err := <-ended; err != nil {
				w.t.Errorf("Run: %v", err)
			}
		})
	}
	stop, over := w.stop, make(chan struct{})
	w.t.Cleanup(func() {
		go func() { // what waits for the clock does so in vain
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
					w.clock.Advance(time.Second)
				}
			}
		}()
		stop()
		close(over)
	})
	w.until("the system is ready", func() bool { return w.tickets.Status().Ready })
}

// until waits for something that happens in the background.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	late := time.After(20 * time.Second)
	for !is() {
		select {
		case <-late:
			w.t.Fatalf("waited in vain until %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// ask sends a request and returns the status; the answer is decoded.
func (w *world) ask(method, path string, body, answer any, headers ...string) int {
	w.t.Helper()
	status, data := w.raw(method, path, body, headers...)
	if answer != nil {
		if err := json.Unmarshal(data, answer); err != nil {
			w.t.Fatalf("%s %s: %d: %v\n%s", method, path, status, err, data)
		}
	}
	return status
}

func (w *world) raw(method, path string, body any, headers ...string) (int, []byte) {
	w.t.Helper()
	var text io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		text = bytes.NewReader([]byte(b))
	default:
		data, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		text = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/tickets"+path, text)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, data
}

// problem is what errors look like.
type problem struct {
	Type, Title, Detail, Reason string
	Status                      int
	Facts                       map[string]any
	Errors                      []struct{ Location, Message string }
}

// refused expects a refusal.
func (w *world) refused(reason, method, path string, body any, headers ...string) problem {
	w.t.Helper()
	var p problem
	status := w.ask(method, path, body, &p, headers...)
	want := http.StatusConflict
	if reason == pool.NoPool || reason == pool.NoClaim || reason == tickets.NotOpen {
		want = http.StatusNotFound
	}
	if status != want || p.Reason != reason || p.Detail == "" {
		w.t.Errorf("%s %s %v: %d %+v, want it refused: %s", method, path, body, status, p, reason)
	}
	return p
}

type fields map[string]any

// create makes a pool for 50.00 with other fields as they are given, and returns its ID.
func (w *world) create(name string, capacity int, more fields) string {
	w.t.Helper()
	body := fields{"name": name, "capacity": capacity, "price": fields{"amount": 5000, "currency": "EUR"}, "eventDate": event}
	for k, v := range more {
		body[k] = v
	}
	d := w.do(http.StatusCreated, "POST", "/pools", body)
	return d.ID
}

// do carries out a command that is to succeed.
func (w *world) do(want int, method, path string, body any, headers ...string) tickets.CommandDocument {
	w.t.Helper()
	var d tickets.CommandDocument
	status, data := w.raw(method, path, body, headers...)
	if err := json.Unmarshal(data, &d); status != want || err != nil {
		w.t.Fatalf("%s %s %v: %d %s, want %d", method, path, body, status, data, want)
	}
	return d
}

// send sends a command upon a pool over the bus, which is to succeed.
func (w *world) send(id, kind string, c pool.Command) (d tickets.CommandDocument) {
	w.t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.commands.Send(w.t.Context(), integration.Request{
		Namespace: "test", Kind: pool.Kind, Subject: "pool/" + id, ID: aether.NewID(), Type: kind, Data: data,
	})
	if err == nil {
		err = json.Unmarshal(reply.Data, &d)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", kind, err)
	}
	return d
}

// claim claims tickets for the customer with a token, and returns the claim's ID.
func (w *world) claim(id, customer string, quantity int) string {
	w.t.Helper()
	return w.do(http.StatusCreated, "POST", "/pools/"+id+"/claims", fields{"customer": customer, "quantity": quantity, "priceSeen": 100_000}).ID
}

// buy buys a claim, with a method of payment if that is not empty.
func (w *world) buy(claim, customer, method string) tickets.CommandDocument {
	w.t.Helper()
	return w.do(http.StatusOK, "POST", "/claims/"+claim+"/buy", fields{"customer": customer, "method": method})
}

// pool returns a pool with everything that has happened.
func (w *world) pool(id string) (d tickets.PoolDocument) {
	w.t.Helper()
	if status := w.ask("GET", "/pools/"+id+"?after="+w.end(), nil, &d); status != http.StatusOK {
		w.t.Fatalf("pool: %d", status)
	}
	return d
}

func (w *world) end() string {
	w.t.Helper()
	position, err := w.store.GetLatestPosition(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(position)
}

// look returns a claim, with everything that has happened.
func (w *world) look(claim string) (d tickets.ClaimDocument) {
	w.t.Helper()
	position, err := w.store.GetLatestPosition(w.t.Context())
	if err == nil {
		d, err = w.tickets.Claim(w.t.Context(), claim, "", position)
	}
	if err != nil {
		w.t.Fatalf("claim %s: %v", claim, err)
	}
	return d
}

// as is the header with the token of a customer.
func as(customer string) []string { return []string{"Customer-Token", customer} }

// state waits until a claim is in a state, and its money, and returns it.
func (w *world) state(claim string, state tickets.ClaimState, money string) (d tickets.ClaimDocument) {
	w.t.Helper()
	w.until(fmt.Sprintf("claim %s is %s and its money %q", claim, state, money), func() bool {
		d = w.look(claim)
		return d.State == state && d.Payment == money
	})
	return d
}

// books fails unless a pool has so many tickets held and sold.
func (w *world) books(id string, held, sold int) {
	w.t.Helper()
	d := w.pool(id)
	if d.Held != held || d.Sold != sold || d.Held+d.Sold+d.Available != d.Capacity {
		w.t.Errorf("held %d, sold %d, available %d of %d, want %d held and %d sold", d.Held, d.Sold, d.Available, d.Capacity, held, sold)
	}
}

// cases returns the open payments, with everything that has happened.
func (w *world) cases() []tickets.CaseDocument {
	w.t.Helper()
	position, err := w.store.GetLatestPosition(w.t.Context())
	if err == nil {
		err = w.tickets.Wait(w.t.Context(), position)
	}
	var d struct{ Cases []tickets.CaseDocument }
	if status := w.ask("GET", "/cases", nil, &d); status != http.StatusOK || err != nil {
		w.t.Fatalf("cases: %d, %v", status, err)
	}
	return d.Cases
}

var _ payment.Provider = (*ledger)(nil)
