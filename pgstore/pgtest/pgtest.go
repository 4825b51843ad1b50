// Package pgtest gives tests a PostgreSQL server: the one that $AETHER_POSTGRES_DSN
// names, else a private one, started from the binaries that are installed, in a
// folder that goes away with it.
package pgtest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/testenv"
	"github.com/jackc/pgx/v5"
)

// Variable is the name of the environment variable with the DSN of a server to be
// used instead of a private one. Tests make schemas in it and drop them again.
const Variable = "AETHER_POSTGRES_DSN"

// shared is the server of a test process.
type shared struct {
	mu     sync.Mutex
	server *Server
	err    error
}

var process shared

// Main runs the tests of a package and stops the private server, if they have
// started one:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.server != nil {
		process.server.Stop()
	}
	return code
}

// DSN returns that of the server that the tests of this process share. Its fsync is
// off where it is a private one, which is enough for tests that kill processes but
// not for figures. Where there are no binaries the test is skipped, or fails, as
// testenv.Lacks says.
func DSN(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(Variable); dsn != "" {
		return dsn
	}
	process.mu.Lock()
	defer process.mu.Unlock()
	if process.server == nil && process.err == nil {
		process.server, process.err = Start(nil)
	}
	if process.err != nil {
		fail(t, process.err)
	}
	return process.server.DSN()
}

// Private starts a server for one test and stops it when the test ends.
func Private(t testing.TB, options *Options) *Server {
	t.Helper()
	server, err := Start(options)
	if err != nil {
		fail(t, err)
	}
	t.Cleanup(server.Stop)
	return server
}

func fail(t testing.TB, err error) {
	t.Helper()
	if err == ErrNotInstalled {
		testenv.Lacks(t, "PostgreSQL (Debian: apt-get install postgresql; or set $"+Variable+")")
	}
	t.Fatal(err)
}

// Schema returns the name of a schema that nothing else uses. It is dropped when the
// test ends.
func Schema(t testing.TB, dsn string) string {
	t.Helper()
	name := "test_" + aether.NewID()
	t.Cleanup(func() {
		drop := "DROP SCHEMA IF EXISTS " + pgx.Identifier{name}.Sanitize() + " CASCADE"
		var err error
		for range 10 { // a statement whose client is gone may still be under way
			if err = Exec(dsn, drop); err == nil {
				return
			}
		}
		t.Errorf("dropping schema %s: %v", name, err)
	})
	return name
}

// admin is a connection that tests share for what they do beside the store.
var admin struct {
	mu   sync.Mutex
	dsn  string
	conn *pgx.Conn
}

// Exec runs statements on a server, on a connection that is kept: a new one costs the
// server more than most tests do.
func Exec(dsn, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	admin.mu.Lock()
	defer admin.mu.Unlock()
	const reset = "RESET ALL; SET client_min_messages = warning"
	if admin.conn != nil && admin.dsn == dsn {
		if _, err := admin.conn.Exec(ctx, reset); err != nil { // another server is there by now
			_ = admin.conn.Close(ctx)
		}
	}
	if admin.conn == nil || admin.dsn != dsn || admin.conn.IsClosed() {
		if admin.conn != nil {
			_ = admin.conn.Close(ctx)
			admin.conn = nil
		}
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		admin.dsn, admin.conn = dsn, conn
		if _, err := conn.Exec(ctx, reset); err != nil {
			return err
		}
	}
	_, err := admin.conn.Exec(ctx, sql)
	return err
}
