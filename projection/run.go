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

// errOrder says that an operator has asked for something.
var errOrder = errors.New("projection: an order came")

// Run applies what is in the history and then what comes over the bus, until ctx
// ends, or the store, the bus or the read DB is closed, and returns why. Other
// errors are logged and tried again after growing pauses of up to ten seconds.
func (p *Projector) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.running {
		p.mu.Unlock()
		return ErrRunning
	}
	p.running = true
	p.mu.Unlock()
	defer p.set(func(*Status) { p.running, p.place = false, nil })

	failed := 0
	for {
		before := p.Status().Cursor
		err := p.project(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case errors.Is(err, aether.ErrClosed), errors.Is(err, readdb.ErrClosed):
			return err
		}
		var stopped *ApplyError
		if errors.As(err, &stopped) {
			p.options.Logger.Error("projection stopped", "error", err)
			p.set(func(s *Status) { s.State, s.Error, s.At = Stopped, stopped.Err.Error(), &stopped.Event })
			if p.bus == nil {
				return err // nobody is there to give orders
			}
			if err := p.awaitOrder(ctx, stopped.Event.Sequence); err != nil {
				return err
			}
			p.set(func(s *Status) { s.State, s.Error, s.At = CatchingUp, "", nil })
			failed = 0
			continue
		}
		if errors.Is(err, errOrder) {
			if o := p.takeOrder(); o.rebuild {
				p.rebuild()
			}
			continue
		}
		if p.Status().Cursor != before {
			failed = 0
		}
		failed++
		p.options.Logger.Warn("projection: trying again", "error", err)
		p.set(func(s *Status) { s.Error = err.Error() })
		_ = backoff.Wait(ctx, backoff.After(failed, time.Millisecond, 10*time.Second)) // project notices the end of ctx
	}
}

// awaitOrder waits until an operator says what to do about the event before which the
// projection has stopped.
func (p *Projector) awaitOrder(ctx context.Context, sequence uint64) error {
	for {
		select {
		case <-p.ordered:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch o := p.takeOrder(); {
		case o.rebuild:
			p.rebuild()
			return nil
		case o.skip == sequence:
			return p.skip(ctx, sequence)
		case o.retry:
			return nil
		}
	}
}

// rebuild lets the next round begin a new space.
func (p *Projector) rebuild() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, generation, _ := parseSpaceName(p.projection.Name, p.place.space.Name())
	space := p.db.Space(spaceName(p.projection.Name, p.projection.Version, generation+1))
	p.place = &place{space: space}
	p.status.Building = space.Name()
}

// skip moves the cursor past an event without applying it.
func (p *Projector) skip(ctx context.Context, sequence uint64) error {
	for e, err := range p.history.Read(ctx, p.place.cursor) {
		if err != nil {
			return err
		}
		if e.Sequence < sequence {
			continue
		}
		p.options.Logger.Warn("projection: event skipped", "sequence", e.Sequence, "type", e.Type, "subject", e.Subject)
		return p.write(p.place.space.Begin(), []integration.Event{e}, false)
	}
	return nil
}

// project applies events until something fails.
func (p *Projector) project(ctx context.Context) error {
	if p.place == nil {
		opened, err := p.open(ctx)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.place = opened
		p.status.Cursor = opened.cursor
		p.wakeWaiters()
		if opened.space.Name() != p.serving.Name() {
			p.status.Building = opened.space.Name()
		}
		p.mu.Unlock()
	}
	p.set(func(s *Status) { s.State, s.Error = CatchingUp, "" })
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	if p.place.space.Name() != p.Space().Name() {
		if err := p.serve(p.place.space); err != nil {
			return err
		}
	} else if _, found, err := actives.Get(p.notes(), p.projection.Name); err != nil || !found {
		if err := errors.Join(err, p.serve(p.place.space)); err != nil {
			return err
		}
	}
	p.set(func(s *Status) { s.State = Live })
	if p.bus == nil {
		return nil
	}
	return p.follow(ctx)
}

// catchUp applies what is in the history.
func (p *Projector) catchUp(ctx context.Context) error {
	var batch []integration.Event
	for e, err := range p.history.Read(ctx, p.place.cursor) {
		if err != nil {
			return errors.Join(err, p.apply(batch, false))
		}
		if batch = append(batch, e); len(batch) >= p.options.Batch && e.Last {
			if err := p.apply(batch, false); err != nil {
				return err
			}
			batch = batch[:0]
			if p.hasOrder() {
				return errOrder
			}
		}
	}
	return p.apply(batch, false)
}

func (p *Projector) hasOrder() bool {
	select {
	case <-p.ordered:
		return true
	default:
		return false
	}
}

// apply applies a batch of events and writes what they change. When one cannot be
// applied, those before it are.
func (p *Projector) apply(batch []integration.Event, live bool) error {
	if len(batch) == 0 {
		return nil
	}
	tx := p.place.space.Begin()
	for i := range batch {
		if err := p.applyOne(tx, batch[i]); err != nil {
			whole := i // the events of one position belong together
			for whole > 0 && !batch[whole-1].Last {
				whole--
			}
			return errors.Join(p.apply(batch[:whole], live), &ApplyError{Projection: p.projection.Name, Event: batch[i], Err: err})
		}
	}
	return p.write(tx, batch, live)
}

func (p *Projector) applyOne(tx *readdb.Tx, e integration.Event) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return p.projection.Apply(tx, e)
}

// write commits what a batch has changed, with the cursor behind it.
func (p *Projector) write(tx *readdb.Tx, batch []integration.Event, live bool) error {
	last := &batch[len(batch)-1]
	cursor := integration.Cursor{Sequence: last.Sequence, Position: last.Position}
	data, err := json.Marshal(checkpoint{Stream: last.Stream, Cursor: cursor, Mark: last.Digest()})
	if err != nil {
		return err
	}
	if err := tx.Commit(data); err != nil {
		return err
	}
	p.mu.Lock()
	p.place.cursor, p.status.Cursor = cursor, cursor
	p.wakeWaiters()
	p.mu.Unlock()
	if live && p.options.Applied != nil {
		p.options.Applied(batch)
	}
	return nil
}
