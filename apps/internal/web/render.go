package web

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/a-h/templ"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
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
	next = http.NewCrossOriginProtection().Handler(next)
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
	Wide    bool     // it takes the room there is
}

// Render answers with a page. The content is rendered before anything is sent: if
// that fails the answer is an error.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, page Page, content templ.Component) {
	var text bytes.Buffer
	if err := s.layout(page, content).Render(r.Context(), &text); err != nil {
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

// Failure is an error as it is told to a visitor.
type Failure struct {
	Status int
	Title  string
	Detail string // a sentence, "" if there is nothing that a visitor may know
	Reason string // of a refusal
	Fields map[string]string
}

// Explain returns an error as it is told. The text of errors that are no problems is
// not for visitors. A refusal for one of the reasons that mean "there is no such
// thing" is a 404.
func Explain(err error, notFound ...string) Failure {
	if _, ok := errors.AsType[huma.StatusError](err); !ok {
		err = api.Error(err, notFound...)
	}
	f := Failure{Status: http.StatusInternalServerError}
	var model *huma.ErrorModel
	if problem, ok := errors.AsType[*api.Problem](err); ok {
		model, f.Reason = &problem.ErrorModel, problem.Reason
	} else if m, ok := errors.AsType[*huma.ErrorModel](err); ok {
		model = m
	}
	if model != nil && model.Status != 0 {
		f.Status = model.Status
		if f.Status != http.StatusInternalServerError {
			f.Detail = model.Detail
		}
		for _, detail := range model.Errors {
			if f.Fields == nil {
				f.Fields = make(map[string]string)
			}
			f.Fields[detail.Location] = detail.Message
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
	s.Render(w, r, f.Status, Page{Title: f.Title, Path: r.URL.Path}, problemPage(f))
}
