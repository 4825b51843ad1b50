package filestore

import (
	"context"
	"errors"
	"iter"
	"sort"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

// namespace is the event store of one namespace.
type namespace struct {
	store *Store
	name  string

	// Guarded by the store's mu.
	staged aether.Position // of the last event that was admitted
	latest aether.Position // of the last event that is on disk
	grown  chan struct{}   // closed when latest moves on; nil when nobody waits
}

var (
	_ aether.EventStore    = (*namespace)(nil)
	_ aether.SnapshotStore = (*namespace)(nil)
)

// wake lets go of who waits; the store's mu is held.
func (n *namespace) wake() {
	if n.grown != nil {
		close(n.grown)
		n.grown = nil
	}
}

// SaveEvents is described at [aether.EventStore]. A save that waits for the disk
// is not given up when ctx ends, so after a context error nothing was written.
// It may also fail with [ErrDiskFull], which is an [aether.ErrNotSaved], or with
// [ErrStopped], after which it may have been written.
func (n *namespace) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	complete, err := storekit.Complete(events, time.Now())
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s := n.store
	r := savePool.Get().(*save)
	defer r.free()
	r.prepare(n, events, complete)
	if err := s.ask(ctx, r); err != nil {
		return 0, err
	}
	if err := s.queue.put(ctx, r); err != nil {
		return 0, err
	}
	<-r.done
	if r.repeat {
		return storekit.RepeatedPosition(ctx, n, complete)
	}
	var conflict *aether.ConflictError
	if errors.As(r.err, &conflict) {
		if err := storekit.Winners(conflict, n.GetEvents(ctx, conflict.ActorID, conflict.Tried-1)); err != nil {
			return 0, err
		}
	}
	return r.position, r.err
}

// GetLatestVersion is described at [aether.EventStore].
func (n *namespace) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	s := n.store
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	if latest := s.recentVersion(n.name, actorID); latest > 0 {
		return latest, nil
	}
	return s.index.latestVersion(n.name, actorID)
}

// GetEventVersion is described at [aether.EventStore].
func (n *namespace) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	s := n.store
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	if len(eventID) > aether.MaxNameLength {
		return 0, nil
	}
	key := s.index.hash.event(n.name, actorID, eventID)
	if version, known := s.recentEvent(n.name, actorID, key); known {
		return version, nil
	}
	return s.eventOnDisk(key)
}

// recentPlaces returns the places of those durable events of an actor that the
// index in memory has, from a version on, and the version of the first.
func (s *Store) recentPlaces(namespace, actorID string, from aether.Version) (aether.Version, []place) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var first aether.Version
	var places []place
	for _, r := range [...]*recent{s.flushing, s.recent} {
		a := r.actor(namespace, actorID)
		if a == nil {
			continue
		}
		skip := 0
		if from > a.first {
			skip = int(min(from-a.first, aether.Version(len(a.places))))
		}
		end := len(a.places)
		for end > skip && !a.places[end-1].before(s.durable) {
			end--
		}
		if end > skip {
			if len(places) == 0 {
				first = a.first + aether.Version(skip)
			}
			places = append(places, a.places[skip:end]...)
		}
	}
	return first, places
}

// GetEvents is described at [aether.EventStore].
func (n *namespace) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := aether.CheckActorID(actorID); err != nil {
			yield(aether.Event{}, err)
			return
		}
		r := reader{namespace: n.name, actorID: actorID, next: after + 1}
		for r.next > 0 { // it is 0 after the greatest version of all
			events, err := n.store.page(ctx, &r)
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			if len(events) == 0 {
				return
			}
			for i := range events {
				if err := ctx.Err(); err != nil {
					yield(aether.Event{}, err)
					return
				}
				if !yield(events[i], nil) {
					return
				}
			}
		}
	}
}

func (s *Store) page(ctx context.Context, r *reader) ([]aether.Event, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return r.page(s)
}

// GetActors is described at [aether.EventStore].
func (n *namespace) GetActors(ctx context.Context, kind string) iter.Seq2[aether.Actor, error] {
	return func(yield func(aether.Actor, error) bool) {
		// Memory first: what moves to disk in between is then found in both.
		newest := n.store.recentActors(n.name, kind)
		after := ""
		for {
			var actors []aether.Actor
			var err error
			actors, newest, err = n.actorPage(ctx, newest, kind, after)
			if err != nil {
				yield(aether.Actor{}, err)
				return
			}
			if len(actors) == 0 {
				return
			}
			for _, a := range actors {
				if err := ctx.Err(); err != nil {
					yield(aether.Actor{}, err)
					return
				}
				if !yield(a, nil) {
					return
				}
			}
			after = actors[len(actors)-1].ID
		}
	}
}

// actorPage returns some actors whose IDs come after another, from disk and from
// newest, and what is left of newest.
func (n *namespace) actorPage(ctx context.Context, newest []aether.Actor, kind, after string) (page, rest []aether.Actor, err error) {
	s := n.store
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer s.leave()
	page, more, err := s.index.actors(n.name, kind, after, actorsPerPage)
	if err != nil {
		return nil, nil, err
	}
	split := len(newest)
	if more {
		last := page[len(page)-1].ID
		split = sort.Search(len(newest), func(i int) bool { return newest[i].ID > last })
	}
	return mergeActors(page, newest[:split]), newest[split:], nil
}

const actorsPerPage = 1000
