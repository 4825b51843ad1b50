package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

func (n *namespace) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	snapshot, err := storekit.CompleteSnapshot(snapshot, time.Now())
	if err != nil {
		return err
	}
	snapshot.Data = slices.Clone(snapshot.Data)
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	if err := n.store.ready(ctx); err != nil {
		return err
	}
	n.snapshots[snapshot.ActorID] = snapshot
	return nil
}

func (n *namespace) GetLatestSnapshot(ctx context.Context, actorID string) (aether.Snapshot, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return aether.Snapshot{}, err
	}
	n.store.mu.RLock()
	defer n.store.mu.RUnlock()
	if err := n.store.ready(ctx); err != nil {
		return aether.Snapshot{}, err
	}
	snapshot, ok := n.snapshots[actorID]
	if !ok {
		return aether.Snapshot{}, aether.ErrSnapshotNotFound
	}
	snapshot.Data = slices.Clone(snapshot.Data)
	return snapshot, nil
}
