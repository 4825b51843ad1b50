package ocpp

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ServerOptions configure a Server. The zero value works.
type ServerOptions struct {
	ConnOptions

	// MaxHandshakes is how many handshakes go on at a time, 128 by default: from the
	// question to the Authenticator until Handler.Connected returns. Others wait for
	// AdmissionWait, 5 seconds by default, and are answered with 503 then.
	MaxHandshakes int
	AdmissionWait time.Duration

	// MaxConns is how many connections there may be; further ones are answered with
	// 503. 50,000 by default.
	MaxConns int

	// RetryAfter is the mean of what a 503 says in Retry-After, 15 seconds by default.
	// It varies from half to one and a half, so that stations do not come together.
	RetryAfter time.Duration

	// TLSInFront: a proxy in front ends TLS, so every connection counts as encrypted.
	TLSInFront bool

	// OriginPatterns are hosts whose web pages may connect, besides the own host;
	// stations send no Origin, or the own host's. See websocket.AcceptOptions.
	OriginPatterns []string

	// NoCompression refuses permessage-deflate, which costs time, and 40 KB or more
	// for each message under way.
	NoCompression bool

	// Refused is told of handshakes that were refused, with the status of HTTP.
	// Optional.
	Refused func(identity, remoteAddr string, status int, reason string)
}

// Server is the central system's side of OCPP-J: an http.Handler for
// "/ocpp/{identity}", or any path whose last element is the identity.
type Server struct {
	messages      Messages
	authenticator Authenticator
	handler       Handler
	o             ServerOptions
	common        *ConnOptions
	admission     chan struct{}

	ctx    context.Context // of the handlers
	cancel context.CancelFunc
	work   sync.WaitGroup // of the connections, and of those that close them

	mu       sync.Mutex
	conns    map[string]*Conn // the newest of each station
	open     int              // also those that are replaced, or have calls to handle
	epoch    int64
	draining bool
}

// NewServer returns a Server. Shutdown ends it.
func NewServer(messages Messages, authenticator Authenticator, handler Handler, options *ServerOptions) *Server {
	var o ServerOptions
	if options != nil {
		o = *options
	}
	o.MaxHandshakes = cmp.Or(o.MaxHandshakes, 128)
	o.AdmissionWait = cmp.Or(o.AdmissionWait, 5*time.Second)
	o.MaxConns = cmp.Or(o.MaxConns, 50_000)
	o.RetryAfter = cmp.Or(o.RetryAfter, 15*time.Second)
	s := &Server{
		messages: messages, authenticator: authenticator, handler: handler, o: o, common: o.ConnOptions.withDefaults(),
		admission: make(chan struct{}, o.MaxHandshakes), conns: make(map[string]*Conn),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Conn returns the newest connection of a station.
func (s *Server) Conn(identity string) (*Conn, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.conns[identity]
	return c, ok
}

// Conns returns the newest connections of all stations that there are now, in no
// order.
func (s *Server) Conns() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		s.mu.Lock()
		conns := make([]*Conn, 0, len(s.conns))
		for _, c := range s.conns {
			conns = append(conns, c)
		}
		s.mu.Unlock()
		for _, c := range conns {
			if !yield(c) {
				return
			}
		}
	}
}

// Call makes a call to a station over its newest connection. See [Conn.Call]; without
// a connection the error is an [ErrNotSent] and an [ErrOffline].
func (s *Server) Call(ctx context.Context, identity string, request Request) (Response, error) {
	c, ok := s.Conn(identity)
	if !ok {
		return nil, &NotSentError{ErrOffline}
	}
	return c.Call(ctx, request)
}

// Disconnect closes the newest connection of a station, if there is one, as a violation of
// policy, with a reason of at most 123 bytes. It does not wait for that.
func (s *Server) Disconnect(identity, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.conns[identity]; ok && !s.draining {
		s.work.Go(func() { c.Close(websocket.StatusPolicyViolation, reason) })
	}
}

// nextEpoch numbers the handshakes; known is the greatest epoch that the station has had.
func (s *Server) nextEpoch(known int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = max(s.epoch+1, time.Now().UnixMicro(), known+1)
	return s.epoch
}

// enter registers a connection. Newest wins: one that the station had before is closed,
// and may be a dead socket that takes long to be so. The error says why the connection
// may not begin.
func (s *Server) enter(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return ErrShutdown
	}
	if other := s.conns[c.Identity()]; other != nil {
		if other.Epoch() > c.Epoch() { // its handshake began later, and was finished first
			return ErrReplaced
		}
		s.work.Go(func() { other.shut(websocket.StatusPolicyViolation, "replaced by a newer connection", ErrReplaced) })
	}
	s.conns[c.Identity()] = c
	s.open++
	s.work.Add(1)
	return nil
}

// forget is called when a connection is over.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.Identity()] == c { // else a newer one has taken its place
		delete(s.conns, c.Identity())
	}
}

// leave is called when all that a connection has started has ended too.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.work.Done()
}

// closers is how many connections are closed at a time.
const closers = 256

// Shutdown ends the server: handshakes are answered with 503; every connection
// finishes the calls that are under way, in both directions, and is closed. Calls that
// come meanwhile are not answered, and the station makes them again elsewhere. When ctx
// is done all is cut, also the ctx of handlers. It returns when all has ended, with the
// error of ctx if that was needed.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	cut := context.AfterFunc(ctx, s.cancel) // it ends the connections' ctx
	defer cut()
	conns := slices.Collect(s.Conns())
	next := make(chan *Conn)
	var closing sync.WaitGroup
	for range min(closers, len(conns)) {
		closing.Go(func() {
			for c := range next {
				c.drain(ctx)
			}
		})
	}
	for _, c := range conns {
		next <- c
	}
	close(next)
	closing.Wait()
	s.work.Wait()
	err := s.ctx.Err()
	s.cancel()
	if err != nil {
		return ctx.Err()
	}
	return nil
}
