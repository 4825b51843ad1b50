package rover_test

import (
	"bytes"
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
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
	"github.com/coder/websocket"
)

// world is a server with the rover system, in memory.
type world struct {
	t        *testing.T
	url      string
	store    aether.EventStore
	commands *integration.LocalCommands
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	w := &world{t: t, store: store, commands: &integration.LocalCommands{}}
	system, err := rover.New(store, "test", db, integration.NewLocal(), w.commands, logger)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: store, Namespace: "test", Version: "test", Logger: logger}, system)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return w
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
	var bad problem
	if status, _ := w.ask("GET", "/api/rover/grids?cursor=x", nil, &bad); status != http.StatusUnprocessableEntity {
		t.Errorf("a bad cursor: %d %+v", status, bad)
	}
}

func TestProblems(t *testing.T) {
	w := newWorld(t)
	w.mars()
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		kind, field              string
	}{
		{"a grid that is there", "POST", "/api/rover/grids", `{"id":"mars","width":5,"height":4}`, nil, 409, "urn:aether:refused:grid-exists", ""},
		{"a rover in the way", "POST", "/api/rover/grids/mars/rovers", `{"id":"cid","x":0,"y":0,"heading":"N"}`, nil, 409, "urn:aether:refused:occupied", ""},
		{"no grid", "POST", "/api/rover/grids/venus/rovers", `{"id":"cid","x":0,"y":0,"heading":"N"}`, nil, 404, "urn:aether:refused:no-grid", ""},
		{"no grid to read", "GET", "/api/rover/grids/venus", ``, nil, 404, "urn:aether:refused:no-grid", ""},
		{"no rover", "POST", "/api/rover/grids/mars/rovers/zoe/moves", `{"moves":"F"}`, nil, 404, "urn:aether:refused:no-rover", ""},
		{"too large", "POST", "/api/rover/grids", `{"id":"x","width":1001,"height":4}`, nil, 422, "", "body.width"},
		{"no size", "POST", "/api/rover/grids", `{"id":"x"}`, nil, 422, "", "body"},
		{"other letters", "POST", "/api/rover/grids/mars/rovers/ann/moves", `{"moves":"FX"}`, nil, 422, "", "body.moves"},
		{"no JSON", "POST", "/api/rover/grids", `{`, nil, 400, "", ""},
		{"a bad ID", "POST", "/api/rover/grids", `{"id":"a/b","width":1,"height":4}`, nil, 422, "urn:aether:invalid", "id"},
		{"an old version", "POST", "/api/rover/grids/mars/rovers/ann/moves", `{"moves":"F"}`, []string{"If-Match", `"2"`}, 412, "urn:aether:version-conflict", ""},
		{"no version", "POST", "/api/rover/grids/mars/rovers/ann/moves", `{"moves":"F"}`, []string{"If-Match", `"x"`}, 422, "", "header.If-Match"},
		{"from another site", "POST", "/api/rover/grids", `{"width":1,"height":4}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "", ""},
		{"no such path", "GET", "/api/rover/planets", ``, nil, 404, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body any
			if test.body != "" {
				body = json.RawMessage(test.body)
			}
			if test.body == "{" {
				body = nil
			}
			var p problem
			var answer any = &p
			if test.status == 403 || body == nil && test.method == "POST" {
				answer = nil
			}
			status, header := w.ask(test.method, test.path, body, answer, test.headers...)
			if test.body == "{" {
				if status != 400 && status != 422 {
					t.Errorf("no body: %d", status)
				}
				return
			}
			if status != test.status || test.kind != "" && p.Type != test.kind {
				t.Errorf("status %d, %+v; want %d %s", status, p, test.status, test.kind)
			}
			if test.status == 403 {
				return
			}
			if got := header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
				t.Errorf("the content type is %q", got)
			}
			found := test.field == ""
			for _, e := range p.Errors {
				found = found || e.Location == test.field
			}
			if !found {
				t.Errorf("the errors are %+v, want one about %s", p.Errors, test.field)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	w.mars()
	var first, again rover.CommandDocument
	move := map[string]string{"moves": "FF"}
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", move, &first, "Idempotency-Key", "click 1")
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", move, &again, "Idempotency-Key", "click 1")
	if first.Repeated || !again.Repeated || again.Version != first.Version || again.Position != first.Position {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	// A grid without an ID is the same grid when its command comes again.
	create := map[string]int{"width": 2, "height": 2}
	w.ask("POST", "/api/rover/grids", create, &first, "Idempotency-Key", "click 2")
	w.ask("POST", "/api/rover/grids", create, &again, "Idempotency-Key", "click 2")
	if first.Grid == "" || again.Grid != first.Grid || !again.Repeated {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
}

// The same commands come over the bus.
func TestCommandsFromTheBus(t *testing.T) {
	w := newWorld(t)
	send := func(id, kind string, command any) (rover.CommandDocument, error) {
		data, err := json.Marshal(command)
		if err != nil {
			t.Fatal(err)
		}
		request := integration.Request{
			System: rover.Name, ID: id, Type: kind, Subject: "grid/mars", Data: data,
			Metadata: aether.Metadata{CorrelationID: "request 7"},
		}
		var reply integration.Reply
		for { // the system takes a moment to start
			if reply, err = w.commands.Send(t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
				break
			}
		}
		var d rover.CommandDocument
		if err == nil {
			err = json.Unmarshal(reply.Data, &d)
		}
		return d, err
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

// What other services may know, page by page, in order, without gaps.
func TestIntegrationEvents(t *testing.T) {
	w := newWorld(t)
	w.mars()
	next, last := integration.Cursor{}, uint64(0)
	for range 3 {
		var page struct {
			Events []struct{ Specversion, Type, Source, Sequence, Subject string }
			Next   integration.Cursor
		}
		path := fmt.Sprintf("/api/integration/rover?limit=2&sequence=%d&position=%d", next.Sequence, next.Position)
		if status, _ := w.ask("GET", path, nil, &page); status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		for _, e := range page.Events {
			last++
			if e.Specversion != "1.0" || e.Sequence != fmt.Sprint(last) || e.Source != "/aether/test/rover" || e.Subject != "grid/mars" {
				t.Errorf("event %d is %+v", last, e)
			}
		}
		next = page.Next
	}
	if last != 3 || next.Sequence != 3 {
		t.Errorf("there are %d events, next is %+v", last, next)
	}
	if status, _ := w.ask("GET", "/api/integration/venus", nil, nil); status != http.StatusNotFound {
		t.Errorf("another system: %d", status)
	}
}
