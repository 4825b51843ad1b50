package ocpp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ClientOptions configure the connections of a station. The zero value is security
// profile 0.
type ClientOptions struct {
	ConnOptions

	// Password is sent as it is: an authorization key, or its hexadecimal digits.
	// Without one there is no basic authentication (profiles 1 and 2).
	Password string

	// TLS is used for "wss" (profiles 2 and 3). A certificate in it is that of
	// profile 3.
	TLS *tls.Config

	// Compression offers permessage-deflate.
	Compression bool

	// Dial makes network connections; net.Dialer's DialContext by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// HandshakeTimeout bounds Dial, 30 seconds by default.
	HandshakeTimeout time.Duration

	// MinBackoff and MaxBackoff bound how long a Client waits before it connects
	// again, from a second to two minutes by default. A Retry-After of the server is
	// obeyed.
	MinBackoff, MaxBackoff time.Duration
}

// HandshakeError says that a server has refused a handshake.
type HandshakeError struct {
	// Status is that of HTTP, 0 when there was none. It is 101 when the server did not
	// agree on a subprotocol.
	Status int

	// RetryAfter is how long the server asks to wait, or 0.
	RetryAfter time.Duration

	Err error
}

func (e *HandshakeError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("ocpp: handshake: %v", e.Err)
	}
	return fmt.Sprintf("ocpp: handshake: status %d: %v", e.Status, e.Err)
}

// Unwrap returns the reason.
func (e *HandshakeError) Unwrap() error { return e.Err }

// Dial connects a station to the endpoint of a central system: its URL without the
// identity, with the scheme ws or wss. Run must be called on the result. The error is a
// *HandshakeError.
func Dial(ctx context.Context, endpoint, identity string, messages Messages, handler Handler, options *ClientOptions) (*Conn, error) {
	var o ClientOptions
	if options != nil {
		o = *options
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.HandshakeTimeout)
	defer cancel()

	header := make(http.Header)
	if o.Password != "" {
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(identity+":"+o.Password)))
	}
	compression := websocket.CompressionDisabled
	if o.Compression {
		compression = websocket.CompressionNoContextTakeover
	}
	network := &network{dial: o.Dial}
	var live *Conn // set before it is read from
	ws, response, err := websocket.Dial(ctx, strings.TrimSuffix(endpoint, "/")+"/"+url.PathEscape(identity), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     &http.Transport{DialContext: network.DialContext, TLSClientConfig: o.TLS, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: header, Subprotocols: []string{messages.Subprotocol()}, CompressionMode: compression,
		OnPingReceived: func(context.Context, []byte) bool {
			if live != nil {
				live.heard()
			}
			return true
		},
	})
	if err != nil {
		return nil, handshakeError(response, err)
	}
	if ws.Subprotocol() != messages.Subprotocol() {
		_ = ws.CloseNow() // the server closes it too
		return nil, &HandshakeError{Status: response.StatusCode, Err: errors.New("the server does not speak " + messages.Subprotocol())}
	}
	raw := network.taken()
	peer := Peer{Identity: identity, RemoteAddr: raw.RemoteAddr().String()}
	live = newConn(newSocket(ws, raw, o.ConnOptions.withDefaults().MaxMessage), ChargePoint, messages, handler, peer, o.ConnOptions.withDefaults())
	return live, nil
}

func handshakeError(response *http.Response, err error) *HandshakeError {
	e := &HandshakeError{Err: err}
	if response != nil {
		e.Status = response.StatusCode
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			e.RetryAfter = time.Duration(seconds) * time.Second
		}
	}
	return e
}

// network remembers the connection that a handshake has used.
type network struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	conn net.Conn
}

func (n *network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dial := n.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.conn = conn
	}
	return conn, err
}

func (n *network) taken() net.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conn
}
