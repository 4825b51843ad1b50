package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
)

func reopeningPromises() []promise {
	return []promise{
		{"an empty storage is empty when it is opened again", reopenEmpty},
		{"everything is the same when it is opened again", reopenEverything},
		{"it goes on where it ended however often it is opened", reopenOften},
		{"events saved before are recognised when it is opened again", repeatReopened},
		{"conflicts are told when it is opened again", conflictReopened},
		{"followers go on when it is opened again", followReopened},
		{"large events and saves are there when it is opened again", largeReopened},
		{"snapshots are there when it is opened again if it keeps any", snapshotReopened},
	}
}

func reopenEmpty(ctx context.Context, t *testing.T, s *subject) {
	for range 3 {
		expectNamespaces(ctx, t, s, nil)
		expectStore(ctx, t, s.store(ctx, t, "test"), nil)
		s.reopen(ctx, t)
	}
}

func reopenEverything(ctx context.Context, t *testing.T, s *subject) {
	saved := make(map[string][]aether.Event)
	for round := range aether.Version(2) {
		for i, name := range hostileNames() {
			actorID := hostileActorIDs()[i%len(hostileActorIDs())]
			e := newEvent(actorID, round+1)
			e.Metadata = aether.Metadata{CorrelationID: "a", CausationID: name, Traceparent: "b"}
			e.Schema = i + 1
			e.Data = []byte(` {"b" : 1.0 , "a":"é"} `)
			saved[name] = append(saved[name], save(ctx, t, s.store(ctx, t, name), e, newEvent("room/1", round+1))...)
		}
		s.reopen(ctx, t)
		expectNamespaces(ctx, t, s, hostileNames())
		for name, events := range saved {
			expectStore(ctx, t, s.store(ctx, t, name), events)
		}
	}
}

func reopenOften(ctx context.Context, t *testing.T, s *subject) {
	var saved []aether.Event
	version := aether.Version(1)
	for round := range 10 {
		count := round * round // none at first
		for range 2 {
			if count > 0 {
				saved = append(saved, save(ctx, t, s.store(ctx, t, "test"), newEvents("room/1", version, count)...)...)
				version += aether.Version(count)
			}
		}
		s.reopen(ctx, t)
		expectStore(ctx, t, s.store(ctx, t, "test"), saved)
	}
}

func repeatReopened(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	saved = append(saved, save(ctx, t, store, newEvent("room/2", 1))...)
	for range 2 {
		s.reopen(ctx, t)
		store = s.store(ctx, t, "test")
		for i := range saved {
			expectRepeat(ctx, t, store, aether.Position(i+1), saved[i])
		}
		expectRepeat(ctx, t, store, 3, saved[:3]...)
		expectRepeat(ctx, t, store, 4, saved...)
		for _, tried := range []aether.Version{1, 4, 9} {
			_, err := store.SaveEvents(ctx, again(saved[1], tried))
			expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: saved[1].ID, Tried: tried, Version: 2})
		}
		expectStore(ctx, t, store, saved)
	}
}

func conflictReopened(ctx context.Context, t *testing.T, s *subject) {
	saved := save(ctx, t, s.store(ctx, t, "test"), newEvents("room/1", 1, 3)...)
	s.reopen(ctx, t)
	store := s.store(ctx, t, "test")
	_, err := store.SaveEvents(ctx, newEvent("room/1", 2))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 2, Latest: 3, Events: saved[1:]})
	_, err = store.SaveEvents(ctx, newEvent("room/1", 5))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 5, Latest: 3})
	expectStore(ctx, t, store, saved)
}

func followReopened(ctx context.Context, t *testing.T, s *subject) {
	var saved, got []aether.Event
	for version := aether.Version(1); version <= 20; version += 2 {
		store := s.store(ctx, t, "test")
		together(ctx, t, 2, func(ctx context.Context, i int) error {
			if i == 0 {
				more, err := collect(store.FollowLog(ctx, aether.Position(len(got)), &aether.LogOptions{To: aether.Position(version + 1)}))
				got = append(got, more...)
				return err
			}
			events := newEvents("room/1", version, 2)
			last, err := store.SaveEvents(ctx, events...)
			if err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
			saved = append(saved, positioned(events, last)...)
			return nil
		})
		s.reopen(ctx, t)
	}
	expectEvents(t, "FollowLog", got, saved)
	expectStore(ctx, t, s.store(ctx, t, "test"), saved)
}

func snapshotReopened(ctx context.Context, t *testing.T, s *subject) {
	if !s.features.Snapshots {
		return
	}
	one, two := newSnapshot("room/1", 7, "one"), newSnapshot("room/1", 3, "two")
	for range 2 {
		saveSnapshot(ctx, t, s.snapshots(ctx, t, "a"), two)
		saveSnapshot(ctx, t, s.snapshots(ctx, t, "a"), one)
		saveSnapshot(ctx, t, s.snapshots(ctx, t, "b"), two)
		s.reopen(ctx, t)
		expectSnapshot(ctx, t, s.snapshots(ctx, t, "a"), one)
		expectSnapshot(ctx, t, s.snapshots(ctx, t, "b"), two)
		expectNoSnapshot(ctx, t, s.snapshots(ctx, t, "c"), "room/1")
		expectNamespaces(ctx, t, s, nil)
		one, two = two, one
	}
}

func largeReopened(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, sized(newEvent("room/1", 1), aether.MaxEventSize))
	saved = append(saved, save(ctx, t, store, newEvents("room/2", 1, aether.MaxBatchEvents)...)...)
	saved = append(saved, save(ctx, t, store, newEvent("room/3", 1))...)
	s.reopen(ctx, t)
	expectStore(ctx, t, s.store(ctx, t, "test"), saved)
}
