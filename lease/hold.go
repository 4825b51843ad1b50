package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// Terms are those of a lease that an implementation of [Leases] has just got.
type Terms struct {
	Token uint64

	// TTL is for how long it holds without being renewed, from Since, which is before
	// the call that got it: the holder believes in it for nine tenths of that.
	TTL   time.Duration
	Since time.Time

	// Renew has it hold for another TTL. It returns [ErrLost] when somebody else has it;
	// after any other error it is called again.
	Renew func(ctx context.Context) error

	// Release lets others have it at once. It is called once at most, also when the time
	// of the lease was over, and not when somebody else has it.
	Release func(ctx context.Context) error
}

// Hold returns the lease of some terms, and renews it, three times within a TTL, until it
// is released or lost. It goes by the local, monotonic clock. The lease's context has the
// values of ctx and does not end with it.
func Hold(ctx context.Context, terms Terms) Lease {
	h := &held{terms: terms, done: make(chan struct{})}
	h.ctx, h.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go h.keep()
	return h
}

type held struct {
	terms   Terms
	ctx     context.Context
	end     context.CancelCauseFunc
	done    chan struct{} // closed when it is not renewed any more
	release sync.Once
	err     error // of Terms.Release
}

func (h *held) Context() context.Context { return h.ctx }

func (h *held) Token() uint64 { return h.terms.Token }

func (h *held) Release(ctx context.Context) error {
	h.end(ErrReleased)
	select {
	case <-h.done:
	case <-ctx.Done():
		return ctx.Err() // it runs out
	}
	h.release.Do(func() {
		if context.Cause(h.ctx) == ErrReleased {
			h.err = h.terms.Release(ctx)
		}
	})
	return h.err
}

// keep renews the lease until its context has ended.
func (h *held) keep() {
	taken := h.renew()
	close(h.done)
	if !taken && context.Cause(h.ctx) != ErrReleased {
		// The last renewal may have landed too late to be believed in, so others would wait
		// for another TTL.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), h.terms.TTL)
		defer cancel()
		_ = h.terms.Release(ctx) // it runs out
	}
}

// renew renews the lease until its context has ended, and says whether somebody else was
// seen to have it.
func (h *held) renew() (taken bool) {
	valid := h.terms.TTL - h.terms.TTL/10
	end := time.AfterFunc(time.Until(h.terms.Since.Add(valid)), func() { h.end(ErrLost) })
	defer end.Stop()
	for backoff.Wait(h.ctx, h.terms.TTL/3) == nil {
		for h.ctx.Err() == nil {
			began := time.Now()
			once, cancel := context.WithTimeout(h.ctx, h.terms.TTL/3) // one that hangs is not the last
			err := h.terms.Renew(once)
			cancel()
			if err == nil {
				// One that has run out stays lost, whatever whoever keeps it thinks.
				if end.Stop() {
					end.Reset(time.Until(began.Add(valid)))
				}
				break
			}
			if errors.Is(err, ErrLost) {
				taken = true
				h.end(ErrLost)
			}
			_ = backoff.Wait(h.ctx, 50*time.Millisecond) // the loop notices the end of the context
		}
	}
	return taken
}
