package aether_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func TestKind(t *testing.T) {
	for actorID, want := range map[string]string{
		"station/CP-1": "station", "a/b/c": "a", "ü/1": "ü", "a/": "a",
		"station": "station", "/CP-1": "", "": "",
	} {
		event := aether.Event{ActorID: actorID}
		if got := aether.Kind(actorID); got != want || event.Kind() != want {
			t.Errorf("the kind of %q is %q, of its event %q, want %q", actorID, got, event.Kind(), want)
		}
	}
}

// goldenEvents are the lines of testdata/events.jsonl, which is what export,
// import and every endpoint write and read: a change of it breaks those outside.
var goldenEvents = []aether.Event{
	{
		ID: "0190a5a4-7f3c-7c33-9a53-0f1d2c3b4a59", ActorID: "rover/curiosity", Version: 3, Type: "RoverLanded", Schema: 2,
		Data: json.RawMessage(`{"at":{"x":1,"y":-2.50},"facing":"N"}`),
		Metadata: aether.Metadata{
			CorrelationID: "c1", CausationID: "command-7",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		},
		Time: time.Date(2026, 3, 1, 12, 30, 59, 123456000, time.UTC), Position: 12,
	},
	// Only what nobody may leave out.
	{ActorID: "rover/1", Type: "RoverLanded", Data: json.RawMessage(`null`)},
	// The ends of the ranges; numbers are numbers, exact to the last digit.
	{
		ID: "é\"\\/<&>\u2028😀", ActorID: "ü/a b//", Version: math.MaxInt64, Type: "…", Schema: math.MaxInt32,
		Data:     json.RawMessage(`[1e400,18446744073709551616,"\u0000\ud800",{"a":1,"a":2}]`),
		Metadata: aether.Metadata{CausationID: "x"},
		Time:     time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), Position: math.MaxInt64,
	},
	{ActorID: "a/b", Version: 1, Type: "t", Schema: 1, Data: json.RawMessage(`0`), Time: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)},
}

func TestEventJSON(t *testing.T) {
	want, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	for _, event := range goldenEvents {
		if err := encoder.Encode(event); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the JSON form is\n%s\nwant\n%s", &got, want)
	}

	decoder := json.NewDecoder(bytes.NewReader(want))
	decoder.DisallowUnknownFields()
	for i, event := range goldenEvents {
		var read aether.Event
		if err := decoder.Decode(&read); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if !reflect.DeepEqual(read, event) {
			t.Errorf("line %d is read as\n%+v\nwant\n%+v", i+1, read, event)
		}
	}
	if decoder.More() {
		t.Error("there are more lines than events")
	}
}

// Data goes through the JSON form with its value and, but for white space, its
// bytes; encoding/json escapes <, > and & too unless it is told not to.
func TestEventJSONKeepsData(t *testing.T) {
	for data, want := range map[string]string{
		" { \"b\" : 1.0 ,\n\t\"a\" : [ ] } ": `{"b":1.0,"a":[]}`,
		`"<é\u00e9>"`:                        `"<é\u00e9>"`,
		"\"\u2028\"":                         "\"\u2028\"",
	} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(aether.Event{Data: json.RawMessage(data)}); err != nil {
			t.Fatal(err)
		}
		var read aether.Event
		if err := json.Unmarshal(text.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		if string(read.Data) != want {
			t.Errorf("%q came through as %q, want %q", data, read.Data, want)
		}
	}
}
