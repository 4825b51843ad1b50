package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/aether-es/aether/storetest"
	"github.com/jackc/pgx/v5"
)

// quiet is a logger for stores whose server is tormented on purpose.
var quiet = slog.New(slog.DiscardHandler)

var features = storetest.Features{Snapshots: true, Durable: true, Shared: true}

// conformance runs the suite on stores that are opened through a DSN and migrated
// through another.
func conformance(t *testing.T, features storetest.Features, direct, dsn string, options Options) {
	t.Helper()
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		options := options
		options.Schema, options.Logger = pgtest.Schema(t, direct), quiet
		migrateSchema(t, direct, options.Schema)
		return storetest.Storage{Open: func(ctx context.Context) (aether.Engine, error) {
			for {
				s, err := Open(ctx, dsn, &options)
				if errors.Is(err, ErrUnavailable) {
					continue // it does not wait for a server that is not there
				}
				return s, err
			}
		}}
	})
}

// migrateSchema does what Migrate does, without the library, whose parser takes longer
// than most tests.
func migrateSchema(t testing.TB, dsn, schema string) {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{schema}.Sanitize()
	sql := "CREATE SCHEMA " + name + "; SET search_path = " + name + "; CREATE TABLE " + versionTable + " (version_id bigint, is_applied boolean);"
	for _, file := range files {
		text, err := migrations.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sql += string(text)
	}
	exec(t, dsn, sql+fmt.Sprintf("INSERT INTO %s VALUES (%d, true)", versionTable, latestMigration()))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	conformance(t, features, dsn, dsn, Options{MaxConns: 4})
}

// Everything happens early, and all connections are cut again and again. What is promised
// is kept, and nobody notices but by the time it takes.
func TestConformanceThroughCuts(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	p := newProxy(t, dsn)
	var cutter sync.WaitGroup
	stop := make(chan struct{})
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(150*time.Millisecond + rand.N(600*time.Millisecond)):
				p.cut()
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		cutter.Wait()
	})
	features := features
	features.Small = true
	conformance(t, features, dsn, p.dsn, Options{MaxConns: 4, pageSize: 32 << 10, groupSize: 2 << 10, hints: 10, PollInterval: 50 * time.Millisecond, Timeout: 6 * time.Second})
}

// Behind a proxy that pools transactions there are no notifications and no prepared
// statements. Open finds that out by itself. The whole suite runs with -all only, for
// the sake of time.
func TestThroughPgBouncer(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	bouncer := pgtest.Bouncer(t, dsn)
	options := Options{MaxConns: 4, PollInterval: 5 * time.Millisecond, Logger: quiet}
	if *allFlag {
		conformance(t, features, dsn, bouncer, options)
		return
	}
	options.Schema = pgtest.Schema(t, dsn)
	migrateSchema(t, dsn, options.Schema)
	stores := []aether.EventStore{openNamespace(t, bouncer, &options), openNamespace(t, bouncer, &options)}
	good := openNamespace(t, dsn, &options)
	torment(t, stores, good, func() { <-time.After(time.Second) })
}
