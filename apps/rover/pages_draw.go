package rover

import (
	"fmt"
	"strings"

	"github.com/aether-es/aether/apps/rover/grid"
)

// The geometry of the drawing, in units of the SVG; static/field.js has the same. A
// field is 20 by 20, its row 0 is at the bottom. The numbers of columns and rows are
// on rulers beside the drawing, which stay where they are when it is scrolled.
const fieldSide = 20

// drawing is a grid to be drawn.
type drawing struct{ *GridDocument }

func (d drawing) viewBox() string {
	return fmt.Sprintf("0 0 %d %d", d.Width*fieldSide, d.Height*fieldSide)
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
	return side * d.Width
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

// tick is a number on a ruler, and how far along it is.
type tick struct {
	At    string
	Value int
}

// ticks are the numbers of columns, or of rows counted from the end of the ruler.
func ticks(side int, fromEnd bool) []tick {
	var all []tick
	for n := 0; n < side; n += step(side) {
		at := float64(n) + 0.5
		if fromEnd {
			at = float64(side) - at
		}
		all = append(all, tick{fmt.Sprintf("%.6g%%", 100*at/float64(side)), n})
	}
	return all
}

// rulerWidth is how wide the ruler of the rows is, in pixels: its numbers have room.
func (d drawing) rulerWidth() int { return 16 + 8*len(fmt.Sprint(d.Height-1)) }

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

// naming is where a rover's name stands before a script has found the best place: above
// it, and not beyond the side of the drawing.
func (d drawing) naming(x int) (at int, anchor string) {
	switch {
	case x < 2:
		return -9, "start"
	case x >= d.Width-2:
		return 9, "end"
	}
	return 0, "middle"
}

// label is a name as it is written beside the rover before a script has measured how
// much of it has room.
func label(id string) string {
	if runes := []rune(id); len(runes) > 16 {
		return string(runes[:15]) + "…"
	}
	return id
}
