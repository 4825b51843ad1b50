package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func snapshotPromises() []promise {
	return []promise{
		{"an actor without a snapshot has none", noSnapshot},
		{"a snapshot comes back as it was saved", sameSnapshot},
		{"times of snapshots come back in UTC and cut to the microsecond", cutSnapshotTimes},
		{"a zero time of a snapshot is set when it is saved", zeroSnapshotTime},
		{"the last snapshot replaces the one before whatever their versions", replaceSnapshot},
		{"snapshots of actors and namespaces do not mix", separateSnapshots},
		{"snapshots are no events", snapshotsAreNoEvents},
		{"a snapshot that breaks a limit is refused", badSnapshots},
		{"snapshots are copied in and out", copySnapshots},
		{"a done context ends every call for snapshots", doneContextSnapshots},
		{"readers among 16 writers of a snapshot get one of theirs whole", snapshotRace},
	}
}

// newSnapshot returns a snapshot that comes back as it is.
func newSnapshot(actorID string, version aether.Version, data string) aether.Snapshot {
	return aether.Snapshot{
		ActorID: actorID, Version: version, Schema: 3, Data: []byte(data),
		Time: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func saveSnapshot(ctx context.Context, t *testing.T, store aether.SnapshotStore, snapshot aether.Snapshot) {
	t.Helper()
	if err := store.SaveSnapshot(ctx, snapshot); err != nil {
		t.Fatalf("SaveSnapshot: %v", err)
	}
}

func sameAs(a, b *aether.Snapshot) bool {
	return a.ActorID == b.ActorID && a.Version == b.Version && a.Schema == b.Schema &&
		bytes.Equal(a.Data, b.Data) && a.Time.Equal(b.Time) && a.Time.Location() == b.Time.Location()
}

func expectSnapshot(ctx context.Context, t *testing.T, store aether.SnapshotStore, want aether.Snapshot) {
	t.Helper()
	got, err := store.GetLatestSnapshot(ctx, want.ActorID)
	if err != nil {
		t.Fatalf("GetLatestSnapshot(%q): %v", want.ActorID, err)
	}
	if !sameAs(&got, &want) {
		t.Fatalf("GetLatestSnapshot: version %d, schema %d, %v, %d bytes %.40q of %q; want version %d, schema %d, %v, %d bytes %.40q of %q",
			got.Version, got.Schema, got.Time, len(got.Data), got.Data, got.ActorID,
			want.Version, want.Schema, want.Time, len(want.Data), want.Data, want.ActorID)
	}
}

func expectNoSnapshot(ctx context.Context, t *testing.T, store aether.SnapshotStore, actorID string) {
	t.Helper()
	if got, err := store.GetLatestSnapshot(ctx, actorID); !errors.Is(err, aether.ErrSnapshotNotFound) {
		t.Fatalf("GetLatestSnapshot(%q): version %d, %v; want %v", actorID, got.Version, err, aether.ErrSnapshotNotFound)
	}
}

func noSnapshot(ctx context.Context, t *testing.T, s *subject) {
	save(ctx, t, s.store(ctx, t, "test"), newEvent("room/1", 1))
	store := s.snapshots(ctx, t, "test")
	expectNoSnapshot(ctx, t, store, "room/1")
	expectNoSnapshot(ctx, t, store, "room/2")
}

func sameSnapshot(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	anything := make([]byte, 256)
	for i := range anything {
		anything[i] = byte(i)
	}
	for i, data := range []string{`{"a":1}`, "", "\x00", "not JSON", string(anything), "\xff\xfe"} {
		snapshot := newSnapshot(fmt.Sprint("room/", i), 1, data)
		saveSnapshot(ctx, t, store, snapshot)
		expectSnapshot(ctx, t, store, snapshot)
	}
	edge := newSnapshot("room/edge", math.MaxInt64, "edge")
	edge.Schema = math.MaxInt32
	saveSnapshot(ctx, t, store, edge)
	expectSnapshot(ctx, t, store, edge)
	edge.Schema = 0
	saveSnapshot(ctx, t, store, edge)
	expectSnapshot(ctx, t, store, edge)
}

func cutSnapshotTimes(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	for _, at := range awkwardTimes() {
		snapshot := newSnapshot("room/1", 1, "timed")
		snapshot.Time = at
		saveSnapshot(ctx, t, store, snapshot)
		snapshot.Time = cut(at)
		expectSnapshot(ctx, t, store, snapshot)
	}
}

func zeroSnapshotTime(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	snapshot := newSnapshot("room/1", 1, "timeless")
	snapshot.Time = time.Time{}
	saveSnapshot(ctx, t, store, snapshot)
	got, err := store.GetLatestSnapshot(ctx, "room/1")
	if err != nil {
		t.Fatalf("GetLatestSnapshot: %v", err)
	}
	// A minute is for an engine whose clock is another machine's.
	if off := time.Since(got.Time).Abs(); off > time.Minute || got.Time != cut(got.Time) {
		t.Errorf("the time is %v, which is %v away; want now, in UTC and to the microsecond", got.Time, off)
	}
}

func replaceSnapshot(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	for _, version := range []aether.Version{5, 6, 6, 100, 2, 1, 100} {
		snapshot := newSnapshot("room/1", version, aether.NewID())
		saveSnapshot(ctx, t, store, snapshot)
		expectSnapshot(ctx, t, store, snapshot)
	}
}

func separateSnapshots(ctx context.Context, t *testing.T, s *subject) {
	names := []string{"a", "a/b", "aa", "A", "..", " "}
	var want [][]aether.Snapshot
	for i, name := range names {
		store := s.snapshots(ctx, t, name)
		want = append(want, nil)
		for _, actorID := range hostileActorIDs() {
			expectNoSnapshot(ctx, t, store, actorID)
			snapshot := newSnapshot(actorID, 1, aether.NewID())
			saveSnapshot(ctx, t, store, snapshot)
			want[i] = append(want[i], snapshot)
		}
	}
	for i, name := range names {
		for _, snapshot := range want[i] {
			expectSnapshot(ctx, t, s.snapshots(ctx, t, name), snapshot)
		}
	}
}

func snapshotsAreNoEvents(ctx context.Context, t *testing.T, s *subject) {
	saveSnapshot(ctx, t, s.snapshots(ctx, t, "test"), newSnapshot("room/1", 7, "ahead of the events"))
	store := s.store(ctx, t, "test")
	expectStore(ctx, t, store, nil)
	expectVersion(ctx, t, store, "room/1", 0)
	expectNamespaces(ctx, t, s, nil)
	saved := save(ctx, t, store, newEvent("room/1", 1))
	saveSnapshot(ctx, t, s.snapshots(ctx, t, "test"), newSnapshot("room/1", 1, "beside them"))
	expectStore(ctx, t, store, saved)
}

func badSnapshots(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	good := newSnapshot("room/1", 1, "good")
	saveSnapshot(ctx, t, store, good)
	refused := func(field string, spoil func(s *aether.Snapshot)) {
		t.Helper()
		bad := newSnapshot("room/1", 2, "bad")
		spoil(&bad)
		if wrong := invalid(store.SaveSnapshot(ctx, bad), -1, field); wrong != "" {
			t.Errorf("SaveSnapshot: %s", wrong)
		}
		expectSnapshot(ctx, t, store, good)
	}
	for _, version := range []aether.Version{0, math.MaxInt64 + 1, math.MaxUint64} {
		refused("version", func(s *aether.Snapshot) { s.Version = version })
	}
	tooLarge := math.MaxInt32
	tooLarge++ // negative where int has 32 bits
	for _, schema := range []int{-1, tooLarge} {
		refused("schema", func(s *aether.Snapshot) { s.Schema = schema })
	}
	for _, year := range []int{-1, 0, 10000} {
		refused("time", func(s *aether.Snapshot) { s.Time = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) })
	}
	for _, id := range notActorIDs() {
		refused("actorId", func(s *aether.Snapshot) { s.ActorID = id })
		_, err := store.GetLatestSnapshot(ctx, id)
		if wrong := invalid(err, -1, "actorId"); wrong != "" {
			t.Errorf("GetLatestSnapshot(%q): %s", id, wrong)
		}
	}
}

func copySnapshots(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	passed := newSnapshot("room/1", 1, "as it was saved")
	want := passed
	want.Data = bytes.Clone(passed.Data)
	saveSnapshot(ctx, t, store, passed)
	overwrite(passed.Data)
	expectSnapshot(ctx, t, store, want)
	got, err := store.GetLatestSnapshot(ctx, "room/1")
	if err != nil {
		t.Fatalf("GetLatestSnapshot: %v", err)
	}
	overwrite(got.Data)
	expectSnapshot(ctx, t, store, want)
}

func doneContextSnapshots(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	saveSnapshot(ctx, t, store, newSnapshot("room/1", 1, "one"))
	for want, done := range ended(ctx, t) {
		if err := store.SaveSnapshot(done, newSnapshot("room/1", 2, "two")); !errors.Is(err, want) {
			t.Errorf("SaveSnapshot: %v, want %v", err, want)
		}
		if _, err := store.GetLatestSnapshot(done, "room/1"); !errors.Is(err, want) {
			t.Errorf("GetLatestSnapshot: %v, want %v", err, want)
		}
	}
}

func snapshotRace(ctx context.Context, t *testing.T, s *subject) {
	store := s.snapshots(ctx, t, "test")
	whole := func(i int) aether.Snapshot {
		snapshot := newSnapshot("room/1", aether.Version(i+1), string(bytes.Repeat([]byte{byte('a' + i)}, 1000*(i+1))))
		snapshot.Schema, snapshot.Time = i, time.Unix(int64(i), 0).UTC()
		return snapshot
	}
	saveSnapshot(ctx, t, store, whole(0))
	together(ctx, t, 2*writers, func(ctx context.Context, i int) error {
		for range 50 {
			if i < writers {
				if err := store.SaveSnapshot(ctx, whole(i)); err != nil {
					return fmt.Errorf("SaveSnapshot: %w", err)
				}
				continue
			}
			got, err := store.GetLatestSnapshot(ctx, "room/1")
			if err != nil {
				return fmt.Errorf("GetLatestSnapshot: %w", err)
			}
			if want := whole(got.Schema); !sameAs(&got, &want) {
				return fmt.Errorf("a snapshot of version %d has schema %d and %d bytes %.20q", got.Version, got.Schema, len(got.Data), got.Data)
			}
		}
		return nil
	})
}
