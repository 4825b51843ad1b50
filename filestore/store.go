package filestore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of [Open], [OpenReadOnly] and the functions that work on folders. The
// zero value is what most programs want.
type Options struct {
	// SegmentSize is the size in bytes at which a segment of the log is sealed and
	// the next begun: 64 MiB when zero, at most 1 GiB.
	SegmentSize int64

	// CacheSize is how many bytes of the index are kept in memory: 64 MiB when zero.
	CacheSize int64

	// NoSync leaves it to the kernel when to write to disk what is saved. Then a save
	// that returned nil survives the end of the process, but not a loss of power,
	// which may lose and damage anything. It is for a copy that can be made again, and
	// whose owner knows when it must be.
	NoSync bool

	// Progress is called now and then while something takes long: checking
	// segments, making the index again, copying. It must not block.
	Progress func(Progress)

	// Logger is told what an operator should know: a torn tail cut off, an index
	// made again. It is slog.Default() when nil.
	Logger *slog.Logger

	fs           vfs.FS // vfs.Default when nil
	recentEvents int    // how many events the index keeps in memory: maxRecent when 0
	groupSize    int    // how many bytes are written and synced together: maxGroup when 0
}

// Progress says how far something has come, in bytes.
type Progress struct {
	Step  string // "check", "index", "copy" or "verify"
	Done  int64
	Total int64
}

const (
	defaultSegmentSize = 64 << 20
	maxSegmentSize     = 1 << 30
	defaultCacheSize   = 64 << 20
	snapshotCacheSize  = 8 << 20
	maxRecent          = 250_000
)

// withDefaults returns a copy in which everything is set.
func (o *Options) withDefaults() *Options {
	var options Options
	if o != nil {
		options = *o
	}
	if options.SegmentSize <= 0 {
		options.SegmentSize = defaultSegmentSize
	}
	options.SegmentSize = min(options.SegmentSize, maxSegmentSize)
	if options.CacheSize <= 0 {
		options.CacheSize = defaultCacheSize
	}
	if options.Progress == nil {
		options.Progress = func(Progress) {}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.fs == nil {
		options.fs = vfs.Default
	}
	if options.NoSync {
		options.fs = noSyncFS{options.fs}
	}
	if options.groupSize <= 0 {
		options.groupSize = maxGroup
	}
	if options.recentEvents <= 0 {
		options.recentEvents = maxRecent
	}
	return &options
}

// Store is an engine in a folder. It is safe for concurrent use.
type Store struct {
	dir     string
	options *Options
	fs      vfs.FS
	unlock  func() error
	id      storeID

	queue    queue
	writer   writer
	segments *segments
	index    *index
	filter   filter      // of the events in index
	freezes  chan frozen // from the writer to the indexer, which has one at most
	done     sync.WaitGroup
	failed   atomic.Uint64 // saves

	// life is held for reading while something is used that Close releases.
	life   sync.RWMutex
	closed bool

	// mu guards what follows. The writer alone changes it, but for the hand-over
	// at the end of flush.
	mu         sync.RWMutex
	namespaces map[string]*namespace
	durable    place   // everything before it is on disk
	recent     *recent // the newest events, of which some may not be durable yet
	flushing   *recent // the events before those, while they move to the index
	generation uint64  // how often that was done
	flushed    *sync.Cond
	stopped    error // why nothing is accepted any more

	snapshots snapshots
	space     space
}

var _ aether.Engine = (*Store)(nil)

// Namespace returns the store of one namespace, which is an
// [aether.SnapshotStore] too. A few hundred bytes are kept for every name that was
// asked for, until the store is closed.
func (s *Store) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	if err := aether.CheckNamespace(name); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.namespace(name), nil
}

// namespace returns the namespace of that name; mu is held.
func (s *Store) namespace(name string) *namespace {
	n := s.namespaces[name]
	if n == nil {
		n = &namespace{store: s, name: name}
		s.namespaces[name] = n
	}
	return n
}

// Namespaces returns the names of the namespaces that hold events.
func (s *Store) Namespaces(ctx context.Context) ([]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name, n := range s.namespaces {
		if n.latest > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// enter keeps the store from being closed until leave. It is not held while a
// loop of the caller runs, so that the loop may close the store.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return aether.ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Close waits for the saves under way, writes the index to disk and releases the
// folder. Followers end with [aether.ErrClosed], and so does a second Close.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return aether.ErrClosed
	}
	s.closed = true
	s.life.Unlock()

	s.queue.close()
	close(s.space.abandon)
	s.done.Wait()
	s.mu.Lock()
	for _, n := range s.namespaces {
		n.wake()
	}
	well := s.stopped == nil
	s.mu.Unlock()
	return s.release(well)
}

// release closes everything, after a last flush of the index if the store is well.
func (s *Store) release(well bool) error {
	var errs []error
	if s.index != nil {
		if well && s.recent.events > 0 {
			err := s.index.write(s.recent, s.id, s.durable)
			if isDiskFull(err) {
				err = nil // the next Open makes up for it
			}
			errs = append(errs, err)
		}
		if err := s.index.close(); !isDiskFull(err) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.snapshots.close())
	if well && s.index != nil {
		s.saveChecked(s.durable)
	}
	if s.writer.file != nil {
		errs = append(errs, s.writer.file.Close())
	}
	if s.segments != nil {
		errs = append(errs, s.segments.close())
	}
	errs = append(errs, s.unlock())
	return errors.Join(errs...)
}

// stop makes the store refuse every further save; mu is held.
func (s *Store) stop(cause error) {
	if s.stopped == nil {
		s.stopped = &stoppedError{cause}
		s.flushed.Broadcast()
		s.options.Logger.Error("filestore: the store accepts nothing more until it is opened again", "folder", s.dir, "error", cause)
	}
}
