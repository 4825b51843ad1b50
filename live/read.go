package live

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aether-es/aether/internal/jsoncheck"
)

const (
	// late is how long the next document is waited for after one that lags.
	late = 100 * time.Millisecond

	// refreshers is how many documents are read at a time because of Refresh.
	refreshers = 4
)

// Refresh says that the documents of some topics may have changed without Publish
// having been told, as they have when a projection was caught up from the history. A
// function says which topics; nil is all of them. The subscribers of these get the
// document anew, unless it is not newer than what they have.
//
// It is called when what was not published is committed, and before the changes of
// these topics behind that are published. Then no subscriber misses anything: changes
// from before and after the call are never put together. The document of a topic is
// read once for all of its subscribers that have nothing else under way, of a few
// topics at a time. Refresh does not wait for that, nor for clients. After Close it
// does nothing.
//
// A document that was made anew with another content and the same position does not
// reach those who have it.
func (h *Hub) Refresh(match func(topic string) bool) {
	h.mu.Lock()
	names := make([]string, 0, len(h.topics))
	for name := range h.topics {
		names = append(names, name)
	}
	h.mu.Unlock()
	for _, name := range names {
		if match == nil || match(name) {
			h.refresh(name)
		}
	}
}

func (h *Hub) refresh(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if t == nil || h.closed {
		return
	}
	t.clear()
	t.begun = math.MaxUint64
	t.refreshed++
	h.settle(t)
	for _, s := range t.idle {
		s.idle = -1
	}
	t.waiting = append(t.waiting, t.idle...)
	clear(t.idle)
	t.idle = t.idle[:0]
	t.waiting = append(t.waiting, t.recall(math.MaxUint64)...)
	if len(t.waiting) == 0 || t.reading {
		return
	}
	h.stale = append(h.stale, t)
	if h.refreshing < refreshers {
		h.refreshing++
		h.running.Go(h.readStale)
	}
}

// readStale reads the documents of topics that were refreshed, unless somebody else
// does.
func (h *Hub) readStale() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.stale) > 0 && !h.closed {
		t := h.stale[0]
		h.stale[0] = nil
		h.stale = h.stale[1:]
		if t.reading || len(t.waiting) == 0 {
			continue
		}
		t.reading = true
		h.mu.Unlock()
		_, lags := h.readDocument(t)
		h.mu.Lock()
		t.reading = lags || len(t.waiting) > 0
		if t.reading { // the other topics do not wait for this one
			h.running.Go(func() { h.readDocuments(t, lags) })
		}
	}
	h.stale = nil
	h.refreshing--
}

// ask has a document read for a subscription. Those who ask while one is being read
// get the next, so that nobody gets one older than what it has. The lock is held.
func (h *Hub) ask(s *subscription) {
	s.topic.waiting = append(s.topic.waiting, s)
	h.readSoon(s.topic)
}

// readSoon has a document read if somebody waits for it. The lock is held.
func (h *Hub) readSoon(t *topic) {
	if !t.reading && len(t.waiting) > 0 {
		t.reading = true
		h.running.Go(func() { h.readDocuments(t, false) })
	}
}

// readDocuments reads the document of a topic as long as somebody wants it. The one
// read before may have lagged.
func (h *Hub) readDocuments(t *topic, lagged bool) {
	for read := true; read; read, lagged = h.readDocument(t) {
		if lagged {
			select {
			case <-time.After(late):
			case <-h.done:
			}
		}
	}
}

// reading is what came of reading a document.
type reading struct {
	topic    string
	position uint64
	data     []byte
	whole    []byte // the frame, without a mark
	err      error
	lags     bool // more was published before
}

func (r *reading) frame(m mark) []byte {
	if m == plain {
		return r.whole
	}
	return message(r.topic, r.position, m, "document", r.data)
}

// readDocument reads the document of a topic for those who wait for it, and says
// whether it did and the document lags. When nobody waits the topic has no reader any
// more.
func (h *Hub) readDocument(t *topic) (read, lags bool) {
	h.mu.Lock()
	asking := t.waiting
	t.waiting = nil
	if len(asking) == 0 {
		t.reading = false
		h.mu.Unlock()
		return false, false
	}
	published, refreshed := t.last, t.refreshed
	h.mu.Unlock()

	d := h.readNow(t.name)

	h.mu.Lock()
	if d.err == nil {
		d.lags = d.position < published
		t.known = max(t.known, d.position)
		if !d.lags && t.refreshed == refreshed {
			t.begun = min(t.begun, d.position)
		}
		asking = append(asking, t.recall(d.position)...) // it may be what these wait for
	}
	var woken []*client
	for _, s := range asking {
		woken = s.deliver(woken, d)
	}
	h.mu.Unlock()
	run(woken)
	return true, d.lags
}

// readNow reads a document.
func (h *Hub) readNow(name string) (r *reading) {
	r = &reading{topic: name}
	defer func() {
		if value := recover(); value != nil {
			r.err = fmt.Errorf("the document function panicked: %v", value)
		}
		if r.err != nil && !errors.Is(r.err, ErrNoTopic) {
			select {
			case <-h.done:
			default:
				h.options.Logger.Warn("live: a document cannot be read", "topic", name, "error", r.err)
			}
		}
	}()
	document, err := h.read(name)
	if err != nil {
		r.err = err
		return r
	}
	if err := jsoncheck.Check(document.Data); err != nil {
		r.err = fmt.Errorf("its data %w", err)
		return r
	}
	r.position, r.data = document.Position, document.Data
	r.whole = message(name, r.position, plain, "document", r.data)
	return r
}

// askCurrent asks whether the documents of a topic have all that had happened when
// clients came that have more, and has them read again when they do.
func (h *Hub) askCurrent(t *topic) {
	for {
		h.mu.Lock()
		var asking []*subscription
		for s := range t.ahead {
			if !s.asked {
				s.asked = true
				asking = append(asking, s)
			}
		}
		if len(asking) == 0 || h.closed {
			t.asking = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()

		err := h.current(t.name)

		h.mu.Lock()
		for _, s := range asking {
			switch _, ok := t.ahead[s]; {
			case !ok:
				s.asked = false // what is read now may have been begun before
			case err == nil:
				s.current = true
				delete(t.ahead, s)
				t.waiting = append(t.waiting, s)
			}
		}
		h.readSoon(t)
		h.mu.Unlock()
	}
}
