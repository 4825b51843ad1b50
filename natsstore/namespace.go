package natsstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
	"github.com/nats-io/nats.go"
)

// namespace is the event store of one namespace.
type namespace struct {
	store    *Store
	name     string
	subjects subjects
	opening  chan struct{} // holds an item while somebody opens live

	// Guarded by the store's mu.
	live  *live          // nil while there is no stream
	parts map[string]int // actors with a large snapshot that was saved here
}

var (
	_ aether.EventStore    = (*namespace)(nil)
	_ aether.SnapshotStore = (*namespace)(nil)
)

// open returns the namespace's live part, nil when it has no stream and none shall be
// made.
func (n *namespace) open(ctx context.Context, create bool) (*live, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := n.store
	s.mu.Lock()
	l, closed := n.live, s.closed
	s.mu.Unlock()
	if closed {
		return nil, aether.ErrClosed
	}
	if l != nil {
		return l, nil
	}
	select {
	case n.opening <- struct{}{}:
		defer func() { <-n.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	l = n.live
	s.mu.Unlock()
	if l != nil {
		return l, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	l, err := n.openStream(ctx, create)
	if err != nil || l == nil {
		if s.ctx.Err() != nil {
			return nil, aether.ErrClosed
		}
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errors.Join(aether.ErrClosed, l.close())
	}
	n.live = l
	s.mu.Unlock()
	return l, nil
}

func (n *namespace) openStream(ctx context.Context, create bool) (*live, error) {
	conn := n.store.conn
	if create {
		if err := conn.createStream(ctx, eventsConfig(conn.names, n.name, n.store.options.Replicas)); err != nil {
			return nil, err
		}
	} else {
		missing := false
		err := conn.try(ctx, "read", func(ctx context.Context) error {
			_, err := conn.streamState(ctx, conn.names.stream(eventsRole, n.name))
			if missing = isNotFound(err); missing {
				return nil
			}
			return err
		})
		if err != nil || missing {
			return nil, err
		}
	}
	return openLive(ctx, conn, n.store.dir, n.name)
}

// readable returns the copy, current, or nil when there are no events.
func (n *namespace) readable(ctx context.Context) (aether.EventStore, error) {
	l, err := n.open(ctx, false)
	if err != nil || l == nil {
		return nil, err
	}
	return l.copy.events, l.readable(ctx)
}

// SaveEvents is described at [aether.EventStore]. When ctx ends while the events are on
// their way it waits until their outcome is known, for as long as [ConnOptions.Timeout]
// says; then the error is an [UnavailableError] that says Unknown, and what it says of
// that holds. It may also fail with [ErrTooLarge] or [ErrRejected], after which nothing
// was written.
func (n *namespace) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	complete, err := storekit.Complete(events, time.Now())
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s := &save{events: complete, isNew: make([]bool, len(complete)), messages: make([]*nats.Msg, len(complete))}
	limit := int(n.store.conn.nc.MaxPayload())
	for i := range complete {
		s.isNew[i] = events[i].ID == ""
		m := encodeEvent(n.subjects.of(complete[i].ActorID), &complete[i], len(complete)-1-i)
		size := messageSize(m)
		if size > limit {
			return 0, &TooLargeError{Index: i, Size: size, Limit: limit}
		}
		s.size += size
		s.messages[i] = m
	}
	l, err := n.open(ctx, true)
	if err != nil {
		return 0, err
	}
	timer := time.NewTimer(n.store.conn.timeout)
	defer timer.Stop()
	for {
		if err := l.committer.put(ctx, s); err != nil {
			return 0, err
		}
		err := l.await(ctx, timer, s)
		if errors.Is(err, aether.ErrVersionConflict) && !s.fresh {
			if err := l.readable(ctx); err != nil {
				return 0, err
			}
			s.fresh = true
			continue
		}
		return l.result(ctx, s, err)
	}
}

// await waits for what becomes of a save. When ctx ends, or time is over, a save that was
// not sent is taken back.
func (l *live) await(ctx context.Context, timer *time.Timer, s *save) error {
	select {
	case <-s.done:
		return s.err
	case <-timer.C:
		if l.committer.giveUp(s) {
			return &UnavailableError{Op: "save", Reason: "it could not be sent in " + l.conn.timeout.String()}
		}
	case <-ctx.Done():
		if l.committer.giveUp(s) {
			return ctx.Err()
		}
	}
	<-s.done
	return s.err
}

// result completes the answer of a save from the copy.
func (l *live) result(ctx context.Context, s *save, err error) (aether.Position, error) {
	var conflict *aether.ConflictError
	switch {
	case s.repeat:
		// The copy has all of it, so it compares them, and writes nothing.
		return l.copy.events.SaveEvents(ctx, s.events...)
	case errors.As(err, &conflict):
		if err := storekit.Winners(conflict, l.copy.events.GetEvents(ctx, conflict.ActorID, conflict.Tried-1)); err != nil {
			return 0, err
		}
	}
	return s.position, l.give(err)
}

// GetEvents is described at [aether.EventStore].
func (n *namespace) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := aether.CheckActorID(actorID); err != nil {
			yield(aether.Event{}, err)
			return
		}
		n.each(ctx, yield, func(events aether.EventStore) iter.Seq2[aether.Event, error] {
			return events.GetEvents(ctx, actorID, after)
		})
	}
}

// each yields what is read from the copy, once that is current.
func (n *namespace) each(ctx context.Context, yield func(aether.Event, error) bool, read func(aether.EventStore) iter.Seq2[aether.Event, error]) {
	events, err := n.readable(ctx)
	if err != nil {
		yield(aether.Event{}, err)
		return
	}
	if events == nil {
		return
	}
	for e, err := range read(events) {
		if !yield(e, err) {
			return
		}
	}
}

// GetLatestVersion is described at [aether.EventStore].
func (n *namespace) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	events, err := n.readable(ctx)
	if err != nil || events == nil {
		return 0, err
	}
	return events.GetLatestVersion(ctx, actorID)
}

// GetEventVersion is described at [aether.EventStore].
func (n *namespace) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	events, err := n.readable(ctx)
	if err != nil || events == nil {
		return 0, err
	}
	return events.GetEventVersion(ctx, actorID, eventID)
}

// GetActors is described at [aether.EventStore].
func (n *namespace) GetActors(ctx context.Context, kind string) iter.Seq2[aether.Actor, error] {
	return func(yield func(aether.Actor, error) bool) {
		events, err := n.readable(ctx)
		if err != nil {
			yield(aether.Actor{}, err)
			return
		}
		if events == nil {
			return
		}
		for a, err := range events.GetActors(ctx, kind) {
			if !yield(a, err) {
				return
			}
		}
	}
}

// GetLatestPosition is described at [aether.Log].
func (n *namespace) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	events, err := n.readable(ctx)
	if err != nil || events == nil {
		return 0, err
	}
	return events.GetLatestPosition(ctx)
}

// ReadLog is described at [aether.Log].
func (n *namespace) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		n.each(ctx, yield, func(events aether.EventStore) iter.Seq2[aether.Event, error] {
			return events.ReadLog(ctx, after, options)
		})
	}
}

// FollowLog is described at [aether.Log]. A namespace without events gets its stream when
// somebody follows it.
func (n *namespace) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		l, err := n.open(ctx, true)
		if err != nil {
			yield(aether.Event{}, err)
			return
		}
		// When the namespace is stopped, followers of its copy are let go of, too.
		following, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(l.ctx, func() { cancel(l.give(l.ctx.Err())) })()
		for e, err := range l.copy.events.FollowLog(following, after, options) {
			if err != nil && following.Err() != nil && ctx.Err() == nil {
				err = context.Cause(following)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
