package actor_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/schema"
)

// The accounts of a bank: what the tests of this package decide about.

type account struct {
	ID      string
	Balance int
	Closed  bool
	Notes   []string // grows in place: a state need not be a value
}

type (
	deposit  struct{ Amount int }
	withdraw struct{ Amount int }
	note     struct{ Text string } // a fact: it is never refused
	rename   struct{}              // does nothing
	explode  struct{ In string }
	many     struct{ N, Size int }
	shut     struct{}
)

type (
	event     interface{ account() }
	deposited struct{ Amount int }
	withdrawn struct{ Amount int }
	noted     struct{ Text string }
	exploded  struct{}
	closed    struct{}
)

func (deposited) account() {}
func (withdrawn) account() {}
func (noted) account()     {}
func (exploded) account()  {}
func (closed) account()    {}

func decider() actor.Decider[*account, any, event] {
	return actor.Decider[*account, any, event]{
		Kind: "account",
		Events: schema.New[event](
			schema.Type[deposited]("Deposited"),
			schema.Type[withdrawn]("Withdrawn"),
			schema.Type[noted]("Noted"),
			schema.Type[exploded]("Exploded"),
			schema.Type[closed]("Closed"),
		),
		Initial:   func(actorID string) *account { return &account{ID: actorID} },
		Decide:    decide,
		Evolve:    evolve,
		Snapshots: actor.JSONSnapshots[*account](1),
		Conflicts: func(command any, theirs []event) bool {
			for _, e := range theirs {
				if _, ok := e.(noted); !ok {
					return true
				}
			}
			return false
		},
	}
}

func decide(a *account, command any) ([]event, error) {
	switch c := command.(type) {
	case note:
		return []event{noted{c.Text}}, nil
	case rename:
		return nil, nil
	case many:
		events := make([]event, c.N)
		for i := range events {
			events[i] = noted{string(make([]byte, c.Size))}
		}
		return events, nil
	case explode:
		if c.In == "Decide" {
			panic("Decide exploded")
		}
		return []event{exploded{}}, nil
	}
	if a.Closed {
		return nil, aether.Refuse("closed", "the account %s is closed", a.ID)
	}
	switch c := command.(type) {
	case deposit:
		return []event{deposited{c.Amount}}, nil
	case withdraw:
		if c.Amount > a.Balance {
			return nil, aether.Refuse("too-little", "%d of %d cannot be withdrawn", c.Amount, a.Balance)
		}
		return []event{withdrawn{c.Amount}}, nil
	case shut:
		return []event{withdrawn{a.Balance}, closed{}}, nil
	}
	return nil, errors.New("no such command")
}

func evolve(a *account, e event) *account {
	switch e := e.(type) {
	case deposited:
		a.Balance += e.Amount
	case withdrawn:
		a.Balance -= e.Amount
	case noted:
		a.Notes = append(a.Notes, e.Text)
	case closed:
		a.Closed = true
	case exploded:
		a.Balance = -1_000_000
		panic("Evolve exploded")
	}
	return a
}

// tap is a store whose calls can be watched and failed.
type tap struct {
	aether.EventStore
	reads, saves atomic.Int64

	// save and saved, when set, are called before and after SaveEvents; their error
	// is its error, read's that of GetEvents.
	save, saved func(events []aether.Event) error
	latestError error // of GetLatestVersion
}

func newTap(t *testing.T) *tap {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return &tap{EventStore: store}
}

func (s *tap) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	s.saves.Add(1)
	if s.save != nil {
		if err := s.save(events); err != nil {
			return 0, err
		}
	}
	position, err := s.EventStore.SaveEvents(ctx, events...)
	if err == nil && s.saved != nil {
		if err := s.saved(events); err != nil {
			return 0, err
		}
	}
	return position, err
}

func (s *tap) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	s.reads.Add(1)
	return s.EventStore.GetEvents(ctx, actorID, after)
}

func (s *tap) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	s.reads.Add(1)
	if s.latestError != nil {
		return 0, s.latestError
	}
	return s.EventStore.GetLatestVersion(ctx, actorID)
}

func (s *tap) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	s.reads.Add(1)
	return s.EventStore.GetEventVersion(ctx, actorID, eventID)
}

// withSnapshots is a tap that keeps snapshots too.
type withSnapshots struct {
	*tap
	aether.SnapshotStore
}

func (s *tap) withSnapshots() withSnapshots {
	return withSnapshots{s, s.EventStore.(aether.SnapshotStore)}
}

type accounts = actor.Host[*account, any, event]

func newAccounts(t *testing.T, store aether.EventStore, options *actor.HostOptions) *accounts {
	t.Helper()
	host := actor.NewHost(store, decider(), options)
	t.Cleanup(func() {
		if err := host.Close(); err != nil && !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return host
}

func do(t *testing.T, host *accounts, command any, options *actor.DoOptions) actor.Result[event] {
	t.Helper()
	result, err := host.Do(t.Context(), "account/ann", command, options)
	if err != nil {
		t.Fatalf("%T: %v", command, err)
	}
	return result
}

func balance(t *testing.T, host *accounts) (balance int, version aether.Version) {
	t.Helper()
	err := host.View(t.Context(), "account/ann", func(a *account, v aether.Version) { balance, version = a.Balance, v })
	if err != nil {
		t.Fatalf("View: %v", err)
	}
	return balance, version
}

func expectRefused(t *testing.T, err error, reason string) {
	t.Helper()
	refusal, ok := errors.AsType[*aether.Refusal](err)
	if !ok || !errors.Is(err, aether.ErrRefused) || refusal.Reason != reason {
		t.Fatalf("error is %v; want a refusal because of %q", err, reason)
	}
}
