package tables

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/projection"
)

// errMissed says that the history is to be read: the bus does not have the next event,
// or another process has moved on.
var errMissed = errors.New("tables: the next event is in the history")

// Run applies what is in the history and then what comes over the bus, until ctx ends,
// or the store or the bus is closed, or the rows turn out to be those of a newer
// program ([ErrNewer]), and returns why. Other errors, those of Apply too,
// are logged and tried again after growing pauses of up to ten seconds; without a bus an
// error of Apply is returned.
func (p *Projector) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.running {
		p.mu.Unlock()
		return projection.ErrRunning
	}
	p.running = true
	p.mu.Unlock()
	defer p.set(func(*Status) { p.running = false })

	failed := 0
	for {
		before := p.Status().Cursor
		err := p.project(ctx)
		if p.Status().Cursor != before {
			failed = 0
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case errors.Is(err, aether.ErrClosed), errors.Is(err, ErrNewer):
			return err
		case errors.Is(err, errMissed):
			continue
		}
		var stopped *projection.ApplyError
		if errors.As(err, &stopped) {
			p.set(func(s *Status) { s.State, s.Error, s.At = projection.Stopped, stopped.Err.Error(), &stopped.Event })
			if p.bus == nil {
				return err
			}
		} else {
			p.set(func(s *Status) { s.Error = err.Error() })
		}
		failed++
		p.options.Logger.Warn("tables: trying again", "error", err)
		_ = backoff.Wait(ctx, backoff.After(failed, 5*time.Millisecond, 10*time.Second)) // project notices the end of ctx
	}
}

// project applies events until something fails.
func (p *Projector) project(ctx context.Context) error {
	cursor, err := p.open(ctx)
	if err != nil {
		return err
	}
	p.set(func(s *Status) {
		s.Cursor = cursor
		if s.State != projection.Stopped {
			s.State = projection.CatchingUp
		}
	})
	var batch []integration.Event
	for e, err := range p.history.Read(ctx, cursor) {
		if err != nil {
			return errors.Join(err, p.apply(ctx, batch))
		}
		if batch = append(batch, e); len(batch) >= p.options.Batch && e.Last {
			if err := p.apply(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := p.apply(ctx, batch); err != nil {
		return err
	}
	p.set(func(s *Status) { s.State, s.Error, s.At = projection.Live, "", nil })
	if p.bus == nil {
		return nil
	}
	return p.follow(ctx)
}

// follow applies what comes over the bus; what is there at once, together.
func (p *Projector) follow(outer context.Context) error {
	ctx, stop := context.WithCancel(outer)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	events := make(chan integration.Event, p.options.Batch)
	next := p.Status().Cursor.Sequence + 1
	var ended error
	reader.Go(func() {
		defer close(events)
		for e, err := range p.bus.Subscribe(ctx, p.history.Stream(), next-1) {
			if err != nil {
				ended = err
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				ended = ctx.Err()
				return
			}
		}
	})
	var batch []integration.Event
	for {
		whole := len(batch) > 0 && batch[len(batch)-1].Last // the events of one position belong together
		if whole && (len(events) == 0 || len(batch) >= p.options.Batch) {
			if err := p.apply(outer, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		e, ok := <-events
		switch {
		case !ok && errors.Is(ended, integration.ErrGone):
			return errMissed
		case !ok:
			return ended
		case e.Sequence < next:
			continue
		case e.Sequence > next:
			return errMissed
		}
		next++
		batch = append(batch, e)
	}
}

// apply applies a batch of events in one transaction. When one cannot be applied, those
// of the positions before it are.
func (p *Projector) apply(ctx context.Context, batch []integration.Event) error {
	if len(batch) == 0 {
		return nil
	}
	err := p.applyAll(ctx, batch)
	var stopped *projection.ApplyError
	if !errors.As(err, &stopped) {
		return err
	}
	whole := 0
	for i := range batch {
		if batch[i].Position < stopped.Event.Position {
			whole = i + 1
		}
	}
	return errors.Join(p.apply(ctx, batch[:whole]), err)
}

func (p *Projector) applyAll(ctx context.Context, batch []integration.Event) error {
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("tables: begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // does nothing after Commit
	version, at, err := p.load(ctx, tx, true)
	if err != nil {
		return err
	}
	first, last := &batch[0], &batch[len(batch)-1]
	if version != p.projection.Version || at == nil || at.Cursor.Sequence != first.Sequence-1 {
		return errMissed // another process has moved on, or begun again
	}
	for i := range batch {
		if p.skips(batch[i].Sequence) {
			p.options.Logger.Warn("tables: event skipped", "sequence", batch[i].Sequence, "type", batch[i].Type, "subject", batch[i].Subject)
			continue
		}
		if err := p.guard(func() error { return p.projection.Apply(ctx, tx, batch[i]) }); err != nil {
			if ctx.Err() != nil || tx.Conn().IsClosed() {
				return err // it is not the event that is at fault
			}
			return &projection.ApplyError{Projection: p.projection.Name, Event: batch[i], Err: err}
		}
	}
	cursor := integration.Cursor{Sequence: last.Sequence, Position: last.Position}
	if err := p.store(ctx, tx, checkpoint{Stream: last.Stream, Cursor: cursor, Mark: last.Digest()}); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("tables: commit: %w", err)
	}
	p.set(func(s *Status) { s.Cursor = cursor })
	return nil
}

// guard turns a panic of the user's code into an error.
func (p *Projector) guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return f()
}
