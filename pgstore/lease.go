package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/lease"
)

// LeaseOptions are the settings of [Leases]. The zero value is what most need.
type LeaseOptions struct {
	// TTL is for how long a lease holds without being renewed, so how long it takes
	// until another takes over from one that was killed: 10 seconds when zero, 500
	// milliseconds at least. It is renewed three times as often.
	TTL time.Duration

	// Owner tells others who has a lease: a node's name or address, or anything.
	Owner string
}

// Leases is [lease.Leases] in the schema of a store. The server's clock alone says when a
// lease has run out; the holder believes in its own for nine tenths of the TTL after it
// began the last renewal that succeeded, by its own monotonic clock. Whoever waits asks
// twice a second, so a proxy may be in between.
type Leases struct {
	store   *Store
	options LeaseOptions
}

var _ lease.Leases = (*Leases)(nil)

const (
	minTTL     = 500 * time.Millisecond
	leaseEvery = 500 * time.Millisecond // a waiting process asks so often
)

// NewLeases returns the leases in the schema of a store, which must outlive them.
func NewLeases(store *Store, options *LeaseOptions) *Leases {
	l := &Leases{store: store}
	if options != nil {
		l.options = *options
	}
	l.options.TTL = max(cmp.Or(max(l.options.TTL, 0), 10*time.Second), minTTL)
	return l
}

// Acquire is described at [lease.Leases].
func (l *Leases) Acquire(ctx context.Context, name string) (lease.Lease, error) {
	if name == "" || len(name) > aether.MaxNameLength {
		return nil, &aether.InvalidError{Index: -1, Field: "lease", Reason: fmt.Sprintf("has a name of %d bytes; it needs 1 to %d", len(name), aether.MaxNameLength)}
	}
	id := aether.NewID()
	for {
		began := time.Now()
		token, err := l.change(ctx, "acquire", &l.store.sql.takeLease, name, id)
		if err != nil {
			return nil, err
		}
		if token != 0 {
			return lease.Hold(ctx, lease.Terms{
				Token: token, TTL: l.options.TTL, Since: began,
				Renew: func(ctx context.Context) error {
					token, err := l.change(ctx, "renew", &l.store.sql.renewLease, name, id)
					if err == nil && token == 0 {
						err = lease.ErrLost
					}
					return err
				},
				Release: func(ctx context.Context) error {
					_, err := l.change(ctx, "release", &l.store.sql.releaseLease, name, id)
					return err
				},
			}), nil
		}
		if err := backoff.Wait(ctx, min(l.options.TTL/5, leaseEvery)); err != nil {
			return nil, err
		}
	}
}

// change runs a statement about a lease, which may be run twice, and returns the token, 0
// when the lease is another's.
func (l *Leases) change(ctx context.Context, op string, st *statement, name, id string) (token uint64, err error) {
	err = l.store.query(ctx, op+" a lease", st, func(p *parameters) {
		p.text(name)
		p.text(id)
		p.text(l.options.Owner)
		p.int8(uint64(l.options.TTL.Microseconds()))
	}, func() { token = 0 }, func(row [][]byte) error {
		token, err = toInt8(row[0])
		return err
	})
	return token, err
}

// leaseStatements are the statements of leases in a table: $1 is the name, $2 the holding,
// $3 its owner, $4 the TTL in microseconds.
func leaseStatements(table string) (take, renew, release statement) {
	const ends = "clock_timestamp() + $4::int8 * interval '1 microsecond'"
	take = statement{"aether_take_lease", "INSERT INTO " + table + " AS l (name, holding, owner, token, ends) VALUES ($1::text, $2::text, $3::text, 1, " + ends + ")" +
		" ON CONFLICT (name) DO UPDATE SET holding = $2, owner = $3, ends = " + ends + ", token = l.token + CASE WHEN l.holding = $2 THEN 0 ELSE 1 END" +
		" WHERE l.ends <= clock_timestamp() OR l.holding = $2 RETURNING token"}
	const mine = " WHERE name = $1::text AND holding = $2::text AND $3::text IS NOT NULL AND $4::int8 > 0 RETURNING token"
	renew = statement{"aether_renew_lease", "UPDATE " + table + " SET ends = " + ends + mine}
	release = statement{"aether_release_lease", "UPDATE " + table + " SET ends = '-infinity'" + mine}
	return take, renew, release
}
