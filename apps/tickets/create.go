package tickets

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// NameFacts are the facts of the refusal of a name that another pool has.
type NameFacts struct {
	Name string `json:"name"`
}

// create makes a pool, and gives it its name with the same save: of two promoters who
// want one name at the same instant exactly one gets it.
func (t *Tickets) create(ctx context.Context, id string, c pool.Create, options *actor.DoOptions) (CommandDocument, error) {
	c.Name, c.EventDate = strings.Join(strings.Fields(c.Name), " "), c.EventDate.UTC().Truncate(time.Microsecond)
	if options.CommandID == "" {
		options.CommandID = aether.NewID()
	}
	if repeated, found, err := t.createdBefore(ctx, id, c, options.CommandID); found || err != nil {
		return repeated, err
	}
	if c.Payment == pool.Online && t.provider == nil {
		return CommandDocument{}, aether.Refuse(pool.BadPayment, "no payment provider is set up here, so pools are %q or %q", pool.Free, pool.Door)
	}
	c.Secret = make([]byte, 32)
	if _, err := rand.Read(c.Secret); err != nil {
		return CommandDocument{}, err
	}
	events, err := pool.Decide(pool.Initial(poolActor(id)), c)
	if err != nil {
		return CommandDocument{}, err
	}
	save, err := t.creation(id, c.Name, events[0], options)
	if err != nil {
		return CommandDocument{}, err
	}
	position, err := t.parts.Store.SaveEvents(ctx, save...)
	conflict, _ := errors.AsType[*aether.ConflictError](err)
	switch {
	case err == nil:
		return CommandDocument{ID: id, Pool: id, Version: 1, Position: position, Events: 1}, nil
	case errors.Is(err, aether.ErrDuplicateEvent), conflict != nil:
		repeated, found, lookErr := t.createdBefore(ctx, id, c, options.CommandID) // at the same time
		switch {
		case lookErr != nil || found:
			return repeated, lookErr
		case conflict != nil && aether.Kind(conflict.ActorID) == nameKind:
			return CommandDocument{}, &aether.Refusal{Reason: pool.NameTaken, Facts: NameFacts{c.Name},
				Message: "another pool has this name; choose another one"}
		case conflict != nil:
			return CommandDocument{}, aether.Refuse(pool.PoolExists, "the pool is there already")
		}
		return CommandDocument{}, err
	case errors.Is(err, aether.ErrInvalid), errors.Is(err, aether.ErrNotSaved):
		return CommandDocument{}, err
	}
	return CommandDocument{}, &actor.UnknownError{ActorID: poolActor(id), CommandID: options.CommandID, Err: err}
}

// creation returns the first events of a pool and of its name. The position of a save is
// that of its last event, so the pool's comes last.
func (t *Tickets) creation(id, name string, created pool.Event, options *actor.DoOptions) ([]aether.Event, error) {
	taken, err := t.names.Encode(nameTaken{Name: name, Pool: id})
	if err != nil {
		return nil, err
	}
	first, err := t.events.pools.Encode(created)
	if err != nil {
		return nil, err
	}
	taken.ActorID, first.ActorID = nameActor(name), poolActor(id)
	save := []aether.Event{taken, first}
	for i := range save {
		e := &save[i]
		e.ID, e.Version, e.Metadata = actor.EventID(options.CommandID, 0), 1, options.Metadata
		if e.Metadata.CausationID == "" {
			e.Metadata.CausationID = options.CommandID
		}
		if e.Metadata.CorrelationID == "" {
			e.Metadata.CorrelationID = options.CommandID
		}
	}
	return save, nil
}

// createdBefore returns the answer to a command that has created the pool before. With
// another pool in it, it is an [aether.ErrDuplicateEvent].
func (t *Tickets) createdBefore(ctx context.Context, id string, c pool.Create, commandID string) (CommandDocument, bool, error) {
	for e, err := range t.parts.Store.GetEvents(ctx, poolActor(id), 0) {
		if err != nil || e.ID != actor.EventID(commandID, 0) {
			return CommandDocument{}, false, err
		}
		event, err := t.events.pools.Decode(e)
		if err != nil {
			return CommandDocument{}, false, err
		}
		if !led(c, []pool.Event{event}) {
			return CommandDocument{}, false, reused(e.ActorID, commandID, e.Version)
		}
		return CommandDocument{ID: id, Pool: id, Version: e.Version, Position: e.Position, Repeated: true, Events: 1}, true, nil
	}
	return CommandDocument{}, false, nil
}

// led says whether a command is one that has led to these events, as far as they tell.
// It is how a command is told from another one that comes with the same ID.
func led(command pool.Command, events []pool.Event) bool {
	if len(events) == 0 {
		return false
	}
	switch c := command.(type) {
	case pool.Create:
		e, ok := events[0].(pool.PoolCreated)
		return ok && c.Name == e.Name && c.Capacity == e.Capacity && sameRule(c.Rule, e.Rule) && c.Currency == e.Currency &&
			c.EventDate.Equal(e.EventDate) && c.Payment == e.Payment && sameRoom(c.Room, e.Room)
	case pool.ChangePricing:
		e, ok := events[0].(pool.PricingChanged)
		return ok && sameRule(c.Rule, e.Rule)
	case pool.Cancel:
		e, ok := events[0].(pool.PoolCancelled)
		return ok && c.Reason == e.Reason
	case pool.Refund:
		e, ok := events[0].(pool.OrderRefunded)
		return ok && c.Claim == e.Claim
	case pool.CheckIn:
		e, ok := events[0].(pool.TicketCheckedIn)
		return ok && c.Claim == e.Claim && c.Ticket == e.Ticket
	case pool.ClaimTickets:
		e, ok := events[0].(pool.TicketClaimed)
		return ok && c.Customer == e.Customer && c.Quantity == len(events)
	case pool.Buy:
		switch e := events[0].(type) {
		case pool.TicketBought:
			return c.Claim == e.Claim && c.Customer == e.Customer
		case pool.PaymentStarted:
			return c.Claim == e.Claim && c.Method == e.Method
		}
		return false
	case pool.GiveBack:
		e, ok := events[0].(pool.ClaimReleased)
		return ok && c.Claim == e.Claim && c.Customer == e.Customer
	case pool.JoinList:
		e, ok := events[0].(pool.WaitingListJoined)
		return ok && c.Customer == e.Customer && c.Quantity == e.Quantity
	case pool.LeaveList:
		e, ok := events[0].(pool.WaitingListLeft)
		return ok && c.Customer == e.Customer
	case pool.JoinRoom:
		e, ok := events[0].(pool.RoomJoined)
		return ok && c.Customer == e.Customer
	case pool.Stop:
		_, ok := events[0].(pool.SalesStopped)
		return ok
	case pool.Resume:
		_, ok := events[0].(pool.SalesResumed)
		return ok
	case pool.CloseRoom:
		_, ok := events[0].(pool.RoomClosed)
		return ok
	}
	return true // of the system itself, whose IDs follow from events
}

// sameRule compares what promoters say of rules, which is all but their versions.
func sameRule(a, b pool.Rule) bool {
	if !slices.Equal(a.Steps, b.Steps) {
		return false
	}
	a.Version, a.Steps = 0, nil
	b.Version, b.Steps = 0, nil
	return reflect.DeepEqual(a, b)
}

func sameRoom(a, b *pool.Room) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.PerMinute == b.PerMinute && a.OpensAt.Equal(b.OpensAt)
}
