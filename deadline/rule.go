package deadline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// Rule says when something is due and what is to be done then.
type Rule struct {
	// Name names the rule in the IDs of its commands, so it does not change. At
	// most 100 bytes, none of them a slash.
	Name string

	// Version is raised whenever Derive makes something else of an event than it
	// did: checkpoints of another version are not used.
	Version int

	// Kinds and Types are those of the events that Derive is to see, as in
	// [aether.LogOptions]; all when empty. They must cover the events that clear a
	// deadline too.
	Kinds []string
	Types []string

	// Derive says what an event changes, in order; mostly nothing. It is pure: it
	// looks at nothing but the event, and is called again for the same event, by
	// several goroutines at a time. When it fails or panics, [Scheduler.Run] ends
	// with a [DeriveError], since nobody would notice a deadline that is left out. An
	// event that does not matter is no error.
	Derive func(event aether.Event) ([]Change, error)

	// Fire sends the command that is due. Nil says that it has been taken, and so
	// does an [aether.ErrRefused]: the deadline is done. After any other error, or a
	// panic, it is fired again later, unless an event clears or moves it; with [Later]
	// that is at a time of its choice. Fire runs for several deadlines at a time, and returns soon after ctx has ended, which
	// is when Run ends.
	Fire func(ctx context.Context, d Deadline) error
}

// Later is what Fire returns when it finds that nothing is due before a time, because of
// something that is in no event: the sign of life of a station whose silence the deadline
// is about. It is fired again then, and not before
// Options.MinBackoff has passed, which is no failure. After a restart it is fired once
// more at the time that the log has, and says so again.
func Later(at time.Time) error { return &laterError{at} }

type laterError struct{ at time.Time }

func (e *laterError) Error() string {
	return "deadline: nothing is due before " + e.at.Format(time.RFC3339Nano)
}

// Change is what an event does to a deadline of its actor; see [Set] and [Clear].
type Change struct {
	name string
	at   time.Time
	set  bool
}

// Set makes a deadline of a name, or moves it when the actor has one of that name.
// The name is the actor's own business: "payment", "hold/17". The time is not zero,
// lies within the years 1 to 9999 and is rounded up to the microsecond.
func Set(name string, at time.Time) Change { return Change{name: name, at: at, set: true} }

// Clear removes the deadline of a name, if the actor has one.
func Clear(name string) Change { return Change{name: name} }

func (c Change) String() string {
	if c.set {
		return fmt.Sprintf("set %q at %s", c.name, c.at.Format(time.RFC3339Nano))
	}
	return fmt.Sprintf("clear %q", c.name)
}

// Deadline is a command that is due at a time.
type Deadline struct {
	ActorID string
	Name    string
	At      time.Time

	// CommandID is to be the ID of the command. It follows from the rule's name,
	// the deadline's name and the event that set it, and has at most 150 bytes.
	CommandID string

	// Event is the one that set the deadline.
	Event aether.Event

	// Failed is how often Fire has failed since Run began or the deadline was set.
	Failed int
}

// DeriveError says that a rule's Derive failed for an event, after which no later
// one has been looked at, or that it is not pure.
type DeriveError struct {
	Rule  string
	Event aether.Event
	Err   error
}

func (e *DeriveError) Error() string {
	return fmt.Sprintf("deadline: rule %q cannot derive deadlines from the event at position %d, version %d of %s, a %s: %v",
		e.Rule, e.Event.Position, e.Event.Version, e.Event.ActorID, e.Event.Type, e.Err)
}

// Unwrap returns what Derive returned, or an [actor.PanicError].
func (e *DeriveError) Unwrap() error { return e.Err }

const maxRuleName = 100

// check panics when the rule is not complete, which every test of it finds.
func (r *Rule) check() {
	if len(r.Name) > maxRuleName || strings.Contains(r.Name, "/") || aether.CheckActorID(checkpointKind+"/"+r.Name) != nil {
		panic(fmt.Sprintf("deadline: %q is no name of a rule: 1 to %d bytes of valid UTF-8 without slashes and control characters", r.Name, maxRuleName))
	}
	if r.Derive == nil || r.Fire == nil {
		panic("deadline: the rule " + r.Name + " lacks Derive or Fire")
	}
}

// derive calls Derive and looks at what it returned.
func (r *Rule) derive(event aether.Event) (changes []Change, err error) {
	fail := func(err error) error { return &DeriveError{Rule: r.Name, Event: event, Err: err} }
	defer func() {
		if value := recover(); value != nil {
			changes, err = nil, fail(&actor.PanicError{ActorID: event.ActorID, Func: "Derive", Value: value, Stack: debug.Stack()})
		}
	}()
	if changes, err = r.Derive(event); err != nil {
		return nil, fail(err)
	}
	for _, c := range changes {
		if !c.set {
			continue
		}
		if c.at.IsZero() {
			return nil, fail(fmt.Errorf("the time of %q is zero", c.name))
		}
		if year := c.at.UTC().Year(); year < 1 || year > 9999 {
			return nil, fail(fmt.Errorf("the time of %q is in the year %d", c.name, year))
		}
	}
	return changes, nil
}

// fire calls Fire. A refusal is a success.
func (r *Rule) fire(ctx context.Context, d Deadline) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &actor.PanicError{ActorID: d.ActorID, Func: "Fire", Value: value, Stack: debug.Stack()}
		}
	}()
	if err := r.Fire(ctx, d); err != nil && !errors.Is(err, aether.ErrRefused) {
		return err
	}
	return nil
}

// commandID names the command of the deadline that an event set. It is a hash,
// since names and IDs may contain anything, slashes too, and be of any length.
func (r *Rule) commandID(event *aether.Event, name string) string {
	h := newHash()
	h.text("command")
	h.text(r.Name)
	h.text(event.ActorID)
	h.number(uint64(event.Version))
	h.text(name)
	id := h.sum()
	return "deadline/" + r.Name + "/" + hex.EncodeToString(id[:])
}

// fingerprint tells apart rules that read the log differently.
func (r *Rule) fingerprint() key {
	h := newHash()
	h.text("rule")
	h.number(uint64(r.Version))
	for _, list := range [][]string{r.Kinds, r.Types} {
		h.number(uint64(len(list)))
		for _, s := range list {
			h.text(s)
		}
	}
	return h.sum()
}

// keyOf is what is kept of a deadline's actor and name.
func keyOf(actorID, name string) key {
	h := newHash()
	h.text(actorID)
	h.text(name)
	return h.sum()
}

// hash is a SHA-256 of parts, each of which ends where it says.
type hash struct{ data []byte }

func newHash() hash { return hash{make([]byte, 0, 128)} }

func (h *hash) text(s string)   { h.number(uint64(len(s))); h.data = append(h.data, s...) }
func (h *hash) number(n uint64) { h.data = binary.BigEndian.AppendUint64(h.data, n) }

func (h *hash) sum() key {
	sum := sha256.Sum256(h.data)
	return key(sum[:16])
}

// micros is a time in microseconds, rounded up so that nothing is fired early.
func micros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}
