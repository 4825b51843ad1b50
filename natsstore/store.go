package natsstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aether-es/aether"
)

// Options of [Open]. The zero value is for one server.
type Options struct {
	// Replicas is on how many servers each stream is that is made: 1 when zero. Of
	// three, one may fail.
	Replicas int

	// SyncAlways says that the servers sync every write (sync_interval: always in their
	// configuration), which cannot be asked of them. Where it is false, Open warns of
	// what a loss of power takes: see docs/durability.md.
	SyncAlways bool
}

// Store is an engine on a NATS JetStream cluster. It is safe for concurrent use.
type Store struct {
	conn    *Conn
	dir     string
	options Options
	ctx     context.Context // ends when the engine is closed
	stop    context.CancelFunc

	mu         sync.Mutex
	closed     bool
	namespaces map[string]*namespace
}

var _ aether.Engine = (*Store)(nil)

// Open opens an engine over a connection, which must outlive it. The folder is that of
// the node's copies, which it makes if need be; each engine needs one of its own.
// Nothing is lost with it: a copy that is missing or damaged is made again, from the
// first event, which takes a while.
func Open(ctx context.Context, conn *Conn, dir string, options *Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, &aether.InvalidError{Index: -1, Field: "dir", Reason: "is empty: the copies of the streams need a folder"}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("natsstore: %w", err)
	}
	s := &Store{conn: conn, dir: dir, namespaces: make(map[string]*namespace)}
	if options != nil {
		s.options = *options
	}
	s.options.Replicas = cmp.Or(max(s.options.Replicas, 0), 1)
	if !s.options.SyncAlways {
		conn.logger.Warn("natsstore: it is not known that the servers sync every write; if they do not (sync_interval: always), a loss of power takes what was acknowledged in the last minutes, from one server that is alone, or from several that lose it together",
			"replicas", s.options.Replicas, "see", "docs/durability.md")
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Namespace returns the store of one namespace, which is an [aether.SnapshotStore] too.
// Its stream is made with its first event, or when it is followed.
func (s *Store) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	if err := aether.CheckNamespace(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, aether.ErrClosed
	}
	return s.namespace(name), nil
}

// namespace returns the namespace of that name; mu is held.
func (s *Store) namespace(name string) *namespace {
	n := s.namespaces[name]
	if n == nil {
		n = &namespace{
			store: s, name: name, opening: make(chan struct{}, 1), parts: make(map[string]int),
			subjects: s.conn.names.subjects(eventsRole, name),
		}
		s.namespaces[name] = n
	}
	return n
}

// Namespaces returns the names of the namespaces that hold events.
func (s *Store) Namespaces(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, aether.ErrClosed
	}
	var found []string
	err := s.conn.try(ctx, "list namespaces", func(ctx context.Context) (err error) {
		found, err = s.conn.streamsWithMessages(ctx, string(s.conn.names)+"."+eventsRole+".>")
		return err
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range found {
		s.mu.Lock()
		n := s.namespace(name)
		s.mu.Unlock()
		position, err := n.GetLatestPosition(ctx) // fences alone are no events
		if err != nil {
			return nil, err
		}
		if position > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Close waits for the saves under way, until their outcome is known or the time of
// [ConnOptions.Timeout] is over, and closes the copies. Followers end with
// [aether.ErrClosed], and so does a second Close.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return aether.ErrClosed
	}
	s.closed = true
	var all []*live
	for _, n := range s.namespaces {
		if n.live != nil {
			all = append(all, n.live)
		}
	}
	s.mu.Unlock()
	s.stop()
	errs := make([]error, len(all))
	var done sync.WaitGroup
	for i, l := range all {
		done.Go(func() { errs[i] = l.close() })
	}
	done.Wait()
	return errors.Join(errs...)
}
