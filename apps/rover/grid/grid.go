// Package grid is the domain of rovers on a grid, as pure functions: what may be
// commanded, what happens, and what is then the case.
//
// Coordinates begin at 0,0 in the south-west corner; north is y+1, east is x+1.
package grid

import (
	"github.com/aether-es/aether/schema"
)

// Kind is the kind of the actors: a grid with its rovers.
const Kind = "grid"

// The limits of a grid and of a command.
const (
	MaxSide      = 1000   // cells, of either side
	MaxObstacles = 10_000 // of a grid
	MaxRovers    = 200    // on a grid
	MaxMoves     = 200    // of one command
	MaxName      = 64     // bytes of a rover's ID
)

// Point is a cell of a grid.
type Point struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// Heading is where a rover looks.
type Heading string

// The headings, clockwise.
const (
	North Heading = "N"
	East  Heading = "E"
	South Heading = "S"
	West  Heading = "W"
)

// clockwise lists the headings and what a step to each of them is.
var clockwise = [...]struct {
	heading Heading
	step    Point
}{{North, Point{0, 1}}, {East, Point{1, 0}}, {South, Point{0, -1}}, {West, Point{-1, 0}}}

func (h Heading) index() int {
	for i := range clockwise {
		if clockwise[i].heading == h {
			return i
		}
	}
	return -1
}

// Valid says whether it is one of the four.
func (h Heading) Valid() bool { return h.index() >= 0 }

// Left returns the heading after a turn to the left.
func (h Heading) Left() Heading { return clockwise[(h.index()+3)%4].heading }

// Right returns the heading after a turn to the right.
func (h Heading) Right() Heading { return clockwise[(h.index()+1)%4].heading }

// Ahead returns the cell so many steps ahead of a point, or behind it when negative.
func (h Heading) Ahead(p Point, steps int) Point {
	step := clockwise[h.index()].step
	return Point{p.X + steps*step.X, p.Y + steps*step.Y}
}

// Rover is a rover on its cell.
type Rover struct {
	Point
	Heading Heading `json:"heading"`
}

// Grid is the state of a grid. It has no sides before it is created.
type Grid struct {
	Width  int `json:"width"`
	Height int `json:"height"`

	// Obstacles and Occupied are by the number of the cell; the latter has the ID of
	// the rover there.
	Obstacles map[int]bool     `json:"obstacles"`
	Occupied  map[int]string   `json:"occupied"`
	Rovers    map[string]Rover `json:"rovers"`
}

// Initial returns the state of a grid that was not created yet.
func Initial(string) *Grid {
	return &Grid{Obstacles: map[int]bool{}, Occupied: map[int]string{}, Rovers: map[string]Rover{}}
}

// Exists says whether the grid was created.
func (g *Grid) Exists() bool { return g.Width > 0 }

// Has says whether a cell is on the grid.
func (g *Grid) Has(p Point) bool {
	return p.X >= 0 && p.Y >= 0 && p.X < g.Width && p.Y < g.Height
}

func (g *Grid) number(p Point) int { return p.Y*g.Width + p.X }

// Event is what can happen to a grid.
type Event interface{ grid() }

// GridCreated is the first event of every grid.
type GridCreated struct {
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Obstacles []Point `json:"obstacles"` // in the order of their rows and columns, each once
}

// RoverLanded puts a rover on the grid.
type RoverLanded struct {
	Rover string `json:"rover"`
	Point
	Heading Heading `json:"heading"`
}

// RoverMovedForward has the cell that the rover has come to.
type RoverMovedForward struct {
	Rover string `json:"rover"`
	Point
}

// RoverMovedBackward has the cell that the rover has come to.
type RoverMovedBackward struct {
	Rover string `json:"rover"`
	Point
}

// RoverTurnedLeft has the heading that the rover has then.
type RoverTurnedLeft struct {
	Rover   string  `json:"rover"`
	Heading Heading `json:"heading"`
}

// RoverTurnedRight has the heading that the rover has then.
type RoverTurnedRight struct {
	Rover   string  `json:"rover"`
	Heading Heading `json:"heading"`
}

// RoverBlocked says that a rover stopped before a cell that it could not enter.
type RoverBlocked struct {
	Rover string `json:"rover"`
	Point        // the cell that it did not enter

	// By is what was there: "obstacle", "edge" or "rover", and Other that rover.
	By    string `json:"by"`
	Other string `json:"other,omitempty"`

	// Left are the moves that were not made, from the one that was blocked.
	Left string `json:"left"`
}

func (GridCreated) grid()        {}
func (RoverLanded) grid()        {}
func (RoverMovedForward) grid()  {}
func (RoverMovedBackward) grid() {}
func (RoverTurnedLeft) grid()    {}
func (RoverTurnedRight) grid()   {}
func (RoverBlocked) grid()       {}

// Events returns the registry of the events.
func Events() *schema.Registry[Event] {
	return schema.New[Event](
		schema.Type[GridCreated]("GridCreated"),
		schema.Type[RoverLanded]("RoverLanded"),
		schema.Type[RoverMovedForward]("RoverMovedForward"),
		schema.Type[RoverMovedBackward]("RoverMovedBackward"),
		schema.Type[RoverTurnedLeft]("RoverTurnedLeft"),
		schema.Type[RoverTurnedRight]("RoverTurnedRight"),
		schema.Type[RoverBlocked]("RoverBlocked"),
	)
}

// Evolve returns the grid after an event. It changes the one it is given.
func Evolve(g *Grid, event Event) *Grid {
	switch e := event.(type) {
	case GridCreated:
		g.Width, g.Height = e.Width, e.Height
		for _, p := range e.Obstacles {
			g.Obstacles[g.number(p)] = true
		}
	case RoverLanded:
		g.place(e.Rover, Rover{e.Point, e.Heading})
	case RoverMovedForward:
		g.place(e.Rover, Rover{e.Point, g.Rovers[e.Rover].Heading})
	case RoverMovedBackward:
		g.place(e.Rover, Rover{e.Point, g.Rovers[e.Rover].Heading})
	case RoverTurnedLeft:
		g.place(e.Rover, Rover{g.Rovers[e.Rover].Point, e.Heading})
	case RoverTurnedRight:
		g.place(e.Rover, Rover{g.Rovers[e.Rover].Point, e.Heading})
	}
	return g
}

func (g *Grid) place(id string, r Rover) {
	if former, ok := g.Rovers[id]; ok {
		delete(g.Occupied, g.number(former.Point))
	}
	g.Rovers[id] = r
	g.Occupied[g.number(r.Point)] = id
}
