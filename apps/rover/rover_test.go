package rover_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
	"github.com/coder/websocket"
)

// world is a server with the rover system.
type world struct {
	t        testing.TB
	url      string
	rover    *rover.Rover
	store    aether.EventStore
	commands integration.Commands
	hub      *live.Hub
	ended    <-chan error // has why the server ended, if it was not the end of the test
}

// parts are what a world stands on; what is missing is in memory, and new.
type parts struct {
	store  aether.EventStore
	bus    integration.Bus
	logger *slog.Logger
	token  string

	stopped bool // it is only made, and does not run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := startWorld(t, parts{})
	for !w.rover.Status().Ready { // until then queries are refused
		<-time.After(time.Millisecond)
	}
	return w
}

func newStore(t testing.TB) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func startWorld(t testing.TB, p parts) *world {
	t.Helper()
	if p.store == nil {
		p.store = newStore(t)
	}
	if p.bus == nil {
		p.bus = integration.NewLocal(nil)
	}
	p.logger = cmp.Or(p.logger, slog.New(slog.DiscardHandler))
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	parts := node.Alone(p.store, "test", db, p.logger)
	parts.Bus = p.bus
	w := &world{t: t, store: p.store, commands: parts.Commands}
	w.rover, err = rover.New(parts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: p.store, Namespace: "test", Version: "test", Logger: p.logger, Token: p.token}, w.rover)
	if err != nil {
		t.Fatal(err)
	}
	w.hub = s.Hub
	if p.stopped {
		t.Cleanup(func() { _ = w.rover.Close() })
		return w
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended, done := make(chan error, 1), make(chan struct{})
	w.ended = ended
	go func() {
		err := s.Run(ctx, listener, nil)
		if ctx.Err() == nil || err != nil {
			ended <- err
		}
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		select {
		case err := <-ended:
			t.Errorf("Run: %v", err)
		default:
		}
	})
	return w
}

// ready waits until queries are answered.
func (w *world) ready() {
	w.t.Helper()
	for {
		r, err := http.Get(w.url + "/readyz")
		if err != nil {
			w.t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusOK {
			return
		}
	}
}

// ask sends a request and returns the status and the headers; the answer is decoded.
func (w *world) ask(method, path string, body, answer any, headers ...string) (int, http.Header) {
	w.t.Helper()
	var text io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		text = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, text)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer != nil {
		if err := json.Unmarshal(data, answer); err != nil {
			w.t.Fatalf("%s %s: %d: %v\n%s", method, path, response.StatusCode, err, data)
		}
	}
	return response.StatusCode, response.Header
}

// problem is what errors look like.
type problem struct {
	Type, Title, Detail, Reason string
	Status                      int
	Latest                      aether.Version
	Errors                      []struct{ Location, Message string }
}

// mars makes a grid with two rovers and a rock.
func (w *world) mars() {
	w.t.Helper()
	for _, step := range []struct{ path, body string }{
		{"/api/rover/grids", `{"id":"mars","width":5,"height":4,"obstacles":[{"x":2,"y":2}]}`},
		{"/api/rover/grids/mars/rovers", `{"id":"ann","x":0,"y":0,"heading":"N"}`},
		{"/api/rover/grids/mars/rovers", `{"id":"bob","x":2,"y":0,"heading":"W"}`},
	} {
		var answer any
		if status, _ := w.ask("POST", step.path, json.RawMessage(step.body), &answer); status != http.StatusCreated {
			w.t.Fatalf("%s: %d %v", step.path, status, answer)
		}
	}
}

func TestTheWholeWay(t *testing.T) {
	w := newWorld(t)
	w.mars()
	var moved rover.CommandDocument
	status, header := w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "FRF"}, &moved)
	if status != http.StatusOK || moved.Version != 6 || moved.Position != 6 || header.Get("ETag") != `"6"` || len(moved.Events) != 3 {
		t.Fatalf("moves: %d %v %+v", status, header, moved)
	}
	// A query sees what its caller has done.
	var d rover.GridDocument
	status, header = w.ask("GET", fmt.Sprintf("/api/rover/grids/mars?after=%d", moved.Position), nil, &d)
	if status != http.StatusOK || d.Version != 6 || header.Get("ETag") != `"6"` || len(d.Rovers) != 2 {
		t.Fatalf("grid: %d %+v", status, d)
	}
	ann := d.Rovers[0]
	if ann.X != 1 || ann.Y != 1 || ann.Heading != grid.East || ann.Moves != 3 || fmt.Sprint(ann.Path) != "[{0 0} {0 1} {1 1}]" || ann.Blocked != nil {
		t.Errorf("ann is %+v", ann)
	}

	// Blocked: why and where.
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "RRFF"}, &moved)
	last := moved.Events[len(moved.Events)-1]
	if last.Type != "RoverBlocked" || !strings.Contains(string(last.Data), `"by":"edge"`) {
		t.Errorf("the last event is %s %s", last.Type, last.Data)
	}
	w.ask("GET", fmt.Sprintf("/api/rover/grids/mars?after=%d", moved.Position), nil, &d)
	if b := d.Rovers[0].Blocked; b == nil || b.By != "edge" || b.X != -1 || b.Left != "F" {
		t.Errorf("blocked is %+v", b)
	}

	// Every document that ever was.
	for version, rovers := range map[int]int{1: 0, 2: 1, 3: 2, 6: 2} {
		var then rover.GridDocument
		if status, _ := w.ask("GET", fmt.Sprintf("/api/rover/grids/mars?version=%d", version), nil, &then); status != http.StatusOK ||
			then.Version != aether.Version(version) || len(then.Rovers) != rovers {
			t.Errorf("as of version %d: %d %+v", version, status, then)
		}
	}
	var then rover.GridDocument
	if status, _ := w.ask("GET", "/api/rover/grids/mars?at="+d.Created.Format(time.RFC3339Nano), nil, &then); status != http.StatusOK || then.Version != 1 {
		t.Errorf("as of its creation: %d %+v", status, then)
	}
	if status, _ := w.ask("GET", "/api/rover/grids/mars?at=2001-01-01T00:00:00Z", nil, nil); status != http.StatusNotFound {
		t.Errorf("before its creation: %d", status)
	}

	var events rover.EventPage
	w.ask("GET", "/api/rover/grids/mars/events?limit=2", nil, &events)
	if len(events.Events) != 2 || !events.More || events.Events[0].Type != "RoverBlocked" {
		t.Errorf("the events are %+v", events)
	}
	w.ask("GET", "/api/rover/grids/mars/events?before=3", nil, &events)
	if len(events.Events) != 2 || events.More || events.Events[1].Version != 1 {
		t.Errorf("the first events are %+v", events)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var last rover.CommandDocument
	for i := range 5 {
		w.ask("POST", "/api/rover/grids", map[string]any{"id": fmt.Sprint("g", i), "width": 3, "height": 3}, &last)
	}
	w.ask("GET", fmt.Sprintf("/api/rover/grids/g4?after=%d", last.Position), nil, nil)
	var ids []string
	cursor := ""
	for {
		var page rover.SummaryPage
		if status, _ := w.ask("GET", "/api/rover/grids?limit=2&cursor="+cursor, nil, &page); status != http.StatusOK {
			t.Fatalf("list: %d", status)
		}
		for _, s := range page.Grids {
			ids = append(ids, s.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(ids) != "[g4 g3 g2 g1 g0]" {
		t.Errorf("the grids are %v", ids)
	}
}

// The same commands come over the bus.
func TestCommandsFromTheBus(t *testing.T) {
	w := newWorld(t)
	send := func(id, kind string, command any) (rover.CommandDocument, error) {
		return w.bus(integration.Request{ID: id, Type: kind, Subject: "grid/mars", Metadata: aether.Metadata{CorrelationID: "request 7"}}, command)
	}
	if d, err := send("1", rover.CreateGrid, grid.Create{Width: 3, Height: 3}); err != nil || d.Version != 1 {
		t.Fatalf("create: %+v, %v", d, err)
	}
	if d, err := send("2", rover.LandRover, grid.Land{Rover: "ann", Heading: grid.North}); err != nil || d.Version != 2 {
		t.Fatalf("land: %+v, %v", d, err)
	}
	if d, err := send("3", rover.MoveRover, grid.Move{Rover: "ann", Moves: "F"}); err != nil || d.Version != 3 || d.Grid != "mars" {
		t.Fatalf("move: %+v, %v", d, err)
	}
	if d, err := send("3", rover.MoveRover, grid.Move{Rover: "ann", Moves: "F"}); err != nil || !d.Repeated {
		t.Errorf("move again: %+v, %v", d, err)
	}
	if _, err := send("4", rover.LandRover, grid.Land{Rover: "ann", Heading: grid.North}); !errors.Is(err, aether.ErrRefused) {
		t.Errorf("land again: %v, want a refusal", err)
	}
	if _, err := send("5", "fly", grid.Move{}); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("fly: %v, want ErrInvalid", err)
	}
	var events rover.EventPage
	w.ask("GET", "/api/rover/grids/mars/events", nil, &events)
	if len(events.Events) != 3 || events.Events[0].CorrelationID != "request 7" {
		t.Errorf("the events are %+v", events)
	}
}

// message is what a live client hears.
type message struct {
	Topic    string
	Position uint64
	Document *rover.GridDocument
	Change   *rover.ChangeDocument
	Error    string
}

func TestLive(t *testing.T) {
	w := newWorld(t)
	w.mars()
	w.ask("GET", "/api/rover/grids/mars?after=3", nil, nil) // it is in the read model
	connection, _, err := websocket.Dial(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.CloseNow()
	say := func(text string) {
		t.Helper()
		if err := connection.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() (m message) {
		t.Helper()
		_, data, err := connection.Read(t.Context())
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		return m
	}
	say(`{"subscribe":"grid/mars"}`)
	version := uint64(0)
	for version < 3 { // the read model may still be behind
		m := hear()
		if m.Document == nil && m.Change == nil || m.Position <= version {
			t.Fatalf("heard %+v after %d", m, version)
		}
		version = m.Position
	}
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "FR"}, nil)
	for _, want := range []string{"RoverMovedForward", "RoverTurnedRight"} {
		version++
		if m := hear(); m.Change == nil || m.Change.Type != want || m.Position != version || uint64(m.Change.Version) != version || m.Topic != "grid/mars" {
			t.Errorf("heard %+v, want %s at %d", m, want, version)
		}
	}
	say(`{"subscribe":"grid/venus"}`)
	if m := hear(); m.Error == "" {
		t.Errorf("heard %+v of a grid that is not there", m)
	}
}
