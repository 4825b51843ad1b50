package actor

import (
	"runtime/debug"

	"github.com/aether-es/aether"
)

// What the decider brings is called through these functions, so that a panic is an
// error of one command and not the end of the process. (One that ends its goroutine is
// seen to by work.)

// caught turns a panic of a function of the decider into an error.
func caught(actorID, function string, err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{ActorID: actorID, Func: function, Value: value, Stack: debug.Stack()}
	}
}

func (h *Host[S, C, E]) encode(actorID string, value E) (e aether.Event, err error) {
	defer caught(actorID, "Encode", &err)
	return h.decider.Events.Encode(value)
}

// decode decodes an event of the store.
func (h *Host[S, C, E]) decode(e aether.Event) (value E, err error) {
	defer caught(e.ActorID, "Decode", &err)
	if value, err = h.decider.Events.Decode(e); err != nil {
		err = loadError(e.ActorID, err)
	}
	return value, err
}

func (h *Host[S, C, E]) callDecide(c *cell[S, C, E], command C) (events []E, err error) {
	defer caught(c.id, "Decide", &err)
	return h.decider.Decide(c.state, command)
}

func (h *Host[S, C, E]) callConflicts(actorID string, command C, theirs []E) (conflicts bool, err error) {
	defer caught(actorID, "Conflicts", &err)
	return h.decider.Conflicts(command, theirs), nil
}

func (h *Host[S, C, E]) callInitial(actorID string) (state S, err error) {
	defer caught(actorID, "Initial", &err)
	return h.decider.Initial(actorID), nil
}

func callEvolve[S, C, E any](d *Decider[S, C, E], c *cell[S, C, E], events []E) (err error) {
	defer caught(c.id, "Evolve", &err)
	for _, e := range events {
		c.state = d.Evolve(c.state, e)
	}
	return nil
}

func (h *Host[S, C, E]) look(c *cell[S, C, E], r *request[S, C, E]) (err error) {
	defer caught(c.id, "the look of View", &err)
	r.look(c.state, c.version)
	return nil
}
