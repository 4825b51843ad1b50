package ocpp

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// Client keeps a station connected: it dials again when a connection could not be made
// or is over, after a wait that grows and varies (OCPP-J 1.6, 5.4; errata 3.3).
type Client struct {
	endpoint, identity string
	messages           Messages
	handler            Handler
	o                  ClientOptions

	mu   sync.Mutex
	conn *Conn
}

// NewClient returns a Client. Run makes its connections; the arguments are those of
// Dial.
func NewClient(endpoint, identity string, messages Messages, handler Handler, options *ClientOptions) *Client {
	c := &Client{endpoint: endpoint, identity: identity, messages: messages, handler: handler}
	if options != nil {
		c.o = *options
	}
	c.o.MinBackoff = cmp.Or(c.o.MinBackoff, time.Second)
	c.o.MaxBackoff = cmp.Or(c.o.MaxBackoff, 2*time.Minute)
	return c
}

// Run keeps the station connected until ctx is done, and returns the error of ctx.
func (c *Client) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		conn, err := Dial(ctx, c.endpoint, c.identity, c.messages, c.handler, &c.o)
		if err == nil {
			c.set(conn)
			err = conn.Run(ctx)
			c.set(nil)
			if time.Since(conn.Since()) >= c.o.MaxBackoff {
				failures = 0 // one that ends at once is a failure too
			}
		}
		failures++
		wait := backoff.After(failures, c.o.MinBackoff, c.o.MaxBackoff)
		var refused *HandshakeError
		if errors.As(err, &refused) && refused.RetryAfter > wait {
			wait = refused.RetryAfter + rand.N(refused.RetryAfter/4+1)
		}
		if err := backoff.Wait(ctx, wait); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (c *Client) set(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
}

// Conn returns the connection that there is now.
func (c *Client) Conn() (*Conn, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn, c.conn != nil
}

// Call makes a call over the connection that there is now; without one the error is an
// [ErrNotSent] and an [ErrOffline]. See [Conn.Call].
func (c *Client) Call(ctx context.Context, request Request) (Response, error) {
	conn, ok := c.Conn()
	if !ok {
		return nil, &NotSentError{ErrOffline}
	}
	return conn.Call(ctx, request)
}
