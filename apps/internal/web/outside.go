package web

import (
	"context"
	"net/http"
	"strings"
)

type outsideKey struct{}

// Outside marks the context of a request that came without the token of the server. Pages
// that are open to everybody then have no way to those that are not.
func Outside(ctx context.Context) context.Context {
	return context.WithValue(ctx, outsideKey{}, true)
}

// IsOutside says whether a request came without the token of the server. Where it has
// none nobody is outside.
func IsOutside(ctx context.Context) bool {
	outside, _ := ctx.Value(outsideKey{}).(bool)
	return outside
}

// homeOf is where the name of the site leads to from a page: to the start page, or, for
// those who would not be let in there, to the system that the page is of.
func (s *Site) homeOf(ctx context.Context, path string) string {
	if home := s.systemOf(path).Path; home != "" && IsOutside(ctx) {
		return home
	}
	return "/"
}

// OverTLS says whether a browser came over TLS, so that its cookies can be for TLS alone:
// to this server, or to a proxy in front of it, which says so in X-Forwarded-Proto. Who
// else says so gets a cookie that is of less use to it, and nobody else is concerned.
func OverTLS(r *http.Request) bool {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",") // the proxy that the browser came to
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(first), "https")
}

// Mux is what takes routes, and answers them.
type Mux interface {
	http.Handler
	Handle(pattern string, handler http.Handler)
	HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request))
}
