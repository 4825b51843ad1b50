package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/spf13/cobra"
)

// natsFlags are what nats is told.
type natsFlags struct {
	listen   string
	name     string
	cluster  string
	routes   []string
	insecure bool
	verbose  bool
}

func newNATSCommand(p *program) *cobra.Command {
	var flags natsFlags
	cmd := folderOnly(&cobra.Command{
		Use:   "nats",
		Short: "Run a NATS server with JetStream, set up for Aether",
		Long: `Nats runs a NATS server in this process, with its data in the folder "nats" of --data: each
write is synced before it is acknowledged, and the largest events fit. Alone, or, with
--cluster and --route, as one of several that keep everything together.

It is for trying. For production run NATS 2.12 or later, with the settings that
docs/durability.md names, and users and TLS of its own: this server asks nobody who they
are, and listens on this machine only, unless --insecure says that the network is safe.

Three commands start a cluster on one machine:

  aether nats --data n1 --name n1 --listen 127.0.0.1:4222 --cluster 127.0.0.1:6222 \
    --route 127.0.0.1:6223 --route 127.0.0.1:6224
  aether nats --data n2 --name n2 --listen 127.0.0.1:4223 --cluster 127.0.0.1:6223 \
    --route 127.0.0.1:6222 --route 127.0.0.1:6224
  aether nats --data n3 --name n3 --listen 127.0.0.1:4224 --cluster 127.0.0.1:6224 \
    --route 127.0.0.1:6222 --route 127.0.0.1:6223

and any number of nodes use it:

  aether serve --data a --listen 127.0.0.1:8081 \
    --store "nats://127.0.0.1:4222,127.0.0.1:4223,127.0.0.1:4224?replicas=3&sync=always"`,
		Example: `  aether nats --data /srv/nats`,
		Args:    arguments(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.nats(cmd, &flags) },
	})
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:4222", "`address` for clients")
	cmd.Flags().StringVar(&flags.name, "name", "aether", "`name` of the server, unique in its cluster")
	cmd.Flags().StringVar(&flags.cluster, "cluster", "", "`address` for the other servers of the cluster; alone without it")
	cmd.Flags().StringArrayVar(&flags.routes, "route", nil, "`address` of another server of the cluster; may be repeated")
	cmd.Flags().BoolVar(&flags.insecure, "insecure", false, "listen on other addresses than those of this machine, for everybody")
	cmd.Flags().BoolVar(&flags.verbose, "verbose", false, "log more")
	return cmd
}

func (p *program) nats(cmd *cobra.Command, flags *natsFlags) error {
	if (flags.cluster == "") != (len(flags.routes) == 0) {
		return &usageError{cmd, errors.New("--cluster and --route belong together: where this server listens for the others, and where they are")}
	}
	if flags.cluster != "" && !cmd.Flags().Changed("name") {
		return &usageError{cmd, errors.New("--name is missing: the servers of a cluster need different ones")}
	}
	addresses := []string{flags.listen}
	options := natsserver.Options{Listen: flags.listen, Name: flags.name, Logger: p.serveLogger(flags.verbose)}
	if flags.cluster != "" {
		addresses = append(addresses, flags.cluster)
		options.Cluster, options.ClusterListen = "aether", flags.cluster
	}
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return &usageError{cmd, fmt.Errorf("%q is no address: write host:port", address)}
		}
		if err := server.CheckListen(address, ""); err != nil && !flags.insecure {
			return &usageError{cmd, fmt.Errorf("%s is not of this machine, and this server asks nobody who they are: say --insecure if the network is safe", address)}
		}
	}
	for _, route := range flags.routes {
		options.Routes = append(options.Routes, "nats://"+strings.TrimPrefix(route, "nats://"))
	}
	s, err := natsserver.Start(filepath.Join(p.dir, "nats"), &options)
	if err != nil {
		return err
	}
	options.Logger.Info("serving", "address", s.URL(), "data", p.dir)
	<-cmd.Context().Done()
	s.Shutdown()
	return nil
}
