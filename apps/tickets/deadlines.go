package tickets

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/deadline"
)

// The names of the deadlines of a pool. That of a claim has its number behind it.
const (
	dueClaim   = "claim/"
	dueRoom    = "room"    // the next in the waiting room are let in
	dueOffers  = "offers"  // what came free during a stop is offered to the waiting list, some at a time
	dueRefunds = "refunds" // all orders of a cancelled pool are refunded, some at a time
)

// dueRule says what is due later because of the events of pools.
func (t *Tickets) dueRule() deadline.Rule {
	return deadline.Rule{
		Name: Name, Version: 1, Kinds: []string{pool.Kind},
		Types: []string{
			"TicketClaimed", "TicketBought", "ClaimReleased", "PaymentStarted", "PaymentDeclined", "PaymentVoided",
			"SalesStopped", "SalesResumed", "PoolCancelled", "RefundsCompleted", "RoomJoined", "CustomersAdmitted", "RoomClosed",
		},
		Derive: func(e aether.Event) ([]deadline.Change, error) {
			event, err := t.events.pools.Decode(e)
			if err != nil {
				return nil, err
			}
			return due(event), nil
		},
		Fire: t.fire,
	}
}

// due says which deadlines an event sets and clears. What a cancelled pool no longer
// holds is cleared by nobody: its deadlines come, and change nothing.
func due(event pool.Event) []deadline.Change {
	claim := func(n int) string { return dueClaim + strconv.Itoa(n) }
	switch e := event.(type) {
	case pool.TicketClaimed:
		return []deadline.Change{deadline.Set(claim(e.Claim), e.Until)}
	case pool.PaymentStarted:
		return []deadline.Change{deadline.Set(claim(e.Claim), e.Until)}
	case pool.PaymentDeclined:
		return []deadline.Change{deadline.Set(claim(e.Claim), e.Until)}
	case pool.PaymentVoided:
		if !e.Until.IsZero() {
			return []deadline.Change{deadline.Set(claim(e.Claim), e.Until)}
		}
	case pool.TicketBought:
		return []deadline.Change{deadline.Clear(claim(e.Claim))}
	case pool.ClaimReleased:
		return []deadline.Change{deadline.Clear(claim(e.Claim))}
	case pool.SalesStopped:
		return []deadline.Change{deadline.Clear(dueOffers)}
	case pool.SalesResumed:
		return []deadline.Change{deadline.Set(dueOffers, e.At)}
	case pool.PoolCancelled:
		return []deadline.Change{deadline.Clear(dueOffers), deadline.Clear(dueRoom), deadline.Set(dueRefunds, e.At)}
	case pool.RefundsCompleted:
		return []deadline.Change{deadline.Clear(dueRefunds)}
	case pool.RoomJoined:
		if !e.Next.IsZero() {
			return []deadline.Change{deadline.Set(dueRoom, e.Next)}
		}
	case pool.CustomersAdmitted:
		if e.Waiting > 0 {
			return []deadline.Change{deadline.Set(dueRoom, e.Next)}
		}
		return []deadline.Change{deadline.Clear(dueRoom)}
	case pool.RoomClosed:
		return []deadline.Change{deadline.Clear(dueRoom)}
	}
	return nil
}

// fire sends the command that is due, to whoever has the pool in memory. Theirs is the
// clock that counts: where it is behind, the pool finds that nothing is due yet, and the
// command is sent again.
func (t *Tickets) fire(ctx context.Context, d deadline.Deadline) error {
	c := command{pool: poolID(d.ActorID)}
	switch d.Name {
	case dueRoom:
		c.kind, c.data = admitDue, pool.Admit{}
	case dueOffers:
		c.kind, c.data = offerSome, pool.OfferSome{}
	case dueRefunds:
		c.kind, c.data = refundSome, pool.RefundSome{}
	default:
		number, err := strconv.Atoi(strings.TrimPrefix(d.Name, dueClaim))
		if err != nil {
			return fmt.Errorf("tickets: %q is no deadline of a pool", d.Name)
		}
		c.kind, c.data = expireClaim, pool.Expire{Claim: number}
	}
	// Some of these do a part of the work, and are sent until nothing is left of it. The
	// IDs are the same each time, so it goes on where a program that died has left it.
	for i := 0; ; i++ {
		c.options = &actor.DoOptions{CommandID: d.CommandID, Metadata: aether.Metadata{CorrelationID: d.Event.Metadata.CorrelationID}}
		if i > 0 {
			c.options.CommandID += "/" + strconv.Itoa(i)
		}
		done, err := t.send(ctx, c)
		if refusal, ok := errors.AsType[*aether.Refusal](err); ok && refusal.Reason == pool.NotDue {
			return fmt.Errorf("tickets: %q of %s is not due by the clock of the node that has the pool: %s", d.Name, d.ActorID, refusal.Message)
		}
		if err != nil || done.Events == 0 || d.Name != dueOffers && d.Name != dueRefunds {
			return err
		}
	}
}
