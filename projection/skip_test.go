package projection_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
)

// pairs maps events of the type Pair to one that is fine and one that is bad, in either
// order.
func (w *world) pairs() {
	inner := w.history.Mapping.Map
	w.history.Mapping.Map = func(e aether.Event) ([]integration.Event, error) {
		fine, bad := integration.Event{Type: "Fine", Data: e.Data}, integration.Event{Type: "Bad", Data: e.Data}
		switch e.Type {
		case "Pair":
			return []integration.Event{fine, bad}, nil
		case "Riap":
			return []integration.Event{bad, fine}, nil
		}
		return inner(e)
	}
}

// To skip one of several events of one position leaves out that one alone.
func TestSkipOneOfTwo(t *testing.T) {
	for kind, skipped := range map[string]uint64{"Pair": 3, "Riap": 2} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pairs()
				w.shelf.poisoned("Bad")
				w.relay(t.Context())
				w.save("Bought", kind, "Lent") // 1, 2 and 3, 4
				p, stop := w.start(w.shelf.projection(1), w.bus, nil)
				synctest.Wait()
				expectWhole(t, p.Space(), 1)
				if err := p.Skip(skipped); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				expectWhole(t, p.Space(), 4, skipped)
				if s := p.Status(); s.State != projection.Live || s.Cursor != (integration.Cursor{Sequence: 4, Position: 3}) {
					t.Errorf("the status is %+v", s)
				}
				stop()
			})
		})
	}
}

// failing is a history that fails once when told.
type failing struct {
	integration.History
	fail atomic.Bool
}

func (f *failing) Read(ctx context.Context, after integration.Cursor) iter.Seq2[integration.Event, error] {
	return func(yield func(integration.Event, error) bool) {
		if f.fail.Swap(false) {
			yield(integration.Event{}, errors.New("the store hiccups"))
			return
		}
		f.History.Read(ctx, after)(yield)
	}
}

// An error of the store while an event is skipped is tried again, and the skip is not
// forgotten.
func TestSkipWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.shelf.poisoned("Poison")
		w.relay(t.Context())
		w.save("Bought", "Poison", "Lent")
		h := &failing{History: w.history}
		p, err := projection.New(w.db, w.shelf.projection(1), h, w.bus, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		h.fail.Store(true)
		if err := p.Skip(2); err != nil {
			t.Error(err)
		}
		wait, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := p.Wait(wait, 3); err != nil {
			t.Error(err)
		}
		expectWhole(t, p.Space(), 3, 2)
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run: %v", err)
		}
	})
}

// goneOnce is a bus that has forgotten events when told.
type goneOnce struct {
	integration.Bus
	gone atomic.Bool
}

func (g *goneOnce) Subscribe(ctx context.Context, stream integration.Stream, after uint64) iter.Seq2[integration.Event, error] {
	return func(yield func(integration.Event, error) bool) {
		for e, err := range g.Bus.Subscribe(ctx, stream, after) {
			if err == nil && g.gone.Swap(false) {
				yield(integration.Event{}, &integration.GoneError{Stream: stream})
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// What comes from the history because the bus has lost it, is told of, too.
func TestAppliedHasNoGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.save("Bought")
		w.relay(t.Context())
		bus := &goneOnce{Bus: w.bus}
		var applied []uint64
		caughtUp := 0
		p, stop := w.start(w.shelf.projection(1), bus, &projection.Options{
			Applied: func(events []integration.Event) {
				for _, e := range events {
					applied = append(applied, e.Sequence)
				}
			},
			CaughtUp: func() { caughtUp++ },
		})
		synctest.Wait()
		bus.gone.Store(true)
		w.save("Lent")
		time.Sleep(time.Minute)
		w.save("Returned")
		synctest.Wait()
		expectWhole(t, p.Space(), 3)
		if !slices.Equal(applied, []uint64{2, 3}) || caughtUp != 1 {
			t.Errorf("told of %v, and caught up %d times", applied, caughtUp)
		}
		stop()
	})
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		log := &countingLog{Log: w.store}
		w.history.Log = log
		w.history.Mapping.Types = []string{"Bought", "Poison"}
		w.relay(t.Context())
		p, stop := w.start(w.shelf.projection(1), w.bus, nil)
		defer func() { stop() }()
		w.save("Bought")
		synctest.Wait()
		position := w.save("Private")
		for range 2000 { // of another system
			w.save("Private")
		}
		synctest.Wait()
		log.to = 0
		for range 3 {
			if err := p.Wait(t.Context(), position); err != nil {
				t.Fatal(err)
			}
		}
		if log.to != position {
			t.Errorf("Wait for position %d looked at the log up to %d", position, log.to)
		}

		// What has not happened is waited for.
		last := w.save("Private")
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Wait(soon, last+1); !errors.Is(err, projection.ErrBehind) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait for the future: %v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- p.Wait(t.Context(), last+1) }()
		synctest.Wait()
		w.save("Bought")
		if err := <-ended; err != nil {
			t.Error(err)
		}

		// Nothing is waited for that needs an operator.
		w.shelf.poisoned("Poison")
		poison := w.save("Poison")
		synctest.Wait()
		if err := p.Wait(t.Context(), poison); !errors.Is(err, projection.ErrBehind) {
			t.Errorf("Wait behind poison: %v", err)
		}
		if err := p.Wait(t.Context(), poison-1); err != nil {
			t.Errorf("Wait before poison: %v", err)
		}
	})
}

// countingLog notes how far it is asked for; to the end counts as more than anything.
type countingLog struct {
	aether.Log
	to aether.Position
}

func (c *countingLog) FollowLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	c.to = max(c.to, o.To)
	if o.To == 0 {
		c.to = 1 << 60
	}
	return c.Log.FollowLog(ctx, after, o)
}
