package rover_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
)

// bus sends a command over the bus.
func (w *world) bus(request integration.Request, command any) (rover.CommandDocument, error) {
	w.t.Helper()
	data, err := json.Marshal(command)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Namespace, request.Kind, request.Data = "test", grid.Kind, data
	var reply integration.Reply
	for { // the system takes a moment to start
		if reply, err = w.commands.Send(w.t.Context(), request); !errors.Is(err, integration.ErrNoServer) {
			break
		}
	}
	var d rover.CommandDocument
	if err == nil {
		err = json.Unmarshal(reply.Data, &d)
	}
	return d, err
}

// One rule for names, whichever way a command comes: a name that was given can be used
// in an address.
func TestNames(t *testing.T) {
	w := newWorld(t)
	w.mars()
	for _, name := range []string{".", "..", "a/b", "mars\u202e", "a\u200b", "a\nb", strings.Repeat("x", 65)} {
		if status, _ := w.ask("POST", "/api/rover/grids", map[string]any{"id": name, "width": 2, "height": 2}, nil); status != http.StatusUnprocessableEntity {
			t.Errorf("grid %.20q over HTTP: %d", name, status)
		}
		if _, err := w.bus(integration.Request{Type: rover.CreateGrid, Subject: "grid/" + name}, grid.Create{Width: 2, Height: 2}); !errors.Is(err, aether.ErrInvalid) {
			t.Errorf("grid %.20q over the bus: %v", name, err)
		}
		if status, _ := w.ask("POST", "/api/rover/grids/mars/rovers", map[string]any{"id": name, "x": 4, "y": 3, "heading": "N"}, nil); status/100 != 4 {
			t.Errorf("rover %.20q over HTTP: %d", name, status)
		}
		if _, err := w.bus(integration.Request{Type: rover.LandRover, Subject: "grid/mars"}, grid.Land{Rover: name, Point: grid.Point{X: 4, Y: 3}, Heading: grid.North}); !errors.Is(err, aether.ErrRefused) {
			t.Errorf("rover %.20q over the bus: %v", name, err)
		}
	}
	for i, name := range []string{"...", "Ärmel", "火星 2", "100%", "a?b#c"} {
		var c rover.CommandDocument
		if status, _ := w.ask("POST", "/api/rover/grids", map[string]any{"id": name, "width": 2, "height": 2}, &c); status != http.StatusCreated {
			t.Errorf("grid %q: %d", name, status)
			continue
		}
		var d rover.GridDocument
		path := "/api/rover/grids/" + escape(name)
		if status, _ := w.ask("GET", fmt.Sprintf("%s?after=%d", path, c.Position), nil, &d); status != http.StatusOK || d.ID != name {
			t.Errorf("grid %q is there as %q: %d", name, d.ID, status)
		}
		w.ask("POST", "/api/rover/grids/mars/rovers", map[string]any{"id": name, "x": i, "y": 3, "heading": "N"}, nil)
		if status, _ := w.ask("POST", "/api/rover/grids/mars/rovers/"+escape(name)+"/moves", map[string]string{"moves": "L"}, nil); status != http.StatusOK {
			t.Errorf("to move rover %q is %d", name, status)
		}
	}
}

// escape is what a browser does with a part of a path.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c < 0x80 && c != '%' && c != '?' && c != '#' && c != ' ' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	w.mars()
	var first, again rover.CommandDocument
	move := map[string]string{"moves": "FF"}
	for range 2 { // with what it had seen, which is not the latest any more
		again = rover.CommandDocument{}
		if status, _ := w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", move, &again, "Idempotency-Key", "click 1", "If-Match", `"3"`); status != http.StatusOK {
			t.Errorf("the answer is %d", status)
		}
		if first.Grid == "" {
			first = again
		}
	}
	if first.Repeated || !again.Repeated || again.Version != first.Version || again.Position != first.Position {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	// The key is its sender's business.
	for e, err := range w.store.GetEvents(t.Context(), "grid/mars", 3) {
		if text, _ := json.Marshal(e); err != nil || strings.Contains(string(text), "click") {
			t.Errorf("an event has the key: %s, %v", text, err)
		}
	}
	// Another operation, or grid, is another command.
	var other rover.CommandDocument
	if status, _ := w.ask("POST", "/api/rover/grids/mars/rovers", map[string]any{"id": "cid", "x": 4, "y": 0, "heading": "N"}, &other, "Idempotency-Key", "click 1"); status != http.StatusCreated || other.Repeated {
		t.Errorf("another operation with the key: %d %+v", status, other)
	}
}

// A grid without an ID is the same grid when its command comes again. Its ID does not
// give the key away, and any key will do.
func TestKeyOfAGridWithoutID(t *testing.T) {
	w := newWorld(t)
	ids := make(map[string]bool)
	for _, key := range []string{"click 2", "order/17", strings.Repeat("k", 200), ".."} {
		var first, again rover.CommandDocument
		create := map[string]int{"width": 2, "height": 2}
		if status, _ := w.ask("POST", "/api/rover/grids", create, &first, "Idempotency-Key", key); status != http.StatusCreated {
			t.Errorf("key %.20q: %d", key, status)
			continue
		}
		w.ask("POST", "/api/rover/grids", create, &again, "Idempotency-Key", key)
		if !grid.ValidName(first.Grid) || again.Grid != first.Grid || !again.Repeated || strings.Contains(first.Grid, key) || ids[first.Grid] {
			t.Errorf("first %+v\nagain %+v", first, again)
		}
		ids[first.Grid] = true
	}
	a, errA := w.bus(integration.Request{ID: "7", Type: rover.CreateGrid}, grid.Create{Width: 2, Height: 2})
	b, errB := w.bus(integration.Request{ID: "7", Type: rover.CreateGrid}, grid.Create{Width: 2, Height: 2})
	if errA != nil || errB != nil || a.Grid == "" || a.Grid != b.Grid || !b.Repeated {
		t.Errorf("over the bus: %+v, %v and %+v, %v", a, errA, b, errB)
	}
}

// The same key with another command is an error, and not the first one's result.
func TestKeyOfAnotherCommand(t *testing.T) {
	w := newWorld(t)
	w.mars()
	const grids, moves = "/api/rover/grids", "/api/rover/grids/mars/rovers/"
	w.ask("POST", grids, map[string]any{"id": "venus", "width": 2, "height": 2}, nil, "Idempotency-Key", "k")
	w.ask("POST", grids, map[string]any{"width": 2, "height": 2}, nil, "Idempotency-Key", "k")
	w.ask("POST", moves+"ann/moves", map[string]string{"moves": "FFFFF"}, nil, "Idempotency-Key", "k") // is blocked
	w.ask("POST", grids+"/mars/rovers", map[string]any{"id": "cid", "x": 4, "y": 0, "heading": "N"}, nil, "Idempotency-Key", "k")
	var before rover.EventPage
	w.ask("GET", grids+"/mars/events", nil, &before)
	for name, test := range map[string]struct {
		path string
		body any
	}{
		"another rover":    {moves + "bob/moves", map[string]string{"moves": "FFFFF"}},
		"other moves":      {moves + "ann/moves", map[string]string{"moves": "FFFFL"}},
		"fewer moves":      {moves + "ann/moves", map[string]string{"moves": "FFF"}},
		"another landing":  {grids + "/mars/rovers", map[string]any{"id": "dan", "x": 4, "y": 0, "heading": "N"}},
		"another heading":  {grids + "/mars/rovers", map[string]any{"id": "cid", "x": 4, "y": 0, "heading": "W"}},
		"another size":     {grids, map[string]any{"id": "venus", "width": 3, "height": 2}},
		"another new grid": {grids, map[string]any{"width": 3, "height": 2}},
		"refused anyway":   {moves + "zoe/moves", map[string]string{"moves": "F"}},
	} {
		var p problem
		if status, _ := w.ask("POST", test.path, test.body, &p, "Idempotency-Key", "k"); status != http.StatusUnprocessableEntity ||
			p.Type != "urn:aether:idempotency-key-reused" || p.Errors[0].Location != "header.Idempotency-Key" {
			t.Errorf("%s: %d %+v", name, status, p)
		}
	}
	var after rover.EventPage
	w.ask("GET", grids+"/mars/events", nil, &after)
	if len(after.Events) != len(before.Events) {
		t.Errorf("%d events have come", len(after.Events)-len(before.Events))
	}

	if _, err := w.bus(integration.Request{ID: "k", Subject: "grid/mars", Type: rover.MoveRover}, grid.Move{Rover: "bob", Moves: "L"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus(integration.Request{ID: "k", Subject: "grid/mars", Type: rover.MoveRover}, grid.Move{Rover: "bob", Moves: "R"}); !errors.Is(err, aether.ErrDuplicateEvent) {
		t.Errorf("over the bus: %v, want ErrDuplicateEvent", err)
	}
}

// A command that comes over the bus says what version it has seen, as one over HTTP.
func TestVersionSeenOverTheBus(t *testing.T) {
	w := newWorld(t)
	w.mars()
	request := integration.Request{ID: "1", Subject: "grid/mars", Type: rover.MoveRover, At: new(aether.Version(2))}
	_, err := w.bus(request, grid.Move{Rover: "bob", Moves: "L"})
	if conflict, ok := errors.AsType[*aether.ConflictError](err); !ok || conflict.Latest != 3 {
		t.Errorf("after version 2 of 3: %v, want a conflict", err)
	}
	request.At = new(aether.Version(3))
	if d, err := w.bus(request, grid.Move{Rover: "bob", Moves: "L"}); err != nil || d.Version != 4 {
		t.Errorf("after version 3 of 3: %+v, %v", d, err)
	}
	for _, subject := range []string{"", "grid", "station/CP-1"} {
		if _, err := w.bus(integration.Request{Subject: subject, Type: rover.MoveRover}, grid.Move{Rover: "bob", Moves: "L"}); !errors.Is(err, aether.ErrInvalid) {
			t.Errorf("to %q: %v, want ErrInvalid", subject, err)
		}
	}
}

// A form that is sent twice has its effect once. After the Back button, with another
// name in it, it is another command, though the browser sends the same hidden key.
func TestFormSentAgain(t *testing.T) {
	w := newWorld(t)
	w.mars()
	for i, form := range []string{"id=cid&x=0", "id=cid&x=0", "id=dan&x=1"} {
		r, text := w.send("POST", "/rover/mars/rovers", "key=SAMEKEY&y=3&heading=N&"+form, "Content-Type", "application/x-www-form-urlencoded")
		if r.StatusCode != http.StatusOK {
			t.Errorf("form %d: %s %.500s", i, r.Status, text)
		}
	}
	var d rover.GridDocument
	w.ask("GET", "/api/rover/grids/mars?after=5", nil, &d)
	if len(d.Rovers) != 4 || d.Version != 5 {
		t.Errorf("%d rovers at version %d, want ann, bob, cid and dan", len(d.Rovers), d.Version)
	}
}
