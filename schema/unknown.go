package schema

import (
	"reflect"

	"github.com/aether-es/aether"
)

// Unknown is an event of a type that is not registered, as it was passed to
// [Registry.Decode]; the two share Data.
type Unknown struct {
	Event aether.Event
}

// unknown makes Encode find the event in types that embed Unknown, too.
func (u Unknown) unknown() aether.Event { return u.Event }

// Others is the entry that lets a registry with a closed E decode types it does
// not know. T embeds [Unknown] and nothing else, and implements E:
//
//	// Other is what happened that this program does not know of.
//	type Other struct{ schema.Unknown }
//
//	func (Other) rover() {}
func Others[T ~struct{ Unknown }]() Entry {
	return Entry{
		goType: reflect.TypeFor[T](),
		other:  func(u Unknown) any { return T(struct{ Unknown }{u}) },
	}
}
