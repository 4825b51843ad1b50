// Package schema turns the typed events of a domain into the JSON that a store
// keeps, and back. The domain lists its events in a [Registry], which is a value:
// there is nothing global.
//
//	// Event is what can happen to a rover.
//	type Event interface{ rover() }
//
//	type Landed struct{ X, Y int }
//	type Moved struct{ X, Y int }
//
//	func (Landed) rover() {}
//	func (Moved) rover()  {}
//
//	func Events() *schema.Registry[Event] {
//		return schema.New[Event](
//			schema.Type[Landed]("RoverLanded"),
//			schema.Type[Moved]("RoverMoved", movedFrom1),
//		)
//	}
//
// Decode returns an Event, so that what decides and evolves needs a switch over
// the types and no casts. A domain that does not want an interface of its own
// uses any.
//
// # When the form of an event changes
//
// A new optional field needs nothing: see [Registry.Decode]. For anything else
// (a field that is renamed, split, required) the type gets an [Upcaster] that
// turns data of the former schema into the new one. The schema of a type is one
// more than it has upcasters, so a chain has no gaps and nobody counts. Upcasters
// are added at the end and never changed or removed, since the events that need
// them never change either. Package schematest pins all of this with files.
//
// A type's name and its meaning stay for ever. Something that means another thing
// is another type; the former stays registered as long as a store has events of
// it. The name of the Go type is free.
//
// # Events that are not registered
//
// A newer program may have written types that this one does not know. Where E is
// any, or another interface that [Unknown] implements, they are decoded as
// Unknown, which keeps them as they are; to encode one gives back the same bytes.
// Where E is closed, as above, there is no E for them, and Decode fails with
// [ErrUnknownType]: a decision is not to be made upon a history that one cannot
// read. Who wants to pass over them in a closed E says so with [Others].
package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/aether-es/aether"
)

// Registry knows the types of events of one domain. E is what they have in
// common: an interface that each of them implements, or any. It is made by [New],
// does not change and is safe for concurrent use.
type Registry[E any] struct {
	byName map[string]*Entry
	byType map[reflect.Type]*Entry

	// other wraps an event of an unknown type; nil where E has no place for it.
	other func(Unknown) E
}

// Entry is a line of a registry, made by [Type] or [Others].
type Entry struct {
	name      string
	goType    reflect.Type
	upcasters []Upcaster
	decode    func(data []byte) (any, error)
	other     func(Unknown) any
}

// schema is the current one.
func (e *Entry) schema() int { return len(e.upcasters) + 1 }

// Type is the entry of the events that are the Go type T and are saved under the
// name. The first upcaster turns data of schema 1 into schema 2, the second that
// into schema 3, and so on; the last one's result is what T is decoded from.
//
// T is no pointer: events are values, so that nobody changes what happened.
func Type[T any](name string, upcasters ...Upcaster) Entry {
	return Entry{
		name:      name,
		goType:    reflect.TypeFor[T](),
		upcasters: slices.Clone(upcasters),
		decode: func(data []byte) (any, error) {
			var value T
			err := json.Unmarshal(data, &value)
			return value, err
		},
	}
}

// New makes a registry.
//
// It panics when the entries are wrong: a name or a Go type that is there twice, a
// name that a store would refuse, a T that is not an E, is a pointer or an
// interface, a nil upcaster. Entries are written in the source and cannot be
// right on one run and wrong on the next, so there is nothing that a caller could
// do about an error; every test of the domain finds the mistake.
func New[E any](entries ...Entry) *Registry[E] {
	r := &Registry[E]{byName: make(map[string]*Entry), byType: make(map[reflect.Type]*Entry)}
	if _, ok := any(Unknown{}).(E); ok {
		r.other = func(u Unknown) E { return any(u).(E) }
	}
	others := ""
	for _, entry := range entries {
		if err := r.check(&entry); err != nil {
			panic(fmt.Sprintf("schema: New[%v]: %v", reflect.TypeFor[E](), err))
		}
		if entry.other != nil {
			if others != "" {
				panic(fmt.Sprintf("schema: New[%v]: Others is there twice, for %s and %v", reflect.TypeFor[E](), others, entry.goType))
			}
			others = entry.goType.String()
			r.other = func(u Unknown) E { return entry.other(u).(E) }
			continue
		}
		r.byName[entry.name] = &entry
		r.byType[entry.goType] = &entry
	}
	return r
}

// check says what is wrong with an entry.
func (r *Registry[E]) check(entry *Entry) error {
	t, e := entry.goType, reflect.TypeFor[E]()
	switch {
	case t == nil:
		return fmt.Errorf("an Entry is empty; Type and Others make them")
	case t.Kind() == reflect.Pointer:
		return fmt.Errorf("%q is registered for %v; events are values, so register %v", entry.name, t, t.Elem())
	case t.Kind() == reflect.Interface:
		return fmt.Errorf("%q is registered for %v, which is an interface; register the types that implement it", entry.name, t)
	case e.Kind() == reflect.Interface && !t.Implements(e):
		return fmt.Errorf("%v does not implement %v", t, e)
	case e.Kind() != reflect.Interface && t != e:
		return fmt.Errorf("%v is not %v", t, e)
	case entry.other != nil:
		return nil
	case r.byName[entry.name] != nil:
		return fmt.Errorf("%q is registered twice, for %v and %v", entry.name, r.byName[entry.name].goType, t)
	case r.byType[t] != nil:
		return fmt.Errorf("%v is registered twice, as %q and %q", t, r.byType[t].name, entry.name)
	case slices.ContainsFunc(entry.upcasters, func(u Upcaster) bool { return u == nil }):
		return fmt.Errorf("%q has a nil upcaster", entry.name)
	}
	err := aether.CheckEvents([]aether.Event{{ActorID: "kind/key", Version: 1, Type: entry.name, Data: json.RawMessage("0")}})
	if err != nil {
		return fmt.Errorf("%v cannot be registered as %q: %w", t, entry.name, err)
	}
	return nil
}

// Types returns the names of the registered types ordered by their bytes, as
// [aether.LogOptions] takes them.
func (r *Registry[E]) Types() []string { return slices.Sorted(maps.Keys(r.byName)) }

// Schema returns the current schema of a type, 0 when it is not registered.
func (r *Registry[E]) Schema(typeName string) int {
	if entry := r.byName[typeName]; entry != nil {
		return entry.schema()
	}
	return 0
}

// Encode returns an event whose Type, Schema and Data say what value says; the
// rest of it is the caller's. Those of an [Unknown] are the ones it came with.
// The data is as encoding/json makes it, in which text that is not UTF-8 does not
// survive.
//
// It fails with [ErrUnknownType] when the Go type of value is not registered, and
// when encoding/json cannot encode it.
func (r *Registry[E]) Encode(value E) (aether.Event, error) {
	entry := r.byType[reflect.TypeOf(value)]
	if entry == nil {
		if other, ok := any(value).(interface{ unknown() aether.Event }); ok {
			event := other.unknown()
			return aether.Event{Type: event.Type, Schema: event.Schema, Data: event.Data}, nil
		}
		return aether.Event{}, fmt.Errorf("%w: the Go type %T is not registered", ErrUnknownType, value)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return aether.Event{}, fmt.Errorf("schema: encode %q: %w", entry.name, err)
	}
	return aether.Event{Type: entry.name, Schema: entry.schema(), Data: data}, nil
}

// Decode returns the event as a value of the Go type that is registered for its
// Type, brought to the current schema by the upcasters. Schema 0 is 1, as for a
// store.
//
// Fields of the data that the Go type lacks are ignored, and fields that the data
// lacks keep their zero values. So a newer program may add an optional field
// without a new schema, and this one goes on reading. A field that this program
// does not know is lost, though, when a decoded value is encoded again: what
// passes events on without a change passes the [aether.Event] on, not the value.
//
// An event of a type that is not registered is an [Unknown], or fails with
// [ErrUnknownType]; the package documentation says when. Other errors are
// [ErrNewerSchema] and [ErrBadData]. All of them are a [DecodeError].
func (r *Registry[E]) Decode(event aether.Event) (E, error) {
	var none E
	entry := r.byName[event.Type]
	if entry == nil {
		if r.other == nil {
			return none, r.fail(&event, ErrUnknownType, nil)
		}
		return r.other(Unknown{Event: event}), nil
	}
	data := event.Data
	if from := cmp.Or(event.Schema, 1); from != entry.schema() {
		switch {
		case from > entry.schema():
			return none, r.fail(&event, ErrNewerSchema, nil)
		case from < 1:
			return none, r.fail(&event, ErrBadData, errors.New("schemas start at 1"))
		}
		for i, upcast := range entry.upcasters[from-1:] {
			var err error
			if data, err = upcast(data); err != nil {
				return none, r.fail(&event, ErrBadData, fmt.Errorf("upcast schema %d to %d: %w", from+i, from+i+1, err))
			}
		}
	}
	value, err := entry.decode(data)
	if err != nil {
		return none, r.fail(&event, ErrBadData, err)
	}
	return value.(E), nil
}

// Newest returns the data of an event in its type's newest schema. That of an event which
// has it is returned as it is.
func (r *Registry[E]) Newest(event aether.Event) (json.RawMessage, error) {
	if event.Schema == r.Schema(event.Type) {
		return event.Data, nil
	}
	value, err := r.Decode(event)
	if err != nil {
		return nil, err
	}
	encoded, err := r.Encode(value)
	return encoded.Data, err
}
