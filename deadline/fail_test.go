package deadline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// fireWith answers each Fire with what a function says.
func (w *world) fireWith(answer func(d Deadline) error) Rule {
	rule := w.rule()
	rule.Fire = func(_ context.Context, d Deadline) error {
		w.record(d)
		return answer(d)
	}
	return rule
}

func TestFireErrorsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.fireWith(func(d Deadline) error {
			switch {
			case d.Name == "fine" || d.Failed == 4:
				return nil
			case d.Failed == 2:
				panic("at the disco")
			case d.Failed == 3:
				return aether.ErrClosed // of another store: no reason to end
			}
			return errors.New("the actor is busy")
		})
		w.set("a/1", "x", 0)
		w.set("a/1", "fine", 0)
		r := w.start(rule, &Options{MinBackoff: 8 * time.Second, MaxBackoff: 20 * time.Second, Concurrency: 1})
		w.wants("a/1 x", "a/1 fine")
		for _, wait := range []time.Duration{8, 16, 20, 20} {
			r.wantPending(1, 1)
			w.advance(wait*time.Second/2 - time.Microsecond)
			w.wants() // the random part is at most a half
			w.advance(wait*time.Second/2 + time.Microsecond)
			w.wants("a/1 x")
		}
		r.wantPending(0, 0)
		w.advance(time.Hour)
		w.wants()
		r.stop()
		logged := w.logs.take()
		if len(logged) != 4 || !strings.Contains(logged[2], "at the disco") || !strings.Contains(logged[2], "fail_test.go") {
			t.Errorf("logged %q", logged)
		}
	})
}

// A Fire that ends its goroutine, as t.FailNow does, has failed like any other: no
// worker is lost, and the deadline is fired again.
func TestFireExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.fireWith(func(d Deadline) error {
			if d.Failed < 2 {
				runtime.Goexit()
			}
			return nil
		})
		w.set("a/1", "x", 0)
		r := w.start(rule, &Options{MinBackoff: 8 * time.Second, Concurrency: 1})
		w.wants("a/1 x")
		for _, wait := range []time.Duration{8, 16} {
			r.wantPending(1, 1)
			w.advance(wait * time.Second)
			w.wants("a/1 x")
		}
		r.wantPending(0, 0)
		r.stop()
		if logged := w.logs.take(); len(logged) != 2 || !strings.Contains(logged[0], "fail_test.go") {
			t.Errorf("logged %q", logged)
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		least, most time.Duration
		want        []time.Duration
	}{
		{0, 0, []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9, 60e9}},
		{3, 20, []time.Duration{3, 6, 12, 20, 20}},
		{5, 5, []time.Duration{5, 5}},
		{9, 5, []time.Duration{5, 5}},
		{1, 1<<63 - 1, []time.Duration{1, 2, 4, 8}},
	} {
		s := New(nil, (&world{}).rule(), &Options{MinBackoff: test.least, MaxBackoff: test.most})
		for i, want := range test.want {
			least, most := s.backoff(i+1), time.Duration(0)
			for range 1000 {
				wait := s.backoff(i + 1)
				least, most = min(least, wait), max(most, wait)
			}
			if least < want/2 || most > want || least > want*6/10+1 || most < want*9/10 {
				t.Errorf("%v to %v: after %d failures it waits %v to %v, want up to %v", test.least, test.most, i+1, least, most, want)
			}
		}
		if wait := s.backoff(1 << 16); wait <= 0 || wait > s.options.MaxBackoff {
			t.Errorf("after many failures it waits %v", wait)
		}
	}
}

// A refusal is an answer.
func TestRefusalIsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "x", 0)
		r := w.start(w.fireWith(func(Deadline) error {
			return fmt.Errorf("send: %w", aether.Refuse("released", "the hold is released"))
		}), nil)
		w.wants("a/1 x")
		r.wantPending(0, 0)
		r.stop()
		if logged := w.logs.take(); len(logged) != 0 {
			t.Errorf("logged %q", logged)
		}
	})
}

func TestClearedAndMovedWhileItWaitsToBeRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "cleared", 0)
		w.set("a/1", "moved", 0)
		r := w.start(w.fireWith(func(d Deadline) error {
			if d.At.Equal(noon) {
				return errors.New("no")
			}
			return nil
		}), &Options{Concurrency: 1})
		w.wants("a/1 cleared", "a/1 moved")
		r.wantPending(2, 2)
		w.clear("a/1", "cleared")
		w.set("a/1", "moved", time.Hour)
		r.wantPending(1, 0)
		w.advance(59 * time.Minute)
		w.wants()
		w.advance(time.Minute)
		w.wants("a/1 moved")
		r.stop()
	})
}

// While Fire is under way there is no other one for the same deadline, whatever
// the events say; and what it returns is about what it was given.
func TestChangedWhileFiring(t *testing.T) {
	for _, success := range []bool{true, false} {
		for name, test := range map[string]struct {
			change  func(w *world)
			pending int
			later   []string // what is fired of it within the next hour, after the first has ended
		}{
			"nothing":           {func(*world) {}, 1, nil},
			"cleared":           {func(w *world) { w.clear("a/1", "x") }, 0, nil},
			"moved":             {func(w *world) { w.set("a/1", "x", time.Hour) }, 1, []string{"a/1 x"}},
			"moved to the past": {func(w *world) { w.set("a/1", "x", -time.Hour) }, 1, []string{"a/1 x"}},
			"cleared and set":   {func(w *world) { w.clear("a/1", "x"); w.set("a/1", "x", 0) }, 1, []string{"a/1 x"}},
			"set and cleared":   {func(w *world) { w.set("a/1", "x", 0); w.clear("a/1", "x") }, 0, nil},
		} {
			t.Run(fmt.Sprintf("%s/%v", name, success), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					end := make(chan error)
					first := w.set("a/1", "x", 0)
					r := w.start(w.fireWith(func(d Deadline) error {
						if d.Event.ID == first.ID && d.Failed == 0 {
							return <-end
						}
						return nil
					}), nil)
					w.wants("a/1 x")
					test.change(w)
					w.advance(time.Minute)
					w.wants()
					r.wantPending(test.pending, 0)
					later := test.later
					if success {
						end <- nil
					} else {
						end <- errors.New("no")
						if name == "nothing" {
							later = []string{"a/1 x"}
						}
					}
					synctest.Wait()
					w.advance(time.Hour)
					w.wants(later...)
					r.wantPending(0, 0)
					r.stop()
				})
			})
		}
	}
}

func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		underWay, most := 0, 0
		rule := w.rule()
		rule.Fire = func(_ context.Context, d Deadline) error {
			mu.Lock()
			underWay++
			most = max(most, underWay)
			mu.Unlock()
			time.Sleep(time.Second)
			w.record(d)
			mu.Lock()
			underWay--
			mu.Unlock()
			return nil
		}
		const n = 100
		for i := range n {
			w.set(fmt.Sprintf("a/%d", i), "x", time.Duration(i%7))
		}
		began := time.Now()
		r := w.start(rule, &Options{Concurrency: 10})
		w.clock.Advance(time.Microsecond)
		time.Sleep(n / 10 * time.Second)
		synctest.Wait()
		if len(w.fired) != n || most != 10 {
			t.Errorf("%d were fired, %d at a time, in %v; want %d, 10 at a time", len(w.fired), most, time.Since(began), n)
		}
		r.stop()
	})
}

// A retry may be due before the next deadline although no Fire has ended since.
func TestRetryWhileOthersAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		block := make(chan struct{})
		w.set("a/1", "fails", 0)
		w.set("a/1", "blocks", time.Microsecond)
		r := w.start(w.fireWith(func(d Deadline) error {
			switch {
			case d.Name == "blocks":
				<-block
			case d.Failed == 0:
				w.clock.Advance(time.Microsecond) // the same worker takes the other one next
				return errors.New("no")
			}
			return nil
		}), &Options{Concurrency: 2})
		w.wants("a/1 fails", "a/1 blocks")
		w.advance(time.Second)
		w.wants("a/1 fails")
		close(block)
		r.stop()
	})
}

// Run waits for the calls of Fire that are under way, whose ctx has ended.
func TestRunWaitsForFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		rule.Fire = func(ctx context.Context, d Deadline) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			w.record(d)
			return ctx.Err()
		}
		w.set("a/1", "x", 0)
		w.set("a/1", "y", 0)
		r := w.start(rule, &Options{Concurrency: 1})
		r.stop()
		w.wants("a/1 x") // and not y
		if logged := w.logs.take(); len(logged) != 0 {
			t.Errorf("logged %q", logged)
		}
	})
}

// faulty is a store whose log fails when the test says so.
type faulty struct {
	aether.EventStore
	mu    sync.Mutex
	fails func(call string) error
}

func (f *faulty) set(fails func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

func (f *faulty) err(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails == nil {
		return nil
	}
	return f.fails(call)
}

func (f *faulty) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	if err := f.err("latest"); err != nil {
		return 0, err
	}
	return f.EventStore.GetLatestPosition(ctx)
}

func (f *faulty) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return f.fail("read", f.EventStore.ReadLog(ctx, after, options))
}

func (f *faulty) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return f.fail("follow", f.EventStore.FollowLog(ctx, after, options))
}

func (f *faulty) fail(call string, events iter.Seq2[aether.Event, error]) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for event, err := range events {
			if failed := f.err(call); failed != nil {
				yield(aether.Event{}, failed)
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// The log is read again from where it failed, as often as it takes: every third
// call fails here.
func TestLogErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &faulty{EventStore: w.store}
		calls := 0
		store.set(func(string) error {
			if calls++; calls%3 == 1 {
				return errors.New("the disk is asleep")
			}
			return nil
		})
		rule := w.rule()
		derived := make(map[aether.Position]int)
		rule.Derive = func(e aether.Event) ([]Change, error) {
			derived[e.Position]++
			return derive(e)
		}
		const n = 30
		for range n / 2 {
			w.set("a/1", "x", time.Minute)
		}
		s := New(store, rule, w.options(nil))
		r := w.run(s)
		time.Sleep(time.Hour)
		for range n / 2 {
			w.set("a/1", "x", time.Minute)
		}
		time.Sleep(time.Hour)
		r.wantPending(1, 0)
		for position, times := range derived {
			if times != 1 {
				t.Errorf("the event at position %d was read %d times", position, times)
			}
		}
		logged := w.logs.take()
		if len(logged) < n/3 || !strings.Contains(logged[0], "asleep") {
			t.Errorf("logged %q", logged)
		}
		for _, text := range logged { // each failure is the first since some events were read
			if !strings.Contains(text, " failed=1 ") {
				t.Errorf("logged %q", text)
			}
		}
		w.clock.Advance(time.Minute)
		for range 3 { // one of them finds the event of the deadline, which is read too
			w.advance(time.Minute)
		}
		w.wants("a/1 x")
		r.stop()
	})
}

// A follower that ends, which it should not, is begun again too.
func TestFollowerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &endsEarly{w.store}
		r := w.run(New(store, w.rule(), w.options(nil)))
		w.set("a/1", "x", 0)
		w.set("a/1", "y", 0)
		time.Sleep(time.Hour)
		w.wants("a/1 x", "a/1 y")
		r.stop()
	})
}

type endsEarly struct{ aether.EventStore }

func (s *endsEarly) FollowLog(ctx context.Context, after aether.Position, _ *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return s.EventStore.FollowLog(ctx, after, &aether.LogOptions{To: after + 1})
}

func TestClosedStoreEndsRun(t *testing.T) {
	for _, call := range []string{"latest", "read", "follow"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				store := &faulty{EventStore: w.store}
				store.set(func(c string) error {
					if c == call {
						return fmt.Errorf("test: %w", aether.ErrClosed)
					}
					return nil
				})
				w.set("a/1", "x", time.Hour)
				r := w.run(New(store, w.rule(), w.options(nil)))
				w.set("a/1", "y", time.Hour)
				if err := <-r.ended; !errors.Is(err, aether.ErrClosed) {
					t.Errorf("Run: %v, want %v", err, aether.ErrClosed)
				}
			})
		})
	}
}

var errData = errors.New("the data is of another planet")

func TestDeriveErrors(t *testing.T) {
	for name, test := range map[string]struct {
		derive func() ([]Change, error)
		want   string
	}{
		"error": {func() ([]Change, error) { return nil, errData }, "position 2, version 1 of a/1, a Odd: " + errData.Error()},
		"panic": {func() ([]Change, error) { panic("at the disco") }, "at the disco"},
		"zero":  {func() ([]Change, error) { return []Change{Set("x", time.Time{})}, nil }, `the time of "x" is zero`},
		"far":   {func() ([]Change, error) { return []Change{Set("x", time.Unix(1<<60, 0))}, nil }, "is in the year"},
	} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, live), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					rule := w.rule()
					rule.Derive = func(e aether.Event) ([]Change, error) {
						if e.Type == "Odd" {
							return test.derive()
						}
						return derive(e)
					}
					w.set("b/1", "x", time.Hour)
					if !live {
						w.save("a/1", "Odd", "", noon)
					}
					r := w.start(rule, nil)
					if live {
						w.save("a/1", "Odd", "", noon)
					}
					err := <-r.ended
					failed, ok := errors.AsType[*DeriveError](err)
					if !ok || failed.Event.ActorID != "a/1" || failed.Rule != "test" || !strings.Contains(err.Error(), test.want) {
						t.Errorf("Run: %v, want %s", err, test.want)
					}
					if _, panicked := errors.AsType[*actor.PanicError](err); errors.Is(err, errData) != (name == "error") || panicked != (name == "panic") {
						t.Errorf("the cause of %v is not what it was", err)
					}

					// A better version of the program goes on.
					w.advance(time.Hour)
					r = w.start(w.rule(), nil)
					w.wants("b/1 x")
					r.stop()
				})
			})
		}
	}
}

// A deadline that is not due yet, as Fire finds, is fired again at the time it names; that
// is no failure, and whatever clears or moves it meanwhile counts.
func TestFireLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		heard := w.clock.Now() // the last sign of life
		rule := w.fireWith(func(Deadline) error {
			if due := heard.Add(time.Minute); w.clock.Now().Before(due) {
				return fmt.Errorf("still there: %w", Later(due))
			}
			return nil
		})
		w.set("a/1", "silent", 0)
		w.set("a/2", "silent", 0)
		r := w.start(rule, &Options{MinBackoff: time.Second, Concurrency: 1})
		w.wants("a/1 silent", "a/2 silent")
		r.wantPending(2, 0)
		w.advance(30 * time.Second)
		heard = w.clock.Now()
		w.clear("a/2", "silent")
		w.advance(30*time.Second - time.Microsecond)
		w.wants()
		w.advance(time.Microsecond)
		w.wants("a/1 silent")
		r.wantPending(1, 0)
		w.advance(30 * time.Second)
		w.wants("a/1 silent")
		r.wantPending(0, 0)
		r.stop()
		if logged := w.logs.take(); len(logged) != 0 {
			t.Errorf("logged %q", logged)
		}

		// One that names a time in the past does not go in circles.
		rule.Fire = func(_ context.Context, d Deadline) error { w.record(d); return Later(time.Time{}) }
		w = newWorld(t)
		r = w.start(rule, &Options{MinBackoff: time.Second, Concurrency: 1})
		w.set("a/3", "silent", 0)
		w.wants("a/3 silent")
		w.advance(time.Second - time.Microsecond)
		w.wants()
		w.advance(time.Microsecond)
		w.wants("a/3 silent")
		r.stop()
	})
}
