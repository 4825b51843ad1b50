package actor

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// Decider is the behaviour of all actors of one kind: S is their state, C what
// they are told to do, E what happens to them. Its functions are pure: they look
// at nothing but their arguments, no clock either, and may run any number of
// times for one command.
type Decider[S, C, E any] struct {
	// Kind is the part of the actors' IDs before the slash: "account". "effect" and what
	// begins with "aether." are kept for Aether itself.
	Kind string

	// Events turns events to and from JSON.
	Events *schema.Registry[E]

	// Initial returns the state of an actor that has no events yet.
	Initial func(actorID string) S

	// Decide says what happens because of a command: some events, none when there
	// is nothing to do, or an error when the command is refused, best an
	// [aether.Refusal]. It does not change the state.
	Decide func(state S, command C) ([]E, error)

	// Evolve returns the state after an event. It may change the one it is given,
	// and return that: the host does not use it any more.
	Evolve func(state S, event E) S

	// Conflicts says whether a command, whose caller has seen an older version,
	// must fail because of the events that came since. Without it any event is a
	// conflict. See [DoOptions.At].
	Conflicts func(command C, theirs []E) bool

	// Snapshots says how states are kept, so that loading a long actor does not
	// read all of its events. Without it none are made.
	Snapshots *Snapshots[S]
}

// Snapshots is the form in which states are kept.
type Snapshots[S any] struct {
	// Schema is the version of the form. It is raised with every change of S, of
	// Encode or of what Evolve makes of an event: snapshots of another schema are
	// not used.
	Schema int

	// Encode must not keep the state, which changes afterwards.
	Encode func(state S) ([]byte, error)
	Decode func(data []byte) (S, error)
}

// JSONSnapshots keeps states as JSON. Everything in S that matters must be in its
// JSON; fields that are not exported are lost.
func JSONSnapshots[S any](schema int) *Snapshots[S] {
	return &Snapshots[S]{
		Schema: schema,
		Encode: func(state S) ([]byte, error) { return json.Marshal(state) },
		Decode: func(data []byte) (S, error) {
			var state S
			err := json.Unmarshal(data, &state)
			return state, err
		},
	}
}

// check panics when the decider is not complete, which every test of it finds.
func (d *Decider[S, C, E]) check() {
	if d.Kind == "" || strings.Contains(d.Kind, "/") || aether.CheckActorID(d.Kind+"/x") != nil {
		panic(fmt.Sprintf("actor: %q is no kind of actors: it is the part of an ID before the slash", d.Kind))
	}
	if d.Kind == "effect" || strings.HasPrefix(d.Kind, "aether.") {
		panic(fmt.Sprintf("actor: the kind %q is kept for Aether itself", d.Kind))
	}
	if d.Events == nil || d.Initial == nil || d.Decide == nil || d.Evolve == nil {
		panic("actor: the decider of " + d.Kind + " lacks one of Events, Initial, Decide and Evolve")
	}
	if s := d.Snapshots; s != nil && (s.Encode == nil || s.Decode == nil) {
		panic("actor: the snapshots of " + d.Kind + " lack Encode or Decode")
	}
}

// CheckID returns an [aether.InvalidError] when an ID is not one of an actor of
// this kind.
func (d *Decider[S, C, E]) CheckID(actorID string) error {
	if err := aether.CheckActorID(actorID); err != nil {
		return err
	}
	if aether.Kind(actorID) != d.Kind {
		return &aether.InvalidError{Index: -1, Field: "actorId", Reason: fmt.Sprintf("%q is not of the kind %q", actorID, d.Kind)}
	}
	return nil
}

// MaxCommandID is how many bytes a command's ID may have: four less than an
// event's, for the number behind it.
const MaxCommandID = aether.MaxNameLength - 4

// EventID returns the ID of the event at an index, from 0, among those of a command.
func EventID(commandID string, index int) string {
	return commandID + "/" + strconv.Itoa(index)
}
