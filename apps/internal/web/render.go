package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/aether-es/aether/apps/internal/api"
)

// Policy is the Content-Security-Policy of all pages.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers that everything has.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// Secure wraps everything that a server serves: responses get the headers that keep
// browsers in bounds, and what other sites make a browser send, beyond reading, is
// answered with 403.
func Secure(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.Write(w, r, api.NewProblem(http.StatusForbidden, "this came from a page of another site"))
	}))
	next = protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		next.ServeHTTP(w, r)
	})
}

// Page is what the layout needs to know of a page.
type Page struct {
	Title   string
	Path    string   // of the page or of the system that it belongs to: marked in the navigation
	Scripts []string // modules, as [Site.Asset] takes them
	Styles  []string // more styles, too
	Live    bool     // it has a connection, whose state the layout shows

	// System is the name of the system whose read model the page is made of: the layout
	// says when that is not current.
	System string
}

// Render answers with a page. The content is rendered before anything is sent: if
// that fails the answer is an error.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, page Page, content templ.Component) {
	var text bytes.Buffer
	if err := s.layout(page, s.standing(r.Context(), page.System), content).Render(r.Context(), &text); err != nil {
		s.logger.Error("web: a page cannot be rendered", "path", r.URL.Path, "error", err)
		secure(w.Header())
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the visitor is gone if that fails
}

// standing returns the status of a system, nil if there is none to be told of.
func (s *Site) standing(ctx context.Context, system string) *SystemStatus {
	if system == "" || s.options.Status == nil || IsOutside(ctx) { // it is for those who can do something about it
		return nil
	}
	status, err := s.options.Status(ctx)
	if err != nil {
		return nil // the log does not answer, and the page is there all the same
	}
	return status.of(system)
}

// Failure is an error as it is told to a visitor.
type Failure struct {
	Status int
	Title  string
	Detail string // a sentence, "" if there is nothing that a visitor may know
	Reason string // of a refusal
	Cause  error  // for the log, when it is the server that failed
}

// Explain returns an error as it is told. The text of errors that are no problems is
// not for visitors. A refusal for one of the reasons that mean "there is no such
// thing" is a 404.
func Explain(err error, notFound ...string) Failure {
	f := Failure{Status: http.StatusInternalServerError, Cause: err}
	if problem, ok := errors.AsType[*api.Problem](api.Error(err, notFound...)); ok {
		f.Status, f.Reason, f.Cause = problem.Status, problem.Reason, problem.Unwrap()
		if f.Status != http.StatusInternalServerError {
			f.Detail = Sentence(problem.Detail)
		}
	}
	switch f.Status {
	case http.StatusNotFound:
		f.Title = "Not found"
	case http.StatusConflict:
		f.Title = "Refused"
	case http.StatusPreconditionFailed:
		f.Title = "Somebody else was faster"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		f.Title = "The input is not right"
	case http.StatusServiceUnavailable:
		f.Title = "Not now"
	default:
		f.Title = "Something went wrong"
	}
	return f
}

// Problem answers with the page of an error.
func (s *Site) Problem(w http.ResponseWriter, r *http.Request, err error, notFound ...string) {
	f := Explain(err, notFound...)
	if f.Cause != nil {
		s.logger.Error("a request failed", "path", r.URL.Path, "error", f.Cause)
	}
	home, path := s.systemOf(r.URL.Path), ""
	if r.Method == http.MethodGet {
		path = r.URL.RequestURI()
	}
	page := Page{Title: f.Title, Path: cmp.Or(home.Path, r.URL.Path), System: home.Name}
	s.Render(w, r, f.Status, page, problemPage(f, home, path))
}

// systemOf returns the system that a path belongs to, an empty one if there is none.
func (s *Site) systemOf(path string) System {
	for _, system := range s.options.Systems {
		if path == system.Path || strings.HasPrefix(path, system.Path+"/") {
			return system
		}
	}
	return System{}
}

// Sentence returns what a program was told as people read it: with a capital letter and
// a full stop.
func Sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	text = string(unicode.ToUpper(first)) + text[size:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// SignIn answers a browser that comes for a page without the token, or with a wrong one,
// with a form for it, which leads to the same page with ?token=…. It says whether it did:
// what is no browser, or wants no page, is told in another way.
func (s *Site) SignIn(w http.ResponseWriter, r *http.Request) bool {
	path, query := r.URL.Path, r.URL.Query()
	if !strings.Contains(r.Header.Get("Accept"), "text/html") || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/openapi") || path == "/metrics" {
		return false
	}
	if r.Method != http.MethodGet {
		path, query = "/", nil // what was sent is not kept
	}
	wrong := query.Has("token")
	query.Del("token")
	action := (&url.URL{Path: "/" + strings.TrimLeft(path, "/")}).String() // "//elsewhere" is another host
	s.Render(w, r, http.StatusUnauthorized, Page{Title: "Sign in"}, signInPage(action, query, wrong))
	return true
}
