package integration

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Bus carries integration events to whoever subscribes. It is safe for concurrent use.
type Bus interface {
	// Publish hands events of one stream on; their numbers follow on each other. Events
	// whose numbers the bus has carried before are passed over. A number that leaves a
	// gap, to the last one or within the call, is an [ErrGap], and events of several
	// streams are an [ErrMixed]: then nothing of the call is carried. When it returns
	// nil, the bus has the events, in the way it has promised to keep them.
	Publish(ctx context.Context, events ...Event) error

	// Last returns the place behind the last event of a stream that the bus has carried
	// together with all others of its position; the zero Cursor when there is none, or
	// none that the bus remembers. A bus that keeps events may lose the newest in a
	// crash; a relay that is ahead of it goes back to there, and publishes them again.
	Last(ctx context.Context, stream Stream) (Cursor, error)

	// Subscribe yields the events of a stream with numbers greater than after, in
	// order, without a gap, and waits for what comes, until the loop is left or ctx
	// ends. A loop that is so slow, or begins so far back, that the bus does not have
	// the next event any more, ends with [ErrGone]: it reads the log up to a later
	// one, and subscribes again.
	Subscribe(ctx context.Context, stream Stream, after uint64) iter.Seq2[Event, error]
}

var (
	// ErrGone: the bus does not have the next event any more; see [GoneError].
	ErrGone = errors.New("integration: the bus has forgotten these events")

	// ErrGap: events are missing before those that were published; see [GapError].
	ErrGap = errors.New("integration: gap in a sequence")

	// ErrMixed: events of several streams were to be published with one call.
	ErrMixed = errors.New("integration: events of several streams in one call")
)

// GoneError says what the bus still has. It is an [ErrGone].
type GoneError struct {
	Stream Stream
	After  uint64 // what was asked for
	First  uint64 // the first that is there
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("integration: the bus has the events of %s from %d on; the next wanted was %d", e.Stream.System, e.First, e.After+1)
}

// Is makes the error an [ErrGone].
func (e *GoneError) Is(target error) bool { return target == ErrGone }

// GapError says which event was expected. It is an [ErrGap].
type GapError struct {
	Stream   Stream
	Expected uint64
	Got      uint64
}

func (e *GapError) Error() string {
	return fmt.Sprintf("integration: gap in the sequence of %s: %d was expected, and %d came", e.Stream.System, e.Expected, e.Got)
}

// Is makes the error an [ErrGap].
func (e *GapError) Is(target error) bool { return target == ErrGap }
