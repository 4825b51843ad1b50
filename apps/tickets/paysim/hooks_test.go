package paysim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/stripe/stripe-go/v83/webhook"
)

// endpoint takes webhooks in memory.
type endpoint struct {
	t      *testing.T
	secret string
	status []int       // the first answers; then 200
	told   chan string // the types, too, if it is there

	mu    sync.Mutex
	types []string
	ids   []string
	times []time.Time
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Error(err)
	}
	if err := webhook.ValidatePayload(body, r.Header.Get("Stripe-Signature"), e.secret); err != nil {
		e.t.Errorf("the signature of %s: %v", body, err)
	}
	var event struct{ ID, Type string }
	if err := json.Unmarshal(body, &event); err != nil {
		e.t.Error(err)
	}
	e.types, e.ids, e.times = append(e.types, event.Type), append(e.ids, event.ID), append(e.times, time.Now())
	if e.told != nil {
		e.told <- event.Type
	}
	status := http.StatusOK
	if len(e.status) > 0 {
		status, e.status = e.status[0], e.status[1:]
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader("ok"))}, nil
}

// hooked is a provider in a bubble that tells an endpoint.
func hooked(t *testing.T, faults paysim.Faults, status ...int) (*paysim.Server, *endpoint) {
	e := &endpoint{t: t, secret: "whsec_own", status: status}
	s := start(t, paysim.Options{
		Webhook: "http://127.0.0.1:1/hook", WebhookSecret: e.secret, Client: &http.Client{Transport: e}, Faults: faults, Seed: 1,
	})
	return s, e
}

func TestWebhooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hooked(t, paysim.Faults{})
		p := authorised(t, s, "a")
		authorised(t, s, "a") // an answer that is repeated is no event
		ask(t, s, "POST /v1/payment_intents/"+p.ID+"/capture", "", "amount_to_capture=4000")
		ask(t, s, "POST /v1/refunds", "", "payment_intent="+p.ID)
		ask(t, s, create, "", order("pm_card_chargeDeclined"))
		ask(t, s, "POST /v1/payment_intents/"+authorised(t, s, "b").ID+"/cancel", "", "")
		synctest.Wait()
		slices.Sort(e.types)
		want := []string{
			"charge.refunded", "payment_intent.amount_capturable_updated", "payment_intent.amount_capturable_updated",
			"payment_intent.canceled", "payment_intent.created", "payment_intent.created", "payment_intent.created",
			"payment_intent.payment_failed", "payment_intent.succeeded", "refund.created",
		}
		if !slices.Equal(e.types, want) {
			t.Errorf("got %q\nwant %q", e.types, want)
		}
	})
}

func TestWebhooksTwiceAndLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hooked(t, paysim.Faults{WebhookTwice: 1, WebhookLate: 1, WebhookLateMillis: 60_000})
		began := time.Now()
		p := authorised(t, s, "a")
		ask(t, s, "POST /v1/payment_intents/"+p.ID+"/capture", "", "")
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(e.ids) != 6 {
			t.Fatalf("got %q, want 3 events twice", e.types)
		}
		counts := make(map[string]int)
		for i, id := range e.ids {
			counts[id]++
			if late := e.times[i].Sub(began); late <= 0 || late > time.Minute {
				t.Errorf("%s comes after %v", e.types[i], late)
			}
		}
		if len(counts) != 3 {
			t.Errorf("the second ones are other events: %v", counts)
		}
		if !slices.Contains(e.types[slices.Index(e.types, "payment_intent.succeeded"):], "payment_intent.created") {
			t.Errorf("all come in order: %q", e.types)
		}
	})
}

func TestWebhooksLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hooked(t, paysim.Faults{WebhookLost: 1})
		authorised(t, s, "a")
		synctest.Wait()
		if len(e.types) != 0 {
			t.Errorf("got %q", e.types)
		}
	})
}

// An event that is not taken comes again, signed anew, a few times.
func TestWebhooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hooked(t, paysim.Faults{}, 500, 500, 400, 500, 404, 302)
		ask(t, s, create, "", "amount=500&currency=eur")
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(e.ids) != 5 {
			t.Errorf("it was sent %d times, want 5", len(e.ids))
		}
		ask(t, s, create, "", "amount=500&currency=eur")
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(e.ids) != 7 || e.ids[5] != e.ids[6] {
			t.Errorf("the second one: %q", e.ids)
		}
	})
}

// Close does not wait for what is late.
func TestWebhooksClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := hooked(t, paysim.Faults{WebhookLate: 1, WebhookLateMillis: 3_600_000})
		authorised(t, s, "a")
		began := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 0 || len(e.types) != 0 {
			t.Errorf("it took %v, and sent %q", took, e.types)
		}
	})
}

func TestWebhookURL(t *testing.T) {
	for _, url := range []string{"hello", "ftp://127.0.0.1/", "http://", "://"} {
		if _, err := paysim.New(&paysim.Options{Webhook: url}); err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("the URL %q is taken: %v", url, err)
		}
	}
}
