package payment_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
)

// The provider has done it, and nobody is told: the same call with the same key finds
// out, and has no second effect.
func TestDoneWithoutAnswer(t *testing.T) {
	for _, fault := range []paysim.Fault{paysim.Timeout, paysim.Cut} {
		t.Run(string(fault), func(t *testing.T) {
			sim, _ := simulated(t, paysim.Faults{})
			// A client of its own for each call: the library of HTTP itself sends a request
			// with a key again when a connection that was used before is cut.
			fails := func(call func(c *payment.Stripe) (payment.Payment, error)) {
				t.Helper()
				if err := sim.SetFaults(paysim.Faults{Next: []paysim.Fault{fault}, HangMillis: 1}); err != nil {
					t.Fatal(err)
				}
				_, err := call(client(t, sim))
				wantClasses(t, err, payment.ErrUnknown)
			}
			twice := func(call func(c *payment.Stripe) (payment.Payment, error)) payment.Payment {
				t.Helper()
				fails(call)
				p, err := call(client(t, sim))
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			p := twice(func(c *payment.Stripe) (payment.Payment, error) { return c.Authorise(t.Context(), "a", order()) })
			if got := only(t, sim); got.ID != p.ID || got.Authorised != 5000 {
				t.Errorf("the provider has %+v, we know %+v", got, p)
			}
			p = twice(func(c *payment.Stripe) (payment.Payment, error) { return c.Capture(t.Context(), "c", p.ID, 5000) })
			if p.Status != payment.Captured {
				t.Errorf("captured: %+v", p)
			}
			p = twice(func(c *payment.Stripe) (payment.Payment, error) { return c.Refund(t.Context(), "r", p.ID, 2000) })
			if got := only(t, sim); p.Refunded != 2000 || got.Refunded != 2000 {
				t.Errorf("refunded: %+v, the provider has %+v", p, got)
			}
			fails(func(c *payment.Stripe) (payment.Payment, error) { return c.Get(t.Context(), p.ID) })
			other := twice(func(c *payment.Stripe) (payment.Payment, error) { return c.Authorise(t.Context(), "a2", order()) })
			other = twice(func(c *payment.Stripe) (payment.Payment, error) { return c.Cancel(t.Context(), "x", other.ID) })
			if other.Status != payment.Cancelled {
				t.Errorf("cancelled: %+v", other)
			}
		})
	}
}

// A server error that is remembered comes again with the key: a look-up says what
// became of the call.
func TestServerError(t *testing.T) {
	sim, c := simulated(t, paysim.Faults{Next: []paysim.Fault{paysim.Break}})
	for range 2 {
		_, err := c.Authorise(t.Context(), "a", order())
		wantClasses(t, err, payment.ErrUnknown)
	}
	p, found, err := c.Find(t.Context(), order().Reference)
	if err != nil || !found || p.ID != only(t, sim).ID || p.Status != payment.Authorised {
		t.Errorf("found: %+v, %v, %v", p, found, err)
	}
	if err := sim.SetFaults(paysim.Faults{Next: []paysim.Fault{paysim.Fail}}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Capture(t.Context(), "c", p.ID, 5000)
	wantClasses(t, err, payment.ErrUnknown)
	if p, err := c.Capture(t.Context(), "c", p.ID, 5000); err != nil || p.Status != payment.Captured {
		t.Errorf("captured: %+v, %v", p, err)
	}
}

func TestMethodsWithFaults(t *testing.T) {
	for _, fault := range []paysim.Fault{paysim.Lose, paysim.Timeout, paysim.Cut, paysim.Fail, paysim.Slow} {
		t.Run(string(fault), func(t *testing.T) {
			sim, c := simulated(t, paysim.Faults{HangMillis: 1, SlowMillis: 1})
			a := order()
			a.Method = "pm_sim_" + string(fault)
			_, err := c.Authorise(t.Context(), "a", a)
			if fault == paysim.Slow {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantClasses(t, err, payment.ErrUnknown)
			p, err := c.Authorise(t.Context(), "a", a)
			if err != nil || p.Status != payment.Authorised || only(t, sim).ID != p.ID {
				t.Errorf("the second time: %+v, %v", p, err)
			}
		})
	}
}

// Whatever the answer is, it is sorted by what it makes certain.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    []error
	}{
		{"bad request", answer(400, `{"error":{"type":"invalid_request_error","message":"m"}}`), []error{payment.ErrRejected, payment.ErrNotDone}},
		{"key reused", answer(400, `{"error":{"type":"idempotency_error","message":"m"}}`), []error{payment.ErrKeyReused, payment.ErrRejected, payment.ErrNotDone}},
		{"wrong secret key", answer(401, `{"error":{"type":"invalid_request_error","message":"m"}}`), []error{payment.ErrNotDone}},
		{"may not", answer(403, `{"error":{"type":"invalid_request_error","message":"m"}}`), []error{payment.ErrNotDone}},
		{"under way", answer(409, `{"error":{"type":"idempotency_error","code":"idempotency_key_in_use","message":"m"}}`), []error{payment.ErrUnknown}},
		{"too many", answer(429, `{"error":{"type":"invalid_request_error","code":"rate_limit","message":"m"}}`), []error{payment.ErrNotDone}},
		{"server error", answer(500, `{"error":{"type":"api_error","message":"m"}}`), []error{payment.ErrUnknown}},
		{"gateway", answer(502, `<html>bad gateway</html>`), []error{payment.ErrUnknown}},
		{"somebody else's page", answer(404, `<html>no such page</html>`), []error{payment.ErrUnknown}},
		{"no JSON", answer(200, `hello`), []error{payment.ErrUnknown}},
		{"other JSON", answer(200, `{}`), []error{payment.ErrUnknown}},
		{"an ID alone", answer(200, `{"id":"pi_1"}`), []error{payment.ErrUnknown}},
		{"endless", answer(200, `{"id":"`+strings.Repeat("x", 5<<20)+`"}`), []error{payment.ErrUnknown}},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v1/elsewhere", http.StatusTemporaryRedirect)
		}, []error{payment.ErrUnknown}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var paths []string
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				paths = append(paths, r.URL.Path)
				for _, header := range []string{"X-Stripe-Client-User-Agent", "X-Stripe-Client-Telemetry"} {
					if r.Header.Get(header) != "" {
						t.Errorf("the provider is told %s: %s", header, r.Header.Get(header))
					}
				}
				test.handler(w, r)
			}))
			_, err := c.Authorise(t.Context(), "a", order())
			wantClasses(t, err, test.want...)
			if e, ok := err.(*payment.Error); !ok || e.Op != "authorise" || e.Subject != order().Reference {
				t.Errorf("the error is %#v", err)
			}
			if len(paths) != 1 {
				t.Errorf("it was asked for %q, want one request", paths)
			}
		})
	}
}

func TestStates(t *testing.T) {
	for state, want := range map[string]payment.Status{
		"requires_payment_method": payment.Declined, "requires_confirmation": payment.Declined, "requires_action": payment.Declined,
		"processing": payment.Processing, "something_new": payment.Processing, "requires_capture": payment.Authorised,
		"succeeded": payment.Captured, "canceled": payment.Cancelled,
	} {
		c := client(t, answer(200, `{"id":"pi_1","object":"payment_intent","amount":5,"status":"`+state+`"}`))
		if p, err := c.Get(t.Context(), "pi_1"); err != nil || p.Status != want {
			t.Errorf("%s: got %+v, %v, want %q", state, p, err, want)
		}
	}
}

// A refund that the bank does not take is not one.
func TestRefundFailed(t *testing.T) {
	c := client(t, answer(200, `{"id":"re_1","object":"refund","status":"failed","failure_reason":"lost_or_stolen_card",
		"payment_intent":{"id":"pi_1","object":"payment_intent","amount":500,"amount_received":500,"status":"succeeded"}}`))
	_, err := c.Refund(t.Context(), "r", "pi_1", 500)
	wantClasses(t, err, payment.ErrNotDone, payment.ErrRejected)
	if err == nil || !strings.Contains(err.Error(), "lost_or_stolen_card") {
		t.Errorf("the error is %v", err)
	}
}

// Where nobody listens nothing has happened.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = clientOf(t, "http://"+listener.Addr().String()).Authorise(t.Context(), "a", order())
	wantClasses(t, err, payment.ErrNotDone)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, c := simulated(t, paysim.Faults{})
	_, err = c.Authorise(ended, "a", order())
	if wantClasses(t, err, payment.ErrNotDone); !errors.Is(err, context.Canceled) {
		t.Errorf("the error of the context is lost: %v", err)
	}
}

func TestNoAnswer(t *testing.T) {
	arrived := make(chan struct{}, 2)
	silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // so that the end of the client is seen
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := client(t, silent).Authorise(ctx, "a", order())
	if wantClasses(t, err, payment.ErrUnknown); !errors.Is(err, context.Canceled) {
		t.Errorf("the error of the context is lost: %v", err)
	}

	server := listen(t, silent)
	c, err := payment.New(paysim.SecretKey, &payment.Options{URL: server, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	began := time.Now()
	_, err = c.Capture(t.Context(), "c", "pi_1", 500)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the error is no time-out: %v", err)
	}
	if !errors.Is(err, payment.ErrUnknown) && !errors.Is(err, payment.ErrNotDone) {
		t.Errorf("the error has no class: %v", err)
	}
}

func TestNew(t *testing.T) {
	for _, test := range []struct{ key, url, problem string }{
		{"sk_test_1", "", ""},
		{"rk_test_1", "https://payments.example", ""},
		{"sk_test_1", "http://localhost:8090", ""},
		{"sk_test_1", "http://[::1]:8090/", ""},
		{"", "", "secret key"},
		{"pk_test_1", "", "secret key"},
		{"sk_test 1", "", "secret key"},
		{"sk_test_1\r\nX: y", "", "secret key"},
		{"sk_test_1", "http://payments.example", "use https"},
		{"sk_test_1", "http://127.0.0.1.payments.example", "use https"},
		{"sk_test_1", "ftp://127.0.0.1", "https"},
		{"sk_test_1", "127.0.0.1:8090", "provider"},
		{"sk_test_1", "https://payments.example/sub", "a scheme and a host"},
		{"sk_test_1", "https://a:b@payments.example", "a scheme and a host"},
	} {
		_, err := payment.New(test.key, &payment.Options{URL: test.url})
		if (err != nil) != (test.problem != "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%q at %q: got %v, want %q", test.key, test.url, err, test.problem)
		}
		if err != nil && test.key != "" && strings.Contains(err.Error(), test.key) {
			t.Errorf("the error has the secret: %v", err)
		}
	}
}
