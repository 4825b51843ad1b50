package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
)

// mapping makes as many integration events of a domain event as its type says.
func mapping() integration.Mapping {
	return integration.Mapping{
		System: "demo", Version: 1, Kinds: []string{"room"},
		Map: func(e aether.Event) ([]integration.Event, error) {
			n := map[string]int{"None": 0, "One": 1, "Two": 2, "Panic": -1, "Bad": -2}[e.Type]
			switch n {
			case -1:
				panic("no such room")
			case -2:
				return nil, errors.New("no such room")
			}
			events := make([]integration.Event, n)
			for i := range events {
				events[i] = integration.Event{Type: fmt.Sprintf("demo.%s.%d", e.Type, i), Data: e.Data}
			}
			return events, nil
		},
	}
}

func newStore(t *testing.T) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// save appends events of the types to an actor.
func save(t *testing.T, store aether.EventStore, actorID string, types ...string) {
	t.Helper()
	version, err := store.GetLatestVersion(t.Context(), actorID)
	if err != nil {
		t.Fatal(err)
	}
	for i, eventType := range types {
		e := aether.Event{ActorID: actorID, Version: version + aether.Version(i+1), Type: eventType, Data: []byte(`{"a":1}`),
			Metadata: aether.Metadata{CorrelationID: "request 7", CausationID: "command 7"}}
		if _, err := store.SaveEvents(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// brief is what most tests look at.
func brief(events []integration.Event) string {
	var text []string
	for _, e := range events {
		text = append(text, fmt.Sprintf("%d:%s@%d", e.Sequence, e.Type, e.Position))
	}
	return fmt.Sprint(text)
}

func TestRead(t *testing.T) {
	store := newStore(t)
	save(t, store, "room/1", "One", "None", "Two")
	save(t, store, "hall/1", "One")
	save(t, store, "room/1", "One")
	m := mapping()
	var all []integration.Event
	for e, err := range m.Read(t.Context(), store, "test", integration.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if got, want := brief(all), "[1:demo.One.0@1 2:demo.Two.0@3 3:demo.Two.1@3 4:demo.One.0@5]"; got != want {
		t.Fatalf("the events are %s, want %s", got, want)
	}
	second := all[2]
	if second.ID != "room/1@3.1" || second.Subject != "room/1" || second.Stream != m.Stream("test") || !second.Last || all[1].Last ||
		second.Metadata.CorrelationID != "request 7" || second.Metadata.CausationID == "command 7" || second.Time.IsZero() {
		t.Errorf("an event is %+v", second)
	}

	// From any cursor on, the same numbers.
	for i, e := range all {
		if !e.Last {
			continue
		}
		var rest []integration.Event
		for e, err := range m.Read(t.Context(), store, "test", integration.Cursor{Sequence: e.Sequence, Position: e.Position}) {
			if err != nil {
				t.Fatal(err)
			}
			rest = append(rest, e)
		}
		if brief(rest) != brief(all[i+1:]) {
			t.Errorf("behind %d: %s, want %s", i, brief(rest), brief(all[i+1:]))
		}
	}
}

func TestMapErrors(t *testing.T) {
	for _, eventType := range []string{"Bad", "Panic"} {
		store := newStore(t)
		save(t, store, "room/1", "One", eventType)
		m := mapping()
		relay := integration.NewRelay(store, "test", m, integration.NewLocal(), nil)
		err := relay.Run(t.Context())
		bad, ok := errors.AsType[*integration.MapError](err)
		if !ok || bad.Position != 2 || bad.ActorID != "room/1" || bad.Type != eventType || bad.System != "demo" {
			t.Errorf("%s: Run: %v, want a MapError", eventType, err)
		}
		if status := relay.Status(); status.Err == nil || status.Cursor != (integration.Cursor{Sequence: 1, Position: 1}) {
			t.Errorf("%s: the status is %+v", eventType, status)
		}
	}
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
		relay := integration.NewRelay(store, "test", mapping(), bus, &integration.RelayOptions{Logger: slog.New(slog.DiscardHandler)})
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
