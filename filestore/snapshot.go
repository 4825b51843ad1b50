package filestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2"
)

// snapshots is a Pebble of its own, since snapshots do not follow from the log:
// the index can be dropped without losing them. It is opened when it is needed.
// Writes are not synced, so the newest may be lost with the machine.
type snapshots struct {
	mu sync.Mutex
	db *pebble.DB
	fs *pebbleFS
}

// snapshotFormat begins every value: u8 format, u64 version, u32 schema, i64 time
// in microseconds, and the data; big endian.
const (
	snapshotFormat = 1
	snapshotHead   = 1 + 8 + 4 + 8
)

func (s *Store) snapshotDB() (*pebble.DB, error) {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if s.snapshots.db != nil {
		return s.snapshots.db, nil
	}
	path := s.fs.PathJoin(s.dir, snapFolder)
	files := &pebbleFS{FS: s.fs, space: &s.space, failed: func(err error) {
		s.options.Logger.Error("filestore: snapshots are kept no more until the store is opened again", "folder", path, "error", err)
	}}
	db, err := openPebble(path, pebbleOptions(files, path, s.options.Logger), snapshotCacheSize)
	if err != nil {
		return nil, fmt.Errorf("filestore: snapshots: %w (they can be made again: delete %s)", err, path)
	}
	files.patient.Store(true)
	s.snapshots.db, s.snapshots.fs = db, files
	return db, nil
}

func (x *snapshots) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil {
		return nil
	}
	return x.db.Close()
}

// SaveSnapshot is described at [aether.SnapshotStore].
func (n *namespace) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	if err := aether.CheckSnapshot(&snapshot); err != nil {
		return err
	}
	if snapshot.Time.IsZero() {
		snapshot.Time = time.Now()
	}
	if err := n.store.enter(ctx); err != nil {
		return err
	}
	defer n.store.leave()
	db, err := n.store.snapshotDB()
	if err != nil {
		return err
	}
	value := append(make([]byte, 0, snapshotHead+len(snapshot.Data)), snapshotFormat)
	value = binary.BigEndian.AppendUint64(value, uint64(snapshot.Version))
	value = binary.BigEndian.AppendUint32(value, uint32(snapshot.Schema))
	value = binary.BigEndian.AppendUint64(value, uint64(snapshot.Time.UnixMicro()))
	value = append(value, snapshot.Data...)
	if err := db.Set(textKey(keyActor, n.name, snapshot.ActorID), value, pebble.NoSync); err != nil {
		return fmt.Errorf("filestore: snapshots: %w", err)
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
