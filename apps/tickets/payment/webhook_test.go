package payment_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/stripe/stripe-go/v83/webhook"
)

const secret = "whsec_test"

func sign(body string, at time.Time) string {
	return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(body), Secret: secret, Timestamp: at}).Header
}

const succeeded = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1790000000,"api_version":"2020-08-27",
	"data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"reference":"pool/jazz claim 1"}}}}`

func TestParseWebhook(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) // not the machine's
	at := time.Unix(1790000000, 0).UTC()
	for _, test := range []struct {
		name, body, signature string
		secret                string
		want                  payment.Event
		class                 error
		problem               string
	}{
		{name: "of a payment", body: succeeded, want: payment.Event{ID: "evt_1", Type: "payment_intent.succeeded", Payment: "pi_1", Reference: "pool/jazz claim 1", Created: at}},
		{name: "of a charge", body: `{"id":"evt_2","object":"event","type":"charge.refunded","created":1790000000,"data":{"object":{"id":"ch_1","object":"charge","payment_intent":"pi_1","metadata":{"reference":"r"}}}}`,
			want: payment.Event{ID: "evt_2", Type: "charge.refunded", Payment: "pi_1", Reference: "r", Created: at}},
		{name: "of something else", body: `{"id":"evt_3","object":"event","type":"payout.paid","created":1790000000,"data":{"object":{"id":"po_1","object":"payout","payment_intent":null}}}`,
			want: payment.Event{ID: "evt_3", Type: "payout.paid", Created: at}},
		{name: "expanded", body: `{"id":"evt_4","object":"event","type":"x","created":1790000000,"data":{"object":{"id":"ch_1","object":"charge","payment_intent":{"id":"pi_1"}}}}`,
			want: payment.Event{ID: "evt_4", Type: "x", Created: at}},
		{name: "just in time", body: succeeded, signature: sign(succeeded, now.Add(10*time.Second-payment.WebhookTolerance)),
			want: payment.Event{ID: "evt_1", Type: "payment_intent.succeeded", Payment: "pi_1", Reference: "pool/jazz claim 1", Created: at}},
		{name: "signed twice", body: succeeded, signature: sign(succeeded, now) + ",v1=00ff,v0=aa",
			want: payment.Event{ID: "evt_1", Type: "payment_intent.succeeded", Payment: "pi_1", Reference: "pool/jazz claim 1", Created: at}},

		{name: "old", body: succeeded, signature: sign(succeeded, now.Add(-10*time.Second-payment.WebhookTolerance)), class: payment.ErrSignature, problem: "older than"},
		{name: "changed", body: succeeded, signature: sign(succeeded+" ", now), class: payment.ErrSignature, problem: "wrong"},
		{name: "of another secret", body: succeeded, secret: "whsec_other", class: payment.ErrSignature, problem: "wrong"},
		{name: "unsigned", body: succeeded, signature: "-", class: payment.ErrSignature, problem: "missing"},
		{name: "nonsense", body: succeeded, signature: "hello", class: payment.ErrSignature, problem: "cannot be read"},
		{name: "without a secret", body: succeeded, secret: "-", class: payment.ErrSignature, problem: "no secret"},
		{name: "too large", body: succeeded + strings.Repeat(" ", payment.MaxWebhook), class: payment.ErrWebhook, problem: "too large"},
		{name: "no JSON", body: `{`, class: payment.ErrWebhook, problem: "not the JSON"},
		{name: "of a wrong form", body: `{"id":5}`, class: payment.ErrWebhook, problem: "not the JSON"},
		{name: "no event", body: `{"id":"pi_1","object":"payment_intent"}`, class: payment.ErrWebhook, problem: "no event"},
		{name: "no ID", body: `{"object":"event","type":"x"}`, class: payment.ErrWebhook, problem: "no event"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signature, key := test.signature, test.secret
			switch signature {
			case "":
				signature = sign(test.body, now)
			case "-":
				signature = ""
			}
			switch key {
			case "":
				key = secret
			case "-":
				key = ""
				signature = webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: []byte(test.body), Timestamp: now}).Header
			}
			got, err := payment.ParseWebhook([]byte(test.body), signature, key, now)
			if got != test.want || !errors.Is(err, test.class) || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("got %+v, %v\nwant %+v, %q", got, err, test.want, test.problem)
			}
		})
	}
}

// What the stand-in sends is what is parsed here.
func TestWebhooksOfPaysim(t *testing.T) {
	type delivery struct {
		event payment.Event
		err   error
	}
	deliveries := make(chan delivery, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, payment.MaxWebhook))
		if err != nil {
			t.Error(err)
		}
		event, err := payment.ParseWebhook(body, r.Header.Get("Stripe-Signature"), paysim.WebhookSecret, time.Now())
		deliveries <- delivery{event, err}
	}))
	t.Cleanup(endpoint.Close)
	sim, err := paysim.New(&paysim.Options{Webhook: endpoint.URL, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	c := client(t, sim)
	o := order()
	o.Method = "pm_card_refundFail"
	p, err := c.Authorise(t.Context(), "a", o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Capture(t.Context(), "c", p.ID, 5000); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Refund(t.Context(), "r", p.ID, 5000); err != nil || r.Status != payment.Refunded {
		t.Fatalf("refunded: %+v, %v", r, err)
	}
	missing := map[string]bool{
		"payment_intent.created": true, "payment_intent.amount_capturable_updated": true, "payment_intent.succeeded": true,
		"charge.refunded": true, "refund.created": true, "refund.failed": true,
	}
	for len(missing) > 0 {
		d := <-deliveries
		if d.err != nil || d.event.Payment != p.ID || !missing[d.event.Type] {
			t.Fatalf("got %+v, %v; missing are %v", d.event, d.err, missing)
		}
		if d.event.Reference != o.Reference && !strings.HasPrefix(d.event.Type, "refund.") {
			t.Errorf("the reference of %+v is not %q", d.event, o.Reference)
		}
		if failed := d.event.Type == "refund.failed"; d.event.Returned != failed || failed && d.event.Reason != "expired_or_canceled_card" {
			t.Errorf("a refund that does not arrive is told as %+v", d.event)
		}
		delete(missing, d.event.Type)
	}
}

func FuzzParseWebhook(f *testing.F) {
	f.Add(succeeded, "")
	f.Add(`{"id":"evt_1","object":"event","type":"x","data":null}`, "")
	f.Add(succeeded, "t=1,v1=00")
	f.Fuzz(func(t *testing.T, body, signature string) {
		now := time.Now()
		if _, err := payment.ParseWebhook([]byte(body), signature, secret, now); err == nil {
			t.Error("somebody else's signature is taken") // the fuzzer does not know the secret
		}
		event, err := payment.ParseWebhook([]byte(body), sign(body, now), secret, now)
		if err == nil && (event.ID == "" || event.Type == "") {
			t.Errorf("an event without ID or type: %+v", event)
		}
		if err != nil && !errors.Is(err, payment.ErrWebhook) {
			t.Errorf("the body is signed, and the error is %v", err)
		}
	})
}
