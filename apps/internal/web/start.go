package web

import (
	"github.com/aether-es/aether/projection"
)

// stateKind and stateText are for the badge of a read model; static/start.js has the
// same.
func stateKind(state projection.State) string {
	switch state {
	case projection.Live:
		return "good"
	case projection.Stopped:
		return "bad"
	}
	return "warn"
}

func stateText(state projection.State) string {
	switch state {
	case projection.Live:
		return "up to date"
	case projection.Stopped:
		return "stopped"
	case projection.CatchingUp:
		return "catching up"
	}
	return "starting"
}

// stage is a box of the picture on the start page.
type stage struct {
	name, what string
}

// stages are the way of an event, in order.
var stages = []stage{
	{"Command", "please move"},
	{"Actor", "decides, alone"},
	{"Log", "saved, in order"},
	{"Integration event", "for others"},
	{"Projection", "makes documents"},
	{"Read DB", "what is asked"},
	{"Screen", "told at once"},
}
