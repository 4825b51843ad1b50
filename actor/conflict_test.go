package actor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// meanwhile lets another host carry out a command just before each save.
func (s *tap) meanwhile(t *testing.T, other *accounts, command any, times int) {
	s.save = func([]aether.Event) error {
		if times--; times >= 0 {
			do(t, other, command, nil)
		}
		return nil
	}
}

// rival returns a host that shares the events of a tap, and nothing else.
func rival(t *testing.T, store *tap) *accounts {
	return newAccounts(t, &tap{EventStore: store.EventStore}, nil)
}

// What another process saved is loaded, and the commands are decided again upon it.
func TestConflictIsDecidedAgain(t *testing.T) {
	store := newTap(t)
	host, other := newAccounts(t, store, nil), rival(t, store)
	do(t, host, deposit{100}, nil)
	store.meanwhile(t, other, withdraw{60}, 1)
	_, err := host.Do(t.Context(), "account/ann", withdraw{60}, nil)
	expectRefused(t, err, "too-little") // upon the state that has the other withdrawal

	store.meanwhile(t, other, deposit{1}, 3)
	result := do(t, host, deposit{5}, nil)
	if got, version := balance(t, host); got != 48 || version != 6 || result.Version != 6 {
		t.Errorf("balance %d at version %d, result at %d; want 48 at 6", got, version, result.Version)
	}
}

func TestConflictsAreBounded(t *testing.T) {
	store := newTap(t)
	host, other := newAccounts(t, store, &actor.HostOptions{Attempts: 3}), rival(t, store)
	store.meanwhile(t, other, deposit{1}, 1_000)
	saves := store.saves.Load()
	_, err := host.Do(t.Context(), "account/ann", deposit{5}, nil)
	conflict, ok := errors.AsType[*aether.ConflictError](err)
	if !ok || !errors.Is(err, aether.ErrVersionConflict) || conflict.Latest != 3 {
		t.Errorf("error %v, want the conflict of the third attempt", err)
	}
	if got := store.saves.Load() - saves; got != 3 {
		t.Errorf("there were %d saves, want 3", got)
	}
}

func TestRecordGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host, other := newAccounts(t, store, &actor.HostOptions{Attempts: 2}), rival(t, store)
		saves := 0
		store.save = func([]aether.Event) error {
			if saves++; saves > 100 {
				return nil
			} else if saves%3 == 0 {
				return errors.New("the network is down")
			}
			do(t, other, deposit{1}, nil)
			return nil
		}
		store.saved = func([]aether.Event) error {
			if saves == 101 {
				return errors.New("the answer was lost")
			}
			return nil
		}
		result, err := host.Record(t.Context(), "account/ann", note{"fault"}, nil)
		if err != nil || !result.Repeated {
			t.Errorf("Record: %+v, %v; want the result of what landed without an answer", result, err)
		}
		var notes []string
		if err := host.View(t.Context(), "account/ann", func(a *account, _ aether.Version) { notes = a.Notes }); err != nil || len(notes) != 1 {
			t.Errorf("the notes are %q, %v; want one", notes, err)
		}

		_, err = host.Record(t.Context(), "account/ann", withdraw{1_000}, nil) // a mistake
		expectRefused(t, err, "too-little")
		if _, err = host.Record(t.Context(), "account/ann", explode{"Decide"}, nil); !isPanic(err) {
			t.Errorf("Record: %v, want a PanicError", err)
		}
		store.save = func([]aether.Event) error { return errors.New("the network is down") }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err = host.Record(ctx, "account/ann", note{"fault"}, nil); err == nil || time.Since(start) != time.Minute {
			t.Errorf("Record: %v after %v, want an error after a minute", err, time.Since(start))
		}
	})
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*actor.PanicError](err)
	return ok
}

func TestAt(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	do(t, host, deposit{100}, nil)
	do(t, host, deposit{10}, nil)
	do(t, host, note{"hello"}, nil)

	at := func(host *accounts, version aether.Version) error {
		_, err := host.Do(t.Context(), "account/ann", rename{}, &actor.DoOptions{At: &version})
		return err
	}
	for version, conflicts := range map[aether.Version]bool{0: true, 1: true, 2: false, 3: false, 4: true} {
		err := at(host, version)
		if errors.Is(err, aether.ErrVersionConflict) != conflicts || !conflicts && err != nil {
			t.Errorf("at version %d: %v", version, err)
		}
		conflict, _ := errors.AsType[*aether.ConflictError](err)
		if !conflicts {
			continue
		}
		if conflict.ActorID != "account/ann" || conflict.Tried != version+1 || conflict.Latest != 3 || len(conflict.Events) != max(0, 3-int(version)) {
			t.Errorf("at version %d: the conflict is %+v", version, conflict)
		}
	}
	strict := decider()
	strict.Conflicts = nil
	if err := at(actor.NewHost(store, strict, nil), 2); !errors.Is(err, aether.ErrVersionConflict) {
		t.Errorf("without Conflicts, at version 2: %v, want a conflict", err)
	}

	// The caller has seen what another process saved, and this one not yet.
	do(t, rival(t, store), deposit{1}, nil)
	if err := at(host, 4); err != nil {
		t.Errorf("at a version that another host saved: %v", err)
	}
}

// A command may rest upon what others that wait with it do, and sees those as theirs.
func TestAtAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		do(t, host, deposit{100}, nil)
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		var wg sync.WaitGroup
		send := func(name string, command any, at aether.Version, conflicts bool) {
			wg.Go(func() {
				_, err := host.Do(t.Context(), "account/ann", command, &actor.DoOptions{At: &at})
				if errors.Is(err, aether.ErrVersionConflict) != conflicts || !conflicts && err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if c, ok := errors.AsType[*aether.ConflictError](err); ok && len(c.Events) > 0 && c.Events[len(c.Events)-1].Position == 0 {
					t.Errorf("%s: the conflict has events without positions: %+v", name, c)
				}
			})
			synctest.Wait()
		}
		send("the first", deposit{1}, 1, false)   // 2, being saved
		send("a note", note{"a"}, 1, true)        // the deposit matters to it
		send("another note", note{"b"}, 2, false) // 3
		send("a deposit", deposit{1}, 2, false)   // 4: the note does not matter
		send("too late", deposit{1}, 3, true)     // the deposit does
		send("ahead", deposit{1}, 9, true)
		close(gate)
		wg.Wait()
		if got, version := balance(t, host); got != 102 || version != 4 {
			t.Errorf("balance %d at version %d; want 102 at 4", got, version)
		}
	})
}

func TestRepeatedCommand(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	once := &actor.DoOptions{CommandID: "order 7"}
	do(t, host, deposit{100}, nil)
	first := do(t, host, withdraw{80}, once)
	do(t, host, deposit{1}, nil)
	check := func(host *accounts, command any, options actor.DoOptions) {
		t.Helper()
		options.CommandID = once.CommandID
		again, err := host.Do(t.Context(), "account/ann", command, &options)
		if err != nil || !again.Repeated || again.Version != first.Version || again.Position != first.Position ||
			again.CommandID != once.CommandID || len(again.Events) != 1 || again.Events[0] != first.Events[0] {
			t.Errorf("again: %+v, %v; the first time: %+v", again, err, first)
		}
	}
	check(host, withdraw{80}, actor.DoOptions{})                          // would be refused by now
	check(host, withdraw{1}, actor.DoOptions{})                           // would be decided otherwise
	check(host, rename{}, actor.DoOptions{})                              // would yield nothing
	check(host, withdraw{1}, actor.DoOptions{At: new(aether.Version(1))}) // would be a conflict
	check(rival(t, store), withdraw{80}, actor.DoOptions{})               // after a restart
	if result, err := host.Record(t.Context(), "account/ann", note{"x"}, once); err != nil || !result.Repeated {
		t.Errorf("Record: %+v, %v", result, err)
	}
	if got, version := balance(t, host); got != 21 || version != 3 {
		t.Errorf("balance %d at version %d; want 21 at 3", got, version)
	}

	// A refusal is not remembered.
	later := &actor.DoOptions{CommandID: "order 8"}
	_, err := host.Do(t.Context(), "account/ann", withdraw{50}, later)
	expectRefused(t, err, "too-little")
	do(t, host, deposit{100}, nil)
	if result := do(t, host, withdraw{50}, later); result.Repeated {
		t.Errorf("the command that was refused before: %+v", result)
	}
}

// A host whose memory is behind may decide a command that another has carried out
// just like the other did: the store then recognises the events.
func TestRepeatedCommandOfAnotherHost(t *testing.T) {
	for _, between := range []int{0, 1} {
		store := newTap(t)
		host, other := newAccounts(t, store, nil), rival(t, store)
		do(t, host, deposit{100}, nil)
		for range between {
			do(t, other, deposit{1}, nil)
		}
		once := &actor.DoOptions{CommandID: "order 7"}
		first := do(t, other, withdraw{80}, once)
		again := do(t, host, withdraw{80}, once)
		if again.Version != first.Version || again.Position != first.Position {
			t.Errorf("again: %+v; the first time: %+v", again, first)
		}
		if got, version := balance(t, host); got != 20+between || version != aether.Version(2+between) {
			t.Errorf("balance %d at version %d", got, version)
		}
	}
}

// A second click reaches the mailbox while the first still waits there.
func TestRepeatedCommandInOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		var wg sync.WaitGroup
		wg.Go(func() { do(t, host, deposit{1000}, nil) })
		synctest.Wait()
		var repeated [10]atomic.Int32
		for i := range 50 {
			wg.Go(func() {
				result := do(t, host, withdraw{10}, &actor.DoOptions{CommandID: fmt.Sprint("order ", i/5)})
				if result.Version != aether.Version(2+i/5) {
					t.Errorf("order %d: %+v", i/5, result)
				}
				if result.Repeated {
					repeated[i/5].Add(1)
				}
			})
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		if got, _ := balance(t, host); got != 900 {
			t.Errorf("balance %d, want 900", got)
		}
		for i := range repeated {
			if got := repeated[i].Load(); got != 4 {
				t.Errorf("order %d was repeated %d times, want 4", i, got)
			}
		}
	})
}

// A duplicate among others that wait with it costs them nothing.
func TestRepeatedCommandAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		first := do(t, host, deposit{7}, &actor.DoOptions{CommandID: "order 7"})
		gate := make(chan struct{})
		store.save = func([]aether.Event) error { <-gate; return nil }
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if i%4 == 3 {
					result := do(t, host, deposit{7}, &actor.DoOptions{CommandID: "order 7"})
					if !result.Repeated || result.Version != first.Version {
						t.Errorf("again: %+v", result)
					}
					return
				}
				do(t, host, deposit{1}, nil)
			})
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		if got, version := balance(t, host); got != 22 || version != 16 {
			t.Errorf("balance %d at version %d; want 22 at 16", got, version)
		}
	})
}

// The save of a command that another host has carried out succeeds, and does not
// show that the memory is up to date: what is refused beside it is decided again.
func TestRefusalBesideRepeatedCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		host, other := newAccounts(t, store, nil), rival(t, store)
		do(t, host, deposit{10}, nil)
		do(t, other, deposit{90}, &actor.DoOptions{CommandID: "order 1"})
		gate := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := host.View(t.Context(), "account/ann", func(*account, aether.Version) { <-gate }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() { do(t, host, withdraw{50}, nil) })
		synctest.Wait()
		wg.Go(func() {
			if result := do(t, host, deposit{90}, &actor.DoOptions{CommandID: "order 1"}); result.Version != 2 {
				t.Errorf("again: %+v", result)
			}
		})
		synctest.Wait()
		close(gate)
		wg.Wait()
		if got, version := balance(t, host); got != 50 || version != 3 {
			t.Errorf("balance %d at version %d; want 50 at 3", got, version)
		}
	})
}

// After an error of the store it is not known what was saved; the ID finds out.
func TestLostAnswer(t *testing.T) {
	for _, lands := range []bool{false, true} {
		store := newTap(t)
		host := newAccounts(t, store, nil)
		do(t, host, deposit{100}, nil)
		broken := errors.New("the network is down")
		fail := func([]aether.Event) error { return broken }
		if lands {
			store.saved = fail
		} else {
			store.save = fail
		}
		once := &actor.DoOptions{CommandID: "order 7"}
		_, err := host.Do(t.Context(), "account/ann", withdraw{80}, once)
		if unknown, ok := errors.AsType[*actor.UnknownError](err); !ok || !errors.Is(err, broken) || unknown.CommandID != "order 7" {
			t.Errorf("error %v, want an UnknownError", err)
		}
		store.save, store.saved = nil, nil
		if result := do(t, host, withdraw{80}, once); result.Repeated != lands || result.Version != 2 {
			t.Errorf("again: %+v", result)
		}
		if got, version := balance(t, host); got != 20 || version != 2 {
			t.Errorf("balance %d at version %d; want 20 at 2", got, version)
		}
	}
}

// Two hosts, many callers: nothing is lost, nothing happens twice.
func TestTwoHosts(t *testing.T) {
	store := newTap(t)
	hosts := []*accounts{newAccounts(t, store, nil), rival(t, store)}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 50 {
				options := &actor.DoOptions{CommandID: fmt.Sprintf("%d.%d", i, n)}
				for {
					_, err := hosts[(i+n)%2].Do(t.Context(), "account/ann", deposit{1}, options)
					if err == nil {
						break
					}
					if !errors.Is(err, aether.ErrVersionConflict) {
						t.Errorf("%v", err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for _, host := range append(hosts, rival(t, store)) {
		do(t, host, note{"the end"}, nil)
		if got, _ := balance(t, host); got != 800 {
			t.Errorf("balance %d, want 800", got)
		}
	}
}
