package node

import (
	"fmt"
	"slices"
	"strings"
)

// Role is something that a node does, or leaves to others.
type Role string

// The roles. A node without [Web] and [Query] answers /healthz and the like all the same.
const (
	Command Role = "command" // decides commands, wherever they come from
	Query   Role = "query"   // keeps a read DB; answers queries, and live updates
	Relay   Role = "relay"   // publishes integration events, one node at a time; see [Parts.RelayRole]
	Effects Role = "effects" // makes calls to the outside, and fires deadlines
	Web     Role = "web"     // takes commands over HTTP; serves the pages, where it has Query
)

// Roles are those of a node, each once.
type Roles []Role

// AllRoles returns all of them.
func AllRoles() Roles { return Roles{Command, Query, Relay, Effects, Web} }

// ParseRoles reads roles that are separated by commas.
func ParseRoles(text string) (Roles, error) {
	var roles Roles
	for name := range strings.SplitSeq(text, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(AllRoles(), role) {
			return nil, fmt.Errorf("%q is no role; there are %s", role, AllRoles())
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// Has says whether a role is among them.
func (r Roles) Has(role Role) bool { return slices.Contains(r, role) }

// String returns them as ParseRoles reads them.
func (r Roles) String() string {
	names := make([]string, 0, len(r))
	for _, role := range r {
		names = append(names, string(role))
	}
	return strings.Join(names, ",")
}
