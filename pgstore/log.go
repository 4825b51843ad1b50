package pgstore

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
)

// filteredSpan is how many positions one query of a filtered read looks at.
const filteredSpan = 20_000

// GetLatestPosition is described at [aether.Log].
func (n *namespace) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	head, err := n.number(ctx, "get the latest position", &n.store.sql.head, func(p *parameters) { p.text(n.name) })
	return aether.Position(head), err
}

// ReadLog is described at [aether.Log].
func (n *namespace) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		head, err := n.GetLatestPosition(ctx)
		if err != nil {
			yield(aether.Event{}, err)
			return
		}
		r := n.reader(after, options)
		if r.bound != 0 {
			head = min(head, r.bound)
		}
		for r.after < head {
			events, err := r.page(ctx, head)
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			if !yieldAll(ctx, events, yield) {
				return
			}
		}
	}
}

// FollowLog is described at [aether.Log]. While the server is unavailable it waits, and
// goes on when it is there again.
func (n *namespace) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		r := n.reader(after, options)
		head, err := n.patient(ctx, func() (aether.Position, error) { return n.GetLatestPosition(ctx) })
		for {
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			to := head
			if r.bound != 0 {
				to = min(to, r.bound)
			}
			for r.after < to {
				var events []aether.Event
				_, err := n.patient(ctx, func() (aether.Position, error) {
					var err error
					events, err = r.page(ctx, to)
					return 0, err
				})
				if err != nil {
					yield(aether.Event{}, err)
					return
				}
				if !yieldAll(ctx, events, yield) {
					return
				}
			}
			if r.bound != 0 && r.after >= r.bound {
				return
			}
			head, err = n.await(ctx, r.after)
		}
	}
}

// patient does something until the server is there.
func (n *namespace) patient(ctx context.Context, f func() (aether.Position, error)) (aether.Position, error) {
	for failures := 1; ; failures++ {
		position, err := f()
		if !errors.Is(err, ErrUnavailable) {
			return position, err
		}
		if failures == 1 {
			n.store.logger.Warn("pgstore: a follower waits for the server", "namespace", n.name, "error", err)
		}
		if err := backoff.Wait(ctx, backoff.After(failures, 5*time.Millisecond, time.Second)); err != nil {
			return 0, err
		}
	}
}

// await returns the latest position once it is greater than the one given.
func (n *namespace) await(ctx context.Context, after aether.Position) (aether.Position, error) {
	for {
		if err := n.store.enter(ctx); err != nil {
			return 0, err
		}
		n.store.leave()
		latest, grown := n.grown.wait(after)
		if latest > after {
			return latest, nil
		}
		n.store.watch.begin()
		select {
		case <-grown:
		case <-ctx.Done():
		}
		n.grown.leave()
	}
}

// reader reads the log of a namespace in pages.
type reader struct {
	namespace    *namespace
	after, bound aether.Position // bound is 0 where there is none
	filtered     bool
	kinds, types []string // nil for all
	pages        pager
	space        decoder
}

func (n *namespace) reader(after aether.Position, options *aether.LogOptions) *reader {
	r := &reader{namespace: n, after: after}
	if options == nil {
		return r
	}
	r.bound = options.To
	r.kinds, r.types = filter(options.Kinds), filter(options.Types)
	r.filtered = r.kinds != nil || r.types != nil
	return r
}

// filter returns those texts that can be in the database. It is nil when nothing is
// filtered.
func filter(wanted []string) []string {
	if len(wanted) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(s string) bool { return !storable(s) })
}

// page returns the next events up to a position, which must be there, and moves on. It
// may return none and move on all the same.
func (r *reader) page(ctx context.Context, to aether.Position) ([]aether.Event, error) {
	n := r.namespace
	limit := r.pages.next(n.store.options.pageSize)
	st := &n.store.sql.log
	if r.filtered {
		st = &n.store.sql.filteredLog
		to = min(to, r.after+filteredSpan)
	}
	var events []aether.Event
	err := n.store.query(ctx, "read the log", st, func(p *parameters) {
		p.text(n.name)
		p.int8(uint64(min(r.after, math.MaxInt64)))
		p.int8(uint64(min(to, math.MaxInt64)))
		p.int8(uint64(limit))
		if r.filtered {
			for _, wanted := range [][]string{r.kinds, r.types} {
				if wanted == nil {
					p.null()
				} else {
					p.texts(wanted)
				}
			}
		}
	}, func() {
		r.pages.begin()
		events = nil
	}, func(row [][]byte) error {
		if !r.pages.takes(row) {
			return nil
		}
		e, err := r.space.event(row)
		events = append(events, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !r.filtered && (len(events) == 0 || events[0].Position != r.after+1) {
		return nil, n.hole(r.after+1, events)
	}
	if r.pages.more() {
		r.after = events[len(events)-1].Position
	} else {
		r.after = to
	}
	return events, nil
}

// hole says that an event is missing that was there. Positions have no gaps, so
// somebody has deleted it, or the server was restored or failed over to an older state.
func (n *namespace) hole(position aether.Position, events []aether.Event) error {
	found := "nothing"
	if len(events) > 0 {
		found = "position " + formatPosition(events[0].Position)
	}
	return &ServerError{Op: "read the log", Message: "position " + formatPosition(position) + " of namespace \"" + n.name + "\" is missing; " + found + " follows",
		Advice: "the events were deleted, or the server came back with an older state", class: ErrServer}
}
