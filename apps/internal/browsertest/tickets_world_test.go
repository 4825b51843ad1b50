package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
)

// ticketsWorld is a server with the tickets system in memory, at some clock, and a
// stand-in for the payment provider.
type ticketsWorld struct {
	t       *testing.T
	address string
	token   string // of the server; "" for none
	clock   aether.Clock
	pay     chan struct{} // closed when the provider is to take payments; until then it is slow
}

func newTicketsWorld(t *testing.T, clock aether.Clock) *ticketsWorld {
	t.Helper()
	return newGuardedTickets(t, clock, "")
}

// newGuardedTickets returns one whose server has a token, if that is not "".
func newGuardedTickets(t *testing.T, clock aether.Clock, token string) *ticketsWorld {
	t.Helper()
	w := &ticketsWorld{t: t, token: token, clock: clock, pay: make(chan struct{})}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	provider := w.provider(logger)

	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	system, err := tickets.New(node.Alone(store, "test", db, logger), tickets.Config{
		SoleWriter: true, Provider: provider, WebhookSecret: paysim.WebhookSecret, Clock: w.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: store, Namespace: "test", Version: "test", Logger: logger, Token: token}, system)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error("the server: ", err)
		}
	})
	return w
}

// provider starts the stand-in, and returns what asks it for money.
func (w *ticketsWorld) provider(logger *slog.Logger) payment.Provider {
	w.t.Helper()
	sim, err := paysim.New(&paysim.Options{Webhook: w.url(tickets.WebhookPath), Logger: logger})
	if err != nil {
		w.t.Fatal(err)
	}
	slow := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			select {
			case <-w.pay:
			case <-r.Context().Done():
				return
			}
		}
		sim.ServeHTTP(answer, r)
	}))
	w.t.Cleanup(func() {
		slow.Close()
		if err := sim.Close(); err != nil {
			w.t.Error("the payment provider: ", err)
		}
	})
	provider, err := payment.New(paysim.SecretKey, &payment.Options{URL: slow.URL})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(provider.Close)
	return provider
}

func (w *ticketsWorld) url(path string) string { return "http://" + w.address + path }

// create makes a pool of tickets for €50.00 each, paid at the door or otherwise, and
// returns its ID when the pages know it.
func (w *ticketsWorld) create(name string, capacity int, payment string) string {
	w.t.Helper()
	var d tickets.CommandDocument
	w.ask(http.StatusCreated, "POST", "/api/tickets/pools", fmt.Sprintf(
		`{"name":%q,"capacity":%d,"payment":%q,"price":{"amount":5000,"currency":"EUR"},"eventDate":%q}`,
		name, capacity, payment, w.clock.Now().AddDate(0, 1, 0).Format(time.RFC3339)), &d)
	w.ask(http.StatusOK, "GET", fmt.Sprintf("/api/tickets/pools/%s?after=%d", d.ID, d.Position), "", nil)
	return d.ID
}

func (w *ticketsWorld) ask(want int, method, path, body string, answer any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url(path), bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != want {
		w.t.Fatalf("%s %s: %s, want %d", method, path, response.Status, want)
	}
	if answer == nil {
		return
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		w.t.Fatal(err)
	}
}

// watch opens a page, and waits until it is live.
func (w *ticketsWorld) watch(v *window, path string) {
	w.t.Helper()
	v.visit(w.url(path))
	v.live()
}

// promote opens the promoter's page of a pool.
func (w *ticketsWorld) promote(v *window, id string) {
	w.t.Helper()
	w.watch(v, "/tickets/promoter/"+id)
}
