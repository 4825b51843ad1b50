package server

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/aether-es/aether/apps/internal/node"
)

// Public is what of a system needs no token, where the server has one. All else needs it:
// what is new is closed until somebody puts it here.
type Public struct {
	Routes []string // as the mux has their patterns: "GET /tickets/{pool}"
	Topics []string // kinds of live topics
}

// Open lets everybody use some routes and follow some topics. The answers know whom they
// are for: see [web.Outside].
func (s *Server) Open(p Public) {
	for _, route := range p.Routes {
		s.public.routes[route] = true
	}
	for _, kind := range p.Topics {
		s.public.topics[kind] = true
	}
}

// public is what has been opened.
type public struct {
	routes map[string]bool
	topics map[string]bool
}

// checkPublic fails where something is open that there is not: with a name that is not
// right what was meant would stay closed. Nodes that do not do everything lack some of it.
func (s *Server) checkPublic() error {
	if !s.Roles.Has(node.Query) || !s.Roles.Has(node.Web) {
		return nil
	}
	for route := range s.public.routes {
		if !slices.Contains(s.Mux.routes, route) {
			return fmt.Errorf("the route %q is to be open to everybody, and is not there", route)
		}
	}
	for kind := range s.public.topics {
		if s.topics[kind] == nil {
			return fmt.Errorf("the live topics %q are to be open to everybody, and are not there", kind)
		}
	}
	return nil
}

// Mux is an [http.ServeMux] that knows its routes.
type Mux struct {
	http.ServeMux
	routes []string
}

// Handle adds a route.
func (m *Mux) Handle(pattern string, handler http.Handler) {
	m.ServeMux.Handle(pattern, handler)
	m.routes = append(m.routes, pattern)
}

// HandleFunc adds a route.
func (m *Mux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(handler))
}
