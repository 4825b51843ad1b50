// Package jsonl reads and writes events as lines of JSON, the one form in which
// they travel between Aether and the world:
//
//	{"id","actorId","version","type","schema","data","metadata","time","position"}
//
// What is read must say what it means. A field that is unknown, misspelled or
// there twice is an error, and so is text that is not exactly Unicode; the
// standard library's decoder would let all of these pass.
package jsonl

import (
	"fmt"

	"github.com/aether-es/aether"
)

// MaxLine is the length in bytes of the longest line that is read. The data
// counts towards [aether.MaxEventSize] with its white space, so an event that
// can be saved fits, with room for its names and texts.
const MaxLine = aether.MaxEventSize + 64<<10

// Line is one event that was read.
type Line struct {
	// Number counts the lines of the input, empty ones too, from 1.
	Number int

	// Event is as it was written. Its version is 0, its ID and time are empty
	// where the line has none, and its position is always 0.
	Event aether.Event
}

// LineError says what is wrong with a line. It is an [aether.ErrInvalid].
type LineError struct {
	Line int

	// Field is the field with the fault, empty when it is the whole line.
	Field string

	// Reason completes the sentence "Field …" or "line 7 …".
	Reason string
}

func (e *LineError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d: %s %s", e.Line, e.Field, e.Reason)
}

// Is makes the error an [aether.ErrInvalid].
func (e *LineError) Is(target error) bool { return target == aether.ErrInvalid }
