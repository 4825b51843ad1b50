package pgstore

import (
	"context"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

// SaveSnapshot is described at [aether.SnapshotStore]. It does not wait for the
// server's disk. It may also fail with the classes of errors of this package.
func (n *namespace) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	snapshot, err := storekit.CompleteSnapshot(snapshot, time.Now())
	if err != nil {
		return err
	}
	return n.store.query(ctx, "save a snapshot", &n.store.sql.saveSnapshot, func(p *parameters) {
		p.text(n.name)
		p.text(snapshot.ActorID)
		p.int8(uint64(snapshot.Version))
		p.int4(snapshot.Schema)
		p.time(snapshot.Time.UnixMicro())
		p.bytes(snapshot.Data)
	}, fromScratch, func([][]byte) error { return nil })
}

// GetLatestSnapshot is described at [aether.SnapshotStore].
func (n *namespace) GetLatestSnapshot(ctx context.Context, actorID string) (aether.Snapshot, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return aether.Snapshot{}, err
	}
	snapshot := aether.Snapshot{ActorID: actorID}
	found := false
	err := n.store.query(ctx, "get a snapshot", &n.store.sql.snapshot, func(p *parameters) {
		p.text(n.name)
		p.text(actorID)
	}, fromScratch, func(row [][]byte) error {
		found = true
		version, err := toInt8(row[0])
		if err != nil {
			return err
		}
		snapshot.Version = aether.Version(version)
		if snapshot.Schema, err = toInt4(row[1]); err != nil {
			return err
		}
		snapshot.Time, err = toTime(row[2])
		snapshot.Data = append([]byte(nil), row[3]...)
		return err
	})
	if err == nil && !found {
		err = aether.ErrSnapshotNotFound
	}
	if err != nil {
		return aether.Snapshot{}, err
	}
	return snapshot, nil
}
