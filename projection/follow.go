package projection

import (
	"context"
	"errors"
	"sync"

	"github.com/aether-es/aether/integration"
)

// errMissed says that the bus does not have the next event.
var errMissed = errors.New("projection: the bus has no longer, or not yet, the event that is expected")

// follow applies what comes over the bus, until something fails. What is there at once
// is applied together. When events are missing it ends with errMissed, and they are
// read from the history.
func (r *run[Tx]) follow(outer context.Context) error {
	ctx, stop := context.WithCancel(outer)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stop()
	events := make(chan integration.Event, r.options.Batch)
	var ended error
	reader.Go(func() {
		defer close(events)
		for e, err := range r.bus.Subscribe(ctx, r.history.Stream(), r.cursor.Sequence) {
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

	next := r.cursor.Sequence + 1
	var batch []integration.Event
	write := func() error {
		err := r.write(outer, whole(batch))
		batch = batch[:0]
		return err
	}
	for {
		var e integration.Event
		ok, waiting := false, false
		select {
		case e, ok = <-events:
		default:
			waiting = true
		}
		if waiting {
			if len(batch) > 0 && batch[len(batch)-1].Last {
				if err := write(); err != nil {
					return err
				}
			}
			e, ok = <-events
		}
		switch {
		case !ok:
			if err := write(); err != nil {
				return err
			}
			if errors.Is(ended, integration.ErrGone) {
				return errMissed
			}
			return ended
		case e.Sequence < next:
			continue
		case e.Sequence > next:
			if err := write(); err != nil {
				return err
			}
			return errMissed
		}
		next++
		if batch = append(batch, e); len(batch) >= r.options.Batch && e.Last {
			if err := write(); err != nil {
				return err
			}
		}
	}
}
