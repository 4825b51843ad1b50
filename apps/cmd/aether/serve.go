package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/server"
	roversystem "github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/filestore"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
	"github.com/spf13/cobra"
)

// serveFlags are what serve is told beside what all commands are.
type serveFlags struct {
	listen    string
	tokenFile string
	cert, key string
	grace     time.Duration
	demo      bool
	verbose   bool
}

// readDBFolder is the folder of the read DB within that of the store.
const readDBFolder = "readdb"

func newServeCommand(p *program) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the systems, with their API, pages and live updates",
		Long: `Serve runs everything in one process on the store: the rover system with its API, its pages
and live updates. Open http://127.0.0.1:8080 in a browser; the API is described at
/api and /openapi.json. The read DB is in the folder "readdb" of the store: it is made
again from the events when it is missing.

For operators there are /healthz, /readyz, /metrics (Prometheus), /api/projections and
/api/relays.

Without a token it listens on this machine alone, and answers as localhost only. With
--token-file every request needs the token in the file: as "Authorization: Bearer …", or,
for pages, once as ?token=… in the address. Over a network give it a certificate too, or
put it behind a proxy that has one.

SIGTERM or Ctrl-C has /readyz say no, takes requests for the time of --grace still, lets
those under way end, saves, and stops. A second one ends it at once.`,
		Example: `  aether serve --demo
  aether serve --data /srv/aether --listen 0.0.0.0:8443 --token-file token --tls-cert c.pem --tls-key k.pem`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), cmd, &flags) },
	}
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&flags.tokenFile, "token-file", "", "`file` with the token that requests need")
	cmd.Flags().StringVar(&flags.cert, "tls-cert", "", "`file` with the certificate, in PEM")
	cmd.Flags().StringVar(&flags.key, "tls-key", "", "`file` with its key, in PEM")
	cmd.Flags().DurationVar(&flags.grace, "grace", 500*time.Millisecond, "how much `time` /readyz says no before it stops")
	cmd.Flags().BoolVar(&flags.demo, "demo", false, "fill it with grids and rovers that move")
	cmd.Flags().BoolVar(&flags.verbose, "verbose", false, "log every request")
	p.addNamespace(cmd)
	p.addWait(cmd)
	return cmd
}

// serve runs the server until ctx ends. Everything that can be wrong with the input is
// found before the store is opened.
func (p *program) serve(ctx context.Context, cmd *cobra.Command, flags *serveFlags) error {
	token, err := readToken(flags.tokenFile)
	if err != nil {
		return err
	}
	if err := server.CheckListen(flags.listen, token); err != nil {
		return &usageError{cmd, err}
	}
	certificates, err := readCertificate(cmd, flags.cert, flags.key)
	if err != nil {
		return err
	}
	listener, err := listen(cmd, flags.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	logger := p.serveLogger(flags.verbose)
	return p.withStore(ctx, func(engine *filestore.Store, store aether.EventStore) error {
		return p.serveStore(ctx, flags, listener, engine, store, token, certificates, logger)
	})
}

// serveStore runs the server on a store.
func (p *program) serveStore(ctx context.Context, flags *serveFlags, listener net.Listener, engine *filestore.Store, store aether.EventStore, token string, certificates *tls.Config, logger *slog.Logger) (err error) {
	db, check, err := openReadDB(filepath.Join(p.dir, readDBFolder), logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	bus, commands := integration.NewLocal(nil), &integration.LocalCommands{}
	rovers, err := roversystem.New(store, p.namespace, db, bus, commands, logger)
	if err != nil {
		return err
	}
	config := server.Config{
		Store: store, Namespace: p.namespace, Version: thisBuild().Version, Logger: logger, Token: token, Grace: flags.grace,
	}
	if flags.demo {
		config.Background = append(config.Background, roversystem.NewDemo(commands, p.namespace).Run)
	}
	s, err := server.New(config, rovers)
	if err != nil {
		return errors.Join(err, rovers.Close())
	}
	s.WatchReadDB(check)
	s.WatchStore(func() (free, failed uint64, err error) {
		stats, err := engine.Stats()
		return stats.FreeBytes, stats.FailedSaves, err
	})
	scheme := "http"
	if certificates != nil {
		scheme = "https"
	}
	logger.Info("serving", "address", scheme+"://"+listener.Addr().String(), "data", p.dir, "namespace", p.namespace)
	return s.Run(ctx, listener, certificates)
}

func (p *program) serveLogger(verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if p.json {
		return slog.New(slog.NewJSONHandler(p.console, options))
	}
	return slog.New(slog.NewTextHandler(p.console, options))
}

// openReadDB opens the read DB; a damaged one is made again, since the events have it
// all. What it returns beside says why the read DB keeps nothing any more.
func openReadDB(folder string, logger *slog.Logger) (*readdb.DB, func() error, error) {
	open := func() (*readdb.DB, func() error, error) {
		kv, err := filereaddb.Open(folder, &filereaddb.Options{Logger: logger})
		if err != nil {
			return nil, nil, err
		}
		db, err := readdb.New(kv)
		if err != nil {
			return nil, nil, errors.Join(err, kv.Close())
		}
		return db, kv.Check, nil
	}
	db, check, err := open()
	if errors.Is(err, readdb.ErrDamaged) {
		logger.Warn("the read DB is damaged and is made again from the events", "folder", folder, "error", err)
		if err := filereaddb.Remove(folder); err != nil {
			return nil, nil, err
		}
		return open()
	}
	return db, check, err
}
