package rover

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aether-es/aether/apps/rover/grid"
)

// What happened, in plain words. static/words.js says the same; testdata/words.json
// has examples of both.

var headings = map[grid.Heading]string{grid.North: "north", grid.East: "east", grid.South: "south", grid.West: "west"}

// anyEvent has the fields of all events.
type anyEvent struct {
	Width     int             `json:"width"`
	Height    int             `json:"height"`
	Obstacles json.RawMessage `json:"obstacles"`
	Rover     string          `json:"rover"`
	X         int             `json:"x"`
	Y         int             `json:"y"`
	Heading   grid.Heading    `json:"heading"`
	By        string          `json:"by"`
	Other     string          `json:"other"`
	Left      string          `json:"left"`
}

// words says what happened. Of an event that it does not know it gives the type.
func words(kind string, data json.RawMessage) string {
	var e anyEvent
	if json.Unmarshal(data, &e) != nil {
		return kind
	}
	switch kind {
	case "GridCreated":
		var obstacles []struct{}
		if json.Unmarshal(e.Obstacles, &obstacles) != nil {
			return kind
		}
		return fmt.Sprintf("The grid was made: %d by %d cells, %s", e.Width, e.Height, count(len(obstacles), "obstacle"))
	case "RoverLanded":
		return fmt.Sprintf("%s landed at %d,%d, facing %s", e.Rover, e.X, e.Y, headings[e.Heading])
	case "RoverMovedForward":
		return fmt.Sprintf("%s moved forward to %d,%d", e.Rover, e.X, e.Y)
	case "RoverMovedBackward":
		return fmt.Sprintf("%s moved backward to %d,%d", e.Rover, e.X, e.Y)
	case "RoverTurnedLeft":
		return fmt.Sprintf("%s turned left, now facing %s", e.Rover, headings[e.Heading])
	case "RoverTurnedRight":
		return fmt.Sprintf("%s turned right, now facing %s", e.Rover, headings[e.Heading])
	case "RoverBlocked":
		return fmt.Sprintf("%s was stopped by %s; not made: %s", e.Rover, obstacle(e.X, e.Y, e.By, e.Other), e.Left)
	}
	return kind
}

// obstacle says what is in the way.
func obstacle(x, y int, by, other string) string {
	switch by {
	case "edge":
		return "the edge of the grid"
	case "rover":
		return fmt.Sprintf("%s at %d,%d", other, x, y)
	}
	return fmt.Sprintf("an obstacle at %d,%d", x, y)
}

// summary says what a command has led to.
func summary(events []ResultDocument) string {
	switch len(events) {
	case 0:
		return "Nothing changed."
	case 1:
		return words(events[0].Type, events[0].Data) + "."
	}
	last := events[len(events)-1]
	var e anyEvent
	if json.Unmarshal(last.Data, &e) != nil {
		e.Rover = "The rover"
	}
	moves := len(events)
	if last.Type == "RoverBlocked" {
		moves--
	}
	return fmt.Sprintf("%s made %s. In the end: %s.", e.Rover, count(moves, "move"), words(last.Type, last.Data))
}

// unnamed are the IDs that the server gives to grids without a name.
var unnamed = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// gridName is what people call a grid.
func gridName(id string) string {
	if unnamed.MatchString(id) {
		return "Unnamed grid " + id[len(id)-6:]
	}
	return id
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// noRover stands where a rover's place would be said.
const noRover = "No rover has landed yet. Land one below."

// standing says where a rover is.
func standing(r RoverDocument) string {
	text := fmt.Sprintf("at %d,%d, facing %s", r.X, r.Y, headings[r.Heading])
	if r.Blocked != nil {
		text += ", stopped by " + obstacle(r.Blocked.X, r.Blocked.Y, r.Blocked.By, r.Blocked.Other)
	}
	return text
}

// picture says in words what the drawing of a grid shows.
func picture(d *GridDocument) string {
	var parts []string
	for i, r := range d.Rovers {
		if i == 20 {
			parts = append(parts, fmt.Sprintf("and %d more", len(d.Rovers)-i))
			break
		}
		parts = append(parts, r.ID+" "+standing(r))
	}
	return fmt.Sprintf("%d by %d cells, north is up, with %s. Rovers: %s.", d.Width, d.Height,
		count(len(d.Obstacles), "obstacle"), cmp.Or(strings.Join(parts, "; "), "none"))
}
