package tickets

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/payment"
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

// NotKnown is the reason of the refusal to settle what the provider does not know either.
const NotKnown = "not-known"

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
			cases = append(cases, CaseDocument{
				ID: failedID(m.ID, action), Action: string(action), State: string(effect.Failed), Pool: failed.Pool,
				Claim: claimID(failed.Pool, failed.Claim), Payment: m.ID, Amount: failed.Amount, Reason: failed.Reason, Since: failed.At,
				Ways: []string{Again, Done},
			})
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
		c.Action, _, _ = strings.Cut(info.Effect, "-")
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
		return t.look(ctx, infos[i], by)
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
	_, err := t.payments.Do(ctx, paymentActor(id), c, nil)
	return err
}

// look asks the provider what became of a call, and settles it by what it says.
func (t *Tickets) look(ctx context.Context, info effect.Info, by string) error {
	call := effect.Call{ID: info.ID, Effect: info.Effect, Target: info.Target, Attempt: info.Attempts}
	for e, err := range t.parts.Store.GetEvents(ctx, info.Cause.ActorID, info.Cause.Version-1) {
		if err != nil {
			return err
		}
		call.Cause = e
		break
	}
	var outcome effect.Outcome
	var known bool
	var err error
	if info.Effect == authoriseEffect {
		outcome, known, err = t.resolveAuthorise(ctx, call)
	} else {
		action, _, _ := strings.Cut(info.Effect, "-")
		outcome, known, err = t.resolveMove(ctx, Action(action), call)
	}
	switch {
	case err != nil:
		t.logger.Warn("tickets: the payment provider does not say what became of a payment", "effect", info.ID, "error", err)
		return aether.Refuse(NotKnown, "the payment provider does not answer; try again in a while")
	case !known:
		return aether.Refuse(NotKnown, "the payment provider does not know of it, or not yet; try again in a while")
	}
	return t.settleEffect(ctx, info.ID, outcome, by)
}

func (t *Tickets) settleEffect(ctx context.Context, id string, outcome effect.Outcome, by string) error {
	err := t.effects.Settle(ctx, id, outcome, by)
	if errors.Is(err, effect.ErrNotOpen) || errors.Is(err, effect.ErrCalling) {
		return errNotOpen
	}
	return err
}

// Notified takes a webhook of the provider: once, and as a hint. What it says changes
// nothing; but where it is about something that nobody knows the outcome of, the provider
// is asked.
func (t *Tickets) Notified(ctx context.Context, e payment.Event) error {
	if e.Payment != "" && aether.CheckActorID(paymentActor(e.Payment)) == nil {
		fact := paymentFact{PaymentNotified{Type: shorten(e.Type), At: t.now()}}
		result, err := t.payments.Do(ctx, paymentActor(e.Payment), fact, &actor.DoOptions{CommandID: "webhook/" + e.ID})
		if err != nil || result.Repeated {
			return err
		}
	}
	open, err := t.openEffects(ctx)
	if err != nil {
		return err
	}
	for _, info := range open {
		concerned, err := t.concerns(ctx, info, e)
		if err != nil {
			return err
		}
		if !concerned {
			continue
		}
		if err := t.look(ctx, info, "webhook "+e.ID); err != nil && !errors.Is(err, aether.ErrRefused) {
			return err
		}
	}
	return nil
}

// concerns says whether a webhook is about what an effect is for.
func (t *Tickets) concerns(ctx context.Context, info effect.Info, e payment.Event) (bool, error) {
	if e.Reference == "" || !strings.HasPrefix(e.Reference, info.Target+" ") {
		c, err := t.caseOf(ctx, info)
		return err == nil && c.Payment != "" && c.Payment == e.Payment, err
	}
	return true, nil
}
