package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
)

// Event is what other services may know of a domain event: a CloudEvent.
type Event struct {
	// Type says what happened, in the words of the mapping: "rover.moved".
	Type string `json:"type"`

	// Subject is what it happened to; the domain event's actor by default.
	Subject string `json:"subject"`

	// Data is one JSON value.
	Data json.RawMessage `json:"data"`

	// The rest is set by the mapping's reader.

	// ID is unique in its stream, and the same whenever the event is published again.
	ID string `json:"id"`

	// Stream is whose sequence this is, Sequence the place in it: 1, 2, 3 … without
	// gaps.
	Stream   Stream `json:"stream"`
	Sequence uint64 `json:"sequence"`

	// Position is that of the domain event in its namespace's log, Last whether it is
	// the last integration event of that domain event.
	Position aether.Position `json:"position"`
	Last     bool            `json:"last"`

	// Time and Metadata are those of the domain event; the causation is its ID.
	Time     time.Time       `json:"time"`
	Metadata aether.Metadata `json:"metadata,omitzero"`
}

// Digest tells the event from any other, also from one at its place in another
// history. It is the same for the event in the log and for what came over a wire, so
// neither the form of the data nor the event's number is part of it: the ID of the
// domain event and its time tell two histories apart.
func (e *Event) Digest() string {
	moment := e.Time.UTC().Format(time.RFC3339Nano)
	text, _ := json.Marshal([]any{e.Stream, e.ID, e.Type, e.Subject, e.Position, moment, e.Metadata}) // texts and numbers: it cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Stream names a sequence of integration events.
type Stream struct {
	Namespace string `json:"namespace"`
	System    string `json:"system"`
	Version   int    `json:"version"` // of the mapping
}

// Cursor is a place between integration events: behind the last event of a
// position. The zero Cursor is the beginning.
type Cursor struct {
	Sequence uint64          `json:"sequence"`
	Position aether.Position `json:"position"`
}
