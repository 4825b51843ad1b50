package filestore

import (
	"cmp"
	"slices"

	"github.com/aether-es/aether"
)

// recentActors returns the actors of a kind, of all kinds when it is empty, that
// the index in memory has, ordered by ID.
func (s *Store) recentActors(namespace, kind string) []aether.Actor {
	s.mu.RLock()
	var actors []aether.Actor
	for _, r := range [...]*recent{s.flushing, s.recent} {
		if r == nil || r.namespaces[namespace] == nil {
			continue
		}
		for id, a := range r.namespaces[namespace].actors {
			if kind != "" && aether.Kind(id) != kind {
				continue
			}
			if latest := a.latestBefore(s.durable); latest > 0 {
				actors = append(actors, aether.Actor{ID: id, Version: latest})
			}
		}
	}
	s.mu.RUnlock()
	return mergeActors(nil, actors)
}

// recentVersion returns an actor's latest version as the index in memory has it, 0
// when it has none of its events.
func (s *Store) recentVersion(namespace, actorID string) aether.Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range [...]*recent{s.recent, s.flushing} {
		if a := r.actor(namespace, actorID); a != nil {
			if latest := a.latestBefore(s.durable); latest > 0 {
				return latest
			}
		}
	}
	return 0
}

// recentEvent returns the version of an event that the index in memory knows, 0
// when the event is not durable yet.
func (s *Store) recentEvent(namespace, actorID string, key eventKey) (version aether.Version, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range [...]*recent{s.recent, s.flushing} {
		if version := r.version(key); version != 0 {
			a := r.actor(namespace, actorID)
			if !a.places[version-a.first].before(s.durable) {
				version = 0
			}
			return version, true
		}
	}
	return 0, false
}

// mergeActors returns the actors of both lists ordered by ID, each with its
// latest version.
func mergeActors(a, b []aether.Actor) []aether.Actor {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b aether.Actor) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Version, a.Version))
	})
	return slices.CompactFunc(all, func(a, b aether.Actor) bool { return a.ID == b.ID })
}
