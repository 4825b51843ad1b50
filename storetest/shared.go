package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

func sharedPromises() []promise {
	return []promise{
		{"what is saved through one opening is at once there in the other", seenAcross},
		{"of 16 writers over two openings exactly one wins a version", raceAcross},
		{"16 writers over two openings that save their own actors lose nothing", writeAcross},
		{"a follower in one opening sees every event that is saved through the other in order", followAcross},
		{"events saved through one opening are recognised in the other", repeatAcross},
		{"an ID saved through one opening is a duplicate in the other", duplicateAcross},
		{"an opening goes on when the other is closed", closeAcross},
	}
}

// another opens the storage once more, while it is open.
func (s *subject) another(ctx context.Context, t *testing.T) *subject {
	t.Helper()
	return newSubject(ctx, t, s.features, s.storage)
}

// across returns the store of a namespace, in two openings.
func across(ctx context.Context, t *testing.T, s *subject) [2]aether.EventStore {
	t.Helper()
	return [2]aether.EventStore{s.store(ctx, t, "test"), s.another(ctx, t).store(ctx, t, "test")}
}

func seenAcross(ctx context.Context, t *testing.T, s *subject) {
	other := s.another(ctx, t)
	engines := []*subject{s, other}
	var saved []aether.Event
	for version := aether.Version(1); version <= 40; version += 2 {
		i := int(version / 2 % 2)
		saved = append(saved, save(ctx, t, engines[i].store(ctx, t, "test"), newEvents("room/1", version, 2)...)...)
		store := engines[1-i].store(ctx, t, "test")
		expectVersion(ctx, t, store, "room/1", version+1)
		got := all(t, "GetEvents", store.GetEvents(ctx, "room/1", version-1))
		expectEvents(t, "GetEvents in the other opening", got, saved[version-1:])
		expectNamespaces(ctx, t, engines[1-i], []string{"test"})
	}
	for _, engine := range engines {
		expectStore(ctx, t, engine.store(ctx, t, "test"), saved)
	}
}

func raceAcross(ctx context.Context, t *testing.T, s *subject) {
	stores := across(ctx, t, s)
	var saved []aether.Event
	for range 50 {
		var (
			round winner
			next  = aether.Version(len(saved) + 1)
		)
		together(ctx, t, writers, func(ctx context.Context, i int) error {
			return round.save(ctx, stores[i%2], newEvents("room/1", next, i%3+1)...)
		})
		if round.saved == nil {
			t.Fatalf("nobody saved version %d", next)
		}
		saved = append(saved, round.saved...)
		latest := aether.Version(len(saved))
		for _, err := range round.losers {
			expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: next, Latest: latest, Events: round.saved})
		}
	}
	for _, store := range stores {
		expectStore(ctx, t, store, saved)
	}
}

func writeAcross(ctx context.Context, t *testing.T, s *subject) {
	stores := across(ctx, t, s)
	load := newLoad(writers, 30)
	together(ctx, t, writers, func(ctx context.Context, i int) error { return load.write(ctx, stores[i%2], i) })
	for _, store := range stores {
		load.expect(ctx, t, store)
	}
}

func followAcross(ctx context.Context, t *testing.T, s *subject) {
	stores := across(ctx, t, s)
	load := newLoad(4, 40)
	followed := make([][]aether.Event, len(stores))
	together(ctx, t, len(followed)+4, func(ctx context.Context, i int) (err error) {
		if i < len(followed) {
			// Writers 0 and 1 write through the first opening, 2 and 3 through the other.
			followed[i], err = collect(stores[i].FollowLog(ctx, 0, &aether.LogOptions{To: aether.Position(load.total)}))
			return err
		}
		writer := i - len(followed)
		return load.write(ctx, stores[writer/2], writer)
	})
	log := load.expect(ctx, t, stores[0])
	for i := range followed {
		expectEvents(t, fmt.Sprint("FollowLog in opening ", i+1), followed[i], log)
	}
	// The same for a follower that waits: nothing else wakes it.
	e := newEvent("room/new", 1)
	end := aether.Position(load.total)
	for i := range stores {
		var got []aether.Event
		together(ctx, t, 2, func(ctx context.Context, j int) (err error) {
			if j == 0 {
				got, err = collect(stores[1-i].FollowLog(ctx, end, &aether.LogOptions{To: end + 1}))
				return err
			}
			_, err = stores[i].SaveEvents(ctx, e)
			return err
		})
		end++
		expectEvents(t, "FollowLog in the other opening", got, positioned([]aether.Event{e}, end))
		e = newEvent(e.ActorID, e.Version+1)
	}
}

func repeatAcross(ctx context.Context, t *testing.T, s *subject) {
	stores := across(ctx, t, s)
	var saved []aether.Event
	for version := aether.Version(1); version <= 20; version++ {
		events := []aether.Event{newEvent("room/1", version), newEvent("room/2", version)}
		last := aether.Position(2 * version)
		together(ctx, t, writers, func(ctx context.Context, i int) error {
			if got, err := stores[i%2].SaveEvents(ctx, events...); err != nil || got != last {
				return fmt.Errorf("SaveEvents: position %d, %v; want %d", got, err, last)
			}
			return nil
		})
		saved = append(saved, positioned(events, last)...)
	}
	for i, store := range stores {
		expectRepeat(ctx, t, store, 1, saved[0])
		more := save(ctx, t, stores[1-i], newEvent(fmt.Sprint("hall/", i), 1))
		expectRepeat(ctx, t, store, more[0].Position, more...)
		saved = append(saved, more...)
		expectStore(ctx, t, store, saved)
	}
}

func duplicateAcross(ctx context.Context, t *testing.T, s *subject) {
	stores := across(ctx, t, s)
	var saved []aether.Event
	for version := aether.Version(1); version <= 20; version++ {
		i := int(version % 2)
		saved = append(saved, save(ctx, t, stores[i], newEvent("room/1", version))...)
		id := saved[version-1].ID
		_, err := stores[1-i].SaveEvents(ctx, again(saved[version-1], version+1))
		expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: id, Tried: version + 1, Version: version})
		if got, err := stores[1-i].GetEventVersion(ctx, "room/1", id); err != nil || got != version {
			t.Fatalf("GetEventVersion in the other opening: %d, %v; want %d", got, err, version)
		}
	}
	// Both at the same time: one is saved, and the other is told.
	for round := range 20 {
		actorID := fmt.Sprint("hall/", round)
		save(ctx, t, stores[round%2], newEvent(actorID, 1))
		first := newEvent(actorID, 2)
		var mu sync.Mutex
		landed := 0
		together(ctx, t, 2, func(ctx context.Context, i int) error {
			e := first
			if i == 1 {
				e = again(first, 3) // after 2 it is a duplicate, before 2 a conflict
			}
			_, err := stores[i].SaveEvents(ctx, e)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				landed++
			}
			if i == 0 && err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
			return nil
		})
		if landed != 1 {
			t.Fatalf("%d of two saves with the same ID were written, want 1", landed)
		}
	}
	if got := all(t, "ReadLog", stores[0].ReadLog(ctx, 0, nil)); len(got) != 20+2*20 {
		t.Fatalf("%d events are there, want %d", len(got), 20+2*20)
	}
}

func closeAcross(ctx context.Context, t *testing.T, s *subject) {
	other := s.another(ctx, t)
	store := other.store(ctx, t, "test")
	saved := save(ctx, t, s.store(ctx, t, "test"), newEvent("room/1", 1))
	following := make(chan struct{})
	var followed []aether.Event
	together(ctx, t, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			for e, err := range store.FollowLog(ctx, 0, &aether.LogOptions{To: 2}) {
				if err != nil {
					return fmt.Errorf("FollowLog: %w", err)
				}
				if followed = append(followed, e); len(followed) == 1 {
					close(following)
				}
			}
			return nil
		}
		select {
		case <-following:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := s.engine.Close(); err != nil {
			return fmt.Errorf("closing: %w", err)
		}
		e := newEvent("room/1", 2)
		last, err := store.SaveEvents(ctx, e)
		saved = append(saved, positioned([]aether.Event{e}, last)...)
		return err
	})
	expectEvents(t, "FollowLog", followed, saved)
	expectStore(ctx, t, store, saved)
}
