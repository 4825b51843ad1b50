package ocpp

import (
	"context"
	"time"
)

// Handler is whom connections serve: a central system, or a station. Its methods are
// called concurrently for different connections.
type Handler interface {
	// Connected is called once, before the first Handle; reading begins when it
	// returns, so it must not wait for a call of its own.
	Connected(ctx context.Context, c *Conn)

	// Handle answers a CALL. It is called for one at a time per connection, in the
	// order in which they came, while calls of this side go on. The loss of the
	// connection does not end its ctx: what a station has reported is to be kept,
	// even where the answer cannot be sent and the station reports it again.
	//
	// A *CallError is sent as it is. Any other error, a panic, and a response that
	// violates the standard, are sent as an InternalError without their text.
	Handle(ctx context.Context, c *Conn, call Call) (Response, error)

	// Seen is told of every sign of life: messages, pings and pongs. It must return at
	// once, as reading waits for it, and may be called concurrently.
	Seen(c *Conn)

	// Disconnected is called once, after the last Handle. A newer connection of the
	// same station may have been there for long: compare [Conn.Epoch].
	Disconnected(c *Conn, reason error)
}

// Call is a CALL of the peer.
type Call struct {
	// ID is the message's. A station that repeats a request may use its ID again, or
	// another one, on this connection or a later one.
	ID string

	Action   string
	Request  Request
	Received time.Time

	// Repeated: the connection has seen the ID before.
	Repeated bool

	// Violation says in what the request violates the standard; it is to be served
	// all the same, see [Messages].
	Violation error
}

// HandlerFunc is a Handler that only answers calls.
type HandlerFunc func(ctx context.Context, c *Conn, call Call) (Response, error)

// Handle calls the function.
func (h HandlerFunc) Handle(ctx context.Context, c *Conn, call Call) (Response, error) {
	return h(ctx, c, call)
}

// Connected does nothing.
func (HandlerFunc) Connected(context.Context, *Conn) {}

// Seen does nothing.
func (HandlerFunc) Seen(*Conn) {}

// Disconnected does nothing.
func (HandlerFunc) Disconnected(*Conn, error) {}
