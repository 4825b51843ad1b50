package ocpp

import (
	"context"
	"crypto/x509"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Peer says whose connection it is.
type Peer struct {
	// Identity is the station's, on either side of the connection.
	Identity string

	// Epoch orders the handshakes of a server: a newer one has a greater epoch, also
	// after a restart and on another machine, as far as [Credentials] have the last one.
	// 0 for a client.
	Epoch int64

	// Profile is the security profile that the station has fulfilled, 0 to 3.
	Profile int

	// Key is which of the keys in [Credentials] the station has shown, the last one that
	// matches, and -1 where it has shown none. Not set for a client.
	Key int

	// RemoteAddr is the network address of the peer, and Certificate what it has
	// shown with profile 3.
	RemoteAddr  string
	Certificate *x509.Certificate
}

// Conn is one side of a connection. Its methods may be called concurrently.
type Conn struct {
	peer      Peer
	side      Side
	messages  Messages
	handler   Handler
	o         *ConnOptions
	transport Transport
	since     time.Time
	heardAt   atomic.Int64 // in nanoseconds after since
	ready     func()       // called when Handler.Connected has returned
	gone      func()       // called when the connection is over, before Handler.Disconnected

	slot   chan struct{} // full while a call of this side is under way
	writer chan struct{} // full while somebody writes
	closed chan struct{} // closed when the connection is over

	work sync.WaitGroup // of the goroutine that handles calls, and the one that pings

	mu       sync.Mutex
	err      error // why it is over
	calls    outbox
	inbox    inbox
	pinger   *time.Timer
	draining bool
	idle     chan struct{} // closed when a draining connection has nothing more to do
}

// NewConn returns this side of a connection over a transport; side is its own side.
// Run must be called. The options must not be changed afterwards.
func NewConn(transport Transport, side Side, messages Messages, handler Handler, peer Peer, options *ConnOptions) *Conn {
	return newConn(transport, side, messages, handler, peer, options.withDefaults())
}

func newConn(transport Transport, side Side, messages Messages, handler Handler, peer Peer, o *ConnOptions) *Conn {
	return &Conn{
		peer: peer, side: side, messages: messages, handler: handler, o: o, transport: transport, since: time.Now(),
		slot: make(chan struct{}, 1), writer: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

// Identity returns the identity of the station.
func (c *Conn) Identity() string { return c.peer.Identity }

// Epoch returns the number of the connection, see [Peer].
func (c *Conn) Epoch() int64 { return c.peer.Epoch }

// Peer returns what is known about the peer.
func (c *Conn) Peer() Peer { return c.peer }

// Since returns when the connection began.
func (c *Conn) Since() time.Time { return c.since }

// LastSeen returns when the last sign of life came.
func (c *Conn) LastSeen() time.Time { return c.since.Add(time.Duration(c.heardAt.Load())) }

// Err returns why the connection is over, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Run reads and serves the connection until it is over, and returns why: never nil.
// All that it started has ended by then, with the handler's last call. The end of ctx
// cuts the connection; calls are handled with this ctx.
func (c *Conn) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.cut(ctx.Err()) })
	defer stop()
	c.handler.Connected(ctx, c)
	if c.ready != nil {
		c.ready()
	}
	c.startPinging()
	for {
		data, err := c.transport.Read()
		if err != nil {
			c.end(endOf(err))
			break
		}
		c.heard()
		c.receive(ctx, data)
	}
	c.stopPinging()
	c.transport.CloseNow()
	if c.gone != nil {
		c.gone()
	}
	c.work.Wait()
	reason := c.Err()
	c.handler.Disconnected(c, reason)
	return reason
}

// heard notes a sign of life.
func (c *Conn) heard() {
	c.heardAt.Store(int64(time.Since(c.since)))
	c.handler.Seen(c)
}

// end notes that the connection is over. Calls that wait for an answer will not get
// one. Only the first reason counts.
func (c *Conn) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = reason
	close(c.closed)
	c.calls.lost(c, reason)
	c.noteIdle()
}

// cut ends the connection without further ado.
func (c *Conn) cut(reason error) {
	c.end(reason)
	c.transport.CloseNow()
}

// Close ends the connection with a status of WebSocket and a reason of at most 123
// bytes. It returns within seconds, when the peer has agreed or not; Run returns then.
func (c *Conn) Close(code websocket.StatusCode, reason string) { c.shut(code, reason, ErrClosed) }

func (c *Conn) shut(code websocket.StatusCode, text string, reason error) {
	c.end(reason)
	c.transport.Close(code, text)
}

// drain lets what is under way come to its end, until ctx is done, and closes. Calls
// that come meanwhile are not answered, so that the peer will make them again.
func (c *Conn) drain(ctx context.Context) {
	c.mu.Lock()
	if !c.draining {
		c.draining, c.idle = true, make(chan struct{})
		c.noteIdle()
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	c.shut(websocket.StatusGoingAway, "the server is shutting down", ErrShutdown)
}

// noteIdle is called, with the lock, when something has come to its end.
func (c *Conn) noteIdle() {
	if !c.draining || c.err == nil && (c.inbox.working || c.calls.pending != nil) {
		return
	}
	select {
	case <-c.idle:
	default:
		close(c.idle)
	}
}

// startPinging pings from timers: a goroutine per connection would cost memory.
func (c *Conn) startPinging() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.PingInterval > 0 && c.err == nil {
		c.pinger = time.AfterFunc(c.untilPing(), c.ping)
	}
}

// untilPing varies, so that stations that came together are not pinged together.
func (c *Conn) untilPing() time.Duration {
	return c.o.PingInterval - rand.N(c.o.PingInterval/4+1)
}

// stopPinging is called when the connection is over.
func (c *Conn) stopPinging() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinger != nil {
		c.pinger.Stop()
	}
}

func (c *Conn) ping() {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.work.Add(1)
	c.mu.Unlock()
	defer c.work.Done()

	ctx, cancel := context.WithTimeout(context.Background(), c.o.PongTimeout)
	defer cancel()
	sent := int64(time.Since(c.since))
	if err := c.transport.Ping(ctx); err == nil {
		c.heard()
	} else if c.heardAt.Load() <= sent {
		c.cut(ErrNoPong) // a half-open connection, most likely
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.pinger.Reset(c.untilPing())
	}
}

// write sends a frame. Whoever calls it has the writer.
func (c *Conn) write(frame []byte) error {
	deadline := time.AfterFunc(c.o.WriteTimeout, func() { c.cut(ErrWriteTimeout) })
	defer deadline.Stop()
	err := c.transport.Write(frame)
	if err != nil {
		c.cut(endOf(err))
	}
	return err
}
