// Package memstore keeps events in memory, for tests and examples. It is a whole
// [aether.Engine] with snapshots, and differs from the others in one thing: when
// it is closed, everything is gone.
//
// Everything that goes in or out is copied, so nobody can change what was saved.
// A save whose context is done when it begins writes nothing; one that has begun
// is not interrupted.
package memstore

import (
	"context"
	"slices"
	"sync"

	"github.com/aether-es/aether"
)

// Store is an engine in memory. It is safe for concurrent use.
type Store struct {
	// mu guards everything below, that of the namespaces too. It is never held
	// while a loop of the caller runs.
	mu         sync.RWMutex
	namespaces map[string]*namespace

	// closed is closed, while mu is held, by Close.
	closed chan struct{}
}

var _ aether.Engine = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{namespaces: make(map[string]*namespace), closed: make(chan struct{})}
}

// Namespace returns the store of one namespace, which is an
// [aether.SnapshotStore] too. Some memory is kept for every name that was asked
// for.
func (s *Store) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	if err := aether.CheckNamespace(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	n := s.namespaces[name]
	if n == nil {
		n = &namespace{
			store:     s,
			actors:    make(map[string]*actor),
			snapshots: make(map[string]aether.Snapshot),
			grown:     make(chan struct{}),
		}
		s.namespaces[name] = n
	}
	return n, nil
}

// Namespaces returns the names of the namespaces that hold events.
func (s *Store) Namespaces(ctx context.Context) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var names []string
	for name, n := range s.namespaces {
		if len(n.log) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Close drops all events. Loops under way end with [aether.ErrClosed]; Close does
// not wait for them. Closing again fails with ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return aether.ErrClosed
	}
	close(s.closed)
	for _, n := range s.namespaces {
		n.log, n.actors, n.snapshots = nil, nil, nil
	}
	s.namespaces = nil
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// ready says why nothing may be done any more: ctx is done or the store closed.
func (s *Store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.isClosed() {
		return aether.ErrClosed
	}
	return nil
}
