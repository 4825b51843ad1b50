package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/web"
)

// maxBody is how many bytes of a request are read: as many as the operations of the
// API take, and forms.
const maxBody = 1 << 20

// handler puts around the routes what holds for all of them.
func (s *Server) handler(address net.Addr) http.Handler {
	return s.observe(s.recovered(web.Secure(s.known(address, s.guard(s.bounded(s.routed()))))))
}

// CheckListen refuses an address that others than this machine can reach, unless
// there is a token.
func CheckListen(address, token string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %q: %w; say it like 127.0.0.1:8080", address, err)
	}
	if token != "" || local(host) {
		return nil
	}
	return fmt.Errorf("--listen %q can be reached from other machines: that needs a token, see --token-file", address)
}

// local says whether a host can be nothing but this machine.
func local(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// known lets only those requests in, where there is no token, that are for this
// machine. A page of another site may have its own name point here, after it was
// loaded (DNS rebinding); for its browser this then is the same site. With a token
// that is of no use: the page has none, and the cookie is of another name.
func (s *Server) known(address net.Addr, next http.Handler) http.Handler {
	if s.Token != "" {
		return next
	}
	listen, _, _ := net.SplitHostPort(address.String())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host // it has no port
		}
		if !local(host) && !strings.EqualFold(strings.Trim(host, "[]"), listen) {
			api.Write(w, r, api.NewProblem(http.StatusMisdirectedRequest, "without a token this server answers as localhost only; see --token-file"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// routed answers where there is no route: for programs, as everything else.
func (s *Server) routed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, pattern := s.Mux.Handler(r)
		if pattern != "" {
			s.Mux.ServeHTTP(w, r)
			return
		}
		answer := statusOnly{header: make(http.Header)}
		handler.ServeHTTP(&answer, r)
		reading := r.Clone(r.Context())
		reading.Method = http.MethodGet
		switch _, page := s.Mux.Handler(reading); {
		case answer.status == http.StatusMethodNotAllowed && page != "GET /": // that is for all paths without a route
			allow := answer.header.Get("Allow")
			w.Header().Set("Allow", allow)
			api.Write(w, r, api.NewProblem(answer.status, r.Method+" is not among what there is here: "+allow))
		case answer.status == http.StatusMethodNotAllowed, answer.status == http.StatusNotFound:
			api.Write(w, r, api.NewProblem(http.StatusNotFound, "there is nothing at this path"))
		default:
			s.Mux.ServeHTTP(w, r)
		}
	})
}

// statusOnly is an answer that nobody gets.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header            { return w.header }
func (w *statusOnly) WriteHeader(status int)         { w.status = status }
func (w *statusOnly) Write(text []byte) (int, error) { return len(text), nil }

// bounded reads no more of a request than it should have, and does not wait for ever.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			body := &timedBody{ReadCloser: r.Body, timeout: s.BodyTimeout, control: http.NewResponseController(w)}
			r.Body = http.MaxBytesReader(w, body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// timedBody is a body that must have come some time after somebody begins to read it.
// Then the deadline goes away: it would end the context of the request.
type timedBody struct {
	io.ReadCloser
	timeout time.Duration
	control *http.ResponseController
	begun   bool
}

// Read sets the deadline, and takes it away at the end.
func (b *timedBody) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		_ = b.control.SetReadDeadline(time.Now().Add(b.timeout)) // a connection without deadlines has none
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// recovered answers 500 where a handler panicked.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler {
				panic(value)
			}
			s.Logger.Error("a handler panicked", "method", r.Method, "path", r.URL.Path, "panic", value, "stack", string(debug.Stack()))
			api.Write(w, r, api.NewProblem(http.StatusInternalServerError, "Something went wrong here; the log of the server has the details."))
		}()
		next.ServeHTTP(w, r)
	})
}
