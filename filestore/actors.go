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
			latest := a.latest()
			for i := len(a.places) - 1; i >= 0 && !a.places[i].before(s.durable); i-- {
				latest--
			}
			if latest >= a.first {
				actors = append(actors, aether.Actor{ID: id, Version: latest})
			}
		}
	}
	s.mu.RUnlock()
	return mergeActors(nil, actors)
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
