package ocpp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// maxIdentity is how many bytes the identity of a station may have. The standard has
// no limit for 1.6.
const maxIdentity = 255

// The sizes of the buffers of a connection, most of whose memory they would be.
const (
	readBuffer  = 1 << 10
	writeBuffer = 1 << 10
)

// refusal is a handshake that ends with a status of HTTP.
type refusal struct {
	status int
	reason string
}

// ServeHTTP makes a handshake (OCPP-J 1.6, 3) and returns; the connection goes on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	identity, ok := identityOf(r)
	if !ok {
		s.refuse(w, r, "", refusal{http.StatusNotFound, "no identity of a station in the path"})
		return
	}
	release, no := s.admit(r.Context())
	if no != nil {
		s.refuse(w, r, identity, *no)
		return
	}
	peer, no := s.authenticate(r, identity)
	if no != nil {
		release()
		s.refuse(w, r, identity, *no)
		return
	}
	s.upgrade(w, r, peer, release)
}

// identityOf returns the percent-decoded last element of the path (OCPP-J 1.6, 3.1.1).
func identityOf(r *http.Request) (string, bool) {
	path := r.URL.EscapedPath()
	identity, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	ok := err == nil && identity != "" && len(identity) <= maxIdentity && utf8.ValidString(identity) &&
		!strings.ContainsFunc(identity, unicode.IsControl)
	return identity, ok
}

// admit waits for its turn. release gives it back, and may be called again.
func (s *Server) admit(ctx context.Context) (release func(), no *refusal) {
	s.mu.Lock()
	draining, full := s.draining, s.open >= s.o.MaxConns
	s.mu.Unlock()
	switch {
	case draining:
		return nil, &refusal{http.StatusServiceUnavailable, "the server is shutting down"}
	case full:
		return nil, &refusal{http.StatusServiceUnavailable, "too many connections"}
	}
	select {
	case s.admission <- struct{}{}:
	default:
		timer := time.NewTimer(s.o.AdmissionWait)
		defer timer.Stop()
		select {
		case s.admission <- struct{}{}:
		case <-ctx.Done():
			return nil, &refusal{http.StatusServiceUnavailable, "the client has gone"}
		case <-timer.C:
			return nil, &refusal{http.StatusServiceUnavailable, "too many handshakes at once"}
		}
	}
	released := false
	return func() {
		if !released {
			released = true
			<-s.admission
		}
	}, nil
}

// authenticate finds out whether the station may come in.
func (s *Server) authenticate(r *http.Request, identity string) (Peer, *refusal) {
	credentials, err := s.authenticator.Credentials(r.Context(), identity)
	switch {
	case errors.Is(err, ErrUnknownStation):
		return Peer{}, &refusal{http.StatusNotFound, "unknown station"} // before the upgrade (OCPP-J 1.6, 3.2)
	case err != nil:
		return Peer{}, &refusal{http.StatusServiceUnavailable, "the credentials could not be looked up"}
	}
	got := credentials.check(r, identity, s.o.TLSInFront)
	switch {
	case got.profile >= credentials.Profile:
	case credentials.Profile == 3:
		return Peer{}, &refusal{http.StatusForbidden, "a client certificate of this station is needed (security profile 3)"}
	case credentials.Profile == 2 && r.TLS == nil && !s.o.TLSInFront:
		return Peer{}, &refusal{http.StatusForbidden, "TLS is needed (security profile 2)"}
	default:
		return Peer{}, &refusal{http.StatusUnauthorized, "the identity and its authorization key are needed as user and password"}
	}
	return Peer{
		Identity: identity, Profile: got.profile, Certificate: got.certificate, Key: got.key, RemoteAddr: r.RemoteAddr,
		Epoch: s.nextEpoch(credentials.Epoch), // before the station knows that it is connected, and may connect again
	}, nil
}

// refuse answers with a status.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, identity string, no refusal) {
	switch no.status {
	case http.StatusServiceUnavailable:
		seconds := max(1, int((s.o.RetryAfter/2 + rand.N(s.o.RetryAfter+1)).Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		w.Header().Set("Connection", "close")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="OCPP", charset="UTF-8"`)
	}
	http.Error(w, no.reason, no.status)
	if s.o.Refused != nil {
		s.o.Refused(identity, r.RemoteAddr, no.status, no.reason)
	}
}

// upgrade finishes the handshake and starts the connection.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, peer Peer, release func()) {
	var live *Conn // set before it is read from
	compression := websocket.CompressionNoContextTakeover
	if s.o.NoCompression {
		compression = websocket.CompressionDisabled
	}
	taken := &hijacker{ResponseWriter: w}
	ws, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		Subprotocols: []string{s.messages.Subprotocol()}, OriginPatterns: s.o.OriginPatterns, CompressionMode: compression,
		OnPingReceived: func(context.Context, []byte) bool {
			if live != nil {
				live.heard()
			}
			return true
		},
	})
	if err != nil {
		release()
		if s.o.Refused != nil {
			s.o.Refused(peer.Identity, r.RemoteAddr, taken.status, err.Error())
		}
		return
	}
	if ws.Subprotocol() == "" {
		// The handshake is complete, without the header (OCPP-J 1.6, 3.2).
		release()
		_ = ws.Close(websocket.StatusProtocolError, "no common subprotocol: "+s.messages.Subprotocol()+" is spoken here")
		if s.o.Refused != nil {
			s.o.Refused(peer.Identity, r.RemoteAddr, http.StatusSwitchingProtocols, "no common subprotocol")
		}
		return
	}
	c := newConn(newSocket(ws, taken.conn, s.common.MaxMessage), CentralSystem, s.messages, s.handler, peer, s.common)
	c.ready, c.gone = release, func() { s.forget(c) }
	if err := s.enter(c); err != nil {
		release()
		_ = ws.Close(websocket.StatusGoingAway, err.Error())
		return
	}
	live = c
	go func() { // a new goroutine: that of the handshake has grown, and holds the request
		defer s.leave()
		_ = c.Run(s.ctx) // Disconnected has been told why
	}()
}

// hijacker takes the connection over from the HTTP server with small buffers, which
// also lets go of the request.
type hijacker struct {
	http.ResponseWriter
	status int
	conn   net.Conn
}

// WriteHeader notes the status.
func (h *hijacker) WriteHeader(status int) {
	h.status = status
	h.ResponseWriter.WriteHeader(status)
}

// Hijack implements [http.Hijacker].
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	read, err := buffers.Reader.Peek(buffers.Reader.Buffered()) // what the station has sent already
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(read)), conn), max(readBuffer, len(read)))
	if _, err := r.Peek(len(read)); err != nil { // into the buffer, where the library looks for it
		_ = conn.Close()
		return nil, nil, err
	}
	h.conn = conn
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, writeBuffer)), nil
}
