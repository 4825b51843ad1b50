package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/lease/leasetest"
)

func TestLocal(t *testing.T) {
	leasetest.Run(t, func(t *testing.T) func() lease.Leases {
		l := &lease.Local{}
		return func() lease.Leases { return l }
	})
}

// shaky gives leases that are lost when told, and now and then fails.
type shaky struct {
	lease.Local
	fail int
	lose chan struct{}
}

type lossy struct {
	lease.Lease
	ctx context.Context
}

func (l lossy) Context() context.Context { return l.ctx }

func (s *shaky) Acquire(ctx context.Context, name string) (lease.Lease, error) {
	if s.fail > 0 {
		s.fail--
		return nil, errors.New("the cluster hiccups")
	}
	held, err := s.Local.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	inner, end := context.WithCancelCause(held.Context())
	go func() {
		select {
		case <-s.lose:
			end(lease.ErrLost)
		case <-inner.Done():
		}
	}()
	return lossy{held, inner}, nil
}

func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quiet := &lease.KeepOptions{Logger: slog.New(slog.DiscardHandler)}
		leases := &shaky{fail: 3, lose: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		runs, ended := 0, make(chan error, 1)
		var causes []error
		go func() {
			ended <- lease.Keep(ctx, leases, "x", quiet, func(ctx context.Context) error {
				runs++
				<-ctx.Done()
				causes = append(causes, context.Cause(ctx))
				return ctx.Err()
			})
		}()
		time.Sleep(time.Minute)
		leases.lose <- struct{}{}
		time.Sleep(time.Minute)
		synctest.Wait()
		if runs != 2 {
			t.Errorf("it ran %d times, want 2", runs)
		}
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Keep: %v", err)
		}
		if len(causes) != 2 || causes[0] != lease.ErrLost || causes[1] != context.Canceled {
			t.Errorf("the contexts ended with %v", causes)
		}

		// What ends by itself ends Keep, and the lease is free.
		failure := errors.New("it is done for")
		for range 2 {
			if err := lease.Keep(t.Context(), leases, "x", quiet, func(context.Context) error { return failure }); err != failure {
				t.Errorf("Keep: %v", err)
			}
		}
	})
}
