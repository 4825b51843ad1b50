package actor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// exit is a command upon which one of the decider's functions ends the goroutine, as
// t.FailNow does.
type exit struct{ In string }

// quitting is the decider of accounts, with functions that do so.
func quitting() actor.Decider[*account, any, event] {
	d := decider()
	d.Decide = func(a *account, command any) ([]event, error) {
		switch command {
		case exit{"Decide"}:
			runtime.Goexit()
		case exit{"Evolve"}:
			return []event{deposited{1_000}, exploded{}}, nil
		case exit{"Conflicts"}:
			return nil, nil
		}
		return decide(a, command)
	}
	d.Evolve = func(a *account, e event) *account {
		if e == (exploded{}) {
			a.Balance = -1_000_000
			runtime.Goexit()
		}
		return evolve(a, e)
	}
	d.Conflicts = func(command any, _ []event) bool {
		if command == (exit{"Conflicts"}) {
			runtime.Goexit()
		}
		return false
	}
	return d
}

func expectExit(t *testing.T, in string, err error) {
	t.Helper()
	exited, ok := errors.AsType[*actor.PanicError](err)
	if !ok || exited.Value != nil || exited.ActorID != "account/ann" || !strings.Contains(string(exited.Stack), "Goexit") {
		t.Errorf("%s: %v, want a PanicError of runtime.Goexit", in, err)
	}
}

// A function that ends the goroutine of its actor is an error of its command, as one
// that panics. The other commands of the batch are carried out once.
func TestGoexit(t *testing.T) {
	for _, in := range []string{"Decide", "Evolve", "Conflicts"} {
		synctest.Test(t, func(t *testing.T) {
			store := newTap(t)
			host := actor.NewHost(store, quitting(), nil)
			gate := make(chan struct{})
			store.save = func([]aether.Event) error { <-gate; return nil }
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					if i == 5 {
						_, err := host.Do(t.Context(), "account/ann", exit{in}, &actor.DoOptions{At: new(aether.Version(0))})
						expectExit(t, in, err)
						return
					}
					do(t, host, deposit{1}, nil)
				})
				synctest.Wait()
			}
			close(gate)
			wg.Wait()
			if got, version := balance(t, host); got != 9 || version != 9 {
				t.Errorf("%s: balance %d at version %d; want 9 at 9", in, got, version)
			}
			if err := host.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGoexitOfOtherFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		d := decider()
		fails := true
		d.Initial = func(actorID string) *account {
			if fails {
				runtime.Goexit()
			}
			return &account{ID: actorID}
		}
		host := actor.NewHost(store, d, &actor.HostOptions{Logger: slog.New(slog.DiscardHandler)})
		_, err := host.Do(t.Context(), "account/ann", deposit{1}, nil)
		expectExit(t, "Initial", err)
		fails = false
		do(t, host, deposit{5}, nil)
		expectExit(t, "View", host.View(t.Context(), "account/ann", func(*account, aether.Version) { runtime.Goexit() }))

		// In the store it is not known what was saved.
		for _, when := range []*func([]aether.Event) error{&store.save, &store.saved} {
			*when = func([]aether.Event) error { runtime.Goexit(); return nil }
			_, err = host.Do(t.Context(), "account/ann", deposit{1}, nil)
			if _, unknown := errors.AsType[*actor.UnknownError](err); !unknown {
				t.Errorf("SaveEvents: %v, want an UnknownError", err)
			}
			expectExit(t, "SaveEvents", err)
			*when = nil
		}
		if got, version := balance(t, host); got != 6 || version != 2 { // the second has landed
			t.Errorf("balance %d at version %d; want 6 at 2", got, version)
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A snapshot that cannot be encoded so holds nobody up.
func TestGoexitOfSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTap(t)
		d := decider()
		d.Snapshots = &actor.Snapshots[*account]{
			Schema: 1,
			Encode: func(*account) ([]byte, error) { runtime.Goexit(); return nil, nil },
			Decode: d.Snapshots.Decode,
		}
		host := actor.NewHost(store.withSnapshots(), d, &actor.HostOptions{
			SnapshotEvery: 1, CacheActors: 1, Logger: slog.New(slog.DiscardHandler),
		})
		for i := range 300 { // more than may wait to be saved
			if _, err := host.Do(t.Context(), fmt.Sprint("account/", i%100), deposit{1}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
}
