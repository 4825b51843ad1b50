package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
)

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		w.save("station/CP-1", "UnlockRequested", `false`) // asks for nothing
		w.save("station/CP-1", "Heartbeat", `{}`)
		synctest.Wait()
		w.expectList(p.Runner, ids[0]+" calling")
		if got := w.stream(ids[0]); got != "Attempted" {
			t.Errorf("during the call the stream has %q", got)
		}
		pass(time.Minute)
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		w.expectList(p.Runner)
		if got := w.stream(ids[0]); got != "Attempted Done Recorded" {
			t.Errorf("the stream has %q", got)
		}
		if got := w.stream("effect/unlock"); got != "Started" {
			t.Errorf("the marker has %q", got)
		}
		p.stop(t)

		// The events of the past cause nothing, with a checkpoint or without.
		for _, store := range []aether.EventStore{w.store, bare{w.store}} {
			d := &deadly{EventStore: plodding{store}, after: 1000}
			p = w.start(d, options(func(o *effect.Options) { o.SoleRunner = true }), w.unlock())
			pass(time.Hour)
			p.stop(t)
			if d.saves > 0 {
				t.Errorf("%d saves because of the past", d.saves)
			}
		}
		w.expectCalls(ids, 1)
		if w.records != 1 {
			t.Errorf("recorded %d times", w.records)
		}
	})
}

// Wherever a process dies, another one finishes its work: the call is made at most
// once, and its outcome is recorded or in doubt; if it is keyed, it is recorded.
func TestCrash(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		for _, alone := range []bool{false, true} {
			for _, hangs := range []bool{false, true} {
				for _, lands := range []bool{false, true} {
					for after := range 4 { // Started, Attempted, Done, Recorded
						synctest.Test(t, func(t *testing.T) { crash(t, keyed, alone, &deadly{after: after, lands: lands, hangs: hangs}) })
					}
				}
			}
		}
	}
}

func crash(t *testing.T, keyed, alone bool, d *deadly) {
	w := newWorld(t)
	d.EventStore = w.store
	unlock := w.unlock()
	unlock.Keyed, unlock.FromStart = keyed, true
	ids := w.request("station/CP-1", 1)
	first := w.start(d, nil, unlock)
	pass(15 * time.Second)
	defer first.stop(t)
	if !d.isDead() {
		t.Fatalf("the process survived save %d", d.after)
	}
	second := w.start(bare{w.store}, options(func(o *effect.Options) { o.SoleRunner = alone }), unlock)
	synctest.Wait()
	called := d.after > 1 // else the answer to the save of the attempt was not heard
	attempted := d.after > 1 || d.after == 1 && d.lands
	known := d.after > 2 || d.after == 2 && d.lands
	if attempted && !known && !alone {
		w.expectList(second.Runner, ids[0]+" calling")
	}
	if attempted && !known && alone && !keyed {
		w.expectList(second.Runner, ids[0]+" in-doubt")
	}
	pass(2 * time.Minute)

	switch {
	case known || !attempted:
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		w.expectList(second.Runner)
	case keyed && called:
		w.expectCalls(ids, 2)
		w.expectFacts(ids, unlocked())
		w.expectList(second.Runner)
	case keyed:
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		w.expectList(second.Runner)
	default:
		times := 0
		if called {
			times = 1
		}
		w.expectCalls(ids, times)
		w.expectList(second.Runner, ids[0]+" in-doubt")
		if len(w.facts) != 0 {
			t.Errorf("recorded %v", w.facts)
		}
		if got := w.stream(ids[0]); got != "Attempted InDoubt" {
			t.Errorf("the stream has %q", got)
		}
	}
	if t.Failed() {
		t.Logf("keyed %v, alone %v, %d, lands %v: %s", keyed, alone, d.after, d.lands, w.stream(ids[0]))
	}
	second.stop(t)
}

// A process that dies during the call leaves it in doubt, at its deadline and the
// grace, not before.
func TestCrashDuringCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d := &deadly{EventStore: w.store, after: 1000, hangs: true}
		first := w.start(d, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 2) // the second waits for its turn
		pass(5 * time.Second)
		d.kill()
		second := w.start(w.store, nil, w.unlock())
		pass(54 * time.Second)
		w.expectList(second.Runner, ids[0]+" calling", ids[1]+" pending")
		pass(2 * time.Second) // 30 s for the call and 30 s of grace
		w.expectList(second.Runner, ids[0]+" in-doubt", ids[1]+" calling")
		pass(time.Hour)
		w.expectList(second.Runner, ids[0]+" in-doubt")
		w.expectCalls(ids, 1)
		first.stop(t)
		second.stop(t)
	})
}

// Who was thought to be dead and brings the answer all the same is believed.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(context.Context, effect.Call) (json.RawMessage, error) { // does not obey
			<-time.After(2 * time.Minute)
			return json.RawMessage(`"Unlocked"`), nil
		}
		first := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		synctest.Wait()
		second := w.start(w.store, nil, w.unlock())
		pass(61 * time.Second)
		w.expectList(second.Runner, ids[0]+" in-doubt")
		pass(time.Hour)
		w.expectList(second.Runner)
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		if got := w.stream(ids[0]); got != "Attempted InDoubt Done Recorded" {
			t.Errorf("the stream has %q", got)
		}
		first.stop(t)
		second.stop(t)
	})
}

// Two runners share the work: each effect is called once, each target has one call
// at a time and in order.
func TestTwoRunners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = slow(time.Second, `"Unlocked"`)
		var ids []string
		first, second := w.start(w.store, nil, w.unlock()), w.start(bare{w.store}, nil, w.unlock())
		synctest.Wait()
		for range 20 {
			for _, station := range []string{"station/1", "station/2", "station/3"} {
				ids = append(ids, w.request(station, 1)...)
			}
		}
		pass(time.Hour)
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		w.expectList(first.Runner)
		w.expectOrder(ids)
		if w.records != len(ids) { // the runner that called does it
			t.Errorf("Record was called %d times for %d outcomes", w.records, len(ids))
		}
		for _, id := range ids {
			if got := w.stream(id); got != "Attempted Done Recorded" {
				t.Errorf("%s has %q", id, got)
			}
		}
		if got := w.stream("effect/unlock"); got != "Started" {
			t.Errorf("the marker has %q", got)
		}
		first.stop(t)
		second.stop(t)
	})
}

// expectOrder holds the calls of each target against the order of the requests.
func (w *world) expectOrder(ids []string) {
	w.t.Helper()
	place := make(map[string]int)
	for i, id := range ids {
		place[id] = i
	}
	last := make(map[string]int)
	for _, c := range w.calls {
		if before, ok := last[c.target]; ok && place[c.id] < before {
			w.t.Errorf("%s was called after %s", c.id, ids[before])
		}
		last[c.target] = place[c.id]
	}
}

// A store that fails at random, with saves that landed and said they did not.
func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, second := w.start(&flaky{EventStore: w.store}, nil, w.unlock()), w.start(&flaky{EventStore: w.store, n: 3}, nil, w.unlock())
		pass(time.Minute)
		var ids []string
		for _, station := range []string{"station/1", "station/2", "station/3"} {
			ids = append(ids, w.request(station, 10)...)
		}
		pass(2 * time.Hour)
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		if got := w.list(effect.New(w.store, []effect.Effect{w.unlock()}, nil)); len(got) > 0 {
			t.Errorf("open: %s", strings.Join(got, "\n"))
		}
		first.stop(t)
		second.stop(t)
	})
}

// A retry by hand of the save would find it landed; by then its deadline is over.
func TestAttemptThatTookTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d := &deadly{EventStore: w.store, after: 1, lands: true}
		first := w.start(d, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		pass(35 * time.Second)
		d.mu.Lock()
		d.dead = false
		d.mu.Unlock()
		pass(15 * time.Second)
		w.expectCalls(ids, 1)
		if got := w.stream(ids[0]); !strings.HasPrefix(got, "Attempted Withheld Attempted") {
			t.Errorf("the stream has %q", got)
		}
		pass(time.Minute)
		w.expectFacts(ids, unlocked())
		first.stop(t)
	})
}

func TestClosedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(&closing{w.store}, nil, w.unlock())
		if err := <-p.ended; !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Run returned %v", err)
		}
		if err := p.Begin(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(x *effect.Effect) []effect.Effect{
		"no name":    func(x *effect.Effect) []effect.Effect { x.Name = ""; return nil },
		"slash":      func(x *effect.Effect) []effect.Effect { x.Name = "a/b"; return nil },
		"long":       func(x *effect.Effect) []effect.Effect { x.Name = strings.Repeat("x", 65); return nil },
		"no request": func(x *effect.Effect) []effect.Effect { x.Request = nil; return nil },
		"no call":    func(x *effect.Effect) []effect.Effect { x.Call = nil; return nil },
		"twice":      func(x *effect.Effect) []effect.Effect { return []effect.Effect{*x} },
	} {
		x := w.unlock()
		more := change(&x)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: New accepts it", name)
				}
			}()
			effect.New(w.store, slices.Concat([]effect.Effect{x}, more), nil)
		}()
	}
}
