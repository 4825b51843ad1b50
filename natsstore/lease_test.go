package natsstore

import (
	"context"
	"errors"
	"fmt"
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

// When the servers are gone nobody believes in a lease beyond its time.
func TestLeasesEndWithTheServer(t *testing.T) {
	t.Parallel()
	server := startServer(t, t.TempDir(), natsserver.Options{LazySync: true})
	leases := NewLeases(connect(t, server.URL(), ConnOptions{}), &LeaseOptions{TTL: time.Second})
	var all []lease.Lease
	for i := range 8 {
		held, err := leases.Acquire(t.Context(), fmt.Sprint("x.*", i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, held)
	}
	server.Shutdown()
	late := time.After(3 * time.Second)
	for i, held := range all {
		select {
		case <-held.Context().Done():
			if cause := context.Cause(held.Context()); !errors.Is(cause, lease.ErrLost) {
				t.Errorf("lease %d has ended with %v", i, cause)
			}
		case <-late:
			t.Fatalf("lease %d is believed in, and the server is gone for three times its TTL", i)
		}
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
