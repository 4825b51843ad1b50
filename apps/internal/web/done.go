package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/aether-es/aether"
)

// After is the position that a page is to know of, which the one before it has led to.
func After(r *http.Request) aether.Position {
	n, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 63) // what is not a position is passed over
	return aether.Position(n)
}

// Done sends the visitor to a page that knows what a command has led to, and is told in its
// query what was done.
func Done(w http.ResponseWriter, r *http.Request, path string, position aether.Position, done string) {
	query := url.Values{"after": {strconv.FormatUint(uint64(position), 10)}, "done": {done}}
	http.Redirect(w, r, path+"?"+query.Encode(), http.StatusSeeOther)
}
