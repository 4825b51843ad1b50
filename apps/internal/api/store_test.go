package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// What the event store cannot do has a type of its own and says what to do; what it
// knows of its disk is for the log.
func TestStoreProblems(t *testing.T) {
	unknown := &schema.DecodeError{Class: schema.ErrUnknownType, ActorID: "grid/mars", Version: 13, Type: "RoverSang", Schema: 1}
	for name, test := range map[string]struct {
		err      error
		status   int
		kind     string
		want     string
		internal bool
	}{
		"a full disk":     {fmt.Errorf("/srv/secret is full: %w", aether.ErrNotSaved), http.StatusServiceUnavailable, "urn:aether:not-saved", "Nothing was saved", true},
		"an unknown type": {fmt.Errorf("actor: load: %w", unknown), http.StatusInternalServerError, "urn:aether:unreadable-history", `Event 13 of grid/mars, of the type "RoverSang", cannot be read: this program does not know the type. Run`, true},
		"a conflict":      {&aether.ConflictError{ActorID: "grid/mars", Tried: 3, Latest: 4}, http.StatusPreconditionFailed, "urn:aether:version-conflict", "somebody else was faster", false},
		"a version beyond the latest": {&aether.ConflictError{ActorID: "grid/mars", Tried: 30, Latest: 4}, http.StatusPreconditionFailed,
			"urn:aether:version-conflict", "beyond the latest", false},
	} {
		var p *Problem
		if !errors.As(Error(test.err), &p) || p.Status != test.status || p.Type != test.kind || !strings.Contains(p.Title+": "+p.Detail, test.want) {
			t.Errorf("%s: %+v", name, p)
		}
		if test.internal && (!errors.Is(p, test.err) || strings.Contains(p.Detail, "secret")) {
			t.Errorf("%s: the log gets %v, the client %q", name, p.Unwrap(), p.Detail)
		}
	}
}
