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
		do    = nothing
		at    time.Time
		x     = w.effects[e.Effect]
		own   = e.Runner == w.id
		alone = w.options.Alone && !own
	)
	switch {
	case e.busy || e.Unreadable:
	case e.State == Recording:
		do = record
		if !own && !alone && e.Runner != "" {
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
		if !alone {
			at = e.Deadline.Add(w.options.Grace)
		}
	case x.Resolve != nil && !e.Broken: // InDoubt or Failed
		if e.tries == 0 || e.tries < x.Asking.Attempts && !e.again.After(e.asked.Add(x.Asking.Within)) {
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
	holder := l.holder()
	for _, e := range l.entries {
		do, at := w.next(e)
		switch {
		case do == nothing:
			continue
		case at.After(now):
			w.alarm(l, at)
			continue
		}
		slot := chores
		if do == attempt || do == resolve {
			if slot = calls; l.busy || holder != nil && holder != e {
				continue // planned again when the target is free
			}
		}
		if w.slots[slot] == 0 {
			if !l.starved[slot] {
				l.starved[slot] = true
				w.starved[slot] = append(w.starved[slot], l)
			}
			continue
		}
		w.start(saving, calling, l, e, do, slot)
	}
}

// start does something about an effect in a goroutine of its own. With mu held.
func (w *run) start(saving, calling context.Context, l *line, e *entry, do action, slot int) {
	w.slots[slot]--
	w.tasks++
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
	defer w.touch(l)
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
			retry = w.effects[e.Effect].Asking
		}
		e.tries++
		e.again = w.options.Clock.Now().Add(retry.wait(e.tries))
		if errors.Is(err, errNotKnown) {
			return
		}
		e.trouble = err.Error()
		if !w.stopping {
			w.options.Logger.Warn("effect: trying again later", "effect", e.ID, "state", e.State, "failures", e.tries, "error", err)
		}
	}
}
