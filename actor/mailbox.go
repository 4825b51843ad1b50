package actor

import (
	"container/list"
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
)

// cell is an actor in memory.
type cell[S, C, E any] struct {
	id string

	// Guarded by Host.mu. The cell is working or idle, never both.
	mailbox []*request[S, C, E]
	spare   []*request[S, C, E] // the space of the one before
	working bool
	idle    *list.Element

	// Of the goroutine that works for the actor.
	loaded   bool
	behind   bool // the state is whole, and there are newer events
	state    S
	version  aether.Version
	position aether.Position
	lastID   string            // of the event of that version
	current  *request[S, C, E] // for which a function of the decider is called, if for one alone
	saving   bool              // the batch is being saved, or its callers are being answered

	// About its snapshots: the version of the last, whether that is of no use,
	// whether one is being saved, and when the next may be made.
	kept      aether.Version
	useless   bool
	keeping   atomic.Bool
	notBefore time.Time
}

// request is a command or a look on its way through a mailbox.
type request[S, C, E any] struct {
	command  C
	id       string
	given    bool // the ID, by the caller
	at       *aether.Version
	metadata aether.Metadata
	look     func(state S, version aether.Version) // instead of a command

	status atomic.Int32
	done   chan struct{} // closed when result, err and refused are there

	// Of the goroutine that works for the actor, while the command is decided: the
	// range of its events in the batch, and the request with the same ID in it.
	first, count int
	twin         *request[S, C, E]
	attempts     int

	result  Result[E]
	err     error
	refused bool // err comes from Decide
}

// The status of a request.
const (
	waiting int32 = iota
	taken
	abandoned
)

func (h *Host[S, C, E]) newRequest(options *DoOptions) (*request[S, C, E], error) {
	r := &request[S, C, E]{done: make(chan struct{})}
	if options != nil {
		r.id, r.given = options.CommandID, options.CommandID != ""
		r.at, r.metadata = options.At, options.Metadata
	}
	if !r.given {
		r.id = aether.NewID()
	}
	if r.metadata.CausationID == "" {
		r.metadata.CausationID = r.id
	}
	if r.metadata.CorrelationID == "" {
		r.metadata.CorrelationID = r.id
	}
	return r, badCommandID(r.id)
}

// send puts a request into the mailbox of its actor, and waits for the answer. The
// request must not be looked at unless answered is true: it may still be at work.
func (h *Host[S, C, E]) send(ctx context.Context, actorID string, r *request[S, C, E]) (answered bool, err error) {
	if err := h.decider.CheckID(actorID); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if err := h.put(actorID, r); err != nil {
		return false, err
	}
	select {
	case <-r.done:
		return true, r.err
	case <-ctx.Done():
	}
	if r.status.CompareAndSwap(waiting, abandoned) {
		return false, ctx.Err()
	}
	if r.look != nil {
		<-r.done // look must not run when View has returned
		return true, r.err
	}
	return false, &UnknownError{ActorID: actorID, CommandID: r.id, Err: ctx.Err()}
}

func (h *Host[S, C, E]) put(actorID string, r *request[S, C, E]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return aether.ErrClosed
	}
	c := h.cells[actorID]
	if c == nil {
		c = &cell[S, C, E]{id: actorID}
		h.cells[actorID] = c
	}
	if len(c.mailbox) >= h.options.MailboxSize {
		return ErrBusy
	}
	c.mailbox = append(c.mailbox, r)
	if !c.working {
		c.working = true
		if c.idle != nil {
			h.idle.Remove(c.idle)
			c.idle = nil
		}
		h.workers.Go(func() { h.work(c, nil) })
	}
	return nil
}

// claim says whether a request is to be answered: its caller still waits, or cannot
// go away any more.
func (r *request[S, C, E]) claim() bool {
	return r.status.CompareAndSwap(waiting, taken) || r.status.Load() == taken
}

// work answers requests of an actor, and then those in its mailbox, until there are no
// more. When a function of the decider ends the goroutine, another one goes on.
func (h *Host[S, C, E]) work(c *cell[S, C, E], requests []*request[S, C, E]) {
	over := false
	defer func() {
		if over {
			return
		}
		// It was runtime.Goexit; or a panic, which ends the process.
		rest := c.exited(requests, &PanicError{ActorID: c.id, Func: "a function of the decider", Stack: debug.Stack()})
		h.workers.Go(func() { h.work(c, rest) })
	}()
	for {
		if len(requests) == 0 {
			if requests = h.take(c); requests == nil {
				over = true
				return
			}
		}
		for len(requests) > 0 {
			requests = h.round(c, requests)
		}
		h.keep(c)
	}
}

// exited answers the request whose function has ended the goroutine, or all when it
// was nobody's own, and those of which it is not known any more whether they were
// saved. It returns the others, which are to be decided again.
func (c *cell[S, C, E]) exited(requests []*request[S, C, E], err error) (rest []*request[S, C, E]) {
	guilty, saving := c.current, c.saving
	c.current, c.saving, c.loaded = nil, false, false
	for _, r := range requests {
		select {
		case <-r.done:
			continue
		default:
		}
		switch {
		case r == guilty, guilty == nil && !saving:
			r.answer(err)
		case saving && r.count > 0:
			r.answer(&UnknownError{ActorID: c.id, CommandID: r.id, Err: err})
		default:
			rest = append(rest, r)
		}
	}
	return rest
}

// take returns what is in the mailbox. When that is nothing the cell is idle, and
// the goroutine must not touch it any more.
func (h *Host[S, C, E]) take(c *cell[S, C, E]) []*request[S, C, E] {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(c.mailbox) > 0 {
		requests := c.mailbox
		clear(c.spare[:cap(c.spare)])
		c.mailbox, c.spare = c.spare[:0], requests
		return requests
	}
	c.working = false
	c.spare, c.mailbox = nil, nil
	if !c.loaded || c.version == 0 {
		delete(h.cells, c.id) // there is nothing worth keeping
		return nil
	}
	c.idle = h.idle.PushFront(c)
	for h.idle.Len() > h.options.CacheActors {
		oldest := h.idle.Remove(h.idle.Back()).(*cell[S, C, E])
		delete(h.cells, oldest.id)
		h.evicted(oldest)
	}
	return nil
}
