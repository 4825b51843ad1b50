package aether

import (
	"errors"
	"fmt"
)

// The classes of errors, for errors.Is. The facts are in the types below, for
// errors.As.
var (
	// ErrInvalid: the input breaks a limit; see [InvalidError].
	ErrInvalid = errors.New("aether: invalid")

	// ErrVersionConflict: the version is not the actor's latest + 1. Another writer moved
	// the actor on first, or, where it lies beyond that, the caller believed in events
	// that are not there; see [ConflictError].
	ErrVersionConflict = errors.New("aether: version conflict")

	// ErrDuplicateEvent: the actor has an event of that ID already, at another
	// version or with other content; see [DuplicateError].
	ErrDuplicateEvent = errors.New("aether: duplicate event")

	// ErrNotSaved: the engine cannot save now, for a reason that is not the events', like
	// a full disk. Nothing was written, and the same save may succeed later.
	ErrNotSaved = errors.New("aether: not saved")

	// ErrUnavailable: the engine's servers cannot be reached now, or do not answer. What
	// was asked may be asked again; a save that failed so may have been saved, and the
	// same events saved again tell.
	ErrUnavailable = errors.New("aether: unavailable")

	// ErrSnapshotNotFound: the actor has no snapshot.
	ErrSnapshotNotFound = errors.New("aether: snapshot not found")

	// ErrClosed: the engine was closed.
	ErrClosed = errors.New("aether: closed")
)

// InvalidError says what is wrong with a caller's input. It is an [ErrInvalid].
type InvalidError struct {
	// Index is the place of the bad event among those passed, from 0; it is -1
	// when the error is not about one event.
	Index int

	// Field is the field as the JSON form names it: "actorId".
	Field string

	// Reason completes the sentence "Field …": "is empty".
	Reason string
}

func (e *InvalidError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("aether: %s %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("aether: event %d: %s %s", e.Index+1, e.Field, e.Reason)
}

// Is makes the error an [ErrInvalid].
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// ConflictError says which versions do not fit, and who was first. It is an [ErrVersionConflict].
type ConflictError struct {
	ActorID string

	// Tried is the version the caller passed, Latest the one the actor has.
	Tried  Version
	Latest Version

	// Events are those that won: the actor's events from Tried to Latest, the first
	// [MaxBatchEvents] of them and no more than [MaxBatchSize] bytes; GetEvents
	// has the rest. There are none when Tried lies beyond Latest+1: then nobody has won,
	// and what the caller has seen was never saved here.
	Events []Event
}

func (e *ConflictError) Error() string {
	text := fmt.Sprintf("aether: version conflict: actor %q is at version %d, so version %d cannot be saved", e.ActorID, e.Latest, e.Tried)
	if e.Tried > e.Latest+1 {
		text += fmt.Sprintf(": the next is %d", e.Latest+1)
	}
	return text
}

// Is makes the error an [ErrVersionConflict].
func (e *ConflictError) Is(target error) bool { return target == ErrVersionConflict }

// DuplicateError says where the event is already. It is an [ErrDuplicateEvent].
type DuplicateError struct {
	ActorID string
	EventID string

	// Tried is the version the caller passed, Version the one the event has. Where
	// they are the same, its content differs: type, schema or data.
	Tried   Version
	Version Version
}

func (e *DuplicateError) Error() string {
	if e.Tried == e.Version {
		return fmt.Sprintf("aether: duplicate event: actor %q has event %q at version %d with other content", e.ActorID, e.EventID, e.Version)
	}
	return fmt.Sprintf("aether: duplicate event: actor %q has event %q at version %d, so it cannot be saved at version %d", e.ActorID, e.EventID, e.Version, e.Tried)
}

// Is makes the error an [ErrDuplicateEvent].
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicateEvent }
