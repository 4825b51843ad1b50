package live

import (
	"errors"
	"slices"
	"time"
)

// subscription is a place in the history of a topic. It is in one of these at a time:
// the topic's idle, the client's queue or wanting, the topic's waiting or ahead, or
// among those for whom a document is being read.
type subscription struct {
	client *client
	topic  *topic
	cursor uint64 // the client has everything up to here
	blind  bool   // it needs a document, whatever the history has
	begun  bool   // the client has had an answer
	gone   bool
	idle   int // the place in the topic's idle, -1 when it is not there

	document []byte // the frame of one that was read
	position uint64 // of that

	// While the client has more than the documents:
	patience time.Duration // until when it waits, 0 when it does not
	timer    *time.Timer   // of that; nil at first
	asked    bool          // Current was asked for it
	current  bool          // documents have all that had happened when it came
}

// The lock of the hub is held in all that follows.

// collect adds what the client is to get of a topic, up to about so many bytes, and
// puts the subscription where it belongs next.
func (s *subscription) collect(frames [][]byte, space int) ([][]byte, int) {
	c, t, h := s.client, s.topic, s.client.hub
	size := 0
	if s.document != nil {
		frames = append(frames, s.document)
		size += len(s.document)
		s.cursor, s.blind, s.begun, s.document = s.position, false, true, nil
		h.stats.Documents++
		h.stats.Sent++
		c.asked(s)
	}
	if !s.blind && s.cursor < t.from() {
		s.blind = true
		if s.cursor < t.evicted {
			h.stats.Conflated++
		}
	}
	if s.blind {
		if c.asking != nil {
			c.wanting = append(c.wanting, s)
		} else {
			c.asking = s
			h.ask(s)
		}
		return frames, size
	}
	for _, change := range t.behind(s.cursor) {
		if size >= space {
			c.queue = append(c.queue, s)
			return frames, size
		}
		frames = append(frames, change.frame)
		size += len(change.frame)
		s.cursor = change.position
		h.stats.Sent++
	}
	s.rest()
	return frames, size
}

// rest lets a subscription wait for changes.
func (s *subscription) rest() {
	s.idle = len(s.topic.idle)
	s.topic.idle = append(s.topic.idle, s)
}

// asked lets the next subscription that wants a document ask for it.
func (c *client) asked(s *subscription) {
	if c.asking != s {
		return
	}
	c.asking = nil
	if len(c.wanting) > 0 {
		c.queue = append(c.queue, c.wanting[0])
		c.wanting = slices.Delete(c.wanting, 0, 1)
	}
}

// deliver hands over the document that was read, or why it was not. One with less
// than the client has is handed over when it has been waited for in vain; a topic that
// does not exist counts as such.
func (s *subscription) deliver(woken []*client, d *reading) []*client {
	if s.gone {
		return woken
	}
	c, t := s.client, s.topic
	missing := errors.Is(d.err, ErrNoTopic)
	less := d.err == nil && d.position < s.cursor || missing && s.cursor > 0
	m := plain
	switch {
	case less && s.current:
		m = restored
	case less && (s.patience == 0 || c.hub.now() < s.patience):
		s.wait(d.lags)
		return c.wake(woken) // for another topic, which may ask now
	case less:
		m = behind
	}
	s.endWait()
	switch {
	case missing:
		c.say(failure(t.name, unknownTopic))
		s.leave()
	case d.err != nil:
		c.say(failure(t.name, unavailable))
		s.leave()
	case s.begun && d.position == s.cursor: // nothing new
		s.blind = false
		c.asked(s)
		if s.cursor >= t.from() && len(t.behind(s.cursor)) == 0 {
			s.rest()
		} else {
			c.queue = append(c.queue, s)
		}
		if len(c.queue) == 0 {
			return woken
		}
	default:
		s.position, s.document = d.position, d.frame(m)
		c.queue = append(c.queue, s)
	}
	return c.wake(woken)
}

// wait has a subscription wait for a document that has what its client has.
func (s *subscription) wait(lags bool) {
	c, t, h := s.client, s.topic, s.client.hub
	c.asked(s)
	if s.patience == 0 {
		s.patience = h.now() + h.options.Wait
		s.timer = time.AfterFunc(h.options.Wait, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if _, ok := t.ahead[s]; ok && !h.closed {
				delete(t.ahead, s)
				h.ask(s)
			}
		})
	}
	if lags { // nobody tells when the copy has come as far
		t.waiting = append(t.waiting, s)
		return
	}
	t.ahead[s] = struct{}{}
	if h.options.Current != nil && !s.asked && !t.asking && !h.closed {
		t.asking = true
		h.running.Go(func() { h.askCurrent(t) })
	}
}

// endWait ends that.
func (s *subscription) endWait() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.patience, s.timer, s.asked, s.current = 0, nil, false, false
}

// leave ends a subscription.
func (s *subscription) leave() {
	c, t := s.client, s.topic
	s.gone = true
	same := func(other *subscription) bool { return other == s }
	c.subscriptions = slices.DeleteFunc(c.subscriptions, same)
	c.queue = slices.DeleteFunc(c.queue, same)
	c.wanting = slices.DeleteFunc(c.wanting, same)
	t.waiting = slices.DeleteFunc(t.waiting, same)
	delete(t.ahead, s)
	s.endWait()
	if s.idle >= 0 {
		last := len(t.idle) - 1
		t.idle[s.idle] = t.idle[last]
		t.idle[s.idle].idle = s.idle
		t.idle[last] = nil
		t.idle = t.idle[:last]
	}
	c.asked(s)
	t.subscribers--
	c.hub.settle(t)
	c.hub.forget()
}
