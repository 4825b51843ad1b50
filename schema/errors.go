package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
)

// The classes of errors, for errors.Is. The facts are in [DecodeError], for
// errors.As.
var (
	// ErrUnknownType: the registry has no such type.
	ErrUnknownType = errors.New("schema: unknown type")

	// ErrNewerSchema: the event has a newer schema than the registry knows, so a
	// newer program wrote it. A newer program reads it, too.
	ErrNewerSchema = errors.New("schema: newer schema")

	// ErrBadData: the data does not fit its type and schema.
	ErrBadData = errors.New("schema: bad data")
)

// DecodeError says which event cannot be decoded, and why. It is one of the
// classes above.
type DecodeError struct {
	Class error

	// The event's.
	ActorID string
	Version aether.Version
	Type    string
	Schema  int

	// Known is the registry's schema of the type, 0 when it does not know the type.
	Known int

	// Field is the path of the bad field in the data, "position.x"; empty when
	// the error is not about one.
	Field string

	// Err is the cause; nil when the class says it all.
	Err error
}

func (e *DecodeError) Error() string {
	problem := ""
	switch {
	case e.Class == ErrUnknownType:
		problem = fmt.Sprintf("unknown type %q", e.Type)
	case e.Class == ErrNewerSchema:
		problem = fmt.Sprintf("%q has schema %d, written by a newer program; this one knows it up to %d", e.Type, e.Schema, e.Known)
	case e.Field != "":
		problem = fmt.Sprintf("bad data of %q, schema %d, field %q: %v", e.Type, e.Schema, e.Field, e.Err)
	default:
		problem = fmt.Sprintf("bad data of %q, schema %d: %v", e.Type, e.Schema, e.Err)
	}
	return fmt.Sprintf("schema: decode event %d of actor %q: %s", e.Version, e.ActorID, problem)
}

// Is makes the error one of its class.
func (e *DecodeError) Is(target error) bool { return target == e.Class }

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

func (r *Registry[E]) fail(event *aether.Event, class, cause error) error {
	err := &DecodeError{
		Class:   class,
		ActorID: event.ActorID,
		Version: event.Version,
		Type:    event.Type,
		Schema:  cmp.Or(event.Schema, 1),
		Known:   r.Schema(event.Type),
		Err:     cause,
	}
	if field, ok := errors.AsType[*json.UnmarshalTypeError](cause); ok {
		err.Field = field.Field
	}
	return err
}
