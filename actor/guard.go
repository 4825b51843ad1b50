package actor

import (
	"runtime/debug"

	"github.com/aether-es/aether"
)

// What the decider brings is called through these functions, so that a panic is an
// error of one command and not the end of the process.

// caught turns a panic of the decider into an error.
func caught(actorID string, err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{ActorID: actorID, Value: value, Stack: debug.Stack()}
	}
}

func (h *Host[S, C, E]) encode(actorID string, value E) (e aether.Event, err error) {
	defer caught(actorID, &err)
	return h.decider.Events.Encode(value)
}

// decode decodes an event of the store.
func (h *Host[S, C, E]) decode(e aether.Event) (value E, err error) {
	defer caught(e.ActorID, &err)
	if value, err = h.decider.Events.Decode(e); err != nil {
		err = loadError(e.ActorID, err)
	}
	return value, err
}

func (h *Host[S, C, E]) callDecide(c *cell[S, C, E], command C) (events []E, err error) {
	defer caught(c.id, &err)
	return h.decider.Decide(c.state, command)
}

func callEvolve[S, C, E any](d *Decider[S, C, E], c *cell[S, C, E], events []E) (err error) {
	defer caught(c.id, &err)
	for _, e := range events {
		c.state = d.Evolve(c.state, e)
	}
	return nil
}

func (h *Host[S, C, E]) look(c *cell[S, C, E], r *request[S, C, E]) (err error) {
	defer caught(c.id, &err)
	r.look(c.state, c.version)
	return nil
}
