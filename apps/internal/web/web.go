// Package web is the shell of the pages: layout, styles, components, the small
// modules of JavaScript that all systems use, the start page and the page that
// describes the API.
//
// A [Site] knows the systems that run. A system renders its pages with it:
//
//	site.Render(w, r, http.StatusOK, web.Page{Title: "Grids", Path: "/rover"}, content)
//	site.Problem(w, r, err)
//
// Pages keep to [Policy]: there is no script and no style in the markup.
package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
)

// System is a system that has pages.
type System struct {
	Name  string // "rover", as in its URLs and in [Status]
	Title string // "Rovers"
	Path  string // "/rover", its first page
	Home  string // what that page is called in links: "All grids"; the title by default
	About string // a sentence or two

	// Steps are what somebody who sees the system for the first time may try.
	Steps []string

	// Static are its files, served below the static files of the site, in a folder of
	// the system's name; nil if it has none.
	Static fs.FS
}

// Site is what all pages share. It is safe for concurrent use.
type Site struct {
	options Options
	files   files
	logger  *slog.Logger
}

// Options are the parts of a site. All may be missing.
type Options struct {
	Systems []System

	// Status returns the figures of the start page.
	Status func(ctx context.Context) (Status, error)

	// OpenAPI returns the description of the API.
	OpenAPI func() *huma.OpenAPI

	// Logger gets what visitors are not told. [slog.Default] by default.
	Logger *slog.Logger
}

// New returns a site. It fails if static files cannot be read.
func New(options *Options) (*Site, error) {
	s := &Site{}
	if options != nil {
		s.options = *options
	}
	s.logger = s.options.Logger
	if s.logger == nil {
		s.logger = slog.Default()
	}
	files, err := readFiles(s.options.Systems)
	if err != nil {
		return nil, err
	}
	s.files = files
	return s, nil
}

// Register adds the start page, the page of the API, the static files and the page
// for everything that is not there. The last is for "GET /", so what others add to the
// mux has a method, too: "GET /live".
func (s *Site) Register(mux Mux) {
	mux.HandleFunc("GET /{$}", s.start)
	mux.HandleFunc("POST /{$}", s.steer(mux))
	mux.HandleFunc("GET /api", s.api)
	mux.HandleFunc("GET /static/{hash}/{path...}", s.static)
	mux.HandleFunc("GET /", s.notFound)
}

func (s *Site) api(w http.ResponseWriter, r *http.Request) {
	if s.options.OpenAPI == nil {
		s.notFound(w, r)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	page := Page{Title: "API", Path: "/api", Styles: []string{"api.css"}}
	s.Render(w, r, http.StatusOK, page, apiPage(describe(s.options.OpenAPI(), scheme+"://"+r.Host, s.options.Systems)))
}

func (s *Site) notFound(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/") { // asked by a program
		api.Write(w, r, api.NewProblem(http.StatusNotFound, "there is nothing at this path"))
		return
	}
	s.Problem(w, r, api.NewProblem(http.StatusNotFound, "There is no page at "+r.URL.Path+"."))
}
