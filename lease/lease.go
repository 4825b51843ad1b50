// Package lease lets several processes agree on who does what: who runs a relay, who
// makes the calls of an effect.
//
//	err := lease.Keep(ctx, leases, "relay/rover", nil, relay.Run)
//
// A lease has one holder at a time, as far as that can be known without asking: a
// process that was paused may go on for a moment with one that it has lost. So a lease
// saves work, and what must not be done twice is kept from that by versions: of a save,
// of an attempt, of a sequence. Where whoever is acted upon can compare, the token is
// for it: that of each holder is greater than that of every one before.
package lease

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// Leases gives leases out. It is safe for concurrent use.
type Leases interface {
	// Acquire waits until it has the lease of a name, or ctx ends.
	Acquire(ctx context.Context, name string) (Lease, error)
}

// Lease is one that is held. It is safe for concurrent use.
type Lease interface {
	// Context ends when the lease is lost or released; context.Cause says which. What is
	// done under the lease is done with this context. It does not end with the one that
	// was passed to Acquire.
	Context() context.Context

	// Token is greater than that of every holder before.
	Token() uint64

	// Release gives the lease back, so that another takes it at once, and ends its
	// context first. A lease that is lost is released already.
	Release(ctx context.Context) error
}

var (
	// ErrLost: the lease could not be renewed in time, or somebody else has it; the cause
	// of the context of a [Lease].
	ErrLost = errors.New("lease: lost")

	// ErrReleased: the lease was given back; the cause of the context of a [Lease].
	ErrReleased = errors.New("lease: released")
)

// KeepOptions are the settings of [Keep]. Zero values are the defaults.
type KeepOptions struct {
	// Logger is told when a lease is got or lost. It is slog.Default() when nil.
	Logger *slog.Logger
}

// Keep does something while it has a lease, whenever it has it, until ctx ends or do
// returns although the lease is held. It returns what do returned then, after it has given
// the lease back. When the lease is lost, the context of do ends, and once do has
// returned Keep waits for the lease anew. A lease that cannot be asked for is tried
// again, after growing pauses of up to ten seconds.
func Keep(ctx context.Context, leases Leases, name string, options *KeepOptions, do func(ctx context.Context) error) error {
	var o KeepOptions
	if options != nil {
		o = *options
	}
	logger := cmp.Or(o.Logger, slog.Default()).With("lease", name)
	for failed := 0; ; {
		held, err := leases.Acquire(ctx, name)
		if ctx.Err() != nil {
			if err == nil {
				return errors.Join(ctx.Err(), release(ctx, held))
			}
			return ctx.Err()
		}
		if err != nil {
			failed++
			logger.Warn("lease: trying again", "error", err)
			_ = backoff.Wait(ctx, backoff.After(failed, 10*time.Millisecond, 10*time.Second)) // Acquire notices the end of ctx
			continue
		}
		failed = 0
		logger.Debug("lease: got", "token", held.Token())
		both, stop := context.WithCancelCause(ctx)
		forget := context.AfterFunc(held.Context(), func() { stop(context.Cause(held.Context())) })
		err = do(both)
		lost := held.Context().Err() != nil
		forget()
		stop(nil)
		if released := release(ctx, held); released != nil {
			logger.Warn("lease: not given back; others wait until it has run out", "error", released)
		}
		if ctx.Err() != nil || !lost {
			return err
		}
		logger.Warn("lease: lost", "error", context.Cause(held.Context()))
	}
}

// release gives a lease back. It does not wait for long: it runs out by itself.
func release(ctx context.Context, held Lease) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return held.Release(ctx)
}

// Local is [Leases] within one process. The zero value is ready.
type Local struct {
	mu    sync.Mutex
	holds map[string]*hold
	token uint64
}

// hold is a name's.
type hold struct{ free chan struct{} } // has an item when nobody has the lease

var _ Leases = (*Local)(nil)

// Acquire is described at [Leases].
func (l *Local) Acquire(ctx context.Context, name string) (Lease, error) {
	l.mu.Lock()
	if l.holds == nil {
		l.holds = make(map[string]*hold)
	}
	h := l.holds[name]
	if h == nil {
		h = &hold{make(chan struct{}, 1)}
		h.free <- struct{}{}
		l.holds[name] = h
	}
	l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-h.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token++
	held := &localLease{token: l.token, hold: h}
	held.ctx, held.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return held, nil
}

type localLease struct {
	ctx   context.Context
	end   context.CancelCauseFunc
	token uint64
	hold  *hold
	once  sync.Once
}

func (l *localLease) Context() context.Context { return l.ctx }

func (l *localLease) Token() uint64 { return l.token }

func (l *localLease) Release(context.Context) error {
	l.once.Do(func() {
		l.end(ErrReleased)
		l.hold.free <- struct{}{}
	})
	return nil
}
