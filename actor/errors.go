package actor

import (
	"errors"
	"fmt"

	"github.com/aether-es/aether"
)

// ErrBusy says that the mailbox of the actor is full: the command was not taken.
// It may be sent again later.
var ErrBusy = errors.New("actor: busy: too many commands wait for this actor; try again later")

// UnknownError is the one error after which a command may have been carried out: the
// store failed while its events were being saved, or the caller did not wait for the
// end of it. The same command with the same ID finds out.
type UnknownError struct {
	ActorID   string
	CommandID string
	Err       error
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("actor: %s: it is not known whether the command %q was carried out; send it again with the same ID: %v",
		e.ActorID, e.CommandID, e.Err)
}

// Unwrap returns what went wrong.
func (e *UnknownError) Unwrap() error { return e.Err }

// PanicError says that a function that the program has given to Aether panicked, or
// ended its goroutine as t.FailNow does: one of a [Decider], of a deadline.Rule or of
// an effect.Effect. A command whose decider did has not been carried out.
type PanicError struct {
	ActorID string // of the actor, or of the effect, that it was called for
	Func    string // "Decide"
	Value   any    // what it panicked with; nil when it called runtime.Goexit
	Stack   []byte
}

func (e *PanicError) Error() string {
	what := "called runtime.Goexit"
	if e.Value != nil {
		what = fmt.Sprintf("panicked: %v", e.Value)
	}
	return fmt.Sprintf("actor: %s: %s %s\n%s", e.ActorID, e.Func, what, e.Stack)
}

// ErrContended says that others saved to the actor faster every time, so the command
// was not carried out. It wraps the conflict of the last attempt.
var ErrContended = errors.New("actor: others were faster each time; try again later")

// refusedError is an error of Decide that is no refusal by itself.
type refusedError struct {
	actorID string
	err     error
}

func (e *refusedError) Error() string        { return fmt.Sprintf("actor: %s refused: %v", e.actorID, e.err) }
func (e *refusedError) Unwrap() error        { return e.err }
func (e *refusedError) Is(target error) bool { return target == aether.ErrRefused }

// loadError says that an actor's events cannot be read.
func loadError(actorID string, err error) error {
	return fmt.Errorf("actor: load %s: %w", actorID, err)
}

// outrun says that others were faster every time.
func outrun(actorID string, attempts int, err error) error {
	return fmt.Errorf("%w: %s, %d attempts: %w", ErrContended, actorID, attempts, err)
}

func tooMuch(format string, limit int) error {
	return &aether.InvalidError{Index: -1, Field: "events", Reason: fmt.Sprintf(format, limit)}
}

func badCommandID(id string) error {
	if len(id) > MaxCommandID {
		return &aether.InvalidError{Index: -1, Field: "commandId", Reason: fmt.Sprintf("has %d bytes; at most %d", len(id), MaxCommandID)}
	}
	return nil
}
