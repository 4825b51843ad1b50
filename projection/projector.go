package projection

import (
	"context"
	"errors"
	"time"

	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/readdb"
)

// Run keeps the documents up to date, until ctx ends, or the store, the bus or the read
// DB is closed, and returns why. Without a bus it ends when they are, or, with an
// [ApplyError], before an event that cannot be applied. Other errors are logged and
// tried again after growing pauses of up to ten seconds.
func (p *Projector) Run(ctx context.Context) error {
	busy := false
	p.update(func() { busy, p.running = p.running, true })
	if busy {
		return ErrRunning
	}
	defer p.update(func() { p.running, p.building = false, nil })

	ctx, cancel := context.WithCancel(ctx)
	r := &runner{Projector: p, ended: make(chan end)}
	defer func() { // the followers have ended when Run has
		cancel()
		for ; r.following > 0; r.following-- {
			<-r.ended
		}
	}()
	if err := r.again(ctx, r.open); err != nil {
		return err
	}
	for {
		if err := r.again(ctx, func() error { return r.advance(ctx) }); err != nil {
			return err
		}
		select {
		case <-p.wake:
		case e := <-r.ended:
			r.following--
			if done, err := r.retire(ctx, e); done || err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// runner is a Run under way.
type runner struct {
	*Projector
	ended     chan end
	following int // followers that run
}

// end is that of a follower.
type end struct {
	copied *copied
	err    error
}

// again does something until it succeeds, or cannot any more.
func (r *runner) again(ctx context.Context, do func() error) error {
	for failed := 1; ; failed++ {
		err := do()
		if err == nil || errors.Is(err, readdb.ErrClosed) {
			return err
		}
		r.options.Logger.Warn("projection: trying again", "error", err)
		if err := backoff.Wait(ctx, backoff.After(failed, time.Millisecond, 10*time.Second)); err != nil {
			return err
		}
	}
}

// open finds the copy that is to be built, and removes those that nobody needs.
func (r *runner) open() error {
	highest, err := r.highest()
	if err != nil {
		return err
	}
	var building *copied
	switch serving := r.serving.maker; {
	case !r.current(serving):
		building, err = r.newCopy(r.next(max(highest, 1) - 1))
	case highest > serving.generation: // one that was not finished
		building, err = r.newCopy(r.next(highest - 1))
	}
	if err != nil {
		return err
	}
	r.update(func() {
		r.building = building
		if f := r.serving.follower; f != nil {
			f.update(func() { f.status.Ready = r.noted })
		}
	})
	return r.sweep(r.serving, building)
}

// advance does what there is to do: starts followers, begins to rebuild, lets a copy take
// its place.
func (r *runner) advance(ctx context.Context) error {
	r.mu.Lock()
	rebuild, building, noted := r.rebuild, r.building, r.noted
	r.rebuild = false
	r.mu.Unlock()
	if rebuild {
		generation := r.serving.maker.generation
		if building != nil {
			generation = max(generation, building.maker.generation)
			if building.stop == nil {
				if err := building.space.Drop(); err != nil {
					r.Rebuild()
					return err
				}
			} else {
				building.stop() // and dropped when it has ended
			}
		}
		c, err := r.newCopy(r.next(generation))
		if err != nil {
			return err
		}
		building = c
		r.update(func() { r.building = c })
	}
	for _, c := range []*copied{r.serving, building} {
		if c != nil && c.follower != nil && c.stop == nil {
			r.start(ctx, c)
		}
	}
	if building != nil && r.caught(building) {
		return r.replace(building)
	}
	if !noted && r.serving.follower != nil && r.serving.follower.Status().Ready {
		if err := r.note(r.serving); err != nil {
			return err
		}
		r.update(func() { r.noted = true })
	}
	return nil
}

func (r *runner) start(ctx context.Context, c *copied) {
	ctx, c.stop = context.WithCancel(ctx)
	r.following++
	go func() { r.ended <- end{c, c.follower.Run(ctx)} }()
}

// caught says whether a copy has caught up, with the events and with the copy that
// queries are answered from, so that nobody sees anything undone.
func (r *runner) caught(building *copied) bool {
	now := building.follower.Status()
	return now.Ready && now.Cursor.Sequence >= r.serving.status().Cursor.Sequence || now.Ready && r.serving.follower == nil
}

// replace lets queries be answered from another copy.
func (r *runner) replace(by *copied) error {
	if err := r.note(by); err != nil {
		return err
	}
	r.telling.Lock()
	former := r.serving
	r.update(func() { r.serving, r.building, r.noted = by, nil, true })
	r.options.CaughtUp()
	r.telling.Unlock()
	if former.follower == nil {
		return former.space.Drop()
	}
	former.follower.retire()
	if former.ended {
		return former.space.Drop()
	}
	former.stop() // and dropped when it has ended
	return nil
}

// retire is told of the end of a follower. It says whether that is the end of Run.
func (r *runner) retire(ctx context.Context, e end) (bool, error) {
	e.copied.stop()
	e.copied.ended = true
	if e.copied != r.serving && e.copied != r.building {
		err := r.again(ctx, e.copied.space.Drop)
		return err == nil && r.bus == nil && r.building == nil && r.following == 0, err
	}
	if e.err != nil || r.bus != nil {
		return true, e.err
	}
	// Without a bus followers end when they have caught up.
	err := r.again(ctx, func() error { return r.advance(ctx) })
	return err == nil && r.building == nil && r.following == 0, err
}

// applied tells of events that a copy has now, if it is the one that queries see.
func (p *Projector) applied(c *copied, events []integration.Event) {
	p.telling.Lock()
	serving := c == p.serving
	if serving {
		p.options.Applied(events)
	}
	p.telling.Unlock()
	if !serving {
		p.look()
	}
}

func (p *Projector) caughtUp(c *copied) {
	p.telling.Lock()
	if c == p.serving {
		p.options.CaughtUp()
	}
	p.telling.Unlock()
	p.look()
}

// clearing takes back the note about a copy that will be made again.
func (p *Projector) clearing(c *copied) error {
	p.telling.Lock()
	serving := c == p.serving
	p.telling.Unlock()
	if !serving {
		return nil
	}
	if err := p.note(nil); err != nil {
		return err
	}
	p.update(func() { p.noted = false })
	return nil
}
