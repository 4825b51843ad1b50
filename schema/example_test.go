package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// Event is what can happen to a rover. The method closes the list: only types of
// this package can be events of a rover.
type Event interface{ rover() }

type (
	// Landed begins the life of a rover.
	Landed struct {
		X      int    `json:"x"`
		Y      int    `json:"y"`
		Facing string `json:"facing"`
	}

	// Moved is a step.
	Moved struct {
		To Place `json:"to"`
	}

	Place struct {
		X int `json:"x"`
		Y int `json:"y"`
	}
)

func (Landed) rover() {}
func (Moved) rover()  {}

// Events is the registry of the rover's events.
func Events() *schema.Registry[Event] {
	return schema.New[Event](
		schema.Type[Landed]("RoverLanded", landedFrom1, schema.Upcast(landedFrom2)),
		schema.Type[Moved]("RoverMoved", schema.Upcast(movedFrom1)),
	)
}

// landed2 is schema 2 of Landed.
type landed2 struct {
	X       int    `json:"x"`
	Y       int    `json:"y"`
	Heading string `json:"heading"`
}

// Schema 1 did not say where the rover looked, and all of them looked north.
func landedFrom1(old json.RawMessage) (json.RawMessage, error) {
	landed := landed2{Heading: "N"}
	if err := json.Unmarshal(old, &landed); err != nil {
		return nil, err
	}
	return json.Marshal(landed)
}

// Schema 2 called it heading.
func landedFrom2(old landed2) Landed {
	return Landed{X: old.X, Y: old.Y, Facing: old.Heading}
}

// moved1 is schema 1 of Moved.
type moved1 struct {
	X int `json:"x"`
	Y int `json:"y"`
}

func movedFrom1(old moved1) Moved { return Moved{To: Place(old)} }

// State is folded from the events, without a cast.
type State struct {
	At     Place
	Facing string
}

func Evolve(state State, event Event) State {
	switch e := event.(type) {
	case Landed:
		return State{At: Place{e.X, e.Y}, Facing: e.Facing}
	case Moved:
		state.At = e.To
	}
	return state
}

// A rover's history was written by programs of several years.
func Example() {
	events := Events()
	history := []aether.Event{
		{ActorID: "rover/curiosity", Version: 1, Type: "RoverLanded", Schema: 1, Data: json.RawMessage(`{"x":1,"y":1}`)},
		{ActorID: "rover/curiosity", Version: 2, Type: "RoverMoved", Schema: 1, Data: json.RawMessage(`{"x":1,"y":2}`)},
		{ActorID: "rover/curiosity", Version: 3, Type: "RoverMoved", Schema: 2, Data: json.RawMessage(`{"to":{"x":1,"y":3}}`)},
	}
	var state State
	for _, saved := range history {
		event, err := events.Decode(saved)
		if err != nil {
			fmt.Println(err)
			return
		}
		state = Evolve(state, event)
	}
	fmt.Printf("%+v\n", state)

	next, err := events.Encode(Moved{To: Place{1, 4}})
	fmt.Println(next.Type, next.Schema, string(next.Data), err)
	// Output:
	// {At:{X:1 Y:3} Facing:N}
	// RoverMoved 2 {"to":{"x":1,"y":4}} <nil>
}

// An event that a newer program wrote.
func ExampleRegistry_Decode_newerSchema() {
	_, err := Events().Decode(aether.Event{
		ActorID: "rover/curiosity", Version: 7,
		Type: "RoverMoved", Schema: 5, Data: json.RawMessage(`{"path":[[1,2],[1,3]]}`),
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, schema.ErrNewerSchema))
	// Output:
	// schema: decode event 7 of actor "rover/curiosity": "RoverMoved" has schema 5, written by a newer program; this one knows it up to 2
	// true
}

// Where E is any, an event of an unknown type is kept as it is, so a program that
// passes events on loses none.
func ExampleUnknown() {
	events := schema.New[any](schema.Type[Moved]("RoverMoved"))
	flew := aether.Event{ActorID: "rover/ingenuity", Version: 1, Type: "RoverFlew", Schema: 3, Data: json.RawMessage(`{"metres": 3.0}`)}

	value, err := events.Decode(flew)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch value := value.(type) {
	case Moved:
		fmt.Println("moved to", value.To)
	case schema.Unknown:
		fmt.Println("unknown:", value.Event.Type)
	}
	again, err := events.Encode(value)
	fmt.Println(again.Type, again.Schema, string(again.Data), err)
	// Output:
	// unknown: RoverFlew
	// RoverFlew 3 {"metres": 3.0} <nil>
}

// Other is what happened that this program does not know of.
type Other struct{ schema.Unknown }

func (Other) rover() {}

// A closed list of events has a place for unknown ones only if it says so.
func ExampleOthers() {
	flew := aether.Event{ActorID: "rover/ingenuity", Version: 1, Type: "RoverFlew", Data: json.RawMessage(`{}`)}

	_, err := Events().Decode(flew)
	fmt.Println(err)

	events := schema.New[Event](schema.Type[Moved]("RoverMoved"), schema.Others[Other]())
	value, err := events.Decode(flew)
	fmt.Println(value.(Other).Event.Type, err)
	// Output:
	// schema: decode event 1 of actor "rover/ingenuity": unknown type "RoverFlew"
	// RoverFlew <nil>
}
