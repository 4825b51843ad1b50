package projection_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// held is a projection whose copies in some spaces wait before each event.
func (s *shelf) held(version int, spaces string, hold <-chan struct{}) projection.Projection {
	p := s.projection(version)
	inner := p.Apply
	p.Apply = func(tx *readdb.Tx, e integration.Event) error {
		if strings.HasSuffix(tx.Space().Name(), spaces) {
			<-hold
		}
		return inner(tx, e)
	}
	return p
}

// While everything is made again, what there is stays up to date.
func TestRebuildBesides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.relay(t.Context())
		w.save("Bought", "Lent")
		hold := make(chan struct{})
		var applied []uint64
		var caughtUp atomic.Int32
		p, stop := w.start(w.shelf.held(1, ".2", hold), w.bus, &projection.Options{
			Applied: func(events []integration.Event) {
				for _, e := range events {
					applied = append(applied, e.Sequence)
				}
			},
			CaughtUp: func() { caughtUp.Add(1) },
		})
		synctest.Wait()
		p.Rebuild()
		synctest.Wait()
		position := w.save("Returned")
		if err := p.Wait(t.Context(), position); err != nil {
			t.Error(err)
		}
		expectWhole(t, p.Space(), 3)
		if s := p.Status(); s.Space != "test/shelf@1.1.1" || s.State != projection.Live || s.Building == nil || s.Building.State != projection.CatchingUp {
			t.Errorf("meanwhile the status is %+v", s)
		}
		waits := make(chan error, 1)
		go func() { waits <- p.Wait(t.Context(), position+1) }() // over the change
		synctest.Wait()
		close(hold)
		synctest.Wait()
		if s := p.Status(); s.Space != "test/shelf@1.1.2" || s.State != projection.Live || s.Building != nil || !s.Ready {
			t.Errorf("in the end the status is %+v", s)
		}
		w.save("Lent")
		if err := <-waits; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		expectWhole(t, p.Space(), 4)
		if !slices.Equal(applied, []uint64{3, 4}) || caughtUp.Load() != 2 {
			t.Errorf("told of %v, and caught up %d times", applied, caughtUp.Load())
		}
		stop()
	})
}

// What cannot be applied in one copy stops that one.
func TestPoisonInRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.relay(t.Context())
		w.save("Bought", "Poison")
		p, stop := w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		w.shelf.poisoned("Poison")
		p.Rebuild()
		synctest.Wait()
		w.save("Lent")
		synctest.Wait()
		if s := p.Status(); s.State != projection.Live || s.Building == nil || s.Building.State != projection.Stopped || s.Building.At.Sequence != 2 {
			t.Errorf("the status is %+v", s)
		}
		expectWhole(t, p.Space(), 3)
		w.shelf.poisoned("")
		p.Rebuild() // once more, from the beginning
		synctest.Wait()
		if s := p.Status(); s.Space != "test/shelf@1.1.3" || s.Building != nil {
			t.Errorf("in the end the status is %+v", s)
		}
		expectWhole(t, p.Space(), 3)
		spaces, err := w.db.Spaces()
		if err != nil || !slices.Equal(spaces, []string{"aether.projections", "test/shelf@1.1.3"}) {
			t.Errorf("the spaces are %v, %v", spaces, err)
		}
		stop()
	})
}

// With a new version of the mapping the documents of the old one answer until the new
// ones are there.
func TestMappingVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent")
		_, stop := w.start(w.shelf.projection(1), nil, nil)
		synctest.Wait()
		stop()
		w.history.Mapping.Version = 2
		w.relay(t.Context())
		hold := make(chan struct{})
		p, stop := w.start(w.shelf.held(1, "@2.1.1", hold), w.bus, nil)
		synctest.Wait()
		expectWhole(t, p.Space(), 2)
		if s := p.Status(); p.Ready() != nil || s.State != projection.Outdated || s.Cursor.Sequence != 2 {
			t.Errorf("the status is %+v", s)
		}
		if err := p.Wait(t.Context(), 2); err != nil {
			t.Errorf("Wait for what is there: %v", err)
		}
		position := w.save("Returned")
		if err := p.Wait(t.Context(), position); !errors.Is(err, projection.ErrBehind) {
			t.Errorf("Wait for what is not there: %v", err)
		}
		close(hold)
		synctest.Wait()
		if err := p.Wait(t.Context(), position); err != nil {
			t.Error(err)
		}
		expectWhole(t, p.Space(), 3)
		stop()
	})
}

// Namespaces in one read DB do not see each other.
func TestNamespaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent")
		first, stop := w.start(w.shelf.projection(1), nil, nil)
		synctest.Wait()
		stop()
		other := newWorld(t)
		other.db, other.history.Namespace = w.db, "other"
		other.save("Bought")
		p, err := projection.New(w.db, w.shelf.projection(1), other.history, nil, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		expectWhole(t, p.Space(), 0)
		if err := p.Ready(); !errors.Is(err, projection.ErrNotReady) {
			t.Errorf("Ready: %v", err)
		}
		if err := p.Run(t.Context()); err != nil || p.Ready() != nil {
			t.Errorf("Run: %v, Ready: %v", err, p.Ready())
		}
		expectWhole(t, p.Space(), 1)
		expectWhole(t, first.Space(), 2)
	})
}

// Until everything was applied once, what is not there may only be late; also when the
// documents are made again because the events are those of a backup, and Run is
// interrupted.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent", "Poison")
		w.shelf.poisoned("Poison")
		p, stop := w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		if err := p.Ready(); !errors.Is(err, projection.ErrNotReady) {
			t.Errorf("halfway, Ready: %v", err)
		}
		stop()
		w.shelf.poisoned("")
		p, stop = w.start(w.shelf.projection(1), w.bus, nil)
		synctest.Wait()
		if err := p.Ready(); err != nil {
			t.Error(err)
		}
		stop()

		other := newWorld(t) // as restored
		other.db = w.db
		other.save("Bought", "Poison")
		for range 2 {
			other.shelf.poisoned("Poison")
			p, stop = other.start(other.shelf.projection(1), other.bus, nil)
			synctest.Wait()
			if err := p.Ready(); !errors.Is(err, projection.ErrNotReady) {
				t.Errorf("restored, Ready: %v", err)
			}
			stop()
		}
	})
}

// A read DB that fails for a while does not poison events.
func TestFaultOfTheReadDB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought", "Lent")
		failures := 3
		s := w.shelf.projection(1)
		inner := s.Apply
		s.Apply = func(tx *readdb.Tx, e integration.Event) error {
			if failures--; failures >= 0 {
				return &readdb.DamageError{What: "a block", Err: errors.New("the disk hiccups")}
			}
			return inner(tx, e)
		}
		p, stop := w.start(s, w.bus, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := p.Status(); s.State != projection.Live {
			t.Errorf("the status is %+v", s)
		}
		expectWhole(t, p.Space(), 2)
		stop()
	})
}

// Spaces that a crash has left behind are removed.
func TestLeftoverSpaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought")
		_, stop := w.start(w.shelf.projection(2), w.bus, nil)
		synctest.Wait()
		stop()
		for _, name := range []string{"test/shelf@1.1.1", "other/shelf@1.1.1"} {
			tx := w.db.Space(name).Begin()
			if err := errors.Join(books.Put(tx, book{ID: "old"}), tx.Commit([]byte(`{}`))); err != nil {
				t.Fatal(err)
			}
		}
		_, stop = w.start(w.shelf.projection(2), w.bus, nil)
		synctest.Wait()
		spaces, err := w.db.Spaces()
		if err != nil || !slices.Equal(spaces, []string{"aether.projections", "other/shelf@1.1.1", "test/shelf@1.2.1"}) {
			t.Errorf("the spaces are %v, %v", spaces, err)
		}
		stop()
	})
}

// Without a bus everything is made again once, whichever copy has caught up first, and
// the former copy is gone then.
func TestRebuildWithoutABus(t *testing.T) {
	for _, slow := range []string{".1", ".2"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.save("Bought", "Lent")
			hold := make(chan struct{})
			p, err := projection.New(w.db, w.shelf.held(1, slow, hold), w.history, nil, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			p.Rebuild()
			ended := make(chan error, 1)
			go func() { ended <- p.Run(t.Context()) }()
			synctest.Wait() // the other one has ended
			close(hold)
			synctest.Wait()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
			default:
				t.Fatalf("Run goes on: %+v", p.Status())
			}
			expectWhole(t, p.Space(), 2)
			spaces, err := w.db.Spaces()
			if err != nil {
				t.Fatal(err)
			}
			copies := slices.DeleteFunc(spaces, func(name string) bool { return !strings.Contains(name, "shelf@") })
			if !slices.Equal(copies, []string{"test/shelf@1.1.2"}) {
				t.Errorf("the copies are %v", copies)
			}
		})
	}
}
