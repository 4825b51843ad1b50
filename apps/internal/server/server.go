// Package server is what `aether serve` runs: the systems in one process, their API,
// pages and live updates on one address, and what operators need beside them.
package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a server stands on.
type Config struct {
	Store     aether.EventStore
	Namespace string
	Version   string // of the program
	Logger    *slog.Logger

	// Roles are those of the node; all of them when nil. One without queries over HTTP
	// has no pages.
	Roles node.Roles

	// Token, when it is not empty, must come with every request but those for what the
	// systems have opened; see [Server.Open] and [Server.guard].
	// Without one, requests for other hosts than this machine are refused.
	Token string

	// Background runs beside the systems, until ctx ends, and needs no more than them.
	Background []func(ctx context.Context) error

	// Grace is how long requests are still taken when the server is to stop, while
	// /readyz says already that none should come: so long it takes whoever sends them
	// here to ask. Zero is no time.
	Grace time.Duration

	// Drain is how long requests under way may then take; 10 seconds by default.
	Drain time.Duration

	// BodyTimeout is how long the body of a request may take to come; 30 seconds by
	// default.
	BodyTimeout time.Duration
}

// System is one of the systems that a server runs.
type System interface {
	// Web describes it to the pages.
	Web() web.System

	// Register adds what the system answers.
	Register(s *Server)

	// Run runs what goes on in the background, until ctx ends. If it returns before,
	// the server stops.
	Run(ctx context.Context) error

	// Close ends the system after the last request: it waits for commands under way.
	Close() error
}

// Server is made by [New].
type Server struct {
	Config
	Mux  *Mux
	API  huma.API
	Hub  *live.Hub
	Site *web.Site

	systems    []System
	topics     map[string]TopicFunc
	public     public // see Open
	projectors []projector
	relays     []relay
	histories  []integration.History
	registry   *prometheus.Registry
	metrics    *metrics
	stopping   atomic.Bool
	readDB     func() error // see WatchReadDB; nil where there is none
}

// TopicFunc reads the document of a live topic; key is what follows on the kind.
type TopicFunc func(ctx context.Context, key string) (live.Document, error)

// New returns a server of some systems. Whoever has made them closes them if it fails.
func New(config Config, systems ...System) (*Server, error) {
	s := &Server{Config: config, Mux: &Mux{}, systems: systems, topics: make(map[string]TopicFunc)}
	s.public = public{routes: make(map[string]bool), topics: make(map[string]bool)}
	s.Logger = cmp.Or(s.Logger, slog.Default())
	if s.Roles == nil {
		s.Roles = node.AllRoles()
	}
	s.Drain = cmp.Or(s.Drain, 10*time.Second)
	s.BodyTimeout = cmp.Or(s.BodyTimeout, 30*time.Second)
	s.API = api.New(s.Mux, s.Version, s.Logger)
	s.Hub = live.New(s.document, &live.Options{Current: s.current, Access: s.access, Logger: s.Logger})
	s.registry = prometheus.NewRegistry()
	s.metrics = newMetrics(s)
	site := web.Options{Status: s.status, OpenAPI: s.API.OpenAPI, Logger: s.Logger}
	for _, system := range systems {
		site.Systems = append(site.Systems, system.Web())
	}
	var err error
	if s.Site, err = web.New(&site); err != nil {
		return nil, errors.Join(err, s.Hub.Close())
	}
	for _, system := range systems {
		system.Register(s)
	}
	s.operations()
	if s.Roles.Has(node.Query) {
		s.Mux.Handle("GET /live", s.Hub)
		if len(s.public.topics) > 0 {
			s.Open(Public{Routes: []string{"GET /live"}})
		}
	}
	if s.Roles.Has(node.Query) && s.Roles.Has(node.Web) {
		s.Site.Register(s.Mux)
		s.Open(Public{Routes: []string{"GET /static/{hash}/{path...}"}})
	} else {
		s.Mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
			api.Write(w, r, api.NewProblem(http.StatusNotFound, fmt.Sprintf("This node has the roles %v, and nothing at this path; pages are where query and web are.", s.Roles)))
		})
	}
	if err := s.checkPublic(); err != nil {
		return nil, errors.Join(err, s.Hub.Close())
	}
	return s, nil
}

// Topic has documents of live topics "kind" or "kind/key" read by a function.
func (s *Server) Topic(kind string, document TopicFunc) { s.topics[kind] = document }

// Projector lets operators see and steer a projector, which its system runs.
func (s *Server) Projector(system string, p *projection.Projector) {
	s.projectors = append(s.projectors, projector{Projector: p, system: system, lag: &lagMeter{}})
}

// Relay lets operators see and steer a relay, which its system runs.
func (s *Server) Relay(r *integration.Relay) {
	s.relays = append(s.relays, relay{r, &lagMeter{}})
}

// History lets other services read a stream of integration events.
func (s *Server) History(h integration.History) { s.histories = append(s.histories, h) }

// projector is one of a system.
type projector struct {
	*projection.Projector
	system string
	lag    *lagMeter
}

// relay is one of a system.
type relay struct {
	*integration.Relay
	lag *lagMeter
}

func (s *Server) document(ctx context.Context, topic string) (live.Document, error) {
	kind, key, _ := strings.Cut(topic, "/")
	if read := s.topics[kind]; read != nil {
		return read(ctx, key)
	}
	return live.Document{}, live.ErrNoTopic
}

// current waits until the read models have everything that has happened by now.
func (s *Server) current(ctx context.Context, _ string) error {
	position, err := s.Store.GetLatestPosition(ctx)
	for _, p := range s.projectors {
		if err == nil {
			err = p.Wait(ctx, position)
		}
	}
	return err
}

// Run serves on a listener until ctx ends, or a system fails. Then it takes no more
// requests, after a grace, lets those under way end, and stops the systems.
func (s *Server) Run(ctx context.Context, listener net.Listener, certificates *tls.Config) error {
	background, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var running sync.WaitGroup
	run := func(name string, part func(ctx context.Context) error) {
		running.Go(func() {
			err := part(background)
			if background.Err() != nil {
				return
			}
			if err == nil {
				err = errors.New("it has ended")
			}
			stop(fmt.Errorf("%s: %w", name, err))
		})
	}
	for _, system := range s.systems {
		run(system.Web().Name, system.Run)
	}
	for _, part := range s.Background {
		run("in the background", part)
	}
	web := &http.Server{
		Handler:           s.handler(listener.Addr()),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelDebug),
		TLSConfig:         certificates,
	}
	served := make(chan error, 1)
	go func() {
		if certificates != nil {
			served <- web.ServeTLS(listener, "", "")
			return
		}
		served <- web.Serve(listener)
	}()
	var err error
	select {
	case <-ctx.Done():
		s.Logger.Info("stopping", "reason", context.Cause(ctx))
		s.stopping.Store(true)
		grace := time.NewTimer(s.Grace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-background.Done():
		case err = <-served:
		}
	case <-background.Done():
		err = context.Cause(background)
	case err = <-served:
	}
	s.stopping.Store(true)

	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Drain)
	defer cancel()
	if shutdown := web.Shutdown(drain); shutdown != nil {
		s.Logger.Warn("requests were cut off", "error", shutdown)
		_ = web.Close()
	}
	if closed := s.Hub.Close(); closed != nil {
		err = errors.Join(err, closed)
	}
	// Nodes still send commands here until the systems say that they take no more.
	stop(nil)
	running.Wait()
	for _, system := range s.systems {
		err = errors.Join(err, system.Close())
	}
	return err
}
