package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/server"
	roversystem "github.com/aether-es/aether/apps/rover"
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

For operators there are /healthz, /readyz, /metrics (Prometheus) and /api/projections.

Without a token it listens on this machine alone. With --token-file every request needs
the token in the file: as "Authorization: Bearer …", or, for pages, once as ?token=… in
the address. Over a network give it a certificate too, or put it behind a proxy that has
one.

SIGTERM or Ctrl-C lets the requests under way end, saves, and stops.`,
		Example: `  aether serve --demo
  aether serve --data /srv/aether --listen 0.0.0.0:8443 --token-file token --tls-cert c.pem --tls-key k.pem`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), cmd, &flags) },
	}
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&flags.tokenFile, "token-file", "", "`file` with the token that requests need")
	cmd.Flags().StringVar(&flags.cert, "tls-cert", "", "`file` with the certificate, in PEM")
	cmd.Flags().StringVar(&flags.key, "tls-key", "", "`file` with its key, in PEM")
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
		return &usageError{cmd, err}
	}
	if err := server.CheckListen(flags.listen, token); err != nil {
		return &usageError{cmd, err}
	}
	certificates, err := readCertificate(flags.cert, flags.key)
	if err != nil {
		return &usageError{cmd, err}
	}
	logger := p.serveLogger(flags.verbose)
	slog.SetDefault(logger)

	return p.withStore(ctx, func(store aether.EventStore) error {
		return p.serveStore(ctx, flags, store, token, certificates, logger)
	})
}

// serveStore runs the server on a store.
func (p *program) serveStore(ctx context.Context, flags *serveFlags, store aether.EventStore, token string, certificates *tls.Config, logger *slog.Logger) (err error) {
	db, err := openReadDB(filepath.Join(p.dir, readDBFolder), logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	listener, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return fmt.Errorf("%w; another program may have this address: choose one with --listen", err)
	}
	defer listener.Close()
	bus, commands := integration.NewLocal(), &integration.LocalCommands{}
	rovers, err := roversystem.New(store, p.namespace, db, bus, commands, logger)
	if err != nil {
		return err
	}
	config := server.Config{Store: store, Namespace: p.namespace, Version: thisBuild().Version, Logger: logger, Token: token}
	if flags.demo {
		config.Background = append(config.Background, roversystem.NewDemo(commands).Run)
	}
	s, err := server.New(config, rovers)
	if err != nil {
		return err
	}
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

func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 || strings.ContainsAny(token, " \t\r\n;,\"\\") {
		return "", fmt.Errorf("--token-file: %s should have one line of at least 16 letters and digits; `openssl rand -hex 32` makes one", path)
	}
	return token, nil
}

func readCertificate(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// openReadDB opens the read DB; a damaged one is made again, since the events have it
// all.
func openReadDB(folder string, logger *slog.Logger) (*readdb.DB, error) {
	open := func() (*readdb.DB, error) {
		kv, err := filereaddb.Open(folder, nil)
		if err != nil {
			return nil, err
		}
		db, err := readdb.New(kv)
		if err != nil {
			return nil, errors.Join(err, kv.Close())
		}
		return db, nil
	}
	db, err := open()
	if errors.Is(err, readdb.ErrDamaged) {
		logger.Warn("the read DB is damaged and is made again from the events", "folder", folder, "error", err)
		if err := filereaddb.Remove(folder); err != nil {
			return nil, err
		}
		return open()
	}
	return db, err
}
