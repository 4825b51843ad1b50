package live

import (
	"errors"
	"slices"
)

// subscription is a place in the history of a topic. It is in one of these at a time:
// the topic's idle, the client's queue or wanting, the topic's waiting, or among those
// for whom a document is being read.
type subscription struct {
	client *client
	topic  *topic
	cursor uint64 // the client has everything up to here
	blind  bool   // it needs a document, whatever the history has
	gone   bool
	idle   int // the place in the topic's idle, -1 when it is not there

	document []byte // the frame of one that was read
	position uint64 // of that
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
		s.cursor, s.blind, s.document = s.position, false, nil
		h.stats.Documents++
		h.stats.Sent++
		c.asked()
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
	s.idle = len(t.idle)
	t.idle = append(t.idle, s)
	return frames, size
}

// asked lets the next subscription that wants a document ask for it.
func (c *client) asked() {
	c.asking = nil
	if len(c.wanting) > 0 {
		c.queue = append(c.queue, c.wanting[0])
		c.wanting = slices.Delete(c.wanting, 0, 1)
	}
}

// deliver hands over the document that was read, or why it was not.
func (s *subscription) deliver(woken []*client, position uint64, frame []byte, err error) []*client {
	if s.gone {
		return woken
	}
	if err == nil {
		s.position, s.document = position, frame
		s.client.queue = append(s.client.queue, s)
		return s.client.wake(woken)
	}
	text := unavailable
	if errors.Is(err, ErrNoTopic) {
		text = unknownTopic
	}
	s.client.reply(failure(s.topic.name, text))
	s.leave()
	return s.client.wake(woken)
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
	if s.idle >= 0 {
		last := len(t.idle) - 1
		t.idle[s.idle] = t.idle[last]
		t.idle[s.idle].idle = s.idle
		t.idle[last] = nil
		t.idle = t.idle[:last]
	}
	if c.asking == s {
		c.asked()
	}
	t.subscribers--
	c.hub.settle(t)
	c.hub.forget()
}
