package rover

import (
	"slices"

	"github.com/aether-es/aether/apps/rover/grid"
)

// trail is a path as the read DB keeps it: where it begins, and a letter for each step,
// the heading to the next cell. That is a tenth of the bytes of its cells.
type trail struct {
	From  grid.Point `json:"from"`
	Steps string     `json:"steps"`
}

// add makes the trail longer by the step from one cell to another, at its end, and where
// it gets too long shorter at its beginning. Rovers do not jump; after an event that says
// so all the same, the trail begins anew.
func (t *trail) add(from, to grid.Point) {
	headings := []grid.Heading{grid.North, grid.East, grid.South, grid.West}
	i := slices.IndexFunc(headings, func(h grid.Heading) bool { return h.Ahead(from, 1) == to })
	if i < 0 {
		*t = trail{From: to}
		return
	}
	if t.Steps += string(headings[i]); len(t.Steps) >= MaxPath {
		t.From, t.Steps = grid.Heading(t.Steps[:1]).Ahead(t.From, 1), t.Steps[1:]
	}
}

// path returns the cells of the trail.
func (t trail) path() []grid.Point {
	path := make([]grid.Point, 1, len(t.Steps)+2) // and one more, most likely
	path[0] = t.From
	for i := range len(t.Steps) {
		path = append(path, grid.Heading(t.Steps[i:i+1]).Ahead(path[i], 1))
	}
	return path
}
