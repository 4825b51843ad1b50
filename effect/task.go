package effect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

var errNotKnown = errors.New("resolve: not known yet")

// task does one action for an effect. Each of its saves states what it believes
// the latest event of the effect's stream to be; a conflict means that another
// runner, or somebody who settles, was first, and the task leaves the effect to
// them.
type task struct {
	*run
	entry  entry // as it was when the task began
	effect *Effect

	cause   aether.Event
	request Request
}

// load reads the cause, and asks Request how to call.
func (t *task) load(ctx context.Context) (err error) {
	if t.cause, err = t.Runner.cause(ctx, t.entry.Cause); err != nil {
		return err
	}
	var asked bool
	t.request, asked, err = ask(t.effect, t.entry.ID, t.cause)
	if err == nil && !asked {
		err = errors.New("request: says now that the event does not ask for it")
	}
	return err
}

func (t *task) call(deadline time.Time) Call {
	return Call{
		ID: t.entry.ID, Effect: t.entry.Effect, Cause: t.cause, Target: t.entry.Target,
		Attempt: t.entry.Attempts, Deadline: deadline,
	}
}

// save saves one event, as often as it takes, and has the book read up to it; after
// a conflict, up to what won.
func (t *task) save(ctx context.Context, version aether.Version, f fact) (aether.Position, error) {
	event, err := t.event(&t.entry, t.cause, version, f)
	if err != nil {
		return 0, err
	}
	var position aether.Position
	err = t.persist(ctx, "save "+event.Type, func() (err error) {
		position, err = t.store.SaveEvents(ctx, event)
		return err
	})
	conflict, lost := errors.AsType[*aether.ConflictError](err)
	if err != nil && !lost {
		return 0, err
	}
	if failed := t.persist(ctx, "read the log", func() error {
		if lost {
			return t.catchUp(ctx, t.book)
		}
		return t.book.advance(ctx, t.store, position)
	}); failed != nil {
		return 0, failed
	}
	if lost {
		if e, ok := t.book.entry(t.entry.ID); ok && e.Version < conflict.Latest {
			return 0, fmt.Errorf("the log does not have what the stream has: %v", err) // not a conflict that passes
		}
	}
	return position, err
}

// leave makes nothing of a conflict.
func leave(err error) error {
	if errors.Is(err, aether.ErrVersionConflict) {
		return nil
	}
	return err
}

// attempt records an attempt, makes the call and records how it ended.
func (t *task) attempt(saving, calling context.Context) error {
	if err := t.load(saving); err != nil {
		return err
	}
	e, now := &t.entry, t.options.Clock.Now()
	if end := t.tooLate(now); end != nil {
		_, err := t.save(saving, e.Version+1, end)
		return leave(err)
	}
	deadline := now.Add(t.request.Timeout).UTC().Truncate(time.Microsecond)
	position, err := t.save(saving, e.Version+1, attempted{
		Attempt: e.Attempts + 1, Runner: t.id, Deadline: deadline, Target: e.Target, Cause: e.Cause,
	})
	if err != nil {
		return leave(err)
	}
	if e.Attempts == 0 {
		e.First = now
	}
	e.Unsure = e.Unsure || e.State == Calling
	e.Attempts, e.Version = e.Attempts+1, e.Version+1

	if reason := t.mayNotCall(position, deadline); reason != "" {
		if _, err = t.save(saving, e.Version+1, withheld{reason}); err != nil {
			return leave(err)
		}
		return errors.New("the attempt was taken back: " + reason)
	}
	data, err := t.make(calling, deadline)
	return t.ended(saving, data, err)
}

// tooLate returns how an effect ends that may not be attempted (again).
func (t *task) tooLate(now time.Time) fact {
	e, reason := &t.entry, ""
	switch {
	case !t.request.Expires.IsZero() && !now.Before(t.request.Expires):
		reason = "it was too late: the request expired at " + t.request.Expires.UTC().Format(time.RFC3339)
	case e.Attempts >= t.effect.Retry.Attempts, e.Attempts > 0 && now.After(e.First.Add(t.effect.Retry.Within)):
		reason = "no attempt is left"
	default:
		return nil
	}
	if e.Error != "" {
		reason += "; the last error: " + e.Error
	}
	if e.Unsure || e.State == Calling {
		return inDoubt{Error: reason, GaveUp: t.effect.Keyed}
	}
	return notDone{Reason: reason, Runner: t.id}
}

// mayNotCall says why the call of an attempt that was recorded is not to be made
// after all. The book has been read up to the attempt, so it knows every attempt
// that was recorded before: of two for one target the earlier one has it.
func (t *task) mayNotCall(position aether.Position, deadline time.Time) string {
	t.book.mu.Lock()
	defer t.book.mu.Unlock()
	e := t.book.entries[t.entry.ID]
	switch {
	case t.stopping:
		return "the runner ends"
	case !t.options.Clock.Now().Before(deadline):
		return "to record it took too long"
	case e == nil || e.Attempt != position || e.State != Calling:
		return "it is not the latest any more"
	}
	if e.line.holder() != e {
		return "another call to the target is under way"
	}
	return ""
}

// make calls.
func (t *task) make(ctx context.Context, deadline time.Time) (data json.RawMessage, err error) {
	err = t.within(ctx, deadline, "Call", func(ctx context.Context) (err error) {
		data, err = t.effect.Call(ctx, t.call(deadline))
		return err
	})
	if err != nil {
		return nil, err
	}
	// An answer that the store will not take is none.
	event, err := t.event(&t.entry, t.cause, 1, done{Data: data, Runner: t.id})
	if err == nil {
		err = aether.CheckEvents([]aether.Event{event})
	}
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be saved: %w", err)
	}
	return data, nil
}

// within calls f with a ctx that ends at a time of the clock.
func (t *task) within(ctx context.Context, end time.Time, name string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if t.options.Clock.WaitUntil(ctx, end) == nil {
			cancel(context.DeadlineExceeded)
		}
	}()
	defer func() {
		cancel(nil)
		<-over
	}()
	return guarded(t.entry.ID, name, func() error { return f(ctx) })
}

// ended records how the call ended. It has happened, so this goes on as long as
// nobody else has said how.
func (t *task) ended(ctx context.Context, data json.RawMessage, failure error) error {
	if _, panicked := errors.AsType[*actor.PanicError](failure); panicked {
		t.options.Logger.Error("effect: a call panicked", "effect", t.entry.ID, "error", failure)
	}
	end := t.end(data, failure)
	for version := t.entry.Version + 1; ; {
		_, err := t.save(ctx, version, end)
		if !errors.Is(err, aether.ErrVersionConflict) {
			if err != nil {
				t.options.Logger.Error("effect: how a call ended is not recorded; it will be in doubt", "effect", t.entry.ID, "data", data, "failure", failure, "error", err)
			}
			return err
		}
		// Somebody thought that this runner was dead. That does not matter to one that
		// brings the answer, if nobody has given another one.
		now, open := t.book.entry(t.entry.ID)
		switch {
		case !open || now.Outcome != nil:
			t.options.Logger.Warn("effect: a call ended when its outcome was already known", "effect", t.entry.ID, "data", data, "failure", failure)
			return nil
		case failure == nil:
		case errors.Is(failure, ErrNotDone) && now.State == InDoubt && now.Attempts == t.entry.Attempts:
			end = notDone{Reason: text(failure), Runner: t.id}
		default:
			return nil
		}
		version = now.Version + 1
	}
}

// end says what follows from how the call ended.
func (t *task) end(data json.RawMessage, failure error) fact {
	if failure == nil {
		return done{Data: data, Runner: t.id}
	}
	var (
		e      = &t.entry
		cause  = text(failure)
		sure   = errors.Is(failure, ErrNotDone)
		at, ok = t.effect.Retry.next(t.options.Clock.Now(), e.First, e.Attempts)
	)
	switch {
	case ok && (sure || t.effect.Keyed):
		return failed{Error: cause, NotDone: sure, RetryAt: at.UTC().Truncate(time.Microsecond)}
	case sure && !e.Unsure:
		return notDone{Reason: cause, Runner: t.id}
	}
	return inDoubt{Error: cause, GaveUp: t.effect.Keyed}
}

// doubt says that nobody knows how an attempt ended.
func (t *task) doubt(ctx context.Context) error {
	if err := t.loadCause(ctx); err != nil {
		return err
	}
	_, err := t.save(ctx, t.entry.Version+1, inDoubt{Error: errSilent.Error()})
	return leave(err)
}

func (t *task) loadCause(ctx context.Context) (err error) {
	t.cause, err = t.Runner.cause(ctx, t.entry.Cause)
	return err
}

// resolve asks how a call ended.
func (t *task) resolve(saving, calling context.Context) error {
	if err := t.load(saving); err != nil {
		return err
	}
	var (
		outcome  Outcome
		known    bool
		deadline = t.options.Clock.Now().Add(t.request.Timeout)
	)
	err := t.within(calling, deadline, "Resolve", func(ctx context.Context) (err error) {
		outcome, known, err = t.effect.Resolve(ctx, t.call(deadline))
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("resolve: %w", err)
	case !known:
		return errNotKnown
	}
	var end fact = notDone{Reason: shorten(outcome.Reason), Runner: t.id, Resolved: true}
	if outcome.Done {
		end = done{Data: outcome.Data, Reason: shorten(outcome.Reason), Runner: t.id, Resolved: true}
	}
	_, err = t.save(saving, t.entry.Version+1, end)
	return leave(err)
}

// record has the outcome recorded, and closes the effect.
func (t *task) record(ctx context.Context) error {
	if err := t.loadCause(ctx); err != nil {
		return err
	}
	if t.effect.Record != nil {
		err := guarded(t.entry.ID, "Record", func() error { return t.effect.Record(ctx, t.call(time.Time{}), *t.entry.Outcome) })
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
	}
	_, err := t.save(ctx, t.entry.Version+1, recorded{})
	return leave(err)
}
