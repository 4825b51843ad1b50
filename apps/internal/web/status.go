package web

import (
	"strconv"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/projection"
)

// Status is how things stand, the answer to GET /api/status.
type Status struct {
	Namespace string          `json:"namespace"`
	Position  aether.Position `json:"position"` // of the newest event in the log
	Systems   []SystemStatus  `json:"systems"`
	Live      LiveStatus      `json:"live"`
}

// SystemStatus is how far the read model of a system has come.
type SystemStatus struct {
	Name       string            `json:"name"`
	Projection projection.Status `json:"projection"`
}

// LiveStatus is about the WebSockets.
type LiveStatus struct {
	Clients int `json:"clients"`
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

// figure groups the digits of a number: 1 234 567.
func figure[N ~uint64 | ~int](n N) string {
	text := strconv.FormatUint(uint64(max(n, 0)), 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}
