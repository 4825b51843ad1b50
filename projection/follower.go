package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

// Options are the settings of a follower or a projector. Zero values are the defaults.
type Options struct {
	// Batch is how many events are applied at most before their changes are written,
	// 1000 by default.
	Batch int

	// Applied is called after each write, in order, with the events that can be seen
	// from then on, once everything there was has been applied. It returns soon, and
	// does not keep the slice.
	Applied func(events []integration.Event)

	// CaughtUp is called when events can be seen that Applied was not told of: those
	// that were there when Run began, or what another version has made of them.
	CaughtUp func()

	Logger *slog.Logger
}

func (o *Options) withDefaults(name string) Options {
	var out Options
	if o != nil {
		out = *o
	}
	out.Batch = cmp.Or(max(out.Batch, 0), 1000)
	if out.Applied == nil {
		out.Applied = func([]integration.Event) {}
	}
	if out.CaughtUp == nil {
		out.CaughtUp = func() {}
	}
	out.Logger = cmp.Or(out.Logger, slog.Default()).With("projection", name)
	return out
}

// State is what a follower is doing.
type State string

// The states of a follower.
const (
	Starting   State = "starting"    // it does not know yet how far it is
	CatchingUp State = "catching up" // it applies what is in the history
	Live       State = "live"        // it has applied everything, and waits for more
	Stopped    State = "stopped"     // before an event that cannot be applied
	Outdated   State = "outdated"    // made by another version of the projection, and left as it is
)

// FollowerStatus is how far a follower has come.
type FollowerStatus struct {
	State  State              `json:"state"`
	Cursor integration.Cursor `json:"cursor"`

	// Ready says that everything that was in the history at some time is there.
	Ready bool `json:"ready"`

	// Error is why it stopped, or what it tries again; At is the event before which it
	// stopped.
	Error string             `json:"error,omitempty"`
	At    *integration.Event `json:"at,omitempty"`
}

// Follower applies the events of a stream to a [Sink], each once and in order. It is made
// by [NewFollower] and is safe for concurrent use. Documents in a read DB are better kept
// by a [Projector].
type Follower[Tx any] struct {
	name    string
	sink    Sink[Tx]
	apply   func(ctx context.Context, tx Tx, event integration.Event) error
	history integration.History
	bus     integration.Bus
	options Options

	mu      sync.Mutex
	running bool
	status  FollowerStatus
	unheard aether.Position // up to here there is no event behind the cursor
	skips   map[uint64]bool
	retired bool          // it will not run any more
	changed chan struct{} // closed and replaced when something of all this changes
}

// ErrRunning says that Run was called while another Run was under way.
var ErrRunning = errors.New("projection: it runs already")

// ErrNotStopped says that there is no event to be tried again, or to be skipped.
var ErrNotStopped = errors.New("projection: it has not stopped")

// ErrBehind says that what somebody waits for is not in the read model yet.
var ErrBehind = errors.New("projection: the read model has not come that far")

// errRetired says that another follower has taken the place of this one.
var errRetired = errors.New("projection: retired")

// NewFollower returns a follower for a projection, whose apply changes what is in a
// transaction because of an event. It depends on nothing else, and may be called again
// for the same event, upon what was there before. The bus may be nil: then Run applies
// what is in the history, and ends.
func NewFollower[Tx any](name string, sink Sink[Tx], apply func(ctx context.Context, tx Tx, event integration.Event) error,
	history integration.History, bus integration.Bus, options *Options) *Follower[Tx] {
	return &Follower[Tx]{
		name: name, sink: sink, apply: apply, history: history, bus: bus, options: options.withDefaults(name),
		status: FollowerStatus{State: Starting}, skips: make(map[uint64]bool), changed: make(chan struct{}),
	}
}

// Status returns how far the follower has come.
func (f *Follower[Tx]) Status() FollowerStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// Retry has the event tried again before which the projection stopped; [ErrNotStopped]
// if it did not.
func (f *Follower[Tx]) Retry() error {
	err := ErrNotStopped
	f.update(func() {
		if f.status.State == Stopped {
			f.resume()
			err = nil
		}
	})
	return err
}

// Skip passes over the event with this number, if it is the one before which the
// projection stopped, [ErrNotStopped] otherwise. When everything is made again the
// projection stops there again.
func (f *Follower[Tx]) Skip(sequence uint64) error {
	err := fmt.Errorf("%w before event %d", ErrNotStopped, sequence)
	f.update(func() {
		if f.status.State == Stopped && f.status.At.Sequence == sequence {
			f.skips[sequence] = true
			f.resume()
			err = nil
		}
	})
	return err
}

// resume ends a stop; mu is held.
func (f *Follower[Tx]) resume() {
	f.status.State, f.status.Error, f.status.At = CatchingUp, "", nil
}

// update changes the follower, and wakes those who wait for a change.
func (f *Follower[Tx]) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// retire ends those who wait; Run must have ended, or be about to.
func (f *Follower[Tx]) retire() { f.update(func() { f.retired = true }) }

// await waits until a condition holds, which it looks at whenever something changes.
func (f *Follower[Tx]) await(ctx context.Context, done func() bool) error {
	for {
		f.mu.Lock()
		ok, changed := done(), f.changed
		f.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Wait returns once everything up to a position has been applied and can be read. It is
// how a query sees what a command has done: the position is that of the command's
// result. An event that has no integration events is not waited for. It fails with
// [ErrBehind], at once when the projection has stopped before that position, and else
// when ctx ends.
func (f *Follower[Tx]) Wait(ctx context.Context, position aether.Position) error {
	wanted := aether.Position(0) // an event is there
	for {
		var cursor integration.Cursor
		var from aether.Position
		var stopped error
		retired := false
		err := f.await(ctx, func() bool {
			cursor, from, retired = f.status.Cursor, max(f.status.Cursor.Position, f.unheard), f.retired
			if f.status.State == Stopped {
				stopped = fmt.Errorf("%w: it has stopped before event %d: %s", ErrBehind, f.status.At.Sequence, f.status.Error)
			}
			return retired || f.status.State != Starting && (stopped != nil || from >= position || from >= wanted)
		})
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrBehind, err)
		case retired:
			return errRetired
		case from >= position:
			return nil
		}
		wanted, err = f.history.Next(ctx, integration.Cursor{Sequence: cursor.Sequence, Position: from}, position)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrBehind, err)
		case wanted == 0:
			f.update(func() {
				if f.status.Cursor == cursor {
					f.unheard = max(f.unheard, position)
				}
			})
			return nil
		case stopped != nil:
			return stopped
		}
	}
}
