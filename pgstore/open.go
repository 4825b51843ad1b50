package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// oldestServer is the oldest version of PostgreSQL that works, as server_version_num has
// it.
const oldestServer = 140000

// Open opens the store in a schema of the database that a DSN names, as a URL
// ("postgres://user:password@host/database") or as words ("host=… dbname=…"); what it
// leaves out is taken from the environment, as psql does (PGHOST, PGPASSWORD …). Any
// number of processes may have it open.
//
// It fails with [ErrNotMigrated] when the schema is not there or not up to date, unless
// Options.Migrate is set.
func Open(ctx context.Context, dsn string, options *Options) (*Store, error) {
	o := options.withDefaults()
	if err := checkSchemaName(o.Schema); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, badDSN(err)
	}
	if o.Migrate {
		if err := Migrate(ctx, dsn, &o); err != nil {
			return nil, err
		}
	}
	s := &Store{options: o, logger: o.Logger, sql: newStatements(o.Schema), namespaces: make(map[string]*namespace)}
	s.configure(config)
	s.config = config.ConnConfig.Copy()
	if s.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, classify(ctx, "open", err)
	}
	if err := s.check(ctx); err != nil {
		s.pool.Close()
		return nil, classify(ctx, "open", err)
	}
	if s.options.PollInterval == 0 {
		s.options.PollInterval = defaultPoll
		if s.pooled {
			s.options.PollInterval = pooledPoll
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.watch.init()
	s.notify.init()
	s.done.Go(func() { s.runWatch(background) })
	s.done.Go(func() { s.runNotify(background) })
	return s, nil
}

// configure sets what the options and this package ask of the connections.
func (s *Store) configure(config *pgxpool.Config) {
	switch {
	case s.options.MaxConns > 0:
		config.MaxConns = int32(s.options.MaxConns)
	default:
		config.MaxConns = max(config.MaxConns, defaultMaxConns)
	}
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "aether"
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = max(s.options.Timeout/3, time.Millisecond)
	}
	// Whoever finds a connection broken tries another; to ask before each use would
	// cost those that are not.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
}

// check finds out whether the server is one that this package can work with.
func (s *Store) check(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var (
		version, pid                int
		encoding, fsync, pageWrites string
		recovering                  bool
		clock                       time.Time
	)
	const settings = "SELECT current_setting('server_version_num')::int, pg_backend_pid(), current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(), clock_timestamp()"
	if err := conn.QueryRow(ctx, settings, pgx.QueryExecModeExec).Scan(&version, &pid, &encoding, &fsync, &pageWrites, &recovering, &clock); err != nil {
		return err
	}
	s.clock.set(clock.UnixMicro())
	if version < oldestServer {
		return unsupported("the server is PostgreSQL %d; version %d or newer is needed", version/10000, oldestServer/10000)
	}
	if encoding != "UTF8" {
		return unsupported("the database has the encoding %s; events need UTF8", encoding)
	}
	// A proxy of this kind makes up the number it gives to its clients.
	s.pooled = s.options.TransactionPooling || uint32(pid) != conn.Conn().PgConn().PID()
	if fsync == "off" || pageWrites == "off" {
		s.logger.Warn("pgstore: the server is set to lose events when its machine loses power", "fsync", fsync, "full_page_writes", pageWrites)
	}
	if recovering {
		s.logger.Warn("pgstore: the server is a replica: nothing can be saved, and what is read may be old")
	}
	have, err := schemaVersion(ctx, conn.Conn(), s.options.Schema)
	if err != nil {
		return err
	}
	if want := latestMigration(); have != want {
		return &SchemaError{Schema: s.options.Schema, Have: have, Want: want}
	}
	return nil
}

func checkSchemaName(name string) error {
	if len(name) > maxSchema {
		return unsupported("the name of a schema has at most %d bytes; %q has %d", maxSchema, name, len(name))
	}
	for _, c := range []byte(name) {
		if c < ' ' || c == 0x7f || c == '"' {
			return unsupported("the name of a schema has no quotes or control characters; %q has", name)
		}
	}
	return nil
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// badDSN says what is wrong with a DSN. The driver's text has the DSN in it without the
// password.
func badDSN(err error) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, err.Error())
}
