package tickets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/effect"
)

// Notified takes a webhook of the provider, as a hint: where it is about something that
// nobody knows the outcome of, or that the provider is to be asked again about in a while,
// the provider is asked now. Then the webhook is noted, once. After an error it is not,
// and the provider sends it again. One about a payment of somebody else, who has the same
// account, is passed over.
//
// That a refund did not arrive nobody but the provider knows: it is a case for an operator.
func (t *Tickets) Notified(ctx context.Context, e payment.Event) error {
	if t.provider == nil || e.Payment == "" || aether.CheckActorID(paymentActor(e.Payment)) != nil {
		return nil
	}
	now := payment.Payment{Reference: e.Reference}
	if e.Reference == "" || e.Returned {
		var err error
		if now, err = t.provider.Get(ctx, e.Payment); errors.Is(err, payment.ErrNoPayment) {
			return nil
		} else if err != nil {
			return err
		}
	}
	claim, err := t.referred(ctx, now.Reference)
	if err != nil || claim == "" {
		return err
	}
	stuck, err := t.stuck.list(ctx, t.effects)
	if err != nil {
		return err
	}
	by := "webhook " + e.ID
	for _, info := range stuck[claim] {
		if now.ID == "" {
			if now, err = t.provider.Get(ctx, e.Payment); err != nil {
				return err
			}
		}
		if err := t.learn(ctx, info, now, by); err != nil && !errors.Is(err, aether.ErrRefused) {
			return fmt.Errorf("tickets: the webhook %s about payment %s: %w", e.ID, e.Payment, err)
		}
	}
	noted := notifyPayment{kind: shorten(e.Type), at: t.now()}
	if e.Returned {
		id, number, _ := parseClaim(claim)
		noted.returned = &PaymentFailed{
			Order: Order{id, number, now.Amount}, Action: Refund, Returned: true, At: noted.at,
			Reason: shorten("the refund did not arrive: " + e.Reason),
		}
	}
	_, err = t.payments.Do(ctx, paymentActor(e.Payment), noted, &actor.DoOptions{CommandID: "webhook/" + e.ID})
	return err
}

// learn settles an effect by how a payment of its claim is now, if that tells its outcome.
func (t *Tickets) learn(ctx context.Context, info effect.Info, now payment.Payment, by string) error {
	call, err := t.callOf(ctx, info)
	if err != nil {
		return err
	}
	var outcome effect.Outcome
	var known bool
	if info.Effect == authoriseEffect {
		outcome, known, err = t.learnAuthorised(ctx, call, now)
	} else {
		outcome, known, err = t.learnMoved(ctx, actionOf(info), call, now)
	}
	if err != nil || !known {
		return err
	}
	return t.settleEffect(ctx, info.ID, outcome, by)
}

// stuck are the calls to the provider that wait to be made again, or of which nobody knows
// what became of them. Webhooks come many at a time, and to list the calls takes as long
// as there are open ones: those who wait for a list share the next one.
type stuck struct {
	mu     sync.Mutex // held while a list is made
	begun  atomic.Uint64
	listed uint64                   // which list this is
	byName map[string][]effect.Info // by claim
}

// list returns them by their claims, as they are after the call of it.
func (s *stuck) list(ctx context.Context, effects *effect.Runner) (map[string][]effect.Info, error) {
	wanted := s.begun.Load() + 1
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed >= wanted {
		return s.byName, nil
	}
	number := s.begun.Add(1)
	infos, err := effects.List(ctx, effect.InDoubt, effect.Failed, effect.Retrying)
	if err != nil {
		return nil, err
	}
	s.listed, s.byName = number, make(map[string][]effect.Info)
	for _, info := range infos {
		s.byName[info.Target] = append(s.byName[info.Target], info)
	}
	return s.byName, nil
}
