package deadline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

func TestFiresOnceWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(w.rule(), nil)
		event := w.set("pool/jazz", "hold/1", time.Minute+time.Nanosecond)
		w.wants()
		w.advance(time.Minute)
		w.wants() // it is rounded up
		if got, want := r.Stats(), (Stats{Live: true, Position: 1, Pending: 1, Next: noon.Add(time.Minute + time.Microsecond)}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
		w.advance(time.Microsecond)
		d := w.fired[0]
		if d.Event.ID != event.ID || !d.At.Equal(noon.Add(time.Minute+time.Nanosecond)) || d.Failed != 0 || d.CommandID == "" {
			t.Errorf("the deadline is %+v", d)
		}
		w.wants("pool/jazz hold/1")
		w.advance(time.Hour)
		w.wants()
		if got, want := r.Stats(), (Stats{Live: true, Position: 1}); got != want {
			t.Errorf("stats are %+v, want %+v", got, want)
		}
		r.stop()
		if got := r.Stats(); got != (Stats{}) {
			t.Errorf("stats are %+v after Run", got)
		}
	})
}

func TestMovedAndCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(w.rule(), nil)
		for _, name := range []string{"later", "sooner", "off", "off and on", "stays"} {
			w.set("a/1", name, 10*time.Minute)
			w.set("a/2", name, time.Hour) // another actor's is another one
		}
		w.set("a/1", "later", 20*time.Minute)
		w.set("a/1", "sooner", 5*time.Minute)
		w.clear("a/1", "off")
		w.clear("a/1", "off and on")
		w.set("a/1", "off and on", 6*time.Minute)
		w.clear("a/1", "never set")
		w.advance(5 * time.Minute)
		w.wants("a/1 sooner")
		w.advance(time.Minute)
		w.wants("a/1 off and on")
		w.advance(4 * time.Minute)
		w.wants("a/1 stays")
		w.advance(10 * time.Minute)
		w.wants("a/1 later")
		r.wantPending(5, 0)
		r.stop()
	})
}

// What the log says is known before anything is fired, and what is past is fired
// at once, in the order in which it was due.
func TestPastAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "second", -time.Hour)
		w.set("a/1", "first", -2*time.Hour)
		w.set("a/1", "cleared", -3*time.Hour)
		w.set("a/1", "moved", -3*time.Hour)
		w.set("a/1", "now", 0)
		w.set("a/1", "future", time.Second)
		w.save("a/1", "Noise", "", time.Time{})
		w.clear("a/1", "cleared")
		w.set("a/1", "moved", time.Hour)
		r := w.start(w.rule(), &Options{Concurrency: 1})
		w.wants("a/1 first", "a/1 second", "a/1 now")
		w.set("a/1", "at once", -time.Hour)
		w.wants("a/1 at once")
		r.stop()
	})
}

// One event may change several deadlines, in order.
func TestSeveralChangesOfOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		rule.Derive = func(e aether.Event) ([]Change, error) {
			return []Change{Set("x", noon), Clear("x"), Set("y", noon.Add(time.Hour)), Set("y", noon), Set("z", noon), Clear("z")}, nil
		}
		w.save("a/1", "Any", "", time.Time{})
		r := w.start(rule, nil)
		w.wants("a/1 y")
		r.wantPending(0, 0)
		r.stop()
	})
}

func TestKindsAndTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		rule.Kinds, rule.Types = []string{"a"}, []string{"Set"}
		w.set("b/1", "other kind", 0)
		w.set("a/1", "x", time.Second)
		w.clear("a/1", "x") // of a type that is not wanted
		r := w.start(rule, &Options{Concurrency: 1})
		if position := r.Stats().Position; position != 3 {
			t.Errorf("the log was read up to %d, want 3", position)
		}
		w.set("b/1", "other kind", 0)
		w.set("a/1", "y", time.Second)
		w.advance(time.Second)
		w.wants("a/1 x", "a/1 y")
		r.stop()
	})
}

// The clock may be set to an earlier time: nothing is fired again, nor early, and
// nothing is lost.
func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.start(w.rule(), nil)
		w.set("a/1", "x", time.Minute)
		w.set("a/1", "y", 2*time.Minute)
		w.advance(time.Minute)
		w.wants("a/1 x")
		w.clock.Set(noon.Add(-time.Hour))
		w.wants()
		w.set("a/1", "z", 0)
		w.advance(time.Hour)
		w.wants("a/1 z")
		w.advance(2*time.Minute - time.Microsecond)
		w.wants()
		w.advance(time.Microsecond)
		w.wants("a/1 y")
		r.stop()
	})
}

// Two processes fire the same deadline with the same command ID, so whoever takes
// the command recognises it. So does a process that starts anew.
func TestTwoSchedulers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		rule.Types = []string{"Set", "Clear"}
		rule.Fire = func(ctx context.Context, d Deadline) error {
			w.record(d)
			event := aether.Event{ID: d.CommandID, ActorID: d.ActorID, Type: "Done", Data: data(d.Name, time.Time{})}
			for {
				if version, err := w.store.GetEventVersion(ctx, d.ActorID, d.CommandID); err != nil || version != 0 {
					return err
				}
				version, err := w.store.GetLatestVersion(ctx, d.ActorID)
				if err != nil {
					return err
				}
				event.Version = version + 1
				if _, err := w.store.SaveEvents(ctx, event); !errors.Is(err, aether.ErrVersionConflict) {
					return err
				}
			}
		}
		const n = 20
		for i := range n {
			w.set("a/1", fmt.Sprint(i), time.Minute)
		}
		r1, r2 := w.start(rule, nil), w.start(rule, nil)
		w.advance(time.Minute)
		r1.stop()
		r2.stop()
		r3 := w.run(New(struct{ aether.EventStore }{w.store}, rule, w.options(nil))) // without the checkpoint
		r3.stop()
		if len(w.fired) != 3*n {
			t.Errorf("%d were fired, want %d", len(w.fired), 3*n)
		}
		if version, err := w.store.GetLatestVersion(t.Context(), "a/1"); err != nil || version != 2*n {
			t.Errorf("the actor has %d events, %v; want %d", version, err, 2*n)
		}
	})
}

func TestCommandID(t *testing.T) {
	rule := Rule{Name: strings.Repeat("r", maxRuleName)}
	seen := make(map[string]string)
	for _, c := range []struct {
		actorID string
		version aether.Version
		name    string
	}{
		{"a/1", 1, "x"}, {"a/1", 2, "x"}, {"a/1", 1, "y"}, {"a/2", 1, "x"}, {"a/1", 1, ""},
		{"a/1/1", 1, "x"}, {"a/1", 1, "1/x"}, {"a/1x", 1, ""},
		{"a/1", 1, strings.Repeat("long", 1000)}, {"a/1", 1, "\x00\xff"},
	} {
		id := rule.commandID(&aether.Event{ActorID: c.actorID, Version: c.version}, c.name)
		if former, twice := seen[id]; twice {
			t.Errorf("%v has the ID of %s", c, former)
		}
		seen[id] = fmt.Sprint(c)
		if len(id) > 150 || len(id) > aether.MaxNameLength-8 || !utf8.ValidString(id) {
			t.Errorf("the ID of %v is %q", c, id)
		}
	}
	// It must never change: commands of former versions would not be recognised.
	fixed := Rule{Name: "hold-expires"}
	got := fixed.commandID(&aether.Event{ActorID: "pool/jazz", Version: 7}, "hold/17")
	if want := "deadline/hold-expires/c019d85c99dc36c68ff1eee3717fe354"; got != want {
		t.Errorf("the ID is %q, want %q", got, want)
	}
}

func TestPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		release := make(chan struct{})
		rule.Fire = func(ctx context.Context, d Deadline) error {
			if d.Name == "under way" {
				<-release
				return nil
			}
			return errors.New("no")
		}
		w.set("a/1", "under way", -2*time.Second)
		w.set("a/1", "failed", -time.Second)
		for i := range 100 {
			// The first is to be fired before the one that failed, though due after it.
			w.set("b/1", fmt.Sprint((i*37)%100), time.Duration((i*37)%100)*time.Second+time.Microsecond)
		}
		r := w.start(rule, &Options{Concurrency: 2})
		r.wantPending(102, 1)
		for _, n := range []int{-1, 0, 1, 2, 3, 50, 102, 1000} {
			list, err := r.Pending(t.Context(), n)
			if err != nil || len(list) != max(0, min(n, 102)) {
				t.Errorf("Pending(%d) has %d, %v", n, len(list), err)
			}
			for i, d := range list {
				want := fmt.Sprint(i - 2)
				if i < 2 {
					want = []string{"under way", "failed"}[i]
				}
				if n == 2 && i == 1 {
					want = "0"
				}
				if d.Name != want || (d.Failed == 1) != (want == "failed") || d.CommandID == "" || d.Event.Type != "Set" {
					t.Errorf("%d of %d is %+v, want %s", i, n, d, want)
				}
			}
		}
		close(release)
		r.stop()
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := New(w.store, w.rule(), w.options(nil))
		r := w.run(s)
		if err := s.Run(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("Run: %v, want %v", err, ErrRunning)
		}
		r.stop()
		w.set("a/1", "x", 0)
		r = w.run(s)
		w.wants("a/1 x")
		r.stop()
	})
}

func TestNewPanics(t *testing.T) {
	w := &world{}
	for name, change := range map[string]func(r *Rule){
		"no name":    func(r *Rule) { r.Name = "" },
		"long name":  func(r *Rule) { r.Name = strings.Repeat("x", maxRuleName+1) },
		"slash":      func(r *Rule) { r.Name = "a/b" },
		"control":    func(r *Rule) { r.Name = "a\n" },
		"not UTF-8":  func(r *Rule) { r.Name = "a\xff" },
		"no Derive":  func(r *Rule) { r.Derive = nil },
		"no Fire":    func(r *Rule) { r.Fire = nil },
		"all is set": func(r *Rule) {},
	} {
		t.Run(name, func(t *testing.T) {
			rule := w.rule()
			change(&rule)
			defer func() {
				if recover() == nil != (name == "all is set") {
					t.Error("New panics when it should not, or the other way round")
				}
			}()
			New(nil, rule, nil)
		})
	}
}

// The machine's clock, without a test's hand on it: time passes in the bubble when
// nothing else happens.
func TestMachineClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		start := time.Now()
		var last atomic.Int64 // when Fire was called last
		rule := w.rule()
		rule.Fire = func(context.Context, Deadline) error {
			took := time.Since(start)
			last.Store(int64(took))
			if took < 4*time.Hour {
				return errors.New("too early for success")
			}
			return nil
		}
		w.save("a/1", "Set", "x", start.Add(3*time.Hour))
		r := w.run(New(w.store, rule, &Options{Logger: quiet}))
		time.Sleep(3*time.Hour - time.Microsecond)
		if took := last.Load(); took != 0 {
			t.Errorf("fired after %v", time.Duration(took))
		}
		time.Sleep(2 * time.Hour)
		if took := time.Duration(last.Load()); took < 4*time.Hour || took > 4*time.Hour+time.Minute {
			t.Errorf("fired for the last time after %v", took)
		}
		r.stop()
	})
}

// What is saved while the log is being read counts too, before anything is fired.
func TestSavedDuringCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &faulty{EventStore: w.store}
		cleared := false
		store.set(func(call string) error {
			if call == "read" && !cleared {
				cleared = true
				w.clear("a/1", "x")
			}
			if call == "follow" {
				return errors.New("too late: the dispatcher runs")
			}
			return nil
		})
		w.set("a/1", "x", -time.Hour)
		r := w.run(New(store, w.rule(), w.options(nil)))
		w.wants()
		r.wantPending(0, 0)
		r.stop()
	})
}

// Rules that read the log differently do not share checkpoints.
func TestFingerprint(t *testing.T) {
	seen := make(map[key]int)
	for i, rule := range []Rule{
		{}, {Version: 1}, {Kinds: []string{"a"}}, {Types: []string{"a"}}, {Kinds: []string{"a", "b"}},
		{Kinds: []string{"ab"}}, {Kinds: []string{"a"}, Types: []string{"b"}}, {Types: []string{"a", "b"}},
	} {
		if former, twice := seen[rule.fingerprint()]; twice {
			t.Errorf("rule %d has the fingerprint of rule %d", i, former)
		}
		seen[rule.fingerprint()] = i
	}
}
