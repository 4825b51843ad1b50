package natsstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/lease/leasetest"
	"github.com/aether-es/aether/natsstore/natsserver"
)

func TestLeases(t *testing.T) {
	server := sharedServer(t)
	leasetest.Run(t, func(t *testing.T) func() lease.Leases {
		prefix := freshPrefix()
		return func() lease.Leases {
			return NewLeases(connect(t, server.URL(), ConnOptions{Prefix: prefix}), &LeaseOptions{TTL: 20 * time.Second})
		}
	})
}

func TestHolder(t *testing.T) {
	t.Parallel()
	leases := NewLeases(connect(t, sharedServer(t).URL(), ConnOptions{Prefix: freshPrefix()}), &LeaseOptions{TTL: 20 * time.Second, Owner: "ann"})
	if who, err := leases.Holder(t.Context(), "partition 1.*"); err != nil || who != (Holding{}) {
		t.Errorf("nobody has it, but the holder is %v, %v", who, err)
	}
	held, err := leases.Acquire(t.Context(), "partition 1.*")
	if err != nil {
		t.Fatal(err)
	}
	if who, err := leases.Holder(t.Context(), "partition 1.*"); err != nil || who != (Holding{"ann", held.Token()}) {
		t.Errorf("the holder is %v, %v; want ann with %d", who, err, held.Token())
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if who, err := leases.Holder(t.Context(), "partition 1.*"); err != nil || who != (Holding{}) {
		t.Errorf("it was given back, but the holder is %v, %v", who, err)
	}
}

// A lease is renewed for as long as it is wanted, and one whose holder is gone is taken
// over after its time, with a greater token.
func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server := startServer(t, t.TempDir(), natsserver.Options{LazySync: true})
	prefix := freshPrefix()
	options := &LeaseOptions{TTL: 4 * time.Second}
	conn := connect(t, server.URL(), ConnOptions{Prefix: prefix})
	first, err := NewLeases(conn, options).Acquire(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	other := NewLeases(connect(t, server.URL(), ConnOptions{Prefix: prefix}), options)
	waiting, cancelWaiting := context.WithTimeout(ctx, 6*time.Second)
	defer cancelWaiting()
	if _, err := other.Acquire(waiting, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a lease that is renewed was taken: %v", err)
	}
	if first.Context().Err() != nil {
		t.Fatal("a lease that is renewed has ended")
	}
	// The holder loses its connection: it knows before the other has it.
	conn.Close()
	second, err := other.Acquire(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if cause := context.Cause(first.Context()); !errors.Is(cause, lease.ErrLost) {
		t.Errorf("the first holder's lease ended with %v when there was a second", cause)
	}
	if second.Token() <= first.Token() {
		t.Errorf("token %d follows %d", second.Token(), first.Token())
	}
	if err := second.Release(ctx); err != nil {
		t.Error(err)
	}
}
