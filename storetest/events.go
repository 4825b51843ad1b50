package storetest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// newEvent returns an event that is complete, so that it comes back as it is.
func newEvent(actorID string, version aether.Version) aether.Event {
	id := aether.NewID()
	return aether.Event{
		ID:      id,
		ActorID: actorID,
		Version: version,
		Type:    "Tested",
		Schema:  1,
		Data:    fmt.Appendf(nil, `{"of":%q,"version":%d}`, id, version),
		Time:    time.Now().UTC().Truncate(time.Microsecond),
	}
}

// newEvents returns count events of one actor, the first of the given version.
func newEvents(actorID string, first aether.Version, count int) []aether.Event {
	events := make([]aether.Event, count)
	for i := range events {
		events[i] = newEvent(actorID, first+aether.Version(i))
	}
	return events
}

// sized returns the event, its data filled up until it has size bytes.
func sized(e aether.Event, size int) aether.Event {
	e.Data = nil
	e.Data = bytes.Repeat([]byte("x"), size-e.Size())
	e.Data[0], e.Data[len(e.Data)-1] = '"', '"'
	return e
}

// save saves the events and returns them with the positions they have got.
func save(ctx context.Context, t *testing.T, store aether.EventStore, events ...aether.Event) []aether.Event {
	t.Helper()
	last, err := store.SaveEvents(ctx, events...)
	if err != nil {
		t.Fatalf("SaveEvents: %v", err)
	}
	return positioned(events, last)
}

// positioned returns the events with the positions they have if last is the last.
func positioned(events []aether.Event, last aether.Position) []aether.Event {
	events = slices.Clone(events)
	for i := range events {
		events[i].Position = last - aether.Position(len(events)-1-i)
	}
	return events
}

// collect runs an iterator to its end, or to its error, which must come last.
func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var (
		items  []T
		failed error
	)
	for item, err := range seq {
		if failed != nil {
			return items, fmt.Errorf("the iterator went on after its error: %w", failed)
		}
		if failed = err; err == nil {
			items = append(items, item)
		}
	}
	return items, failed
}

// all is collect for an iterator that must not fail.
func all[T any](t *testing.T, what string, seq iter.Seq2[T, error]) []T {
	t.Helper()
	items, err := collect(seq)
	if err != nil {
		t.Fatalf("%s: after %d items: %v", what, len(items), err)
	}
	return items
}

// take returns the first count items of an iterator, which must not fail before.
func take[T any](t *testing.T, what string, seq iter.Seq2[T, error], count int) []T {
	t.Helper()
	var items []T
	for item, err := range seq {
		if err != nil {
			t.Fatalf("%s: after %d items: %v", what, len(items), err)
		}
		if items = append(items, item); len(items) == count {
			return items
		}
	}
	t.Fatalf("%s: ended after %d items; want %d", what, len(items), count)
	return nil
}

// matching returns the events that pass the filter.
func matching(events []aether.Event, pass func(e *aether.Event) bool) []aether.Event {
	var passed []aether.Event
	for i := range events {
		if pass(&events[i]) {
			passed = append(passed, events[i])
		}
	}
	return passed
}

// together runs do for 0 … count-1 at the same time and fails the test when one
// of them returns an error, which cancels the ctx of the others.
func together(ctx context.Context, t *testing.T, count int, do func(ctx context.Context, i int) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		started = make(chan struct{})
		group   sync.WaitGroup
		once    sync.Once
		first   error
	)
	for i := range count {
		group.Go(func() {
			<-started
			if err := do(ctx, i); err != nil {
				once.Do(func() {
					first = err
					cancel()
				})
			}
		})
	}
	close(started)
	group.Wait()
	if first != nil {
		t.Fatal(first)
	}
}

// within fails the test when do does not return before ctx ends.
func within(ctx context.Context, t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatalf("%s hangs", what)
	}
}
