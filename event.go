package aether

import (
	"encoding/json"
	"strings"
	"time"
)

// Version counts the events of one actor: 1, 2, 3 … Zero means "none yet".
type Version uint64

// Position counts the events of one namespace, in the order in which they were
// committed: 1, 2, 3 … without gaps. Zero means "before the first".
type Position uint64

// Event is a fact in the stream of one actor. Its JSON form is the one that
// every command and endpoint of Aether reads and writes.
type Event struct {
	// ID names the event. It is unique among the events of its actor, for ever:
	// saving the same ID again is recognised, at any later time. The store makes
	// a UUIDv7 when it is empty.
	ID string `json:"id,omitempty"`

	// ActorID names the stream, as "kind/key". See [Kind].
	ActorID string `json:"actorId"`

	// Version is the place in the actor's stream. The caller passes it: the
	// latest version it knows, plus one.
	Version Version `json:"version,omitempty"`

	// Type says what happened, in the past tense: "RoverLanded".
	Type string `json:"type"`

	// Schema is the version of the form of Data for this Type. Zero is saved as 1.
	Schema int `json:"schema,omitempty"`

	// Data is the payload: one JSON value in valid UTF-8. Stores keep its bytes.
	Data json.RawMessage `json:"data"`

	Metadata Metadata `json:"metadata,omitzero"`

	// Time is when the event happened, in UTC and to the microsecond; finer
	// digits are cut off. The store sets it when it is zero, as it also is within the
	// first microsecond of the year 1, once cut.
	Time time.Time `json:"time,omitzero"`

	// Position is assigned by the store; what the caller puts here is ignored.
	Position Position `json:"position,omitempty"`
}

// Metadata tells where an event came from. Every field may be empty.
type Metadata struct {
	// CorrelationID is shared by everything that follows from one request.
	CorrelationID string `json:"correlationId,omitempty"`

	// CausationID is the ID of the command or event that led to this one.
	CausationID string `json:"causationId,omitempty"`

	// Traceparent is the W3C Trace Context header of the request.
	Traceparent string `json:"traceparent,omitempty"`
}

// Kind returns the kind of the event's actor.
func (e *Event) Kind() string { return Kind(e.ActorID) }

// Kind returns what comes before the first slash of an actor's ID: "station"
// for "station/CP-1".
func Kind(actorID string) string {
	kind, _, _ := strings.Cut(actorID, "/")
	return kind
}

// Size is the number of bytes that count towards [MaxEventSize]: those of the
// data and of every text of the event.
func (e *Event) Size() int {
	return len(e.Data) + len(e.ID) + len(e.ActorID) + len(e.Type) +
		len(e.Metadata.CorrelationID) + len(e.Metadata.CausationID) + len(e.Metadata.Traceparent)
}
