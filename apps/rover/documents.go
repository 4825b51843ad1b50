package rover

import (
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
)

// The documents that queries return, the read DB keeps and pages show. Their slices
// are never nil, so that JSON has [] and not null.

// MaxPath is how many fields of a rover's path a document has: the last ones.
const MaxPath = 100

// GridDocument is a grid as of a version.
type GridDocument struct {
	ID        string          `json:"id"`
	Width     int             `json:"width"`
	Height    int             `json:"height"`
	Obstacles []grid.Point    `json:"obstacles"`
	Rovers    []RoverDocument `json:"rovers"` // in the order in which they landed
	Version   aether.Version  `json:"version"`
	Position  aether.Position `json:"position"`
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
}

// RoverDocument is a rover in the document of its grid.
type RoverDocument struct {
	ID      string       `json:"id"`
	X       int          `json:"x"`
	Y       int          `json:"y"`
	Heading grid.Heading `json:"heading"`
	Moves   int          `json:"moves"` // fields moved and turns made, since it landed

	// Path are the fields it has been on, from the oldest of the last [MaxPath] to the
	// one where it is. Turns add none.
	Path []grid.Point `json:"path"`

	// Blocked is what stopped it, nil as soon as it has moved or turned since.
	Blocked *BlockedDocument `json:"blocked,omitempty"`
}

// BlockedDocument is the field that a rover could not enter, and why.
type BlockedDocument struct {
	X     int    `json:"x"`
	Y     int    `json:"y"`
	By    string `json:"by"`              // "obstacle", "edge" or "rover"
	Other string `json:"other,omitempty"` // that rover
	Left  string `json:"left"`            // the moves that were not made
}

// Summary is a grid in the list of grids.
type Summary struct {
	ID        string         `json:"id"`
	Width     int            `json:"width"`
	Height    int            `json:"height"`
	Obstacles int            `json:"obstacles"`
	Rovers    int            `json:"rovers"`
	Version   aether.Version `json:"version"`
	Updated   time.Time      `json:"updated"`
}

// Summary returns the grid as the list of grids has it.
func (d *GridDocument) Summary() Summary {
	return Summary{d.ID, d.Width, d.Height, len(d.Obstacles), len(d.Rovers), d.Version, d.Updated}
}

// SummaryPage is a page of the list of grids.
type SummaryPage struct {
	Grids []Summary `json:"grids"`
	Next  string    `json:"next"` // the cursor of the next page, "" on the last
}

// EventDocument is an event of a grid in its history.
type EventDocument struct {
	Version       aether.Version  `json:"version"`
	Position      aether.Position `json:"position"`
	Type          string          `json:"type"`
	Data          json.RawMessage `json:"data"` // the event as package grid has it
	Time          time.Time       `json:"time"`
	CorrelationID string          `json:"correlationId,omitempty"`
}

// EventPage is a page of the history, the newest event first.
type EventPage struct {
	Events []EventDocument `json:"events"`
	More   bool            `json:"more"`
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
	Grid     string           `json:"grid"`
	Version  aether.Version   `json:"version"`
	Position aether.Position  `json:"position"`
	Repeated bool             `json:"repeated"` // an earlier command had the same key; this is its result
	Events   []ResultDocument `json:"events"`
}

// ResultDocument is an event that a command has caused.
type ResultDocument struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}
