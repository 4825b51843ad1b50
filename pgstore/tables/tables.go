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
//	p := tables.New(pool, Occupancy, history, bus, nil)
//	go p.Run(ctx)
//
// The tables may be in any database that pgstore.Migrate was run on, that of the events
// or another. Unlike those of package projection the documents of a new version are not
// built beside the old ones: where the tables are is the user's business, so queries
// see them grow. Who wants to avoid that gives the new version another name and tables
// of its own, and has queries use them once [Projector.Status] says that it is live.
package tables

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"

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

// Options are the settings of a projector. Zero values are the defaults.
type Options struct {
	// Schema is the one that pgstore.Migrate has made, "aether" by default. The table
	// with the checkpoints is there.
	Schema string

	// Batch is how many events are applied at most in one transaction, 1000 by default.
	Batch int

	Logger *slog.Logger
}

// Status is how far a projector has come.
type Status struct {
	State  projection.State   `json:"state"`
	Stream integration.Stream `json:"stream"`
	Cursor integration.Cursor `json:"cursor"`

	// Error is why it stopped, or what it tries again; At is the event that cannot be
	// applied.
	Error string             `json:"error,omitempty"`
	At    *integration.Event `json:"at,omitempty"`
}

// Projector keeps one projection up to date. It is safe for concurrent use. Several
// processes may run the same one: each event is applied by one of them.
type Projector struct {
	pool       *pgxpool.Pool
	projection Projection
	history    integration.History
	bus        integration.Bus
	options    Options
	table      string

	mu      sync.Mutex
	running bool
	status  Status
	skip    map[uint64]struct{}
}

// New makes a projector. The bus may be nil: then it is up to date only when Run begins,
// and ends there. It panics when the projection is not complete.
func New(pool *pgxpool.Pool, p Projection, history integration.History, bus integration.Bus, options *Options) *Projector {
	if p.Name == "" || p.Apply == nil || p.Reset == nil {
		panic(fmt.Sprintf("tables: projection %q lacks a name, Apply or Reset", p.Name))
	}
	var o Options
	if options != nil {
		o = *options
	}
	o.Schema = cmp.Or(o.Schema, "aether")
	o.Batch = cmp.Or(max(o.Batch, 0), 1000)
	o.Logger = cmp.Or(o.Logger, slog.Default()).With("projection", p.Name)
	return &Projector{
		pool: pool, projection: p, history: history, bus: bus, options: o,
		skip:   make(map[uint64]struct{}),
		table:  pgx.Identifier{o.Schema, "projections"}.Sanitize(),
		status: Status{State: projection.Starting, Stream: history.Stream()},
	}
}

// Status returns how far the projector has come.
func (p *Projector) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Skip passes over the event with this number, if it is one that cannot be applied. When
// everything is made again the projection meets it again.
func (p *Projector) Skip(sequence uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skip[sequence] = struct{}{}
}

func (p *Projector) skips(sequence uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.skip[sequence]
	return ok
}

func (p *Projector) set(change func(s *Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}
