package tables_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/pgstore"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/aether-es/aether/pgstore/tables"
	"github.com/aether-es/aether/projection"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a log, its integration events, and a database.
type world struct {
	t       *testing.T
	store   aether.EventStore
	mapping integration.Mapping
	history *integration.LogHistory
	bus     *integration.Local
	pool    *pgxpool.Pool
	schema  string
	version aether.Version
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dsn := pgtest.DSN(t)
	w := &world{t: t, schema: pgtest.Schema(t, dsn), bus: integration.NewLocal(nil)}
	if err := pgstore.Migrate(t.Context(), dsn, &pgstore.Options{Schema: w.schema}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	w.pool = pool
	w.begin()
	return w
}

// begin begins a log of its own.
func (w *world) begin() {
	w.t.Helper()
	store, err := memstore.New().Namespace(w.t.Context(), "test")
	if err != nil {
		w.t.Fatal(err)
	}
	// Two integration events for each domain event.
	w.mapping = integration.Mapping{System: "demo", Version: 1, Map: func(e aether.Event) ([]integration.Event, error) {
		return []integration.Event{{Type: "demo.counted", Data: e.Data}, {Type: "demo.counted", Data: e.Data}}, nil
	}}
	w.store, w.version = store, 0
	w.history = &integration.LogHistory{Mapping: w.mapping, Log: store, Namespace: "test"}
}

// save saves events that count up by n.
func (w *world) save(n int, count int) {
	w.t.Helper()
	for range count {
		w.version++
		e := aether.Event{ActorID: "a/1", Version: w.version, Type: "Counted", Data: fmt.Append(nil, n)}
		if _, err := w.store.SaveEvents(w.t.Context(), e); err != nil {
			w.t.Fatal(err)
		}
	}
}

// publish brings everything that is in the history, from a cursor on, to the bus.
func (w *world) publish() {
	for e, err := range w.history.Read(context.Background(), integration.Cursor{}) {
		if err == nil {
			err = w.bus.Publish(context.Background(), e)
		}
		if err != nil {
			w.t.Error(err)
		}
	}
}

// counter adds up what was counted.
func (w *world) counter(version int) tables.Projection {
	table := pgx.Identifier{w.schema, "counter"}.Sanitize()
	return tables.Projection{
		Name: "counter", Version: version,
		Reset: func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (sequence bigint PRIMARY KEY, n int NOT NULL); TRUNCATE "+table)
			return err
		},
		Apply: func(ctx context.Context, tx pgx.Tx, e integration.Event) error {
			var n int
			if err := json.Unmarshal(e.Data, &n); err != nil {
				return err
			}
			if n < 0 {
				panic("it cannot be counted")
			}
			// The key refuses an event that is applied twice.
			_, err := tx.Exec(ctx, "INSERT INTO "+table+" VALUES ($1, $2)", int64(e.Sequence), n*version)
			return err
		},
	}
}

func (w *world) projector(version int, bus integration.Bus) *follower {
	return tables.New(w.pool, w.counter(version), w.history, bus, &tables.Options{
		Schema: w.schema, Follower: projection.Options{Batch: 7, Logger: slog.New(slog.DiscardHandler)},
	})
}

type follower = projection.Follower[pgx.Tx]

// expect fails the test unless that many events were applied, with that sum.
func (w *world) expect(count, sum int) {
	w.t.Helper()
	var gotCount, gotSum int
	query := "SELECT count(*), coalesce(sum(n), 0) FROM " + pgx.Identifier{w.schema, "counter"}.Sanitize()
	if err := w.pool.QueryRow(w.t.Context(), query).Scan(&gotCount, &gotSum); err != nil || gotCount != count || gotSum != sum {
		w.t.Fatalf("%d events of sum %d were applied, %v; want %d of %d", gotCount, gotSum, err, count, sum)
	}
}

func (w *world) catchUp(version int) {
	w.t.Helper()
	if err := w.projector(version, nil).Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestCatchesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.catchUp(1)
	w.expect(0, 0)
	w.save(1, 20)
	w.catchUp(1)
	w.expect(40, 40)
	w.catchUp(1)
	w.save(2, 1)
	w.catchUp(1)
	w.expect(42, 44)
	w.catchUp(2) // another version makes everything again
	w.expect(42, 88)
	if err := w.projector(1, nil).Run(t.Context()); !errors.Is(err, projection.ErrNewer) {
		t.Errorf("Run of an older version: %v, want %v", err, projection.ErrNewer)
	}
	w.begin() // another history, which is shorter
	w.save(5, 3)
	w.catchUp(2)
	w.expect(6, 60)
}

func TestFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.save(1, 5)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var projectors []*follower
	for range 2 { // of which each event is applied by one
		p := w.projector(1, w.bus)
		projectors = append(projectors, p)
		running.Go(func() {
			if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		})
	}
	for range 20 {
		w.save(1, 5)
		w.publish()
	}
	for _, p := range projectors {
		await(t, p, func(s projection.FollowerStatus) bool { return s.Cursor.Sequence == 210 })
	}
	cancel()
	running.Wait()
	w.expect(210, 210)
}

// await waits until the status of a projector is as wanted.
func await(t *testing.T, p *follower, done func(s projection.FollowerStatus) bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(time.Minute)
	for !done(p.Status()) {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("the projector has come to %+v", p.Status())
		}
	}
}

func TestStopsBeforeWhatCannotBeApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.save(1, 10)
	w.save(-1, 1) // events 21 and 22
	w.save(1, 10)
	var stopped *projection.ApplyError
	if err := w.projector(1, nil).Run(t.Context()); !errors.As(err, &stopped) || stopped.Event.Sequence != 21 {
		t.Fatalf("Run: %v, want an ApplyError of event 21", err)
	}
	w.expect(20, 20)

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	p := w.projector(1, w.bus)
	running.Go(func() { _ = p.Run(ctx) })
	for _, sequence := range []uint64{21, 22} {
		await(t, p, func(s projection.FollowerStatus) bool {
			return s.State == projection.Stopped && s.At.Sequence == sequence
		})
		if err := p.Skip(sequence); err != nil {
			t.Error(err)
		}
	}
	await(t, p, func(s projection.FollowerStatus) bool { return s.State == projection.Live })
	cancel()
	running.Wait()
	w.expect(40, 40)
}
