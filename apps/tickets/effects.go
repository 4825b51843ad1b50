package tickets

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

	// searchable is how long after its call a payment may not be found yet.
	searchable = 2 * time.Minute
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

// mark tells the payments of a pool from those of another installation that has the same
// account at the provider, and perhaps a pool of the same ID. Besides the namespace it has
// what follows from the secret of the pool, which is random.
func (t *Tickets) mark(created *pool.PoolCreated) string {
	mac := hmac.New(sha256.New, created.Secret)
	mac.Write([]byte("payments"))
	return t.parts.Namespace + "/" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// key is what the provider remembers a call by.
func (t *Tickets) key(created *pool.PoolCreated, call effect.Call) string {
	return t.mark(created) + "/" + call.ID
}

// reference is our name of an attempt to pay, by which the provider finds it:
// "k7x2m9qa4tzc-17 attempt 1 of default/8d9c0a3f5b1e2d47".
func (t *Tickets) reference(created *pool.PoolCreated, claim string, attempt int) string {
	return fmt.Sprintf("%s attempt %d of %s", claim, attempt, t.mark(created))
}

// referred returns the claim that a reference is of, "" when it is none of ours.
func (t *Tickets) referred(ctx context.Context, reference string) (string, error) {
	claim, rest, _ := strings.Cut(reference, " attempt ")
	number, _, _ := strings.Cut(rest, " ")
	attempt, err := strconv.Atoi(number)
	id, _, ok := parseClaim(claim)
	if err != nil || !ok {
		return "", nil
	}
	created, err := t.origin(ctx, id)
	switch {
	case errors.Is(err, aether.ErrRefused): // there is no such pool
		return "", nil
	case err == nil && t.reference(&created, claim, attempt) != reference:
		return "", nil
	}
	return claim, err
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
	ours := t.reference(&created, call.Target, started.Attempt)
	p, err := t.provider.Authorise(ctx, t.key(&created, call), payment.Authorisation{
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
	p, found, err := t.find(ctx, call)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	if found {
		return authorised(p)
	}
	started, err := t.started(call.Cause)
	if err != nil || t.now().Before(started.Until.Add(forgotten)) {
		return effect.Outcome{}, false, err
	}
	return effect.Outcome{Reason: "the provider knows of no such payment, long after it was to be made"}, true, nil
}

// learnAuthorised returns how a call to authorise a payment ended if that is this payment.
func (t *Tickets) learnAuthorised(ctx context.Context, call effect.Call, now payment.Payment) (effect.Outcome, bool, error) {
	started, err := t.started(call.Cause)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	created, err := t.origin(ctx, poolID(call.Cause.ActorID))
	if err != nil || t.reference(&created, call.Target, started.Attempt) != now.Reference {
		return effect.Outcome{}, false, err
	}
	return authorised(now)
}

// find returns the payment of a call to authorise one, if the provider knows of it.
func (t *Tickets) find(ctx context.Context, call effect.Call) (payment.Payment, bool, error) {
	started, err := t.started(call.Cause)
	if err != nil {
		return payment.Payment{}, false, err
	}
	created, err := t.origin(ctx, poolID(call.Cause.ActorID))
	if err != nil {
		return payment.Payment{}, false, err
	}
	return t.provider.Find(ctx, t.reference(&created, call.Target, started.Attempt))
}

// authorised is the outcome of a call by which there is a payment; false while the
// provider does not know what becomes of it.
func authorised(p payment.Payment) (effect.Outcome, bool, error) {
	if p.Status == payment.Processing {
		return effect.Outcome{}, false, nil
	}
	data, err := json.Marshal(p)
	return effect.Outcome{Done: true, Data: data, Reason: "the provider was asked"}, true, err
}
