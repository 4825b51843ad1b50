package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/aether-es/aether"
)

// subject is an engine under test, with the storage it is open on.
type subject struct {
	features Features
	storage  Storage
	engine   aether.Engine // replaced when it is reopened
}

func newSubject(ctx context.Context, t *testing.T, features Features, storage Storage) *subject {
	t.Helper()
	s := &subject{features: features, storage: storage}
	s.open(ctx, t)
	t.Cleanup(func() {
		if err := s.engine.Close(); err != nil && !errors.Is(err, aether.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func (s *subject) open(ctx context.Context, t *testing.T) {
	t.Helper()
	engine, err := s.storage.Open(ctx)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	s.engine = engine
}

// reopen closes the engine and opens another on the same storage. Stores of the
// former one are of no use any more.
func (s *subject) reopen(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := s.engine.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s.open(ctx, t)
}

// losePower is reopen after a loss of power.
func (s *subject) losePower(ctx context.Context, t *testing.T) {
	t.Helper()
	s.storage.LosePower()
	_ = s.engine.Close() // whatever it says: its storage is gone
	s.open(ctx, t)
}

// store returns the store of a namespace.
func (s *subject) store(ctx context.Context, t *testing.T, namespace string) aether.EventStore {
	t.Helper()
	store, err := s.engine.Namespace(ctx, namespace)
	if err != nil {
		t.Fatalf("Namespace(%q): %v", namespace, err)
	}
	return store
}

// snapshots is store, for snapshots.
func (s *subject) snapshots(ctx context.Context, t *testing.T, namespace string) aether.SnapshotStore {
	t.Helper()
	store, ok := s.store(ctx, t, namespace).(aether.SnapshotStore)
	if !ok {
		t.Fatal("Features.Snapshots is declared, but the event store is no aether.SnapshotStore")
	}
	return store
}
