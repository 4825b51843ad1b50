package actor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema"
)

func TestDo(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	first := do(t, host, deposit{100}, nil)
	if first.Version != 1 || first.Position != 1 || first.Repeated || len(first.Events) != 1 || first.Events[0] != (deposited{100}) {
		t.Errorf("the first result is %+v", first)
	}
	metadata := aether.Metadata{CorrelationID: "request 7", Traceparent: "00-1-2-01"}
	second := do(t, host, shut{}, &actor.DoOptions{CommandID: "shut 1", Metadata: metadata})
	if second.Version != 3 || second.Position != 3 || second.CommandID != "shut 1" || len(second.Events) != 2 {
		t.Errorf("the second result is %+v", second)
	}
	var events []aether.Event
	for e, err := range store.EventStore.GetEvents(t.Context(), "account/ann", 0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != 3 || events[0].ID != actor.EventID(first.CommandID, 0) || events[2].ID != actor.EventID("shut 1", 1) {
		t.Fatalf("the events are %+v", events)
	}
	if got := events[0].Metadata; got != (aether.Metadata{CorrelationID: first.CommandID, CausationID: first.CommandID}) {
		t.Errorf("the metadata of a command without is %+v", got)
	}
	metadata.CausationID = "shut 1"
	if got := events[2].Metadata; got != metadata {
		t.Errorf("the metadata is %+v, want %+v", got, metadata)
	}
}

// A command for an actor in memory reads nothing.
func TestCachedActorReadsNothing(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	do(t, host, deposit{100}, nil)
	reads := store.reads.Load()
	for range 10 {
		do(t, host, deposit{1}, nil)
	}
	if got := store.reads.Load() - reads; got != 0 {
		t.Errorf("ten commands made %d reads", got)
	}
}

func TestRefusalWritesNothing(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	do(t, host, deposit{100}, nil)
	saves := store.saves.Load()
	_, err := host.Do(t.Context(), "account/ann", withdraw{101}, nil)
	expectRefused(t, err, "too-little")
	_, err = host.Do(t.Context(), "account/bob", withdraw{1}, &actor.DoOptions{CommandID: "x"})
	expectRefused(t, err, "too-little")
	if got := store.saves.Load() - saves; got != 0 {
		t.Errorf("refusals made %d saves", got)
	}
	if got, version := balance(t, host); got != 100 || version != 1 {
		t.Errorf("the balance is %d at version %d", got, version)
	}
}

// Nothing to do is no refusal; the answer tells what was decided upon.
func TestNoEvents(t *testing.T) {
	host := newAccounts(t, newTap(t), nil)
	do(t, host, deposit{100}, nil)
	result := do(t, host, rename{}, nil)
	if result.Version != 1 || result.Position != 1 || len(result.Events) != 0 || result.Repeated {
		t.Errorf("the result is %+v", result)
	}
}

// A refusal that rests upon what is in memory would be wrong when another process
// has moved the actor on.
func TestRefusalLooksForNewer(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprint("alone ", alone), func(t *testing.T) {
			store := newTap(t)
			host := newAccounts(t, store, &actor.HostOptions{SoleWriter: alone})
			do(t, host, deposit{1}, nil)
			do(t, newAccounts(t, store, nil), deposit{100}, nil)
			_, err := host.Do(t.Context(), "account/ann", withdraw{50}, nil)
			if alone {
				expectRefused(t, err, "too-little")
			} else if err != nil {
				t.Errorf("error %v, though another host has deposited enough", err)
			}
		})
	}
}

// A refusal that cannot be checked is none.
func TestRefusalCannotBeChecked(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	do(t, host, deposit{1}, nil)
	store.latestError = errors.New("the network is down")
	_, err := host.Do(t.Context(), "account/ann", withdraw{50}, nil)
	if !errors.Is(err, store.latestError) || errors.Is(err, aether.ErrRefused) {
		t.Errorf("error %v, want that of the store", err)
	}
	store.latestError = nil
	_, err = host.Do(t.Context(), "account/ann", withdraw{50}, nil)
	expectRefused(t, err, "too-little")
}

// While a save is under way commands gather, and one save serves all of them, each
// with its own answer.
func TestQueuedCommandsShareASave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		do(t, host, deposit{1000}, nil)
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		saves := store.saves.Load()
		errs := make([]error, 100)
		results := make([]actor.Result[event], 100)
		var wg sync.WaitGroup
		start := func(i int) {
			wg.Go(func() { results[i], errs[i] = host.Do(t.Context(), "account/ann", withdraw{11}, nil) })
		}
		start(0)
		synctest.Wait()
		for i := 1; i < 100; i++ {
			start(i)
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if got := store.saves.Load() - saves; got != 2 {
			t.Errorf("there were %d saves, want 2", got)
		}
		versions := make(map[aether.Version]bool)
		refused := 0
		for i, err := range errs {
			if errors.Is(err, aether.ErrRefused) {
				refused++
				continue
			}
			if err != nil || versions[results[i].Version] || aether.Position(results[i].Version) != results[i].Position {
				t.Fatalf("command %d: %+v, %v", i, results[i], err)
			}
			versions[results[i].Version] = true
		}
		if got, version := balance(t, host); got != 1000-90*11 || version != 91 || refused != 10 {
			t.Errorf("balance %d at version %d, %d refused; want 10 at 91, 10 refused", got, version, refused)
		}
	})
}

func TestMailboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, &actor.HostOptions{MailboxSize: 2})
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { do(t, host, deposit{1}, nil) })
			synctest.Wait()
		}
		_, err := host.Do(t.Context(), "account/ann", deposit{1}, nil)
		if !errors.Is(err, actor.ErrBusy) {
			t.Errorf("error %v, want ErrBusy", err)
		}
		var recorded actor.Result[event]
		wg.Go(func() { recorded, err = host.Record(t.Context(), "account/ann", note{"a"}, nil) }) // waits
		synctest.Wait()
		close(gate)
		wg.Wait()
		if err != nil || recorded.Version != 4 {
			t.Errorf("Record: %+v, %v", recorded, err)
		}
	})
}

// A caller that goes away before its command is looked at takes it along; later the
// command goes its way, and its ID finds out.
func TestCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		ctx, cancel := context.WithCancel(t.Context())
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = host.Do(ctx, "account/ann", deposit{1}, &actor.DoOptions{CommandID: fmt.Sprint(i)})
			})
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		unknown, ok := errors.AsType[*actor.UnknownError](errs[0])
		if !ok || unknown.CommandID != "0" || !errors.Is(errs[0], context.Canceled) {
			t.Errorf("the first error is %v, want an UnknownError because of ctx", errs[0])
		}
		if errs[1] != context.Canceled {
			t.Errorf("the second error is %v, want that of ctx", errs[1])
		}
		close(gate)
		if result := do(t, host, deposit{1}, &actor.DoOptions{CommandID: "0"}); !result.Repeated || result.Version != 1 {
			t.Errorf("the first command, again: %+v", result)
		}
		if result := do(t, host, deposit{1}, &actor.DoOptions{CommandID: "1"}); result.Repeated || result.Version != 2 {
			t.Errorf("the second command, again: %+v", result)
		}
		if _, err := host.Do(ctx, "account/ann", deposit{1}, nil); err != context.Canceled {
			t.Errorf("with a cancelled context: %v", err)
		}
	})
}

func TestBadInput(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	for _, test := range []struct {
		name, actorID string
		command       any
		commandID     string
		field         string
	}{
		{"no actor", "", deposit{1}, "", "actorId"},
		{"another kind", "room/1", deposit{1}, "", "actorId"},
		{"no key", "account", deposit{1}, "", "actorId"},
		{"a long command ID", "account/ann", deposit{1}, strings.Repeat("x", actor.MaxCommandID+1), "commandId"},
		{"a bad command ID", "account/ann", deposit{1}, "a\x00b", "id"},
		{"too many events", "account/ann", many{aether.MaxBatchEvents + 1, 0}, "", "events"},
		{"too large an event", "account/ann", many{3, aether.MaxEventSize}, "", "event"},
		{"too large events", "account/ann", many{30, 100_000}, "", "events"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := host.Do(t.Context(), test.actorID, test.command, &actor.DoOptions{CommandID: test.commandID})
			invalid, ok := errors.AsType[*aether.InvalidError](err)
			if !ok || !strings.HasPrefix(invalid.Field, test.field) {
				t.Errorf("error %v, want an InvalidError about %s", err, test.field)
			}
		})
	}
	longest := strings.Repeat("x", actor.MaxCommandID)
	if result := do(t, host, many{aether.MaxBatchEvents, 0}, &actor.DoOptions{CommandID: longest}); len(result.Events) != aether.MaxBatchEvents {
		t.Errorf("the largest command has %d events", len(result.Events))
	}
}

// What is wrong with one command does not fail those that share its save.
func TestBadCommandAmongOthers(t *testing.T) {
	for _, bad := range []any{
		many{3, aether.MaxEventSize}, many{aether.MaxBatchEvents + 1, 0}, explode{"Decide"}, explode{"Evolve"}, "no command",
	} {
		t.Run(fmt.Sprintf("%T", bad), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newTap(t)
				host := newAccounts(t, store, nil)
				gate := make(chan struct{})
				store.save = func([]aether.Event) error { <-gate; return nil }
				var wg sync.WaitGroup
				for i := range 10 {
					wg.Go(func() {
						if i == 5 {
							if _, err := host.Do(t.Context(), "account/ann", bad, &actor.DoOptions{CommandID: "bad"}); err == nil {
								t.Errorf("%T: no error", bad)
							}
							return
						}
						do(t, host, deposit{1}, nil)
					})
					synctest.Wait()
				}
				close(gate)
				wg.Wait()
				if got, version := balance(t, host); got != 9 || version != 9 {
					t.Errorf("balance %d at version %d; want 9 at 9", got, version)
				}
			})
		})
	}
}

func TestPanics(t *testing.T) {
	host := newAccounts(t, newTap(t), nil)
	do(t, host, deposit{5}, nil)
	for _, in := range []string{"Decide", "Evolve"} {
		_, err := host.Do(t.Context(), "account/ann", explode{in}, nil)
		panicked, ok := errors.AsType[*actor.PanicError](err)
		if !ok || panicked.Value != in+" exploded" || panicked.ActorID != "account/ann" {
			t.Errorf("error %v, want a PanicError of %s", err, in)
		}
	}
	err := host.View(t.Context(), "account/ann", func(*account, aether.Version) { panic("look exploded") })
	if _, ok := errors.AsType[*actor.PanicError](err); !ok {
		t.Errorf("View: %v, want a PanicError", err)
	}
	if got, version := balance(t, host); got != 5 || version != 1 {
		t.Errorf("balance %d at version %d; want 5 at 1", got, version)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := host.Do(t.Context(), fmt.Sprint("account/", i%3), deposit{1}, nil); err != nil {
					t.Errorf("a command before Close: %v", err)
				}
			})
		}
		synctest.Wait()
		ended := false
		wg.Go(func() {
			if err := host.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			ended = true
		})
		synctest.Wait()
		if _, err := host.Do(t.Context(), "account/ann", deposit{1}, nil); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Do: %v, want ErrClosed", err)
		}
		if _, err := host.Record(t.Context(), "account/ann", note{"a"}, nil); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Record: %v, want ErrClosed", err)
		}
		if ended {
			t.Error("Close did not wait")
		}
		close(gate)
		wg.Wait()
		if err := host.Close(); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Close again: %v, want ErrClosed", err)
		}
	})
}

func TestDeciderIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*actor.Decider[*account, any, event]){
		"no kind":           func(d *actor.Decider[*account, any, event]) { d.Kind = "" },
		"a kind of two":     func(d *actor.Decider[*account, any, event]) { d.Kind = "a/b" },
		"no events":         func(d *actor.Decider[*account, any, event]) { d.Events = nil },
		"no Initial":        func(d *actor.Decider[*account, any, event]) { d.Initial = nil },
		"no Decide":         func(d *actor.Decider[*account, any, event]) { d.Decide = nil },
		"no Evolve":         func(d *actor.Decider[*account, any, event]) { d.Evolve = nil },
		"half of snapshots": func(d *actor.Decider[*account, any, event]) { d.Snapshots = &actor.Snapshots[*account]{} },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("NewHost accepted it")
				}
			}()
			d := decider()
			spoil(&d)
			actor.NewHost(newTap(t), d, nil)
		})
	}
}

// An actor whose events cannot be read says so, and which.
func TestUnreadableEvents(t *testing.T) {
	store := newTap(t)
	_, err := store.SaveEvents(t.Context(), aether.Event{ActorID: "account/ann", Version: 1, Type: "Painted", Data: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	host := newAccounts(t, store, nil)
	_, err = host.Do(t.Context(), "account/ann", deposit{1}, nil)
	if !errors.Is(err, schema.ErrUnknownType) || !strings.Contains(err.Error(), "account/ann") {
		t.Errorf("Do: %v, want ErrUnknownType of account/ann", err)
	}
}
