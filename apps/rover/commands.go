package rover

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
)

// Create makes a grid; an empty ID stands for a new one. A node that decides commands
// does it, see [Rover.Send].
func (s *Rover) Create(ctx context.Context, id string, c grid.Create, options *actor.DoOptions) (CommandDocument, error) {
	return s.Send(ctx, newID(id, options), c, options)
}

// newID is the ID of a grid that is to be created.
func newID(id string, options *actor.DoOptions) string {
	switch {
	case id != "":
		return id
	case options != nil && options.CommandID != "":
		return derivedID(options.CommandID) // so that a repetition means the same grid
	}
	return aether.NewID()
}

// derivedID makes a grid's ID from that of the command that creates it, which may be
// anything, and is nobody's business who sees the grid: a UUID of version 8.
func derivedID(commandID string) string {
	sum := sha256.Sum256([]byte("grid of " + commandID))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// Send has a node that decides commands carry one out on a grid: this one or another.
func (s *Rover) Send(ctx context.Context, id string, command grid.Command, options *actor.DoOptions) (CommandDocument, error) {
	data, err := json.Marshal(command)
	if err != nil {
		return CommandDocument{}, err
	}
	request := integration.Request{
		Namespace: s.parts.Namespace, Kind: grid.Kind, Subject: actorID(id), Type: commandType(command), Data: data,
	}
	if options != nil {
		request.ID, request.At, request.Metadata = options.CommandID, options.At, options.Metadata
	}
	reply, err := s.parts.Commands.Send(ctx, request)
	var d CommandDocument
	if err == nil {
		err = json.Unmarshal(reply.Data, &d)
	}
	return d, err
}

// Do carries out a command on a grid, here. A command with the ID of another one that was
// carried out on the grid is an [aether.ErrDuplicateEvent].
func (s *Rover) Do(ctx context.Context, id string, command grid.Command, options *actor.DoOptions) (CommandDocument, error) {
	if !grid.ValidName(id) {
		if _, creates := command.(grid.Create); creates {
			return CommandDocument{}, &aether.InvalidError{Index: -1, Field: "id", Reason: "is not a name: one " + grid.NameRule}
		}
		return CommandDocument{}, errNoGrid // there cannot be one
	}
	result, err := s.host.Do(ctx, actorID(id), command, options)
	if err != nil {
		return CommandDocument{}, err
	}
	if result.Repeated && !grid.Led(command, result.Events) {
		first := result.Version - aether.Version(len(result.Events)) + 1
		return CommandDocument{}, &aether.DuplicateError{ActorID: actorID(id), EventID: actor.EventID(result.CommandID, 0), Tried: first, Version: first}
	}
	d := CommandDocument{Grid: id, Version: result.Version, Position: result.Position, Repeated: result.Repeated, Events: []ResultDocument{}}
	for _, e := range result.Events {
		saved, err := s.events.Encode(e)
		if err != nil {
			return d, err
		}
		d.Events = append(d.Events, ResultDocument{saved.Type, saved.Data})
	}
	return d, nil
}

// The commands that come over a bus have these types; their data is as in package
// grid, and their subject the actor of the grid. To create one it may be empty.
const (
	CreateGrid = "create-grid"
	LandRover  = "land-rover"
	MoveRover  = "move-rover"
)

func commandType(c grid.Command) string {
	switch c.(type) {
	case grid.Create:
		return CreateGrid
	case grid.Land:
		return LandRover
	}
	return MoveRover
}

// answer carries out a command that came over the bus.
func (s *Rover) answer(ctx context.Context, r integration.Request) (integration.Reply, error) {
	id, ok := strings.CutPrefix(r.Subject, grid.Kind+"/")
	if !ok && (r.Subject != "" || r.Type != CreateGrid) {
		return integration.Reply{}, invalid("subject", fmt.Sprintf("is %q, and not a grid", r.Subject))
	}
	options := &actor.DoOptions{CommandID: r.ID, At: r.At, Metadata: r.Metadata}
	var d CommandDocument
	var err error
	switch r.Type {
	case CreateGrid:
		var c grid.Create
		if err = decodeCommand(r.Data, &c); err == nil {
			d, err = s.Do(ctx, newID(id, options), c, options)
		}
	case LandRover:
		var c grid.Land
		if err = decodeCommand(r.Data, &c); err == nil {
			d, err = s.Do(ctx, id, c, options)
		}
	case MoveRover:
		var c grid.Move
		if err = decodeCommand(r.Data, &c); err == nil {
			d, err = s.Do(ctx, id, c, options)
		}
	default:
		err = invalid("type", fmt.Sprintf("is %q, and none of %s, %s and %s", r.Type, CreateGrid, LandRover, MoveRover))
	}
	if err != nil {
		return integration.Reply{}, err
	}
	data, err := json.Marshal(d)
	return integration.Reply{Data: data}, err
}

func decodeCommand(data json.RawMessage, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return invalid("data", "cannot be read: "+err.Error())
	}
	return nil
}

func invalid(field, reason string) error {
	return &aether.InvalidError{Index: -1, Field: field, Reason: reason}
}
