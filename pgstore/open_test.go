package pgstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// exec runs a statement on the server itself.
func exec(t testing.TB, dsn, sql string) {
	t.Helper()
	if err := pgtest.Exec(dsn, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// expectClass fails the test unless an error is of the class, says what is wanted and
// does not carry one of the driver.
func expectClass(t *testing.T, err, class error, words ...string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Errorf("got %v, want %v", err, class)
		return
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	if errors.As(err, &pg) || errors.As(err, &connect) {
		t.Errorf("%v carries an error of the driver", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error is %q, which does not say %q", err, word)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t, &pgtest.Options{Settings: []string{"password_encryption=scram-sha-256"}})
	dsn := server.DSN()
	changed := func(change func(u *url.URL)) string {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	open := func(dsn string, options *Options) error {
		s, err := Open(t.Context(), dsn, options)
		if err == nil {
			_ = s.Close()
		}
		return err
	}
	options := func(schema string) *Options { return &Options{Schema: schema, Logger: quiet} }
	migrateSchema(t, dsn, "aether")

	expectClass(t, open(dsn, options("nothing")), ErrNotMigrated, "nothing", "aether migrate")
	expectClass(t, open(changed(func(u *url.URL) { u.Path = "/nowhere" }), nil), ErrNoDatabase, "nowhere")
	expectClass(t, open(changed(func(u *url.URL) { u.User = url.User("nobody") }), nil), ErrDenied, "nobody")
	expectClass(t, open(changed(func(u *url.URL) { u.Host = "127.0.0.1:1" }), nil), ErrUnavailable, "refused")
	expectClass(t, open("postgres://a:b:c@/%%", nil), ErrUnsupported)
	expectClass(t, open(dsn, options("a\"b")), ErrUnsupported, "quotes")
	expectClass(t, open(dsn, options(strings.Repeat("x", 51))), ErrUnsupported, "51")

	migrateSchema(t, dsn, "newer")
	exec(t, dsn, "INSERT INTO newer.schema_versions (version_id, is_applied) VALUES (999, true)")
	expectClass(t, open(dsn, options("newer")), ErrTooNew, "999")
	expectClass(t, Migrate(t.Context(), dsn, options("newer")), ErrTooNew, "999")

	exec(t, dsn, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	expectClass(t, open(changed(func(u *url.URL) { u.Path = "/latin" }), &Options{Logger: quiet}), ErrUnsupported, "LATIN1")

	exec(t, dsn, "CREATE USER reader; GRANT USAGE ON SCHEMA aether TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA aether TO reader")
	reader := changed(func(u *url.URL) { u.User = url.User("reader") })
	expectClass(t, open(reader, &Options{Schema: "other", Migrate: true, Logger: quiet}), ErrDenied, "migrate")
	store := openNamespace(t, reader, options("aether"))
	_, err := store.SaveEvents(t.Context(), testEvent("room/1", 1))
	expectClass(t, err, ErrDenied, "save events", "grant")

	exec(t, dsn, "ALTER DATABASE postgres SET default_transaction_read_only = on")
	store = openNamespace(t, dsn, options("aether"))
	_, err = store.SaveEvents(t.Context(), testEvent("room/1", 1))
	expectClass(t, err, ErrReadOnly, "primary")
	if version, err := store.GetLatestVersion(t.Context(), "room/1"); err != nil || version != 0 {
		t.Errorf("GetLatestVersion: %d, %v", version, err)
	}
}

func TestSettingsThatLoseEvents(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t, &pgtest.Options{Settings: []string{"synchronous_commit=off"}})
	var log bytes.Buffer
	s, err := Open(t.Context(), server.DSN(), &Options{Migrate: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), "fsync=off") {
		t.Errorf("the log says %q, not that fsync is off", log.String())
	}
	// A setting that is a session's is raised for saves: nobody is told of events that
	// a crash of the server takes back.
	store, err := s.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for version := aether.Version(1); version <= 50; version++ {
		mustSave(t, store, aether.Position(version), testEvent("room/1", version))
	}
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	mustSave(t, store, 51, testEvent("room/1", 51))
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn) + " 'x;" // a name that has to be quoted
	t.Cleanup(func() { exec(t, dsn, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE") })
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			s, err := Open(t.Context(), dsn, &Options{Schema: schema, Migrate: true, Logger: quiet})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			store, err := s.Namespace(t.Context(), "test")
			if err == nil {
				_, err = store.SaveEvents(t.Context(), testEvent(fmt.Sprint("room/", i), 1))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestProxyIsNoticed(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn)
	migrateSchema(t, dsn, schema)
	for through, want := range map[string]bool{dsn: false, newProxy(t, dsn).dsn: false, pgtest.Bouncer(t, dsn): true} {
		s, err := Open(t.Context(), through, &Options{Schema: schema, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if s.pooled != want {
			t.Errorf("%s: transaction pooling is %v, want %v", through, s.pooled, want)
		}
		_ = s.Close()
	}
}

// Two stores in one database do not see each other.
func TestSchemasAreStores(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	for range 2 {
		schema := pgtest.Schema(t, dsn)
		store := openNamespace(t, dsn, &Options{Schema: schema, Migrate: true, Logger: quiet})
		mustSave(t, store, 1, testEvent("room/1", 1))
	}
}

// Large events come in pages that do not take more memory than they should.
func TestPagesOfLargeEvents(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	store := openNamespace(t, dsn, &Options{Schema: pgtest.Schema(t, dsn), Migrate: true, Logger: quiet, pageSize: 4000})
	version := aether.Version(0)
	for _, size := range []int{10, 3000, 9000, 10, 10, 5000, 5000, 10, 9000, 9000, 10} {
		var events []aether.Event
		for range 300 / (size/100 + 1) {
			version++
			e := testEvent("room/1", version)
			e.Data = []byte(`"` + strings.Repeat("x", size) + `"`)
			events = append(events, e)
		}
		mustSave(t, store, aether.Position(version), events...)
	}
	for after := aether.Version(0); after <= version; after += 101 {
		next := after
		for e, err := range store.GetEvents(t.Context(), "room/1", after) {
			if next++; err != nil || e.Version != next || e.Position != aether.Position(next) {
				t.Fatalf("GetEvents after %d: version %d, %v; want %d", after, e.Version, err, next)
			}
		}
		position := aether.Position(after)
		for e, err := range store.ReadLog(t.Context(), position, &aether.LogOptions{Kinds: []string{"room"}}) {
			if position++; err != nil || e.Position != position {
				t.Fatalf("ReadLog after %d: position %d, %v; want %d", after, e.Position, err, position)
			}
		}
		if next != version || position != aether.Position(version) {
			t.Fatalf("after %d: %d and %d events of %d", after, next, position, version)
		}
	}
}
