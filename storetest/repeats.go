package storetest

import (
	"context"
	"testing"

	"github.com/aether-es/aether"
)

func repeatPromises() []promise {
	return []promise{
		{"saving an event again succeeds and writes nothing", repeatOne},
		{"saving several again returns the highest of their positions", repeatSeveral},
		{"an event is recognised however much came after it", repeatMuchLater},
		{"events of which only some were saved before are a conflict", repeatPartly},
	}
}

// expectRepeat saves events that were all saved before.
func expectRepeat(ctx context.Context, t *testing.T, store aether.EventStore, want aether.Position, events ...aether.Event) {
	t.Helper()
	if got, err := store.SaveEvents(ctx, events...); err != nil || got != want {
		t.Fatalf("SaveEvents of what was saved before: position %d, %v; want %d", got, err, want)
	}
}

func repeatOne(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := range aether.Version(5) {
		saved = append(saved, save(ctx, t, store, newEvent("room/1", version+1))...)
		for i := range saved {
			expectRepeat(ctx, t, store, aether.Position(i+1), saved[i])
		}
	}
	expectStore(ctx, t, store, saved)
}

func repeatSeveral(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	batch := []aether.Event{newEvent("room/1", 1), newEvent("room/2", 1), newEvent("room/1", 2), newEvent("room/3", 1)}
	saved := save(ctx, t, store, batch...)
	expectRepeat(ctx, t, store, 4, batch...)
	saved = append(saved, save(ctx, t, store, newEvent("room/2", 2))...)
	expectRepeat(ctx, t, store, 4, batch...)

	expectRepeat(ctx, t, store, 3, batch[0], batch[1], batch[2]) // part of a save
	expectRepeat(ctx, t, store, 3, batch[2], batch[1])           // in another order
	expectRepeat(ctx, t, store, 5, saved[1], saved[4])           // of two saves
	expectRepeat(ctx, t, store, 5, saved[1], saved[4], saved[3]) // the highest is not the last
	expectRepeat(ctx, t, store, 5, saved[3], saved[1], saved[4]) // nor the first
	expectStore(ctx, t, store, saved)
}

func repeatMuchLater(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	first := save(ctx, t, store, newEvent("room/1", 1))
	for version := aether.Version(2); version < 5000; version += 250 {
		save(ctx, t, store, newEvents("room/1", version, 250)...)
		save(ctx, t, store, newEvents("room/2", version-1, 250)...)
	}
	expectRepeat(ctx, t, store, 1, first...)
	moved := first[0]
	moved.Version = 7
	_, err := store.SaveEvents(ctx, moved)
	expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: moved.ID, Tried: 7, Version: 1})
}

func repeatPartly(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 2)...)
	conflict := aether.ConflictError{ActorID: "room/1", Tried: 2, Latest: 2, Events: saved[1:]}

	_, err := store.SaveEvents(ctx, saved[1], newEvent("room/1", 3))
	expectConflict(t, err, conflict)
	_, err = store.SaveEvents(ctx, newEvent("room/2", 1), saved[1])
	expectConflict(t, err, conflict)
	_, err = store.SaveEvents(ctx, saved[1], newEvent("room/2", 1))
	expectConflict(t, err, conflict)
	expectStore(ctx, t, store, saved)
}
