package deadline

import (
	"container/heap"
	"encoding/binary"
	"slices"

	"github.com/aether-es/aether"
)

// key is a hash of a deadline's actor and name.
type key [16]byte

// entry is a pending deadline. It has no pointers, so the garbage collector does
// not look into the slabs.
type entry struct {
	key      key
	at       int64           // when it is due, in microseconds
	try      int64           // when it is to be fired next: at, or later after a failure
	position aether.Position // of the event that set it
	place    uint32          // in the heap while it waits; the next free slot plus one while it is free
	chain    uint32          // the next slot plus one whose key has the same bucket
	failed   uint16
	state    state
}

type state uint8

const (
	free    state = iota
	waiting       // in the heap
	firing        // Fire is under way
	gone          // Fire is under way for what has been cleared meanwhile
)

// slabSize is how many entries are allocated at a time: nothing is copied when the
// table grows.
const slabSize = 1024

// table holds the pending deadlines: found by key, and a heap of slots, ordered by
// when they are to be fired and then by position. It is not safe for concurrent use.
type table struct {
	buckets []uint32 // by the key, the first slot plus one; as many as a power of two
	entries int
	slabs   []*[slabSize]entry
	used    uint32 // slots that were ever used
	free    uint32 // the first free slot plus one
	queue   []uint32
	flying  []uint32 // the slots that are firing or gone
	gone    int
	failed  int // entries whose last Fire failed
}

func newTable() *table { return &table{buckets: make([]uint32, slabSize)} }

func (t *table) at(slot uint32) *entry { return &t.slabs[slot/slabSize][slot%slabSize] }

func (t *table) pending() int { return t.entries - t.gone }

// bucket is where the slots of a key begin. A key is a hash, so any of its bits do.
func (t *table) bucket(k *key) *uint32 {
	return &t.buckets[binary.LittleEndian.Uint64(k[:])&uint64(len(t.buckets)-1)]
}

// find returns the slot of a key. A map of Go's would take three times the memory.
func (t *table) find(k key) (slot uint32, ok bool) {
	for slot := *t.bucket(&k); slot != 0; slot = t.at(slot - 1).chain {
		if t.at(slot-1).key == k {
			return slot - 1, true
		}
	}
	return 0, false
}

// insert lets an entry be found.
func (t *table) insert(slot uint32) {
	if t.entries++; t.entries > len(t.buckets) {
		t.buckets = make([]uint32, 2*len(t.buckets))
		for other := range t.used {
			if e := t.at(other); other != slot && e.state != free {
				t.link(other, e)
			}
		}
	}
	t.link(slot, t.at(slot))
}

func (t *table) link(slot uint32, e *entry) {
	head := t.bucket(&e.key)
	e.chain = *head
	*head = slot + 1
}

// remove lets an entry not be found any more.
func (t *table) remove(slot uint32) {
	e := t.at(slot)
	link := t.bucket(&e.key)
	for *link != slot+1 {
		link = &t.at(*link - 1).chain
	}
	*link = e.chain
	t.entries--
}

// set makes or moves a deadline.
func (t *table) set(k key, at int64, position aether.Position) {
	slot, ok := t.find(k)
	if !ok {
		slot = t.alloc()
		*t.at(slot) = entry{key: k, at: at, try: at, position: position, state: waiting}
		t.insert(slot)
		heap.Push(t, slot)
		return
	}
	e := t.at(slot)
	t.setFailed(e, 0)
	e.at, e.try, e.position = at, at, position
	switch e.state {
	case waiting:
		heap.Fix(t, int(e.place))
	case gone:
		e.state = firing
		t.gone--
	}
}

// clear removes a deadline, if there is one.
func (t *table) clear(k key) {
	slot, ok := t.find(k)
	if !ok {
		return
	}
	switch e := t.at(slot); e.state {
	case waiting:
		heap.Remove(t, int(e.place))
		t.release(slot)
	case firing:
		t.setFailed(e, 0)
		e.state = gone
		t.gone++
	}
}

// first returns the deadline that is to be fired next, if one waits.
func (t *table) first() (*entry, bool) {
	if len(t.queue) == 0 {
		return nil, false
	}
	return t.at(t.queue[0]), true
}

// take removes the first from the queue, to be fired.
func (t *table) take() uint32 {
	slot := heap.Pop(t).(uint32)
	t.at(slot).state = firing
	t.flying = append(t.flying, slot)
	return slot
}

// landed says how the Fire of what was set at a position has ended. After a failure
// retryAt says when the next is to be; that is never before the deadline itself,
// although the clock may have been set back.
func (t *table) landed(slot uint32, position aether.Position, fired bool, retryAt func(failed int) int64) {
	t.land(slot, position, fired, func(e *entry) {
		t.setFailed(e, min(e.failed, 1<<16-2)+1)
		e.try = max(e.at, retryAt(int(e.failed)))
	})
}

// postponed says that what was set at a position is to be fired again, at a time.
func (t *table) postponed(slot uint32, position aether.Position, at int64) {
	t.land(slot, position, false, func(e *entry) {
		t.setFailed(e, 0)
		e.try = max(e.at, at)
	})
}

// land ends a flight; again says when the next is to be.
func (t *table) land(slot uint32, position aether.Position, fired bool, again func(e *entry)) {
	t.flying = slices.DeleteFunc(t.flying, func(s uint32) bool { return s == slot })
	e := t.at(slot)
	switch {
	case e.state == gone:
		t.gone--
		t.release(slot)
		return
	case e.position != position: // moved: as new
	case fired:
		t.release(slot)
		return
	default:
		again(e)
	}
	e.state = waiting
	heap.Push(t, slot)
}

func (t *table) setFailed(e *entry, failed uint16) {
	if e.failed > 0 {
		t.failed--
	}
	if failed > 0 {
		t.failed++
	}
	e.failed = failed
}

func (t *table) alloc() uint32 {
	if t.free != 0 {
		slot := t.free - 1
		t.free = t.at(slot).place
		return slot
	}
	if t.used%slabSize == 0 {
		t.slabs = append(t.slabs, new([slabSize]entry))
	}
	t.used++
	return t.used - 1
}

func (t *table) release(slot uint32) {
	e := t.at(slot)
	t.setFailed(e, 0)
	t.remove(slot)
	*e = entry{place: t.free}
	t.free = slot + 1
}

// Len and the next ones are for package heap.
func (t *table) Len() int { return len(t.queue) }

func (t *table) Less(i, j int) bool { return before(t.at(t.queue[i]), t.at(t.queue[j])) }

func before(a, b *entry) bool {
	if a.try != b.try {
		return a.try < b.try
	}
	return a.position < b.position
}

func (t *table) Swap(i, j int) {
	t.queue[i], t.queue[j] = t.queue[j], t.queue[i]
	t.at(t.queue[i]).place, t.at(t.queue[j]).place = uint32(i), uint32(j)
}

func (t *table) Push(slot any) {
	t.at(slot.(uint32)).place = uint32(len(t.queue))
	t.queue = append(t.queue, slot.(uint32))
}

func (t *table) Pop() any {
	last := len(t.queue) - 1
	slot := t.queue[last]
	t.queue = t.queue[:last]
	return slot
}

// soonest returns copies of the n that are to be fired next, those under way
// before those that wait.
func (t *table) soonest(n int) []entry {
	var found []entry
	for _, slot := range t.flying {
		if e := t.at(slot); e.state == firing {
			found = append(found, *e)
		}
	}
	// From the top of the heap: whoever comes next is a child of one that came.
	next := &frontier{t: t}
	if len(t.queue) > 0 {
		next.places = append(next.places, 0)
	}
	for len(found) < n && len(next.places) > 0 {
		place := heap.Pop(next).(int)
		found = append(found, *t.at(t.queue[place]))
		for child := 2*place + 1; child <= 2*place+2 && child < len(t.queue); child++ {
			heap.Push(next, child)
		}
	}
	return found[:min(n, len(found))]
}

// frontier is a heap of places in the queue of a table.
type frontier struct {
	t      *table
	places []int
}

func (f *frontier) Len() int           { return len(f.places) }
func (f *frontier) Less(i, j int) bool { return f.t.Less(f.places[i], f.places[j]) }
func (f *frontier) Swap(i, j int)      { f.places[i], f.places[j] = f.places[j], f.places[i] }
func (f *frontier) Push(place any)     { f.places = append(f.places, place.(int)) }
func (f *frontier) Pop() any {
	last := len(f.places) - 1
	place := f.places[last]
	f.places = f.places[:last]
	return place
}
