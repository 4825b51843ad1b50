package effect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aether-es/aether"
)

// Effect is one kind of action on the outside world: which events ask for it, how
// it is called and what becomes of its outcome. Its functions may run at the same
// time as each other. One that panics has returned an error, an [actor.PanicError].
type Effect struct {
	// Name names the effect for ever: "unlock". At most [MaxName] bytes, no slash.
	Name string

	// Kinds are the kinds of the actors, Types the types of the events that Request
	// is asked about. Empty means all. What is added here later causes nothing for
	// events before that, as if it were a new effect. The events of effects
	// themselves, of the kind "effect", cause none.
	Kinds []string
	Types []string

	// FromStart has a new effect called for the events of the past as well.
	FromStart bool

	// Request says whether an event asks for the effect, and how it is to be
	// called. It is pure, and it never changes its mind: it is asked again after
	// every restart, and where it said no it must go on to. When it fails, the
	// effect is listed as [Failed] until a program that does better is started, or
	// somebody settles it.
	Request func(event aether.Event) (request Request, asked bool, err error)

	// Call does it. It returns soon after its ctx is done, and does nothing once it
	// has returned. What it returns is JSON, or nil, and says how the target
	// answered, a "no" included. The error of [NotDone] says that nothing happened
	// and nothing will. With any other error it is not known whether it happened,
	// which goes for a panic too, and for an answer that cannot be saved.
	Call func(ctx context.Context, call Call) (json.RawMessage, error)

	// Record makes the outcome a fact, typically by the Record of an actor.Host with
	// the ID of the call as the CommandID. It is called until it returns nil,
	// and may be called again after that with the same outcome. Optional.
	Record func(ctx context.Context, call Call, outcome Outcome) error

	// Resolve is asked about an effect that is [InDoubt] or [Failed]: it finds out
	// from the target or from the events what happened, or returns false while it
	// does not know. It changes nothing. Optional.
	Resolve func(ctx context.Context, call Call) (outcome Outcome, known bool, err error)

	// Keyed says that the target recognises the ID of a call that it has had before,
	// and does not do it again. Then the call is repeated until there is an answer.
	// Otherwise it is made at most once.
	Keyed bool

	// Retry bounds the repetition of calls. By default 10 attempts within a day if
	// the effect is keyed, else 1. An effect that is not keyed is repeated only after
	// NotDone.
	Retry Retry

	// ResolveRetry bounds the questions to Resolve, which begin anew after a restart.
	// By default 10 within a day.
	ResolveRetry Retry
}

// MaxName is how many bytes the name of an effect may have.
const MaxName = 64

// Request says how an effect is to be called.
type Request struct {
	// Target is what the call goes to: "station/CP-1". Calls to one target are made
	// one at a time, in the order of the events that asked for them, whichever
	// effects of the runner they are. Those without a target do not wait for each
	// other. At most [aether.MaxNameLength] bytes.
	Target string

	// Timeout is how long a call may take, 30 seconds by default.
	Timeout time.Duration

	// Expires is when it is too late: afterwards no call begins, and what was not
	// called has the outcome "not done". Zero means never.
	Expires time.Time
}

const defaultTimeout = 30 * time.Second

func (q *Request) check() error {
	q.Target = strings.Clone(q.Target) // it may be a part of the event's data
	if q.Timeout <= 0 {
		q.Timeout = defaultTimeout
	}
	if len(q.Target) > aether.MaxNameLength {
		return fmt.Errorf("the target has %d bytes; at most %d are allowed", len(q.Target), aether.MaxNameLength)
	}
	if strings.ToValidUTF8(q.Target, "") != q.Target {
		return errors.New("the target is not valid UTF-8")
	}
	return nil
}

// Call is what the functions of an effect are told.
type Call struct {
	// ID is the effect's: "effect/unlock/station/CP-1@57". It is the same for every
	// attempt, in every process: the idempotency key of a keyed effect, and the ID of
	// the command that records the outcome.
	ID string

	// Effect is the name.
	Effect string

	// Cause is the event that asked for the effect.
	Cause aether.Event

	// Target is that of the request.
	Target string

	// Attempt counts the calls from 1. For Record and Resolve it is the number of
	// calls that were begun.
	Attempt int

	// Deadline is when the ctx of Call and Resolve ends. It is told by the clock of
	// the runner, which is why the ctx itself has none. Zero for Record.
	Deadline time.Time
}

// Outcome is how an effect ended.
type Outcome struct {
	// Done: the target was called and has answered. What it said is in Data; a
	// target that declines has answered. Otherwise nothing has happened, for
	// certain.
	Done bool            `json:"done"`
	Data json.RawMessage `json:"data,omitempty"`

	// Reason says why nothing happened, or how somebody knows.
	Reason string `json:"reason,omitempty"`
}

// NotDoneError is an [ErrNotDone] with the reason.
type NotDoneError struct{ Err error }

// NotDone is what Call returns when it is certain that nothing has happened and
// nothing will: the station is not connected, the request could not be written, the
// other side did not take it. A timeout is no such thing, since the request may have
// arrived. The effect may then be tried again, see [Effect.Retry], or its outcome is
// "not done".
func NotDone(err error) error { return &NotDoneError{err} }

func (e *NotDoneError) Error() string {
	if e.Err == nil {
		return "not done"
	}
	return "not done: " + e.Err.Error()
}

// Is makes the error an [ErrNotDone].
func (e *NotDoneError) Is(target error) bool { return target == ErrNotDone }

// Unwrap returns the reason.
func (e *NotDoneError) Unwrap() error { return e.Err }
