package pgstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/storekit"
)

// maxGroup is how many bytes are written together, if more wait.
const maxGroup = 8 << 20

// maxGather is how long the callers who have just been answered are waited for.
const maxGather = 500 * time.Microsecond

// commitAll is the committer of a namespace: it takes everything that waits, has it
// written in one transaction, answers, and takes what has come meanwhile. It ends when
// nothing waits.
func (n *namespace) commitAll() {
	defer n.store.saving.Done()
	for {
		saves := n.queue.take(n.store.options.groupSize)
		if len(saves) == 0 {
			return
		}
		begin := time.Now()
		n.newGroup(saves).commit()
		n.queue.gather(len(saves), min(time.Since(begin)/4, maxGather))
	}
}

// group is saves that are committed together. It goes in rounds. In each it believes
// the callers, as far as nothing is known to the contrary, about the latest versions of
// their actors, and has all saves written that can be, then, in one statement that
// checks what was believed. Whatever could not be written is decided about in the next
// round, by what the server has answered.
//
// What is found to be refused stays refused, since nothing is ever deleted; so each
// round answers at least one save, or meets what another process has written meanwhile.
type group struct {
	namespace *namespace
	pending   []*save
	facts     facts

	// until is when the last attempt is begun.
	until time.Time

	// open are the batches that were sent and got no answer, if they may still be
	// written: until the time settled, as the server refuses them when they come later,
	// and unless one of their saves has got its answer, since a batch is written as a
	// whole.
	open    [][]*save
	settled time.Time

	claimed  bool // the callers wait for us
	failures int  // in succession
	epoch    uint64
}

// The parts of Options.Timeout. An attempt is given up after a third of it. The server
// refuses the statement from a sixth on, so there is as much time again for it to finish
// what it has begun by then. Nothing else bounds a commit.
func (s *Store) attemptTime() time.Duration  { return s.options.Timeout / 3 }
func (s *Store) deadlineTime() time.Duration { return s.options.Timeout / 6 }

func (n *namespace) newGroup(saves []*save) *group {
	s := n.store
	n.hints.begin(s.epoch.Load())
	for _, r := range saves {
		r.ask = n.hints.doubt(r)
	}
	return &group{namespace: n, pending: saves, until: time.Now().Add(s.options.Timeout - s.attemptTime())}
}

// commit answers all saves of the group.
func (g *group) commit() {
	for len(g.pending) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), g.namespace.store.attemptTime())
		postponed, err := g.round(ctx)
		cancel()
		if err != nil && !g.again(err) {
			return
		}
		if postponed {
			_ = backoff.Wait(context.Background(), time.Until(g.settled)+time.Millisecond)
		}
	}
}

// round decides about the pending saves and answers those it can. It returns true when
// some have to wait until what was sent before is settled.
func (g *group) round(ctx context.Context) (postponed bool, err error) {
	s := g.namespace.store
	g.epoch = s.epoch.Load()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	if closedByPeer(conn.Conn().PgConn().Conn()) {
		_ = conn.Conn().Close(ctx)
		return false, errLost
	}
	g.claim()
	if err := g.lookUp(ctx, conn); err != nil {
		return false, err
	}
	batch, refused := g.decide()
	if len(batch) > 0 {
		written, err := g.append(ctx, conn, batch)
		if err != nil {
			return false, err
		}
		if !written {
			g.askAll()
			return false, nil
		}
	}
	g.failures = 0
	for _, r := range batch {
		r.answer()
	}
	// What is refused for good first: that may settle what became of other batches.
	for r := range refused {
		if conflict, ok := errors.AsType[*aether.ConflictError](r.err); !ok || conflict.Tried <= conflict.Latest {
			r.answer()
		}
	}
	g.close()
	pending := g.pending[:0]
	for _, r := range g.pending {
		_, ok := refused[r]
		switch {
		case r.answered:
			continue
		case ok && !g.isOpen(r):
			r.answer()
			continue
		case ok:
			r.err, postponed = nil, true // what was sent may bring it the events that it lacks
		}
		r.ask = true
		pending = append(pending, r)
	}
	clear(g.pending[len(pending):])
	g.pending = pending
	return postponed, nil
}

// close forgets the batches that are not written any more.
func (g *group) close() {
	late := time.Now().After(g.settled)
	g.open = slices.DeleteFunc(g.open, func(batch []*save) bool {
		return late || slices.ContainsFunc(batch, func(r *save) bool { return r.answered })
	})
}

// isOpen says whether a save may be written by what was sent before.
func (g *group) isOpen(r *save) bool {
	return slices.ContainsFunc(g.open, func(batch []*save) bool { return slices.Contains(batch, r) })
}

// claim has the callers stay until they are answered, but for those who have left.
func (g *group) claim() {
	if g.claimed {
		return
	}
	g.claimed = true
	kept := g.pending[:0]
	for _, r := range g.pending {
		if r.state.CompareAndSwap(waiting, taken) {
			kept = append(kept, r)
		}
	}
	g.pending = kept
}

// letGo answers the callers whose context has ended, but for those whose saves may
// still be written.
func (g *group) letGo() {
	late := time.Now().After(g.settled)
	pending := g.pending[:0]
	for _, r := range g.pending {
		switch {
		case r.state.Load() != leaving, r.sent && !late:
			pending = append(pending, r)
			continue
		case r.sent:
			r.err = errors.Join(r.ctxErr, &UnavailableError{Op: saveOp, Unknown: true, Reason: "it did not answer before the context ended"})
		default:
			r.err = r.ctxErr
		}
		close(r.done)
	}
	clear(g.pending[len(pending):])
	g.pending = pending
}

// decide returns the saves that can be written, in order, and those that are refused or
// there already. What is in neither set is to be asked about.
func (g *group) decide() ([]*save, map[*save]struct{}) {
	var batch []*save
	refused := make(map[*save]struct{})
	o := overlay{latest: make(map[string]aether.Version), ids: make(map[eventKey]aether.Version)}
	for _, r := range g.pending {
		// What was found of it in an earlier round, which wrote nothing, holds no more: then
		// it may have lost to a save that is not written after all.
		r.err, r.repeat = nil, false
		admitted, err := storekit.Admit(r.events, view{r, &o, &g.facts})
		switch {
		case admitted:
			o.add(r)
			batch = append(batch, r)
		case r.asked:
			r.err, r.repeat = err, err == nil
			refused[r] = struct{}{}
		}
	}
	return batch, refused
}

// overlay is what the saves of a group will have changed when the next one comes.
type overlay struct {
	latest map[string]aether.Version
	ids    map[eventKey]aether.Version
}

type eventKey struct{ actorID, id string }

func (o *overlay) add(r *save) {
	for i := range r.events {
		e := &r.events[i]
		o.latest[e.ActorID] = e.Version
		if !r.isNew[i] {
			o.ids[eventKey{e.ActorID, e.ID}] = e.Version
		}
	}
}

// view is what is known when a save is decided about: the saves before it, what the
// server has said, if it was asked, and else what the caller believes.
type view struct {
	save    *save
	overlay *overlay
	facts   *facts
}

func (v view) LatestVersion(i int) (aether.Version, error) {
	e := &v.save.events[i]
	if version, ok := v.overlay.latest[e.ActorID]; ok {
		return version, nil
	}
	if v.save.asked {
		return v.facts.latest[e.ActorID], nil
	}
	return e.Version - 1, nil
}

func (v view) FindEvent(i int) (aether.Version, error) {
	e := &v.save.events[i]
	key := eventKey{e.ActorID, e.ID}
	if version, ok := v.overlay.ids[key]; ok {
		return version, nil
	}
	return v.facts.ids[key], nil
}

func (g *group) askAll() {
	for _, r := range g.pending {
		r.ask, r.position = true, 0
	}
}

// answer tells the caller what the server has said.
func (r *save) answer() {
	r.answered = true
	close(r.done)
}

const saveOp = "save events"

// errLost: the server, or what is in between, has ended the connection.
var errLost = errors.New("the connection was lost")

// again says whether to go on after an error. Where it says no, all saves have their
// answer.
func (g *group) again(err error) bool {
	s := g.namespace.store
	g.failures++
	g.askAll()
	if transient(err) && time.Now().Before(g.until) {
		if g.failures == 3 {
			s.logger.Warn("pgstore: saves wait for the server", "namespace", g.namespace.name, "error", classify(context.Background(), saveOp, err))
		}
		if !settled(err) && !isConnect(err) {
			s.dropConns(g.epoch)
			g.namespace.hints.begin(s.epoch.Load())
		}
		g.letGo()
		_ = backoff.Wait(context.Background(), backoff.After(g.failures, 2*time.Millisecond, time.Second))
		return true
	}
	g.claim()
	if slices.ContainsFunc(g.pending, func(r *save) bool { return r.sent }) {
		_ = backoff.Wait(context.Background(), time.Until(g.settled))
	}
	failed := classify(context.Background(), saveOp, err)
	for _, r := range g.pending {
		r.err, r.repeat = failed, false
		if r.sent {
			reason := failed.Error()
			if unavailable, ok := errors.AsType[*UnavailableError](failed); ok {
				reason = unavailable.Reason
			}
			r.err = &UnavailableError{Op: saveOp, Unknown: true, Reason: reason}
		}
		close(r.done)
	}
	g.pending = nil
	return false
}
