package actor

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/schema"
)

// Host runs the actors of one kind on a store. It is safe for concurrent use.
// Several hosts, in as many processes, may run the same actors.
type Host[S, C, E any] struct {
	store   aether.EventStore
	decider Decider[S, C, E]
	options HostOptions
	keeper  *keeper[S] // nil when no snapshots are made

	mu      sync.Mutex
	cells   map[string]*cell[S, C, E]
	idle    list.List // of cells, the one used last in front
	closed  bool
	workers sync.WaitGroup
}

// HostOptions are the settings of a host. Zero values are the defaults.
type HostOptions struct {
	// CacheActors is how many actors are kept in memory while nobody uses them,
	// 10,000 by default. Those used longest ago go first.
	CacheActors int

	// MailboxSize is how many commands may wait for one actor, 4096 by default.
	// More get [ErrBusy].
	MailboxSize int

	// Attempts is how often a command is decided and saved while other processes
	// are faster, 20 by default.
	Attempts int

	// SnapshotEvery is how many events an actor gets between two snapshots, 200 by
	// default. A state that takes long to encode is kept less often, so that this
	// takes no more than a twentieth of the actor's time.
	SnapshotEvery int

	// SoleWriter promises that nobody but this host writes to its actors. A refusal then is
	// the answer of what is in memory; otherwise the store is asked first whether
	// the actor has moved on.
	SoleWriter bool

	// Logger gets what is wrong and hurts no command: a snapshot that cannot be
	// read. [slog.Default] by default.
	Logger *slog.Logger
}

// DoOptions go with a command.
type DoOptions struct {
	// CommandID names the command: whoever may send it again chooses it. At most
	// [MaxCommandID] bytes; a new one by default.
	CommandID string

	// At is the version that the caller has seen. If the actor has moved on, the
	// command fails with an [aether.ErrVersionConflict], unless the decider says
	// that what came does not conflict with it. By default the command is decided
	// upon the latest state, whatever that is.
	At *aether.Version

	// Metadata of the events. The causation is the command's ID by default, and so
	// is the correlation.
	Metadata aether.Metadata
}

// Result is what a command did.
type Result[E any] struct {
	CommandID string

	// Events are those that the command yielded; Version is that of the actor after
	// them, Position that of the last of them in the log. Of a command without
	// events these are the version that it was decided upon, and the position of
	// the event of that version.
	Events   []E
	Version  aether.Version
	Position aether.Position

	// Repeated says that the command had been carried out before: nothing was
	// written, and the rest is the first result.
	Repeated bool
}

// NewHost returns a host. Whoever makes it closes it, before the store. It panics
// when the decider is not complete.
func NewHost[S, C, E any](store aether.EventStore, decider Decider[S, C, E], options *HostOptions) *Host[S, C, E] {
	decider.check()
	h := &Host[S, C, E]{store: store, decider: decider, cells: make(map[string]*cell[S, C, E])}
	if options != nil {
		h.options = *options
	}
	o := &h.options
	o.CacheActors = cmp.Or(max(o.CacheActors, 0), 10_000)
	o.MailboxSize = cmp.Or(max(o.MailboxSize, 0), 4096)
	o.Attempts = cmp.Or(max(o.Attempts, 0), 20)
	o.SnapshotEvery = cmp.Or(max(o.SnapshotEvery, 0), 200)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if decider.Snapshots != nil {
		if snapshots, ok := store.(aether.SnapshotStore); ok {
			h.keeper = newKeeper(snapshots, decider.Snapshots, o.Logger)
		} else {
			o.Logger.Debug("actor: the store keeps no snapshots, so long actors take long to load", "kind", decider.Kind)
		}
	}
	return h
}

// Do carries out a command, and returns when its events are durable. A nil
// options is fine.
//
// When ctx ends before the command is looked at, it is not carried out, and the
// error is that of ctx; later it is an [UnknownError]. For the other errors see the
// package documentation.
func (h *Host[S, C, E]) Do(ctx context.Context, actorID string, command C, options *DoOptions) (Result[E], error) {
	r, err := h.newRequest(options)
	if err != nil {
		return Result[E]{}, err
	}
	r.command = command
	if _, err = h.send(ctx, actorID, r); err != nil {
		return Result[E]{}, err
	}
	return r.result, nil
}

// Record carries out a command that tells what has happened, and so cannot be
// refused: it is tried again, without a limit and after growing pauses of up to a
// second, until it has landed, ctx ends, the host is closed, or it is found that this
// program cannot read the actor. It waits when the mailbox is full. At is not looked
// at. What stands in the way for longer is logged.
//
// The decider accepts such a command in every state; where it knows of the fact
// already it yields no events. If it refuses, that is its mistake: Record returns
// the error.
func (h *Host[S, C, E]) Record(ctx context.Context, actorID string, fact C, options *DoOptions) (Result[E], error) {
	var o DoOptions
	if options != nil {
		o = *options
	}
	o.At = nil
	o.CommandID = cmp.Or(o.CommandID, aether.NewID())
	unknown := false // an attempt may have landed
	for failed := 1; ; failed++ {
		r, err := h.newRequest(&o)
		if err != nil {
			return Result[E]{}, err
		}
		r.command = fact
		answered, err := h.send(ctx, actorID, r)
		if err == nil {
			return r.result, nil
		}
		_, lost := errors.AsType[*UnknownError](err)
		unknown = unknown || lost
		refused := answered && r.refused
		if !refused && !final(err) && ctx.Err() == nil {
			if failed > 10 { // some seconds
				h.options.Logger.Warn("actor: a fact is not recorded yet", "actor", actorID, "command", o.CommandID, "error", err)
			}
			if backoff.Wait(ctx, backoff.After(failed, time.Millisecond, time.Second)) == nil {
				continue
			}
		}
		if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
			err = errors.Join(ended, err)
		}
		if unknown && !lost && !refused {
			err = &UnknownError{ActorID: actorID, CommandID: o.CommandID, Err: err}
		}
		return Result[E]{}, err
	}
}

// final says of an error that trying again does not help.
func final(err error) bool {
	for _, class := range []error{aether.ErrClosed, aether.ErrInvalid, schema.ErrUnknownType, schema.ErrNewerSchema, schema.ErrBadData} {
		if errors.Is(err, class) {
			return true
		}
	}
	_, panicked := errors.AsType[*PanicError](err)
	return panicked
}

// View passes the state of an actor to look at, and its version, 0 when the actor
// has no events. It comes after the commands that were sent before it, and others
// wait for it: look is to be short, must not change the state, and must not keep
// it or use the host. What other processes have saved may not be in it yet.
func (h *Host[S, C, E]) View(ctx context.Context, actorID string, look func(state S, version aether.Version)) error {
	_, err := h.send(ctx, actorID, &request[S, C, E]{look: look, done: make(chan struct{})})
	return err
}

// Forget drops the states that are kept in memory of actors nobody uses at the moment. They
// are read anew then, with what other processes have saved: for a program that begins to
// decide where another one has decided until now.
func (h *Host[S, C, E]) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.idle.Len() > 0 {
		cell := h.idle.Remove(h.idle.Back()).(*cell[S, C, E])
		delete(h.cells, cell.id)
		h.evicted(cell)
	}
}

// Close refuses new commands with [aether.ErrClosed], and returns when those
// that wait have been answered and the snapshots under way are saved. So does a
// second one, which fails with ErrClosed.
func (h *Host[S, C, E]) Close() error {
	h.mu.Lock()
	again := h.closed
	h.closed = true
	h.mu.Unlock()
	h.workers.Wait()
	if h.keeper != nil {
		h.keeper.close()
	}
	if again {
		return aether.ErrClosed
	}
	return nil
}
