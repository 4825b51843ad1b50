package pgstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/lease/leasetest"
	"github.com/aether-es/aether/pgstore/pgtest"
)

// openSchema opens a store in a schema that is migrated.
func openSchema(t *testing.T, dsn, schema string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dsn, &Options{Schema: schema, Logger: quiet, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestLeases(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	leasetest.Run(t, func(t *testing.T) func() lease.Leases {
		schema := pgtest.Schema(t, dsn)
		migrateSchema(t, dsn, schema)
		return func() lease.Leases { return NewLeases(openSchema(t, dsn, schema), &LeaseOptions{TTL: 2 * time.Second}) }
	})
}

// A lease whose holder is gone runs out, and the former holder knows before another has it.
func TestLeaseRunsOut(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn)
	migrateSchema(t, dsn, schema)
	gone, other := openSchema(t, dsn, schema), openSchema(t, dsn, schema)
	options := &LeaseOptions{TTL: time.Second}
	first, err := NewLeases(gone, options).Acquire(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil { // nothing can be renewed any more
		t.Fatal(err)
	}
	second, err := NewLeases(other, options).Acquire(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if cause := context.Cause(first.Context()); !errors.Is(cause, lease.ErrLost) {
		t.Errorf("somebody else has the lease, and the former holder's context has ended with %v", cause)
	}
	if second.Token() <= first.Token() {
		t.Errorf("token %d follows %d", second.Token(), first.Token())
	}
	if err := first.Release(t.Context()); err != nil {
		t.Errorf("release of one that is lost: %v", err)
	}
	if err := second.Context().Err(); err != nil {
		t.Errorf("the release of the first has ended the second: %v", err)
	}
	if _, err := NewLeases(other, nil).Acquire(t.Context(), ""); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("no name: %v", err)
	}
}
