// Package tables keeps read models in users' own SQL tables: integration events go in,
// statements in a transaction of PostgreSQL come out, and how far that has come is
// written in the same transaction. So each event is applied once, whatever dies when.
//
//	var Occupancy = tables.Projection{
//		Name: "occupancy", Version: 1,
//		Reset: func(ctx context.Context, tx pgx.Tx) error {
//			_, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS occupancy (station text PRIMARY KEY, busy int NOT NULL);
//				TRUNCATE occupancy`)
//			return err
//		},
//		Apply: func(ctx context.Context, tx pgx.Tx, e integration.Event) error {
//			_, err := tx.Exec(ctx, `INSERT INTO occupancy …`, e.Subject)
//			return err
//		},
//	}
//	follower := tables.New(pool, Occupancy, history, bus, nil)
//	go follower.Run(ctx)
//
// The tables may be in any database that pgstore.Migrate was run on, that of the events
// or another. Unlike those of package projection the documents of a new version are not
// built beside the old ones: where the tables are is the user's business, so queries
// see them grow. Who wants to avoid that gives the new version another name and tables
// of its own, and has queries use them once the follower says that it is live.
package tables

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Projection makes rows of the events of one stream.
type Projection struct {
	// Name is that of the read model, unique in the schema.
	Name string

	// Version is raised when the same events come to lead to other rows: everything is
	// made again then.
	Version int

	// Reset makes the tables, if need be, and empties them. It is called before the
	// first event is applied, for the first time or again.
	Reset func(ctx context.Context, tx pgx.Tx) error

	// Apply changes the rows because of an event, by means of tx alone, which it does
	// not end. It may be called again for the same event, upon the rows as they were
	// before.
	Apply func(ctx context.Context, tx pgx.Tx, event integration.Event) error
}

// Options are the settings of New. Zero values are the defaults.
type Options struct {
	// Schema is the one that pgstore.Migrate has made, "aether" by default. The table
	// with the checkpoints is there.
	Schema string

	// Follower are those of the follower.
	Follower projection.Options
}

// New returns what keeps one projection up to date, in one process or in several: each
// event is applied by one of them. A program whose version is older than that of the rows
// ends with projection.ErrNewer. The bus may be nil: then what is in the history is
// applied. New panics when the projection is not complete.
func New(pool *pgxpool.Pool, p Projection, history integration.History, bus integration.Bus, options *Options) *projection.Follower[pgx.Tx] {
	if p.Name == "" || p.Apply == nil || p.Reset == nil {
		panic(fmt.Sprintf("tables: projection %q lacks a name, Apply or Reset", p.Name))
	}
	var o Options
	if options != nil {
		o = *options
	}
	s := &sink{pool: pool, projection: p, table: pgx.Identifier{cmp.Or(o.Schema, "aether"), "projections"}.Sanitize()}
	return projection.NewFollower(p.Name, s, p.Apply, history, bus, &o.Follower)
}
