package grid_test

import (
	"fmt"
	"testing"

	"github.com/aether-es/aether/apps/rover/grid"
)

// Every command is told from every other by the events that it has led to.
func TestLed(t *testing.T) {
	rocks := []grid.Point{at(1, 1), at(0, 1), at(1, 1)}
	commands := []grid.Command{
		grid.Create{Width: 3, Height: 2},
		grid.Create{Width: 2, Height: 3},
		grid.Create{Width: 3, Height: 2, Obstacles: rocks},
		grid.Create{Width: 3, Height: 2, Obstacles: rocks[:1]},
		grid.Land{Rover: "cid", Point: at(4, 3), Heading: grid.East},
		grid.Land{Rover: "cid", Point: at(4, 3), Heading: grid.West},
		grid.Land{Rover: "cid", Point: at(3, 3), Heading: grid.East},
		grid.Land{Rover: "dan", Point: at(4, 3), Heading: grid.East},
		grid.Move{Rover: "ann", Moves: "F"},
		grid.Move{Rover: "ann", Moves: "FF"},
		grid.Move{Rover: "ann", Moves: "FRLB"},
		grid.Move{Rover: "ann", Moves: "BFFL"}, // blocked at once
		grid.Move{Rover: "ann", Moves: "BFFR"},
		grid.Move{Rover: "ann", Moves: "FFFFFFF"}, // blocked on its way
		grid.Move{Rover: "bob", Moves: "F"},
	}
	for i, command := range commands {
		g := grid.Initial("mars")
		if i > 3 {
			for _, e := range mars() {
				g = grid.Evolve(g, e)
			}
		}
		events, err := grid.Decide(g, command)
		if err != nil {
			t.Fatalf("%+v: %v", command, err)
		}
		for j, other := range commands {
			if got := grid.Led(other, events); got != (i == j) {
				t.Errorf("that %+v has led to what %+v has: %t", other, command, got)
			}
		}
	}
	if grid.Led(commands[0], nil) {
		t.Error("a command has led to nothing")
	}
	// The order in which obstacles are named, and how often, makes no other command.
	events, err := grid.Decide(grid.Initial("mars"), commands[2])
	if err != nil || !grid.Led(grid.Create{Width: 3, Height: 2, Obstacles: []grid.Point{at(0, 1), at(1, 1)}}, events) {
		t.Errorf("the same obstacles in another order are another command: %v, %v", events, err)
	}
	blocked := grid.RoverBlocked{Rover: "ann", Left: "F"}
	if grid.Led(grid.Move{Rover: "ann", Moves: "FL"}, []grid.Event{blocked, grid.RoverTurnedLeft{Rover: "ann"}}) {
		t.Error(fmt.Sprint("moves go on after ", blocked))
	}
}
