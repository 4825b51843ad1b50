package rover

import (
	"context"
	"iter"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/schema"
)

// What is told of an event is its newest form, whatever form it was saved in: to other
// services as well as in the history of a grid.
func TestNewestSchema(t *testing.T) {
	type landedOnce struct {
		Name string     `json:"name"`
		At   grid.Point `json:"at"`
	}
	events := schema.New[grid.Event](schema.Type[grid.RoverLanded]("RoverLanded", schema.Upcast(func(old landedOnce) grid.RoverLanded {
		return grid.RoverLanded{Rover: old.Name, Point: old.At, Heading: grid.North}
	})))
	old := aether.Event{
		ActorID: "grid/mars", Version: 2, Type: "RoverLanded", Schema: 1, Data: []byte(`{"name":"ann","at":{"x":1,"y":2}}`), Position: 7,
	}
	const want = `{"rover":"ann","x":1,"y":2,"heading":"N"}`
	data, err := events.Newest(old)
	if err != nil || string(data) != want {
		t.Errorf("the data is %s, %v, want %s", data, err, want)
	}
	m := mapping(events)
	told, err := m.Map(old)
	if err != nil || len(told) != 1 || string(told[0].Data) != `{"grid":"mars","version":2,"event":`+want+`}` {
		t.Errorf("others are told %+v, %v", told, err)
	}
	now := old
	now.Schema, now.Data = 2, []byte(`{ "rover": "ann" }`)
	if data, err := events.Newest(now); err != nil || string(data) != string(now.Data) {
		t.Errorf("the newest form became %s, %v", data, err)
	}
	now.Schema = 3
	if data, err := events.Newest(now); err == nil {
		t.Errorf("a form of the future is %s", data)
	}

	// The list of events is made with it.
	s := &Rover{events: events, parts: node.Parts{Store: oneEvent{event: old}}}
	page, err := s.Events(t.Context(), "mars", 0, 10)
	if err != nil || len(page.Events) != 1 || string(page.Events[0].Data) != want {
		t.Errorf("the events are %+v, %v", page, err)
	}
}

// oneEvent is a store with one event, at version 2.
type oneEvent struct {
	aether.EventStore
	event aether.Event
}

func (s oneEvent) GetLatestVersion(context.Context, string) (aether.Version, error) {
	return s.event.Version, nil
}

func (s oneEvent) GetEvents(context.Context, string, aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) { yield(s.event, nil) }
}
