package schema

import "encoding/json"

// Upcaster turns data of one schema into the next. It does not modify old, which
// may be shared, and its answer depends on nothing but old, for the event is
// decoded again and again. An error makes every event like it unreadable, and
// with it the actor, since events cannot be mended: better is an answer for
// everything that a program has ever saved.
type Upcaster func(old json.RawMessage) (json.RawMessage, error)

// Upcast is an upcaster between two Go types. It costs more than one that works
// on the JSON itself: decoding Old and encoding New. Only the fields that are in
// both types survive.
func Upcast[Old, New any](convert func(Old) New) Upcaster {
	return func(data json.RawMessage) (json.RawMessage, error) {
		var old Old
		if err := json.Unmarshal(data, &old); err != nil {
			return nil, err
		}
		return json.Marshal(convert(old))
	}
}
