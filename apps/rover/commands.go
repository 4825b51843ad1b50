package rover

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
)

// The commands that come over a bus have these types; their data is as in package
// grid, and their subject the actor of the grid.
const (
	CreateGrid = "create-grid"
	LandRover  = "land-rover"
	MoveRover  = "move-rover"
)

// answer carries out a command that came over the bus.
func (s *Rover) answer(ctx context.Context, r integration.Request) (integration.Reply, error) {
	var command grid.Command
	var err error
	switch r.Type {
	case CreateGrid:
		command, err = decodeCommand[grid.Create](r.Data)
	case LandRover:
		command, err = decodeCommand[grid.Land](r.Data)
	case MoveRover:
		command, err = decodeCommand[grid.Move](r.Data)
	default:
		err = fmt.Errorf("%q is none of %s, %s and %s", r.Type, CreateGrid, LandRover, MoveRover)
	}
	if err != nil {
		return integration.Reply{}, &aether.InvalidError{Index: -1, Field: "command", Reason: err.Error()}
	}
	d, err := s.Do(ctx, gridID(r.Subject), command, &actor.DoOptions{CommandID: r.ID, Metadata: r.Metadata})
	if err != nil {
		return integration.Reply{}, err
	}
	data, err := json.Marshal(d)
	return integration.Reply{Data: data}, err
}

func decodeCommand[C grid.Command](data json.RawMessage) (grid.Command, error) {
	var c C
	err := json.Unmarshal(data, &c)
	return c, err
}
