package tickets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/effect"
)

// The payment provider is asked because of events, with a key that is the same for every
// attempt: nothing is reserved, taken or given back twice. All that is asked about one
// claim is asked in the order of the events.

// The names of the effects.
const (
	authoriseEffect = "authorise-payment"
	captureEffect   = "capture-payment"
	cancelEffect    = "cancel-payment"
	refundEffect    = "refund-payment"
)

const (
	// asking is how long a call to the provider may take.
	asking = 25 * time.Second

	// forgotten is how long after its time a call that nobody answered is taken for one
	// that never arrived, if the provider does not know of it then either.
	forgotten = time.Hour
)

func (t *Tickets) paymentEffects() []effect.Effect {
	authorise := effect.Effect{
		Name: authoriseEffect, Kinds: []string{pool.Kind}, Types: []string{"PaymentStarted"}, FromStart: true, Keyed: true,
		Request: func(e aether.Event) (effect.Request, bool, error) {
			started, err := t.started(e)
			return effect.Request{Target: claimID(poolID(e.ActorID), started.Claim), Timeout: asking, Expires: started.Until}, true, err
		},
		Call: t.authorise, Record: t.recordAuthorise, Resolve: t.resolveAuthorise,
		Retry:        effect.Retry{Attempts: 50, Within: time.Hour, MinBackoff: 500 * time.Millisecond, MaxBackoff: 30 * time.Second},
		ResolveRetry: effect.Retry{Attempts: 500, Within: 72 * time.Hour, MaxBackoff: 10 * time.Minute},
	}
	return []effect.Effect{
		authorise,
		t.moneyEffect(captureEffect, Capture, "PaymentAuthorised"),
		t.moneyEffect(cancelEffect, Cancel, "PaymentVoided"),
		t.moneyEffect(refundEffect, Refund, "OrderRefunded"),
	}
}

func (t *Tickets) started(e aether.Event) (pool.PaymentStarted, error) {
	event, err := t.events.pools.Decode(e)
	started, _ := event.(pool.PaymentStarted)
	return started, err
}

// reference is our name of an attempt to pay, by which the provider finds it.
func reference(e aether.Event, started pool.PaymentStarted) string {
	return fmt.Sprintf("%s attempt %d", claimID(poolID(e.ActorID), started.Claim), started.Attempt)
}

// authorise reserves the amount. A time-out leaves it open whether it has: the same key
// again tells, and if the provider goes on not to answer, it is asked what it knows.
func (t *Tickets) authorise(ctx context.Context, call effect.Call) (json.RawMessage, error) {
	started, err := t.started(call.Cause)
	if err != nil {
		return nil, effect.NotDone(err)
	}
	created, err := t.origin(ctx, poolID(call.Cause.ActorID))
	if err != nil {
		return nil, effect.NotDone(err)
	}
	ours := reference(call.Cause, started)
	p, err := t.provider.Authorise(ctx, call.ID, payment.Authorisation{
		Amount: started.Amount, Currency: created.Currency, Method: started.Method, Reference: ours, Description: created.Name,
	})
	if err != nil && call.Attempt > 1 {
		if found, ok, lookErr := t.provider.Find(ctx, ours); lookErr == nil && ok {
			p, err = found, nil
		}
	}
	if errors.Is(err, payment.ErrRejected) && call.Attempt == 1 { // to ask again is of no use
		t.logger.Warn("tickets: the payment provider rejects a payment", "reference", ours, "error", err)
		p, err = payment.Payment{Status: payment.Declined, Reason: "rejected", Reference: ours}, nil
	}
	if err == nil && p.Status == payment.Processing {
		if p, err = t.provider.Get(ctx, p.ID); err == nil && p.Status == payment.Processing {
			return nil, fmt.Errorf("%w: the provider does not know yet what becomes of payment %s", payment.ErrUnknown, p.ID)
		}
		if err != nil { // of a question, which says nothing about the payment
			return nil, fmt.Errorf("%w: %v", payment.ErrUnknown, err)
		}
	}
	return told(p, err)
}

// told turns what the provider says into what a call returns.
func told(answer any, err error) (json.RawMessage, error) {
	switch {
	case err == nil:
		return json.Marshal(answer)
	case errors.Is(err, payment.ErrNotDone):
		return nil, effect.NotDone(err)
	}
	return nil, err
}

// recordAuthorise tells the pool, which sells the tickets or lets the payment go.
func (t *Tickets) recordAuthorise(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
	started, err := t.started(call.Cause)
	if err != nil {
		return err
	}
	var p payment.Payment
	if outcome.Done {
		if err := json.Unmarshal(outcome.Data, &p); err != nil {
			return fmt.Errorf("the outcome %s is no payment: %w", outcome.Data, err)
		}
	}
	var fact pool.Command
	switch p.Status {
	case payment.Authorised, payment.Captured:
		fact = pool.Authorised{Claim: started.Claim, Attempt: started.Attempt, Payment: p.ID, Amount: p.Amount, At: t.now()}
	default:
		fact = pool.Declined{Claim: started.Claim, Attempt: started.Attempt, Reason: declineReason(p), At: t.now()}
	}
	_, err = t.host.Record(ctx, call.Cause.ActorID, fact, recording(call))
	return err
}

// NotReached is why a payment was not made that the provider was not asked for, as far
// as is certain.
const NotReached = "provider-not-reached"

func declineReason(p payment.Payment) string {
	switch {
	case p.Status == "":
		return NotReached
	case p.Reason == "":
		return string(p.Status)
	case len(p.Reason) > 200:
		return p.Reason[:200]
	}
	return p.Reason
}

// recording are the options of the command that records the outcome of a call.
func recording(call effect.Call) *actor.DoOptions {
	return &actor.DoOptions{CommandID: call.ID, Metadata: aether.Metadata{
		CorrelationID: call.Cause.Metadata.CorrelationID, CausationID: call.Cause.ID, Traceparent: call.Cause.Metadata.Traceparent,
	}}
}

// resolveAuthorise looks up what became of a payment that nobody answered for.
func (t *Tickets) resolveAuthorise(ctx context.Context, call effect.Call) (effect.Outcome, bool, error) {
	started, err := t.started(call.Cause)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	p, found, err := t.provider.Find(ctx, reference(call.Cause, started))
	switch {
	case err != nil:
		return effect.Outcome{}, false, err
	case found && p.Status != payment.Processing:
		data, err := json.Marshal(p)
		return effect.Outcome{Done: true, Data: data, Reason: "the provider was asked"}, true, err
	case !found && !t.now().Before(started.Until.Add(forgotten)):
		return effect.Outcome{Reason: "the provider knows of no such payment, long after it was to be made"}, true, nil
	}
	return effect.Outcome{}, false, nil
}

// moneyEffect captures, cancels or refunds because of an event of a pool, and again
// because an operator wants it.
func (t *Tickets) moneyEffect(name string, action Action, eventType string) effect.Effect {
	return effect.Effect{
		Name: name, Kinds: []string{pool.Kind, PaymentKind}, Types: []string{eventType, retriedType}, FromStart: true, Keyed: true,
		Request: func(e aether.Event) (effect.Request, bool, error) {
			_, order, asked, err := t.asked(action, e)
			return effect.Request{Target: claimID(order.Pool, order.Claim), Timeout: asking}, asked, err
		},
		Call: func(ctx context.Context, call effect.Call) (json.RawMessage, error) { return t.move(ctx, action, call) },
		Record: func(ctx context.Context, c effect.Call, o effect.Outcome) error {
			return t.recordMoved(ctx, action, c, o)
		},
		Resolve: func(ctx context.Context, c effect.Call) (effect.Outcome, bool, error) {
			return t.resolveMove(ctx, action, c)
		},
		// The provider remembers keys for a day.
		Retry:        effect.Retry{Attempts: 500, Within: 23 * time.Hour, MaxBackoff: 10 * time.Minute},
		ResolveRetry: effect.Retry{Attempts: 500, Within: 72 * time.Hour, MaxBackoff: 10 * time.Minute},
	}
}

// asked returns the payment that an event asks to be captured, cancelled or refunded.
func (t *Tickets) asked(action Action, e aether.Event) (id string, order Order, asked bool, err error) {
	if e.Kind() == PaymentKind {
		event, err := t.events.payments.Decode(e)
		retried, ok := event.(PaymentRetried)
		return e.ActorID[len(PaymentKind)+1:], retried.Order, ok && retried.Action == action, err
	}
	event, err := t.events.pools.Decode(e)
	order.Pool = poolID(e.ActorID)
	switch e := event.(type) {
	case pool.PaymentAuthorised:
		id, order.Claim, order.Amount = e.Payment, e.Claim, e.Amount
	case pool.PaymentVoided:
		id, order.Claim, order.Amount = e.Payment, e.Claim, e.Amount
	case pool.OrderRefunded:
		id, order.Claim, order.Amount = e.Payment, e.Claim, e.Amount
	}
	return id, order, id != "", err
}

// moved is how a call to capture, cancel or refund was answered.
type moved struct {
	payment.Payment
	Rejected string `json:"rejected,omitempty"` // why it was not done, and will not be
}

// move asks the provider to capture, cancel or refund.
func (t *Tickets) move(ctx context.Context, action Action, call effect.Call) (json.RawMessage, error) {
	id, order, _, err := t.asked(action, call.Cause)
	if err != nil {
		return nil, effect.NotDone(err)
	}
	var p payment.Payment
	switch action {
	case Capture:
		p, err = t.provider.Capture(ctx, call.ID, id, order.Amount)
	case Cancel:
		p, err = t.provider.Cancel(ctx, call.ID, id)
	case Refund:
		p, err = t.refund(ctx, call.ID, id, order.Amount)
	}
	if err != nil && call.Attempt > 1 { // the same key has the same answer, a failure too
		if now, lookErr := t.provider.Get(ctx, id); lookErr == nil && has(action, now, order) {
			p, err = now, nil
		}
	}
	if errors.Is(err, payment.ErrRejected) {
		return told(moved{Rejected: shorten(err.Error())}, nil)
	}
	return told(moved{Payment: p}, err)
}

// refund gives back what was captured. While the capture is on its way still the provider
// is not asked: it would refuse, and has the same answer for the key from then on.
func (t *Tickets) refund(ctx context.Context, key, id string, amount int64) (payment.Payment, error) {
	now, err := t.provider.Get(ctx, id)
	switch {
	case err != nil:
		return payment.Payment{}, err
	case now.Status == payment.Authorised:
		return payment.Payment{}, fmt.Errorf("%w: payment %s is to be captured first", payment.ErrNotDone, id)
	}
	return t.provider.Refund(ctx, key, id, amount)
}

func shorten(text string) string {
	if len(text) > 1000 {
		return text[:1000] + " …"
	}
	return text
}

// recordMoved records what became of the money.
func (t *Tickets) recordMoved(ctx context.Context, action Action, call effect.Call, outcome effect.Outcome) error {
	id, order, _, err := t.asked(action, call.Cause)
	if err != nil {
		return err
	}
	var m moved
	if outcome.Done && outcome.Data != nil {
		if err := json.Unmarshal(outcome.Data, &m); err != nil {
			return fmt.Errorf("the outcome %s is no payment: %w", outcome.Data, err)
		}
	}
	var fact PaymentEvent
	switch at := t.now(); {
	case m.Rejected != "":
		fact = PaymentFailed{order, action, m.Rejected, at}
	case !outcome.Done:
		fact = PaymentFailed{order, action, outcome.Reason, at}
	case action == Capture:
		fact = PaymentCaptured{order, at}
	case action == Cancel:
		fact = PaymentCancelled{order, at}
	default:
		fact = PaymentRefunded{order, at}
	}
	_, err = t.payments.Record(ctx, paymentActor(id), paymentFact{fact}, recording(call))
	return err
}

// resolveMove looks whether a call that nobody answered has had its effect. That it has
// not yet does not say that it will not.
func (t *Tickets) resolveMove(ctx context.Context, action Action, call effect.Call) (effect.Outcome, bool, error) {
	id, order, _, err := t.asked(action, call.Cause)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	p, err := t.provider.Get(ctx, id)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	data, err := json.Marshal(moved{Payment: p})
	return effect.Outcome{Done: true, Data: data, Reason: "the provider was asked"}, has(action, p, order), err
}

// has says whether an action has had its effect on a payment.
func has(action Action, p payment.Payment, order Order) bool {
	switch action {
	case Capture:
		return p.Captured >= order.Amount
	case Cancel:
		return p.Status == payment.Cancelled
	}
	return p.Refunded >= order.Amount
}
