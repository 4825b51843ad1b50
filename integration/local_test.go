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
	bus := integration.NewLocal(nil)
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
	twoStreams := append(numbered(14, 14), integration.Event{Stream: integration.Stream{System: "other"}, Sequence: 15})
	if err := bus.Publish(t.Context(), twoStreams...); !errors.Is(err, integration.ErrMixed) {
		t.Errorf("Publish of two streams: %v, want ErrMixed", err)
	}
	for _, numbers := range [][]uint64{{14, 16}, {15, 14}, {14, 14}} {
		events := append(numbered(numbers[0], numbers[0]), numbered(numbers[1], numbers[1])...)
		if err := bus.Publish(t.Context(), events...); !errors.Is(err, integration.ErrGap) {
			t.Errorf("Publish of %v: %v, want ErrGap", numbers, err)
		}
	}
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
	bus := integration.NewLocal(nil)
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
	bus := integration.NewLocal(nil)
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
		bus := integration.NewLocal(nil)
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

// The bus is bounded by bytes, over all streams, and forgets the oldest.
func TestLocalMemory(t *testing.T) {
	bus := integration.NewLocal(&integration.LocalOptions{Bytes: 1 << 20})
	small := integration.Stream{Namespace: "test", System: "small", Version: 1}
	if err := bus.Publish(t.Context(), integration.Event{Stream: small, Sequence: 1}, integration.Event{Stream: small, Sequence: 2}); err != nil {
		t.Fatal(err)
	}
	const many = 50
	for n := uint64(1); n <= many; n++ {
		e := numbered(n, n)[0]
		e.Data = make([]byte, 100<<10)
		if err := bus.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	first := func(stream integration.Stream) uint64 {
		for e, err := range bus.Subscribe(t.Context(), stream, 0) {
			if gone, ok := errors.AsType[*integration.GoneError](err); ok {
				return gone.First
			}
			return e.Sequence
		}
		return 0
	}
	if n := first(stream); n < many-10 || n > many-8 {
		t.Errorf("of %d events of 100 KiB the bus has those from %d on, in 1 MiB", many, n)
	}
	if n := first(small); n != 1 {
		t.Errorf("the small stream begins at %d: the large one should have made room", n)
	}
	// One that is larger than everything is there until the next comes.
	e := numbered(many+1, many+1)[0]
	e.Data = make([]byte, 2<<20)
	if err := bus.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n := first(stream); n != many+1 {
		t.Errorf("after a large event the stream begins at %d", n)
	}
}

// Last is behind the last position of which the bus has all events.
func TestLocalLast(t *testing.T) {
	bus := integration.NewLocal(nil)
	expect := func(want integration.Cursor) {
		t.Helper()
		if got, err := bus.Last(t.Context(), stream); err != nil || got != want {
			t.Errorf("Last: %+v, %v, want %+v", got, err, want)
		}
	}
	expect(integration.Cursor{})
	for n, e := range []integration.Event{{Position: 3}, {Position: 3, Last: true}, {Position: 5}} {
		e.Stream, e.Sequence = stream, uint64(n+1)
		if err := bus.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			expect(integration.Cursor{})
		}
	}
	expect(integration.Cursor{Sequence: 2, Position: 3})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bus.Last(ctx, stream); err != context.Canceled {
		t.Errorf("Last: %v", err)
	}
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Last(t.Context(), stream); !errors.Is(err, aether.ErrClosed) {
		t.Errorf("Last of a closed bus: %v", err)
	}
}
