package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
)

func powerLossPromises() []promise {
	return []promise{
		{"a save that returned is there after a loss of power", everySaveSurvives},
		{"the first save of a namespace is there after a loss of power", firstSaveSurvives},
		{"what 16 writers saved is there whole after a loss of power", writersSurvive},
		{"what a follower saw is there after a loss of power", seenSurvives},
		{"events saved before are recognised after a loss of power", repeatSurvives},
		{"a snapshot is whole or gone after a loss of power", snapshotsSurvive},
	}
}

func everySaveSurvives(ctx context.Context, t *testing.T, s *subject) {
	var saved []aether.Event
	for round := range 30 {
		store := s.store(ctx, t, "test")
		for range round%3 + 1 {
			version := aether.Version(len(saved) + 1)
			saved = append(saved, save(ctx, t, store, newEvents("room/1", version, round%4+1)...)...)
		}
		s.losePower(ctx, t)
		if round%5 == 0 {
			s.losePower(ctx, t) // right after it came back
		}
		expectStore(ctx, t, s.store(ctx, t, "test"), saved)
	}
}

func firstSaveSurvives(ctx context.Context, t *testing.T, s *subject) {
	s.losePower(ctx, t)
	expectNamespaces(ctx, t, s, nil)
	saved := make(map[string][]aether.Event)
	for _, name := range []string{"a", "a/b", "..", "A"} {
		saved[name] = save(ctx, t, s.store(ctx, t, name), newEvent("room/1", 1))
		s.losePower(ctx, t)
		for name := range saved {
			expectStore(ctx, t, s.store(ctx, t, name), saved[name])
		}
	}
	expectNamespaces(ctx, t, s, []string{"a", "a/b", "..", "A"})
}

// acknowledged collects the saves that have returned, by many writers.
type acknowledged struct {
	mu    sync.Mutex
	saves [][]aether.Event
}

func (a *acknowledged) add(events []aether.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.saves = append(a.saves, events)
}

func (a *acknowledged) list() [][]aether.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.saves[:len(a.saves):len(a.saves)]
}

func writersSurvive(ctx context.Context, t *testing.T, s *subject) {
	latest := make([]aether.Version, writers) // by room, as it is after a loss
	for round := range 10 {
		var (
			acked     acknowledged
			tried     = make([][]aether.Event, writers) // the last save of each writer
			surviving [][]aether.Event
			store     = s.store(ctx, t, "test")
			losing    atomic.Bool // from now on saves may fail
			stop      = make(chan struct{})
			enough    = make(chan struct{}, 50+10*round)
		)
		together(ctx, t, writers+1, func(ctx context.Context, i int) error {
			if i == writers {
				defer close(stop)
				for range cap(enough) {
					select {
					case <-enough:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				surviving = acked.list() // these had returned before the power went
				losing.Store(true)
				s.storage.LosePower()
				return nil
			}
			for version := latest[i] + 1; ; version += 2 {
				tried[i] = append(newEvents(fmt.Sprint("room/", i), version, 2), newEvent(fmt.Sprint("hall/", i), (version+1)/2))
				last, err := store.SaveEvents(ctx, tried[i]...)
				if losing.Load() {
					return nil
				}
				if err != nil {
					return fmt.Errorf("SaveEvents: %w", err)
				}
				acked.add(positioned(tried[i], last))
				select {
				case enough <- struct{}{}:
				case <-stop:
					return nil
				}
			}
		})
		_ = s.engine.Close() // its storage is gone
		s.open(ctx, t)
		store = s.store(ctx, t, "test")
		log := all(t, "ReadLog", store.ReadLog(ctx, 0, nil))
		for _, events := range surviving {
			last := int(events[2].Position)
			if last > len(log) {
				t.Fatalf("round %d: a save at position %d had returned, but the log ends at %d", round, last, len(log))
			}
			expectEvents(t, "a save that had returned", log[last-3:last], events)
		}
		expectStore(ctx, t, store, log)
		for i := range writers {
			room, err := store.GetLatestVersion(ctx, fmt.Sprint("room/", i))
			if err != nil {
				t.Fatalf("GetLatestVersion: %v", err)
			}
			hall, err := store.GetLatestVersion(ctx, fmt.Sprint("hall/", i))
			if err != nil || room != 2*hall {
				t.Fatalf("room/%d has %d events and hall/%d has %d, %v: a save of two and one was torn", i, room, i, hall, err)
			}
			latest[i] = room
		}
		// A writer that does not know whether its save landed saves it again.
		for i := range writers {
			if tried[i][0].Version == latest[i]+1 {
				save(ctx, t, store, tried[i]...)
				latest[i] += 2
			}
			if tried[i][1].Version == latest[i] {
				last, err := store.SaveEvents(ctx, tried[i]...)
				if err != nil {
					t.Fatalf("SaveEvents again: %v", err)
				}
				expectEvents(t, "a save made again", all(t, "ReadLog", store.ReadLog(ctx, last-3, &aether.LogOptions{To: last})), positioned(tried[i], last))
			}
		}
	}
}

// seenSurvives follows the log while it is written. A projection keeps what it
// has seen, so nothing may be seen that a loss of power undoes.
func seenSurvives(ctx context.Context, t *testing.T, s *subject) {
	var saved aether.Version
	for range 10 {
		store := s.store(ctx, t, "test")
		var (
			seen   []aether.Event
			losing atomic.Bool
		)
		together(ctx, t, 2, func(ctx context.Context, i int) error {
			if i == 0 {
				for e, err := range store.FollowLog(ctx, aether.Position(saved), nil) {
					if err != nil {
						return fmt.Errorf("FollowLog: %w", err)
					}
					if seen = append(seen, e); len(seen) == 10 {
						break
					}
				}
				losing.Store(true)
				s.storage.LosePower()
				return nil
			}
			for version := saved + 1; !losing.Load(); version++ {
				if _, err := store.SaveEvents(ctx, newEvent("room/1", version)); err != nil && !losing.Load() {
					return fmt.Errorf("SaveEvents: %w", err)
				}
			}
			return nil
		})
		_ = s.engine.Close()
		s.open(ctx, t)
		store = s.store(ctx, t, "test")
		expectEvents(t, "what was seen, read again", take(t, "ReadLog", store.ReadLog(ctx, aether.Position(saved), nil), len(seen)), seen)
		log := all(t, "ReadLog", store.ReadLog(ctx, 0, nil))
		expectStore(ctx, t, store, log)
		saved = aether.Version(len(log))
	}
}

func repeatSurvives(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for range 3 {
		s.losePower(ctx, t)
		store = s.store(ctx, t, "test")
		expectRepeat(ctx, t, store, 3, saved[:3]...)
		_, err := store.SaveEvents(ctx, again(saved[1], 9))
		expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: saved[1].ID, Tried: 9, Version: 2})
		_, err = store.SaveEvents(ctx, newEvent("room/1", 3))
		expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 3, Latest: aether.Version(len(saved)), Events: saved[2:]})
		saved = append(saved, save(ctx, t, store, newEvent("room/1", aether.Version(len(saved)+1)))...)
		expectStore(ctx, t, store, saved)
	}
}

func snapshotsSurvive(ctx context.Context, t *testing.T, s *subject) {
	if !s.features.Snapshots {
		return
	}
	var saved []aether.Snapshot
	for round := range 10 {
		save(ctx, t, s.store(ctx, t, "test"), newEvent("room/1", aether.Version(round+1)))
		for range round%3 + 1 {
			saved = append(saved, newSnapshot("room/1", aether.Version(len(saved)+1), aether.NewID()))
			saveSnapshot(ctx, t, s.snapshots(ctx, t, "test"), saved[len(saved)-1])
		}
		s.losePower(ctx, t)
		saved = survivors(ctx, t, s.snapshots(ctx, t, "test"), "room/1", saved)
	}
}
