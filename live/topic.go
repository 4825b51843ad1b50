package live

import (
	"container/list"
	"math"
	"sort"
)

// topic is what the hub knows of a topic. The lock of the hub guards it.
type topic struct {
	name string

	// The history: the changes with positions above from(), in order.
	changes []change
	bytes   int

	last    uint64 // the position published last
	known   uint64 // the highest position published or read
	evicted uint64 // up to here changes were dropped for want of space
	blank   uint64 // the last change that was to be read as a document

	// begun is a position behind which the hub has heard of all changes: those before
	// the topic was made here it has not. Not known at first.
	begun uint64

	subscribers int
	idle        []*subscription            // those that have everything
	waiting     []*subscription            // those that want a document read
	reading     bool                       // somebody reads
	ahead       map[*subscription]struct{} // those whose clients have more than the documents
	asking      bool                       // somebody asks Current

	refreshed uint64 // counts the calls of Refresh

	cost   int           // how much of HistoryBytes it counts for
	recent *list.Element // nil when it costs nothing
}

type change struct {
	position uint64
	frame    []byte
}

// What a change and a topic cost beside the frame.
const (
	changeCost = 64
	topicCost  = 512
)

// from is the position behind which the history is complete.
func (t *topic) from() uint64 { return max(t.evicted, t.blank, t.begun) }

// add takes a change into the history; a frame of nil means that the document is to
// be read.
func (t *topic) add(position uint64, frame []byte, o *Options) {
	t.last = position
	t.known = max(t.known, position)
	t.begun = min(t.begun, position)
	if frame == nil {
		t.clear()
		t.blank = position
		return
	}
	t.changes = append(t.changes, change{position, frame})
	t.bytes += len(frame) + changeCost
	for len(t.changes) > o.History || t.bytes > o.HistoryBytes/8 {
		oldest := &t.changes[0]
		t.evicted = oldest.position
		t.bytes -= len(oldest.frame) + changeCost
		*oldest = change{}
		t.changes = t.changes[1:]
	}
}

// clear empties the history.
func (t *topic) clear() {
	t.changes, t.bytes = nil, 0
}

// behind returns the changes behind a position.
func (t *topic) behind(position uint64) []change {
	return t.changes[sort.Search(len(t.changes), func(i int) bool { return t.changes[i].position > position }):]
}

// recall takes out those who wait for a position up to this one.
func (t *topic) recall(position uint64) []*subscription {
	var recalled []*subscription
	for s := range t.ahead {
		if s.cursor <= position {
			delete(t.ahead, s)
			recalled = append(recalled, s)
		}
	}
	return recalled
}

// topic returns a topic and makes it if need be. The caller settles it. The lock is
// held here and in all that follows.
func (h *Hub) topic(name string) *topic {
	t := h.topics[name]
	if t == nil {
		t = &topic{name: name, begun: math.MaxUint64, ahead: make(map[*subscription]struct{})}
		h.topics[name] = t
	}
	return t
}

// settle accounts for a topic that has changed. One without subscribers is kept for
// those who come back, unless it was never heard of: names that clients make up must
// not push out the history of real ones.
func (h *Hub) settle(t *topic) {
	cost := t.bytes
	if t.subscribers == 0 {
		if t.known == 0 && t.blank == 0 {
			cost = 0
			if h.topics[t.name] == t {
				delete(h.topics, t.name)
			}
		} else {
			cost += topicCost + len(t.name)
		}
	}
	h.bytes += cost - t.cost
	t.cost = cost
	switch {
	case cost > 0 && t.recent == nil:
		t.recent = h.recent.PushFront(t)
	case cost == 0 && t.recent != nil:
		h.recent.Remove(t.recent)
		t.recent = nil
	}
}

// forget drops the history of the topics published to longest ago until the rest is
// small enough.
func (h *Hub) forget() {
	for h.bytes > h.options.HistoryBytes {
		t := h.recent.Back().Value.(*topic)
		t.clear()
		t.evicted = max(t.evicted, t.last)
		if t.subscribers == 0 {
			delete(h.topics, t.name)
			t.known, t.blank = 0, 0
		}
		h.settle(t)
	}
}
