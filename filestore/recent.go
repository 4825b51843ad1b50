package filestore

import (
	"cmp"
	"encoding/binary"
	"sort"

	"github.com/aether-es/aether"
	"github.com/dchest/siphash"
)

// recent is the part of the index that is still in memory: that of the newest
// events. When it has become large it is written to the index on disk at once,
// sorted, which costs a third of writing each event there by itself; a reopened
// store makes it again from the end of the log.
//
// It is not safe for concurrent use.
type recent struct {
	namespaces map[string]*recentNamespace
	ids        map[eventKey]aether.Version
	events     int
}

type recentNamespace struct {
	actors map[string]*recentActor
	marks  []mark
	last   aether.Position
}

// recentActor has the places of an actor's newest events: versions first,
// first+1 and so on.
type recentActor struct {
	first  aether.Version
	places []place
}

func (a *recentActor) latest() aether.Version {
	return a.first + aether.Version(len(a.places)) - 1
}

// latestBefore is latest among the events before a place, 0 when there is none.
func (a *recentActor) latestBefore(end place) aether.Version {
	n := len(a.places)
	for n > 0 && !a.places[n-1].before(end) {
		n--
	}
	if n == 0 {
		return 0
	}
	return a.first + aether.Version(n) - 1
}

// mark says where the event of a position is. There is one at least every
// markEvery bytes of the log in which its namespace has events.
type mark struct {
	position aether.Position
	place    place
}

const markEvery = 64 << 10

// eventKey stands for an event's ID within its actor and namespace. Two events
// with one key would be taken for the same, and IDs come from outside, so it is a
// hash with a secret key: nobody can look for IDs that collide.
type eventKey struct{ hi, lo uint64 }

// hashKey is the secret of a store's event keys. It is made with the index.
type hashKey [16]byte

func (k *hashKey) event(namespace, actorID, id string) eventKey {
	// None of the three contains a zero byte, so they cannot run into each other.
	var space [3*aether.MaxNameLength + 2]byte
	b := append(append(space[:0], namespace...), 0)
	b = append(append(b, actorID...), 0)
	b = append(b, id...)
	hi, lo := siphash.Hash128(binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:]), b)
	return eventKey{hi, lo}
}

func (k eventKey) compare(l eventKey) int {
	return cmp.Or(cmp.Compare(k.hi, l.hi), cmp.Compare(k.lo, l.lo))
}

// append encodes the key so that the order of the bytes is that of compare.
func (k eventKey) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, k.hi), k.lo)
}

func decodeEventKey(b []byte) eventKey {
	return eventKey{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func newRecent() *recent {
	return &recent{namespaces: make(map[string]*recentNamespace), ids: make(map[eventKey]aether.Version)}
}

// actor returns what is known of an actor, nil when that is nothing. A nil recent
// knows nothing.
func (r *recent) actor(namespace, actorID string) *recentActor {
	if r == nil {
		return nil
	}
	n := r.namespaces[namespace]
	if n == nil {
		return nil
	}
	return n.actors[actorID]
}

// version returns the version of an event, 0 when the event is not known.
func (r *recent) version(key eventKey) aether.Version {
	if r == nil {
		return 0
	}
	return r.ids[key]
}

// add takes in an event, which follows on all that were added before.
func (r *recent) add(namespace, actorID string, key eventKey, version aether.Version, position aether.Position, at place) {
	n := r.namespaces[namespace]
	if n == nil {
		n = &recentNamespace{actors: make(map[string]*recentActor)}
		r.namespaces[namespace] = n
	}
	a := n.actors[actorID]
	if a == nil {
		a = &recentActor{first: version}
		n.actors[actorID] = a
	}
	a.places = append(a.places, at)
	r.ids[key] = version
	n.last = position
	if i := len(n.marks) - 1; i < 0 || n.marks[i].place.segment != at.segment || at.offset-n.marks[i].place.offset >= markEvery {
		n.marks = append(n.marks, mark{position, at})
	}
	r.events++
}

// remove undoes the last add.
func (r *recent) remove(namespace, actorID string, key eventKey, position aether.Position) {
	n := r.namespaces[namespace]
	a := n.actors[actorID]
	if a.places = a.places[:len(a.places)-1]; len(a.places) == 0 {
		delete(n.actors, actorID)
	}
	delete(r.ids, key)
	n.last = position - 1
	if i := len(n.marks) - 1; n.marks[i].position == position {
		n.marks = n.marks[:i]
	}
	r.events--
	if len(n.actors) == 0 {
		delete(r.namespaces, namespace)
	}
}

// markAt returns the last mark at or before a position.
func (r *recent) markAt(namespace string, position aether.Position) (mark, bool) {
	marks, i := r.firstMarkAfter(namespace, position)
	if i == 0 {
		return mark{}, false
	}
	return marks[i-1], true
}

// markFrom returns the first mark at or after a position.
func (r *recent) markFrom(namespace string, position aether.Position) (mark, bool) {
	marks, i := r.firstMarkAfter(namespace, position-1)
	if i == len(marks) {
		return mark{}, false
	}
	return marks[i], true
}

func (r *recent) firstMarkAfter(namespace string, position aether.Position) ([]mark, int) {
	if r == nil || r.namespaces[namespace] == nil {
		return nil, 0
	}
	marks := r.namespaces[namespace].marks
	return marks, sort.Search(len(marks), func(i int) bool { return marks[i].position > position })
}
