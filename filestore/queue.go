package filestore

import (
	"context"
	"slices"
	"sync"

	"github.com/aether-es/aether"
)

// maxQueued is how many bytes of saves wait for the writer; more callers wait
// for space.
const maxQueued = 64 << 20

// save is a call of SaveEvents on its way through the writer.
type save struct {
	namespace *namespace
	events    []aether.Event
	items     []item
	buf       []byte // the encoded records

	// asked says that the index on disk was asked about the events, when it was of
	// that generation.
	asked      bool
	generation uint64

	// What the writer finds: the position of the last event, or that all of them
	// are there already, or an error.
	position aether.Position
	repeat   bool
	err      error
	done     chan struct{}
}

// item is what the caller prepared about an event, so that the writer, who
// serves all callers in turn, has little to do.
type item struct {
	key    eventKey
	isNew  bool // the ID was made for this save, so no event can have it
	offset int  // of its record in the save's buf

	// What the index on disk said: the actor's latest version, if looked, and the
	// version of the event, if the save was asked.
	looked  bool
	latest  aether.Version
	version aether.Version
}

// queue is the saves that wait for the writer.
type queue struct {
	mu     sync.Mutex
	space  sync.Cond
	filled chan struct{} // has an item when there may be something to take
	saves  []*save
	bytes  int
	closed bool
}

func (q *queue) init() {
	q.space.L = &q.mu
	q.filled = make(chan struct{}, 1)
}

// put appends a save, waiting for space.
func (q *queue) put(ctx context.Context, r *save) error {
	q.mu.Lock()
	for q.bytes > maxQueued && !q.closed {
		// Whoever is at the writer makes space within moments, or the store stops.
		q.space.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return aether.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		q.mu.Unlock()
		return err
	}
	q.saves = append(q.saves, r)
	q.bytes += len(r.buf)
	first := len(q.saves) == 1
	q.mu.Unlock()
	if first {
		select {
		case q.filled <- struct{}{}:
		default:
		}
	}
	return nil
}

// take returns everything that waits, at least one save, in the space of a slice
// that is not needed any more. It returns nothing when the queue is closed and empty.
func (q *queue) take(space []*save) []*save {
	for {
		q.mu.Lock()
		taken := q.saves
		if len(taken) > 0 || q.closed {
			q.saves = space[:0]
			q.bytes = 0
			q.space.Broadcast()
			q.mu.Unlock()
			return taken
		}
		q.mu.Unlock()
		<-q.filled
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.space.Broadcast()
	q.mu.Unlock()
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

var savePool = sync.Pool{New: func() any { return &save{done: make(chan struct{}, 1)} }}

// prepare does what the caller of SaveEvents can do for the writer.
func (r *save) prepare(n *namespace, given, complete []aether.Event) {
	r.namespace, r.events = n, complete
	size := 0
	for i := range complete {
		size += complete[i].Size() + recordOverhead + len(n.name)
	}
	r.items = slices.Grow(r.items, len(complete))
	r.buf = slices.Grow(r.buf, size)
	for i := range complete {
		e := &complete[i]
		r.items = append(r.items, item{
			key:    n.store.index.hash.event(n.name, e.ActorID, e.ID),
			isNew:  given[i].ID == "",
			offset: len(r.buf),
		})
		r.buf = appendRecord(r.buf, n.name, e, len(complete)-1-i)
	}
}

// free makes the save usable for another call.
func (r *save) free() {
	items, buf := r.items[:0], r.buf[:0]
	if cap(buf) > 64<<10 {
		items, buf = nil, nil
	}
	*r = save{items: items, buf: buf, done: r.done}
	savePool.Put(r)
}

// ask looks up on disk what the index in memory does not know about a save, so
// that the writer need not.
func (s *Store) ask(ctx context.Context, r *save) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.mu.RLock()
	r.generation = s.generation
	for i := range r.events {
		name, actorID := r.namespace.name, r.events[i].ActorID
		r.items[i].looked = s.recent.actor(name, actorID) == nil && s.flushing.actor(name, actorID) == nil
	}
	s.mu.RUnlock()
	var err error
	for i := range r.items {
		item := &r.items[i]
		if item.looked {
			if item.latest, err = s.index.latestVersion(r.namespace.name, r.events[i].ActorID); err != nil {
				return err
			}
		}
		if !item.isNew {
			if item.version, err = s.eventOnDisk(item.key); err != nil {
				return err
			}
		}
	}
	r.asked = true
	return nil
}

// eventOnDisk returns the version of an event if the index on disk has it, else 0.
func (s *Store) eventOnDisk(key eventKey) (aether.Version, error) {
	if !s.filter.mayHave(key) {
		return 0, nil
	}
	return s.index.eventVersion(key)
}
