package effect

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// lineKey is a target, or an effect that has none.
type lineKey struct{ target, id string }

func keyOf(e *entry) lineKey {
	if e.Target == "" || e.Broken {
		return lineKey{id: e.ID}
	}
	return lineKey{target: e.Target}
}

// line has the open effects of one target. However many wait, to plan the next thing
// takes as long as there are changes: an entry is looked at when it has changed or its
// time has come, and otherwise keeps its place in a queue.
type line struct {
	key     lineKey
	open    int      // effects
	calling []*entry // those in the state Calling: few, as a target has one call at a time

	// The rest is the scheduler's.
	changed []*entry // to be put into the queues anew
	queues  [3]queue // by what they wait for: a slot of one of the kinds, or a time
	busy    bool     // a task of this run calls the target
	dirty   bool     // waits in run.dirty
	starved [2]bool
	timer   time.Time // of the earliest in run.timers, zero for none
}

// later is the queue of those that wait for a time; [calls] and [chores] are the others.
const later = 2

func (l *line) add(e *entry) {
	e.line = l
	l.open++
	l.track(e)
}

// remove leaves e.line, for a task that still works on it.
func (l *line) remove(e *entry) {
	e.closed = true
	l.open--
	l.calling = slices.DeleteFunc(l.calling, func(x *entry) bool { return x == e })
	e.unqueue()
}

// track notes whether an entry is in the state Calling.
func (l *line) track(e *entry) {
	at := slices.Index(l.calling, e)
	switch {
	case at < 0 && e.State == Calling:
		l.calling = append(l.calling, e)
	case at >= 0 && e.State != Calling:
		l.calling = slices.Delete(l.calling, at, at+1)
	}
}

// holder returns the entry whose call the target may be busy with, the earliest.
func (l *line) holder() *entry {
	var holder *entry
	for _, e := range l.calling {
		if holder == nil || e.Attempt < holder.Attempt {
			holder = e
		}
	}
	return holder
}

// queue puts an entry into one of the queues, and nowhere else.
func (l *line) queue(e *entry, kind int, due time.Time) {
	e.unqueue()
	e.due, e.in = due, &l.queues[kind]
	heap.Push(e.in, e)
}

func (e *entry) unqueue() {
	if e.in != nil {
		heap.Remove(e.in, e.index)
		e.in = nil
	}
}

func byCause(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.Cause.Position, b.Cause.Position), cmp.Compare(a.ID, b.ID))
}

// queue is a heap of entries: what is due first comes first, and of what is due at
// the same time, or now, what was asked for first.
type queue []*entry

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].due.Compare(q[j].due), byCause(q[i], q[j])) < 0
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
