package live

import (
	"container/list"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/aether-es/aether/internal/jsoncheck"
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
	idle        []*subscription // those that have everything
	waiting     []*subscription // those that want a document read
	reading     bool            // somebody reads

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

// topic returns a topic and makes it if need be. The caller settles it. The lock is
// held here and in all that follows.
func (h *Hub) topic(name string) *topic {
	t := h.topics[name]
	if t == nil {
		t = &topic{name: name, begun: math.MaxUint64}
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

// ask has a document read for a subscription. Those who ask while one is being read
// get the next, so that nobody gets one older than what it has.
func (h *Hub) ask(s *subscription) {
	t := s.topic
	t.waiting = append(t.waiting, s)
	if !t.reading {
		t.reading = true
		h.running.Go(func() { h.readDocuments(t) })
	}
}

// late is how long the next document is waited for after one that lags.
const late = 100 * time.Millisecond

// readDocuments reads the document of a topic as long as somebody wants it.
func (h *Hub) readDocuments(t *topic) {
	for {
		h.mu.Lock()
		asking := t.waiting
		t.waiting = nil
		if len(asking) == 0 {
			t.reading = false
			h.mu.Unlock()
			return
		}
		published := t.last
		h.mu.Unlock()

		position, frame, err := h.readDocument(t.name)

		h.mu.Lock()
		lags := err == nil && position < published
		if err == nil {
			t.known = max(t.known, position)
			if !lags {
				t.begun = min(t.begun, position)
			}
		}
		var woken []*client
		for _, s := range asking {
			woken = s.deliver(woken, position, frame, err)
		}
		h.mu.Unlock()
		run(woken)
		if lags {
			select {
			case <-time.After(late):
			case <-h.done:
			}
		}
	}
}

// readDocument returns a document as a frame.
func (h *Hub) readDocument(name string) (position uint64, frame []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the document function panicked: %v", value)
		}
		if err != nil && !errors.Is(err, ErrNoTopic) {
			select {
			case <-h.done:
			default:
				h.options.Logger.Warn("live: a document cannot be read", "topic", name, "error", err)
			}
		}
	}()
	document, err := h.read(name)
	if err != nil {
		return 0, nil, err
	}
	if err := jsoncheck.Check(document.Data); err != nil {
		return 0, nil, fmt.Errorf("its data %w", err)
	}
	return document.Position, message(name, document.Position, "document", document.Data), nil
}
