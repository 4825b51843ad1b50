package effect

import (
	"context"
	"errors"
	"time"

	"github.com/aether-es/aether"
)

// action is what may be done about an effect.
type action int

const (
	nothing action = iota
	attempt        // record the attempt, call, record how it ended
	doubt          // say that nobody knows how the attempt ended
	resolve        // ask how it ended
	record         // have the outcome recorded
)

// next says what is to be done about an effect, and from when on.
func (w *run) next(e *entry) (action, time.Time) {
	var (
		do   = nothing
		at   time.Time
		x    = w.effects[e.Effect]
		own  = e.Runner == w.id
		sole = w.options.SoleRunner && !own
	)
	switch {
	case e.busy || e.Unreadable:
	case e.State == Recording:
		do = record
		if !own && !sole && e.Runner != "" {
			at = e.Since.Add(w.options.Grace) // the runner that called does it, if it lives
		}
		if w.stopping && !own {
			do = nothing
		}
	case w.stopping:
	case e.State == Pending, e.State == Retrying:
		do, at = attempt, e.RetryAt
	case e.State == Calling:
		do = doubt
		if x.Keyed {
			do = attempt
		}
		if !sole {
			at = e.over(w.options.Grace)
		}
	case x.Resolve != nil && !e.Broken: // InDoubt or Failed
		if e.tries == 0 || e.tries < x.ResolveRetry.Attempts && !e.again.After(e.asked.Add(x.ResolveRetry.Within)) {
			do = resolve
		}
	}
	if e.again.After(at) {
		at = e.again
	}
	return do, at
}

// plan starts what can be done about the effects of one target. With mu held.
func (w *run) plan(saving, calling context.Context, l *line, now time.Time) {
	for i, e := range l.changed {
		e.changed, l.changed[i] = false, nil
		w.sort(l, e, now)
	}
	l.changed = l.changed[:0]
	for waiting := &l.queues[later]; len(*waiting) > 0; {
		first := (*waiting)[0]
		if first.due.After(now) {
			w.alarm(l, first.due)
			break
		}
		w.sort(l, first, now)
	}
	for len(l.queues[chores]) > 0 {
		e := l.queues[chores][0]
		do, _ := w.next(e)
		if do == nothing { // any more: the run stops
			e.unqueue()
			continue
		}
		if w.slots[chores] == 0 {
			w.starve(l, chores)
			break
		}
		w.start(saving, calling, l, e, do, chores)
	}
	if l.busy || w.stopping || len(l.queues[calls]) == 0 {
		return // planned again when the target is free
	}
	e := l.queues[calls][0]
	if holder := l.holder(); holder != nil {
		if e = holder; e.in != &l.queues[calls] {
			return
		}
	}
	if w.slots[calls] == 0 {
		w.starve(l, calls)
		return
	}
	do, _ := w.next(e)
	w.start(saving, calling, l, e, do, calls)
}

// sort puts an entry into the queue where it belongs. With mu held.
func (w *run) sort(l *line, e *entry, now time.Time) {
	e.unqueue()
	if e.closed {
		return
	}
	switch do, at := w.next(e); {
	case do == nothing:
	case at.After(now):
		l.queue(e, later, at)
	case do == attempt, do == resolve:
		l.queue(e, calls, time.Time{})
	default:
		l.queue(e, chores, time.Time{})
	}
}

// starve has a line planned again when there is a slot. With mu held.
func (w *run) starve(l *line, slot int) {
	if !l.starved[slot] {
		l.starved[slot] = true
		w.starved[slot] = append(w.starved[slot], l)
	}
}

// start does something about an effect in a goroutine of its own. With mu held.
func (w *run) start(saving, calling context.Context, l *line, e *entry, do action, slot int) {
	w.slots[slot]--
	w.tasks++
	e.unqueue()
	e.busy = true
	if slot == calls {
		l.busy = true
	}
	if do == resolve && e.tries == 0 {
		e.asked = w.options.Clock.Now()
	}
	snapshot := *e
	w.wg.Go(func() {
		err := errors.New("its function ended the goroutine") // as t.FailNow does
		defer func() { w.finish(l, e, slot, do, err) }()
		t := &task{run: w, entry: snapshot, effect: w.effects[e.Effect]}
		switch do {
		case attempt:
			err = t.attempt(saving, calling)
		case doubt:
			err = t.doubt(saving)
		case resolve:
			err = t.resolve(saving, calling)
		case record:
			err = t.record(saving)
		}
	})
}

// finish ends a task. One that failed is begun again later.
func (w *run) finish(l *line, e *entry, slot int, do action, err error) {
	if errors.Is(err, aether.ErrClosed) {
		w.stop(err)
	}
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	defer w.book.changed(e)
	w.slots[slot]++
	w.tasks--
	e.busy = false
	if slot == calls {
		l.busy = false
	}
	if err != nil && !(do == resolve && e.State == Recording) { // settled meanwhile
		retry := storeRetry()
		switch do {
		case record:
			retry = recordRetry()
		case resolve:
			retry = w.effects[e.Effect].ResolveRetry
		}
		e.tries++
		e.again = w.options.Clock.Now().Add(retry.wait(e.tries))
		if errors.Is(err, errNotKnown) {
			return
		}
		e.trouble = text(err)
		if !w.stopping {
			w.options.Logger.Warn("effect: trying again later", "effect", e.ID, "state", e.State, "failures", e.tries, "error", err)
		}
	}
}
