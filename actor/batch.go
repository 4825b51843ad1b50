package actor

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
)

// batch is the events of some commands of one actor, to be saved at once.
type batch[S, C, E any] struct {
	events []aether.Event
	values []E // the same
	size   int
	given  map[string]*request[S, C, E] // whose caller chose the ID, by that
}

// round decides as many commands as fit into one save, saves their events and
// answers. It returns those that are still to be answered: what did not fit, and
// what must be decided again.
func (h *Host[S, C, E]) round(c *cell[S, C, E], requests []*request[S, C, E]) []*request[S, C, E] {
	ctx := context.Background() // a save serves many callers, and none of them can stop it
	head := requests[0]
	if !head.claim() {
		return requests[1:]
	}
	fresh := !c.loaded || c.behind
	if head.at != nil && c.loaded && *head.at > c.version {
		fresh = true // the caller has seen more than is in memory
	}
	if fresh {
		if err := h.load(ctx, c); err != nil {
			for _, r := range requests {
				r.answer(err)
			}
			return nil
		}
	}
	if head.look != nil {
		c.current = head
		err := h.look(c, head)
		c.current = nil
		head.answer(err)
		return requests[1:]
	}

	var b batch[S, C, E]
	n := 0
	for ; n < len(requests); n++ {
		r := requests[n]
		if r.look != nil || n > 0 && r.at != nil && *r.at > c.version+aether.Version(len(b.events)) {
			break // for these the events must be there, or be loaded
		}
		if !r.claim() {
			continue
		}
		if !c.loaded {
			break
		}
		c.current = r
		fits := h.decide(ctx, c, &b, r)
		c.current = nil
		if !fits {
			break
		}
	}
	c.saving = len(b.events) > 0
	again := h.save(ctx, c, &b, requests[:n], fresh)
	c.saving = false
	if len(again) == 0 {
		return requests[n:]
	}
	return append(again, requests[n:]...)
}

// decide adds the events of a command to the batch, and says whether they fit.
func (h *Host[S, C, E]) decide(ctx context.Context, c *cell[S, C, E], b *batch[S, C, E], r *request[S, C, E]) bool {
	r.first, r.count, r.err, r.refused, r.twin = len(b.events), 0, nil, false, nil
	if r.given {
		if r.twin = b.given[r.id]; r.twin != nil {
			return true
		}
		if b.given == nil {
			b.given = make(map[string]*request[S, C, E])
		}
		b.given[r.id] = r
	}
	if r.at != nil {
		if r.err = h.checkSeen(ctx, c, b, r); r.err != nil {
			return true
		}
	}
	values, err := h.callDecide(c, r.command)
	if err != nil {
		if _, panicked := errors.AsType[*PanicError](err); panicked {
			r.err = err
			return true
		}
		if !errors.Is(err, aether.ErrRefused) {
			err = &refusedError{c.id, err}
		}
		r.err, r.refused = err, true
		return true
	}
	if len(values) > aether.MaxBatchEvents {
		r.err = tooMuch("are more than %d events of one command", aether.MaxBatchEvents)
		return true
	}
	if len(b.events)+len(values) > aether.MaxBatchEvents {
		return false
	}
	size := b.size
	for i, value := range values {
		e, err := h.encode(c.id, value)
		if err != nil {
			b.events, r.err = b.events[:r.first], err
			return true
		}
		e.ID, e.ActorID, e.Version, e.Metadata = EventID(r.id, i), c.id, c.version+aether.Version(len(b.events)+1), r.metadata
		size += e.Size()
		b.events = append(b.events, e)
	}
	if size > aether.MaxBatchSize {
		b.events = b.events[:r.first]
		if r.first == 0 {
			r.err = tooMuch("of one command have more than %d bytes", aether.MaxBatchSize)
		}
		return r.first == 0
	}
	b.size = size
	b.values = append(b.values, values...)
	r.count = len(values)
	if err := callEvolve(&h.decider, c, values); err != nil {
		// What it made of the state is not known: the next are decided upon another.
		b.events, b.values, r.count, r.err = b.events[:r.first], b.values[:r.first], 0, err
		c.loaded = false
	}
	return true
}

// checkSeen compares the version that the caller of a command has seen with what is.
func (h *Host[S, C, E]) checkSeen(ctx context.Context, c *cell[S, C, E], b *batch[S, C, E], r *request[S, C, E]) (err error) {
	latest := c.version + aether.Version(len(b.events))
	conflict := &aether.ConflictError{ActorID: c.id, Tried: *r.at + 1, Latest: latest}
	if *r.at == latest {
		return nil
	}
	if *r.at > latest {
		return conflict
	}
	var theirs []E
	size := 0
	add := func(e aether.Event, value E) {
		theirs = append(theirs, value)
		if size += e.Size(); len(conflict.Events) < aether.MaxBatchEvents && size <= aether.MaxBatchSize {
			conflict.Events = append(conflict.Events, e)
		}
	}
	if *r.at < c.version {
		for e, err := range h.store.GetEvents(ctx, c.id, *r.at) {
			if err != nil {
				return loadError(c.id, err)
			}
			value, err := h.decode(e)
			if err != nil {
				return err
			}
			add(e, value)
			if e.Version == c.version {
				break
			}
		}
	}
	for i := int(max(*r.at, c.version) - c.version); i < len(b.events); i++ {
		add(b.events[i], b.values[i])
	}
	if h.decider.Conflicts == nil {
		return conflict
	}
	conflicts, err := h.callConflicts(c.id, r.command, theirs)
	if err == nil && conflicts {
		err = conflict
	}
	return err
}

// save saves the batch and answers those whose events were in it. It returns
// the requests that must be decided again.
func (h *Host[S, C, E]) save(ctx context.Context, c *cell[S, C, E], b *batch[S, C, E], requests []*request[S, C, E], fresh bool) (again []*request[S, C, E]) {
	if len(b.events) == 0 {
		if !fresh && !h.options.SoleWriter && len(requests) > 0 {
			// They were refused because of what is in memory.
			latest, err := h.store.GetLatestVersion(ctx, c.id)
			if err != nil {
				for _, r := range requests {
					r.answer(loadError(c.id, err))
				}
				return nil
			}
			if latest != c.version {
				c.behind = true
				return append(again, requests...)
			}
		}
		h.settle(ctx, c, requests)
		return nil
	}
	position, err := h.store.SaveEvents(ctx, b.events...)
	if err == nil {
		last := len(b.events) - 1
		for i := range b.events {
			b.events[i].Position = position - aether.Position(last-i)
		}
		c.version, c.position, c.lastID = b.events[last].Version, position, b.events[last].ID
		for _, r := range requests {
			r.result.Events = b.values[r.first : r.first+r.count : r.first+r.count]
			if r.count > 0 {
				e := &b.events[r.first+r.count-1]
				r.result.Version, r.result.Position = e.Version, e.Position
			}
			if conflict, ok := r.err.(*aether.ConflictError); ok && r.first > 0 {
				for i := range conflict.Events { // that were not saved yet when it was made
					e := &conflict.Events[i]
					e.Position = cmp.Or(e.Position, position-aether.Position(c.version-e.Version))
				}
			}
		}
		if !fresh && !h.options.SoleWriter {
			requests, again = proven(requests)
		}
		h.settle(ctx, c, requests)
		return again
	}

	// Nothing was saved, as far as is known: the state has events that are not there.
	c.loaded = false
	guilty, reason := blame(b, requests, err)
	attempts := 0
	for _, r := range requests {
		switch {
		case r.status.Load() == abandoned:
		case r == guilty:
			r.err = reason
			h.settle(ctx, c, []*request[S, C, E]{r})
		case reason != nil || guilty != nil:
			again = append(again, r)
		case errors.Is(err, aether.ErrVersionConflict):
			if r.attempts++; r.attempts >= h.options.Attempts {
				r.answer(outrun(c.id, r.attempts, err))
				continue
			}
			attempts = max(attempts, r.attempts)
			again = append(again, r)
		case errors.Is(err, aether.ErrInvalid), errors.Is(err, aether.ErrNotSaved):
			r.answer(err)
		default:
			r.answer(&UnknownError{ActorID: c.id, CommandID: r.id, Err: err})
		}
	}
	if attempts > 1 {
		// Others are at it too: whoever waits a random time meets fewer of them.
		_ = backoff.Wait(ctx, rand.N(min(100*time.Microsecond<<min(attempts, 10), 20*time.Millisecond))) // ctx does not end
	}
	return again
}

// proven separates the requests of a batch that was saved from those without events
// that must be decided again. A save shows that the memory was up to date, unless
// all of it was there before, which succeeds as well: another host has then carried
// out the same commands, and perhaps more. That takes IDs that callers chose.
func proven[S, C, E any](requests []*request[S, C, E]) (now, again []*request[S, C, E]) {
	if !slices.ContainsFunc(requests, func(r *request[S, C, E]) bool { return r.given && r.count > 0 }) {
		return requests, nil
	}
	for _, r := range requests {
		if first := cmp.Or(r.twin, r); first.count == 0 && (first.err == nil || first.refused) {
			again = append(again, r)
		} else {
			now = append(now, r)
		}
	}
	return now, again
}

// blame finds the command because of which alone a save was refused, and its error:
// nil when it had been carried out before.
func blame[S, C, E any](b *batch[S, C, E], requests []*request[S, C, E], err error) (*request[S, C, E], error) {
	id := ""
	if duplicate, ok := errors.AsType[*aether.DuplicateError](err); ok {
		id = duplicate.EventID
	}
	invalid, ok := errors.AsType[*aether.InvalidError](err)
	if ok && invalid.Index >= 0 && invalid.Index < len(b.events) {
		id = b.events[invalid.Index].ID
	}
	if id == "" {
		return nil, nil
	}
	command := id[:strings.LastIndexByte(id, '/')]
	for _, r := range requests {
		if r.id != command || r.count == 0 {
			continue
		}
		if invalid == nil {
			return r, err
		}
		of := *invalid
		of.Index -= r.first
		return r, &of
	}
	return nil, nil
}

// settle answers requests that were decided upon what is known to be saved.
func (h *Host[S, C, E]) settle(ctx context.Context, c *cell[S, C, E], requests []*request[S, C, E]) {
	for _, r := range requests {
		if r.status.Load() == abandoned {
			continue
		}
		r.result.CommandID = r.id
		switch {
		case r.twin != nil:
			r.result, r.err, r.refused = r.twin.result, r.twin.err, r.twin.refused
			r.result.Repeated = r.err == nil
		case r.given && (r.err != nil || r.count == 0):
			c.current = r
			first, err := h.firstResult(ctx, c.id, r.id)
			c.current = nil
			if err != nil {
				r.err, r.refused = err, false
			} else if first.Repeated {
				r.result, r.err, r.refused = first, nil, false
			}
		}
		if r.err == nil && r.result.Version == 0 {
			r.result.Version, r.result.Position = c.version, c.position
		}
		if r.err != nil {
			r.result = Result[E]{}
		}
		close(r.done)
	}
}

// firstResult returns what a command did when it was carried out before, else a
// result that is not Repeated.
func (h *Host[S, C, E]) firstResult(ctx context.Context, actorID, commandID string) (Result[E], error) {
	var result Result[E]
	version, err := h.store.GetEventVersion(ctx, actorID, EventID(commandID, 0))
	if err != nil || version == 0 {
		return result, err
	}
	for e, err := range h.store.GetEvents(ctx, actorID, version-1) {
		if err != nil {
			return Result[E]{}, loadError(actorID, err)
		}
		if e.ID != EventID(commandID, len(result.Events)) {
			break
		}
		value, err := h.decode(e)
		if err != nil {
			return Result[E]{}, err
		}
		result.Events = append(result.Events, value)
		result.Version, result.Position = e.Version, e.Position
	}
	result.CommandID, result.Repeated = commandID, true
	return result, nil
}

// answer ends a request with an error or, for looks, with none.
func (r *request[S, C, E]) answer(err error) {
	if r.status.Load() == abandoned {
		return
	}
	r.result, r.err = Result[E]{}, err
	close(r.done)
}
