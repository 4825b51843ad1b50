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
	"time"

	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	roversystem "github.com/aether-es/aether/apps/rover"
	ticketsystem "github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/lease"
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
	roles     string
	name      string
	join      string
	payments  paymentFlags
	stations  stationFlags
}

// readDBFolder is the folder of the read DB within that of the store.
const readDBFolder = "readdb"

func newServeCommand(p *program) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the systems, with their API, pages and live updates",
		Long: `Serve runs everything in one process on the store: the systems rover, tickets and
charging with their API, pages and live updates. Open http://127.0.0.1:8080 in a browser; the API is described at
/api and /openapi.json. The read DB is in the folder "readdb" of --data: it is made
again from the events when it is missing.

With --store several nodes do the work, each with a folder of its own. --roles says what
one of them does: command (decides commands), query (keeps a read DB and answers from it),
relay (publishes integration events), effects (calls and deadlines), web (takes commands
over HTTP, and has the pages, with query). On NATS a command goes to the node that has its
actor in memory, wherever it comes in; on PostgreSQL the node that takes it decides it.

For operators there are /healthz, /readyz, /metrics (Prometheus), /api/projections and
/api/relays.

Without a token it listens on this machine alone, and answers as localhost only. With
--token-file requests need the token in the file: as "Authorization: Bearer …", or, for
pages, once as ?token=… in the address. Without it there is only what customers buy
tickets with: /tickets, and their part of the API. Over a network give it a certificate
too, or put it behind a proxy that has one.

SIGTERM or Ctrl-C has /readyz say no, takes requests for the time of --grace still, lets
those under way end, saves, and stops. A second one ends it at once.`,
		Example: `  aether serve --demo
  aether serve --data /srv/aether --listen 0.0.0.0:8443 --token-file token --tls-cert c.pem --tls-key k.pem
  aether serve --data node1 --store "nats://n1,n2,n3?replicas=3&sync=always" --roles command,relay`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), cmd, &flags) },
	}
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&flags.tokenFile, "token-file", "", "`file` with the token that operators and promoters need; customers do not")
	cmd.Flags().StringVar(&flags.cert, "tls-cert", "", "`file` with the certificate, in PEM")
	cmd.Flags().StringVar(&flags.key, "tls-key", "", "`file` with its key, in PEM")
	cmd.Flags().DurationVar(&flags.grace, "grace", 500*time.Millisecond, "how much `time` /readyz says no before it stops")
	cmd.Flags().BoolVar(&flags.demo, "demo", false, "fill it: rovers that move, tickets that are bought, stations that charge")
	cmd.Flags().BoolVar(&flags.verbose, "verbose", false, "log every request")
	cmd.Flags().StringVar(&flags.roles, "roles", node.AllRoles().String(), "what this node does, with --store")
	cmd.Flags().StringVar(&flags.name, "name", "", "`name` of this node for others to read; else that of the machine")
	cmd.Flags().StringVar(&flags.join, "join", "", "`URL` of another node, whose read DB this one begins with if it has none")
	flags.payments.add(cmd)
	flags.stations.add(cmd)
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
	if err := checkJoin(flags.join); err != nil {
		return &usageError{cmd, err}
	}
	roles, err := node.ParseRoles(flags.roles)
	if err == nil {
		err = node.CheckRoles(p.store, roles)
	}
	if err != nil {
		return &usageError{cmd, fmt.Errorf("--roles: %w", err)}
	}
	var config systemConfigs
	if config.tickets, err = flags.payments.config(cmd); err != nil {
		return err
	}
	if config.charging, err = flags.stations.config(cmd); err != nil {
		return err
	}
	listener, err := listen(cmd, flags.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	stations, err := flags.stations.open(cmd)
	if err != nil {
		return err
	}
	if stations != nil {
		defer stations.listener.Close()
	}
	p.logger = p.serveLogger(flags.verbose)
	name := flags.name
	if name == "" {
		name, _ = os.Hostname() // it is for people
	}
	return p.withNode(ctx, name, func(n *node.Node) error {
		parts, err := n.Parts(ctx, p.namespace, roles)
		if err != nil {
			return err
		}
		config.tickets.SoleWriter, config.charging.SoleWriter = !n.Shared(), !n.Shared()
		return p.serveNode(ctx, flags, listener, stations, n, parts, config, token, certificates)
	})
}

// serveNode runs the server on a store.
func (p *program) serveNode(ctx context.Context, flags *serveFlags, listener net.Listener, stations *door, n *node.Node, parts node.Parts, systemConfig systemConfigs, token string, certificates *tls.Config) (err error) {
	check := func() error { return nil }
	if parts.Roles.Has(node.Query) {
		folder := filepath.Join(p.dir, readDBFolder)
		if flags.join != "" {
			joinReadDB(ctx, folder, flags.join, token, p.logger)
		}
		if parts.DB, check, err = openReadDB(folder, p.logger); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, parts.DB.Close()) }()
	}
	scheme := "http"
	if certificates != nil {
		scheme = "https"
	}
	address := scheme + "://" + listener.Addr().String()
	if tickets := &systemConfig.tickets; flags.demo && tickets.Provider == nil {
		sole, stop := tickets.SoleWriter, func() error { return nil }
		if *tickets, stop, err = p.demoPayments(ctx, address); err != nil {
			return err
		}
		tickets.SoleWriter = sole
		defer func() { err = errors.Join(err, stop()) }()
	}
	systems, err := openSystems(parts, systemConfig)
	if err != nil {
		return err
	}
	config := server.Config{
		Store: parts.Store, Namespace: p.namespace, Version: thisBuild().Version, Logger: p.logger, Roles: parts.Roles, Token: token, Grace: flags.grace,
	}
	if flags.demo {
		demos := map[string]func(ctx context.Context) error{
			roversystem.Name:  roversystem.NewDemo(parts.Commands, p.namespace).Run,
			ticketsystem.Name: ticketsystem.NewDemo(parts.Commands, p.namespace).Run,
		}
		if certificates == nil { // with one that the stations of the demo do not know they cannot come
			config.Background = append(config.Background, func(ctx context.Context) error {
				return p.demoStations(ctx, systems.charging, parts.Commands, address, token)
			})
		}
		for name, demo := range demos {
			config.Background = append(config.Background, func(ctx context.Context) error {
				return lease.Keep(ctx, parts.Leases, p.namespace+"/demo/"+name, &lease.KeepOptions{Logger: p.logger}, demo)
			})
		}
	}
	if stations != nil {
		config.Background = append(config.Background, func(ctx context.Context) error {
			return stations.serve(ctx, systems.charging.ServeStation, p.logger)
		})
	}
	served := make([]server.System, 0, len(systems.all()))
	for _, system := range systems.all() {
		served = append(served, system)
	}
	s, err := server.New(config, served...)
	if err != nil {
		return errors.Join(err, systems.close())
	}
	s.WatchReadDB(check)
	if parts.DB != nil {
		s.ShareReadDB(parts.DB)
	}
	if n.Embedded != nil {
		s.WatchStore(func() (free, failed uint64, err error) {
			stats, err := n.Embedded.Stats()
			return stats.FreeBytes, stats.FailedSaves, err
		})
	}
	p.logger.Info("serving", "address", address, "data", p.dir, "namespace", p.namespace, "roles", parts.Roles.String())
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
