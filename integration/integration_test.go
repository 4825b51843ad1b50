package integration_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
)

// mapping makes as many integration events of a domain event as its type says.
func mapping() integration.Mapping {
	return integration.Mapping{
		System: "demo", Version: 1, Kinds: []string{"room"},
		Map: func(e aether.Event) ([]integration.Event, error) {
			n := map[string]int{"None": 0, "One": 1, "Two": 2, "Panic": -1, "Bad": -2}[e.Type]
			switch n {
			case -1:
				panic("no such room")
			case -2:
				return nil, errors.New("no such room")
			}
			events := make([]integration.Event, n)
			for i := range events {
				events[i] = integration.Event{Type: fmt.Sprintf("demo.%s.%d", e.Type, i), Data: e.Data}
			}
			return events, nil
		},
	}
}

func newStore(t *testing.T) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// save appends events of the types to an actor.
func save(t *testing.T, store aether.EventStore, actorID string, types ...string) {
	t.Helper()
	version, err := store.GetLatestVersion(t.Context(), actorID)
	if err != nil {
		t.Fatal(err)
	}
	for i, eventType := range types {
		e := aether.Event{ActorID: actorID, Version: version + aether.Version(i+1), Type: eventType, Data: []byte(`{"a":1}`),
			Metadata: aether.Metadata{CorrelationID: "request 7", CausationID: "command 7"}}
		if _, err := store.SaveEvents(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// brief is what most tests look at.
func brief(events []integration.Event) string {
	var text []string
	for _, e := range events {
		text = append(text, fmt.Sprintf("%d:%s@%d", e.Sequence, e.Type, e.Position))
	}
	return fmt.Sprint(text)
}

func TestRead(t *testing.T) {
	store := newStore(t)
	save(t, store, "room/1", "One", "None", "Two")
	save(t, store, "hall/1", "One")
	save(t, store, "room/1", "One")
	m := mapping()
	var all []integration.Event
	for e, err := range m.Read(t.Context(), store, "test", integration.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if got, want := brief(all), "[1:demo.One.0@1 2:demo.Two.0@3 3:demo.Two.1@3 4:demo.One.0@5]"; got != want {
		t.Fatalf("the events are %s, want %s", got, want)
	}
	second := all[2]
	if second.ID != "room/1@3.1" || second.Subject != "room/1" || second.Stream != m.Stream("test") || !second.Last || all[1].Last ||
		second.Metadata.CorrelationID != "request 7" || second.Metadata.CausationID == "command 7" || second.Time.IsZero() {
		t.Errorf("an event is %+v", second)
	}

	// From any cursor on, the same numbers.
	for i, e := range all {
		if !e.Last {
			continue
		}
		var rest []integration.Event
		for e, err := range m.Read(t.Context(), store, "test", integration.Cursor{Sequence: e.Sequence, Position: e.Position}) {
			if err != nil {
				t.Fatal(err)
			}
			rest = append(rest, e)
		}
		if brief(rest) != brief(all[i+1:]) {
			t.Errorf("behind %d: %s, want %s", i, brief(rest), brief(all[i+1:]))
		}
	}
}
