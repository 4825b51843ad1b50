package rover

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/rover/grid"
)

// points returns an input that is a list of cells of a grid.
func points(f *web.Form, name string) []grid.Point {
	points, err := parsePoints(f.Values[name])
	if err != nil {
		f.Wrong[name] = web.Sentence(err.Error())
	}
	return points
}

// parsePoints reads "3,4 5,6", with spaces or lines between them.
func parsePoints(text string) ([]grid.Point, error) {
	points := []grid.Point{}
	for word := range strings.FieldsSeq(text) {
		left, right, ok := strings.Cut(strings.TrimRight(word, ";,"), ",")
		x, errX := strconv.Atoi(left)
		y, errY := strconv.Atoi(right)
		if !ok || errX != nil || errY != nil {
			return nil, fmt.Errorf("%q is not a cell; cells are like 3,4 with spaces between them", word)
		}
		points = append(points, grid.Point{X: x, Y: y})
	}
	return points, nil
}

// cleanMoves returns moves as a command takes them: people write them in small
// letters and with spaces, too.
func cleanMoves(text string) string {
	return strings.ToUpper(strings.Join(strings.Fields(text), ""))
}
