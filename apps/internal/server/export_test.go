package server

import (
	"maps"
	"net"
	"net/http"
	"slices"
)

// Routes returns the patterns of all routes, and which of them are open to everybody.
func (s *Server) Routes() (all, public []string) {
	return slices.Sorted(slices.Values(s.Mux.routes)), slices.Sorted(maps.Keys(s.public.routes))
}

// Topics returns the kinds of all live topics, and which of them are open to everybody.
func (s *Server) Topics() (all, public []string) {
	return slices.Sorted(maps.Keys(s.topics)), slices.Sorted(maps.Keys(s.public.topics))
}

// Handler is what the server answers with.
func (s *Server) Handler() http.Handler { return s.handler(&net.TCPAddr{IP: net.IPv4zero}) }
