package integration_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

var quiet = &integration.RelayOptions{Logger: slog.New(slog.DiscardHandler)}

// A relay stops before an event that cannot be mapped, without ending; it says which
// and why, and goes on when somebody orders it and the mapping can.
func TestRelayStopsBeforeWhatItCannotMap(t *testing.T) {
	for _, eventType := range []string{"Bad", "Panic"} {
		synctest.Test(t, func(t *testing.T) {
			store := newStore(t)
			save(t, store, "room/1", "One", eventType, "One")
			m := mapping()
			inner, mended, attempts := m.Map, false, 0
			m.Map = func(e aether.Event) ([]integration.Event, error) {
				if e.Type == eventType {
					if attempts++; mended {
						e.Type = "One"
					}
				}
				return inner(e)
			}
			bus := &recorder{}
			relay := integration.NewRelay(store, "test", m, bus, quiet)
			stop := run(t, relay)
			defer stop()
			time.Sleep(time.Hour)
			status := relay.Status()
			bad, ok := errors.AsType[*integration.MapError](status.Err)
			if !ok || bad.Position != 2 || bad.ActorID != "room/1" || bad.Type != eventType || bad.System != "demo" {
				t.Errorf("%s: the error is %v, want a MapError", eventType, status.Err)
			}
			if status.State != integration.RelayStopped || status.Error == "" || status.Cursor != (integration.Cursor{Sequence: 1, Position: 1}) || attempts != 1 {
				t.Errorf("%s: after %d attempts the status is %+v", eventType, attempts, status)
			}
			relay.Retry()
			synctest.Wait()
			if status := relay.Status(); status.State != integration.RelayStopped || attempts != 2 {
				t.Errorf("%s: after %d attempts the status is %+v", eventType, attempts, status)
			}
			mended = true
			relay.Retry()
			synctest.Wait()
			if status := relay.Status(); status.State != integration.RelayPublishing || status.Err != nil || status.Cursor.Sequence != 3 {
				t.Errorf("%s: in the end the status is %+v", eventType, status)
			}
			if got := bus.sequences(); !slices.Equal(got, upTo(3)) {
				t.Errorf("%s: %v came", eventType, got)
			}
		})
	}
}

// forgetful is a bus that keeps its events, and can lose the newest of them.
type forgetful struct {
	integration.Bus
	mu     sync.Mutex
	events []integration.Event
}

func (f *forgetful) Publish(_ context.Context, events ...integration.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		last := uint64(len(f.events))
		if e.Sequence > last+1 {
			return &integration.GapError{Stream: e.Stream, Expected: last + 1, Got: e.Sequence}
		}
		if e.Sequence == last+1 {
			f.events = append(f.events, e)
		}
	}
	return nil
}

func (f *forgetful) Last(context.Context, integration.Stream) (integration.Cursor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range slices.Backward(f.events) {
		if e.Last {
			return integration.Cursor{Sequence: e.Sequence, Position: e.Position}, nil
		}
	}
	return integration.Cursor{}, nil
}

// lose leaves a number of events.
func (f *forgetful) lose(left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = f.events[:left]
}

func (f *forgetful) has(t *testing.T, name string, want int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) != want {
		t.Errorf("%s: the bus has %d events, want %d", name, len(f.events), want)
	}
}

// A bus may lose its newest events in a crash (JetStream syncs every two minutes by
// default): the relay, which is ahead of it, publishes them again.
func TestRelayAheadOfTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		save(t, store, "room/1", slices.Repeat([]string{"Two"}, 5)...)
		bus := &forgetful{}
		relay := integration.NewRelay(store, "test", mapping(), bus, quiet)
		stop := run(t, relay)
		synctest.Wait()
		bus.has(t, "at first", 10)

		bus.lose(7) // in the middle of a position, while the relay runs
		save(t, store, "room/1", "Two")
		time.Sleep(time.Second)
		bus.has(t, "after a loss", 12)
		bus.lose(0)
		save(t, store, "room/1", "Two")
		time.Sleep(time.Second)
		bus.has(t, "after the loss of all", 14)
		if status := relay.Status(); status.State != integration.RelayPublishing || status.Cursor.Sequence != 14 {
			t.Errorf("the status is %+v", status)
		}
		stop()

		bus.lose(8) // while it does not run, and nothing new comes
		stop = run(t, integration.NewRelay(store, "test", mapping(), bus, quiet))
		synctest.Wait()
		bus.has(t, "after a restart", 14)
		stop()
	})
}

// A relay is where its bus is, when that knows nothing: the cursor holds.
func TestRelayOfABusThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		save(t, store, "room/1", "One", "One", "One")
		stop := run(t, integration.NewRelay(store, "test", mapping(), integration.NewLocal(nil), quiet))
		synctest.Wait()
		stop()
		save(t, store, "room/1", "One")
		bus := integration.NewLocal(nil)
		stop = run(t, integration.NewRelay(store, "test", mapping(), bus, quiet))
		synctest.Wait()
		stop()
		for e, err := range bus.Subscribe(t.Context(), integration.Stream{Namespace: "test", System: "demo", Version: 1}, 3) {
			if err != nil || e.Sequence != 4 {
				t.Errorf("the bus begins with %d, %v", e.Sequence, err)
			}
			break
		}
	})
}

// recorder is a bus that notes what comes, and can fail.
type recorder struct {
	integration.Bus
	mu     sync.Mutex
	events []integration.Event
	fail   func(call int) error
	calls  int
}

func (r *recorder) Publish(ctx context.Context, events ...integration.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return err
		}
	}
	r.events = append(r.events, events...)
	return nil
}

func (r *recorder) Last(context.Context, integration.Stream) (integration.Cursor, error) {
	return integration.Cursor{}, nil
}

// sequences are the numbers that came.
func (r *recorder) sequences() (numbers []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		numbers = append(numbers, e.Sequence)
	}
	return numbers
}

func run(t *testing.T, relay *integration.Relay) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := relay.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	return func() { cancel(); <-done }
}

func upTo(n uint64) (numbers []uint64) {
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}

func TestRelayPublishesWhatIsThereAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		for range 400 {
			save(t, store, "room/1", "One", "Two")
		}
		bus := &recorder{}
		stop := run(t, integration.NewRelay(store, "test", mapping(), bus, nil))
		synctest.Wait()
		save(t, store, "room/2", "Two")
		synctest.Wait()
		if got := bus.sequences(); !slices.Equal(got, upTo(1202)) {
			t.Errorf("%d events came", len(got))
		}
		if bus.calls > 20 {
			t.Errorf("there were %d calls", bus.calls)
		}
		stop()

		// It goes on where it was.
		save(t, store, "room/2", "One")
		bus = &recorder{}
		stop = run(t, integration.NewRelay(store, "test", mapping(), bus, nil))
		synctest.Wait()
		stop()
		if got := bus.sequences(); !slices.Equal(got, []uint64{1203}) {
			t.Errorf("after a restart %v came", got)
		}
	})
}

// A bus that fails gets everything in the end, in order; what is repeated has the
// numbers it had.
func TestRelayTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		bus := &recorder{fail: func(call int) error {
			if call%3 != 0 {
				return errors.New("the network is down")
			}
			return nil
		}}
		relay := integration.NewRelay(store, "test", mapping(), bus, quiet)
		stop := run(t, relay)
		for range 50 {
			save(t, store, "room/1", "Two")
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		if got := bus.sequences(); !slices.Equal(got, upTo(100)) {
			t.Errorf("%v came", got)
		}
		if status := relay.Status(); status.Err != nil || status.Cursor.Sequence != 100 {
			t.Errorf("the status is %+v", status)
		}
		stop()
	})
}

// A process that was killed has an old cursor, or none: it publishes some again and
// leaves none out. A cursor of another history is not used.
func TestRelayAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		other := newStore(t)
		save(t, store, "room/1", slices.Repeat([]string{"One"}, 10)...)
		save(t, other, "room/1", slices.Repeat([]string{"Two"}, 30)...)
		run(t, integration.NewRelay(other, "test", mapping(), &recorder{}, nil))
		synctest.Wait()
		for name, prepare := range map[string]func() (aether.EventStore, uint64){
			"no cursor":        func() (aether.EventStore, uint64) { return struct{ aether.EventStore }{store}, 1 },
			"an old cursor":    func() (aether.EventStore, uint64) { return store, 1 },
			"another's cursor": func() (aether.EventStore, uint64) { return withCursorOf(t, store, other), 1 },
		} {
			s, first := prepare()
			bus := &recorder{}
			ctx, cancel := context.WithCancel(t.Context())
			go integration.NewRelay(s, "test", mapping(), bus, &integration.RelayOptions{CursorEvery: 4}).Run(ctx)
			synctest.Wait()
			if got := bus.sequences(); !slices.Equal(got, upTo(10)[first-1:]) {
				t.Errorf("%s: %v came", name, got)
			}
			cancel()
			synctest.Wait()
		}
	})
}

// withCursorOf returns the events of one store with the snapshots of another, in
// which every relay has its cursor.
func withCursorOf(t *testing.T, store, other aether.EventStore) aether.EventStore {
	return struct {
		aether.EventStore
		aether.SnapshotStore
	}{store, other.(aether.SnapshotStore)}
}
