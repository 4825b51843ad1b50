package pgstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// benchDSN returns a server that syncs, as figures need it.
func benchDSN(b *testing.B) string {
	b.Helper()
	server := pgtest.Private(b, &pgtest.Options{Sync: true})
	return server.DSN()
}

func benchEvent(actor string, version int) aether.Event {
	return aether.Event{ActorID: actor, Version: aether.Version(version), Type: "ConnectorUnlocked", Data: benchData}
}

var benchData = []byte(`{"text":"` + strings.Repeat("x", 512-11) + `"}`)

// inParallel has writers call f until b.N calls were made, and reports calls a second.
func inParallel(b *testing.B, writers int, f func(writer, i int) error) {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for w := range writers {
		group.Go(func() {
			for i := 1; next.Add(1) <= int64(b.N); i++ {
				if err := f(w, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkAppend(b *testing.B) {
	ctx := context.Background()
	dsn := benchDSN(b)
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint("aether/writers=", writers), func(b *testing.B) {
			s, err := Open(ctx, dsn, &Options{Schema: pgtest.Schema(b, dsn), Migrate: true, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			store, _ := s.Namespace(ctx, "bench")
			inParallel(b, writers, func(w, i int) error {
				_, err := store.SaveEvents(ctx, benchEvent(fmt.Sprint("station/", w), i))
				return err
			})
		})
		b.Run(fmt.Sprint("rows/writers=", writers), func(b *testing.B) { benchRows(ctx, b, dsn, writers) })
		b.Run(fmt.Sprint("pipelined/writers=", writers), func(b *testing.B) { benchPipelined(ctx, b, dsn, writers) })
	}
}

const insertRow = "INSERT INTO %s.events (namespace, schema, position, version, time, actor, id, type, data) VALUES (1, 1, $1, $2, $3, $4, $5, $6, $7)"

// benchRows is what a writer gets that inserts a row on a connection of its own.
func benchRows(ctx context.Context, b *testing.B, dsn string, writers int) {
	schema := pgtest.Schema(b, dsn)
	if err := Migrate(ctx, dsn, &Options{Schema: schema}); err != nil {
		b.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = int32(writers)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	var position atomic.Int64
	sql := fmt.Sprintf(insertRow, pgx.Identifier{schema}.Sanitize())
	inParallel(b, writers, func(w, i int) error {
		_, err := pool.Exec(ctx, sql, position.Add(1), i, time.Now(), fmt.Sprint("station/", w), aether.NewID(), "ConnectorUnlocked", string(benchData))
		return err
	})
}

// benchPipelined is what the driver gets that sends the rows of all writers who wait in
// one pipeline, as one transaction.
func benchPipelined(ctx context.Context, b *testing.B, dsn string, writers int) {
	schema := pgtest.Schema(b, dsn)
	if err := Migrate(ctx, dsn, &Options{Schema: schema}); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	type row struct {
		actor string
		i     int
		done  chan error
	}
	rows := make(chan row, writers)
	var committer sync.WaitGroup
	sql := fmt.Sprintf(insertRow, pgx.Identifier{schema}.Sanitize())
	committer.Go(func() {
		position := 0
		for r := range rows {
			group := []row{r}
			for len(group) < writers {
				select {
				case r, ok := <-rows:
					if ok {
						group = append(group, r)
						continue
					}
				default:
				}
				break
			}
			batch := &pgx.Batch{}
			for _, r := range group {
				position++
				batch.Queue(sql, position, r.i, time.Now(), r.actor, aether.NewID(), "ConnectorUnlocked", string(benchData))
			}
			err := conn.SendBatch(ctx, batch).Close()
			for _, r := range group {
				r.done <- err
			}
		}
	})
	done := make([]chan error, writers)
	for w := range done {
		done[w] = make(chan error, 1)
	}
	inParallel(b, writers, func(w, i int) error {
		rows <- row{fmt.Sprint("station/", w), i, done[w]}
		return <-done[w]
	})
	close(rows)
	committer.Wait()
}

// BenchmarkLoad100 loads an actor with 100 events, of 1000 that are there.
func BenchmarkLoad100(b *testing.B) {
	ctx := context.Background()
	dsn := benchDSN(b)
	schema := pgtest.Schema(b, dsn)
	s, err := Open(ctx, dsn, &Options{Schema: schema, Migrate: true, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	store, _ := s.Namespace(ctx, "bench")
	for version := 1; version <= 100; version++ { // so that an actor's rows lie apart
		var events []aether.Event
		for actor := range 1000 {
			events = append(events, benchEvent(fmt.Sprint("station/", actor), version))
		}
		if _, err := store.SaveEvents(ctx, events...); err != nil {
			b.Fatal(err)
		}
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE "+pgx.Identifier{schema, "events"}.Sanitize()); err != nil {
		b.Fatal(err)
	}
	median := func(b *testing.B, load func(actorID string) (int, error)) {
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			begin := time.Now()
			count, err := load(fmt.Sprint("station/", i*7%1000))
			if err != nil || count != 100 {
				b.Fatal(count, err)
			}
			took = append(took, time.Since(begin))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	}
	b.Run("aether", func(b *testing.B) {
		median(b, func(actorID string) (int, error) {
			count := 0
			for _, err := range store.GetEvents(ctx, actorID, 0) {
				if err != nil {
					return 0, err
				}
				count++
			}
			return count, nil
		})
	})
	b.Run("raw", func(b *testing.B) {
		sql := "SELECT version, data FROM " + pgx.Identifier{schema, "events"}.Sanitize() + " WHERE namespace = 1 AND actor = $1 ORDER BY version"
		median(b, func(actorID string) (int, error) {
			rows, err := conn.Query(ctx, sql, actorID)
			if err != nil {
				return 0, err
			}
			count := 0
			for rows.Next() {
				if _, values := rows.FieldDescriptions(), rows.RawValues(); len(bytes.Clone(values[1])) > 0 {
					count++
				}
			}
			return count, rows.Err()
		})
	})
}
