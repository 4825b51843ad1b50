package simulate

import (
	"slices"
	"time"
)

// agenda is what a station is going to do. It has one timer of the runtime, whatever
// is on it, and no goroutine. It is guarded by the lock of the station.
type agenda struct {
	wake  func() // calls run, with the lock
	jobs  []*job // by time
	timer *time.Timer
	armed time.Time // when the timer fires, zero if it does not
}

type job struct {
	at time.Time
	do func()
}

// after puts something on the agenda.
func (a *agenda) after(d time.Duration, do func()) *job {
	j := &job{time.Now().Add(d), do}
	i, _ := slices.BinarySearchFunc(a.jobs, j.at, func(j *job, at time.Time) int {
		if j.at.After(at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	a.jobs = slices.Insert(a.jobs, i, j)
	return j
}

// drop takes something from the agenda that may be nil, or done.
func (a *agenda) drop(j *job) {
	if i := slices.Index(a.jobs, j); i >= 0 {
		a.jobs = slices.Delete(a.jobs, i, i+1)
	}
}

// run does what is due.
func (a *agenda) run() {
	a.armed = time.Time{}
	for now := time.Now(); len(a.jobs) > 0 && !a.jobs[0].at.After(now); {
		j := a.jobs[0]
		a.jobs = slices.Delete(a.jobs, 0, 1)
		j.do()
	}
}

// arm sets the timer for what comes first.
func (a *agenda) arm(running bool) {
	switch {
	case !running || len(a.jobs) == 0:
		if a.timer != nil {
			a.timer.Stop()
		}
		a.armed = time.Time{}
	case a.jobs[0].at.Equal(a.armed):
	case a.timer == nil:
		a.armed = a.jobs[0].at
		a.timer = time.AfterFunc(time.Until(a.armed), a.wake)
	default:
		a.armed = a.jobs[0].at
		a.timer.Reset(time.Until(a.armed))
	}
}
