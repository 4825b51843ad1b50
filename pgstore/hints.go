package pgstore

import (
	"hash/maphash"

	"github.com/aether-es/aether"
)

// maxHints is how many events hints remember at least, if there are so many.
const maxHints = 50_000

// hints are what this process remembers of its newest saves.
//
// They tell of most saves that will not be written as they are, so that the server is
// asked about them first. Those hints may be missing, or wrong because two hashes are
// the same: that costs a round trip.
//
// And they tell at which versions actors are for certain, or were before others wrote:
// an event that follows on such a version leaves no gap, and the server need not look
// for the one before. This holds for ever, as nothing is deleted, with one exception:
// a server that has failed over to one that lags behind has lost events. Connections do
// not outlive that, so with any that is lost everything is forgotten.
//
// There are two generations. When the newer is full the older is forgotten.
type hints struct {
	seed         maphash.Seed
	max          int
	epoch        uint64 // of the connections
	newer, older generation
}

type generation struct {
	latest map[string]aether.Version // of actors
	ids    map[uint64]struct{}
}

func newHints(max int) hints {
	return hints{seed: maphash.MakeSeed(), max: max, newer: newGeneration(), older: newGeneration()}
}

func newGeneration() generation {
	return generation{make(map[string]aether.Version), make(map[uint64]struct{})}
}

// begin forgets everything when connections were lost.
func (h *hints) begin(epoch uint64) {
	if h.epoch != epoch {
		h.epoch, h.newer, h.older = epoch, newGeneration(), newGeneration()
	}
}

// latest returns a version that the actor has, 0 when nothing is known.
func (h *hints) latest(actorID string) aether.Version {
	if version, ok := h.newer.latest[actorID]; ok {
		return version
	}
	return h.older.latest[actorID]
}

// doubt says whether a save will hardly be written.
func (h *hints) doubt(r *save) bool {
	for i := range r.events {
		e := &r.events[i]
		// Of several events of one actor the first tells.
		if latest := h.latest(e.ActorID); e.Version <= latest || latest > 0 && e.Version > latest+aether.Version(i)+1 {
			return true
		}
		if r.isNew[i] {
			continue
		}
		id := maphash.Comparable(h.seed, eventKey{e.ActorID, e.ID})
		if _, ok := h.newer.ids[id]; ok {
			return true
		}
		if _, ok := h.older.ids[id]; ok {
			return true
		}
	}
	return false
}

// add remembers a save that was written.
func (h *hints) add(r *save) {
	if len(h.newer.ids) >= h.max {
		h.older, h.newer = h.newer, newGeneration()
	}
	for i := range r.events {
		e := &r.events[i]
		h.newer.latest[e.ActorID] = e.Version
		h.newer.ids[maphash.Comparable(h.seed, eventKey{e.ActorID, e.ID})] = struct{}{}
	}
}
