package cloudevents_test

import (
	"encoding/json"
	"reflect"
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
