package deadline

import (
	"context"
	"errors"
	"math"
	"runtime/debug"
	"sync"
	"time"
)

// flight is a deadline whose Fire is under way: its slot, and what it was when
// that began.
type flight struct {
	slot  uint32
	entry entry
}

// dispatch fires what is due until ctx ends, and waits for what it began.
func (s *Scheduler) dispatch(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for ctx.Err() == nil {
		s.mu.Lock()
		for s.workers < s.options.Concurrency {
			next, ok := s.nextDue()
			if !ok {
				break
			}
			s.workers++
			workers.Go(func() { s.work(ctx, &workers, next) })
		}
		// From here until mu is free nothing changes, so no change is missed.
		next := s.firstTry()
		busy := s.workers == s.options.Concurrency
		wait, cancel := context.WithCancel(ctx)
		s.wake = cancel
		s.mu.Unlock()

		if busy || next == never {
			<-wait.Done()
		} else if err := s.options.Clock.WaitUntil(wait, time.UnixMicro(next).UTC()); err != nil && wait.Err() == nil {
			s.fail(err)
		}
		cancel()
	}
}

// work fires one deadline, and then others as long as some are due.
func (s *Scheduler) work(ctx context.Context, workers *sync.WaitGroup, f flight) {
	over := false
	defer func() {
		if over {
			return
		}
		// Fire has ended the goroutine, as t.FailNow does: that is an error of the one
		// deadline, like a panic.
		s.logger.Error("deadline: firing ended its goroutine (runtime.Goexit); it is tried again",
			"position", f.entry.position, "failed", f.entry.failed+1, "stack", string(debug.Stack()))
		if next, more := s.landed(ctx, f, ending{}); more {
			workers.Go(func() { s.work(ctx, workers, next) })
		}
	}()
	for more := true; more; {
		f, more = s.landed(ctx, f, s.fireOne(ctx, f))
	}
	over = true
}

// ending is how a Fire has ended: it has succeeded, or it has named a time to be called
// again, or else it has failed.
type ending struct {
	fired bool
	later *laterError
}

// fireOne fires a deadline.
func (s *Scheduler) fireOne(ctx context.Context, f flight) ending {
	d, err := s.deadlineOf(ctx, f.entry)
	if err != nil && ctx.Err() == nil && ends(err) {
		s.fail(err)
		return ending{}
	}
	if err == nil {
		err = s.rule.fire(ctx, d)
	}
	if later := (*laterError)(nil); errors.As(err, &later) {
		return ending{later: later}
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Error("deadline: firing failed; it is tried again",
			"actor", d.ActorID, "name", d.Name, "position", f.entry.position, "failed", f.entry.failed+1, "error", err)
	}
	return ending{fired: err == nil}
}

// landed notes how a flight has ended, and takes the next one that is due. Where
// there is one the dispatcher looks again anyway: it waits for that one, or for a
// worker.
func (s *Scheduler) landed(ctx context.Context, f flight, e ending) (next flight, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Clock.Now()
	if e.later != nil {
		soonest := now.Add(s.options.MinBackoff) // a time that has passed is no reason to go in circles
		s.table.postponed(f.slot, f.entry.position, max(micros(e.later.at), micros(soonest)))
	} else {
		s.table.landed(f.slot, f.entry.position, e.fired, func(failed int) int64 {
			return micros(now.Add(s.backoff(failed)))
		})
	}
	s.dirty = true
	if ctx.Err() == nil {
		next, more = s.nextDue()
	}
	if !more {
		s.workers--
		s.wakeDispatcher()
	}
	return next, more
}

// nextDue takes the deadline that is due first, if one is due; mu is held.
func (s *Scheduler) nextDue() (flight, bool) {
	first, ok := s.table.first()
	if !ok || s.options.Clock.Now().UnixMicro() < first.try {
		return flight{}, false
	}
	slot := s.table.take()
	return flight{slot, *s.table.at(slot)}, true
}

// never is later than any deadline.
const never = math.MaxInt64

// firstTry is when the next deadline is to be fired, in microseconds; mu is held.
func (s *Scheduler) firstTry() int64 {
	if first, ok := s.table.first(); ok {
		return first.try
	}
	return never
}

// wakeDispatcher lets the dispatcher look again; mu is held.
func (s *Scheduler) wakeDispatcher() {
	if s.wake != nil {
		s.wake()
	}
}
