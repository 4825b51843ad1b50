package main

import (
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
)

// owners returns which system of this program the actors of a kind belong to.
func owners() map[string]string {
	return map[string]string{grid.Kind: rover.Name}
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
