package effect

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// run is one call of Run: the scheduler of the book's lines. What is to be done
// next about an effect follows from its entry, see plan.go; a task does it, see
// task.go, and leaves the book as the log is afterwards.
//
// Everything below is guarded by the book's mu.
type run struct {
	*Runner
	id   string // told in the log: who made an attempt
	book *book

	dirty    []*line    // to be planned
	starved  [2][]*line // to be planned once there is a slot
	slots    [2]int     // free ones, per slot kind
	timers   timers
	tasks    int
	stopping bool
	cut      bool  // the time to drain is over
	err      error // why it stops, if not for its ctx

	wake    chan struct{} // has one when there is something to plan
	stopped chan struct{} // closed when stopping is set
	wg      sync.WaitGroup
}

// The kinds of slots: what calls the target, and what does not.
const (
	calls = iota
	chores
)

// Run runs the effects until ctx ends or the store is closed, and returns why. First
// it reads the log to its present end, from the last checkpoint on; only then it
// knows what was done already, and does the rest. When the store fails it tries
// again, for ever.
//
// When ctx ends no call begins any more. Those under way are waited for and their
// outcomes recorded; after Options.Drain the calls are cancelled, and when that has
// passed again, whatever saves and records. What could not be saved by then is in
// doubt later. One Run at a time.
func (r *Runner) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.running {
		r.mu.Unlock()
		return errors.New("effect: Run: is running already")
	}
	r.running = true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running, r.live = false, nil
	}()

	w := &run{
		Runner: r, id: aether.NewID(), slots: [2]int{r.options.Concurrency, r.options.Concurrency},
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	err := r.persist(ctx, "read the log", func() (err error) {
		if err = r.Begin(ctx); err != nil {
			return err
		}
		if w.book, err = r.open(ctx); err != nil {
			return err
		}
		return r.catchUp(ctx, w.book)
	})
	if err == nil {
		err = w.run(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("effect: run: %w", err)
}

// persist does something with the store until it succeeds, ctx ends, or it is an
// error that trying again does not mend.
func (r *Runner) persist(ctx context.Context, what string, do func() error) error {
	for failures := 1; ; failures++ {
		err := do()
		_, foreign := errors.AsType[*schema.DecodeError](err)
		switch {
		case err == nil, foreign, ctx.Err() != nil, errors.Is(err, aether.ErrClosed), errors.Is(err, aether.ErrVersionConflict),
			errors.Is(err, aether.ErrInvalid), errors.Is(err, aether.ErrDuplicateEvent):
			return err
		}
		r.options.Logger.Warn("effect: the store failed; trying again", "to", what, "failures", failures, "error", err)
		if err := r.options.Clock.WaitUntil(ctx, r.options.Clock.Now().Add(storeRetry().wait(failures))); err != nil {
			return err
		}
	}
}

func (w *run) run(ctx context.Context) error {
	w.book.mu.Lock()
	w.book.touched = w.touch
	for _, e := range w.book.entries {
		w.book.changed(e)
	}
	w.book.mu.Unlock()
	w.mu.Lock()
	w.live = w.book
	w.mu.Unlock()

	// Saves outlive ctx, and calls end before them.
	saving, endSaving := context.WithCancel(context.WithoutCancel(ctx))
	calling, endCalling := context.WithCancel(saving)
	following, endFollowing := context.WithCancel(ctx)
	w.wg.Go(func() {
		<-following.Done()
		w.stop(ctx.Err())
	})
	w.wg.Go(func() { w.follow(following) })
	w.wg.Go(func() { w.drain(saving, endCalling, endSaving) })

	w.schedule(saving, calling)

	endFollowing()
	w.book.mu.Lock()
	exited := errors.Is(w.err, errExited)
	w.book.mu.Unlock()
	if !exited { // it would read what ends its goroutine too
		w.checkpoint(saving, w.book)
	}
	endCalling()
	endSaving()
	w.wg.Wait()
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	w.book.touched = nil
	return w.err
}

var errExited = errors.New("a Request ended the goroutine that follows the log (runtime.Goexit)")

// follow feeds the book with what comes.
func (w *run) follow(ctx context.Context) {
	err := errExited
	defer func() { w.stop(err) }()
	err = w.persist(ctx, "follow the log", func() error {
		w.book.mu.Lock()
		after := w.book.position
		w.book.mu.Unlock()
		for event, err := range w.store.FollowLog(ctx, after, w.book.filter(0)) {
			if err != nil {
				return err
			}
			w.book.feed(event)
		}
		return errors.New("the log ended")
	})
}

// stop lets no call begin any more.
func (w *run) stop(err error) {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	if !w.stopping {
		w.stopping, w.err = true, err
		close(w.stopped)
	}
	w.signal()
}

// drain ends calls and then saves in their time, once the run has stopped.
func (w *run) drain(ctx context.Context, endCalling, endSaving context.CancelFunc) {
	select {
	case <-w.stopped:
	case <-ctx.Done():
		return
	}
	end := w.options.Clock.Now().Add(w.options.Drain)
	if w.options.Clock.WaitUntil(ctx, end) != nil {
		return
	}
	endCalling()
	w.book.mu.Lock()
	w.cut = true
	w.signal()
	w.book.mu.Unlock()
	if w.options.Clock.WaitUntil(ctx, end.Add(w.options.Drain)) == nil {
		endSaving()
	}
}

// schedule plans lines and starts tasks, until it is stopped and all is done.
func (w *run) schedule(saving, calling context.Context) {
	var (
		alarm   time.Time
		disarm  = func() {}
		saved   = make(chan struct{}, 1) // taken while a checkpoint is made
		waiting sync.WaitGroup
	)
	defer func() {
		disarm()
		waiting.Wait()
	}()
	for {
		next, over := w.step(saving, calling)
		if over {
			return
		}
		if w.checkpointDue() {
			select {
			case saved <- struct{}{}:
				waiting.Go(func() {
					w.checkpoint(saving, w.book)
					<-saved
				})
			default:
			}
		}
		if !next.Equal(alarm) {
			disarm()
			alarm, disarm = next, func() {}
			if !next.IsZero() {
				ctx, cancel := context.WithCancel(saving)
				disarm = cancel
				waiting.Go(func() {
					if w.options.Clock.WaitUntil(ctx, next) == nil {
						w.signal()
					}
				})
			}
		}
		<-w.wake
	}
}

func (w *run) checkpointDue() bool {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	if w.book.applied < checkpointEvery+len(w.book.entries) {
		return false
	}
	w.book.applied = 0
	return true
}

// step plans what is to be planned. It returns when the next timer is due, and
// whether the run is over.
func (w *run) step(saving, calling context.Context) (next time.Time, over bool) {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	now := w.options.Clock.Now()
	for len(w.timers) > 0 && !w.timers[0].at.After(now) {
		t := heap.Pop(&w.timers).(timer)
		if t.line.timer.Equal(t.at) {
			t.line.timer = time.Time{}
			w.touch(t.line)
		}
	}
	plan := func(l *line) {
		l.dirty = false
		w.plan(saving, calling, l, now)
		w.book.drop(l)
	}
	for len(w.dirty) > 0 {
		l := w.dirty[0]
		w.dirty = w.dirty[1:]
		plan(l)
	}
	for kind := range w.starved {
		for w.slots[kind] > 0 && len(w.starved[kind]) > 0 {
			l := w.starved[kind][0]
			w.starved[kind] = w.starved[kind][1:]
			l.starved[kind] = false
			plan(l)
		}
	}
	if len(w.timers) > 0 {
		next = w.timers[0].at
	}
	return next, w.stopping && w.tasks == 0 && (w.cut || errors.Is(w.err, aether.ErrClosed) || !w.unrecorded())
}

// unrecorded says whether this run has an outcome that is not recorded.
func (w *run) unrecorded() bool {
	for _, e := range w.book.entries {
		if e.State == Recording && e.Runner == w.id && !e.Unreadable {
			return true
		}
	}
	return false
}

// touch has a line planned. With mu held.
func (w *run) touch(l *line) {
	if !l.dirty {
		l.dirty = true
		w.dirty = append(w.dirty, l)
		w.signal()
	}
}

func (w *run) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// timers is a heap. A line has one that counts, the earliest; the others are passed
// over when they come up.
type timers []timer

type timer struct {
	at   time.Time
	line *line
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}

// alarm has a line planned again at a time. With mu held.
func (w *run) alarm(l *line, at time.Time) {
	if l.timer.IsZero() || at.Before(l.timer) {
		l.timer = at
		heap.Push(&w.timers, timer{at, l})
	}
}
