package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
)

// maxBody is how many bytes of a request are read.
const maxBody = 4 << 20

// handler puts around the routes what holds for all of them.
func (s *Server) handler() http.Handler {
	return s.observe(s.recovered(web.Secure(s.guard(bounded(s.Mux)))))
}

// CheckListen refuses an address that others than this machine can reach, unless
// there is a token.
func CheckListen(address, token string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %q: %w; say it like 127.0.0.1:8080", address, err)
	}
	if token != "" || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen %q can be reached from other machines: that needs a token, see --token-file", address)
}

// sessionCookie keeps the token for pages, which cannot send headers.
const sessionCookie = "aether-token"

// guard lets only those in who have the token: as "Authorization: Bearer", as a
// cookie, or once as the parameter "token" of a page's address, which sets the
// cookie. Health and the files of the pages are for everybody.
func (s *Server) guard(next http.Handler) http.Handler {
	if s.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(s.Token))
	right := func(token string) bool {
		got := sha256.Sum256([]byte(token))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || strings.HasPrefix(r.URL.Path, "/static/") {
			next.ServeHTTP(w, r)
			return
		}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && right(token) {
			next.ServeHTTP(w, r)
			return
		}
		if cookie, err := r.Cookie(sessionCookie); err == nil && right(cookie.Value) && sameSite(r) {
			next.ServeHTTP(w, r)
			return
		}
		if query := r.URL.Query(); r.Method == http.MethodGet && query.Has("token") && right(query.Get("token")) {
			http.SetCookie(w, &http.Cookie{
				Name: sessionCookie, Value: s.Token, Path: "/", HttpOnly: true, Secure: r.TLS != nil,
				SameSite: http.SameSiteStrictMode, MaxAge: int((30 * 24 * time.Hour).Seconds()),
			})
			query.Del("token")
			r.URL.RawQuery = query.Encode()
			http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="aether"`)
		http.Error(w, "This server wants its token: as \"Authorization: Bearer …\", or for pages once as ?token=… in the address.", http.StatusUnauthorized)
	})
}

// sameSite refuses what a page of another site makes a browser send along with the
// cookie.
func sameSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none" || r.Method == http.MethodGet
}

// bounded reads no more of a request than it should have.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
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
			http.Error(w, "Something went wrong here; the log of the server has the details.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}
