package filestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/aether-es/aether/storekit"
	"github.com/cockroachdb/pebble/v2"
)

// snapshots is a Pebble of its own, since snapshots do not follow from the log:
// the index can be dropped without losing them. It is opened when it is needed.
// Writes are not synced, so the newest may be lost with the machine. When it is
// damaged it is made anew. When a write fails, that of a full disk too, no snapshot
// can be saved until the store is opened again: what was going on in a Pebble that
// has failed cannot be ended. Those that are there can be read, and the store comes
// to no harm. A full disk is mostly noticed before anything is written, though, and
// then snapshots can be saved again when there is space.
type snapshots struct {
	mu  sync.Mutex
	db  *pebble.DB
	fs  *pebblefs.FS
	err error // why it could not be opened
}

// snapshotFormat begins every value: u8 format, u64 version, u32 schema, i64 time
// in microseconds, and the data; big endian.
const (
	snapshotFormat = 1
	snapshotHead   = 1 + 8 + 4 + 8
)

func (s *Store) snapshotDB() (*pebble.DB, error) {
	x := &s.snapshots
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db != nil || x.err != nil {
		return x.db, x.err
	}
	if err := s.space.enough(spaceCheck, 0); err != nil {
		return nil, err
	}
	path := s.fs.PathJoin(s.dir, snapFolder)
	err := x.open(s, path)
	if err != nil && x.fs.Err() == nil {
		s.options.Logger.Warn("filestore: the snapshots are damaged and are dropped", "folder", path, "error", err)
		if err = s.fs.RemoveAll(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = x.open(s, path)
		}
	}
	if err != nil {
		x.err = x.snapshotError(err)
	}
	return x.db, x.err
}

func (x *snapshots) open(s *Store, path string) (err error) {
	x.fs = pebblefs.New(s.fs, &pebblefs.Options{Notify: func() {
		s.options.Logger.Error("filestore: no snapshot can be saved until the store is opened again", "folder", path)
	}})
	x.db, err = openPebble(path, pebbleOptions(x.fs, path, s.options.Logger), x.fs, snapshotCacheSize)
	return err
}

// snapshotError says that an error is about the snapshots, and when they have come
// to an end, that too.
func (x *snapshots) snapshotError(err error) error {
	if x.fs.Err() != nil {
		err = &stoppedError{err}
	}
	return fmt.Errorf("filestore: snapshots: %w", err)
}

func (x *snapshots) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil || x.fs.Err() != nil {
		return nil
	}
	return x.fs.Guard(x.db.Close)
}

// SaveSnapshot is described at [aether.SnapshotStore]. It may also fail with
// [ErrDiskFull], after which snapshots can be saved again when there is space, or
// with [ErrStopped], after which none can until the store is opened again; events
// can all the same.
func (n *namespace) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	snapshot, err := storekit.CompleteSnapshot(snapshot, time.Now())
	if err != nil {
		return err
	}
	if err := n.store.enter(ctx); err != nil {
		return err
	}
	defer n.store.leave()
	db, err := n.store.snapshotDB()
	if err != nil {
		return err
	}
	if err := n.store.space.enough(int64(len(snapshot.Data)), reserve); err != nil {
		return err
	}
	value := append(make([]byte, 0, snapshotHead+len(snapshot.Data)), snapshotFormat)
	value = binary.BigEndian.AppendUint64(value, uint64(snapshot.Version))
	value = binary.BigEndian.AppendUint32(value, uint32(snapshot.Schema))
	value = binary.BigEndian.AppendUint64(value, uint64(snapshot.Time.UnixMicro()))
	value = append(value, snapshot.Data...)
	key := textKey(keyActor, n.name, snapshot.ActorID)
	if err := n.store.snapshots.fs.Guard(func() error { return db.Set(key, value, pebble.NoSync) }); err != nil {
		return n.store.snapshots.snapshotError(err)
	}
	return nil
}

// GetLatestSnapshot is described at [aether.SnapshotStore].
func (n *namespace) GetLatestSnapshot(ctx context.Context, actorID string) (aether.Snapshot, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return aether.Snapshot{}, err
	}
	if err := n.store.enter(ctx); err != nil {
		return aether.Snapshot{}, err
	}
	defer n.store.leave()
	db, err := n.store.snapshotDB()
	if err != nil {
		return aether.Snapshot{}, err
	}
	value, closer, err := db.Get(textKey(keyActor, n.name, actorID))
	if errors.Is(err, pebble.ErrNotFound) {
		return aether.Snapshot{}, aether.ErrSnapshotNotFound
	}
	if pebble.IsCorruptionError(err) {
		n.store.options.Logger.Warn("filestore: a snapshot is damaged", "namespace", n.name, "actor", actorID, "error", err)
		return aether.Snapshot{}, aether.ErrSnapshotNotFound
	}
	if err != nil {
		return aether.Snapshot{}, fmt.Errorf("filestore: snapshots: %w", err)
	}
	defer closer.Close()
	if len(value) < snapshotHead || value[0] != snapshotFormat {
		return aether.Snapshot{}, aether.ErrSnapshotNotFound
	}
	return aether.Snapshot{
		ActorID: actorID,
		Version: aether.Version(binary.BigEndian.Uint64(value[1:])),
		Schema:  int(binary.BigEndian.Uint32(value[9:])),
		Time:    time.UnixMicro(int64(binary.BigEndian.Uint64(value[13:]))).UTC(),
		Data:    append([]byte(nil), value[snapshotHead:]...),
	}, nil
}
