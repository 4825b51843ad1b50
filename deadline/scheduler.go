package deadline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
)

// Options of [New]. The zero value is what most programs want.
type Options struct {
	// Clock says when something is due. It is the machine's when nil.
	Clock aether.Clock

	// Concurrency is how many calls of Fire there are at a time, at most: 64 when
	// zero.
	Concurrency int

	// MinBackoff is how long a deadline waits after its Fire has failed, by the
	// Clock: one second when zero. It waits twice as long after each further
	// failure, up to MaxBackoff, a minute when zero; and of all that a random part
	// between a half and the whole. A log that cannot be read is tried again in the
	// same way, but by the clock of the machine.
	MinBackoff time.Duration
	MaxBackoff time.Duration

	// Logger is told what has failed and is tried again. It is slog.Default() when
	// nil.
	Logger *slog.Logger
}

const (
	defaultConcurrency = 64
	defaultMinBackoff  = time.Second
	defaultMaxBackoff  = time.Minute
)

// withDefaults returns a copy in which everything is set.
func (o *Options) withDefaults() Options {
	var options Options
	if o != nil {
		options = *o
	}
	if options.Clock == nil {
		options.Clock = aether.MachineClock{}
	}
	if options.Concurrency <= 0 {
		options.Concurrency = defaultConcurrency
	}
	if options.MinBackoff <= 0 {
		options.MinBackoff = defaultMinBackoff
	}
	if options.MaxBackoff <= 0 {
		options.MaxBackoff = defaultMaxBackoff
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return options
}

// Scheduler runs a rule on a store. It is made by [New] and is safe for concurrent
// use.
type Scheduler struct {
	store   aether.EventStore
	rule    Rule
	options Options
	logger  *slog.Logger

	// Tests make these smaller.
	checkpointEvery aether.Position
	partEntries     uint32

	mu       sync.Mutex
	running  bool
	live     bool
	position aether.Position // up to here the log is in the table; only the reader changes it
	table    *table
	workers  int
	wake     context.CancelFunc // ends the wait of the dispatcher, if it waits
	failure  error              // the first that ends Run
	stop     context.CancelFunc

	// What follows belongs to the reader of the log.
	fromCheckpoint bool            // the table began with a checkpoint
	saved          aether.Position // of the last checkpoint
	savedEntries   aether.Position // how many it has
	dirty          bool            // the table has changed since; guarded by mu
}

// New makes a scheduler of a rule for the events of one namespace. It panics when
// the rule is not complete.
func New(store aether.EventStore, rule Rule, options *Options) *Scheduler {
	rule.check()
	s := &Scheduler{
		store: store, rule: rule, options: options.withDefaults(), table: newTable(),
		checkpointEvery: checkpointEvery, partEntries: maxPartEntries,
	}
	s.logger = s.options.Logger.With("rule", rule.Name)
	return s
}

// ErrRunning says that Run was called while another Run of the same scheduler was under way.
var ErrRunning = errors.New("deadline: the scheduler runs already")

// Run reads the log up to its end, then fires what is due and goes on reading and
// firing until ctx ends, whose error it returns. It waits for the calls of Fire
// that are under way. It also ends with a [DeriveError] and with
// [aether.ErrClosed]; other errors of the store are logged, and the log is read
// again from where it failed.
//
// Several processes may run the same rule, each for itself: every deadline is fired
// by all of them, and carried out once. Run may be called again when it has ended.
func (s *Scheduler) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return ErrRunning
	}
	s.running = true
	s.mu.Unlock()

	err := s.run(ctx, true)
	if errors.Is(err, errChanged) && s.fromCheckpoint {
		s.logger.Warn("deadline: the checkpoint does not fit the rule and is dropped; the log is read from its start", "error", err)
		err = s.run(ctx, false)
	}

	s.mu.Lock()
	s.reset()
	s.running = false
	s.mu.Unlock()
	return err
}

// reset forgets everything; mu is held.
func (s *Scheduler) reset() {
	s.live, s.position, s.table, s.failure, s.dirty = false, 0, newTable(), nil, false
}

func (s *Scheduler) run(outer context.Context, useCheckpoint bool) error {
	ctx, stop := context.WithCancel(outer)
	defer stop()
	s.mu.Lock()
	s.reset()
	s.stop = stop
	s.mu.Unlock()
	s.fromCheckpoint, s.saved, s.savedEntries = false, 0, 0

	err := s.restore(ctx, useCheckpoint)
	if err == nil {
		err = s.catchUp(ctx)
	}
	if err == nil {
		var dispatcher sync.WaitGroup
		dispatcher.Go(func() { s.dispatch(ctx) })
		err = s.follow(ctx)
		s.fail(err)
		dispatcher.Wait()
	}

	// A failure of the dispatcher has stopped the reader, and the other way round.
	s.mu.Lock()
	if s.failure != nil {
		err = s.failure
	}
	s.mu.Unlock()
	if errors.Is(err, aether.ErrClosed) || errors.Is(err, errChanged) {
		return err
	}
	s.saveLast(outer)
	return err
}

// fail ends Run with an error. The first one counts.
func (s *Scheduler) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
	s.stop()
}

// backoff is how long to wait after a number of failures.
func (s *Scheduler) backoff(failed int) time.Duration {
	return backoff.After(failed, s.options.MinBackoff, s.options.MaxBackoff)
}
