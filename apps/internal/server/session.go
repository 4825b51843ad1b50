package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/web"
)

// sessionCookie lets pages in, which cannot send headers.
const sessionCookie = "aether-session"

// sessionLife is how long it does so after the page was last loaded.
const sessionLife = 24 * time.Hour

// guard lets only those in who have the token: as "Authorization: Bearer", or, for
// pages, once as the parameter "token" of the address, which sets a cookie and leads
// to the same page without it. What is open to everybody is so without one; see [Public].
//
// Pages of other sites cannot use the cookie: it is SameSite=Strict, writes of other
// sites are refused before ([web.Secure]), and the hub compares origins.
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
		if query := r.URL.Query(); isPage(r) && query.Has("token") {
			if !right(query.Get("token")) {
				s.refuse(w, r)
				return
			}
			s.begin(w, r)
			query.Del("token")
			to := *r.URL
			to.Path, to.RawPath, to.RawQuery = path.Clean("/"+to.Path), "", query.Encode() // "//elsewhere" is another host
			http.Redirect(w, r, to.RequestURI(), http.StatusSeeOther)
			return
		}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && right(token) {
			next.ServeHTTP(w, r)
			return
		}
		if cookie, err := r.Cookie(sessionCookie); err == nil {
			if left := s.session(cookie.Value); left > 0 {
				if left < sessionLife/2 && isPage(r) {
					s.begin(w, r)
				}
				next.ServeHTTP(w, r)
				return
			}
		}
		if _, route := s.Mux.Handler(r); !s.public.routes[route] {
			s.refuse(w, r)
			return
		}
		outside := r.WithContext(web.Outside(r.Context()))
		next.ServeHTTP(w, outside)
		r.Pattern = outside.Pattern // for [Server.observe]
	})
}

// access lets those who came without the token follow the topics that are open.
func (s *Server) access(r *http.Request) func(topic string) bool {
	if !web.IsOutside(r.Context()) {
		return func(string) bool { return true }
	}
	return func(topic string) bool {
		kind, _, _ := strings.Cut(topic, "/")
		return s.public.topics[kind]
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	if s.Site.SignIn(w, r) {
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="aether"`)
	api.Write(w, r, api.NewProblem(http.StatusUnauthorized, `This server wants its token: as "Authorization: Bearer …", or for pages once as ?token=… in the address.`))
}

// isPage says whether a request is for a page.
func isPage(r *http.Request) bool {
	p := r.URL.Path
	return r.Method == http.MethodGet && !strings.HasPrefix(p, "/api/") && !strings.HasPrefix(p, "/openapi") && p != "/live" && p != "/metrics"
}

// begin sets the cookie. It goes over TLS alone where the browser came so.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) {
	until := time.Now().Add(sessionLife)
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: s.sign(until), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: web.OverTLS(r), MaxAge: int(sessionLife.Seconds()),
	})
}

// sign makes the value of a cookie: until when it holds, and the proof of that. The
// token cannot be had from it, and another token ends all sessions.
func (s *Server) sign(until time.Time) string {
	text := strconv.FormatInt(until.Unix(), 10)
	code := hmac.New(sha256.New, []byte(s.Token))
	code.Write([]byte("aether session until " + text))
	return text + "." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))
}

// session returns how long a cookie still holds.
func (s *Server) session(value string) time.Duration {
	text, _, _ := strings.Cut(value, ".")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	until := time.Unix(seconds, 0)
	if !hmac.Equal([]byte(value), []byte(s.sign(until))) {
		return 0
	}
	return time.Until(until)
}
