package actor_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema"
)

// An ID that was used for another command, which this host has not seen yet, leads to
// the first result, and not to a state of its own.
func TestCommandIDOfAnotherCommand(t *testing.T) {
	store := newTap(t)
	host, other := newAccounts(t, store, nil), rival(t, store)
	do(t, host, deposit{2}, nil)
	once := &actor.DoOptions{CommandID: "order 7"}
	first := do(t, other, deposit{10}, once)
	again := do(t, host, deposit{50}, once)
	if !again.Repeated || again.Version != first.Version || again.Events[0] != (deposited{10}) {
		t.Errorf("again: %+v", again)
	}
	if got, version := balance(t, host); got != 12 || version != 2 {
		t.Errorf("balance %d at version %d; want 12 at 2", got, version)
	}
}

// A host that has forgotten its actors sees what others have saved, without a command of its
// own.
func TestForget(t *testing.T) {
	store := newTap(t)
	host, other := newAccounts(t, store, nil), rival(t, store)
	do(t, host, deposit{2}, nil)
	do(t, other, deposit{10}, nil)
	if got, _ := balance(t, host); got != 2 {
		t.Fatalf("balance %d: what is in memory was not looked at", got)
	}
	host.Forget()
	if got, version := balance(t, host); got != 12 || version != 2 {
		t.Errorf("balance %d at version %d; want 12 at 2", got, version)
	}
	host.Forget()
	do(t, host, deposit{1}, nil)
	if got, version := balance(t, host); got != 13 || version != 3 {
		t.Errorf("balance %d at version %d; want 13 at 3", got, version)
	}
}

// counted counts the events that are read.
type counted struct {
	aether.EventStore
	events int
}

func (c *counted) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for e, err := range c.EventStore.GetEvents(ctx, actorID, after) {
			c.events++
			if !yield(e, err) {
				return
			}
		}
	}
}

// A host that is behind reads what is newer, and not all of a long actor.
func TestOnlyNewerEventsAreRead(t *testing.T) {
	tap := newTap(t)
	store := &counted{EventStore: tap.EventStore}
	host, other := newAccounts(t, store, nil), rival(t, tap)
	for range 5 {
		do(t, host, many{500, 0}, nil)
	}
	read := func(what string, most int, run func()) {
		t.Helper()
		before := store.events
		run()
		if got := store.events - before; got > most {
			t.Errorf("%s: %d events were read, want at most %d", what, got, most)
		}
	}
	do(t, other, deposit{5}, nil)
	read("a refusal", 3, func() {
		if _, err := host.Do(t.Context(), "account/ann", withdraw{6}, nil); !errors.Is(err, aether.ErrRefused) {
			t.Error(err)
		}
	})
	do(t, other, deposit{5}, nil)
	read("a version that is newer", 3, func() { do(t, host, rename{}, &actor.DoOptions{At: new(aether.Version(2502))}) })
	read("a version that is not there", 3, func() {
		_, err := host.Do(t.Context(), "account/ann", rename{}, &actor.DoOptions{At: new(aether.Version(1 << 40))})
		if !errors.Is(err, aether.ErrVersionConflict) {
			t.Error(err)
		}
	})
}

// Whatever Decide returns is a refusal; nothing else is.
func TestErrorsOfDecide(t *testing.T) {
	host := newAccounts(t, newTap(t), nil)
	_, err := host.Do(t.Context(), "account/ann", "no command", nil)
	if !errors.Is(err, aether.ErrRefused) {
		t.Errorf("error %v, want ErrRefused", err)
	}
}

func TestPanicsOfOtherFunctions(t *testing.T) {
	for name, spoil := range map[string]func(d *actor.Decider[*account, any, event]){
		"Initial":   func(d *actor.Decider[*account, any, event]) { d.Initial = func(string) *account { panic("no") } },
		"Conflicts": func(d *actor.Decider[*account, any, event]) { d.Conflicts = func(any, []event) bool { panic("no") } },
	} {
		store := newTap(t)
		do(t, newAccounts(t, store, nil), deposit{1}, nil)
		d := decider()
		spoil(&d)
		host := actor.NewHost(store, d, nil)
		defer host.Close()
		_, err := host.Do(t.Context(), "account/ann", rename{}, &actor.DoOptions{At: new(aether.Version(0))})
		if !isPanic(err) {
			t.Errorf("%s: %v, want a PanicError", name, err)
		}
	}
}

// Trying again does not teach a program to read what a newer one has written.
func TestRecordEndsWhereItCannotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		if _, err := store.SaveEvents(t.Context(), aether.Event{ActorID: "account/ann", Version: 1, Type: "Painted", Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := newAccounts(t, store, nil).Record(t.Context(), "account/ann", note{"a"}, nil)
		if !errors.Is(err, schema.ErrUnknownType) || time.Since(start) > 0 {
			t.Errorf("Record: %v after %v", err, time.Since(start))
		}
	})
}

// Where an attempt may have landed, the error says so, whatever came after it.
func TestRecordRemembersWhatIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, &actor.HostOptions{Logger: slog.New(slog.DiscardHandler)})
		lost := errors.New("the answer was lost")
		store.saved = func([]aether.Event) error { store.latestError = nil; return lost }
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		store.save = func([]aether.Event) error {
			if tries++; tries == 2 {
				cancel()
			}
			return nil
		}
		_, err := host.Record(ctx, "account/ann", note{"a"}, nil)
		if _, ok := errors.AsType[*actor.UnknownError](err); !ok {
			t.Errorf("Record: %v, want an UnknownError", err)
		}
	})
}

func TestReservedKinds(t *testing.T) {
	for _, kind := range []string{"effect", "aether.deadline"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("the kind %q was accepted", kind)
				}
			}()
			d := decider()
			d.Kind = kind
			actor.NewHost(newTap(t), d, nil)
		}()
	}
}
