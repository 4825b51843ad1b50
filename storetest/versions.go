package storetest

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/aether-es/aether"
)

func versionPromises() []promise {
	return []promise{
		{"an actor that does not exist has version 0 and no events", emptyActor},
		{"versions count 1 2 3 and positions with them", countUp},
		{"GetEvents begins after the version given", eventsAfter},
		{"a version that was taken is a conflict with the events that won", takenVersion},
		{"a version too far ahead is a conflict without events", versionAhead},
		{"after a conflict nothing is written and no position is lost", conflictWritesNothing},
		{"the events of a conflict are at most a thousand", manyWinners},
		{"actors count on their own", independentActors},
	}
}

func emptyActor(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	expectStore(ctx, t, store, nil)
	expectVersion(ctx, t, store, "room/1", 0)
	expectEvents(t, "GetEvents", all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0)), nil)

	save(ctx, t, store, newEvent("room/11", 1))
	expectVersion(ctx, t, store, "room/1", 0)
	expectEvents(t, "GetEvents", all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0)), nil)
}

func countUp(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := range aether.Version(20) {
		saved = append(saved, save(ctx, t, store, newEvent("room/1", version+1))...)
		expectVersion(ctx, t, store, "room/1", version+1)
	}
	expectStore(ctx, t, store, saved)
}

func eventsAfter(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := range aether.Version(10) {
		saved = append(saved, save(ctx, t, store, newEvent("room/1", version+1))...)
		save(ctx, t, store, newEvent("room/2", version+1))
	}
	for after := range aether.Version(11) {
		got := all(t, "GetEvents", store.GetEvents(ctx, "room/1", after))
		expectEvents(t, "GetEvents", got, saved[after:])
	}
	for _, after := range []aether.Version{11, math.MaxInt64, math.MaxUint64} {
		expectEvents(t, "GetEvents", all(t, "GetEvents", store.GetEvents(ctx, "room/1", after)), nil)
	}
}

func takenVersion(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvent("room/2", 1))
	saved := save(ctx, t, store, newEvents("room/1", 1, 5)...)
	for tried := aether.Version(1); tried <= 5; tried++ {
		_, err := store.SaveEvents(ctx, newEvent("room/1", tried))
		expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: tried, Latest: 5, Events: saved[tried-1:]})
	}
	_, err := store.SaveEvents(ctx, newEvents("room/1", 4, 3)...)
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 4, Latest: 5, Events: saved[3:]})
}

func versionAhead(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	_, err := store.SaveEvents(ctx, newEvent("room/1", 2))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 2, Latest: 0})

	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for _, tried := range []aether.Version{5, 6, 1000, math.MaxInt64} {
		_, err := store.SaveEvents(ctx, newEvent("room/1", tried))
		expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: tried, Latest: 3})
	}
	expectStore(ctx, t, store, saved)
}

func conflictWritesNothing(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1))
	for _, tried := range []aether.Version{1, 4, 9} { // taken, just ahead, far ahead
		e := newEvent("room/1", tried)
		if _, err := store.SaveEvents(ctx, e); !errors.Is(err, aether.ErrVersionConflict) {
			t.Fatalf("SaveEvents of version %d: %v, want a version conflict", tried, err)
		}
		expectStore(ctx, t, store, saved)
		// The ID was not kept either: it is free for the version that is next.
		e.Version = aether.Version(len(saved) + 1)
		saved = append(saved, save(ctx, t, store, e)...)
		expectStore(ctx, t, store, saved)
	}
}

func manyWinners(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, aether.MaxBatchEvents)...)
	saved = append(saved, save(ctx, t, store, newEvents("room/1", aether.MaxBatchEvents+1, 5)...)...)
	latest := aether.Version(len(saved))
	for tried := aether.Version(1); tried <= 7; tried++ {
		_, err := store.SaveEvents(ctx, newEvent("room/1", tried))
		from := saved[tried-1:]
		expectConflict(t, err, aether.ConflictError{
			ActorID: "room/1", Tried: tried, Latest: latest, Events: from[:min(len(from), aether.MaxBatchEvents)],
		})
	}
}

func independentActors(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for _, e := range []aether.Event{
		newEvent("room/1", 1), newEvent("room/2", 1), newEvent("hall/1", 1), newEvent("room/1", 2), newEvent("hall/1", 2),
		newEvent("room/2", 2), newEvent("room/1", 3),
	} {
		saved = append(saved, save(ctx, t, store, e)...)
	}
	expectStore(ctx, t, store, saved)
}
