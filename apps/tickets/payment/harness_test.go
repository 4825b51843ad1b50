package payment_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
)

// simulated starts a stand-in for the provider, and a client of it.
func simulated(t *testing.T, faults paysim.Faults) (*paysim.Server, *payment.Stripe) {
	t.Helper()
	sim, err := paysim.New(&paysim.Options{Faults: faults, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, client(t, sim)
}

// client serves a handler, and returns a client of it.
func client(t *testing.T, handler http.Handler) *payment.Stripe {
	t.Helper()
	return clientOf(t, listen(t, handler))
}

func listen(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func clientOf(t *testing.T, url string) *payment.Stripe {
	t.Helper()
	c, err := payment.New(paysim.SecretKey, &payment.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func order() payment.Authorisation {
	return payment.Authorisation{
		Amount: 5000, Currency: "EUR", Method: "pm_card_visa", Reference: "pool/jazz claim 12 attempt 1", Description: "2 tickets",
	}
}

// authorise makes the payment of an order.
func authorise(t *testing.T, c *payment.Stripe, key string) payment.Payment {
	t.Helper()
	p, err := c.Authorise(t.Context(), key, order())
	if err != nil || p.Status != payment.Authorised {
		t.Fatalf("it is not authorised: %+v, %v", p, err)
	}
	return p
}

// only returns the one payment that the provider has.
func only(t *testing.T, sim *paysim.Server) paysim.LedgerPayment {
	t.Helper()
	payments := sim.Ledger().Payments
	if len(payments) != 1 {
		t.Fatalf("the provider has %d payments, want 1: %+v", len(payments), payments)
	}
	return payments[0]
}

func classes() map[string]error {
	return map[string]error{
		"unknown": payment.ErrUnknown, "not done": payment.ErrNotDone, "rejected": payment.ErrRejected,
		"no payment": payment.ErrNoPayment, "key reused": payment.ErrKeyReused,
	}
}

// wantClasses checks of which classes an error is, all that it may be of.
func wantClasses(t *testing.T, err error, want ...error) {
	t.Helper()
	for name, class := range classes() {
		wanted := false
		for _, w := range want {
			wanted = wanted || w == class
		}
		if errors.Is(err, class) != wanted {
			t.Errorf("that it is %q should be %v: %v", name, wanted, err)
		}
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
