package live

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// client is a connection. One goroutine reads from it; another writes while there is
// something to write.
type client struct {
	hub     *Hub
	conn    *conn
	ws      *websocket.Conn
	may     func(topic string) bool // nil: everything
	allowed allowance               // of messages; the reader's own

	// The lock of the hub guards the rest.
	subscriptions []*subscription
	queue         []*subscription // those that may have something to send
	asking        *subscription   // the one whose document is read, or to be sent
	wanting       []*subscription // those that are to ask then
	replies       [][]byte
	replyBytes    int
	pong          []byte // the frame to answer a ping
	writing       bool   // the writer runs
	gone          bool

	pingDue  bool
	pinged   time.Duration // when the last ping was sent that is not answered, 0 for none
	nextPing time.Duration

	ending []byte // the close frame; nil while the connection goes on
	ended  bool   // nothing more is to be sent
	endBy  time.Duration
}

const (
	maxMessage = 4 << 10
	maxTopic   = 256

	// What a client that does not read may leave waiting: answers, in bytes.
	maxReplies = 64 << 10

	// Messages a client may send each second; at first also what it takes to
	// subscribe to everything and to leave it again.
	messageRate  = 20
	messageBurst = 20
)

// The errors that clients are told.
const (
	unknownTopic  = "unknown topic"
	badTopic      = "bad topic name"
	tooManyTopics = "too many topics"
	unavailable   = "unavailable"
)

// listen reads what the client sends until the connection ends.
func (c *client) listen() {
	for {
		if err := c.receive(); err != nil {
			break
		}
	}
	_ = c.ws.CloseNow()
	c.hub.leave(c)
}

// receive reads one message. What a client sends that has broken the rules, until it
// notices, is not looked at.
func (c *client) receive() error {
	kind, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if err != nil {
		return err
	}
	request, bad := decode(text)
	switch {
	case kind != websocket.MessageText:
		c.refuse(websocket.StatusUnsupportedData, "messages are text")
	case len(text) > maxMessage:
		c.refuse(websocket.StatusMessageTooBig, "message too big")
		_, err = io.Copy(io.Discard, r)
	case !c.allowed.take(c.hub.now(), c.hub.options.Topics):
		c.refuse(websocket.StatusPolicyViolation, "too many messages")
	case bad != nil:
		c.refuse(websocket.StatusPolicyViolation, bad.Error())
	case request.Subscribe != nil:
		c.subscribe(*request.Subscribe, request.After, request.Renew)
	case request.Ping != nil:
		c.reply(pong(*request.Ping))
	default:
		c.unsubscribe(*request.Unsubscribe)
	}
	return err
}

// answer answers a ping, and says to the library that it need not.
func (c *client) answer(_ context.Context, payload []byte) bool {
	if !c.allowed.take(c.hub.now(), c.hub.options.Topics) {
		c.refuse(websocket.StatusPolicyViolation, "too many messages")
		return false
	}
	c.hub.mu.Lock()
	c.pong = frame(opPong, payload)
	woken := c.wake(nil)
	c.hub.mu.Unlock()
	run(woken)
	return false
}

// refuse closes a client that breaks the rules.
func (c *client) refuse(code websocket.StatusCode, reason string) {
	c.hub.mu.Lock()
	if !c.over() {
		c.hub.stats.Dropped++
	}
	woken := c.end(nil, code, reason)
	c.hub.mu.Unlock()
	run(woken)
}

func (c *client) subscribe(name string, after *uint64, renew bool) {
	h := c.hub
	allowed := len(name) > 0 && len(name) <= maxTopic && (c.may == nil || c.may(name))
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.over() {
		return
	}
	if s := c.subscribed(name); s != nil {
		s.leave()
	}
	var problem string
	switch {
	case len(name) == 0 || len(name) > maxTopic:
		problem = badTopic
	case !allowed:
		problem = unknownTopic
	case len(c.subscriptions) >= h.options.Topics:
		problem = tooManyTopics
	default:
		t := h.topic(name)
		t.subscribers++
		h.settle(t)
		s := &subscription{client: c, topic: t, idle: -1, blind: true}
		if after != nil {
			s.cursor = *after
			if !renew && s.cursor >= t.from() && s.cursor <= t.known {
				s.blind, s.begun = false, true
				c.say(message(name, s.cursor, plain, "", nil))
			}
		}
		c.subscriptions = append(c.subscriptions, s)
		c.queue = append(c.queue, s)
	}
	if problem != "" {
		c.say(failure(name, problem))
	}
	run(c.wake(nil))
}

// reply answers a message that is not about a topic.
func (c *client) reply(frame []byte) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if !c.over() {
		c.say(frame)
		run(c.wake(nil))
	}
}

func (c *client) unsubscribe(name string) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if s := c.subscribed(name); s != nil {
		s.leave()
	}
}

// The lock is held in all that follows, but for write and run.

func (c *client) subscribed(name string) *subscription {
	for _, s := range c.subscriptions {
		if s.topic.name == name {
			return s
		}
	}
	return nil
}

func (c *client) say(frame []byte) {
	c.replies = append(c.replies, frame)
	if c.replyBytes += len(frame); c.replyBytes > maxReplies && !c.over() {
		c.hub.stats.Dropped++
		run(c.end(nil, websocket.StatusPolicyViolation, "too many messages"))
	}
}

// over says whether the connection has ended, or is about to.
func (c *client) over() bool { return c.ending != nil || c.ended || c.gone }

// end has a close frame sent. The client has some time to answer.
func (c *client) end(woken []*client, code websocket.StatusCode, reason string) []*client {
	if c.over() {
		return woken
	}
	c.ending = closeFrame(code, reason)
	c.endBy = c.hub.now() + closing
	return c.wake(woken)
}

// wake adds the client to those whose writer is to be run, unless it runs.
func (c *client) wake(woken []*client) []*client {
	if c.writing || c.gone || c.ended {
		return woken
	}
	c.writing = true
	c.hub.running.Add(1)
	return append(woken, c)
}

// run starts the writers of clients.
func run(woken []*client) {
	for _, c := range woken {
		go c.write()
	}
}

// write writes as long as there is something to write.
func (c *client) write() {
	defer c.hub.running.Done()
	var space [4][]byte
	for {
		c.hub.mu.Lock()
		frames := c.next(space[:0])
		ended := c.ended
		c.hub.mu.Unlock()
		if len(frames) == 0 {
			return
		}
		if err := c.conn.send(frames, ended); err != nil {
			c.conn.cut() // the reader notices
			return
		}
		clear(space[:])
	}
}

// next returns the frames to write now; none ends the writer.
func (c *client) next(frames [][]byte) [][]byte {
	if c.gone || c.ended {
		return nil // writing stays set: no writer is to run again
	}
	if c.ending != nil {
		c.ended = true
		return append(frames, c.ending)
	}
	if c.pong != nil {
		frames, c.pong = append(frames, c.pong), nil
	}
	if c.pingDue {
		c.pingDue, c.pinged = false, c.hub.now()
		frames = append(frames, pingFrame)
	}
	frames = append(frames, c.replies...)
	size := c.replyBytes
	c.replies, c.replyBytes = nil, 0
	// A subscription that is not done goes to the end of the queue: no topic keeps
	// others waiting.
	for size < chunk && len(c.queue) > 0 {
		s := c.queue[0]
		c.queue = slices.Delete(c.queue, 0, 1)
		var n int
		frames, n = s.collect(frames, chunk-size)
		size += n
	}
	if len(frames) == 0 {
		c.writing = false
	}
	return frames
}

// leave takes out a client whose connection has ended.
func (h *Hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.gone = true
	for len(c.subscriptions) > 0 {
		c.subscriptions[len(c.subscriptions)-1].leave()
	}
	delete(h.clients, c)
	h.entered--
}
