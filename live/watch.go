package live

import (
	"math/rand/v2"
	"time"
)

// now is the time since the hub was made, and never 0.
func (h *Hub) now() time.Duration { return time.Since(h.start) + 1 }

// watch pings clients, and closes those that do not answer or do not take what is
// sent. One ticker serves all.
func (h *Hub) watch() {
	ticker := time.NewTicker(max(min(h.options.Ping, h.options.Timeout)/8, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-h.done:
			return
		}
		var woken []*client
		h.mu.Lock()
		for c := range h.clients {
			woken = c.check(woken, h.now())
		}
		h.mu.Unlock()
		run(woken)
	}
}

// check does what is due for a client.
func (c *client) check(woken []*client, now time.Duration) []*client {
	timeout := c.hub.options.Timeout
	if c.pinged != 0 && time.Duration(c.conn.heard.Load()) >= c.pinged {
		c.pinged = 0
	}
	since := time.Duration(c.conn.since.Load())
	switch {
	case c.over():
		if now > c.endBy {
			c.conn.cut()
		}
	case since != 0 && now-since > timeout, c.pinged != 0 && now-c.pinged > timeout:
		c.hub.stats.Dropped++
		c.ended = true // nothing more is sent, not even a close frame
		c.conn.cut()
	case now >= c.nextPing && c.pinged == 0:
		c.pingDue = true
		c.nextPing = now + c.hub.options.Ping
		return c.wake(woken)
	}
	return woken
}

// firstPing spreads the pings of clients that have come together.
func (h *Hub) firstPing() time.Duration {
	return h.now() + h.options.Ping/2 + rand.N(h.options.Ping/2+1)
}
