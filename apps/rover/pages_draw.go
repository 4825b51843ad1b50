package rover

import (
	"fmt"
	"strings"

	"github.com/aether-es/aether/apps/rover/grid"
)

// The geometry of the drawing, in units of the SVG; static/field.js has the same. A
// field is 20 by 20, its row 0 is at the bottom.
const (
	fieldSide   = 20
	topMargin   = 14
	rightMargin = 8
)

// drawing is a grid to be drawn.
type drawing struct{ *GridDocument }

// letter is how high the numbers get, at most: they keep their size on the screen, so
// they grow, in units, as the drawing shrinks to fit a phone.
func (d drawing) letter() int {
	if !d.fits() {
		return 14
	}
	return 12 * max(16, d.Width) / 16
}

// leftMargin and belowMargin have room for the numbers.
func (d drawing) leftMargin() int  { return 8 + len(fmt.Sprint(d.Height-1))*d.letter()*6/10 }
func (d drawing) belowMargin() int { return d.letter() + 5 }

func (d drawing) viewBox() string {
	return fmt.Sprintf("%d %d %d %d", -d.leftMargin(), -topMargin,
		d.Width*fieldSide+d.leftMargin()+rightMargin, d.Height*fieldSide+topMargin+d.belowMargin())
}

// center returns the middle of a field.
func (d drawing) center(x, y int) (cx, cy int) {
	return x*fieldSide + fieldSide/2, (d.Height-1-y)*fieldSide + fieldSide/2
}

// pixels is the width of the drawing: as large as is pleasant, if it then fits most
// windows; else as small as can be read, and the window scrolls.
func (d drawing) pixels() int {
	side := max(18, min(56, 640/d.Height))
	if !d.fits() {
		side = 18
	}
	return side * (d.Width*fieldSide + d.leftMargin() + rightMargin) / fieldSide
}

func (d drawing) fits() bool { return d.Width <= 30 }

// rocks is the path of all obstacles.
func (d drawing) rocks() string {
	var path strings.Builder
	for _, p := range d.Obstacles {
		fmt.Fprintf(&path, "M%d %dh16v16h-16z", p.X*fieldSide+2, (d.Height-1-p.Y)*fieldSide+2)
	}
	return path.String()
}

// trail is the path of a rover, as the points of a line.
func (d drawing) trail(r RoverDocument) string {
	var points strings.Builder
	for i, p := range r.Path {
		if i > 0 {
			points.WriteByte(' ')
		}
		cx, cy := d.center(p.X, p.Y)
		fmt.Fprintf(&points, "%d,%d", cx, cy)
	}
	return points.String()
}

func (d drawing) place(r RoverDocument) string {
	cx, cy := d.center(r.X, r.Y)
	return fmt.Sprintf("translate(%d %d)", cx, cy)
}

func turn(h grid.Heading) string {
	return fmt.Sprintf("rotate(%d)", map[grid.Heading]int{grid.East: 90, grid.South: 180, grid.West: 270}[h])
}

// tick is a number beside or below the grid.
type tick struct {
	X, Y, Value int
}

func (d drawing) columns() []tick { // below
	var ticks []tick
	for x := 0; x < d.Width; x += step(d.Width) {
		cx, _ := d.center(x, 0)
		ticks = append(ticks, tick{cx, d.Height*fieldSide + d.letter() + 1, x})
	}
	return ticks
}

func (d drawing) rows() []tick { // to the left
	var ticks []tick
	for y := 0; y < d.Height; y += step(d.Height) {
		_, cy := d.center(0, y)
		ticks = append(ticks, tick{-5, cy, y})
	}
	return ticks
}

// step is how many fields lie between two numbers.
func step(side int) int {
	switch {
	case side <= 12:
		return 1
	case side <= 25:
		return 2
	case side <= 60:
		return 5
	}
	return 10
}

// color is the class of a rover's color: there are 6, in the order of landing.
func color(i int) string { return fmt.Sprintf("color-%d", i%6) }

// side is the class of a rover near a side, whose name has no room in the middle.
func (d drawing) side(x int) string {
	switch {
	case x < 2:
		return "at-west"
	case x >= d.Width-2:
		return "at-east"
	}
	return ""
}

// label is a name as it is written beside the rover.
func label(id string) string {
	if runes := []rune(id); len(runes) > 10 {
		return string(runes[:9]) + "…"
	}
	return id
}
