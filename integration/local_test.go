package integration_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

var stream = integration.Stream{Namespace: "test", System: "demo", Version: 1}

// numbered returns the events of a stream from one number to another.
func numbered(first, last uint64) (events []integration.Event) {
	for n := first; n <= last; n++ {
		events = append(events, integration.Event{Type: "demo.one", Stream: stream, Sequence: n})
	}
	return events
}

func TestLocalPublish(t *testing.T) {
	bus := integration.NewLocal()
	publish := func(want error, first, last uint64) {
		t.Helper()
		if err := bus.Publish(t.Context(), numbered(first, last)...); !errors.Is(err, want) {
			t.Errorf("Publish %d to %d: %v, want %v", first, last, err, want)
		}
	}
	publish(nil, 5, 9) // those before are in the log
	publish(nil, 7, 12)
	publish(nil, 5, 6)
	publish(integration.ErrGap, 14, 15)
	publish(nil, 13, 13)
	publish(nil, 1, 0) // nothing
	var got []uint64
	for e, err := range bus.Subscribe(t.Context(), stream, 4) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, e.Sequence); e.Sequence == 13 {
			break
		}
	}
	if len(got) != 9 || got[0] != 5 {
		t.Errorf("the numbers are %v", got)
	}
	for _, err := range bus.Subscribe(t.Context(), stream, 3) {
		gone, ok := errors.AsType[*integration.GoneError](err)
		if !ok || !errors.Is(err, integration.ErrGone) || gone.First != 5 || gone.After != 3 {
			t.Errorf("what came before: %v, want ErrGone", err)
		}
	}
}

// Whoever is slow loses its place, and learns where the bus goes on.
func TestLocalForgets(t *testing.T) {
	bus := integration.NewLocal()
	const many = 20_000
	for n := uint64(1); n < many; n += 100 {
		if err := bus.Publish(t.Context(), numbered(n, n+99)...); err != nil {
			t.Fatal(err)
		}
	}
	var gone *integration.GoneError
	for _, err := range bus.Subscribe(t.Context(), stream, 0) {
		if !errors.As(err, &gone) {
			t.Fatalf("Subscribe: %v, want ErrGone", err)
		}
	}
	count := 0
	for e, err := range bus.Subscribe(t.Context(), stream, gone.First-1) {
		if err != nil {
			t.Fatal(err)
		}
		if count++; e.Sequence == many {
			break
		}
	}
	if count != int(many-gone.First+1) || count < 1000 {
		t.Errorf("the bus had %d events from %d on", count, gone.First)
	}
}

// Many subscribers see every event once, in order, while they are published.
func TestLocalSubscribers(t *testing.T) {
	bus := integration.NewLocal()
	const events, subscribers = 5000, 8
	var wg sync.WaitGroup
	for range subscribers {
		wg.Go(func() {
			last := uint64(0)
			for e, err := range bus.Subscribe(t.Context(), stream, 0) {
				if err != nil || e.Sequence != last+1 {
					t.Errorf("after %d came %d, %v", last, e.Sequence, err)
					return
				}
				if last = e.Sequence; last == events {
					return
				}
			}
		})
	}
	for n := uint64(1); n <= events; n++ {
		if err := bus.Publish(t.Context(), numbered(n, n)...); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}

func TestLocalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := integration.NewLocal()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make([]error, 3)
		for i, ctx := range []context.Context{ctx, t.Context(), t.Context()} {
			go func() {
				for _, err := range bus.Subscribe(ctx, stream, uint64(10*i)) {
					errs[i] = err
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if errs[0] != context.Canceled || errs[1] != nil {
			t.Errorf("after cancel: %v", errs)
		}
		if err := bus.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		synctest.Wait()
		if !errors.Is(errs[1], aether.ErrClosed) || !errors.Is(errs[2], aether.ErrClosed) {
			t.Errorf("after Close: %v", errs)
		}
		if err := bus.Publish(t.Context(), numbered(1, 1)...); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Publish: %v", err)
		}
		if err := bus.Close(); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Close again: %v", err)
		}
		for _, err := range bus.Subscribe(t.Context(), integration.Stream{System: "new"}, 0) {
			if !errors.Is(err, aether.ErrClosed) {
				t.Errorf("Subscribe: %v", err)
			}
		}
	})
}
