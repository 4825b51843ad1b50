package live

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// The library reads frames and keeps the rules of the protocol. What the hub sends it
// writes itself, below the library: frames that were made once for all clients,
// several with one call. The connection lets the two take turns.
//
// The library writes control frames only, which fit its buffer, so each of its writes
// is a whole frame.
type conn struct {
	net.Conn
	raw   net.Conn     // the same, without TLS
	head  []byte       // what the server has read already
	heard atomic.Int64 // when something came last
	since atomic.Int64 // when the write under way began, 0 when there is none
	now   func() time.Duration

	mu    sync.Mutex
	ended bool // a close frame was written
}

const (
	// readBuffer and writeBuffer are those of the library: requests are small, and it
	// writes control frames, of at most 129 bytes.
	readBuffer  = 512
	writeBuffer = 256

	// kernelBuffer is how much the kernel may hold that a client does not take: what
	// is there is old when it arrives. It would grow to megabytes.
	kernelBuffer = 64 << 10

	// chunk is about how much is written at a time.
	chunk = 16 << 10
)

// Read is the library's.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(int64(c.now()))
	}
	return n, err
}

// Write is the library's: one control frame.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return 0, net.ErrClosed
	}
	c.ended = len(p) > 0 && p[0] == 0x80|opClose
	return c.Conn.Write(p)
}

// send writes frames; the last of them may be a close frame.
func (c *conn) send(frames [][]byte, last bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return net.ErrClosed
	}
	c.ended = last
	defer c.since.Store(0)
	for len(frames) > 0 {
		n, size := 1, len(frames[0])
		for n < len(frames) && size+len(frames[n]) <= chunk {
			size += len(frames[n])
			n++
		}
		if n > 1 {
			c.since.Store(int64(c.now()))
			buffers := net.Buffers(frames[:n])
			if _, err := buffers.WriteTo(c.Conn); err != nil {
				return err
			}
		} else {
			for rest := frames[0]; len(rest) > 0; {
				c.since.Store(int64(c.now()))
				part := rest[:min(len(rest), chunk)]
				if _, err := c.Conn.Write(part); err != nil {
					return err
				}
				rest = rest[len(part):]
			}
		}
		frames = frames[n:]
	}
	return nil
}

// cut ends the connection at once, whoever reads or writes.
func (c *conn) cut() { _ = c.raw.Close() }

// taker gives the library the connection that the hub has made.
type taker struct {
	http.ResponseWriter
	now  func() time.Duration
	conn *conn
}

// Hijack is the library's.
func (t *taker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	taken, buffers, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.conn = &conn{Conn: taken, raw: taken, now: t.now}
	if secure, ok := taken.(*tls.Conn); ok {
		t.conn.raw = secure.NetConn()
	}
	if tcp, ok := t.conn.raw.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(kernelBuffer)
	}
	if n := buffers.Reader.Buffered(); n > 0 {
		t.conn.head, _ = buffers.Reader.Peek(n)
	}
	return t.conn, bufio.NewReadWriter(bufio.NewReaderSize(t.conn, readBuffer), bufio.NewWriterSize(t.conn, writeBuffer)), nil
}

// canHijack says whether the connection of a response can be taken over: not in
// HTTP/2, nor through a middleware that hides it.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch inner := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return false
		}
	}
}

// ServeHTTP makes the request a client. It returns at once; the connection goes on.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !canHijack(w) {
		http.Error(w, "the connection cannot be taken over for a WebSocket", http.StatusNotImplemented)
		return
	}
	var may func(topic string) bool
	if h.options.Access != nil {
		may = h.options.Access(r)
	}
	if !h.enter() {
		w.Header().Set("Retry-After", retryAfter())
		http.Error(w, "too many connections; try again later", http.StatusServiceUnavailable)
		return
	}
	c := &client{hub: h, may: may}
	taken := &taker{ResponseWriter: w, now: h.now}
	var err error
	c.ws, err = websocket.Accept(taken, r, &websocket.AcceptOptions{OriginPatterns: h.options.Origins, OnPingReceived: c.answer})
	if err != nil { // the library has answered
		h.mu.Lock()
		h.entered--
		h.mu.Unlock()
		h.running.Done()
		return
	}
	c.ws.SetReadLimit(-1) // the reader has its own, with which the client gets to know why
	c.conn = taken.conn
	h.mu.Lock()
	c.nextPing = h.firstPing()
	h.clients[c] = struct{}{}
	if h.closed { // since enter; nobody looks after clients any more
		c.ended = true
		c.conn.cut()
	}
	h.mu.Unlock()
	go func() {
		defer h.running.Done()
		c.listen()
	}()
}

// enter takes a place among the clients, unless there is none.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.entered >= h.options.Clients {
		h.stats.Refused++
		return false
	}
	h.entered++
	h.running.Add(1)
	return true
}
