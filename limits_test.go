package aether_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// valid returns an event that breaks no limit, after change.
func valid(change func(e *aether.Event)) aether.Event {
	e := aether.Event{ActorID: "rover/1", Version: 1, Type: "RoverLanded", Data: json.RawMessage("{}")}
	if change != nil {
		change(&e)
	}
	return e
}

// sized returns an event of exactly so many bytes.
func sized(version aether.Version, size int) aether.Event {
	e := valid(func(e *aether.Event) { e.Version, e.ID = version, fmt.Sprintf("id-%02d", version) })
	e.Data = json.RawMessage(`"` + strings.Repeat("a", size-e.Size()+len(e.Data)-2) + `"`)
	return e
}

// check compares an error with the facts and the text that it should have; an
// empty text is no error.
func check(t *testing.T, err error, index int, field, text string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	if err == nil || err.Error() != text {
		t.Errorf("got %v, want %s", err, text)
	}
	invalid, ok := errors.AsType[*aether.InvalidError](err)
	if !ok || !errors.Is(err, aether.ErrInvalid) {
		t.Fatalf("the error is a %T", err)
	}
	if invalid.Index != index || invalid.Field != field {
		t.Errorf("the error is about event %d, field %q; want %d, %q", invalid.Index, invalid.Field, index, field)
	}
}

// names are what every name of an event is held against: each field of one event
// in TestNames, actor IDs and namespaces apart.
var names = []struct{ name, value, reason string }{
	{"one byte", "a", ""},
	{"255 bytes", strings.Repeat("a", 255), ""},
	{"256 bytes", strings.Repeat("a", 256), "has 256 bytes; at most 255 are allowed"},
	{"255 bytes, not ASCII", strings.Repeat("é", 127) + "a", ""},
	{"256 bytes, not ASCII", strings.Repeat("é", 128), "has 256 bytes; at most 255 are allowed"},
	{"a space", " ", ""},
	{"the last before a space", "a\x1f", "has a control character (0x1f) at byte 1"},
	{"NUL", "\x00", "has a control character (0x00) at byte 0"},
	{"a new line", "ab\n", "has a control character (0x0a) at byte 2"},
	{"~", "~", ""},
	{"DEL", "~\x7f", "has a control character (0x7f) at byte 1"},
	{"broken UTF-8", "a\xff", "is not valid UTF-8"},
	{"a torn rune", "a\xe2\x82", "is not valid UTF-8"},
	{"a surrogate", "\xed\xa0\x80", "is not valid UTF-8"},
	{"the highest rune", "\U0010ffff", ""},
	{"the replacement character", "\ufffd", ""},
	{"an emoji", "😀", ""},
	{"hostile characters", `../..\"'%00;`, ""},
}

func TestNames(t *testing.T) {
	for field, set := range map[string]func(e *aether.Event, value string){
		"id":                     func(e *aether.Event, value string) { e.ID = value },
		"type":                   func(e *aether.Event, value string) { e.Type = value },
		"metadata.correlationId": func(e *aether.Event, value string) { e.Metadata.CorrelationID = value },
		"metadata.causationId":   func(e *aether.Event, value string) { e.Metadata.CausationID = value },
		"metadata.traceparent":   func(e *aether.Event, value string) { e.Metadata.Traceparent = value },
	} {
		t.Run(field, func(t *testing.T) {
			for _, n := range names {
				t.Run(n.name, func(t *testing.T) {
					text := ""
					if n.reason != "" {
						text = fmt.Sprintf("aether: event 2: %s %s", field, n.reason)
					}
					second := valid(func(e *aether.Event) { e.Version = 2; set(e, n.value) })
					check(t, aether.CheckEvents([]aether.Event{valid(nil), second}), 1, field, text)
				})
			}
			text := ""
			if field == "type" {
				text = "aether: event 1: type is empty"
			}
			check(t, aether.CheckEvents([]aether.Event{valid(func(e *aether.Event) { set(e, "") })}), 0, field, text)
		})
	}
}

func TestNamespaceNames(t *testing.T) {
	for _, n := range append(names, struct{ name, value, reason string }{"nothing", "", "is empty"}) {
		t.Run(n.name, func(t *testing.T) {
			text := ""
			if n.reason != "" {
				text = "aether: namespace " + n.reason
			}
			check(t, aether.CheckNamespace(n.value), -1, "namespace", text)
		})
	}
}

func TestActorIDs(t *testing.T) {
	const hint = `; it must be a kind and a key with a slash between them, as in "station/CP-1"`
	type test struct{ name, value, reason string }
	tests := []test{
		{"nothing", "", "is empty"},
		{"kind and key", "station/CP-1", ""},
		{"shortest", "a/b", ""},
		{"more slashes", "a//b/", ""},
		{"a slash for a key", "a//", ""},
		{"no slash", "station", `is "station"` + hint},
		{"no kind", "/CP-1", `is "/CP-1"` + hint},
		{"no kind but slashes", "//a", `is "//a"` + hint},
		{"no key", "station/", `is "station/"` + hint},
		{"a slash", "/", `is "/"` + hint},
		{"255 bytes", "k/" + strings.Repeat("a", 253), ""},
	}
	for _, n := range names {
		if n.reason != "" {
			// A name that is refused is refused with a slash, too.
			value := "k/" + n.value
			reason := strings.NewReplacer("256", "258", "byte 0", "byte 2", "byte 1", "byte 3", "byte 2", "byte 4").Replace(n.reason)
			tests = append(tests, test{n.name, value, reason})
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			alone, inEvent, inSnapshot := "", "", ""
			if test.reason != "" {
				alone, inEvent = "aether: actorId "+test.reason, "aether: event 1: actorId "+test.reason
				inSnapshot = alone
			}
			check(t, aether.CheckActorID(test.value), -1, "actorId", alone)
			check(t, aether.CheckEvents([]aether.Event{valid(func(e *aether.Event) { e.ActorID = test.value })}), 0, "actorId", inEvent)
			check(t, aether.CheckSnapshot(&aether.Snapshot{ActorID: test.value, Version: 1}), -1, "actorId", inSnapshot)
		})
	}
}

func TestNumbersAndData(t *testing.T) {
	date := func(year int, zone int) time.Time {
		return time.Date(year, 12, 31, 23, 30, 0, 0, time.FixedZone("", zone))
	}
	for _, test := range []struct {
		name   string
		change func(e *aether.Event)
		field  string
		reason string
	}{
		{"version 0", func(e *aether.Event) { e.Version = 0 }, "version", "is 0; versions start at 1 and fit 63 bits"},
		{"version 1", func(e *aether.Event) { e.Version = 1 }, "", ""},
		{"the last version", func(e *aether.Event) { e.Version = math.MaxInt64 }, "", ""},
		{"a version beyond", func(e *aether.Event) { e.Version = math.MaxInt64 + 1 }, "version", "is 9223372036854775808; versions start at 1 and fit 63 bits"},

		{"schema -1", func(e *aether.Event) { e.Schema = -1 }, "schema", "is -1; schemas start at 1 and fit 31 bits"},
		{"no schema", func(e *aether.Event) { e.Schema = 0 }, "", ""},
		{"the last schema", func(e *aether.Event) { e.Schema = math.MaxInt32 }, "", ""},
		{"a schema beyond", func(e *aether.Event) { e.Schema = math.MaxInt32 + 1 }, "schema", "is 2147483648; schemas start at 1 and fit 31 bits"},

		{"no time", func(e *aether.Event) { e.Time = time.Time{} }, "", ""},
		{"no time in another zone", func(e *aether.Event) { e.Time = time.Time{}.In(time.FixedZone("", -3600)) }, "", ""},
		{"year 0", func(e *aether.Event) { e.Time = date(0, 0) }, "time", "is in the year 0; years have at most four digits"},
		{"year 0 in its zone, 1 in UTC", func(e *aether.Event) { e.Time = date(0, -3600) }, "", ""},
		{"year 1", func(e *aether.Event) { e.Time = date(1, 0) }, "", ""},
		{"year 9999", func(e *aether.Event) { e.Time = date(9999, 0) }, "", ""},
		{"year 9999 in its zone, 10000 in UTC", func(e *aether.Event) { e.Time = date(9999, -3600) }, "time", "is in the year 10000; years have at most four digits"},
		{"year 10000", func(e *aether.Event) { e.Time = date(10000, 0) }, "time", "is in the year 10000; years have at most four digits"},

		{"no data", func(e *aether.Event) { e.Data = nil }, "data", "is missing; it must be a JSON value"},
		{"empty data", func(e *aether.Event) { e.Data = json.RawMessage{} }, "data", "is missing; it must be a JSON value"},
		{"null", func(e *aether.Event) { e.Data = json.RawMessage("null") }, "", ""},
		{"white space", func(e *aether.Event) { e.Data = json.RawMessage(" [1, 2]\n") }, "", ""},
		{"two values", func(e *aether.Event) { e.Data = json.RawMessage("1 2") }, "data", "is not JSON: unexpected '2' at byte 2"},
		{"half a value", func(e *aether.Event) { e.Data = json.RawMessage(`{"a":`) }, "data", "is not JSON: it ends too early"},
		{"not UTF-8", func(e *aether.Event) { e.Data = json.RawMessage("\"\xff\"") }, "data", "is not valid UTF-8"},

		{"as large as allowed", func(e *aether.Event) { *e = sized(1, 1<<20) }, "", ""},
		{"too large", func(e *aether.Event) { *e = sized(1, 1<<20+1) }, "data", "makes the event 1048577 bytes long; an event has at most 1048576"},
		{"too large with the ID it will get", func(e *aether.Event) { *e = sized(1, 1<<20-30); e.ID = "" }, "data",
			"makes the event 1048577 bytes long; an event has at most 1048576"},
		{"too large with its texts", func(e *aether.Event) { *e = sized(1, 1<<20); e.Metadata.Traceparent = "t" }, "data",
			"makes the event 1048577 bytes long; an event has at most 1048576"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := ""
			if test.reason != "" {
				text = fmt.Sprintf("aether: event 1: %s %s", test.field, test.reason)
			}
			check(t, aether.CheckEvents([]aether.Event{valid(test.change)}), 0, test.field, text)
		})
	}
}

func TestSize(t *testing.T) {
	e := aether.Event{
		ID: "1", ActorID: "22", Type: "4444", Data: json.RawMessage("88888888"), Version: 1 << 40, Schema: 7, Position: 9, Time: time.Unix(1, 0),
		Metadata: aether.Metadata{CorrelationID: strings.Repeat("c", 16), CausationID: strings.Repeat("d", 32), Traceparent: strings.Repeat("e", 64)},
	}
	if got := e.Size(); got != 127 {
		t.Errorf("the event has %d bytes, want 127: %b", got, got)
	}
}

func TestBatches(t *testing.T) {
	sequence := func(n int) []aether.Event {
		events := make([]aether.Event, n)
		for i := range events {
			events[i] = valid(func(e *aether.Event) { e.Version = aether.Version(i + 1) })
		}
		return events
	}
	large := func(last int) []aether.Event {
		var events []aether.Event
		for i := range 15 {
			events = append(events, sized(aether.Version(i+1), 1<<20))
		}
		return append(events, sized(16, 1<<19), sized(17, last))
	}
	for _, test := range []struct {
		name   string
		events []aether.Event
		text   string
	}{
		{"none", nil, "aether: events are missing: a save needs at least one"},
		{"as many as allowed", sequence(1000), ""},
		{"too many", sequence(1001), "aether: events are 1001; one save takes at most 1000"},
		{"as many bytes as allowed", large(1 << 19), ""},
		{"too many bytes", large(1<<19 + 1), "aether: events have 16777217 bytes together; one save takes at most 16777216"},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, aether.CheckEvents(test.events), -1, "events", test.text)
		})
	}
}

func TestSequences(t *testing.T) {
	event := func(actor string, version aether.Version, id string) aether.Event {
		return valid(func(e *aether.Event) { e.ActorID, e.Version, e.ID = "rover/"+actor, version, id })
	}
	for _, test := range []struct {
		name   string
		events []aether.Event
		index  int
		text   string
	}{
		{"from any version", []aether.Event{event("a", 7, ""), event("a", 8, "")}, 0, ""},
		{"two actors", []aether.Event{event("a", 7, "x"), event("b", 1, "x"), event("a", 8, "y"), event("b", 2, "y")}, 0, ""},
		{"a gap", []aether.Event{event("a", 7, ""), event("b", 8, ""), event("a", 9, "")}, 2,
			`aether: event 3: version is 9, but the event of "rover/a" before it in this save has 7; versions follow on each other`},
		{"a version twice", []aether.Event{event("a", 7, ""), event("a", 7, "")}, 1,
			`aether: event 2: version is 7, but the event of "rover/a" before it in this save has 7; versions follow on each other`},
		{"backwards", []aether.Event{event("a", 7, ""), event("a", 6, "")}, 1,
			`aether: event 2: version is 6, but the event of "rover/a" before it in this save has 7; versions follow on each other`},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, aether.CheckEvents(test.events), test.index, "version", test.text)
		})
	}

	err := aether.CheckEvents([]aether.Event{event("a", 7, "x"), event("b", 1, "y"), event("a", 8, "y"), event("a", 9, "x")})
	duplicate, ok := errors.AsType[*aether.DuplicateError](err)
	if want := (aether.DuplicateError{ActorID: "rover/a", EventID: "x", Tried: 9, Version: 7}); !ok || *duplicate != want {
		t.Errorf("an ID that comes twice: %v, want %+v", err, want)
	}
}

func TestSnapshots(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(s *aether.Snapshot)
		field  string
		reason string
	}{
		{"valid", func(s *aether.Snapshot) {}, "", ""},
		{"any bytes", func(s *aether.Snapshot) { s.Data = []byte("\xff\x00") }, "", ""},
		{"version 0", func(s *aether.Snapshot) { s.Version = 0 }, "version", "is 0; versions start at 1 and fit 63 bits"},
		{"the last version", func(s *aether.Snapshot) { s.Version = math.MaxInt64 }, "", ""},
		{"a version beyond", func(s *aether.Snapshot) { s.Version = math.MaxInt64 + 1 }, "version", "is 9223372036854775808; versions start at 1 and fit 63 bits"},
		{"schema -1", func(s *aether.Snapshot) { s.Schema = -1 }, "schema", "is -1; schemas fit 31 bits"},
		{"the last schema", func(s *aether.Snapshot) { s.Schema = math.MaxInt32 }, "", ""},
		{"a schema beyond", func(s *aether.Snapshot) { s.Schema = math.MaxInt32 + 1 }, "schema", "is 2147483648; schemas fit 31 bits"},
		{"as large as allowed", func(s *aether.Snapshot) { s.Data = make([]byte, 16<<20) }, "", ""},
		{"too large", func(s *aether.Snapshot) { s.Data = make([]byte, 16<<20+1) }, "data", "has 16777217 bytes; a snapshot has at most 16777216"},
	} {
		t.Run(test.name, func(t *testing.T) {
			snapshot := aether.Snapshot{ActorID: "rover/1", Version: 1}
			test.change(&snapshot)
			text := ""
			if test.reason != "" {
				text = fmt.Sprintf("aether: %s %s", test.field, test.reason)
			}
			check(t, aether.CheckSnapshot(&snapshot), -1, test.field, text)
		})
	}
}
