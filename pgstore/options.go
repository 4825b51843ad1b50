package pgstore

import (
	"cmp"
	"log/slog"
	"time"
)

// Options of [Open] and [Migrate]. The zero value is what most programs want.
type Options struct {
	// Schema is the schema of the database that holds the store, "aether" when empty.
	// A schema is a store: several systems may share a database.
	Schema string

	// Migrate lets Open bring the schema up to date, where it otherwise fails with
	// [ErrNotMigrated]. Several processes may do so at the same time.
	Migrate bool

	// MaxConns is how many connections are open at most, besides the one on which
	// notifications come: 10 when zero, or what the DSN says (pool_max_conns).
	MaxConns int

	// Timeout is how long a save may take until it fails with [ErrUnavailable]: 30
	// seconds when zero. A connection on which nothing came back for a third of it is
	// given up, and another is tried.
	Timeout time.Duration

	// PollInterval is how often followers look whether something is new, if no
	// notification has come: every second when zero, ten times a second behind a
	// transaction-pooling proxy, where no notifications come.
	PollInterval time.Duration

	// TransactionPooling says that the server is reached through a proxy that gives a
	// connection a server for one transaction only. Open notices PgBouncer by itself.
	TransactionPooling bool

	// Logger is told what an operator should know: the server cannot be reached, its
	// settings endanger events. It is slog.Default() when nil.
	Logger *slog.Logger

	pageSize  int  // bytes of events that a read gets at once: maxPage when 0
	groupSize int  // bytes of events that are written together: maxGroup when 0
	hints     int  // events that hints remember: maxHints when 0
	mute      bool // nobody is notified of saves
}

const (
	defaultSchema   = "aether"
	defaultMaxConns = 10
	defaultTimeout  = 30 * time.Second
	defaultPoll     = time.Second
	pooledPoll      = 100 * time.Millisecond
	maxSchema       = 50 // bytes: the channel of notifications is named after it
)

// withDefaults returns a copy in which everything is set but MaxConns and PollInterval,
// which depend on the DSN and the server.
func (o *Options) withDefaults() Options {
	var options Options
	if o != nil {
		options = *o
	}
	options.Schema = cmp.Or(options.Schema, defaultSchema)
	options.Timeout = cmp.Or(max(options.Timeout, 0), defaultTimeout)
	options.PollInterval = max(options.PollInterval, 0)
	options.Logger = cmp.Or(options.Logger, slog.Default())
	options.pageSize = cmp.Or(options.pageSize, maxPage)
	options.groupSize = cmp.Or(options.groupSize, maxGroup)
	options.hints = cmp.Or(options.hints, maxHints)
	return options
}
