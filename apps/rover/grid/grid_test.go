package grid_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/schema/schematest"
)

func decider() actor.Decider[*grid.Grid, grid.Command, grid.Event] {
	return actor.Decider[*grid.Grid, grid.Command, grid.Event]{
		Kind: grid.Kind, Events: grid.Events(), Initial: grid.Initial, Decide: grid.Decide, Evolve: grid.Evolve,
		Snapshots: actor.JSONSnapshots[*grid.Grid](1),
	}
}

func at(x, y int) grid.Point { return grid.Point{X: x, Y: y} }

// mars is 5 by 4 fields with a rock at 2,2, and two rovers.
func mars() []grid.Event {
	return []grid.Event{
		grid.GridCreated{Width: 5, Height: 4, Obstacles: []grid.Point{at(2, 2)}},
		grid.RoverLanded{Rover: "ann", Point: at(0, 0), Heading: grid.North},
		grid.RoverLanded{Rover: "bob", Point: at(2, 0), Heading: grid.West},
	}
}

func TestCreate(t *testing.T) {
	aethertest.Given(t, decider()).
		When(grid.Create{Width: 3, Height: 2, Obstacles: []grid.Point{at(2, 1), at(0, 1), at(1, 0), at(0, 1)}}).
		Then(grid.GridCreated{Width: 3, Height: 2, Obstacles: []grid.Point{at(1, 0), at(0, 1), at(2, 1)}}).
		When(grid.Create{Width: 3, Height: 2}).ThenRefused(grid.GridExists)
	for _, size := range [][2]int{{0, 1}, {1, 0}, {-1, 5}, {grid.MaxSide + 1, 1}, {1, grid.MaxSide + 1}} {
		aethertest.Given(t, decider()).When(grid.Create{Width: size[0], Height: size[1]}).ThenRefused(grid.BadSize)
	}
	aethertest.Given(t, decider()).
		When(grid.Create{Width: grid.MaxSide, Height: 1, Obstacles: []grid.Point{at(grid.MaxSide, 0)}}).ThenRefused(grid.BadObstacle).
		When(grid.Create{Width: 2, Height: 2, Obstacles: make([]grid.Point, grid.MaxObstacles+1)}).ThenRefused(grid.BadObstacle)
}

func TestLand(t *testing.T) {
	on := aethertest.Given(t, decider(), mars()...)
	on.When(grid.Land{Rover: "cid", Point: at(4, 3), Heading: grid.East}).
		Then(grid.RoverLanded{Rover: "cid", Point: at(4, 3), Heading: grid.East})
	on.When(grid.Land{Rover: "ann", Point: at(4, 3), Heading: grid.East}).ThenRefused(grid.RoverExists)
	on.When(grid.Land{Rover: "cid", Point: at(2, 2), Heading: grid.East}).ThenRefused(grid.Occupied)
	on.When(grid.Land{Rover: "cid", Point: at(0, 0), Heading: grid.East}).ThenRefused(grid.Occupied)
	on.When(grid.Land{Rover: "cid", Point: at(5, 0), Heading: grid.East}).ThenRefused(grid.Outside)
	on.When(grid.Land{Rover: "cid", Point: at(0, -1), Heading: grid.East}).ThenRefused(grid.Outside)
	on.When(grid.Land{Rover: "cid", Point: at(1, 1), Heading: "up"}).ThenRefused(grid.BadHeading)
	for _, name := range []string{"", ".", "..", "a/b", "a\nb", "\xff", "mars\u202e", "a\u200fb", "a\u200bb", strings.Repeat("x", grid.MaxName+1)} {
		on.When(grid.Land{Rover: name, Point: at(1, 1), Heading: grid.East}).ThenRefused(grid.BadRover)
	}
	for _, name := range []string{"...", "cid 2", "Ärmel", "火星", "x.y", strings.Repeat("x", grid.MaxName)} {
		on.When(grid.Land{Rover: name, Point: at(1, 1), Heading: grid.East}).
			Then(grid.RoverLanded{Rover: name, Point: at(1, 1), Heading: grid.East})
	}
	if !strings.Contains(grid.NameRule, fmt.Sprintf("1 to %d bytes", grid.MaxName)) {
		t.Errorf("the rule is %s", grid.NameRule)
	}
	aethertest.Given(t, decider()).When(grid.Land{Rover: "cid", Heading: grid.East}).ThenRefused(grid.NoGrid)
}

func TestMove(t *testing.T) {
	on := aethertest.Given(t, decider(), mars()...)
	on.When(grid.Move{Rover: "ann", Moves: "FRFLB"}).Then(
		grid.RoverMovedForward{Rover: "ann", Point: at(0, 1)},
		grid.RoverTurnedRight{Rover: "ann", Heading: grid.East},
		grid.RoverMovedForward{Rover: "ann", Point: at(1, 1)},
		grid.RoverTurnedLeft{Rover: "ann", Heading: grid.North},
		grid.RoverMovedBackward{Rover: "ann", Point: at(1, 0)},
	).State(func(g *grid.Grid) {
		if got := g.Rovers["ann"]; got != (grid.Rover{Point: at(1, 0), Heading: grid.North}) || len(g.Occupied) != 2 {
			t.Errorf("ann is at %+v, occupied are %v", got, g.Occupied)
		}
	})
	on.When(grid.Move{Rover: "dan", Moves: "F"}).ThenRefused(grid.NoRover)
	for _, moves := range []string{"", "f", "FXF", "F F", strings.Repeat("L", grid.MaxMoves+1)} {
		on.When(grid.Move{Rover: "ann", Moves: moves}).ThenRefused(grid.BadMoves)
	}
	aethertest.Given(t, decider()).When(grid.Move{Rover: "ann", Moves: "F"}).ThenRefused(grid.NoGrid)
}

// A rover stops before what it cannot enter, and says why and where.
func TestBlocked(t *testing.T) {
	on := aethertest.Given(t, decider(), mars()...)
	on.When(grid.Move{Rover: "ann", Moves: "BFF"}).
		Then(grid.RoverBlocked{Rover: "ann", Point: at(0, -1), By: "edge", Left: "BFF"})
	on.When(grid.Move{Rover: "bob", Moves: "FFL"}).Then(
		grid.RoverMovedForward{Rover: "bob", Point: at(1, 0)},
		grid.RoverBlocked{Rover: "bob", Point: at(0, 0), By: "rover", Other: "ann", Left: "FL"},
	)
	on.When(grid.Move{Rover: "bob", Moves: "RFFF"}).Then(
		grid.RoverTurnedRight{Rover: "bob", Heading: grid.North},
		grid.RoverMovedForward{Rover: "bob", Point: at(2, 1)},
		grid.RoverBlocked{Rover: "bob", Point: at(2, 2), By: "obstacle", Left: "FF"},
	)
	// Its own field is free when it comes back.
	on.When(grid.Move{Rover: "bob", Moves: "FB"}).Then(
		grid.RoverMovedForward{Rover: "bob", Point: at(1, 0)},
		grid.RoverMovedBackward{Rover: "bob", Point: at(2, 0)},
	)
}

func TestHeadings(t *testing.T) {
	h := grid.North
	for _, want := range []grid.Heading{grid.East, grid.South, grid.West, grid.North} {
		if h.Right() != want || want.Left() != h {
			t.Errorf("right of %s is %s, left of %s is %s", h, h.Right(), want, want.Left())
		}
		h = h.Right()
	}
	for h, want := range map[grid.Heading]grid.Point{grid.North: at(3, 5), grid.East: at(5, 3), grid.South: at(3, 1), grid.West: at(1, 3)} {
		if got := h.Ahead(at(3, 3), 2); got != want {
			t.Errorf("two steps to %s lead to %v, want %v", h, got, want)
		}
	}
}

func TestEventForms(t *testing.T) {
	schematest.Golden(t, grid.Events(), "testdata/events", []grid.Event{
		grid.GridCreated{Width: 5, Height: 4, Obstacles: []grid.Point{at(2, 2)}},
		grid.RoverLanded{Rover: "ann", Point: at(1, 2), Heading: grid.North},
		grid.RoverMovedForward{Rover: "ann", Point: at(1, 3)},
		grid.RoverMovedBackward{Rover: "ann", Point: at(1, 2)},
		grid.RoverTurnedLeft{Rover: "ann", Heading: grid.West},
		grid.RoverTurnedRight{Rover: "ann", Heading: grid.North},
		grid.RoverBlocked{Rover: "ann", Point: at(2, 2), By: "obstacle", Left: "FB"},
	})
}
