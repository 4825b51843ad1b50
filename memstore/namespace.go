package memstore

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

// namespace is the store of one namespace. Its fields are guarded by store.mu.
type namespace struct {
	store *Store

	// log holds the event of position p at index p-1. It is only ever appended to,
	// so what was read of it under the lock stays valid without.
	log []aether.Event

	actors    map[string]*actor
	snapshots map[string]aether.Snapshot

	// grown is closed and replaced by each save: it wakes the followers that found
	// nothing when they last looked.
	grown chan struct{}
}

var (
	_ aether.EventStore    = (*namespace)(nil)
	_ aether.SnapshotStore = (*namespace)(nil)
)

type actor struct {
	positions []aether.Position         // of version v at index v-1; only appended to
	ids       map[string]aether.Version // of all its events
}

func (n *namespace) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	events, err := storekit.Complete(events, time.Now())
	if err != nil {
		return 0, err
	}
	for i := range events {
		events[i].Data = slices.Clone(events[i].Data)
	}

	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	if err := n.store.ready(ctx); err != nil {
		return 0, err
	}
	write, err := storekit.Admit(events, view{n, events})
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		winners := readActor(ctx, n.store, n.log, n.positions(conflict.ActorID, conflict.Tried-1))
		if failed := storekit.Winners(conflict, winners); failed != nil {
			return 0, failed
		}
	}
	if err != nil {
		return 0, err
	}
	if !write {
		return n.highest(events)
	}
	for i := range events {
		n.append(&events[i])
	}
	close(n.grown)
	n.grown = make(chan struct{})
	return aether.Position(len(n.log)), nil
}

func (n *namespace) append(e *aether.Event) {
	e.Position = aether.Position(len(n.log) + 1)
	n.log = append(n.log, *e)
	a := n.actors[e.ActorID]
	if a == nil {
		a = &actor{ids: make(map[string]aether.Version)}
		n.actors[e.ActorID] = a
	}
	a.positions = append(a.positions, e.Position)
	a.ids[e.ID] = e.Version
}

// highest returns the highest position of events that were all saved before.
func (n *namespace) highest(events []aether.Event) (aether.Position, error) {
	var highest aether.Position
	for i := range events {
		position := n.actors[events[i].ActorID].positions[events[i].Version-1]
		if err := storekit.Repeated(&events[i], &n.log[position-1]); err != nil {
			return 0, err
		}
		highest = max(highest, position)
	}
	return highest, nil
}

// positions returns where the events of an actor with a version greater than
// after are.
func (n *namespace) positions(actorID string, after aether.Version) []aether.Position {
	a := n.actors[actorID]
	if a == nil || after >= aether.Version(len(a.positions)) {
		return nil
	}
	return a.positions[after:]
}

func (n *namespace) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	n.store.mu.RLock()
	defer n.store.mu.RUnlock()
	if err := n.store.ready(ctx); err != nil {
		return 0, err
	}
	return n.latest(actorID), nil
}

func (n *namespace) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	n.store.mu.RLock()
	defer n.store.mu.RUnlock()
	if err := n.store.ready(ctx); err != nil {
		return 0, err
	}
	if a := n.actors[actorID]; a != nil {
		return a.ids[eventID], nil
	}
	return 0, nil
}

func (n *namespace) latest(actorID string) aether.Version {
	return aether.Version(len(n.positions(actorID, 0)))
}

func (n *namespace) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := aether.CheckActorID(actorID); err != nil {
			yield(aether.Event{}, err)
			return
		}
		n.store.mu.RLock()
		log, positions := n.log, n.positions(actorID, after)
		err := n.store.ready(ctx)
		n.store.mu.RUnlock()
		if err != nil {
			yield(aether.Event{}, err)
			return
		}
		readActor(ctx, n.store, log, positions)(yield)
	}
}

// readActor yields the events of log at the positions.
func readActor(ctx context.Context, store *Store, log []aether.Event, positions []aether.Position) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for _, position := range positions {
			if err := store.ready(ctx); err != nil {
				yield(aether.Event{}, err)
				return
			}
			if !yield(clone(log[position-1]), nil) {
				return
			}
		}
	}
}

func (n *namespace) GetActors(ctx context.Context, kind string) iter.Seq2[aether.Actor, error] {
	return func(yield func(aether.Actor, error) bool) {
		n.store.mu.RLock()
		var actors []aether.Actor
		for _, id := range slices.Sorted(maps.Keys(n.actors)) {
			if kind == "" || aether.Kind(id) == kind {
				actors = append(actors, aether.Actor{ID: id, Version: n.latest(id)})
			}
		}
		err := n.store.ready(ctx)
		n.store.mu.RUnlock()
		for _, a := range actors {
			if err = n.store.ready(ctx); err != nil || !yield(a, nil) {
				break
			}
		}
		if err != nil {
			yield(aether.Actor{}, err)
		}
	}
}

func clone(e aether.Event) aether.Event {
	e.Data = slices.Clone(e.Data)
	return e
}

// view shows a save what was committed before it.
type view struct {
	namespace *namespace
	events    []aether.Event
}

func (v view) LatestVersion(i int) (aether.Version, error) {
	return v.namespace.latest(v.events[i].ActorID), nil
}

func (v view) FindEvent(i int) (aether.Version, error) {
	a := v.namespace.actors[v.events[i].ActorID]
	if a == nil {
		return 0, nil
	}
	return a.ids[v.events[i].ID], nil
}
