package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	chargingsystem "github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	roversystem "github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	ticketsystem "github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/projection"
)

// system is one of this program.
type system interface {
	server.System

	// Rebuild makes its read model again; the system has no bus then, and does not run.
	Rebuild(ctx context.Context) (projection.Status, error)
	Status() projection.Status
}

// systems are those of this program, on one node.
type systems struct {
	rover    *roversystem.Rover
	tickets  *ticketsystem.Tickets
	charging *chargingsystem.Charging
}

// systemConfigs are what they are told.
type systemConfigs struct {
	tickets  ticketsystem.Config
	charging chargingsystem.Config
}

// openSystems returns all systems on the parts of a node. Whoever runs them closes them.
func openSystems(parts node.Parts, config systemConfigs) (s systems, err error) {
	if s.rover, err = roversystem.New(parts); err != nil {
		return s, err
	}
	if s.tickets, err = ticketsystem.New(parts, config.tickets); err != nil {
		return s, errors.Join(err, s.rover.Close())
	}
	if s.charging, err = chargingsystem.New(parts, config.charging); err != nil {
		return s, errors.Join(err, s.rover.Close(), s.tickets.Close())
	}
	return s, nil
}

// all returns them in the order in which people see them.
func (s *systems) all() []system { return []system{s.rover, s.tickets, s.charging} }

func (s *systems) close() error {
	var err error
	for _, system := range s.all() {
		err = errors.Join(err, system.Close())
	}
	return err
}

// owners returns which system of this program the actors of a kind belong to.
func owners() map[string]string {
	all := map[string]string{grid.Kind: roversystem.Name}
	for _, kind := range ticketsystem.Kinds() {
		all[kind] = ticketsystem.Name
	}
	for _, kind := range chargingsystem.Kinds() {
		all[kind] = chargingsystem.Name
	}
	return all
}

// prepareAppend refuses events of actors that belong to a system: it makes them itself,
// because of commands, and an actor with one that it cannot read, or that makes no sense,
// is of no use any more.
func prepareAppend(lines []jsonl.Line, events []aether.Event) ([]aether.Event, error) {
	for i := range events {
		kind := aether.Kind(events[i].ActorID)
		if system, ok := owners()[kind]; ok {
			return nil, &jsonl.LineError{Line: lines[i].Number, Field: "actorId", Reason: fmt.Sprintf(
				"is of the kind %q, whose events the %s system makes: send it a command (see /api of aether serve), or append with --force what it can read", kind, system)}
		}
	}
	return events, nil
}
