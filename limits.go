package aether

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aether-es/aether/internal/jsoncheck"
)

// The limits of every engine. They are checked before anything is written; see
// [CheckEvents].
const (
	MaxNameLength   = 255      // bytes of a namespace, of an ID, of a type and of each metadata text
	MaxEventSize    = 1 << 20  // bytes of one event, by [Event.Size], with the 36 of an ID that the store makes
	MaxBatchEvents  = 1000     // events of one save
	MaxBatchSize    = 16 << 20 // bytes of one save, likewise
	MaxSnapshotSize = 16 << 20 // bytes of a snapshot's data
)

// CheckEvents reports the first limit that a save breaks, as an [InvalidError]:
//
//   - there is at least one event and no more than [MaxBatchEvents] with
//     [MaxBatchSize] bytes together, each of no more than [MaxEventSize];
//   - actor IDs are "kind/key", both parts there; event IDs may be empty, types
//     may not; these and the metadata are valid UTF-8 of at most [MaxNameLength]
//     bytes without ASCII control characters;
//   - versions start at 1, fit 63 bits, and those of one actor follow on each
//     other within the save;
//   - the data is one JSON value in valid UTF-8, nested at most 10,000 deep as in
//     encoding/json; the schema is not negative and fits 31 bits; the year of the
//     time, in UTC, is 1 to 9999, as its text form needs.
//
// An ID that comes twice for one actor is a [DuplicateError].
func CheckEvents(events []Event) error {
	if len(events) == 0 {
		return &InvalidError{Index: -1, Field: "events", Reason: "are missing: a save needs at least one"}
	}
	if len(events) > MaxBatchEvents {
		return &InvalidError{Index: -1, Field: "events", Reason: fmt.Sprintf("are %d; one save takes at most %d", len(events), MaxBatchEvents)}
	}
	total := 0
	for i := range events {
		if err := checkEvent(i, &events[i]); err != nil {
			return err
		}
		total += savedSize(&events[i])
	}
	if total > MaxBatchSize {
		return &InvalidError{Index: -1, Field: "events", Reason: fmt.Sprintf("have %d bytes together; one save takes at most %d", total, MaxBatchSize)}
	}
	if len(events) > 1 {
		return checkSequence(events)
	}
	return nil
}

// savedSize is the size of an event with the ID that it gets when it has none.
func savedSize(e *Event) int {
	if e.ID == "" {
		return e.Size() + len("018f6a0e-7a35-7d3c-9d6e-2b1f0a4c5d6e")
	}
	return e.Size()
}

func checkEvent(index int, e *Event) error {
	bad := func(field, reason string) error {
		return &InvalidError{Index: index, Field: field, Reason: reason}
	}
	if reason := badActorID(e.ActorID); reason != "" {
		return bad("actorId", reason)
	}
	if e.ID != "" {
		if reason := badName(e.ID); reason != "" {
			return bad("id", reason)
		}
	}
	if reason := badName(e.Type); reason != "" {
		return bad("type", reason)
	}
	if e.Metadata != (Metadata{}) {
		for _, m := range []struct{ field, value string }{
			{"metadata.correlationId", e.Metadata.CorrelationID},
			{"metadata.causationId", e.Metadata.CausationID},
			{"metadata.traceparent", e.Metadata.Traceparent},
		} {
			if reason := badName(m.value); m.value != "" && reason != "" {
				return bad(m.field, reason)
			}
		}
	}
	if e.Version == 0 || e.Version > math.MaxInt64 {
		return bad("version", fmt.Sprintf("is %d; versions start at 1 and fit 63 bits", e.Version))
	}
	if e.Schema < 0 || e.Schema > math.MaxInt32 {
		return bad("schema", fmt.Sprintf("is %d; schemas start at 1 and fit 31 bits", e.Schema))
	}
	if reason := badTime(e.Time); reason != "" {
		return bad("time", reason)
	}
	if size := savedSize(e); size > MaxEventSize {
		return bad("data", fmt.Sprintf("makes the event %d bytes long; an event has at most %d", size, MaxEventSize))
	}
	if err := jsoncheck.Check(e.Data); err != nil {
		return bad("data", err.Error())
	}
	return nil
}

// checkSequence refuses gaps between the versions of one actor, and IDs that
// come twice.
func checkSequence(events []Event) error {
	type actorEvent struct{ actorID, id string }
	latest := make(map[string]Version)
	versions := make(map[actorEvent]Version)
	for i := range events {
		e := &events[i]
		if before, ok := latest[e.ActorID]; ok && e.Version != before+1 {
			return &InvalidError{Index: i, Field: "version", Reason: fmt.Sprintf("is %d, but the event of %q before it in this save has %d; versions follow on each other", e.Version, e.ActorID, before)}
		}
		latest[e.ActorID] = e.Version
		if e.ID == "" {
			continue
		}
		key := actorEvent{e.ActorID, e.ID}
		if first, ok := versions[key]; ok {
			return &DuplicateError{ActorID: e.ActorID, EventID: e.ID, Tried: e.Version, Version: first}
		}
		versions[key] = e.Version
	}
	return nil
}

// CheckActorID reports what is wrong with an actor's ID, as an [InvalidError]
// whose Index is -1.
func CheckActorID(actorID string) error {
	if reason := badActorID(actorID); reason != "" {
		return &InvalidError{Index: -1, Field: "actorId", Reason: reason}
	}
	return nil
}

// CheckNamespace reports what is wrong with the name of a namespace, as an
// [InvalidError] whose Index is -1. A name is valid UTF-8 of 1 to [MaxNameLength] bytes without
// ASCII control characters; slashes, dots and anything else are just characters.
func CheckNamespace(name string) error {
	if reason := badName(name); reason != "" {
		return &InvalidError{Index: -1, Field: "namespace", Reason: reason}
	}
	return nil
}

// CheckSnapshot reports what is wrong with a snapshot, as an [InvalidError] whose
// Index is -1: the actor ID, the version, the schema and the time are as in
// [CheckEvents], and the data has at most [MaxSnapshotSize] bytes.
func CheckSnapshot(s *Snapshot) error {
	if err := CheckActorID(s.ActorID); err != nil {
		return err
	}
	if s.Version == 0 || s.Version > math.MaxInt64 {
		return &InvalidError{Index: -1, Field: "version", Reason: fmt.Sprintf("is %d; versions start at 1 and fit 63 bits", s.Version)}
	}
	if s.Schema < 0 || s.Schema > math.MaxInt32 {
		return &InvalidError{Index: -1, Field: "schema", Reason: fmt.Sprintf("is %d; schemas fit 31 bits", s.Schema)}
	}
	if reason := badTime(s.Time); reason != "" {
		return &InvalidError{Index: -1, Field: "time", Reason: reason}
	}
	if len(s.Data) > MaxSnapshotSize {
		return &InvalidError{Index: -1, Field: "data", Reason: fmt.Sprintf("has %d bytes; a snapshot has at most %d", len(s.Data), MaxSnapshotSize)}
	}
	return nil
}

func badActorID(id string) string {
	if reason := badName(id); reason != "" {
		return reason
	}
	if slash := strings.IndexByte(id, '/'); slash <= 0 || slash == len(id)-1 {
		return fmt.Sprintf("is %q; it must be a kind and a key with a slash between them, as in \"station/CP-1\"", id)
	}
	return ""
}

func badTime(t time.Time) string {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return fmt.Sprintf("is in the year %d; years have at most four digits", year)
	}
	return ""
}

func badName(s string) string {
	if s == "" {
		return "is empty"
	}
	if len(s) > MaxNameLength {
		return fmt.Sprintf("has %d bytes; at most %d are allowed", len(s), MaxNameLength)
	}
	ascii := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Sprintf("has a control character (0x%02x) at byte %d", s[i], i)
		}
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	return ""
}
