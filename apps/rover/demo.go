package rover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
)

// Demo makes some grids with rovers, and moves them, by commands over the bus.
type Demo struct {
	commands  integration.Commands
	namespace string
}

// NewDemo returns a demo that sends its commands over a bus, for the grids of a
// namespace.
func NewDemo(commands integration.Commands, namespace string) *Demo {
	return &Demo{commands, namespace}
}

// demoGrid is a grid of the demo, with rovers that know their way or none.
type demoGrid struct {
	id        string
	create    grid.Create
	rovers    []grid.Land
	movesEach time.Duration
}

func demoGrids() []demoGrid {
	at := func(x, y int) grid.Point { return grid.Point{X: x, Y: y} }
	var rocks []grid.Point
	random := rand.New(rand.NewPCG(20, 26)) // the same rocks each time
	for range 36 {
		rocks = append(rocks, at(2+random.IntN(20), 2+random.IntN(12)))
	}
	return []demoGrid{
		{"mars", grid.Create{Width: 24, Height: 16, Obstacles: rocks}, []grid.Land{
			{Rover: "spirit", Point: at(0, 0), Heading: grid.East},
			{Rover: "opportunity", Point: at(23, 0), Heading: grid.North},
			{Rover: "curiosity", Point: at(0, 15), Heading: grid.South},
			{Rover: "perseverance", Point: at(23, 15), Heading: grid.West},
		}, 900 * time.Millisecond},
		{"moon", grid.Create{Width: 12, Height: 8, Obstacles: []grid.Point{at(5, 3), at(6, 3), at(5, 4), at(6, 4)}}, []grid.Land{
			{Rover: "yutu", Point: at(1, 1), Heading: grid.North},
			{Rover: "pragyan", Point: at(10, 6), Heading: grid.South},
		}, 1300 * time.Millisecond},
	}
}

// Run moves the rovers until ctx ends. What is there already, from an earlier run, it
// goes on with.
func (d *Demo) Run(ctx context.Context) error {
	var all []demoGrid
	for _, g := range demoGrids() {
		if err := d.send(ctx, g.id, CreateGrid, g.create); err != nil {
			return err
		}
		for _, land := range g.rovers {
			if err := d.send(ctx, g.id, LandRover, land); err != nil {
				return err
			}
		}
		all = append(all, g)
	}
	ended := make(chan error, len(all))
	for _, g := range all {
		go func() { ended <- d.move(ctx, g) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-ended)
	}
	return err
}

// move has a rover of a grid drive, and now and then turn, again and again.
func (d *Demo) move(ctx context.Context, g demoGrid) error {
	ticker := time.NewTicker(g.movesEach)
	defer ticker.Stop()
	drives := []string{"F", "FF", "FFF", "RF", "LF", "FLF", "FRFF", "BR", "BBL"}
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		rover := g.rovers[rand.IntN(len(g.rovers))].Rover
		if err := d.send(ctx, g.id, MoveRover, grid.Move{Rover: rover, Moves: drives[rand.IntN(len(drives))]}); err != nil {
			return err
		}
	}
}

// send sends a command; that the thing is there already is no failure.
func (d *Demo) send(ctx context.Context, id, kind string, command any) error {
	data, err := json.Marshal(command)
	if err != nil {
		return err
	}
	request := integration.Request{Namespace: d.namespace, Kind: grid.Kind, ID: aether.NewID(), Type: kind, Subject: actorID(id), Data: data}
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		_, err = d.commands.Send(ctx, request)
		if err == nil || errors.Is(err, aether.ErrRefused) {
			return nil
		}
		if errors.Is(err, aether.ErrInvalid) || errors.Is(err, aether.ErrClosed) {
			return fmt.Errorf("demo: %s: %w", kind, err)
		}
		select { // the system is not there yet, or busy
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
