package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
)

func togetherPromises() []promise {
	return []promise{
		{"everything may be done at the same time", everythingTogether},
		{"a reader of an actor sees its versions grow without holes", streamWhileSaving},
	}
}

// everythingTogether is there for the race detector, and so that every method is
// called while every other runs. What the writers saved is checked afterwards.
func everythingTogether(ctx context.Context, t *testing.T, s *subject) {
	const workers, rounds = 4, 40
	loads := map[string]*load{"one": newLoad(workers, rounds), "two": newLoad(workers, rounds)}
	names := []string{"one", "two"}
	jobs := []func(ctx context.Context, store aether.EventStore, load *load, worker int) error{
		func(ctx context.Context, store aether.EventStore, load *load, worker int) error {
			return load.write(ctx, store, worker)
		},
		func(ctx context.Context, store aether.EventStore, _ *load, worker int) error {
			for i := range rounds {
				actorID := fmt.Sprint("room/", (worker+i)%workers)
				version, err := store.GetLatestVersion(ctx, actorID)
				if err != nil {
					return fmt.Errorf("GetLatestVersion: %w", err)
				}
				stream, err := collect(store.GetEvents(ctx, actorID, 0))
				if err != nil || len(stream) < int(version) {
					return fmt.Errorf("GetEvents: %d events of %d, %v", len(stream), version, err)
				}
			}
			return nil
		},
		func(ctx context.Context, store aether.EventStore, _ *load, worker int) error {
			for i := range rounds {
				if _, err := collect(store.GetActors(ctx, []string{"", "room"}[i%2])); err != nil {
					return fmt.Errorf("GetActors: %w", err)
				}
				if _, err := s.engine.Namespaces(ctx); err != nil {
					return fmt.Errorf("list of namespaces: %w", err)
				}
				if _, err := s.engine.Namespace(ctx, fmt.Sprint("new ", worker, i%5)); err != nil {
					return fmt.Errorf("a new namespace: %w", err)
				}
			}
			return nil
		},
		func(ctx context.Context, store aether.EventStore, load *load, worker int) error {
			options := []aether.LogOptions{{}, {Kinds: []string{"hall"}}, {Types: []string{"Moved"}}, {}}[worker]
			options.To = aether.Position(load.total)
			if _, err := collect(store.FollowLog(ctx, 0, &options)); err != nil {
				return fmt.Errorf("FollowLog: %w", err)
			}
			return nil
		},
		func(ctx context.Context, store aether.EventStore, _ *load, worker int) error {
			// Losers of conflicts, refused saves, and loops that are left.
			for range rounds {
				if _, err := store.SaveEvents(ctx, newEvent("room/0", 500)); !errors.Is(err, aether.ErrVersionConflict) {
					return fmt.Errorf("SaveEvents of version 500: %v", err)
				}
				if _, err := store.SaveEvents(ctx, newEvent("room", 1)); !errors.Is(err, aether.ErrInvalid) {
					return fmt.Errorf("SaveEvents of an invalid event: %v", err)
				}
				for _, err := range store.ReadLog(ctx, 0, nil) {
					if err != nil {
						return fmt.Errorf("ReadLog: %w", err)
					}
					break
				}
				snapshots, ok := store.(aether.SnapshotStore)
				if !ok || !s.features.Snapshots {
					continue
				}
				if err := snapshots.SaveSnapshot(ctx, aether.Snapshot{ActorID: "room/0", Version: 1}); err != nil {
					return fmt.Errorf("SaveSnapshot: %w", err)
				}
				if _, err := snapshots.GetLatestSnapshot(ctx, "room/0"); err != nil {
					return fmt.Errorf("GetLatestSnapshot: %w", err)
				}
			}
			return nil
		},
	}
	together(ctx, t, len(names)*len(jobs)*workers, func(ctx context.Context, i int) error {
		name, job, worker := names[i%2], jobs[i/2%len(jobs)], i/2/len(jobs)
		store, err := s.engine.Namespace(ctx, name)
		if err != nil {
			return fmt.Errorf("namespace %q: %w", name, err)
		}
		return job(ctx, store, loads[name], worker)
	})
	for name, load := range loads {
		load.expect(ctx, t, s.store(ctx, t, name))
	}
	expectNamespaces(ctx, t, s, names)
}

func streamWhileSaving(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	const last = 400
	together(ctx, t, 4, func(ctx context.Context, i int) error {
		if i == 0 {
			for version := aether.Version(1); version <= last; version += 2 {
				if _, err := store.SaveEvents(ctx, newEvents("room/1", version, 2)...); err != nil {
					return fmt.Errorf("SaveEvents: %w", err)
				}
			}
			return nil
		}
		for seen := aether.Version(0); seen < last; {
			atLeast, err := store.GetLatestVersion(ctx, "room/1")
			if err != nil || atLeast < seen {
				return fmt.Errorf("GetLatestVersion: %d, %v; it was %d before", atLeast, err, seen)
			}
			for e, err := range store.GetEvents(ctx, "room/1", seen) {
				if seen++; err != nil || e.Version != seen {
					return fmt.Errorf("GetEvents: version %d, %v; want %d", e.Version, err, seen)
				}
			}
			if seen < atLeast {
				return fmt.Errorf("GetEvents ended at version %d, but %d was saved before", seen, atLeast)
			}
		}
		return nil
	})
}
