package aether

import (
	"context"
	"time"
)

// Snapshot is the state of an actor at a version. It is a cache: it may be
// missing, old, or ahead of a store restored from a backup, and whoever reads it
// must be able to do without.
type Snapshot struct {
	ActorID string
	Version Version

	// Schema is the version of the form of Data, chosen by whoever saves it.
	Schema int

	// Data is the state, in whatever form the caller chose; any bytes.
	Data []byte

	// Time is when the snapshot was taken, in UTC and to the microsecond; finer
	// digits are cut off. The store sets it when it is zero.
	Time time.Time
}

// SnapshotStore is implemented by an [EventStore] that keeps snapshots too.
type SnapshotStore interface {
	// SaveSnapshot keeps the snapshot in place of the actor's former one,
	// whatever the versions of both. It need not survive a crash. The error is
	// [ErrInvalid] when [CheckSnapshot] refuses it. Data is copied.
	SaveSnapshot(ctx context.Context, snapshot Snapshot) error

	// GetLatestSnapshot returns the snapshot that was saved last, or
	// [ErrSnapshotNotFound]. What cannot be an actor's ID is [ErrInvalid].
	GetLatestSnapshot(ctx context.Context, actorID string) (Snapshot, error)
}
