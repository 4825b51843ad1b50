package rover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/integration"
	"github.com/coder/websocket"
)

// dial opens a WebSocket.
func (w *world) dial(options *websocket.DialOptions) *websocket.Conn {
	w.t.Helper()
	connection, _, err := websocket.Dial(w.t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/live", options)
	if err != nil {
		w.t.Fatal(err)
	}
	connection.SetReadLimit(1 << 20)
	w.t.Cleanup(func() { _ = connection.CloseNow() })
	return connection
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear returns the next message, of which there must be one soon.
func hear(t *testing.T, c *websocket.Conn) (m message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return m
}

// One event that this version of the program cannot map stops the relay, which says
// so everywhere, and not the server.
func TestEventThatCannotBeMapped(t *testing.T) {
	store := newStore(t)
	if _, err := store.SaveEvents(t.Context(), aether.Event{
		ActorID: "grid/new", Version: 1, Type: "GridCreated", Schema: 2, Data: []byte(`{"size":[3,4]}`),
	}); err != nil {
		t.Fatal(err)
	}
	w := startWorld(t, parts{store: store})
	status := w.await("/api/relays", `"state":"stopped"`)
	if !strings.Contains(status, `"system":"rover"`) || !strings.Contains(status, "grid/new") || !strings.Contains(status, `"lag":1`) {
		t.Errorf("the relays are %s", status)
	}
	if text := w.await("/readyz", "the relay of rover: stopped"); strings.Contains(text, "grid/new") || !strings.HasPrefix(text, "ready\n") {
		t.Errorf("readyz is %q", text)
	}
	w.await("/metrics", `aether_relay_stopped{system="rover"} 1`)
	w.await("/metrics", `aether_relay_lag{system="rover"} 1`)
	w.await("/metrics", `aether_projection_lag{projection="rover-grids"} 1`)
	if response, text := w.send("POST", "/api/relays/rover/retry", ""); response.StatusCode != http.StatusAccepted {
		t.Errorf("retry: %s %s", response.Status, text)
	}
	var c rover.CommandDocument
	if status, _ := w.ask("POST", "/api/rover/grids", map[string]any{"id": "m", "width": 2, "height": 2}, &c); status != http.StatusCreated {
		t.Errorf("a command: %d", status)
	}
	if status, _ := w.ask("GET", "/api/rover/grids/m?version=1", nil, nil); status != http.StatusOK {
		t.Errorf("time travel: %d", status)
	}
	w.await("/metrics", `aether_relay_lag{system="rover"} 2`)
	select {
	case err := <-w.ended:
		t.Errorf("the server ended: %v", err)
	default:
	}
}

// await asks until the answer is as wanted.
func (w *world) await(path, want string) string {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, text := w.send("GET", path, "")
		if strings.Contains(text, want) {
			return text
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: %s, want %s", path, text, want)
		}
	}
}

// Nobody lags when all is published, also where the log goes on with other events.
func TestLagIsOfItsOwnEvents(t *testing.T) {
	w := newWorld(t)
	w.mars()
	w.ask("GET", "/api/rover/grids/mars?after=3", nil, nil)
	for i := range 5 {
		if _, err := w.store.SaveEvents(t.Context(), aether.Event{ActorID: "pool/jazz", Version: aether.Version(i + 1), Type: "TicketSold", Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		w.await("/metrics", fmt.Sprintf("aether_log_position %d", 4+i))
		w.await("/metrics", `aether_relay_lag{system="rover"} 0`)
		w.await("/metrics", `aether_projection_lag{projection="rover-grids"} 0`)
	}
	if text := w.await("/api/relays", `"lag":0`); !strings.Contains(text, `"sequence":3`) || !strings.Contains(text, `"state":"publishing"`) {
		t.Errorf("the relays are %s", text)
	}
}

// gated is a store whose log cannot be read until the gate opens.
type gated struct {
	aether.EventStore
	gate chan struct{}
}

func (g gated) ReadLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		select {
		case <-g.gate:
		case <-ctx.Done():
			yield(aether.Event{}, ctx.Err())
			return
		}
		g.EventStore.ReadLog(ctx, after, o)(yield)
	}
}

// While the read DB is made again, what is there is not said not to be there: neither
// to programs, nor to a page that comes back.
func TestQueriesWhileTheReadDBIsMade(t *testing.T) {
	store := newStore(t)
	startWorld(t, parts{store: store}).mars()
	gate := make(chan struct{})
	w := startWorld(t, parts{store: gated{store, gate}}) // as after a restart without the folder
	for _, path := range []string{"/api/rover/grids/mars", "/api/rover/grids/venus", "/api/rover/grids"} {
		response, text := w.send("GET", path, "")
		if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"urn:aether:unavailable"`) || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %s", path, response.Status, text)
		}
	}
	if response, text := w.send("GET", "/rover/mars", ""); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the page: %s %.200s", response.Status, text)
	}
	if response, text := w.send("GET", "/api/rover/grids/mars?version=2", ""); response.StatusCode != http.StatusOK {
		t.Errorf("time travel, which reads the log: %s %s", response.Status, text)
	}
	c := w.dial(nil)
	say(t, c, `{"subscribe":"grid/mars","after":2}`)
	say(t, c, `{"subscribe":"grids"}`)
	close(gate)
	got := make(map[string]bool)
	for len(got) < 2 {
		m := hear(t, c)
		switch {
		case m.Document != nil:
			got[m.Topic] = true
		case strings.Contains(m.Error, "unknown"):
			t.Fatalf("the page is told %+v, and gives up", m)
		case m.Error != "": // the page tries again
			say(t, c, `{"subscribe":"`+m.Topic+`","after":2}`)
		}
	}
	if response, _ := w.send("GET", "/api/rover/grids/venus?after=3", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("a grid that is not there: %s", response.Status)
	}
}

// goneOnce ends one subscription with ErrGone.
type goneOnce struct {
	integration.Bus
	gone atomic.Bool
}

func (g *goneOnce) Subscribe(ctx context.Context, stream integration.Stream, after uint64) iter.Seq2[integration.Event, error] {
	return func(yield func(integration.Event, error) bool) {
		for e, err := range g.Bus.Subscribe(ctx, stream, after) {
			if err == nil && g.gone.Swap(false) {
				yield(integration.Event{}, &integration.GoneError{Stream: stream})
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// A page that watches hears of everything, also of what was applied from the history.
func TestLiveAfterTheBusHasForgotten(t *testing.T) {
	bus := &goneOnce{Bus: integration.NewLocal(nil)}
	w := startWorld(t, parts{bus: bus})
	w.mars()
	w.ask("GET", "/api/rover/grids/mars?after=3", nil, nil)
	c := w.dial(nil)
	say(t, c, `{"subscribe":"grid/mars"}`)
	say(t, c, `{"subscribe":"grids"}`)
	hear(t, c)
	hear(t, c)
	bus.gone.Store(true)
	var moved rover.CommandDocument
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "F"}, &moved)
	heard := make(map[string]uint64)
	for heard["grid/mars"] < uint64(moved.Version) || heard["grids"] < uint64(moved.Position) {
		m := hear(t, c)
		heard[m.Topic] = m.Position
	}
}

// Operators rebuild while commands come, and pages that watch end up with the newest.
func TestLiveWhileTheReadModelIsRebuilt(t *testing.T) {
	w := newWorld(t)
	w.mars()
	var moved rover.CommandDocument
	for range 5 { // some history
		w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": strings.Repeat("L", 200)}, &moved)
	}
	w.ask("GET", fmt.Sprintf("/api/rover/grids/mars?after=%d", moved.Position), nil, nil)
	for range 10 {
		c := w.dial(nil)
		say(t, c, `{"subscribe":"grid/mars"}`)
		hear(t, c)
		w.ask("POST", "/api/projections/rover-grids/rebuild", nil, nil)
		w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "L"}, &moved)
		var d rover.GridDocument
		if status, _ := w.ask("GET", fmt.Sprintf("/api/rover/grids/mars?after=%d", moved.Position), nil, &d); status != http.StatusOK || d.Version < moved.Version {
			t.Errorf("a query meanwhile: %d, version %d, want %d", status, d.Version, moved.Version)
		}
		for heard := uint64(0); heard < uint64(moved.Version); {
			heard = max(heard, hear(t, c).Position)
		}
		_ = c.CloseNow()
	}
}
