package grid

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

// Command is what a grid can be told.
type Command interface{ command() }

// Create makes a grid.
type Create struct {
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Obstacles []Point `json:"obstacles"`
}

// Land puts a rover on a free cell.
type Land struct {
	Rover string `json:"rover"`
	Point
	Heading Heading `json:"heading"`
}

// Move has a rover make moves one after another: F forward, B backward, L and R a
// turn to the left and to the right. It stops before what it cannot enter, and the
// moves before that count.
type Move struct {
	Rover string `json:"rover"`
	Moves string `json:"moves"`
}

func (Create) command() {}
func (Land) command()   {}
func (Move) command()   {}

// The reasons of refusals.
const (
	GridExists  = "grid-exists"
	NoGrid      = "no-grid"
	BadSize     = "bad-size"
	BadObstacle = "bad-obstacle"
	RoverExists = "rover-exists"
	NoRover     = "no-rover"
	BadRover    = "bad-rover"
	BadHeading  = "bad-heading"
	BadMoves    = "bad-moves"
	Outside     = "outside"
	Occupied    = "occupied"
	Crowded     = "crowded"
)

// Decide says what happens because of a command.
func Decide(g *Grid, command Command) ([]Event, error) {
	if c, ok := command.(Create); ok {
		return create(g, c)
	}
	if !g.Exists() {
		return nil, aether.Refuse(NoGrid, "there is no such grid")
	}
	switch c := command.(type) {
	case Land:
		return land(g, c)
	case Move:
		return move(g, c)
	}
	return nil, aether.Refuse("unknown-command", "a grid knows no %T", command)
}

func create(g *Grid, c Create) ([]Event, error) {
	if g.Exists() {
		return nil, aether.Refuse(GridExists, "the grid is there already")
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxSide || c.Height > MaxSide {
		return nil, aether.Refuse(BadSize, "width and height are from 1 to %d; these are %d and %d", MaxSide, c.Width, c.Height)
	}
	if len(c.Obstacles) > MaxObstacles {
		return nil, aether.Refuse(BadObstacle, "a grid has at most %d obstacles; these are %d", MaxObstacles, len(c.Obstacles))
	}
	size := Grid{Width: c.Width, Height: c.Height}
	obstacles := inOrder(c.Obstacles)
	for _, p := range obstacles {
		if !size.Has(p) {
			return nil, aether.Refuse(BadObstacle, "the obstacle at %d,%d is outside of the grid", p.X, p.Y)
		}
	}
	return []Event{GridCreated{c.Width, c.Height, obstacles}}, nil
}

// inOrder returns cells in the order of their rows and columns, each once.
func inOrder(points []Point) []Point {
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b Point) int { return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X)) })
	return slices.Compact(points)
}

func land(g *Grid, c Land) ([]Event, error) {
	if !ValidName(c.Rover) {
		return nil, aether.Refuse(BadRover, "a rover's ID "+NameRule)
	}
	if _, ok := g.Rovers[c.Rover]; ok {
		return nil, aether.Refuse(RoverExists, "%s has landed already", c.Rover)
	}
	if len(g.Rovers) >= MaxRovers {
		return nil, aether.Refuse(Crowded, "a grid has room for %d rovers", MaxRovers)
	}
	if !c.Heading.Valid() {
		return nil, aether.Refuse(BadHeading, "%q is not one of N, E, S and W", string(c.Heading))
	}
	switch by, other := g.blocks(c.Point); by {
	case "":
		return []Event{RoverLanded{c.Rover, c.Point, c.Heading}}, nil
	case "edge":
		return nil, aether.Refuse(Outside, "%d,%d is outside of the grid of %d by %d", c.X, c.Y, g.Width, g.Height)
	default:
		return nil, aether.Refuse(Occupied, "at %d,%d is %s", c.X, c.Y, cmp.Or(other, "an obstacle"))
	}
}

// ValidName says whether a rover, or a grid, may be called so: 1 to [MaxName] bytes of
// letters, marks, digits, punctuation, symbols and spaces. It is part of an address, so
// it has no slash and is not "." or "..", and people read it, so it has nothing that
// cannot be seen: no control characters, and none that change how text runs.
func ValidName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= MaxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) })
}

// NameRule says it to people.
const NameRule = `has 1 to 64 bytes of printable text without slashes, and is not "." or ".."`

func move(g *Grid, c Move) ([]Event, error) {
	rover, ok := g.Rovers[c.Rover]
	if !ok {
		return nil, aether.Refuse(NoRover, "no rover %q has landed here", c.Rover)
	}
	if c.Moves == "" || len(c.Moves) > MaxMoves || strings.Trim(c.Moves, "FBLR") != "" {
		return nil, aether.Refuse(BadMoves, "moves are 1 to %d of the letters F, B, L and R", MaxMoves)
	}
	var events []Event
	for i, letter := range c.Moves {
		switch letter {
		case 'L':
			rover.Heading = rover.Heading.Left()
			events = append(events, RoverTurnedLeft{c.Rover, rover.Heading})
			continue
		case 'R':
			rover.Heading = rover.Heading.Right()
			events = append(events, RoverTurnedRight{c.Rover, rover.Heading})
			continue
		}
		steps := 1
		if letter == 'B' {
			steps = -1
		}
		next := rover.Heading.Ahead(rover.Point, steps)
		if by, other := g.blocks(next); by != "" && other != c.Rover {
			return append(events, RoverBlocked{c.Rover, next, by, other, c.Moves[i:]}), nil
		}
		rover.Point = next
		if letter == 'F' {
			events = append(events, RoverMovedForward{c.Rover, next})
		} else {
			events = append(events, RoverMovedBackward{c.Rover, next})
		}
	}
	return events, nil
}

// blocks says what keeps a rover from entering a cell, "" when nothing does.
func (g *Grid) blocks(p Point) (by, other string) {
	switch n := g.number(p); {
	case !g.Has(p):
		return "edge", ""
	case g.Obstacles[n]:
		return "obstacle", ""
	case g.Occupied[n] != "":
		return "rover", g.Occupied[n]
	}
	return "", ""
}
