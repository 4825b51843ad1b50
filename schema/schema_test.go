package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
	"github.com/aether-es/aether/schema/schematest"
)

// The saved form of the events of the examples.
func TestGolden(t *testing.T) {
	schematest.Golden(t, Events(), "testdata", []Event{
		Landed{X: 1, Y: 2, Facing: "N"},
		Landed{},
		Moved{To: Place{-1, 7}},
	})
}

// Upcasters from a schema to the next add a number to a list.
func trail(n int) schema.Upcaster {
	return schema.Upcast(func(old []int) []int { return append(old, n) })
}

type steps []int

func TestUpcastersAreChained(t *testing.T) {
	registry := schema.New[any](schema.Type[steps]("Walked", trail(12), trail(23), trail(34)))
	for from, want := range map[int]steps{
		0: {12, 23, 34}, // as a store: nothing is 1
		1: {12, 23, 34},
		2: {23, 34},
		3: {34},
		4: {},
	} {
		data := json.RawMessage(`[]`)
		got, err := registry.Decode(aether.Event{ActorID: "a/b", Version: 1, Type: "Walked", Schema: from, Data: data})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("from schema %d: %v, %v; want %v", from, got, err, want)
		}
	}
	event, err := registry.Encode(steps{1})
	if want := (aether.Event{Type: "Walked", Schema: 4, Data: json.RawMessage("[1]")}); err != nil || !reflect.DeepEqual(event, want) {
		t.Errorf("encoded as %+v, %v; want %+v", event, err, want)
	}
}

func TestFieldsMayComeAndBeMissing(t *testing.T) {
	got, err := Events().Decode(aether.Event{Type: "RoverLanded", Schema: 3, Data: json.RawMessage(` {"y":2, "weather":{"wind":[1]}} `)})
	if want := (Landed{Y: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestDecodeErrors(t *testing.T) {
	refuse := errors.New("no such rover")
	registry := schema.New[Event](
		schema.Type[Landed]("RoverLanded",
			func(old json.RawMessage) (json.RawMessage, error) { return old, nil },
			func(old json.RawMessage) (json.RawMessage, error) {
				if string(old) == "{}" {
					return nil, refuse
				}
				return old[:len(old)-1], nil
			}),
		schema.Type[Moved]("RoverMoved", schema.Upcast(movedFrom1)),
	)
	for _, test := range []struct {
		name     string
		typeName string
		schema   int
		data     string
		class    error
		facts    schema.DecodeError // without the actor, the version, the class and the cause
		text     string
	}{
		{"unknown type", "RoverFlew", 0, `{}`, schema.ErrUnknownType,
			schema.DecodeError{Schema: 1}, `unknown type "RoverFlew"`},
		{"newer schema", "RoverLanded", 4, `{}`, schema.ErrNewerSchema,
			schema.DecodeError{Schema: 4, Known: 3}, `"RoverLanded" has schema 4, written by a newer program; this one knows it up to 3`},
		{"no schema", "RoverLanded", -1, `{}`, schema.ErrBadData,
			schema.DecodeError{Schema: -1, Known: 3}, `bad data of "RoverLanded", schema -1: schemas start at 1`},
		{"no data", "RoverLanded", 3, ``, schema.ErrBadData,
			schema.DecodeError{Schema: 3, Known: 3}, `bad data of "RoverLanded", schema 3: unexpected end of JSON input`},
		{"broken data", "RoverLanded", 3, `{"x":1,}`, schema.ErrBadData,
			schema.DecodeError{Schema: 3, Known: 3}, `bad data of "RoverLanded", schema 3: invalid character '}'`},
		{"bad field", "RoverMoved", 2, `{"to":{"x":"1"}}`, schema.ErrBadData,
			schema.DecodeError{Schema: 2, Known: 2, Field: "to.x"}, `bad data of "RoverMoved", schema 2, field "to.x": json: cannot unmarshal string`},
		{"bad field of a former schema", "RoverMoved", 1, `{"x":"1"}`, schema.ErrBadData,
			schema.DecodeError{Schema: 1, Known: 2, Field: "x"}, `bad data of "RoverMoved", schema 1, field "x": upcast schema 1 to 2: json: cannot unmarshal string`},
		{"another kind of value", "RoverMoved", 2, `[]`, schema.ErrBadData,
			schema.DecodeError{Schema: 2, Known: 2}, `bad data of "RoverMoved", schema 2: json: cannot unmarshal array`},
		{"upcaster fails", "RoverLanded", 1, `{}`, schema.ErrBadData,
			schema.DecodeError{Schema: 1, Known: 3}, `bad data of "RoverLanded", schema 1: upcast schema 2 to 3: no such rover`},
		{"upcaster makes no JSON", "RoverLanded", 2, `{"x":1}`, schema.ErrBadData,
			schema.DecodeError{Schema: 2, Known: 3}, `bad data of "RoverLanded", schema 2: unexpected end of JSON input`},
	} {
		t.Run(test.name, func(t *testing.T) {
			value, err := registry.Decode(aether.Event{
				ActorID: "rover/curiosity", Version: 7, Position: 9,
				Type: test.typeName, Schema: test.schema, Data: json.RawMessage(test.data),
			})
			if err == nil || value != nil {
				t.Fatalf("decoded as %v, %v", value, err)
			}
			for _, class := range []error{schema.ErrUnknownType, schema.ErrNewerSchema, schema.ErrBadData} {
				if errors.Is(err, class) != (class == test.class) {
					t.Errorf("errors.Is(err, %v) is %v", class, errors.Is(err, class))
				}
			}
			if want := `schema: decode event 7 of actor "rover/curiosity": ` + test.text; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the error is\n%v\nwant\n%s", err, want)
			}
			facts, ok := errors.AsType[*schema.DecodeError](err)
			if !ok {
				t.Fatalf("the error is a %T", err)
			}
			want := test.facts
			want.ActorID, want.Version, want.Type = "rover/curiosity", 7, test.typeName
			want.Class, want.Err = test.class, facts.Err
			if *facts != want {
				t.Errorf("the facts are %+v, want %+v", *facts, want)
			}
			if (test.class == schema.ErrBadData) != (facts.Err != nil) {
				t.Errorf("the cause is %v", facts.Err)
			}
			if test.name == "upcaster fails" && !errors.Is(err, refuse) {
				t.Error("the upcaster's error is not in the chain")
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	registry := schema.New[any](schema.Type[Moved]("RoverMoved"), schema.Type[func()]("RoverFailed"))
	for _, test := range []struct {
		value any
		text  string
		class error
	}{
		{Landed{}, "schema: unknown type: the Go type schema_test.Landed is not registered", schema.ErrUnknownType},
		{&Moved{}, "schema: unknown type: the Go type *schema_test.Moved is not registered", schema.ErrUnknownType},
		{nil, "schema: unknown type: the Go type <nil> is not registered", schema.ErrUnknownType},
		{func() {}, `schema: encode "RoverFailed": json: unsupported type: func()`, nil},
	} {
		event, err := registry.Encode(test.value)
		if err == nil || err.Error() != test.text || errors.Is(err, schema.ErrUnknownType) != (test.class != nil) {
			t.Errorf("Encode(%T) fails with %v, want %s", test.value, err, test.text)
		}
		if !reflect.DeepEqual(event, aether.Event{}) {
			t.Errorf("Encode(%T) returns %+v with its error", test.value, event)
		}
	}
}

func TestUnknownIsKept(t *testing.T) {
	event := aether.Event{
		ID: "e1", ActorID: "rover/1", Version: 3, Type: "RoverFlew", Schema: 4,
		Data: json.RawMessage(" {\"b\":1, \"a\":1e400, \"a\":\"\\u003c<\"}\n"), Position: 12,
		Metadata: aether.Metadata{CorrelationID: "c"},
	}
	want := aether.Event{Type: event.Type, Schema: event.Schema, Data: event.Data}

	open := schema.New[any](schema.Type[Moved]("RoverMoved"))
	value, err := open.Decode(event)
	if kept, ok := value.(schema.Unknown); err != nil || !ok || !reflect.DeepEqual(kept.Event, event) {
		t.Errorf("decoded as %+v, %v; want Unknown of the whole event", value, err)
	}
	if got, err := open.Encode(value); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("encoded again as %+v, %v; want %+v", got, err, want)
	}

	closed := schema.New[Event](schema.Others[Other](), schema.Type[Moved]("RoverMoved"))
	other, err := closed.Decode(event)
	if kept, ok := other.(Other); err != nil || !ok || !reflect.DeepEqual(kept.Event, event) {
		t.Errorf("decoded as %+v, %v; want Other of the whole event", other, err)
	}
	if got, err := closed.Encode(other); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("encoded again as %+v, %v; want %+v", got, err, want)
	}

	// Others is taken before Unknown where E would admit both.
	both := schema.New[any](schema.Others[Other]())
	if value, err := both.Decode(event); err != nil || reflect.TypeOf(value) != reflect.TypeFor[Other]() {
		t.Errorf("decoded as %T, %v; want Other", value, err)
	}
}

func TestTypes(t *testing.T) {
	registry := schema.New[any](
		schema.Type[empty]("c"), schema.Type[steps]("a"), schema.Type[moved1]("e"), schema.Type[landed2]("b"), schema.Type[Place]("d"),
		schema.Type[Landed]("RoverLanded", landedFrom1, schema.Upcast(landedFrom2)))
	if got, want := registry.Types(), []string{"RoverLanded", "a", "b", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("Types() = %q, want %q", got, want)
	}
	for name, want := range map[string]int{"RoverLanded": 3, "a": 1, "RoverFlew": 0, "": 0} {
		if got := registry.Schema(name); got != want {
			t.Errorf("Schema(%q) = %d, want %d", name, got, want)
		}
	}
}

// E may be a type that is no interface.
func TestConcreteE(t *testing.T) {
	registry := schema.New[Moved](schema.Type[Moved]("RoverMoved"))
	event, err := registry.Encode(Moved{To: Place{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := registry.Decode(event); err != nil || got != (Moved{To: Place{1, 2}}) {
		t.Errorf("decoded as %+v, %v", got, err)
	}
	event.Type = "RoverFlew"
	if _, err := registry.Decode(event); !errors.Is(err, schema.ErrUnknownType) {
		t.Errorf("an unknown type: %v", err)
	}
}

type empty struct{}

func TestNewPanics(t *testing.T) {
	moved := schema.Type[Moved]("RoverMoved")
	for want, construct := range map[string]func(){
		`schema: New[schema_test.Event]: "RoverMoved" is registered twice, for schema_test.Moved and schema_test.Landed`: func() {
			schema.New[Event](moved, schema.Type[Landed]("RoverMoved"))
		},
		`schema: New[schema_test.Event]: schema_test.Moved is registered twice, as "RoverMoved" and "RoverWalked"`: func() {
			schema.New[Event](moved, schema.Type[Moved]("RoverWalked"))
		},
		`schema: New[schema_test.Event]: schema_test.empty does not implement schema_test.Event`: func() {
			schema.New[Event](schema.Type[empty]("RoverGone"))
		},
		`schema: New[schema_test.Event]: "RoverMoved" is registered for *schema_test.Moved; events are values, so register schema_test.Moved`: func() {
			schema.New[Event](schema.Type[*Moved]("RoverMoved"))
		},
		`schema: New[schema_test.Event]: "RoverMoved" is registered for schema_test.Event, which is an interface; register the types that implement it`: func() {
			schema.New[Event](schema.Type[Event]("RoverMoved"))
		},
		`schema: New[schema_test.Moved]: schema_test.Landed is not schema_test.Moved`: func() {
			schema.New[Moved](schema.Type[Landed]("RoverLanded"))
		},
		`schema: New[interface {}]: schema_test.empty cannot be registered as "": aether: event 1: type is empty`: func() {
			schema.New[any](schema.Type[empty](""))
		},
		`schema: New[interface {}]: schema_test.empty cannot be registered as "a\nb": aether: event 1: type has a control character (0x0a) at byte 1`: func() {
			schema.New[any](schema.Type[empty]("a\nb"))
		},
		`schema: New[interface {}]: "RoverGone" has a nil upcaster`: func() {
			schema.New[any](schema.Type[empty]("RoverGone", trail(1), nil))
		},
		`schema: New[interface {}]: an Entry is empty; Type and Others make them`: func() {
			schema.New[any](schema.Entry{})
		},
		`schema: New[schema_test.Event]: schema_test.notRover does not implement schema_test.Event`: func() {
			schema.New[Event](schema.Others[notRover]())
		},
		`schema: New[schema_test.Event]: Others is there twice, for schema_test.Other and schema_test.Other`: func() {
			schema.New[Event](schema.Others[Other](), schema.Others[Other]())
		},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("New panics with\n%s\nwant\n%s", got, want)
				}
			}()
			construct()
		}()
	}
}

type notRover struct{ schema.Unknown }

func TestConcurrentUse(t *testing.T) {
	registry := schema.New[any](
		schema.Type[Landed]("RoverLanded", landedFrom1, schema.Upcast(landedFrom2)),
		schema.Type[Moved]("RoverMoved", schema.Upcast(movedFrom1)))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				for _, event := range []aether.Event{
					{Type: "RoverLanded", Data: json.RawMessage(`{"x":1,"y":1}`)},
					{Type: "RoverMoved", Data: json.RawMessage(`{"x":1,"y":1}`)},
					{Type: "RoverFlew", Data: json.RawMessage(`{}`)},
				} {
					value, err := registry.Decode(event)
					if err == nil {
						_, err = registry.Encode(value)
					}
					if err != nil {
						t.Errorf("round %d: %v", i, err)
						return
					}
				}
			}
		})
	}
	group.Wait()
}

// Whatever a store has: decoding fails with a class of error or yields a value
// that survives being encoded.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"RoverLanded", "RoverMoved", "RoverFlew"} {
		f.Add(name, 1, []byte(`{"x":1,"y":-2}`))
		f.Add(name, 2, []byte(`{"to":{"x":1,"y":2},"heading":null}`))
		f.Add(name, 3, []byte(`{"x":1e3,"facing":"\ud800<"}`))
		f.Add(name, 0, []byte(`[1`))
		f.Add(name, 1<<40, []byte(``))
		f.Add(name, -1, []byte(`null`))
	}
	registry := schema.New[any](
		schema.Type[Landed]("RoverLanded", landedFrom1, schema.Upcast(landedFrom2)),
		schema.Type[Moved]("RoverMoved", schema.Upcast(movedFrom1)))
	f.Fuzz(func(t *testing.T, name string, version int, data []byte) {
		before := string(data)
		event := aether.Event{ActorID: "rover/1", Version: 1, Type: name, Schema: version, Data: data}
		value, err := registry.Decode(event)
		if string(data) != before {
			t.Errorf("decoding changed the data from %q to %q", before, data)
		}
		if err != nil {
			if !errors.Is(err, schema.ErrNewerSchema) && !errors.Is(err, schema.ErrBadData) {
				t.Errorf("an error without a class: %v", err)
			}
			return
		}
		again, err := registry.Encode(value)
		if err != nil {
			t.Fatalf("%+v cannot be encoded: %v", value, err)
		}
		if registry.Schema(name) == 0 {
			if again.Type != name || again.Schema != version || string(again.Data) != before {
				t.Errorf("the unknown event became %+v", again)
			}
			return
		}
		if same, err := registry.Decode(again); err != nil || same != value {
			t.Errorf("%+v was encoded as %s and decoded as %+v, %v", value, again.Data, same, err)
		}
	})
}
