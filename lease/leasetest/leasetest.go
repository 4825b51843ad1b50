// Package leasetest is the test suite of implementations of [lease.Leases].
package leasetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/lease"
)

// Run runs the suite. Function fresh makes something that holds no leases, and returns a
// function that opens it, as another process would, once and more.
func Run(t *testing.T, fresh func(t *testing.T) (open func() lease.Leases)) {
	t.Helper()
	for name, test := range map[string]func(ctx context.Context, t *testing.T, open func() lease.Leases){
		"one holder at a time":                           oneHolder,
		"who waits gets what is given back":              waits,
		"names have nothing to do with each other":       names,
		"the end of ctx ends the wait and not the lease": contexts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			test(ctx, t, fresh(t))
		})
	}
}

func oneHolder(ctx context.Context, t *testing.T, open func() lease.Leases) {
	var mu sync.Mutex
	holders, turns, last := 0, 0, uint64(0)
	var all sync.WaitGroup
	for range 3 {
		leases := open()
		all.Go(func() {
			for range 5 {
				held, err := leases.Acquire(ctx, "one")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if holders++; holders != 1 || held.Token() <= last {
					t.Errorf("%d holders; token %d follows %d", holders, held.Token(), last)
				}
				last = held.Token()
				turns++
				mu.Unlock()
				if err := held.Context().Err(); err != nil {
					t.Errorf("a lease that is held has ended: %v", context.Cause(held.Context()))
				}
				mu.Lock()
				holders--
				mu.Unlock()
				if err := held.Release(ctx); err != nil {
					t.Error(err)
				}
				if cause := context.Cause(held.Context()); !errors.Is(cause, lease.ErrReleased) {
					t.Errorf("a lease that was given back ended with %v", cause)
				}
				if err := held.Release(ctx); err != nil {
					t.Errorf("the second Release: %v", err)
				}
			}
		})
	}
	all.Wait()
	if turns != 15 {
		t.Errorf("%d turns, want 15", turns)
	}
}

func waits(ctx context.Context, t *testing.T, open func() lease.Leases) {
	first, err := open().Acquire(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan lease.Lease, 1)
	other := open()
	go func() {
		held, err := other.Acquire(ctx, "x")
		if err != nil {
			t.Error(err)
		}
		got <- held
	}()
	select {
	case <-got:
		t.Fatal("two have the lease")
	case <-time.After(50 * time.Millisecond):
	}
	if err := first.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if second := <-got; second != nil {
		if second.Token() <= first.Token() {
			t.Errorf("token %d follows %d", second.Token(), first.Token())
		}
		if err := second.Release(ctx); err != nil {
			t.Error(err)
		}
	}
}

func names(ctx context.Context, t *testing.T, open func() lease.Leases) {
	leases := open()
	for _, name := range []string{"a", "b", "a.b", "a/b", "a *>", "ä"} {
		held, err := leases.Acquire(ctx, name)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		defer func() { _ = held.Release(ctx) }()
	}
}

func contexts(ctx context.Context, t *testing.T, open func() lease.Leases) {
	short, cancel := context.WithCancel(ctx)
	leases := open()
	held, err := leases.Acquire(short, "x")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := leases.Acquire(short, "y"); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire with a context that has ended: %v", err)
	}
	soon, stop := context.WithTimeout(ctx, 50*time.Millisecond)
	defer stop()
	if _, err := open().Acquire(soon, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Acquire of what somebody has: %v", err)
	}
	if held.Context().Err() != nil {
		t.Error("the lease has ended with the context of Acquire")
	}
	if err := held.Release(ctx); err != nil {
		t.Error(err)
	}
}
