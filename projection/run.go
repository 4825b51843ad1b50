package projection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/readdb"
)

// ApplyError says which event could not be applied.
type ApplyError struct {
	Projection string
	Event      integration.Event
	Err        error
}

func (e *ApplyError) Error() string {
	return fmt.Sprintf("projection: %s cannot apply event %d, %s of %s: %v", e.Projection, e.Event.Sequence, e.Event.Type, e.Event.Subject, e.Err)
}

// Unwrap returns the cause.
func (e *ApplyError) Unwrap() error { return e.Err }

// Run applies what is in the history and then what comes over the bus, until ctx ends,
// or the store, the bus or the sink is closed, and returns why. Before an event that
// cannot be applied it stops, until [Follower.Retry] or [Follower.Skip]; without a bus
// it returns the [ApplyError]. At an [ErrNewer] it ends. Other errors are logged and tried again after growing
// pauses of up to ten seconds.
func (f *Follower[Tx]) Run(ctx context.Context) error {
	busy := false
	f.update(func() { busy, f.running = f.running, true })
	if busy {
		return ErrRunning
	}
	defer f.update(func() { f.running = false })

	r := &run[Tx]{Follower: f}
	failed := 0
	for {
		before := f.Status().Cursor
		err := r.project(ctx)
		stopped, isStopped := errors.AsType[*ApplyError](err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil, errors.Is(err, aether.ErrClosed), errors.Is(err, readdb.ErrClosed), errors.Is(err, ErrNewer):
			return err
		case isStopped:
			if err := r.stop(ctx, stopped); err != nil {
				return err
			}
			failed = 0
			continue
		case f.Status().Cursor != before:
			failed = 0
		}
		if errors.Is(err, ErrMoved) {
			r.begun = false
		}
		if (errors.Is(err, errMissed) || errors.Is(err, ErrMoved)) && failed == 0 {
			f.options.Logger.Debug("projection: reading the history", "reason", err)
		} else {
			f.options.Logger.Warn("projection: trying again", "error", err)
			f.update(func() { f.status.Error = err.Error() })
		}
		failed++
		_ = backoff.Wait(ctx, backoff.After(failed, time.Millisecond, 10*time.Second)) // project notices the end of ctx
	}
}

// run is a Run under way.
type run[Tx any] struct {
	*Follower[Tx]
	begun  bool // the cursor is known
	live   bool // it was so once
	cursor integration.Cursor
}

// stop waits until an operator says what to do about the event before which the
// projection has stopped.
func (r *run[Tx]) stop(ctx context.Context, why *ApplyError) error {
	r.options.Logger.Error("projection stopped", "error", why)
	r.update(func() { r.status.State, r.status.Error, r.status.At = Stopped, why.Err.Error(), &why.Event })
	if r.bus == nil {
		return why // nobody is there to give orders
	}
	return r.await(ctx, func() bool { return r.status.State != Stopped })
}

// project applies events until something fails.
func (r *run[Tx]) project(ctx context.Context) error {
	if !r.begun {
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	r.update(func() { r.status.State, r.status.Error = CatchingUp, "" })
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	r.update(func() { r.status.State, r.status.Ready = Live, true })
	if !r.live {
		r.live = true
		r.options.CaughtUp()
	}
	if r.bus == nil {
		return nil
	}
	return r.follow(ctx)
}

// begin finds out how far the sink is, and clears it when that was made of another
// history.
func (r *run[Tx]) begin(ctx context.Context) error {
	data, err := r.sink.Checkpoint(ctx)
	if err != nil {
		return err
	}
	cursor, same := integration.Cursor{}, true
	if data != nil {
		if cursor, same, err = r.check(ctx, data); err != nil {
			return err
		}
	}
	if !same {
		r.options.Logger.Warn("projection: what is there was made of other events, and is made again")
		r.update(func() { r.status.Ready = false })
		if err := r.sink.Clear(ctx); err != nil {
			return err
		}
		cursor = integration.Cursor{}
	}
	r.begun, r.cursor = true, cursor
	r.update(func() { r.status.Cursor, r.unheard = cursor, 0 })
	return nil
}

// check returns how far a checkpoint is, and whether it is of this history.
func (r *run[Tx]) check(ctx context.Context, data []byte) (integration.Cursor, bool, error) {
	var c checkpoint
	if err := json.Unmarshal(data, &c); err != nil || c.Stream != r.history.Stream() {
		return integration.Cursor{}, false, nil
	}
	mark, err := r.history.Mark(ctx, c.Cursor)
	return c.Cursor, err == nil && mark == c.Mark, err
}

// catchUp applies what is in the history.
func (r *run[Tx]) catchUp(ctx context.Context) error {
	var batch []integration.Event
	for e, err := range r.history.Read(ctx, r.cursor) {
		if err != nil {
			return errors.Join(r.write(ctx, whole(batch)), err)
		}
		if batch = append(batch, e); len(batch) >= r.options.Batch && e.Last {
			if err := r.write(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return r.write(ctx, whole(batch))
}

// whole returns the events of whole positions, which belong together.
func whole(batch []integration.Event) []integration.Event {
	for len(batch) > 0 && !batch[len(batch)-1].Last {
		batch = batch[:len(batch)-1]
	}
	return batch
}

// write applies a batch of events and writes what they change. When one cannot be
// applied, those before its position are.
func (r *run[Tx]) write(ctx context.Context, batch []integration.Event) error {
	if len(batch) == 0 {
		return nil
	}
	tx, err := r.sink.Begin(ctx)
	if err != nil {
		return err
	}
	for i := range batch {
		err := r.applyOne(ctx, tx, &batch[i])
		if err == nil {
			continue
		}
		r.sink.Rollback(tx)
		if ctx.Err() != nil || r.sink.IsFault(err) {
			return err
		}
		if err := r.write(ctx, whole(batch[:i])); err != nil {
			return err
		}
		return &ApplyError{Projection: r.name, Event: batch[i], Err: err}
	}
	last := &batch[len(batch)-1]
	cursor := integration.Cursor{Sequence: last.Sequence, Position: last.Position}
	data, err := json.Marshal(checkpoint{Stream: last.Stream, Cursor: cursor, Mark: last.Digest()})
	if err != nil {
		r.sink.Rollback(tx)
		return err
	}
	if err := r.sink.Commit(ctx, tx, data); err != nil {
		return err
	}
	r.cursor = cursor
	r.update(func() {
		r.status.Cursor = cursor
		for sequence := range r.skips {
			if sequence <= cursor.Sequence {
				delete(r.skips, sequence)
			}
		}
	})
	if r.live {
		r.options.Applied(batch)
	}
	return nil
}

func (r *run[Tx]) applyOne(ctx context.Context, tx Tx, e *integration.Event) (err error) {
	r.mu.Lock()
	skip := r.skips[e.Sequence]
	r.mu.Unlock()
	if skip {
		r.options.Logger.Warn("projection: event skipped", "sequence", e.Sequence, "type", e.Type, "subject", e.Subject)
		return nil
	}
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return r.apply(ctx, tx, *e)
}
