package pgstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

// maxQueued is how many bytes of saves wait for the committer of a namespace; more
// callers wait for space.
const maxQueued = 64 << 20

// save is a call of SaveEvents on its way through the committer.
type save struct {
	events []aether.Event
	isNew  []bool // the ID was made for this save, so no event can have it
	size   int
	state  atomic.Int32
	ctxErr error // why it is leaving

	// ask says that the server is to be asked about the save before it is decided
	// about; asked, that it was.
	ask, asked bool

	// sent says that it was in a statement that got no answer, answered that it has got
	// its own, and not because the server could not be asked.
	sent, answered bool

	// What the committer finds: the position of the last event, or that all of them are
	// there already, or an error.
	position aether.Position
	repeat   bool
	err      error
	done     chan struct{}
}

// The states of a save. From the moment it is taken until it is answered its events may
// be on their way to the server, so its caller stays; but says that it would like to
// leave.
const (
	waiting int32 = iota
	taken
	leaving
	left
)

// queue is the saves that wait for the committer.
type queue struct {
	mu      sync.Mutex
	saves   []*save
	bytes   int
	space   chan struct{} // closed, and replaced, when some are taken
	working bool          // there is a committer
	wanted  int           // how many saves the committer waits for, 0 when it does not wait
	reached chan struct{} // closed when there are so many
	closed  bool
}

func (q *queue) init() { q.space = make(chan struct{}) }

// put appends a save, waiting for space. It returns true when there is no committer.
func (q *queue) put(ctx context.Context, r *save, saving *sync.WaitGroup) (bool, error) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return false, aether.ErrClosed
		}
		if q.bytes <= maxQueued {
			break
		}
		space := q.space
		q.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer q.mu.Unlock()
	q.saves = append(q.saves, r)
	q.bytes += r.size
	if q.wanted > 0 && len(q.saves) >= q.wanted {
		q.wanted = 0
		close(q.reached)
	}
	if q.working {
		return false, nil
	}
	q.working = true
	saving.Add(1)
	return true, nil
}

// take returns what waits, up to so many bytes. When nothing waits, the committer is
// dismissed.
func (q *queue) take(bytes int) []*save {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.saves) == 0 {
		q.working = false
		return nil
	}
	n, size := 0, 0
	for n < len(q.saves) && (n == 0 || size+q.saves[n].size <= bytes) {
		size += q.saves[n].size
		n++
	}
	group := q.saves[:n:n]
	if n == len(q.saves) {
		q.saves = nil
	} else {
		q.saves = q.saves[n:]
	}
	q.bytes -= size
	close(q.space)
	q.space = make(chan struct{})
	return group
}

// gather waits for some moments while callers who have just been answered come again,
// if there are others who wait: of callers who do nothing but save, half would otherwise
// wait while the other half is written, and twice as many commits were needed.
func (q *queue) gather(answered int, patience time.Duration) {
	q.mu.Lock()
	if len(q.saves) == 0 || answered < 2 || q.closed {
		q.mu.Unlock()
		return
	}
	q.wanted = len(q.saves) + answered*7/8
	q.reached = make(chan struct{})
	reached := q.reached
	q.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-reached:
	case <-timer.C:
		q.mu.Lock()
		q.wanted = 0
		q.mu.Unlock()
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.space)
	q.space = make(chan struct{})
}

// SaveEvents is described at [aether.EventStore]. A save that waits for its turn is
// given up when ctx ends; one that is being written is not, but for when the server
// does not answer. So after a context error nothing was written, unless it is an
// [ErrUnavailable] too, which says so. It may also fail with ErrUnavailable alone, and
// with the other classes of this package, after which nothing was written.
func (n *namespace) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	complete, err := storekit.Complete(events, time.Now())
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r := &save{events: complete, isNew: make([]bool, len(events)), done: make(chan struct{})}
	for i := range events {
		r.isNew[i] = events[i].ID == ""
		r.size += complete[i].Size()
	}
	idle, err := n.queue.put(ctx, r, &n.store.saving)
	if err != nil {
		return 0, err
	}
	if idle {
		go n.commitAll()
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, left) {
			return 0, ctx.Err()
		}
		r.ctxErr = ctx.Err()
		r.state.CompareAndSwap(taken, leaving)
		<-r.done
	}
	if r.repeat {
		return storekit.RepeatedPosition(ctx, n, complete)
	}
	if conflict, ok := errors.AsType[*aether.ConflictError](r.err); ok {
		if err := storekit.Winners(conflict, n.GetEvents(ctx, conflict.ActorID, conflict.Tried-1)); err != nil {
			return 0, err
		}
	}
	return r.position, r.err
}
