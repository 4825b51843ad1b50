package projection

import (
	"context"
	"errors"
	"sync"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
)

// follow applies what comes over the bus. What is there at once is applied together.
// It ends without an error when events are missing, which are then read from the
// history.
func (p *Projector) follow(outer context.Context) error {
	ctx, stop := context.WithCancel(outer)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	events := make(chan integration.Event, p.options.Batch)
	var ended error
	reader.Go(func() {
		defer close(events)
		for e, err := range p.bus.Subscribe(ctx, p.history.Stream(), p.place.cursor.Sequence) {
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

	next := p.place.cursor.Sequence + 1
	var batch []integration.Event
	for {
		var e integration.Event
		var ok bool
		if len(batch) == 0 || !batch[len(batch)-1].Last {
			select {
			case e, ok = <-events:
			case <-p.ordered:
				return errors.Join(p.apply(whole(batch), true), errOrder)
			}
		} else {
			select {
			case e, ok = <-events:
			default:
				if err := p.apply(batch, true); err != nil {
					return err
				}
				batch = batch[:0]
				continue
			}
		}
		switch {
		case !ok:
			if err := p.apply(whole(batch), true); err != nil {
				return err
			}
			if errors.Is(ended, integration.ErrGone) {
				return errMissed
			}
			return ended
		case e.Sequence < next:
			continue
		case e.Sequence > next:
			return errors.Join(p.apply(whole(batch), true), errMissed)
		}
		next++
		if batch = append(batch, e); len(batch) >= p.options.Batch && e.Last {
			if err := p.apply(batch, true); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
}

// errMissed says that the bus does not have the next event.
var errMissed = errors.New("projection: the bus has no longer, or not yet, the event that is expected; reading the history")

// whole returns the events of whole positions.
func whole(batch []integration.Event) []integration.Event {
	for len(batch) > 0 && !batch[len(batch)-1].Last {
		batch = batch[:len(batch)-1]
	}
	return batch
}

// Wait returns once the event of a position has been applied and can be read, or ctx
// ends. It is how a query sees what a command has done: the position is that of the
// command's result. An event that has no integration events is not waited for.
func (p *Projector) Wait(ctx context.Context, position aether.Position) error {
	asked := false
	for {
		p.mu.Lock()
		cursor, applied := p.status.Cursor, p.applied
		ready := p.place != nil && p.place.space.Name() == p.serving.Name()
		p.mu.Unlock()
		if ready && cursor.Position >= position {
			return nil
		}
		if ready && !asked {
			var err error
			if position, err = p.lastExpected(ctx, cursor, position); err != nil {
				return err
			}
			asked = true
			continue
		}
		select {
		case <-applied:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastExpected returns the position of the last event between a cursor and a position;
// that of the cursor when there is none.
func (p *Projector) lastExpected(ctx context.Context, cursor integration.Cursor, position aether.Position) (aether.Position, error) {
	last := cursor.Position
	for e, err := range p.history.Read(ctx, cursor) {
		if err != nil || e.Position > position {
			return last, err
		}
		last = e.Position
	}
	return last, nil
}
