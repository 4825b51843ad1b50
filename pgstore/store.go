package pgstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is an engine in a schema of a PostgreSQL database. It is safe for concurrent
// use.
type Store struct {
	options Options
	logger  *slog.Logger
	pool    *pgxpool.Pool
	config  *pgx.ConnConfig // for the connection on which notifications come
	pooled  bool            // there is a transaction-pooling proxy
	sql     statements
	clock   serverClock
	epoch   atomic.Uint64 // counts the losses of connections

	stop context.CancelFunc // ends the goroutines that listen and notify
	done sync.WaitGroup

	// life is held for reading while something is used that Close releases.
	life   sync.RWMutex
	closed bool

	// mu guards what follows.
	mu         sync.Mutex
	namespaces map[string]*namespace
	saving     sync.WaitGroup // the committers at work

	watch  watcher
	notify notifier
}

var _ aether.Engine = (*Store)(nil)

// statements are the queries of a store, with the name of its schema in them.
type statements struct {
	appendEvents, lookUp, saveSnapshot                 statement
	events, log, filteredLog, actors                   statement
	latestVersion, eventVersion, head, heads, snapshot statement
	namespaces, notify                                 statement
	takeLease, renewLease, releaseLease                statement
}

func newStatements(schema string) statements {
	s := pgx.Identifier{schema}.Sanitize() + "."
	const ns = "(SELECT id FROM "
	of := ns + s + "namespaces WHERE name = $1)"
	take, renew, release := leaseStatements(s + "leases")
	return statements{
		takeLease: take, renewLease: renew, releaseLease: release,

		appendEvents: statement{"aether_append", "SELECT last, clock FROM " + s + "append_events($1::text, $2::int4, $3::timestamptz, $4::text[], $5::int8[], $6::bool[], $7::text[], $8::text[], $9::int4[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::text[])"},
		lookUp:       statement{"aether_look_up", "SELECT latest, versions, clock FROM " + s + "look_up($1::text, $2::text[], $3::text[], $4::text[])"},
		saveSnapshot: statement{"aether_save_snapshot", "SELECT " + s + "save_snapshot($1::text, $2::text, $3::int8, $4::int4, $5::timestamptz, $6::bytea)"},

		events: statement{"aether_events", "SELECT " + eventColumns + " FROM " + s + "events WHERE namespace = " + of +
			" AND actor = $2::text AND version > $3::int8 ORDER BY version LIMIT $4::int8"},
		log: statement{"aether_log", "SELECT " + eventColumns + " FROM " + s + "events WHERE namespace = " + of +
			" AND position > $2::int8 AND position <= $3::int8 ORDER BY position LIMIT $4::int8"},
		filteredLog: statement{"aether_filtered_log", "SELECT " + eventColumns + " FROM " + s + "events WHERE namespace = " + of +
			" AND position > $2::int8 AND position <= $3::int8" +
			" AND ($5::text[] IS NULL OR split_part(actor, '/', 1) = ANY ($5::text[])) AND ($6::text[] IS NULL OR type = ANY ($6::text[]))" +
			" ORDER BY position LIMIT $4::int8"},
		// The recursion jumps from actor to actor in the index on versions, which
		// otherwise would be read whole.
		actors: statement{"aether_actors", "WITH RECURSIVE n AS (SELECT " + of + " AS id), a (actor, i) AS (" +
			"(SELECT e.actor, 1::int8 FROM " + s + "events e WHERE e.namespace = (SELECT id FROM n) AND e.actor > $2::text AND e.actor < $3::text ORDER BY e.actor LIMIT 1)" +
			" UNION ALL SELECT (SELECT e.actor FROM " + s + "events e WHERE e.namespace = (SELECT id FROM n) AND e.actor > a.actor AND e.actor < $3::text ORDER BY e.actor LIMIT 1), a.i + 1" +
			" FROM a WHERE a.actor IS NOT NULL AND a.i < $4::int8)" +
			" SELECT a.actor, (SELECT e.version FROM " + s + "events e WHERE e.namespace = (SELECT id FROM n) AND e.actor = a.actor ORDER BY e.version DESC LIMIT 1)" +
			" FROM a WHERE a.actor IS NOT NULL ORDER BY a.i"},

		latestVersion: statement{"aether_latest_version", "SELECT version FROM " + s + "events WHERE namespace = " + of + " AND actor = $2::text ORDER BY version DESC LIMIT 1"},
		eventVersion:  statement{"aether_event_version", "SELECT version FROM " + s + "events WHERE namespace = " + of + " AND actor = $2::text AND id = $3::text"},
		head:          statement{"aether_head", "SELECT head FROM " + s + "namespaces WHERE name = $1::text"},
		heads:         statement{"aether_heads", "SELECT name, head FROM " + s + "namespaces WHERE name = ANY ($1::text[])"},
		snapshot: statement{"aether_snapshot", "SELECT version, schema, time, data FROM " + s + "snapshots WHERE namespace = " + of +
			" AND actor = $2::text"},
		namespaces: statement{"aether_namespaces", "SELECT name FROM " + s + "namespaces WHERE head > 0 ORDER BY name"},
		// Nothing is written that anybody waits for; without this the server would sync.
		notify: statement{"aether_notify", "SELECT pg_notify($1::text, m) FROM unnest($2::text[]) AS m, set_config('synchronous_commit', 'off', true)"},
	}
}

// Namespace returns the store of one namespace, which is an [aether.SnapshotStore] too.
// Some memory is kept for every name that was asked for, up to a few MiB for one under
// which much is saved, until the store is closed.
func (s *Store) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	if err := aether.CheckNamespace(name); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	if n == nil {
		n = newNamespace(s, name)
		s.namespaces[name] = n
	}
	return n, nil
}

// lookup returns a namespace that was asked for, nil when it was not.
func (s *Store) lookup(name string) *namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.namespaces[name]
}

// all returns the namespaces that were asked for.
func (s *Store) all() []*namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*namespace, 0, len(s.namespaces))
	for _, n := range s.namespaces {
		all = append(all, n)
	}
	return all
}

// Namespaces returns the names of the namespaces that hold events.
func (s *Store) Namespaces(ctx context.Context) ([]string, error) {
	var names []string
	err := s.query(ctx, "list the namespaces", &s.sql.namespaces, func(*parameters) {}, func() { names = nil }, func(row [][]byte) error {
		names = append(names, string(row[0]))
		return nil
	})
	return names, err
}

// Close waits for the saves under way and closes the connections. Followers end with
// [aether.ErrClosed], and so does a second Close.
func (s *Store) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return aether.ErrClosed
	}
	s.closed = true
	s.life.Unlock()

	all := s.all()
	for _, n := range all {
		n.queue.close()
	}
	s.saving.Wait()
	s.stop()
	s.done.Wait()
	for _, n := range all {
		n.wake()
	}
	s.pool.Close()
	return nil
}

// serverClock knows the time of the server's clock, from its answers.
type serverClock struct {
	mu     sync.Mutex
	micros int64     // what the server's clock said
	at     time.Time // when that was received
}

// set takes in an answer that came just now.
func (c *serverClock) set(micros int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.micros, c.at = micros, time.Now()
}

// when returns what the server's clock will say at a time, or a little less: the
// answer was under way for some time.
func (c *serverClock) when(t time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.micros + t.Sub(c.at).Microseconds()
}
