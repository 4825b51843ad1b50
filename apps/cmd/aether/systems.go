package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
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

// openSystems returns all systems on the parts of a node. Whoever runs them closes them.
func openSystems(parts node.Parts, tickets ticketsystem.Config) ([]system, error) {
	rover, err := roversystem.New(parts)
	if err != nil {
		return nil, err
	}
	sale, err := ticketsystem.New(parts, tickets)
	if err != nil {
		return nil, errors.Join(err, rover.Close())
	}
	return []system{rover, sale}, nil
}

func closeSystems(all []system) error {
	var err error
	for _, s := range all {
		err = errors.Join(err, s.Close())
	}
	return err
}

// owners returns which system of this program the actors of a kind belong to.
func owners() map[string]string {
	all := map[string]string{grid.Kind: roversystem.Name}
	for _, kind := range ticketsystem.Kinds() {
		all[kind] = ticketsystem.Name
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
