package rover_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
)

// long makes a grid with n events, a second apart, of two rovers that drive to and fro.
func long(t testing.TB, store aether.EventStore, n int) (start time.Time) {
	t.Helper()
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var batch []aether.Event
	add := func(eventType string, event grid.Event) {
		data, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		version := len(batch) + 1
		batch = append(batch, aether.Event{
			ActorID: "grid/long", Version: aether.Version(version), Type: eventType, Data: data, Time: start.Add(time.Duration(version) * time.Second),
		})
	}
	add("GridCreated", grid.GridCreated{Width: 50, Height: 50})
	for i, id := range []string{"ann", "bob"} {
		add("RoverLanded", grid.RoverLanded{Rover: id, Point: grid.Point{X: i}, Heading: grid.North})
	}
	for len(batch) < n {
		i, step := len(batch)%2, (len(batch)-1)/2
		y := step % 98
		if y > 49 {
			y = 98 - y
		}
		add("RoverMovedForward", grid.RoverMovedForward{Rover: []string{"ann", "bob"}[i], Point: grid.Point{X: i, Y: y}})
	}
	for len(batch) > 0 {
		part := batch[:min(len(batch), aether.MaxBatchEvents)]
		if _, err := store.SaveEvents(t.Context(), part...); err != nil {
			t.Fatal(err)
		}
		batch = batch[len(part):]
	}
	return start
}

// A grid as it was, at any version and time, is the one that its events make, also
// where most of them need not be read.
func TestTravelFar(t *testing.T) {
	const events = 3500
	store := newStore(t)
	start := long(t, store, events)
	w := startWorld(t, parts{store: store})
	w.ask("GET", fmt.Sprintf("/api/rover/grids/long?after=%d", events), nil, nil)

	plain := newDocuments(t, store)
	for _, version := range []aether.Version{1, 3, 999, 1000, 1001, 1999, 2000, 3000, 3333, events} {
		var at, then rover.GridDocument
		if status, _ := w.ask("GET", fmt.Sprintf("/api/rover/grids/long?version=%d", version), nil, &then); status != http.StatusOK {
			t.Fatalf("version %d: %d", version, status)
		}
		moment := start.Add(time.Duration(version)*time.Second + time.Millisecond)
		w.ask("GET", "/api/rover/grids/long?at="+moment.Format(time.RFC3339Nano), nil, &at)
		if want := plain(version); !reflect.DeepEqual(then, want) || !reflect.DeepEqual(at, want) {
			t.Errorf("version %d is %.300s\nat its time %.300s\nwant %.300s", version, text(then), text(at), text(want))
		}
	}
	var p problem
	if status, _ := w.ask("GET", "/api/rover/grids/long?at="+start.Format(time.RFC3339), nil, &p); status != http.StatusNotFound {
		t.Errorf("before its time: %d %+v", status, p)
	}
	var d rover.GridDocument
	if status, _ := w.ask("GET", "/api/rover/grids/long?at=2100-01-01T00:00:00Z", nil, &d); status != http.StatusOK || d.Version != events {
		t.Errorf("in the future: %d, version %d", status, d.Version)
	}
}

func text(d any) string {
	data, _ := json.Marshal(d)
	return string(data)
}

// newDocuments returns what makes the documents of the grid "long" of nothing but its
// events.
func newDocuments(t *testing.T, store aether.EventStore) func(version aether.Version) rover.GridDocument {
	t.Helper()
	fresh := startWorld(t, parts{store: store, stopped: true}) // its read model is empty, so there are no milestones
	return func(version aether.Version) rover.GridDocument {
		d, err := fresh.rover.Grid(t.Context(), "long", version, 0)
		if err != nil {
			t.Fatal(err)
		}
		return normal(t, d)
	}
}

// normal is a document as it comes over the wire.
func normal(t *testing.T, d rover.GridDocument) (n rover.GridDocument) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(d)), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// BenchmarkSlider is a step of the slider, to any version of a grid with 20,000 events.
func BenchmarkSlider(b *testing.B) {
	const events = 20_000
	store := newStore(b)
	long(b, store, events)
	for _, name := range []string{"milestones", "none"} {
		b.Run(name, func(b *testing.B) {
			w := startWorld(b, parts{store: store, stopped: name == "none"})
			if name == "milestones" {
				w.ask("GET", fmt.Sprintf("/api/rover/grids/long?after=%d", events), nil, nil)
			}
			for i := 0; b.Loop(); i++ {
				version := aether.Version(1 + i*7919%events)
				if d, err := w.rover.Grid(b.Context(), "long", version, 0); err != nil || d.Version != version {
					b.Fatalf("version %d is %d: %v", version, d.Version, err)
				}
			}
		})
	}
}
