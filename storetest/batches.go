package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aether-es/aether"
)

func batchPromises() []promise {
	return []promise{
		{"one save of several actors takes consecutive positions in its order", interleavedActors},
		{"a conflict of one actor among several writes nothing", oneConflictAmongSeveral},
		{"a conflict of several actors names one of them", severalConflicts},
		{"a reader never sees part of a save", neverPartOfSave},
	}
}

func interleavedActors(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/2", 1))
	saved = append(saved, save(ctx, t, store,
		newEvent("room/1", 1), newEvent("room/2", 2), newEvent("room/1", 2), newEvent("hall/1", 1),
		newEvent("room/2", 3), newEvent("room/1", 3), newEvent("room/2", 4))...)
	saved = append(saved, save(ctx, t, store, newEvent("hall/1", 2), newEvent("room/1", 4))...)
	expectStore(ctx, t, store, saved)
}

func oneConflictAmongSeveral(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	good := []aether.Event{
		newEvent("room/2", 1), newEvent("room/3", 1), newEvent("room/2", 2), newEvent("room/4", 1),
	}
	for place := range len(good) + 1 {
		for _, tried := range []aether.Version{2, 5} { // taken, too far ahead
			events := slices.Insert(slices.Clone(good), place, newEvent("room/1", tried))
			_, err := store.SaveEvents(ctx, events...)
			want := aether.ConflictError{ActorID: "room/1", Tried: tried, Latest: 3}
			if tried == 2 {
				want.Events = saved[1:]
			}
			expectConflict(t, err, want)
			expectStore(ctx, t, store, saved)
		}
	}
	// What was refused together with the conflict can be saved without it.
	saved = append(saved, save(ctx, t, store, good...)...)
	expectStore(ctx, t, store, saved)
}

func severalConflicts(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1), newEvent("room/2", 1))
	_, err := store.SaveEvents(ctx, newEvent("room/3", 1), newEvent("room/2", 1), newEvent("room/1", 1))
	conflict, ok := errors.AsType[*aether.ConflictError](err)
	if !ok {
		t.Fatalf("SaveEvents: %v, want a version conflict", err)
	}
	won := matching(saved, func(e *aether.Event) bool { return e.ActorID == conflict.ActorID })
	if len(won) == 0 {
		t.Fatalf("%v: that actor is not in conflict", err)
	}
	expectConflict(t, err, aether.ConflictError{ActorID: conflict.ActorID, Tried: 1, Latest: 1, Events: won})
	expectStore(ctx, t, store, saved)
}

// neverPartOfSave reads while saves of three events are written: the log must
// always end with the third of a save.
func neverPartOfSave(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	const saves, size = 200, 3
	together(ctx, t, 4, func(ctx context.Context, i int) error {
		if i > 0 {
			for version := aether.Version(1); version <= saves; version++ {
				a, b := fmt.Sprintf("room/%d", i), fmt.Sprintf("hall/%d", i)
				if _, err := store.SaveEvents(ctx, newEvent(a, 2*version-1), newEvent(b, version), newEvent(a, 2*version)); err != nil {
					return fmt.Errorf("SaveEvents: %w", err)
				}
			}
			return nil
		}
		for last := aether.Position(0); last < 3*saves*size; {
			events, err := collect(store.ReadLog(ctx, last, nil))
			if err != nil {
				return fmt.Errorf("ReadLog: %w", err)
			}
			if len(events)%size != 0 {
				return fmt.Errorf("ReadLog after %d ended after %d events: within a save of %d", last, len(events), size)
			}
			position, err := store.GetLatestPosition(ctx)
			if err != nil || position%size != 0 {
				return fmt.Errorf("GetLatestPosition: %d, %v: within a save of %d", position, err, size)
			}
			version, err := store.GetLatestVersion(ctx, "room/1")
			if err != nil || version%2 != 0 {
				return fmt.Errorf("GetLatestVersion: %d, %v: within a save of two", version, err)
			}
			last += aether.Position(len(events))
		}
		return nil
	})
}
