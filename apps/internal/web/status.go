package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
)

// Status is how things stand, the answer to GET /api/status.
type Status struct {
	Namespace string          `json:"namespace" doc:"Whose events these are; nothing crosses it."`
	Position  aether.Position `json:"position" doc:"Of the newest event in the log."`
	Systems   []SystemStatus  `json:"systems" doc:"How far their read models are."`
	Live      LiveStatus      `json:"live" doc:"About the pages and programs that are told of every change."`
}

// SystemStatus is how far the read model of a system has come.
type SystemStatus struct {
	Name       string            `json:"name" doc:"Of the system."`
	Projection projection.Status `json:"projection"`

	// Relay is what tells the projection, nil where it is not known.
	Relay *integration.RelayStatus `json:"relay,omitempty" doc:"What tells the projection of events."`
}

// LiveStatus is about the WebSockets.
type LiveStatus struct {
	Clients int `json:"clients" doc:"How many are connected."`
}

// of returns the status of a system.
func (s *Status) of(system string) *SystemStatus {
	if s != nil {
		for i := range s.Systems {
			if s.Systems[i].Name == system {
				return &s.Systems[i]
			}
		}
	}
	return nil
}

// stopped returns the copy of the documents that has stopped, nil if none has: the one
// that queries are answered from before the one that is built.
func (s *SystemStatus) stopped() *projection.FollowerStatus {
	switch p := &s.Projection; {
	case p.State == projection.Stopped:
		return &p.FollowerStatus
	case p.Building != nil && p.Building.State == projection.Stopped:
		return &p.Building.FollowerStatus
	}
	return nil
}

// waiting says that the relay tells nothing at the moment.
func (s *SystemStatus) waiting() bool {
	return s.Relay != nil && (s.Relay.State == integration.RelayStopped || s.Relay.State == integration.RelayRetrying)
}

// standing is what people are told of a read model. What they see is current in the
// first two cases.
type standing int

const (
	current standing = iota
	currentButStopped
	beingMade // for the first time, or because it was lost
	outdated  // and made anew beside what is shown
	catchingUp
	halted  // the relay
	stopped // the projection
)

func (s *SystemStatus) standing() standing {
	switch p := &s.Projection; {
	case p.State == projection.Stopped:
		return stopped
	case !p.Ready:
		return beingMade
	case s.waiting():
		return halted
	case p.State == projection.Outdated:
		return outdated
	case p.State == projection.CatchingUp:
		return catchingUp
	case s.stopped() != nil:
		return currentButStopped
	}
	return current
}

// key changes when there is something else to be told; static/status.js has the same.
func (s *SystemStatus) key() string {
	parts := []string{string(s.Projection.State), strconv.FormatBool(s.Projection.Ready), "", "", ""}
	if b := s.Projection.Building; b != nil {
		parts[2] = string(b.State)
	}
	if f := s.stopped(); f != nil && f.At != nil {
		parts[3] = fmt.Sprint(f.At.Sequence)
	}
	if s.waiting() {
		parts[4] = string(s.Relay.State)
	}
	return strings.Join(parts, "/")
}

// badge is the kind and the text of the badge of a read model.
func (s *SystemStatus) badge() (kind, text string) {
	switch s.standing() {
	case stopped:
		return "bad", "Stopped"
	case halted:
		return "bad", "Not told of events"
	case beingMade:
		return "warn", "Being made"
	case outdated:
		return "warn", "Being made anew"
	case catchingUp:
		return "warn", "Catching up"
	}
	return "good", "Up to date"
}

// eventName is the type of an event and what it happened to: "RoverLanded of grid/mars".
func eventName(e *integration.Event) string {
	if e == nil {
		return ""
	}
	return e.Type[strings.LastIndexByte(e.Type, '.')+1:] + " of " + e.Subject
}

// figure groups the digits of a number: 1 234 567.
func figure[N ~uint64 | ~int](n N) string {
	text := strconv.FormatUint(uint64(max(n, 0)), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}
