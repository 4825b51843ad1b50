// Package rover is the reference for the whole way of a command in Aether: rovers
// that move on grids.
//
//	http.go, commands.go  a command comes in, over HTTP or a bus
//	grid/                 the decider: what happens because of it
//	mapping.go            what others may know of it
//	projection.go         the documents that queries read
//	queries.go            those, and the grid as of any version or time
//	pages.templ, static/  the pages
package rover

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/schema"
)

// Rover is the rover system. It is made by [New] and is safe for concurrent use.
type Rover struct {
	parts     node.Parts
	events    *schema.Registry[grid.Event]
	host      *actor.Host[*grid.Grid, grid.Command, grid.Event]
	history   *integration.LogHistory
	relay     *integration.Relay
	projector *projection.Projector // nil where the node answers no queries
	hub       *live.Hub
}

var _ server.System = (*Rover)(nil)

// Decider returns the behaviour of grids.
func Decider() actor.Decider[*grid.Grid, grid.Command, grid.Event] {
	return actor.Decider[*grid.Grid, grid.Command, grid.Event]{
		Kind:      grid.Kind,
		Events:    grid.Events(),
		Initial:   grid.Initial,
		Decide:    grid.Decide,
		Evolve:    grid.Evolve,
		Snapshots: actor.JSONSnapshots[*grid.Grid](1),
	}
}

// New returns the system.
func New(parts node.Parts) (*Rover, error) {
	s := &Rover{parts: parts, events: grid.Events()}
	s.host = actor.NewHost(parts.Store, Decider(), &actor.HostOptions{Logger: parts.Logger})
	m := mapping(s.events)
	s.relay = integration.NewRelay(parts.Store, parts.Namespace, m, parts.Bus, &integration.RelayOptions{Logger: parts.Logger})
	s.history = &integration.LogHistory{Mapping: m, Log: parts.Store, Namespace: parts.Namespace}
	if !parts.Roles.Has(node.Query) {
		return s, nil
	}
	var err error
	s.projector, err = projection.New(parts.DB, gridsProjection(s.events), s.history, parts.Bus, &projection.Options{
		Applied: s.publish, CaughtUp: s.refresh, Logger: parts.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, s.host.Close())
	}
	return s, nil
}

// Web describes the system to the pages.
func (s *Rover) Web() web.System { return System() }

// Register adds what the system answers, as far as the node has the roles for it.
func (s *Rover) Register(to *server.Server) {
	s.hub = to.Hub
	to.History(s.history)
	roles := s.parts.Roles
	if roles.Has(s.parts.RelayRole()) {
		to.Relay(s.relay)
	}
	if roles.Has(node.Web) {
		s.commandRoutes(to.API)
	}
	if roles.Has(node.Query) {
		to.Projector(Name, s.projector)
		to.Topic(grid.Kind, s.gridTopic)
		to.Topic("grids", s.listTopic)
		s.queryRoutes(to.API)
		if roles.Has(node.Web) {
			newPages(to.Site, s).register(to.Mux)
		}
	}
}

// Run publishes what happens, applies it, and decides commands, as far as these are the
// roles of the node, until ctx ends. What cannot be published, or applied, stops that part
// alone, which an operator sees; Run ends when a part does, and the store or the bus is
// closed.
func (s *Rover) Run(ctx context.Context) error {
	return s.parts.Run(ctx, Name,
		s.parts.RelayJob(s.relay),
		node.Job{Name: "the projection", Role: node.Query, Run: func(ctx context.Context) error { return s.projector.Run(ctx) }},
		s.parts.CommandJob(grid.Kind, s.answer),
	)
}

// Project brings the read model up to date once; the system must have no bus, and
// not run.
func (s *Rover) Project(ctx context.Context) (projection.Status, error) {
	err := s.projector.Run(ctx)
	return s.projector.Status(), err
}

// Rebuild makes the read model again, beside the one that is there, which is then
// dropped; for the rest it is Project.
func (s *Rover) Rebuild(ctx context.Context) (projection.Status, error) {
	s.projector.Rebuild()
	return s.Project(ctx)
}

// Status returns how far the read model is.
func (s *Rover) Status() projection.Status { return s.projector.Status() }

// Wait returns once the read model has what happened at a position, or ctx ends.
func (s *Rover) Wait(ctx context.Context, position aether.Position) error {
	return s.projector.Wait(ctx, position)
}

// Close waits for the commands under way.
func (s *Rover) Close() error { return s.host.Close() }

// publish tells the pages what has been applied.
func (s *Rover) publish(events []integration.Event) {
	if s.hub == nil {
		return
	}
	changes := make([]live.Change, 0, len(events)+4)
	last := make(map[string]uint64) // the position of the last event of each grid
	for _, e := range events {
		var m Moment
		if json.Unmarshal(e.Data, &m) != nil {
			continue // it was applied, so this cannot be
		}
		data, err := json.Marshal(ChangeDocument{m.Version, e.Position, e.Type[len(eventPrefix):], m.Event, e.Time})
		if err == nil {
			changes = append(changes, live.Change{Topic: e.Subject, Position: uint64(m.Version), Data: data})
		}
		last[m.Grid] = uint64(e.Position)
	}
	for _, id := range slices.SortedFunc(maps.Keys(last), func(a, b string) int { return cmp.Compare(last[a], last[b]) }) {
		if summary, found, err := summaries.Get(s.projector.Space(), id); err == nil && found {
			if data, err := json.Marshal(summary); err == nil {
				changes = append(changes, live.Change{Topic: "grids", Position: last[id], Data: data})
			}
		}
	}
	s.hub.Publish(changes...)
}

// refresh has the pages look again: something was applied that publish was not told.
func (s *Rover) refresh() {
	if s.hub != nil {
		s.hub.Refresh(func(topic string) bool { return topic == "grids" || aether.Kind(topic) == grid.Kind })
	}
}

func (s *Rover) gridTopic(ctx context.Context, id string) (live.Document, error) {
	d, err := s.Grid(ctx, id, 0, 0)
	if errors.Is(err, errNoGrid) {
		return live.Document{}, live.ErrNoTopic
	}
	return document(uint64(d.Version), d, err)
}

func (s *Rover) listTopic(context.Context, string) (live.Document, error) {
	if err := s.projector.Ready(); err != nil {
		return live.Document{}, err
	}
	view, err := s.projector.Space().View()
	if err != nil {
		return live.Document{}, err
	}
	defer view.Close()
	cursor, err := projection.CursorOf(view)
	if err != nil {
		return live.Document{}, err
	}
	page, err := list(view, "", 0)
	return document(uint64(cursor.Position), page, err)
}

func document(position uint64, d any, err error) (live.Document, error) {
	if err != nil {
		return live.Document{}, err
	}
	data, err := json.Marshal(d)
	return live.Document{Position: position, Data: data}, err
}
