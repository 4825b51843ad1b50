package storetest

import (
	"bytes"
	"context"
	"testing"

	"github.com/aether-es/aether"
)

func largePromises(features Features) []promise {
	promises := []promise{
		{"a save has at most 16 MiB", batchSize},
		{"the events of a conflict have at most 16 MiB", largeWinners},
	}
	if features.Snapshots {
		promises = append(promises, promise{"a snapshot has at most 16 MiB", snapshotSize})
	}
	return promises
}

func largeWinners(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := aether.Version(1); version <= 17; version++ {
		saved = append(saved, save(ctx, t, store, sized(newEvent("room/1", version), aether.MaxEventSize))...)
	}
	_, err := store.SaveEvents(ctx, newEvent("room/1", 1))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 1, Latest: 17, Events: saved[:16]})
}

func batchSize(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 17)
	for i := range 15 {
		events[i] = sized(events[i], aether.MaxEventSize)
	}
	events[15] = sized(events[15], aether.MaxEventSize/2)
	events[16] = sized(events[16], aether.MaxEventSize/2+1)
	refuse(ctx, t, store, "one byte too many", -1, "events", events...)
	events[16] = sized(events[16], aether.MaxEventSize/2)
	saved := save(ctx, t, store, events...)
	if s.features.Durable {
		s.reopen(ctx, t)
	}
	expectStore(ctx, t, s.store(ctx, t, "test"), saved)
}

func snapshotSize(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	large := newSnapshot("room/1", 1, "")
	large.Data = bytes.Repeat([]byte{0, 'x', 0xff, '\n'}, aether.MaxSnapshotSize/4+1)
	large.Data = large.Data[:aether.MaxSnapshotSize+1]
	if wrong := invalid(store.SaveSnapshot(ctx, large), -1, "data"); wrong != "" {
		t.Errorf("SaveSnapshot of one byte too many: %s", wrong)
	}
	expectNoSnapshot(ctx, t, store, "room/1")
	large.Data = large.Data[:aether.MaxSnapshotSize]
	saveSnapshot(ctx, t, store, large)
	expectSnapshot(ctx, t, store, large)
	small := newSnapshot("room/1", 2, "small")
	saveSnapshot(ctx, t, store, small)
	expectSnapshot(ctx, t, store, small)
}
