package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

const writers = 16

func racePromises() []promise {
	return []promise{
		{"of 16 writers of one version exactly one wins and the others get its events", raceForVersion},
		{"of 16 writers of the same two actors exactly one wins both", raceForTwoActors},
		{"16 writers that decide again after each conflict lose nothing", decideAgain},
		{"16 writers of one new event all succeed and it is there once", raceOfRepeats},
	}
}

// winner collects the outcome of one round of a race.
type winner struct {
	mu     sync.Mutex
	saved  []aether.Event // by the one that won
	losers []error
}

func (w *winner) save(ctx context.Context, store aether.EventStore, events ...aether.Event) error {
	last, err := store.SaveEvents(ctx, events...)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(err, aether.ErrVersionConflict):
		w.losers = append(w.losers, err)
	case err != nil:
		return fmt.Errorf("SaveEvents: %w", err)
	case w.saved != nil:
		return fmt.Errorf("two writers saved version %d of %q", events[0].Version, events[0].ActorID)
	default:
		w.saved = positioned(events, last)
	}
	return nil
}

func raceForVersion(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for range 100 {
		var (
			round winner
			next  = aether.Version(len(saved) + 1)
		)
		together(ctx, t, writers, func(ctx context.Context, i int) error {
			return round.save(ctx, store, newEvents("room/1", next, i%3+1)...)
		})
		if round.saved == nil {
			t.Fatalf("nobody saved version %d", next)
		}
		saved = append(saved, round.saved...)
		latest := aether.Version(len(saved))
		expectEvents(t, "GetEvents", all(t, "GetEvents", store.GetEvents(ctx, "room/1", next-1)), round.saved)
		for _, err := range round.losers {
			expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: next, Latest: latest, Events: round.saved})
		}
	}
	expectStore(ctx, t, store, saved)
}

func raceForTwoActors(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := aether.Version(1); version <= 50; version++ {
		var round winner
		together(ctx, t, writers, func(ctx context.Context, i int) error {
			events := []aether.Event{newEvent("room/1", version), newEvent("room/2", version)}
			if i%2 == 1 {
				events[0], events[1] = events[1], events[0]
			}
			return round.save(ctx, store, events...)
		})
		if round.saved == nil {
			t.Fatalf("nobody saved version %d", version)
		}
		saved = append(saved, round.saved...)
		for _, err := range round.losers {
			conflict, ok := errors.AsType[*aether.ConflictError](err)
			if !ok || len(conflict.Events) != 1 {
				t.Fatalf("a loser got %v, want one event that won", err)
			}
			won := matching(round.saved, func(e *aether.Event) bool { return e.ActorID == conflict.ActorID })
			expectConflict(t, err, aether.ConflictError{ActorID: conflict.ActorID, Tried: version, Latest: version, Events: won})
		}
	}
	expectStore(ctx, t, store, saved)
}

func decideAgain(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	const each = 20
	var (
		mu  sync.Mutex
		ids = make(map[string]bool)
	)
	together(ctx, t, writers, func(ctx context.Context, _ int) error {
		var latest aether.Version
		for range each {
			e := newEvent("room/1", latest+1)
			mu.Lock()
			ids[e.ID] = true
			mu.Unlock()
			for {
				_, err := store.SaveEvents(ctx, e)
				conflict, ok := errors.AsType[*aether.ConflictError](err)
				if err != nil && !ok {
					return fmt.Errorf("SaveEvents: %w", err)
				}
				if !ok {
					break
				}
				// The losing event was based on less than there is: it follows on
				// what the conflict tells, without a read.
				if uint64(conflict.Latest-conflict.Tried)+1 != uint64(len(conflict.Events)) {
					return fmt.Errorf("%w, but it has %d events", conflict, len(conflict.Events))
				}
				e.Version = conflict.Latest + 1
			}
			latest = e.Version
		}
		return nil
	})
	stream := all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0))
	if len(stream) != writers*each {
		t.Fatalf("%d saves succeeded, but there are %d events", writers*each, len(stream))
	}
	for i := range stream {
		if !ids[stream[i].ID] {
			t.Fatalf("event %q is there twice, or nobody saved it", stream[i].ID)
		}
		delete(ids, stream[i].ID)
	}
	expectStore(ctx, t, store, stream)
}

func raceOfRepeats(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := aether.Version(1); version <= 20; version++ {
		events := []aether.Event{newEvent("room/1", version), newEvent("room/2", version)}
		together(ctx, t, writers, func(ctx context.Context, _ int) error {
			if last, err := store.SaveEvents(ctx, events...); err != nil || last != aether.Position(2*version) {
				return fmt.Errorf("SaveEvents: position %d, %v; want %d", last, err, 2*version)
			}
			return nil
		})
		saved = append(saved, positioned(events, aether.Position(2*version))...)
	}
	expectStore(ctx, t, store, saved)
}
