package tickets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/readdb"
)

// The ways to settle a case.
const (
	Look    = "look"     // the provider is asked what became of it
	Done    = "done"     // somebody has seen that it was done, or has done it by hand
	NotDone = "not-done" // somebody has seen that it was not done, and will not be
	Again   = "again"    // the provider is asked to do it once more
)

// The reasons of refusals to settle a case in some way.
const (
	NotKnown    = "not-known"      // the provider does not know either
	PaymentMade = "payment-made"   // it knows of a payment that is said not to be
	OrderOver   = "order-refunded" // the tickets are not sold any more, so nothing is to be captured
)

// errNoProvider says that there is nobody to ask.
var errNoProvider = aether.Refuse(NotKnown, "no payment provider is set up here")

// Cases returns the payments that somebody must see to, the oldest first: those of which
// it is not known what became of them, and those with which something has gone wrong.
func (t *Tickets) Cases(ctx context.Context) ([]CaseDocument, error) {
	cases := []CaseDocument{}
	open, err := t.openEffects(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range open {
		c, err := t.caseOf(ctx, info)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	v, err := t.view(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for m, err := range moneys.All(v, &readdb.ListOptions{Index: byOpen}) {
		if err != nil {
			return nil, err
		}
		for action, failed := range m.Failed {
			c := CaseDocument{
				ID: failedID(m.ID, action), Action: string(action), State: string(effect.Failed), Pool: failed.Pool,
				Claim: claimID(failed.Pool, failed.Claim), Payment: m.ID, Amount: failed.Amount, Reason: failed.Reason, Since: failed.At,
				Ways: []string{Again, Done},
			}
			if failed.Returned {
				c.Ways = []string{Done}
			}
			cases = append(cases, c)
		}
	}
	slices.SortFunc(cases, func(a, b CaseDocument) int { return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID)) })
	return cases, nil
}

// openEffects returns the calls to the provider of which it is not known what became of
// them. Without a provider there are none, and nobody keeps them in memory.
func (t *Tickets) openEffects(ctx context.Context) ([]effect.Info, error) {
	if t.provider == nil {
		return nil, nil
	}
	return t.effects.List(ctx, effect.InDoubt, effect.Failed)
}

// failedID names a case of a payment of which it is certain that something was not done.
func failedID(payment string, action Action) string {
	return paymentActor(payment) + "#" + string(action)
}

// caseOf returns an effect as a case.
func (t *Tickets) caseOf(ctx context.Context, info effect.Info) (CaseDocument, error) {
	c := CaseDocument{
		ID: info.ID, State: string(info.State), Claim: info.Target, Reason: info.Error, Since: info.Since, Attempts: info.Attempts,
		Ways: []string{Look, NotDone},
	}
	c.Pool, _, _ = parseClaim(info.Target)
	for e, err := range t.parts.Store.GetEvents(ctx, info.Cause.ActorID, info.Cause.Version-1) {
		if err != nil {
			return c, err
		}
		if info.Effect == authoriseEffect {
			started, err := t.started(e)
			c.Action, c.Amount = "authorise", started.Amount
			return c, err
		}
		c.Action = string(actionOf(info))
		c.Ways = append(c.Ways, Done)
		id, order, _, err := t.asked(Action(c.Action), e)
		c.Payment, c.Amount = id, order.Amount
		return c, err
	}
	return c, nil
}

// Settle ends a case in one of its ways. By is who says so, note what else is known.
func (t *Tickets) Settle(ctx context.Context, id, way, by, note string) error {
	if payment, ok := strings.CutPrefix(id, PaymentKind+"/"); ok {
		return t.settleFailed(ctx, payment, way, by, note)
	}
	infos, err := t.openEffects(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(infos, func(info effect.Info) bool { return info.ID == id })
	switch {
	case i < 0:
		return errNotOpen
	case way == Look:
		return t.lookUp(ctx, infos[i], by)
	case way == NotDone && infos[i].Effect == authoriseEffect:
		if err := t.unknown(ctx, infos[i]); err != nil {
			return err
		}
		fallthrough
	case way == NotDone:
		return t.settleEffect(ctx, id, effect.Outcome{Reason: note}, by)
	case way == Done && infos[i].Effect != authoriseEffect:
		return t.settleEffect(ctx, id, effect.Outcome{Done: true, Reason: note}, by)
	}
	return errNoWay(way)
}

func errNoWay(way string) error {
	return invalid("way", "is "+way+", which is none of the ways to settle this case")
}

// settleFailed ends what has gone wrong with a payment.
func (t *Tickets) settleFailed(ctx context.Context, rest, way, by, note string) error {
	id, action, _ := strings.Cut(rest, "#")
	var c paymentCommand
	switch way {
	case Again:
		if t.provider == nil {
			return errNoProvider
		}
		c = retryPayment{Action(action), by, t.now()}
	case Done:
		c = settlePayment{Action(action), by, note, t.now()}
	default:
		return errNoWay(way)
	}
	if aether.CheckActorID(paymentActor(id)) != nil {
		return errNotOpen
	}
	if way == Again && Action(action) == Capture {
		if err := t.stillSold(ctx, id); err != nil {
			return err
		}
	}
	_, err := t.payments.Do(ctx, paymentActor(id), c, nil)
	return err
}

// stillSold refuses to capture once more what is to be let go.
func (t *Tickets) stillSold(ctx context.Context, payment string) error {
	var failed PaymentFailed
	open := false
	err := t.payments.View(ctx, paymentActor(payment), func(s paymentState, _ aether.Version) { failed, open = s[Capture] })
	if err != nil || !open {
		return err // the command is refused, then
	}
	over, err := t.takenBack(ctx, failed.Order)
	if err == nil && over {
		err = aether.Refuse(OrderOver, "the order was refunded, so the amount is let go and not captured")
	}
	return err
}

// callOf returns what the functions of an effect are told about one that is open.
func (t *Tickets) callOf(ctx context.Context, info effect.Info) (effect.Call, error) {
	call := effect.Call{ID: info.ID, Effect: info.Effect, Target: info.Target, Attempt: info.Attempts}
	for e, err := range t.parts.Store.GetEvents(ctx, info.Cause.ActorID, info.Cause.Version-1) {
		call.Cause = e
		return call, err
	}
	return call, fmt.Errorf("tickets: the event of %s that asked for %s is not in the store", info.Cause.ActorID, info.ID)
}

// lookUp asks the provider what became of a call, and settles it by what it says.
func (t *Tickets) lookUp(ctx context.Context, info effect.Info, by string) error {
	call, err := t.callOf(ctx, info)
	if err != nil {
		return err
	}
	var outcome effect.Outcome
	var known bool
	if info.Effect == authoriseEffect {
		outcome, known, err = t.resolveAuthorise(ctx, call)
	} else {
		outcome, known, err = t.resolveMove(ctx, actionOf(info), call)
	}
	switch {
	case err != nil:
		return t.silent(info, err)
	case !known:
		return aether.Refuse(NotKnown, "the payment provider does not know of it, or not yet; try again in a while")
	}
	return t.settleEffect(ctx, info.ID, outcome, by)
}

// actionOf is what an effect does with a payment.
func actionOf(info effect.Info) Action {
	action, _, _ := strings.Cut(info.Effect, "-")
	return Action(action)
}

func (t *Tickets) silent(info effect.Info, err error) error {
	t.logger.Warn("tickets: the payment provider does not say what became of a payment", "effect", info.ID, "error", err)
	return aether.Refuse(NotKnown, "the payment provider does not answer; try again in a while")
}

// unknown refuses to take a payment for one that was never made if the provider has it.
func (t *Tickets) unknown(ctx context.Context, info effect.Info) error {
	call, err := t.callOf(ctx, info)
	if err != nil {
		return err
	}
	p, found, err := t.find(ctx, call)
	switch {
	case err != nil:
		return t.silent(info, err)
	case found:
		return aether.Refuse(PaymentMade, "the payment provider has it: payment %s is %s; have it looked up", p.ID, p.Status)
	case t.now().Before(info.Since.Add(searchable)):
		return aether.Refuse(NotKnown, "the payment provider does not know of it, or not yet; try again in two minutes")
	}
	return nil
}

func (t *Tickets) settleEffect(ctx context.Context, id string, outcome effect.Outcome, by string) error {
	err := t.effects.Settle(ctx, id, outcome, by)
	if errors.Is(err, effect.ErrNotOpen) || errors.Is(err, effect.ErrCalling) {
		return errNotOpen
	}
	return err
}
