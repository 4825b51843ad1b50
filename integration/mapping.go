package integration

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/aether-es/aether"
)

// Mapping makes integration events of the domain events of one system.
type Mapping struct {
	// System names who speaks: "rover".
	System string

	// Version is raised when Map, or Kinds or Types, make other events, or other
	// numbers of events, of what is in the log already.
	Version int

	// Kinds and Types are the domain events that Map is asked about; all when empty.
	Kinds []string
	Types []string

	// Map returns the integration events of a domain event, which need Type and Data
	// only. It is pure: the same event has the same answer, today and in years. An
	// error means that the log has something which the program does not understand;
	// it stops the relay, since to go on would be to leave a hole.
	Map func(event aether.Event) ([]Event, error)
}

// Stream returns the name of the mapping's sequence in a namespace.
func (m *Mapping) Stream(namespace string) Stream {
	return Stream{Namespace: namespace, System: m.System, Version: m.Version}
}

// MapError says which event could not be mapped.
type MapError struct {
	System   string
	Position aether.Position
	ActorID  string
	Version  aether.Version
	Type     string
	Err      error
}

func (e *MapError) Error() string {
	return fmt.Sprintf("integration: %s cannot map %s at position %d (%s, version %d): %v", e.System, e.Type, e.Position, e.ActorID, e.Version, e.Err)
}

// Unwrap returns the cause.
func (e *MapError) Unwrap() error { return e.Err }

// Read yields the integration events of a namespace's log behind a cursor, in order,
// up to the end of the log.
func (m *Mapping) Read(ctx context.Context, log aether.Log, namespace string, after Cursor) iter.Seq2[Event, error] {
	return m.events(log.ReadLog(ctx, after.Position, m.options()), namespace, after)
}

// Follow is Read that goes on, as [aether.Log.FollowLog] does.
func (m *Mapping) Follow(ctx context.Context, log aether.Log, namespace string, after Cursor) iter.Seq2[Event, error] {
	return m.events(log.FollowLog(ctx, after.Position, m.options()), namespace, after)
}

func (m *Mapping) options() *aether.LogOptions {
	return &aether.LogOptions{Kinds: m.Kinds, Types: m.Types}
}

func (m *Mapping) events(log iter.Seq2[aether.Event, error], namespace string, after Cursor) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		sequence := after.Sequence
		for domain, err := range log {
			if err != nil {
				yield(Event{}, err)
				return
			}
			events, err := m.mapOne(domain)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for i := range events {
				e := &events[i]
				sequence++
				e.ID = domain.ActorID + "@" + strconv.FormatUint(uint64(domain.Version), 10) + "." + strconv.Itoa(i)
				e.Stream, e.Sequence, e.Position, e.Last = m.Stream(namespace), sequence, domain.Position, i == len(events)-1
				e.Subject = cmp.Or(e.Subject, domain.ActorID)
				e.Time, e.Metadata = domain.Time, domain.Metadata
				e.Metadata.CausationID = domain.ID
				if !yield(*e, nil) {
					return
				}
			}
		}
	}
}

// mapOne maps one event.
func (m *Mapping) mapOne(domain aether.Event) (events []Event, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the mapping panicked: %v", value)
		}
		if err != nil {
			err = &MapError{System: m.System, Position: domain.Position, ActorID: domain.ActorID, Version: domain.Version, Type: domain.Type, Err: err}
		}
	}()
	return m.Map(domain)
}
