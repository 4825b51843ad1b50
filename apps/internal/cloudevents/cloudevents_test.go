package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/cloudevents"
	"github.com/aether-es/aether/integration"
	"github.com/cloudevents/sdk-go/v2/event"
)

func sample() integration.Event {
	return integration.Event{
		Type: "aether.rover.RoverLanded", Subject: "grid/mars", Data: []byte(`{"grid":"mars","version":2}`), ID: "grid/mars@2.0",
		Stream: integration.Stream{Namespace: "a/b ü", System: "rover", Version: 3}, Sequence: 1<<63 + 5, Position: 7, Last: true,
		Time:     time.Date(2026, 3, 2, 8, 0, 7, 250_000_000, time.UTC),
		Metadata: aether.Metadata{CorrelationID: "request 7", CausationID: "mars-2", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	}
}

func TestThereAndBack(t *testing.T) {
	plain := sample()
	plain.Stream.Namespace, plain.Metadata, plain.Last = "default", aether.Metadata{}, false
	for _, e := range []integration.Event{sample(), plain} {
		c, err := cloudevents.From(e)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var read event.Event
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		back, err := cloudevents.To(read)
		if err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%s\nis read as %+v, %v\nwas        %+v", text, back, err, e)
		}
	}
}

// The form is pinned: others rely on it.
func TestForm(t *testing.T) {
	e := sample()
	e.Stream.Namespace = "default"
	c, err := cloudevents.From(e)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"specversion":"1.0","id":"grid/mars@2.0","source":"/aether/default/rover","type":"aether.rover.RoverLanded",` +
		`"subject":"grid/mars","datacontenttype":"application/json","time":"2026-03-02T08:00:07.25Z",` +
		`"data":{"grid":"mars","version":2},"causationid":"mars-2","correlationid":"request 7","last":true,"mapping":"3",` +
		`"namespace":"default","position":"7","sequence":"9223372036854775813",` +
		`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`
	var got, wanted any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("the form is\n%s\nwant\n%s", text, want)
	}
}

func TestForeign(t *testing.T) {
	for name, spoil := range map[string]func(c *event.Event){
		"no ID":             func(c *event.Event) { c.SetID("") },
		"another source":    func(c *event.Event) { c.SetSource("/elsewhere/x/y") },
		"another namespace": func(c *event.Event) { c.SetExtension("namespace", "other") },
		"no sequence":       func(c *event.Event) { c.SetExtension("sequence", nil) },
		"no number":         func(c *event.Event) { c.SetExtension("sequence", "seven") },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := cloudevents.From(sample())
			if err != nil {
				t.Fatal(err)
			}
			spoil(&c)
			if e, err := cloudevents.To(c); err == nil {
				t.Errorf("it is taken for %+v", e)
			}
		})
	}
}

// wire sends an event over the wire, and takes it from there.
func wire(t testing.TB, e integration.Event) integration.Event {
	t.Helper()
	c, err := cloudevents.From(e)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	var read event.Event
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	back, err := cloudevents.To(read)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return back
}

// value is what data means, with numbers as they were written.
func value(t testing.TB, data []byte) (v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

// An event that came over the wire is the one in the log, by its digest; otherwise
// every restart of a projector that follows a remote bus would make the read DB again.
// The data means the same, though it may be written in another way.
func TestDigestOverTheWire(t *testing.T) {
	for _, data := range []string{
		`{"a":"<b>&"}`, `{ "a" : 1.0 }`, `"x"`, `null`, `12345678901234567890`, "{\"a\":\"\u2028\"}", `{"a":1,"b":2,"a":3}`, `1e400`, `"\ud800"`,
	} {
		e := sample()
		e.Data = []byte(data)
		back := wire(t, e)
		if back.Digest() != e.Digest() {
			t.Errorf("%s came back as %s: another digest", data, back.Data)
		}
		if !reflect.DeepEqual(value(t, back.Data), value(t, e.Data)) {
			t.Errorf("%s came back as %s", data, back.Data)
		}
	}
	here, there := sample(), sample()
	there.Time = there.Time.In(time.FixedZone("there", 3600))
	if here.Digest() != there.Digest() {
		t.Error("the digest depends on the time zone")
	}
}

// What tells an event from another changes its digest.
func TestDigestTells(t *testing.T) {
	e := sample()
	for name, change := range map[string]func(e *integration.Event){
		"ID":        func(e *integration.Event) { e.ID = "grid/mars@3.0" },
		"type":      func(e *integration.Event) { e.Type = "other" },
		"subject":   func(e *integration.Event) { e.Subject = "grid/venus" },
		"stream":    func(e *integration.Event) { e.Stream.Version++ },
		"position":  func(e *integration.Event) { e.Position++ },
		"time":      func(e *integration.Event) { e.Time = e.Time.Add(time.Microsecond) },
		"causation": func(e *integration.Event) { e.Metadata.CausationID = "mars-3" },
	} {
		other := sample()
		if change(&other); other.Digest() == e.Digest() {
			t.Errorf("another %s has the same digest", name)
		}
	}
	numbered := sample()
	if numbered.Sequence++; numbered.Digest() != e.Digest() {
		t.Error("the number is part of the digest")
	}
}

func TestAttributesKeepNumbers(t *testing.T) {
	e := sample()
	e.Data = []byte(`{"n":12345678901234567890,"x":1.0}`)
	members, err := cloudevents.Attributes(e)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(members["data"]); err != nil || string(text) != string(e.Data) {
		t.Errorf("the data is %s, %v", text, err)
	}
}

// Every event that a store takes goes there and comes back.
func FuzzThereAndBack(f *testing.F) {
	f.Add("rover.moved", "grid/mars", "default", "rover", `{"a":"<&>"}`, "c", "é", "00-4b-00", int64(1_700_000_000_000_001))
	f.Add("x", "a/b\u202e ", "a/b", "%2F", `[1.0,1e5,"\u2028"]`, "true", "7", "{", int64(-62135596800000000))
	f.Fuzz(func(t *testing.T, eventType, subject, namespace, system, data, correlation, causation, trace string, micros int64) {
		meta := aether.Metadata{CorrelationID: correlation, CausationID: causation, Traceparent: trace}
		domain := aether.Event{ActorID: subject, Version: 1, Type: eventType, Data: []byte(data), Metadata: meta, Time: time.UnixMicro(micros).UTC()}
		if aether.CheckEvents([]aether.Event{domain}) != nil || aether.CheckNamespace(namespace) != nil || aether.CheckNamespace(system) != nil || strings.TrimSpace(eventType) == "" {
			return
		}
		e := sample()
		e.Type, e.Subject, e.Data, e.Metadata, e.Time = eventType, subject, []byte(data), meta, domain.Time
		e.Stream.Namespace, e.Stream.System = namespace, system
		back := wire(t, e)
		if back.Digest() != e.Digest() {
			t.Errorf("%+v came back as %+v", e, back)
		}
		if back.Stream != e.Stream || back.Sequence != e.Sequence || back.Last != e.Last || !back.Time.Equal(e.Time) {
			t.Errorf("%+v came back as %+v", e, back)
		}
	})
}

// Whatever text is taken for an event of Aether is the same event when it is sent on.
func FuzzFromTheWire(f *testing.F) {
	for _, e := range []integration.Event{sample()} {
		c, err := cloudevents.From(e)
		if err != nil {
			f.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c event.Event
		if json.Unmarshal(text, &c) != nil {
			return
		}
		e, err := cloudevents.To(c)
		if err != nil {
			return
		}
		if again := wire(t, e); again.Digest() != e.Digest() {
			t.Errorf("%s\nis %+v\nand then %+v", text, e, again)
		}
	})
}
