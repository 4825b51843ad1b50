package pgstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable records which migrations were applied.
const versionTable = "schema_versions"

// Migrate brings the schema up to date: it makes it where it is not there, and applies
// what it lacks, each step whole or not at all. Where there is nothing to do it changes
// nothing. Several processes may do it at the same time: one does, the others wait.
// Stores of an older program that are open go on, unless the notes of a release say
// otherwise.
//
// It needs a session of its own, so behind a transaction-pooling proxy it is given the
// address of the server itself.
func Migrate(ctx context.Context, dsn string, options *Options) error {
	o := options.withDefaults()
	if err := checkSchemaName(o.Schema); err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(dsn) // which knows the settings of a pool
	if err != nil {
		return badDSN(err)
	}
	return classify(ctx, "migrate", migrate(ctx, config.ConnConfig, o.Schema))
}

func migrate(ctx context.Context, config *pgx.ConnConfig, schema string) error {
	guard, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer guard.Close(context.WithoutCancel(ctx))
	have, err := schemaVersion(ctx, guard, schema)
	if err != nil {
		return err
	}
	if want := latestMigration(); have == want {
		return nil
	} else if have > want {
		return &SchemaError{Schema: schema, Have: have, Want: want}
	}
	// The lock is held by a transaction of its own, so that it ends with the process,
	// whatever happens.
	tx, err := guard.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey(schema)); err != nil {
		return err
	}
	config = config.Copy()
	config.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := createSchema(ctx, db, schema); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// createSchema leaves one alone that is there: whoever may use it may not be allowed
// to make one.
func createSchema(ctx context.Context, db *sql.DB, schema string) error {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil || there {
		return err
	}
	_, err := db.ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
	return err
}

// schemaVersion returns the version of a schema, 0 when it is not there.
func schemaVersion(ctx context.Context, conn *pgx.Conn, schema string) (int64, error) {
	var version *int64
	query := "SELECT max(version_id) FROM " + pgx.Identifier{schema, versionTable}.Sanitize() + " WHERE is_applied"
	err := conn.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(&version)
	if hasCode(err, "42P01") || hasCode(err, "3F000") || errors.Is(err, pgx.ErrNoRows) || err == nil && version == nil {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return *version, nil
}

// latestMigration returns the version that the program needs.
func latestMigration() int64 {
	latest := int64(0)
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("pgstore: migration %s has no number", entry.Name()))
		}
		latest = max(latest, version)
	}
	return latest
}

// lockKey is the advisory lock of a schema.
func lockKey(schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("aether migrate " + schema))
	return int64(h.Sum64())
}
