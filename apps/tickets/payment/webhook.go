package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stripe/stripe-go/v83/webhook"
)

// Event is what the provider tells of its own accord. It is a hint: events come late,
// twice, in another order, or never, so look at the payment.
type Event struct {
	ID        string    // by which one that comes again is recognised
	Type      string    // "payment_intent.succeeded"
	Payment   string    // the ID of the payment, "" if it is about something else
	Reference string    // ours, "" if it is not known
	Created   time.Time // when it happened

	// Returned: a refund that was made did not arrive, for a Reason in the words of the
	// provider, and we have the money again. How the payment is now may not tell that.
	Returned bool
	Reason   string
}

const (
	// MaxWebhook is how many bytes the body of a webhook may have.
	MaxWebhook = 256 << 10

	// WebhookTolerance is how old a signature may be.
	WebhookTolerance = webhook.DefaultTolerance
)

var (
	// ErrSignature: the webhook does not come from the provider, or it came too late.
	ErrSignature = errors.New("payment: the signature of a webhook")

	// ErrWebhook: the webhook cannot be understood.
	ErrWebhook = errors.New("payment: a webhook")
)

// ParseWebhook returns the event in the body of a webhook. The signature is the header
// Stripe-Signature, the secret the one of the webhook's endpoint, "whsec_…".
func ParseWebhook(body []byte, signature, secret string, now time.Time) (Event, error) {
	if secret == "" {
		return Event{}, fmt.Errorf("%w cannot be checked: there is no secret; set that of the provider's endpoint", ErrSignature)
	}
	if len(body) > MaxWebhook {
		return Event{}, fmt.Errorf("%w is too large: at most %d bytes are taken", ErrWebhook, MaxWebhook)
	}
	// The library asks the machine for the time. What lies between that and now is
	// added to what it tolerates.
	tolerance := WebhookTolerance + time.Since(now)
	switch err := webhook.ValidatePayloadWithTolerance(body, signature, secret, tolerance); {
	case errors.Is(err, webhook.ErrNotSigned):
		return Event{}, fmt.Errorf("%w is missing: the header Stripe-Signature", ErrSignature)
	case errors.Is(err, webhook.ErrTooOld):
		return Event{}, fmt.Errorf("%w is older than %v: it was sent again by somebody, or the clocks differ", ErrSignature, WebhookTolerance)
	case errors.Is(err, webhook.ErrNoValidSignature):
		return Event{}, fmt.Errorf("%w is wrong: the body was not signed with the secret of this endpoint", ErrSignature)
	case err != nil:
		return Event{}, fmt.Errorf("%w cannot be read: %w", ErrSignature, err)
	}
	var e struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Type    string `json:"type"`
		Created int64  `json:"created"`
		Data    struct {
			Object struct {
				ID            string            `json:"id"`
				Object        string            `json:"object"`
				PaymentIntent json.RawMessage   `json:"payment_intent"` // an ID, null, or what it was expanded to
				Metadata      map[string]string `json:"metadata"`
				FailureReason string            `json:"failure_reason"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("%w is not the JSON of an event: %w", ErrWebhook, err)
	}
	if e.Object != "event" || e.ID == "" || e.Type == "" {
		return Event{}, fmt.Errorf("%w is no event: object %q, ID %q, type %q", ErrWebhook, e.Object, e.ID, e.Type)
	}
	about := &e.Data.Object
	event := Event{
		ID: e.ID, Type: e.Type, Reference: about.Metadata[reference], Created: time.Unix(e.Created, 0).UTC(),
		Returned: e.Type == "refund.failed" && about.Object == "refund", Reason: about.FailureReason,
	}
	if about.Object == "payment_intent" {
		event.Payment = about.ID
	} else if len(about.PaymentIntent) > 0 {
		_ = json.Unmarshal(about.PaymentIntent, &event.Payment) // it stays empty if it was expanded, as endpoints do not
	}
	return event, nil
}
