package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
)

var (
	errTimeout = errors.New("no answer")
	errOffline = errors.New("offline")
)

// A keyed effect is repeated with the waits that Retry says, until its limits are
// used up; it is then listed until somebody settles it.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { return nil, errTimeout }
		unlock := w.unlock()
		unlock.Keyed, unlock.Retry = true, effect.Retry{Attempts: 8, MinBackoff: time.Second, MaxBackoff: 20 * time.Second}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		w.expectList(p.Runner, ids[0]+" retrying")
		pass(time.Hour)
		w.expectCalls(ids, 8)
		w.expectList(p.Runner, ids[0]+" failed")
		w.expectWaits(time.Second, 20*time.Second)
		infos, err := p.List(t.Context(), effect.Failed)
		if err != nil || len(infos) != 1 || infos[0].Attempts != 8 || infos[0].Error != "no answer" || infos[0].Target != "station/CP-1" ||
			infos[0].Cause != (effect.Cause{ActorID: "station/CP-1", Version: 1, Position: 2}) || time.Since(infos[0].Since) < 55*time.Minute {
			t.Errorf("listed is %+v, %v", infos, err)
		}
		if len(w.facts) > 0 {
			t.Errorf("recorded %v, which nobody knows", w.facts)
		}
		if err := p.Settle(t.Context(), ids[0], unlocked(), "ann"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		w.expectFacts(ids, unlocked())
		w.expectList(p.Runner)
		if got := w.stream(ids[0]); got != strings.Repeat("Attempted Failed ", 7)+"Attempted InDoubt Settled Recorded" {
			t.Errorf("the stream has %q", got)
		}
		p.stop(t)
	})
}

func (w *world) expectWaits(first, longest time.Duration) {
	w.t.Helper()
	jitter := false
	for i := 1; i < len(w.calls); i++ {
		d := min(longest, first*time.Duration(math.Pow(2, float64(i-1))))
		wait := w.calls[i].at.Sub(w.calls[i-1].at)
		if wait < d/2 || wait > d+time.Millisecond {
			w.t.Errorf("wait %d took %s, want %s to %s", i, wait, d/2, d)
		}
		jitter = jitter || wait.Truncate(time.Millisecond)%(d/2) != 0
	}
	if !jitter {
		w.t.Error("the waits have no jitter")
	}
}

func TestRetryWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { return nil, errTimeout }
		unlock := w.unlock()
		unlock.Keyed, unlock.Retry = true, effect.Retry{Attempts: 1000, Within: 10 * time.Minute, MinBackoff: time.Minute, MaxBackoff: time.Minute}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		pass(time.Hour)
		w.expectList(p.Runner, ids[0]+" failed")
		if n := len(w.calls); n < 10 || n > 20 || w.calls[n-1].at.Sub(w.calls[0].at) > 10*time.Minute {
			t.Errorf("%d calls, the last after %s", n, w.calls[n-1].at.Sub(w.calls[0].at))
		}
		p.stop(t)
	})
}

// What certainly did not happen is tried again if Retry says so, keyed or not, and
// has the outcome "not done" in the end. What may have happened has not.
func TestNotDone(t *testing.T) {
	for _, test := range []struct {
		keyed    bool
		attempts int
		errs     []error // the last one repeats
		calls    int
		want     string // the stream
	}{
		{false, 0, []error{effect.NotDone(errOffline)}, 1, "Attempted NotDone Recorded"},
		{false, 0, []error{fmt.Errorf("x: %w", effect.NotDone(nil))}, 1, "Attempted NotDone Recorded"},
		{false, 3, []error{effect.NotDone(errOffline)}, 3, "Attempted Failed Attempted Failed Attempted NotDone Recorded"},
		{false, 3, []error{effect.NotDone(errOffline), nil}, 2, "Attempted Failed Attempted Done Recorded"},
		{false, 3, []error{effect.NotDone(errOffline), errTimeout}, 2, "Attempted Failed Attempted InDoubt"},
		{false, 3, []error{errTimeout}, 1, "Attempted InDoubt"},
		{true, 2, []error{effect.NotDone(errOffline)}, 2, "Attempted Failed Attempted NotDone Recorded"},
		{true, 2, []error{errTimeout, effect.NotDone(errOffline)}, 2, "Attempted Failed Attempted InDoubt"},
		{true, 2, []error{errTimeout, nil}, 2, "Attempted Failed Attempted Done Recorded"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			n := 0
			w.answer = func(context.Context, effect.Call) (json.RawMessage, error) {
				n++
				if err := test.errs[min(n, len(test.errs))-1]; err != nil {
					return nil, err
				}
				return json.RawMessage(`"Unlocked"`), nil
			}
			unlock := w.unlock()
			unlock.Keyed, unlock.Retry.Attempts = test.keyed, test.attempts
			p := w.start(w.store, nil, unlock)
			synctest.Wait()
			ids := w.request("station/CP-1", 1)
			pass(time.Hour)
			w.expectCalls(ids, test.calls)
			if got := w.stream(ids[0]); got != test.want {
				t.Errorf("%+v: the stream has %q", test, got)
			}
			if got := w.facts[ids[0]]; strings.Contains(test.want, "NotDone") && (got.Done || !strings.HasPrefix(got.Reason, "not done") && !strings.HasPrefix(got.Reason, "x: not done")) {
				t.Errorf("recorded %+v", got)
			}
			p.stop(t)
		})
	}
}

// Whatever Call does that is no answer leaves the effect in doubt.
func TestNoAnswer(t *testing.T) {
	for name, call := range map[string]func(context.Context, effect.Call) (json.RawMessage, error){
		"an error": func(context.Context, effect.Call) (json.RawMessage, error) { return json.RawMessage(`1`), errTimeout },
		"a long error": func(context.Context, effect.Call) (json.RawMessage, error) {
			return nil, errors.New(strings.Repeat("x", 2<<20))
		},
		"a panic": func(context.Context, effect.Call) (json.RawMessage, error) { panic("bug") },
		"no JSON": func(context.Context, effect.Call) (json.RawMessage, error) { return json.RawMessage(`{`), nil },
		"too much JSON": func(context.Context, effect.Call) (json.RawMessage, error) {
			return json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`), nil
		},
		"nothing until it may": slow(time.Hour, `"Unlocked"`),
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.answer = call
			p := w.start(w.store, nil, w.unlock())
			synctest.Wait()
			ids := w.request("station/CP-1", 1)
			pass(30*time.Second + time.Millisecond)
			w.expectList(p.Runner, ids[0]+" in-doubt")
			pass(time.Hour)
			w.expectCalls(ids, 1)
			p.stop(t)
			if t.Failed() {
				t.Log(name)
			}
		})
	}
}

// Of a panic the stream says what it was, and the log of the program where.
func TestCallPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { panic("bug") }
		var logged strings.Builder
		p := w.start(w.store, options(func(o *effect.Options) { o.Logger = slog.New(slog.NewTextHandler(&logged, nil)) }), w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		infos, err := p.List(t.Context(), effect.InDoubt)
		if err != nil || len(infos) != 1 || infos[0].Error != "actor: "+ids[0]+": Call panicked: bug" {
			t.Errorf("listed is %+v, %v", infos, err)
		}
		p.stop(t)
		if !strings.Contains(logged.String(), "outcome_test.go") {
			t.Errorf("logged is %q", logged.String())
		}
	})
}

// A Request that ends the goroutine which reads the log, as t.FailNow does, ends Run:
// nothing is passed over.
func TestRequestExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		unlock := w.unlock()
		unlock.Request = func(aether.Event) (effect.Request, bool, error) {
			runtime.Goexit()
			return effect.Request{}, false, nil
		}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		w.request("station/CP-1", 1)
		if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "runtime.Goexit") {
			t.Errorf("Run returned %v", err)
		}
	})
}

// An outcome is offered to Record until it is taken, after a restart as well, and
// the call is not repeated. Meanwhile the target is free.
func TestRecordIsRepeated(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			deaf := true
			w.refuse = func(effect.Call) error {
				if !deaf {
					return nil
				}
				if w.records%2 == 0 {
					panic("bug")
				}
				return errOffline
			}
			p := w.start(w.store, nil, w.unlock())
			synctest.Wait()
			ids := w.request("station/CP-1", 2)
			pass(10 * time.Minute)
			w.expectList(p.Runner, ids[0]+" recording", ids[1]+" recording")
			if infos, err := p.List(t.Context(), effect.Recording); err != nil || infos[0].Outcome == nil || infos[0].Error == "" {
				t.Errorf("listed is %+v, %v", infos, err)
			}
			if w.records < 20 || w.records > 60 { // two of them, a minute apart at most
				t.Errorf("Record was called %d times in ten minutes", w.records)
			}
			if restart {
				p.stop(t)
				p = w.start(w.store, nil, w.unlock())
				synctest.Wait()
			}
			w.mu.Lock()
			deaf = false
			w.mu.Unlock()
			pass(2 * time.Minute)
			w.expectList(p.Runner)
			w.expectCalls(ids, 1)
			w.expectFacts(ids, unlocked())
			p.stop(t)
		})
	}
}

func TestResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { return nil, errTimeout }
		unlock := w.unlock()
		var asked []time.Time
		unlock.Resolve = func(ctx context.Context, call effect.Call) (effect.Outcome, bool, error) {
			if call.Attempt != 1 || call.Cause.ActorID != call.Target {
				t.Errorf("asked about %+v", call)
			}
			if call.Cause.Version > 1 { // of the second nobody knows
				return effect.Outcome{}, false, nil
			}
			switch asked = append(asked, time.Now()); len(asked) {
			case 1:
				return effect.Outcome{}, false, nil
			case 2:
				return effect.Outcome{}, true, errOffline
			case 3:
				panic("bug")
			case 4:
				<-ctx.Done()
				return effect.Outcome{}, false, ctx.Err()
			case 5:
				return effect.Outcome{Done: true, Data: json.RawMessage(`{`)}, true, nil
			}
			return effect.Outcome{Reason: "the connector is locked"}, true, nil
		}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 2)
		pass(time.Hour)
		w.expectCalls(ids, 1)
		if len(asked) != 6 {
			t.Errorf("asked %d times", len(asked))
		}
		w.expectFacts(ids[:1], effect.Outcome{Reason: "the connector is locked"})
		w.expectList(p.Runner, ids[1]+" in-doubt")
		if got := w.stream(ids[0]); got != "Attempted InDoubt NotDone Recorded" {
			t.Errorf("the stream has %q", got)
		}
		p.stop(t)
	})
}

// Resolve is asked as often as ResolveRetry says, and anew after a restart.
func TestResolveRetry(t *testing.T) {
	for _, test := range []struct {
		attempts int
		within   time.Duration
		want     int
	}{{4, 0, 4}, {1000, time.Minute, 2}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { return nil, errTimeout }
			unlock := w.unlock()
			asked := 0
			unlock.Resolve = func(context.Context, effect.Call) (effect.Outcome, bool, error) {
				asked++
				return effect.Outcome{}, false, nil
			}
			unlock.FromStart = true
			unlock.ResolveRetry = effect.Retry{Attempts: test.attempts, MinBackoff: time.Minute, MaxBackoff: time.Minute, Within: test.within}
			ids := w.request("station/CP-1", 1)
			for range 2 {
				asked = 0
				p := w.start(w.store, nil, unlock)
				pass(48 * time.Hour)
				w.expectList(p.Runner, ids[0]+" in-doubt")
				p.stop(t)
				if asked != test.want {
					t.Errorf("asked %d times, want %d", asked, test.want)
				}
			}
		})
	}
}

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		done := effect.Outcome{Done: true, Data: json.RawMessage(`{"seen":true}`), Reason: "he stood there"}
		// By somebody who does not run the effects, while nobody does.
		desk := effect.New(bare{w.store}, []effect.Effect{w.unlock()}, options(nil))
		if err := desk.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		ids := w.request("station/CP-1", 3)
		w.expectList(desk, ids[0]+" pending", ids[1]+" pending", ids[2]+" pending")
		if err := desk.Settle(t.Context(), ids[1], done, "ann"); err != nil {
			t.Error(err)
		}
		w.expectList(desk, ids[0]+" pending", ids[1]+" recording", ids[2]+" pending")

		p := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		for _, r := range []*effect.Runner{p.Runner, desk} {
			if err := r.Settle(t.Context(), ids[0], done, "ann"); !errors.Is(err, effect.ErrCalling) {
				t.Errorf("settled during the call: %v", err)
			}
		}
		pass(time.Minute)
		w.expectCalls(ids[1:2], 0)
		w.expectFacts(ids[1:2], done)
		w.expectFacts(ids[2:], unlocked())
		for _, test := range []struct {
			id      string
			outcome effect.Outcome
			by      string
			want    error
		}{
			{ids[1], done, "ann", nil}, // again
			{ids[1], done, "bob", effect.ErrNotOpen},
			{ids[1], effect.Outcome{}, "ann", effect.ErrNotOpen},
			{ids[0], done, "ann", effect.ErrNotOpen},
			{"effect/unlock/station/CP-1@99", done, "ann", effect.ErrNotOpen},
			{"effect/lock/station/CP-1@1", done, "ann", effect.ErrNotOpen},
			{"nonsense", done, "ann", effect.ErrNotOpen},
			{"", done, "ann", effect.ErrNotOpen},
		} {
			if err := p.Settle(t.Context(), test.id, test.outcome, test.by); !errors.Is(err, test.want) {
				t.Errorf("Settle %q %v by %s: %v", test.id, test.outcome, test.by, err)
			}
		}
		if got := w.stream(ids[1]); got != "Settled Recorded" {
			t.Errorf("the stream has %q", got)
		}
		p.stop(t)
	})
}

// A process dies in a call and none comes after it: another one, which runs nothing,
// sees the doubt and settles it.
func TestSettleAfterDeath(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			unlock := w.unlock()
			unlock.Keyed = keyed
			d := &deadly{EventStore: w.store, after: 1000, hangs: true}
			dead := w.start(d, nil, unlock)
			synctest.Wait()
			ids := w.request("station/CP-1", 2)
			synctest.Wait()
			d.kill() // in the call
			desk := effect.New(w.store, []effect.Effect{unlock}, options(nil))
			pass(time.Minute - time.Millisecond) // its timeout and the grace
			w.expectList(desk, ids[0]+" calling", ids[1]+" pending")
			if err := desk.Settle(t.Context(), ids[0], unlocked(), "ann"); !errors.Is(err, effect.ErrCalling) {
				t.Errorf("settled while the call may be under way: %v", err)
			}
			pass(time.Millisecond)
			state := effect.InDoubt
			if keyed {
				state = effect.Retrying
			}
			if got := w.list(desk, state); len(got) != 1 || got[0] != ids[0]+" "+string(state) {
				t.Errorf("%s are %q", state, got)
			}
			for range 2 { // the second says it again
				if err := desk.Settle(t.Context(), ids[0], unlocked(), "ann"); err != nil {
					t.Error(err)
				}
			}
			w.expectList(desk, ids[0]+" recording", ids[1]+" pending")
			if got := w.stream(ids[0]); got != "Attempted Settled" {
				t.Errorf("the stream has %q", got)
			}
			dead.stop(t)
			next := w.start(w.store, nil, unlock)
			pass(time.Minute)
			w.expectList(next.Runner)
			w.expectCalls(ids, 1)
			w.expectFacts(ids, unlocked())
			next.stop(t)
		})
	}
}

// What cannot be understood is shown and holds up nothing; a better program goes on.
func TestRequestFails(t *testing.T) {
	for _, withSnapshots := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			store := w.store
			if !withSnapshots {
				store = bare{w.store}
			}
			unlock := w.unlock()
			good := unlock.Request
			unlock.Request = func(event aether.Event) (effect.Request, bool, error) {
				switch event.Version {
				case 1:
					return effect.Request{}, false, errors.New("what is this?")
				case 2:
					panic("bug")
				case 3:
					return effect.Request{Target: strings.Repeat("x", 256)}, true, nil
				case 4:
					return effect.Request{Target: "\xff"}, true, nil
				}
				return good(event)
			}
			p := w.start(store, nil, unlock)
			synctest.Wait()
			ids := w.request("station/CP-1", 5)
			pass(time.Hour)
			w.expectCalls(ids[:4], 0)
			w.expectCalls(ids[4:], 1)
			w.expectList(p.Runner, ids[0]+" failed", ids[1]+" failed", ids[2]+" failed", ids[3]+" failed")
			if err := p.Settle(t.Context(), ids[1], effect.Outcome{Reason: "no"}, "ann"); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			w.expectFacts(ids[1:2], effect.Outcome{Reason: "no"})
			p.stop(t)

			p = w.start(store, nil, w.unlock())
			pass(time.Hour)
			w.expectList(p.Runner)
			w.expectCalls([]string{ids[0], ids[2], ids[3], ids[4]}, 1)
			w.expectCalls(ids[1:2], 0)
			p.stop(t)
		})
	}
}

// Expires is when it is too late to begin.
func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		unlock := w.unlock()
		unlock.Request = func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID, Expires: event.Time.Add(15 * time.Second)}, true, nil
		}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 3) // each takes 10 s
		pass(time.Hour)
		w.expectCalls(ids[:2], 1)
		w.expectCalls(ids[2:], 0)
		w.expectFacts(ids[:2], unlocked())
		if got := w.facts[ids[2]]; got.Done || !strings.HasPrefix(got.Reason, "it was too late") {
			t.Errorf("recorded %+v", got)
		}
		w.expectList(p.Runner)
		p.stop(t)
	})
}
