package projection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// A shelf has books, each with the numbers of the events that were about it.

type book struct {
	ID   string   `json:"id"`
	Seen []uint64 `json:"seen"`
	Note string   `json:"note,omitempty"`
}

var books = readdb.NewCollection("books", func(b book) string { return b.ID })

// shelf fails at events of the type that is poison, while there is one.
type shelf struct {
	mu     sync.Mutex
	poison string
	note   string
}

func (s *shelf) poisoned(eventType string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poison = eventType
}

func (s *shelf) projection(version int) projection.Projection {
	return projection.Projection{Name: "shelf", Version: version, Apply: func(tx *readdb.Tx, e integration.Event) error {
		b, _, err := books.Get(tx, e.Subject)
		if err != nil {
			return err
		}
		b.ID, b.Seen, b.Note = e.Subject, append(b.Seen, e.Sequence), s.note
		if err := books.Put(tx, b); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.poison == "":
		case s.poison == e.Type && e.Type == "Torn":
			panic("the page is torn")
		case s.poison == e.Type:
			return errors.New("the book is poisoned")
		}
		return nil
	}}
}

// world is a store with a relay to a bus.
type world struct {
	t       *testing.T
	store   aether.EventStore
	bus     *integration.Local
	history *integration.LogHistory
	db      *readdb.DB
	shelf   *shelf
	events  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, bus: integration.NewLocal(nil), shelf: &shelf{}}
	w.history = &integration.LogHistory{Log: store, Namespace: "test", Mapping: integration.Mapping{
		System: "library", Version: 1,
		Map: func(e aether.Event) ([]integration.Event, error) {
			if e.Type == "Private" {
				return nil, nil
			}
			one := integration.Event{Type: e.Type, Data: e.Data}
			if e.Type == "Double" {
				return []integration.Event{one, one}, nil
			}
			return []integration.Event{one}, nil
		},
	}}
	w.dropReadDB()
	return w
}

func (w *world) dropReadDB() {
	w.t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		w.t.Fatal(err)
	}
	w.db = db
}

func (w *world) save(types ...string) aether.Position {
	w.t.Helper()
	var position aether.Position
	for _, eventType := range types {
		w.events++
		actorID := fmt.Sprint("book/", w.events%3)
		version, err := w.store.GetLatestVersion(w.t.Context(), actorID)
		if err == nil {
			position, err = w.store.SaveEvents(w.t.Context(), aether.Event{
				ID: fmt.Sprint("event ", w.events), ActorID: actorID, Version: version + 1, Type: eventType, Data: []byte(`{}`),
			})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return position
}

func (w *world) relay(ctx context.Context) {
	go integration.NewRelay(w.store, "test", w.history.Mapping, w.bus, nil).Run(ctx)
}

// start runs a projector until stop is called.
func (w *world) start(p projection.Projection, bus integration.Bus, options *projection.Options) (projector *projection.Projector, stop func()) {
	w.t.Helper()
	if options == nil {
		options = &projection.Options{}
	}
	options.Logger = slog.New(slog.DiscardHandler)
	projector, err := projection.New(w.db, p, w.history, bus, options)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := projector.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run: %v", err)
		}
	}()
	return projector, func() { cancel(); <-done }
}

// raw is everything that is stored in a space.
func raw(t *testing.T, space *readdb.Space) []byte {
	t.Helper()
	view, err := space.View()
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var all bytes.Buffer
	for pair, err := range view.Raw() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%q = %q\n", pair.Key, pair.Value)
	}
	return all.Bytes()
}

// expectWhole fails the test unless the books have seen the events 1 to n, each once.
func expectWhole(t *testing.T, space *readdb.Space, n uint64, without ...uint64) {
	t.Helper()
	var seen []uint64
	for b, err := range books.All(space, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSorted(b.Seen) {
			t.Errorf("%s has seen %v", b.ID, b.Seen)
		}
		seen = append(seen, b.Seen...)
	}
	slices.Sort(seen)
	var want []uint64
	for i := range n {
		if !slices.Contains(without, i+1) {
			want = append(want, i+1)
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the books have seen %v, want 1 to %d without %v", seen, n, without)
	}
}

func TestCatchUpAndFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Double", "Private", "Lent")
		w.relay(t.Context())
		var applied []uint64
		p, stop := w.start(w.shelf.projection(1), w.bus, &projection.Options{Applied: func(events []integration.Event) {
			for _, e := range events {
				applied = append(applied, e.Sequence)
			}
		}})
		synctest.Wait()
		if s := p.Status(); s.State != projection.Live || s.Cursor != (integration.Cursor{Sequence: 4, Position: 4}) || s.Space != "test/shelf@1.1.1" {
			t.Errorf("the status is %+v", s)
		}
		w.save("Returned", "Double")
		synctest.Wait()
		expectWhole(t, p.Space(), 7)
		if !slices.Equal(applied, []uint64{5, 6, 7}) {
			t.Errorf("applied were %v", applied)
		}
		before := raw(t, p.Space())
		stop()

		// A restart goes on, and a new read DB has the same bytes.
		w.save("Lent")
		p, stop = w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		expectWhole(t, p.Space(), 8)
		after := raw(t, p.Space())
		stop()
		w.dropReadDB()
		p, stop = w.start(w.shelf.projection(1), w.bus, &projection.Options{Batch: 2})
		synctest.Wait()
		if again := raw(t, p.Space()); !bytes.Equal(again, after) || bytes.Equal(after, before) {
			t.Errorf("made again it is\n%s\nand was\n%s", again, after)
		}
		stop()
	})
}

// Without a bus it applies what is there.
func TestWithoutBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent")
		p, _ := w.start(w.shelf.projection(1), nil, nil)
		synctest.Wait()
		expectWhole(t, p.Space(), 2)
	})
}

// Without a bus nobody waits for an operator.
func TestPoisonWithoutBus(t *testing.T) {
	w := newWorld(t)
	w.shelf.poisoned("Poison")
	w.save("Bought", "Poison")
	p, err := projection.New(w.db, w.shelf.projection(1), w.history, nil, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var stopped *projection.ApplyError
	if err := p.Run(t.Context()); !errors.As(err, &stopped) || stopped.Event.Sequence != 2 {
		t.Errorf("Run: %v, want an ApplyError", err)
	}
	expectWhole(t, p.Space(), 1)
}

// crooked is a bus that leaves events out, repeats them, and forgets.
type crooked struct {
	integration.Bus
	t *testing.T
}

func (c crooked) Subscribe(ctx context.Context, stream integration.Stream, after uint64) iter.Seq2[integration.Event, error] {
	return func(yield func(integration.Event, error) bool) {
		n := 0
		var former integration.Event
		for e, err := range c.Bus.Subscribe(ctx, stream, after-min(after, 2)) {
			n++
			switch {
			case err == nil && n%7 == 0:
				continue // lost
			case err == nil && n%5 == 0 && !yield(former, nil):
				return
			case err == nil && n%23 == 0:
				yield(integration.Event{}, &integration.GoneError{Stream: stream})
				return
			}
			if former = e; !yield(e, err) {
				return
			}
		}
	}
}

func TestCrookedBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.relay(t.Context())
		p, stop := w.start(w.shelf.projection(1), crooked{w.bus, t}, nil)
		for i := range 300 {
			w.save([]string{"Bought", "Double", "Private"}[i%3])
			if i%10 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		w.save("Lent", "Lent", "Lent", "Lent", "Lent", "Lent", "Lent", "Lent") // the last may be lost, and nobody would know
		synctest.Wait()
		if err := p.Wait(t.Context(), 300); err != nil {
			t.Fatal(err)
		}
		expectWhole(t, p.Space(), p.Status().Cursor.Sequence)
		if got := p.Status().Cursor.Sequence; got < 300 {
			t.Errorf("it has come to %d", got)
		}
		stop()
	})
}

func TestPoison(t *testing.T) {
	for _, poison := range []string{"Poison", "Torn"} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprint(poison, live), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testPoison(t, poison, live) })
			})
		}
	}
}

func testPoison(t *testing.T, poison string, live bool) {
	w := newWorld(t)
	w.shelf.poisoned(poison)
	events := func() { w.save("Bought", "Lent", poison, "Bought", poison, "Double") }
	w.relay(t.Context())
	if !live {
		events()
	}
	p, stop := w.start(w.shelf.projection(1), w.bus, nil)
	synctest.Wait()
	if live {
		events()
	}
	synctest.Wait()
	s := p.Status()
	if s.State != projection.Stopped || s.At == nil || s.At.Sequence != 3 || s.Error == "" || s.Cursor.Sequence != 2 {
		t.Errorf("the status is %+v", s)
	}
	expectWhole(t, p.Space(), 2) // not what Apply had changed when it failed

	if err := p.Retry(); err != nil { // in vain
		t.Error(err)
	}
	synctest.Wait()
	if err := p.Skip(7); !errors.Is(err, projection.ErrNotStopped) {
		t.Errorf("Skip of another event: %v", err)
	}
	synctest.Wait()
	if s := p.Status(); s.State != projection.Stopped || s.At.Sequence != 3 {
		t.Errorf("after Retry the status is %+v", s)
	}
	if err := p.Skip(3); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	if s := p.Status(); s.State != projection.Stopped || s.At.Sequence != 5 {
		t.Errorf("after Skip the status is %+v", s)
	}
	w.shelf.poisoned("")
	if err := p.Retry(); err != nil {
		t.Error(err)
	}
	synctest.Wait()
	if err := p.Retry(); !errors.Is(err, projection.ErrNotStopped) {
		t.Errorf("Retry of nothing: %v", err)
	}
	if s := p.Status(); s.State != projection.Live || s.Error != "" || s.At != nil {
		t.Errorf("in the end the status is %+v", s)
	}
	expectWhole(t, p.Space(), 7, 3)
	stop()
}

// While a new version is built the old one answers.
func TestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.relay(t.Context())
		w.save("Bought", "Lent", "Poison")
		_, stop := w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		stop()

		w.save("Returned")
		w.shelf.note = "second"
		w.shelf.poisoned("Poison") // so it stops halfway
		p, stop := w.start(w.shelf.projection(2), w.bus, nil)
		synctest.Wait()
		if s := p.Status(); s.Space != "test/shelf@1.1.1" || s.State != projection.Outdated || !s.Ready || s.Building == nil ||
			s.Building.Space != "test/shelf@1.2.1" || s.Building.State != projection.Stopped {
			t.Errorf("halfway the status is %+v", s)
		}
		expectWhole(t, p.Space(), 3)
		stop() // and a restart goes on with it
		w.shelf.poisoned("")
		p, stop = w.start(w.shelf.projection(2), w.bus, nil)
		synctest.Wait()
		if s := p.Status(); s.Space != "test/shelf@1.2.1" || s.Building != nil || s.State != projection.Live {
			t.Errorf("in the end the status is %+v", s)
		}
		expectWhole(t, p.Space(), 4)
		if b, _, err := books.Get(p.Space(), "book/1"); err != nil || b.Note != "second" {
			t.Errorf("a book is %+v, %v", b, err)
		}

		w.shelf.note = "third"
		p.Rebuild()
		synctest.Wait()
		if s := p.Status(); s.Space != "test/shelf@1.2.2" || s.Building != nil {
			t.Errorf("after Rebuild the status is %+v", s)
		}
		expectWhole(t, p.Space(), 4)
		spaces, err := w.db.Spaces()
		if err != nil || !slices.Equal(spaces, []string{"aether.projections", "test/shelf@1.2.2"}) {
			t.Errorf("the spaces are %v, %v", spaces, err)
		}
		w.save("Bought")
		synctest.Wait()
		expectWhole(t, p.Space(), 5)
		stop()
	})
}

// What was made of another history is not used.
func TestAnotherHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent", "Returned")
		_, stop := w.start(w.shelf.projection(1), nil, nil)
		synctest.Wait()
		stop()
		for name, types := range map[string][]string{"shorter": {"Bought"}, "other": {"Lent", "Lent", "Lent", "Bought"}} {
			other := newWorld(t)
			other.db = w.db
			other.save(types...)
			p, stop := other.start(w.shelf.projection(1), nil, nil)
			synctest.Wait()
			expectWhole(t, p.Space(), uint64(len(types)))
			if t.Failed() {
				t.Log(name)
			}
			stop()
		}
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, stop := w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		expect := func(position aether.Position, waits bool) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.Wait(ctx, position) }()
			synctest.Wait()
			select {
			case err := <-done:
				if err != nil || waits {
					t.Errorf("Wait for %d: %v, at once", position, err)
				}
			default:
				if !waits {
					t.Errorf("Wait for %d waits", position)
				}
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) || !errors.Is(err, projection.ErrBehind) {
					t.Errorf("Wait for %d: %v", position, err)
				}
			}
			cancel()
		}
		position := w.save("Bought")
		expect(position, true) // nothing publishes it
		w.relay(t.Context())
		synctest.Wait()
		expect(position, false)
		expect(w.save("Private"), false) // has no integration event
		expect(w.save("Bought", "Private"), false)
		stop()
	})
}
