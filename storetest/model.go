package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/aether-es/aether"
)

// model is what an engine ought to be, written as the promises read and without
// a thought of speed. It shares no code with the engines.
type model struct {
	namespaces map[string]*modelStore
}

type modelStore struct {
	log       []aether.Event
	snapshots map[string][]aether.Snapshot // all that were saved, by actor
}

func (m *model) store(namespace string) *modelStore {
	if m.namespaces[namespace] == nil {
		m.namespaces[namespace] = &modelStore{snapshots: make(map[string][]aether.Snapshot)}
	}
	return m.namespaces[namespace]
}

func (m *model) names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.namespaces)) {
		if len(m.namespaces[name].log) > 0 {
			names = append(names, name)
		}
	}
	return names
}

func (m *modelStore) stream(actorID string) []aether.Event {
	return matching(m.log, func(e *aether.Event) bool { return e.ActorID == actorID })
}

// find returns the actor's event of that ID.
func (m *modelStore) find(actorID, id string) (aether.Event, bool) {
	for _, e := range m.log {
		if e.ActorID == actorID && e.ID == id {
			return e, true
		}
	}
	return aether.Event{}, false
}

func (m *modelStore) actors(kind string) []aether.Actor {
	versions := make(map[string]aether.Version)
	for _, e := range m.log {
		if kind == "" || e.Kind() == kind {
			versions[e.ActorID] = e.Version
		}
	}
	var actors []aether.Actor
	for _, id := range slices.Sorted(maps.Keys(versions)) {
		actors = append(actors, aether.Actor{ID: id, Version: versions[id]})
	}
	return actors
}

func (m *modelStore) read(after aether.Position, options aether.LogOptions) []aether.Event {
	return matching(m.log, func(e *aether.Event) bool {
		return e.Position > after && (options.To == 0 || e.Position <= options.To) &&
			(len(options.Kinds) == 0 || slices.Contains(options.Kinds, e.Kind())) &&
			(len(options.Types) == 0 || slices.Contains(options.Types, e.Type))
	})
}

// outcome is what the promises say about a save. Only one of its fields is set.
type outcome struct {
	duplicates []aether.DuplicateError // any of them may be reported
	conflicts  []aether.ConflictError  // any of them may be reported
	position   aether.Position         // all is well
	written    bool                    // and new
}

// save says what a save must come to, and does it.
func (m *modelStore) save(events []aether.Event) outcome {
	var (
		o       outcome
		highest aether.Position
		known   int
		changed []aether.DuplicateError // of those known, with other content
		first   = make(map[string]aether.Version)
	)
	for i := range events {
		e := &events[i]
		if _, ok := first[e.ActorID]; !ok {
			first[e.ActorID] = e.Version
		}
		old, ok := m.find(e.ActorID, e.ID)
		switch {
		case ok && old.Version == e.Version:
			known++
			highest = max(highest, old.Position)
			if old.Type != e.Type || cmp.Or(old.Schema, 1) != cmp.Or(e.Schema, 1) || !bytes.Equal(old.Data, e.Data) {
				changed = append(changed, aether.DuplicateError{ActorID: e.ActorID, EventID: e.ID, Tried: e.Version, Version: e.Version})
			}
		case ok:
			o.duplicates = append(o.duplicates, aether.DuplicateError{
				ActorID: e.ActorID, EventID: e.ID, Tried: e.Version, Version: old.Version,
			})
		}
	}
	if len(o.duplicates) > 0 {
		return o
	}
	if known == len(events) {
		if o.duplicates = changed; len(changed) == 0 {
			o.position = highest
		}
		return o
	}
	for actorID, tried := range first {
		stream := m.stream(actorID)
		if latest := aether.Version(len(stream)); tried != latest+1 {
			o.conflicts = append(o.conflicts, aether.ConflictError{
				ActorID: actorID, Tried: tried, Latest: latest, Events: stream[min(tried-1, latest):],
			})
		}
	}
	if len(o.conflicts) > 0 {
		return o
	}
	for _, e := range events {
		e.Position = aether.Position(len(m.log) + 1)
		m.log = append(m.log, e)
	}
	o.position, o.written = aether.Position(len(m.log)), true
	return o
}

func (o *outcome) String() string {
	switch {
	case len(o.duplicates) > 0:
		return fmt.Sprintf("one of the duplicates %v", o.duplicates)
	case len(o.conflicts) > 0:
		return fmt.Sprintf("one of %d conflicts, the first being: %v", len(o.conflicts), &o.conflicts[0])
	default:
		return fmt.Sprintf("position %d", o.position)
	}
}
