package effect

import (
	"cmp"
	"errors"
	"time"

	"github.com/aether-es/aether"
)

// State is how far an effect has come. One whose outcome is recorded has none: it
// is closed.
type State string

// The states of open effects.
const (
	// Pending: no call was begun.
	Pending State = "pending"

	// Calling: an attempt was recorded, and how it ended was not.
	Calling State = "calling"

	// Retrying: the last attempt failed, and there will be another.
	Retrying State = "retrying"

	// InDoubt: a call was made that may have had its effect, nobody knows. It stays
	// so until Resolve knows or somebody settles it.
	InDoubt State = "in-doubt"

	// Failed: a keyed effect used up its attempts, and it is not known whether one of
	// them has had its effect; or Request failed, and there was no call. It stays so
	// like one in doubt.
	Failed State = "failed"

	// Recording: the outcome is known and saved, and Record has not taken it yet.
	Recording State = "recording"
)

func states() []State { return []State{Pending, Calling, Retrying, InDoubt, Failed, Recording} }

// Cause is the event that asked for an effect.
type Cause struct {
	ActorID  string          `json:"actorId"`
	Version  aether.Version  `json:"version"`
	Position aether.Position `json:"position"`
}

// entry is an open effect, as the log tells it. The JSON form is that of the
// checkpoint.
type entry struct {
	ID      string         `json:"id"`
	Effect  string         `json:"effect"`
	Cause   Cause          `json:"cause"`
	Target  string         `json:"target,omitempty"`
	Version aether.Version `json:"version"` // of its stream
	State   State          `json:"state"`
	Since   time.Time      `json:"since"`
	Error   string         `json:"error,omitempty"`

	// Broken: Request failed. Unreadable: its stream has an event that this program
	// does not understand, so nothing may be done about it here.
	Broken     bool `json:"broken,omitempty"`
	Unreadable bool `json:"unreadable,omitempty"`

	// Attempts are the calls begun, the first of them at First. Unsure: one of them
	// may have had its effect, though it brought no answer.
	Attempts int       `json:"attempts,omitempty"`
	First    time.Time `json:"first,omitzero"`
	Unsure   bool      `json:"unsure,omitempty"`
	RetryAt  time.Time `json:"retryAt,omitzero"`

	// Of the attempt that is open, and where it is in the log. The runner is also
	// that of the outcome.
	Runner   string          `json:"runner,omitempty"`
	Deadline time.Time       `json:"deadline,omitzero"`
	Attempt  aether.Position `json:"attempt,omitempty"`

	Outcome *Outcome `json:"outcome,omitempty"`

	// Where it is in memory.
	line    *line
	closed  bool   // it is in the book no more
	changed bool   // it is in line.changed
	in      *queue // one of the line's, or nil; at index, until due
	index   int
	due     time.Time // zero: now

	// What only the run that works on it knows.
	busy    bool      // a task works on it
	tries   int       // that failed, of what is to be done in this state
	again   time.Time // not before that
	asked   time.Time // when Resolve was first
	trouble string    // the error of the last one
}

// evolve takes the entry one event further and says whether it stays open.
func (e *entry) evolve(event aether.Event, f fact) bool {
	e.Version, e.Since = event.Version, event.Time
	e.tries, e.again, e.trouble = 0, time.Time{}, ""
	switch f := f.(type) {
	case attempted:
		e.Unsure = e.Unsure || e.State == Calling // the one before was never ended
		if e.Attempts == 0 {
			e.First = event.Time
		}
		e.Attempts++
		e.State, e.Runner, e.Deadline, e.Attempt = Calling, f.Runner, f.Deadline, event.Position
	case withheld:
		e.Attempts--
		e.State = Retrying
		if e.Attempts == 0 {
			e.State = Pending
		}
		e.RetryAt = event.Time
	case failed:
		e.State, e.Error, e.RetryAt = Retrying, f.Error, f.RetryAt
		e.Unsure = e.Unsure || !f.NotDone
	case inDoubt:
		e.State, e.Error, e.Unsure = InDoubt, f.Error, true
		if f.GaveUp {
			e.State = Failed
		}
	case done:
		e.ended(f.Runner, Outcome{Done: true, Data: f.Data, Reason: f.Reason})
	case notDone:
		e.ended(f.Runner, Outcome{Reason: f.Reason})
	case settled:
		e.ended("", f.Outcome)
	case recorded:
		return false
	}
	return true
}

func (e *entry) ended(runner string, outcome Outcome) {
	e.State, e.Runner, e.Outcome, e.Error = Recording, runner, &outcome, ""
}

// Info is an open effect in a list.
type Info struct {
	// ID names it for Settle.
	ID string `json:"id"`

	Effect string `json:"effect"`
	Cause  Cause  `json:"cause"`
	Target string `json:"target,omitempty"`
	State  State  `json:"state"`

	// Since is when it came into the state.
	Since time.Time `json:"since"`

	// Attempts is how many calls were begun.
	Attempts int `json:"attempts"`

	// Next is when the call under way must be over, or when the next begins; zero
	// where there is no such time.
	Next time.Time `json:"next,omitzero"`

	// Error is the last one, if that did not lead to an outcome.
	Error string `json:"error,omitempty"`

	// Outcome is set while it is Recording.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// over is when an attempt of another runner is not thought to be under way any more.
func (e *entry) over(grace time.Duration) time.Time { return e.Deadline.Add(grace) }

// info returns the entry as it is at a time. What follows when the attempt of a
// program that died is over, is said before any runner has recorded it, and if
// there is none.
func (e *entry) info(x *Effect, now time.Time, grace time.Duration) Info {
	info := Info{
		ID: e.ID, Effect: e.Effect, Cause: e.Cause, Target: e.Target, State: e.State,
		Since: e.Since, Attempts: e.Attempts, Error: cmp.Or(e.trouble, e.Error), Outcome: e.Outcome,
	}
	switch e.State {
	case Calling:
		info.Next = e.Deadline
		if over := e.over(grace); !e.Unreadable && !now.Before(over) {
			info.State, info.Since, info.Next = InDoubt, over, time.Time{}
			if x.Keyed {
				info.State, info.Next = Retrying, over
			}
			info.Error = cmp.Or(info.Error, errSilent.Error())
		}
	case Retrying:
		info.Next = e.RetryAt
	}
	return info
}

var errSilent = errors.New("the runner that called did not say how the call ended")
