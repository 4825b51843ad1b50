// Package natsserver runs a NATS server with JetStream inside the process, set up for
// Aether: every write is synced before it is acknowledged, and the largest events fit.
// It is what `aether nats` and the tests of package natsstore run. Production may run
// any NATS server from version 2.12 on; docs/durability.md tells what to set.
package natsserver

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Options are the settings of a server. The zero value, with a folder, is a server that
// is alone and listens on 127.0.0.1:4222.
type Options struct {
	// Listen is where clients connect: "127.0.0.1:4222" when empty. Port 0 takes any
	// that is free.
	Listen string

	// Name is the server's, unique in its cluster: "aether" when empty.
	Name string

	// Cluster is the name of the cluster that the server is part of, empty when it is
	// alone. Then ClusterListen is where the others connect, and Routes are theirs:
	// "nats://127.0.0.1:6223".
	Cluster       string
	ClusterListen string
	Routes        []string

	// LazySync has the server sync every two minutes, as NATS does by default. It is
	// fast, and a loss of power takes what was acknowledged since.
	LazySync bool

	// MaxPayload is how large messages may be, in bytes: 8 MiB when zero.
	MaxPayload int32

	// Username and Password that clients must give; everybody may connect when empty.
	Username string
	Password string

	// Logger gets what the server has to say. Nothing is said when it is nil.
	Logger *slog.Logger
}

// DefaultMaxPayload takes every event that Aether does.
const DefaultMaxPayload = 8 << 20

// startTime is how long a server may take until it accepts connections.
const startTime = 30 * time.Second

// Server is a running server.
type Server struct{ server *server.Server }

// Start runs a server with its data in a folder, until Shutdown. In a cluster it returns
// when clients can connect, which may be before the cluster has a leader.
func Start(dir string, options *Options) (*Server, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if dir == "" {
		return nil, errors.New("natsserver: no folder for the data")
	}
	host, port, err := splitListen(cmp.Or(o.Listen, "127.0.0.1:4222"))
	if err != nil {
		return nil, err
	}
	settings := &server.Options{
		ServerName: cmp.Or(o.Name, "aether"),
		Host:       host,
		Port:       port,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: !o.LazySync,
		MaxPayload: cmp.Or(o.MaxPayload, DefaultMaxPayload),
		Username:   o.Username,
		Password:   o.Password,
		NoSigs:     true,
		NoLog:      o.Logger == nil,
		// A batch of many large events waits for the disk.
		MaxPending:    128 << 20,
		WriteDeadline: 10 * time.Second,
	}
	if o.Cluster != "" {
		settings.Cluster.Name = o.Cluster
		if settings.Cluster.Host, settings.Cluster.Port, err = splitListen(cmp.Or(o.ClusterListen, "127.0.0.1:6222")); err != nil {
			return nil, err
		}
		for _, route := range o.Routes {
			u, err := url.Parse(route)
			if err != nil {
				return nil, fmt.Errorf("natsserver: route %q: %w", route, err)
			}
			settings.Routes = append(settings.Routes, u)
		}
	}
	s, err := server.NewServer(settings)
	if err != nil {
		return nil, fmt.Errorf("natsserver: %w", err)
	}
	if o.Logger != nil {
		s.SetLoggerV2(logger{o.Logger}, false, false, false)
	}
	s.Start()
	if !s.ReadyForConnections(startTime) {
		s.Shutdown()
		return nil, fmt.Errorf("natsserver: the server accepts no connections; is %s free, and %s its own?", net.JoinHostPort(host, strconv.Itoa(port)), dir)
	}
	return &Server{s}, nil
}

func splitListen(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("natsserver: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", 0, fmt.Errorf("natsserver: port %q: %w", text, err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// URL is what clients connect to.
func (s *Server) URL() string { return s.server.ClientURL() }

// RouteURL is what the other servers of the cluster connect to, "" for one that is alone.
func (s *Server) RouteURL() string {
	if address := s.server.ClusterAddr(); address != nil {
		return "nats://" + address.String()
	}
	return ""
}

// Name is the server's name.
func (s *Server) Name() string { return s.server.Name() }

// Leads says whether the server leads a stream, of the account without a name.
func (s *Server) Leads(stream string) bool {
	return s.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream)
}

// Ready says whether JetStream can be used: in a cluster, whether that has a leader that
// this server knows.
func (s *Server) Ready() bool {
	return s.server.JetStreamEnabled() && (!s.server.JetStreamIsClustered() || s.server.JetStreamIsLeader() || s.server.JetStreamIsCurrent())
}

// Shutdown ends the server, and returns when it has ended.
func (s *Server) Shutdown() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// logger hands what the server says on.
type logger struct{ to *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.to.Info(fmt.Sprintf(format, v...)) }
func (l logger) Warnf(format string, v ...any)   { l.to.Warn(fmt.Sprintf(format, v...)) }
func (l logger) Fatalf(format string, v ...any)  { l.to.Error(fmt.Sprintf(format, v...)) }
func (l logger) Errorf(format string, v ...any)  { l.to.Error(fmt.Sprintf(format, v...)) }
func (l logger) Debugf(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }
func (l logger) Tracef(format string, v ...any)  { l.to.Debug(fmt.Sprintf(format, v...)) }
