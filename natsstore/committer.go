package natsstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
	"github.com/nats-io/nats.go"
)

const (
	maxQueued    = 64 << 20 // bytes of saves that wait; further callers do
	maxGroup     = 4 << 20  // bytes that go into one batch with others
	maxBatches   = 4        // on their way at the same time; a stream takes 50, of all nodes together
	maxSingles   = 1024     // saves on their way at the same time where each goes by itself
	maxPublished = 1000     // messages of a batch
)

// save is a call of SaveEvents on its way.
type save struct {
	events   []aether.Event
	isNew    []bool // the ID was made for this call, so no event can have it
	messages []*nats.Msg
	size     int

	// fresh: the copy was made current after the save began, so a conflict is one.
	// tried: it was sent before, so that its own IDs may be there.
	fresh bool
	tried bool

	// What becomes of it; guarded by the committer's mu until done is closed.
	state    saveState
	repeat   bool // all of it is there already
	position aether.Position
	err      error
	done     chan struct{}
}

type saveState int

const (
	waiting  saveState = iota // may be given up
	inFlight                  // may land at any moment
	answered
)

// committer takes all saves that wait, decides about each by the copy, and sends those
// that are to be written in atomic batches, some at the same time. While an actor has a
// save on its way the next ones for it wait, so that each is decided about when the copy
// has all that this node knows.
type committer struct {
	l *live

	// grouped: several saves go in one batch. It pays where the stream is replicated, as
	// all of the batch is replicated at once; on a server that is alone a batch is
	// written twice.
	grouped bool

	mu       sync.Mutex
	space    *sync.Cond
	queue    []*save
	bytes    int
	busy     map[string]struct{} // actors with a save on its way
	parked   map[string][]*save  // saves that wait for one of them
	inFlight int
	doubtful int           // flights whose outcome is being looked up
	settled  chan struct{} // closed and replaced when that number goes down
	closed   bool
	filled   chan struct{}
}

func newCommitter(l *live, grouped bool) *committer {
	c := &committer{
		l: l, grouped: grouped, busy: make(map[string]struct{}), parked: make(map[string][]*save),
		filled: make(chan struct{}, 1), settled: make(chan struct{}),
	}
	c.space = sync.NewCond(&c.mu)
	return c
}

// put queues a save, waiting for space.
func (c *committer) put(ctx context.Context, s *save) error {
	c.mu.Lock()
	if c.bytes > maxQueued {
		stop := context.AfterFunc(ctx, c.space.Broadcast)
		for c.bytes > maxQueued && !c.closed && ctx.Err() == nil {
			c.space.Wait()
		}
		stop()
	}
	defer c.mu.Unlock()
	if err := c.l.copy.err(); err != nil {
		return err
	}
	if c.closed {
		return aether.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.state, s.done = waiting, make(chan struct{})
	c.queue = append(c.queue, s)
	c.bytes += s.size
	c.signal()
	return nil
}

func (c *committer) signal() {
	select {
	case c.filled <- struct{}{}:
	default:
	}
}

// giveUp takes back a save that was not sent. It returns false when it was.
func (c *committer) giveUp(s *save) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.state != waiting {
		return false
	}
	c.answer(s, context.Canceled)
	return true
}

// answer ends a save, if it has not ended; mu is held.
func (c *committer) answer(s *save, err error) {
	if s.state != answered {
		s.state, s.err = answered, err
		c.bytes -= s.size
		c.space.Broadcast()
		close(s.done)
	}
}

// run sends what waits, until the committer is closed and nothing is left.
func (c *committer) run() {
	for range c.filled {
		for c.sendSome() {
		}
		c.mu.Lock()
		end := c.closed && len(c.queue) == 0 && c.inFlight == 0
		c.mu.Unlock()
		if end {
			return
		}
	}
}

// sendSome sends a batch of what waits. It returns false when there is nothing to send,
// or enough is on its way.
func (c *committer) sendSome() bool {
	c.mu.Lock()
	if c.inFlight >= maxSingles || c.grouped && c.inFlight >= maxBatches || len(c.queue) == 0 {
		c.mu.Unlock()
		return false
	}
	queue := c.queue
	c.queue = nil
	c.mu.Unlock()

	f := &flight{l: c.l, since: time.Now()}
	taken := 0
	for _, s := range queue {
		if len(f.saves) > 0 && (!c.grouped || f.size+s.size > maxGroup || f.count+len(s.events) > maxPublished) {
			break
		}
		taken++
		c.decide(s, f)
	}
	c.mu.Lock()
	c.queue = append(queue[taken:], c.queue...)
	if len(f.saves) > 0 {
		c.inFlight++
		go f.fly()
	}
	more := len(c.queue) > 0
	c.mu.Unlock()
	return more
}

// decide answers a save, parks it, or puts it on a flight.
func (c *committer) decide(s *save, f *flight) {
	c.mu.Lock()
	if s.state != waiting {
		c.mu.Unlock()
		return
	}
	for i := range s.events {
		if _, busy := c.busy[s.events[i].ActorID]; busy {
			c.parked[s.events[i].ActorID] = append(c.parked[s.events[i].ActorID], s)
			c.mu.Unlock()
			return
		}
	}
	c.mu.Unlock()
	if err := c.l.copy.err(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.answer(s, err)
		return
	}

	v := &view{ctx: c.l.ctx, copy: c.l.copy, save: s}
	admitted, err := storekit.Admit(s.events, v)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.answer(s, err)
	case !admitted:
		s.repeat = true
		c.answer(s, nil)
	case s.state == waiting: // not given up meanwhile
		s.state, s.tried = inFlight, true
		for i := range s.events {
			actorID := s.events[i].ActorID
			if _, busy := c.busy[actorID]; !busy {
				c.busy[actorID] = struct{}{}
				f.expect = append(f.expect, expectation{f.count + i, v.states[actorID].sequence})
			}
		}
		f.saves = append(f.saves, s)
		f.count += len(s.events)
		f.size += s.size
	}
}

// view is what the copy knows about a save.
type view struct {
	ctx    context.Context
	copy   *localCopy
	save   *save
	states map[string]actorState
}

func (v *view) LatestVersion(i int) (aether.Version, error) {
	actorID := v.save.events[i].ActorID
	state, err := v.copy.actor(v.ctx, actorID)
	if v.states == nil {
		v.states = make(map[string]actorState, 1)
	}
	v.states[actorID] = state
	return state.version, err
}

func (v *view) FindEvent(i int) (aether.Version, error) {
	if v.save.isNew[i] && !v.save.tried {
		return 0, nil
	}
	e := &v.save.events[i]
	return v.copy.events.GetEventVersion(v.ctx, e.ActorID, e.ID)
}

// landed takes a flight off: its actors are free, and those of its saves that are not
// answered are decided about again, before all others.
func (c *committer) landed(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight--
	var first []*save
	for _, s := range f.saves {
		if s.state == inFlight {
			s.state = waiting
			first = append(first, s)
		}
		for i := range s.events {
			actorID := s.events[i].ActorID
			delete(c.busy, actorID)
			if parked := c.parked[actorID]; parked != nil {
				delete(c.parked, actorID)
				first = append(first, parked...)
			}
		}
	}
	if len(first) > 0 {
		c.queue = slices.Concat(first, c.queue)
	}
	c.signal()
}

// doubt counts the flights whose outcome is not known.
func (c *committer) doubt(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doubtful += n
	if n < 0 {
		close(c.settled)
		c.settled = make(chan struct{})
	}
}

// certain waits until the outcome of everything is known that was sent by this node and
// whose caller was told otherwise.
func (c *committer) certain(ctx context.Context) error {
	for {
		c.mu.Lock()
		n, settled := c.doubtful, c.settled
		c.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close refuses what comes; run ends when all that waits has been answered.
func (c *committer) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.space.Broadcast()
	c.signal()
}
