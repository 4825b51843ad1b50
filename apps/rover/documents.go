package rover

import (
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
)

// The documents that queries return, the read DB keeps and pages show. Their slices
// are never nil, so that JSON has [] and not null.

// MaxPath is how many cells of a rover's path a document has: the last ones.
const MaxPath = 100

// GridDocument is a grid as of a version.
type GridDocument struct {
	ID        string          `json:"id" doc:"Its name."`
	Width     int             `json:"width" doc:"Cells from west to east."`
	Height    int             `json:"height" doc:"Cells from south to north."`
	Obstacles []grid.Point    `json:"obstacles" doc:"Cells that no rover can enter."`
	Rovers    []RoverDocument `json:"rovers" doc:"In the order in which they landed."`
	Version   aether.Version  `json:"version" doc:"How many events it has."`
	Position  aether.Position `json:"position" doc:"Of the last of them in the log."`
	Created   time.Time       `json:"created" doc:"When it was made."`
	Updated   time.Time       `json:"updated" doc:"When it last changed."`
}

// RoverDocument is a rover in the document of its grid.
type RoverDocument struct {
	ID      string       `json:"id" doc:"Its name."`
	X       int          `json:"x" doc:"How many cells lie west of it."`
	Y       int          `json:"y" doc:"How many cells lie south of it."`
	Heading grid.Heading `json:"heading" doc:"Where it faces: N, E, S or W."`
	Moves   int          `json:"moves" doc:"Cells moved and turns made since it landed."`

	// Path are the cells it has been on, from the oldest of the last [MaxPath] to the
	// one where it is. Turns add none.
	Path []grid.Point `json:"path" doc:"The last 100 cells it was on, the oldest first; turns add none."`

	// Blocked is what stopped it, nil as soon as it has moved or turned since.
	Blocked *BlockedDocument `json:"blocked,omitempty" doc:"What stopped it; missing as soon as it has moved or turned since."`
}

// BlockedDocument is the cell that a rover could not enter, and why.
type BlockedDocument struct {
	X     int    `json:"x" doc:"Of the cell that it could not enter."`
	Y     int    `json:"y" doc:"Of that cell."`
	By    string `json:"by" doc:"What is there: obstacle, edge or rover."` // "obstacle", "edge" or "rover"
	Other string `json:"other,omitempty" doc:"The name of that rover."`
	Left  string `json:"left" doc:"The moves that were not made."` // the moves that were not made
}

// Milestone is a grid as it was at some version of the past.
type Milestone struct {
	Grid GridDocument `json:"grid"`
}

// Summary is a grid in the list of grids.
type Summary struct {
	ID        string          `json:"id" doc:"Its name."`
	Width     int             `json:"width" doc:"Cells from west to east."`
	Height    int             `json:"height" doc:"Cells from south to north."`
	Obstacles int             `json:"obstacles" doc:"How many there are."`
	Rovers    int             `json:"rovers" doc:"How many have landed."`
	Version   aether.Version  `json:"version" doc:"How many events it has."`
	Position  aether.Position `json:"position" doc:"Of the last of them in the log."`
	Updated   time.Time       `json:"updated" doc:"When it last changed."`
}

// Summary returns the grid as the list of grids has it.
func (d *GridDocument) Summary() Summary {
	return Summary{d.ID, d.Width, d.Height, len(d.Obstacles), len(d.Rovers), d.Version, d.Position, d.Updated}
}

// SummaryPage is a page of the list of grids.
type SummaryPage struct {
	Grids []Summary `json:"grids" doc:"The one that changed last comes first."`
	Next  string    `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// EventDocument is an event of a grid in its history.
type EventDocument struct {
	Version       aether.Version  `json:"version" doc:"Its number among the events of the grid: 1, 2, 3 and so on."`
	Position      aether.Position `json:"position" doc:"Its place in the log."`
	Type          string          `json:"type" doc:"What happened, as RoverLanded."`
	Data          json.RawMessage `json:"data" doc:"What exactly; which fields there are, the type says."`
	Time          time.Time       `json:"time" doc:"When it happened."`
	CorrelationID string          `json:"correlationId,omitempty" doc:"What it belongs to, as its command said."`
}

// EventPage is a page of the history, the newest event first.
type EventPage struct {
	Events []EventDocument `json:"events" doc:"The newest comes first."`
	More   bool            `json:"more" doc:"Whether there are older ones."`
}

// ChangeDocument is what the live topic of a grid says of one event.
type ChangeDocument struct {
	Version  aether.Version  `json:"version"`
	Position aether.Position `json:"position"`
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	Time     time.Time       `json:"time"`
}

// CommandDocument is the answer to a command.
type CommandDocument struct {
	Grid     string           `json:"grid" doc:"The name of the grid."`
	Version  aether.Version   `json:"version" doc:"Of the grid after the command."`
	Position aether.Position  `json:"position" doc:"Of the last event in the log; a query that has it as after knows what happened."`
	Repeated bool             `json:"repeated" doc:"An earlier command had the same key; this is its result."`
	Events   []ResultDocument `json:"events" doc:"What happened because of it, in order."`
}

// ResultDocument is an event that a command has caused.
type ResultDocument struct {
	Type string          `json:"type" doc:"What happened, as RoverMovedForward."`
	Data json.RawMessage `json:"data" doc:"What exactly."`
}
