package ocpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/coder/websocket"
)

// Transport carries messages: a WebSocket connection.
type Transport interface {
	// Read returns the next message. It is not called concurrently, and fails when
	// the transport is closed.
	Read() ([]byte, error)

	// Write sends a message. It is not called concurrently, and fails when the
	// transport is closed meanwhile.
	Write(message []byte) error

	// Ping sends a ping and waits for its pong, which Read meets.
	Ping(ctx context.Context) error

	// Close ends the transport as its protocol wants it, within seconds. CloseNow
	// cuts it. Both may be called at any time, and again.
	Close(code websocket.StatusCode, reason string)
	CloseNow()
}

// socket is the Transport over WebSocket.
type socket struct {
	ws  *websocket.Conn
	raw net.Conn // below TLS
}

// errBinary: OCPP-J is text.
var errBinary = errors.New("ocpp: binary message")

func newSocket(ws *websocket.Conn, raw net.Conn, maxMessage int) socket {
	ws.SetReadLimit(int64(maxMessage))
	if encrypted, ok := raw.(*tls.Conn); ok {
		raw = encrypted.NetConn()
	}
	return socket{ws, raw}
}

func (s socket) Read() ([]byte, error) {
	kind, data, err := s.ws.Read(context.Background()) // Close ends it; a ctx would cost memory per connection
	if err == nil && kind != websocket.MessageText {
		s.Close(websocket.StatusUnsupportedData, "text messages only")
		err = errBinary
	}
	return data, err
}

func (s socket) Write(message []byte) error {
	return s.ws.Write(context.Background(), websocket.MessageText, message) // CloseNow ends it
}

func (s socket) Ping(ctx context.Context) error { return s.ws.Ping(ctx) }

func (s socket) Close(code websocket.StatusCode, reason string) {
	_ = s.ws.Close(code, reason) // whether the peer took part makes no difference
}

// CloseNow closes the network connection first: the library and TLS would wait for a
// peer that does not take what they write.
func (s socket) CloseNow() {
	_ = s.raw.Close()
	_ = s.ws.CloseNow()
}

// endOf says why reading has ended, in short.
func endOf(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return fmt.Errorf("ocpp: closed by the peer: %w", closed)
	}
	return fmt.Errorf("ocpp: connection lost: %w", err)
}
