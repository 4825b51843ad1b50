// Package charging is a Charging Station Management System: stations connect to it with
// OCPP 1.6, and it knows at any time what they do, what they were asked, and what became
// of that.
//
//	ocpp/, ocpp/v16/       the protocol
//	station/, session/     the domains: a station, a charging transaction
//	registry/              and what operators keep: id tags, tariffs, credentials, the inbox
//	central.go, facts.go   a station connects, and what it reports becomes facts
//	authorise.go           what an id tag may do; deciders.go: the actors
//	presence.go            who is there, and who has been silent for too long
//	remote.go, compose.go  what a station is asked, at most once
//	books.go               what a station reports of a transaction comes to its session
//	deadlines.go           what is due later
//	commands.go, http*.go  a command comes in, over HTTP or a bus; registration.go, ask.go: some of them
//	mapping.go             what others may know of all that
//	projection*.go         the read model, which records.go has the form of
//	queries.go             what is asked of it, and documents.go what is answered
//	topics.go, wire.go     what pages are told of at once
//	pages*.go, *.templ     the pages
package charging

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/deadline"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
)

// Config is what the system stands on beside the parts of every system.
type Config struct {
	// SoleWriter promises that this process alone writes to the actors of the system.
	SoleWriter bool

	// AcceptUnknown lets stations in that nobody has registered: they are registered when
	// they knock, with the security profile 0. Otherwise they are refused, and are in the
	// inbox.
	AcceptUnknown bool

	// AcceptPerMinute is how many of them are registered in a minute, 0 for any number;
	// others are to come again.
	AcceptPerMinute int

	// Heartbeat is the interval that stations are told, 5 minutes by default; Silence how
	// long after its last sign of life a station counts as offline, 12 minutes by default;
	// Grace how long after a start stations have to come back, 2 minutes by default.
	Heartbeat time.Duration
	Silence   time.Duration
	Grace     time.Duration

	// CallTimeout is how long a station has for its answer, 30 seconds by default.
	CallTimeout time.Duration

	// TLSInFront: a proxy in front of the server ends TLS.
	TLSInFront bool

	// Clock is that of the machine when nil.
	Clock aether.Clock
}

// Charging is the charging system. It is made by [New] and is safe for concurrent use.
//
// Stations are connected to one node, which also decides about them, asks them and watches
// them: who has the lease "stations". The others answer a station's handshake with 503.
type Charging struct {
	parts  node.Parts
	config Config
	clock  aether.Clock
	logger *slog.Logger

	events   registries
	stations *actor.Host[*station.Station, station.Message, station.Event]
	sessions *actor.Host[*session.Session, session.Command, session.Event]
	tags     *actor.Host[*registry.Tag, registry.IDTagCommand, registry.IDTagEvent]
	tariffs  *actor.Host[*registry.Zoned, registry.TariffCommand, registry.TariffEvent]
	records  *actor.Host[*registry.Record, registry.RecordCommand, registry.RecordEvent]
	inbox    *actor.Host[registry.Inbox, registry.InboxCommand, registry.InboxEvent]

	history   *integration.LogHistory
	relay     *integration.Relay
	projector *projection.Projector // nil where the node answers no queries
	deadlines *deadline.Scheduler
	effects   *effect.Runner
	hub       *live.Hub
	presence  *presence
	wires     *wires
	secrets   secrets
	starts    starts
	asked     sync.Map // askedCall by ocpp.Request

	background sync.WaitGroup // of what connections have started, which serveStations waits for

	recording sync.Mutex // while what a station must show is decided about

	mu      sync.Mutex
	central *ocpp.Server // nil while this node has no stations
}

var _ server.System = (*Charging)(nil)

// New returns the system.
func New(parts node.Parts, config Config) (*Charging, error) {
	config.Heartbeat = cmp.Or(config.Heartbeat, 5*time.Minute)
	config.Silence = cmp.Or(config.Silence, 12*time.Minute)
	config.Grace = cmp.Or(config.Grace, 2*time.Minute)
	config.CallTimeout = cmp.Or(config.CallTimeout, 30*time.Second)
	c := &Charging{parts: parts, config: config, clock: config.Clock, logger: cmp.Or(parts.Logger, slog.Default()), events: newRegistries(), wires: newWires(wireBudget)}
	if c.clock == nil {
		c.clock = aether.MachineClock{}
	}
	c.presence = &presence{}
	options := func(cached int) *actor.HostOptions {
		return &actor.HostOptions{SoleWriter: config.SoleWriter, CacheActors: cached, Logger: c.logger}
	}
	c.stations = actor.NewHost(parts.Store, stationDecider(), options(50_000))
	c.sessions = actor.NewHost(parts.Store, sessionDecider(), options(20_000))
	c.tags = actor.NewHost(parts.Store, tagDecider(), options(50_000))
	c.tariffs = actor.NewHost(parts.Store, tariffDecider(), options(0))
	c.records = actor.NewHost(parts.Store, recordDecider(), options(50_000))
	c.inbox = actor.NewHost(parts.Store, inboxDecider(), options(0))

	m := c.events.mapping()
	c.relay = integration.NewRelay(parts.Store, parts.Namespace, m, parts.Bus, &integration.RelayOptions{Logger: c.logger})
	c.history = &integration.LogHistory{Mapping: m, Log: parts.Store, Namespace: parts.Namespace}
	c.deadlines = deadline.New(parts.Store, c.dueRule(), &deadline.Options{Clock: c.clock, Logger: c.logger})
	c.effects = effect.New(parts.Store, append(c.bookEffects(), c.remoteEffect()), &effect.Options{SoleRunner: config.SoleWriter, Clock: c.clock, Logger: c.logger})
	if !parts.Roles.Has(node.Query) {
		return c, nil
	}
	var err error
	c.projector, err = projection.New(parts.DB, c.events.projection(), c.history, parts.Bus, &projection.Options{
		Applied: c.publish, CaughtUp: c.refresh, Logger: c.logger,
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// now is the time that commands are carried out at, as exact as events keep it.
func (c *Charging) now() time.Time { return c.clock.Now().UTC().Truncate(time.Microsecond) }

// Web describes the system to the pages.
func (c *Charging) Web() web.System { return System() }

// Path is where stations connect, before their identity.
const Path = "/ocpp/"

// Register adds what the system answers, as far as the node has the roles for it.
func (c *Charging) Register(to *server.Server) {
	c.hub = to.Hub
	to.History(c.history)
	roles := c.parts.Roles
	if roles.Has(c.parts.RelayRole()) {
		to.Relay(c.relay)
	}
	if roles.Has(stationsRole) {
		to.Mux.HandleFunc("GET "+Path+"{identity}", c.ServeStation)
		to.Open(server.Public{Routes: []string{"GET " + Path + "{identity}"}})
	}
	if roles.Has(stationsRole) && roles.Has(node.Web) {
		c.wireRoute(to.API)
	}
	if roles.Has(node.Web) {
		c.stationRoutes(to.API)
		c.commandRoutes(to.API)
		c.registryRoutes(to.API)
	}
	if roles.Has(node.Query) {
		to.Projector(Name, c.projector)
		c.registerTopics(to)
		c.queryRoutes(to.API)
		if roles.Has(node.Web) {
			newPages(to.Site, c).register(to.Mux)
		}
	}
}

// stationsRole is the role of the nodes that stations may connect to.
const stationsRole = node.Effects

// Run publishes what happens, applies it, and serves stations, as far as these are the
// roles of the node, until ctx ends. Run ends when a part does, and the store or the bus
// is closed.
func (c *Charging) Run(ctx context.Context) error {
	return c.parts.Run(ctx, Name,
		c.parts.RelayJob(c.relay),
		node.Job{Name: "the projection", Role: node.Query, Run: func(ctx context.Context) error { return c.projector.Run(ctx) }},
		node.Job{Name: "the stations", Role: stationsRole, Lease: "stations/" + Name, Run: c.serveStations},
	)
}

// Project brings the read model up to date once; the system must have no bus, and
// not run.
func (c *Charging) Project(ctx context.Context) (projection.Status, error) {
	err := c.projector.Run(ctx)
	return c.projector.Status(), err
}

// Rebuild makes the read model again, beside the one that is there, which is then
// dropped; for the rest it is Project.
func (c *Charging) Rebuild(ctx context.Context) (projection.Status, error) {
	c.projector.Rebuild()
	return c.Project(ctx)
}

// Status returns how far the read model is.
func (c *Charging) Status() projection.Status { return c.projector.Status() }

// Wait returns once the read model has what happened at a position, or ctx ends.
func (c *Charging) Wait(ctx context.Context, position aether.Position) error {
	return c.projector.Wait(ctx, position)
}

// Close waits for the commands under way.
func (c *Charging) Close() error {
	return errors.Join(c.stations.Close(), c.sessions.Close(), c.tags.Close(), c.tariffs.Close(), c.records.Close(), c.inbox.Close())
}
