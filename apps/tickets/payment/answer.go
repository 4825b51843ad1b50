package payment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/stripe/stripe-go/v83"
)

// call is one call to the provider.
type call struct {
	op, subject string

	// sent: there was a connection, so the request may have arrived.
	sent atomic.Bool
}

// begin returns the ctx of the request.
func (c *call) begin(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { c.sent.Store(true) },
	})
}

func (c *call) failed(class, err error) *Error {
	return &Error{Op: c.op, Subject: c.subject, class: class, err: err}
}

// invalid is the error of a call that is not even made.
func (c *call) invalid(err error) error { return c.failed(ErrRejected, err) }

// answer turns what the client returns into what a Provider does.
func (c *call) answer(intent *stripe.PaymentIntent, err error) (Payment, error) {
	if err != nil {
		return Payment{}, c.explain(err)
	}
	if intent == nil || intent.ID == "" || intent.Status == "" {
		return Payment{}, c.failed(ErrUnknown, errors.New("the answer has no payment"))
	}
	return paymentOf(intent), nil
}

// explain says what is certain about a call that failed.
func (c *call) explain(err error) error {
	said, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		if !c.sent.Load() {
			return c.failed(ErrNotDone, fmt.Errorf("the provider cannot be reached: %w", err))
		}
		return c.failed(ErrUnknown, err)
	}
	class := ErrUnknown
	switch said.HTTPStatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		class = ErrNotDone
	case http.StatusNotFound:
		class = ErrNoPayment
	case http.StatusBadRequest, http.StatusPaymentRequired:
		class = ErrRejected
		if said.Type == stripe.ErrorTypeIdempotency {
			class = ErrKeyReused
		}
	}
	failed := c.failed(class, fmt.Errorf("the provider says: %d %s", said.HTTPStatusCode, said.Msg))
	failed.Code, failed.Request, failed.answered = string(said.Code), said.RequestID, true
	return failed
}

// declinedBy says whether an error is a decline: by the bank, or since there is no
// such method of payment.
func declinedBy(err error, a Authorisation) (Payment, bool) {
	said, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		return Payment{}, false
	}
	p := Payment{Amount: a.Amount, Reference: a.Reference}
	switch {
	case said.HTTPStatusCode == http.StatusPaymentRequired && said.Type == stripe.ErrorTypeCard:
		if said.PaymentIntent != nil {
			p.ID = said.PaymentIntent.ID
		}
	case said.HTTPStatusCode == http.StatusBadRequest && said.Code == stripe.ErrorCodeResourceMissing && said.Param == "payment_method":
	default:
		return Payment{}, false
	}
	p.Status, p.Reason = Declined, reasonOf(said)
	return p, true
}

// reasonOf returns why a payment was declined. The bank's reason says more than the
// provider's code.
func reasonOf(said *stripe.Error) string {
	if said.DeclineCode != "" {
		return string(said.DeclineCode)
	}
	return string(said.Code)
}

func paymentOf(intent *stripe.PaymentIntent) Payment {
	p := Payment{
		ID: intent.ID, Amount: intent.Amount, Captured: intent.AmountReceived, Reference: intent.Metadata[reference],
	}
	if c := intent.LatestCharge; c != nil {
		// What was let go counts there as refunded.
		p.Refunded = max(0, c.AmountRefunded-(c.Amount-c.AmountCaptured))
	}
	switch intent.Status {
	case stripe.PaymentIntentStatusRequiresCapture:
		p.Status = Authorised
	case stripe.PaymentIntentStatusSucceeded:
		p.Status = Captured
		if p.Refunded > 0 && p.Refunded >= p.Captured {
			p.Status = Refunded
		}
	case stripe.PaymentIntentStatusCanceled:
		p.Status = Cancelled
	case stripe.PaymentIntentStatusRequiresPaymentMethod, stripe.PaymentIntentStatusRequiresConfirmation,
		stripe.PaymentIntentStatusRequiresAction:
		// Somebody would have to do something about it, and nobody will.
		p.Status, p.Reason = Declined, string(intent.Status)
		if said := intent.LastPaymentError; said != nil {
			p.Reason = reasonOf(said)
		}
	default:
		p.Status = Processing
	}
	return p
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 4 << 20

// guard bounds answers, and does not tell the provider about this machine, whose name
// and kernel the client would send along.
type guard struct{ *http.Transport }

func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("X-Stripe-Client-User-Agent")
	answer, err := g.Transport.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}
