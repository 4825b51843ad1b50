package tickets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/effect"
)

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

// moved is how a call to capture, cancel or refund was answered. Where an order is taken
// back before its amount was captured, that is let go: then the payment is cancelled,
// whatever was asked.
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
	created, err := t.origin(ctx, order.Pool)
	if err != nil {
		return nil, effect.NotDone(err)
	}
	var p payment.Payment
	switch key := t.key(&created, call); action {
	case Capture:
		p, err = t.capture(ctx, call, key, id, order)
	case Cancel:
		p, err = t.provider.Cancel(ctx, key, id)
	case Refund:
		p, err = t.refund(ctx, key, id, order.Amount)
	}
	rejected := errors.Is(err, payment.ErrRejected)
	if err != nil && (call.Attempt > 1 || rejected) { // the same key has the same answer, a failure too
		now, lookErr := t.provider.Get(ctx, id)
		var m moved
		known := false
		if lookErr == nil {
			m, known, lookErr = t.judge(ctx, action, order, now)
		}
		switch {
		case lookErr == nil && known:
			return told(m, nil)
		case lookErr != nil && rejected: // perhaps because it was done, or was let go
			return nil, fmt.Errorf("%w: it is rejected, %v, and how the payment is now cannot be seen: %v", payment.ErrUnknown, err, lookErr)
		}
	}
	if rejected {
		return told(moved{Rejected: shorten(err.Error())}, nil)
	}
	return told(moved{Payment: p}, err)
}

// capture takes what is authorised. The order may have been taken back since that was
// asked for, which is looked at where it was asked for some time ago; then the amount is
// let go.
func (t *Tickets) capture(ctx context.Context, call effect.Call, key, id string, order Order) (payment.Payment, error) {
	if call.Attempt > 1 || call.Cause.Kind() == PaymentKind {
		over, err := t.takenBack(ctx, order)
		if err != nil {
			return payment.Payment{}, fmt.Errorf("%w: pool %s: %w", payment.ErrNotDone, order.Pool, err)
		}
		if over {
			return t.letGo(ctx, key, id)
		}
	}
	return t.provider.Capture(ctx, key, id, order.Amount)
}

// refund gives back what was captured. What was not captured yet is let go: to take it
// and give it back has no use for anybody. No capture is under way meanwhile, since the
// provider is asked one thing at a time about a claim; one that comes later finds that
// there is nothing to capture.
func (t *Tickets) refund(ctx context.Context, key, id string, amount int64) (payment.Payment, error) {
	now, err := t.provider.Get(ctx, id)
	switch {
	case err != nil:
		return payment.Payment{}, err
	case now.Status == payment.Authorised:
		return t.letGo(ctx, key, id)
	case now.Status == payment.Cancelled:
		return now, nil
	}
	return t.provider.Refund(ctx, key, id, amount)
}

// letGo cancels a payment that may be captured meanwhile: a rejection says no more than
// that, and it is looked at again.
func (t *Tickets) letGo(ctx context.Context, key, id string) (payment.Payment, error) {
	p, err := t.provider.Cancel(ctx, key+"/let-go", id)
	if errors.Is(err, payment.ErrRejected) {
		err = fmt.Errorf("%w: %v", payment.ErrUnknown, err)
	}
	return p, err
}

// takenBack says whether an order is not sold any more: a claim that is not there once
// its number was given never comes back.
func (t *Tickets) takenBack(ctx context.Context, order Order) (over bool, err error) {
	err = t.host.View(ctx, poolActor(order.Pool), func(p *pool.Pool, _ aether.Version) {
		over = order.Claim <= p.LastClaim && p.Claims[order.Claim] == nil
	})
	return over, err
}

// judge says how a call ended, by how the payment is now; false where that does not tell.
func (t *Tickets) judge(ctx context.Context, action Action, order Order, now payment.Payment) (moved, bool, error) {
	done := false
	switch action {
	case Capture:
		done = now.Captured >= order.Amount
	case Cancel:
		done = now.Status == payment.Cancelled
	case Refund:
		done = now.Refunded >= order.Amount || now.Status == payment.Cancelled
	}
	if done || action != Capture || now.Status != payment.Cancelled {
		return moved{Payment: now}, done, nil
	}
	over, err := t.takenBack(ctx, order)
	if over {
		return moved{Payment: now}, true, err
	}
	return moved{Rejected: "the payment is cancelled at the provider, and the tickets are sold"}, err == nil, err
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
		fact = PaymentFailed{Order: order, Action: action, Reason: m.Rejected, At: at}
	case !outcome.Done:
		fact = PaymentFailed{Order: order, Action: action, Reason: outcome.Reason, At: at}
	case action == Cancel, m.Status == payment.Cancelled:
		fact = PaymentCancelled{order, at}
	case action == Capture:
		fact = PaymentCaptured{order, at}
	default:
		fact = PaymentRefunded{order, at}
	}
	_, err = t.payments.Record(ctx, paymentActor(id), paymentFact{fact}, recording(call))
	return err
}

// resolveMove looks whether a call that nobody answered has had its effect. That it has
// not yet does not say that it will not.
func (t *Tickets) resolveMove(ctx context.Context, action Action, call effect.Call) (effect.Outcome, bool, error) {
	id, _, _, err := t.asked(action, call.Cause)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	now, err := t.provider.Get(ctx, id)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	return t.learnMoved(ctx, action, call, now)
}

// learnMoved returns how a call ended if a payment is the one that it is about, and how
// that is now tells it.
func (t *Tickets) learnMoved(ctx context.Context, action Action, call effect.Call, now payment.Payment) (effect.Outcome, bool, error) {
	id, order, _, err := t.asked(action, call.Cause)
	if err != nil || id != now.ID {
		return effect.Outcome{}, false, err
	}
	m, known, err := t.judge(ctx, action, order, now)
	if err != nil || !known {
		return effect.Outcome{}, false, err
	}
	data, err := json.Marshal(m)
	return effect.Outcome{Done: true, Data: data, Reason: "the provider was asked"}, true, err
}
