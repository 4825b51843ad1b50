package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/schema"
)

// However two runners share the work of repeating, a target has one call at a time.
func TestRetriesOfTwoRunners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := 0
		w.answer = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
			data, err := slow(time.Second, `"Unlocked"`)(ctx, call)
			w.mu.Lock()
			defer w.mu.Unlock()
			if n++; n%3 != 0 {
				return nil, errors.New("timeout")
			}
			return data, err
		}
		unlock := w.unlock()
		unlock.Keyed, unlock.Retry = true, effect.Retry{Attempts: 100, MinBackoff: time.Second, MaxBackoff: 2 * time.Second}
		first, second := w.start(w.store, nil, unlock), w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/1", 50)
		pass(time.Hour)
		w.expectFacts(ids, unlocked())
		w.expectList(first.Runner)
		w.expectCalls(nil, 0) // no two at a time
		first.stop(t)
		second.stop(t)
	})
}

// A runner that is behind believes that a target is free, and it is not: the log says
// whose turn it is, and the other attempt is taken back before its call.
func TestTargetIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := 0
		w.answer = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
			if n++; n == 1 {
				return nil, errTimeout
			}
			return slow(20*time.Second, `"Unlocked"`)(ctx, call)
		}
		unlock := w.unlock()
		unlock.Keyed, unlock.Retry = true, effect.Retry{MinBackoff: 10 * time.Second, MaxBackoff: 10 * time.Second}
		first := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		behind := w.start(plodding{w.store}, nil, unlock)
		pass(time.Second)
		ids = append(ids, w.request("station/CP-1", 1)...)
		pass(20 * time.Second) // both think of the first one's retry; the second is called
		if got := w.stream(ids[0]); !strings.HasPrefix(got, "Attempted Failed Attempted Withheld") {
			t.Errorf("the stream has %q", got)
		}
		pass(time.Hour)
		w.expectCalls(ids[:1], 2)
		w.expectCalls(ids[1:], 1)
		w.expectFacts(ids, unlocked())
		first.stop(t)
		behind.stop(t)
	})
}

// Who was thought to be dead and knows that nothing happened is believed as well.
func TestLateNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) {
			<-time.After(2 * time.Minute)
			return nil, effect.NotDone(errOffline)
		}
		first := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		second := w.start(w.store, nil, w.unlock())
		pass(time.Hour)
		if got := w.stream(ids[0]); got != "Attempted InDoubt NotDone Recorded" {
			t.Errorf("the stream has %q", got)
		}
		w.expectCalls(ids, 1)
		first.stop(t)
		second.stop(t)
	})
}

// An attempt whose program died counts: it may have had its effect, and it is one of
// those that Retry allows.
func TestCrashCounts(t *testing.T) {
	for _, test := range []struct {
		retry effect.Retry
		want  string
	}{
		{effect.Retry{Attempts: 1}, "Attempted InDoubt"},
		{effect.Retry{Within: 30 * time.Second}, "Attempted InDoubt"},
		{effect.Retry{Attempts: 2}, "Attempted Attempted InDoubt"},
		{effect.Retry{Attempts: 3}, "Attempted Attempted Failed Attempted InDoubt"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			n := 0
			w.answer = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
				if n++; n == 1 {
					return slow(time.Minute, `1`)(ctx, call)
				}
				return nil, effect.NotDone(errOffline)
			}
			unlock := w.unlock()
			unlock.Keyed, unlock.Retry = true, test.retry
			d := &deadly{EventStore: w.store, after: 1000, hangs: true}
			first := w.start(d, nil, unlock)
			synctest.Wait()
			ids := w.request("station/CP-1", 1)
			synctest.Wait()
			d.kill()
			second := w.start(w.store, nil, unlock)
			pass(time.Hour)
			w.expectList(second.Runner, ids[0]+" failed")
			if got := w.stream(ids[0]); got != test.want {
				t.Errorf("%+v: the stream has %q", test.retry, got)
			}
			first.stop(t)
			second.stop(t)
		})
	}
}

// Run ends while an attempt is saved: the call is not begun, and not in doubt.
func TestStopBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(sluggish{w.store}, nil, w.unlock())
		pass(10 * time.Second)
		ids := w.request("station/CP-1", 1)
		pass(time.Second)
		p.stop(t)
		w.expectCalls(ids, 0)
		if got := w.stream(ids[0]); got != "Attempted Withheld" {
			t.Errorf("the stream has %q", got)
		}
		p = w.start(w.store, nil, w.unlock())
		pass(time.Minute)
		w.expectFacts(ids, unlocked())
		p.stop(t)
	})
}

// sluggish is a store that needs five seconds for a save.
type sluggish struct{ aether.EventStore }

func (s sluggish) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	<-time.After(5 * time.Second)
	return s.EventStore.SaveEvents(ctx, events...)
}

// What a newer program has written is left alone, and shown.
func TestNewerProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		unlock := w.unlock()
		unlock.FromStart = true
		ids := w.request("station/CP-1", 2)
		_, err := w.store.SaveEvents(t.Context(), aether.Event{
			ActorID: ids[0], Version: 1, Type: "EffectInDoubt", Schema: 2, Data: json.RawMessage(`{}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		p := w.start(w.store, nil, unlock)
		pass(time.Hour)
		w.expectCalls(ids[:1], 0)
		w.expectCalls(ids[1:], 1)
		infos, err := p.List(t.Context())
		if err != nil || len(infos) != 1 || !strings.Contains(infos[0].Error, "written by a newer program") {
			t.Errorf("listed is %+v, %v", infos, err)
		}
		if err := p.Settle(t.Context(), ids[0], unlocked(), "ann"); err == nil {
			t.Error("settled what cannot be understood")
		}
		counted := &counting{EventStore: w.store, SnapshotStore: w.store.(aether.SnapshotStore)}
		p.stop(t)
		info(t, effect.New(counted, []effect.Effect{unlock}, options(nil)))
		if _, err := counted.SnapshotStore.GetLatestSnapshot(t.Context(), counted.asked); !errors.Is(err, aether.ErrSnapshotNotFound) {
			t.Errorf("the newer program would find a checkpoint: %v", err)
		}
	})
}

// A Request that changes its mind hides no call that was made.
func TestRequestChangesItsMind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { return nil, errTimeout }
		p := w.start(bare{w.store}, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		p.stop(t)
		unlock := w.unlock()
		unlock.Request = func(aether.Event) (effect.Request, bool, error) { return effect.Request{}, false, nil }
		p = w.start(bare{w.store}, nil, unlock)
		synctest.Wait()
		w.expectList(p.Runner, ids[0]+" in-doubt")
		if err := p.Settle(t.Context(), ids[0], unlocked(), "ann"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		w.expectList(p.Runner)
		w.expectFacts(ids, unlocked())
		p.stop(t)
	})
}

// With a host, an outcome that is recorded twice because a program died in between
// is one event.
func TestHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type ended struct{ Done bool }
		w := newWorld(t)
		host := actor.NewHost(w.store, actor.Decider[int, ended, any]{
			Kind:    "station",
			Events:  schema.New[any](schema.Type[ended]("UnlockEnded")),
			Initial: func(string) int { return 0 },
			Decide:  func(_ int, fact ended) ([]any, error) { return []any{fact}, nil },
			Evolve:  func(n int, _ any) int { return n + 1 },
		}, nil)
		defer host.Close()
		unlock := w.unlock()
		recorded := 0
		unlock.Record = func(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
			recorded++
			_, err := host.Record(ctx, call.Cause.ActorID, ended{outcome.Done}, &actor.DoOptions{CommandID: call.ID})
			return err
		}
		first := w.start(&deadly{EventStore: w.store, after: 3}, nil, unlock) // not the save that closes it
		synctest.Wait()
		w.request("station/CP-1", 1)
		pass(time.Minute)
		second := w.start(w.store, nil, unlock)
		pass(time.Minute)
		w.expectList(second.Runner)
		if got := w.stream("station/CP-1"); got != "UnlockRequested UnlockEnded" || recorded < 2 {
			t.Errorf("recorded %d times, the stream has %q", recorded, got)
		}
		first.stop(t)
		second.stop(t)
	})
}
