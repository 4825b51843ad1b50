package rover_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/integration"
)

// send sends a request with a text for a body, and returns the answer.
func (w *world) send(method, path, body string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, string(text)
}

// Every error is a problem with a type that does not change, and names the field that
// is wrong as all others do.
func TestProblems(t *testing.T) {
	w := newWorld(t)
	w.mars()
	const grids, mars, moves = "/api/rover/grids", "/api/rover/grids/mars", "/api/rover/grids/mars/rovers/ann/moves"
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		kind, field              string
	}{
		{"a grid that is there", "POST", grids, `{"id":"mars","width":5,"height":4}`, nil, 409, "refused:grid-exists", ""},
		{"a rover in the way", "POST", mars + "/rovers", `{"id":"cid","x":0,"y":0,"heading":"N"}`, nil, 409, "refused:occupied", ""},
		{"no grid", "POST", grids + "/venus/rovers", `{"id":"cid","x":0,"y":0,"heading":"N"}`, nil, 404, "refused:no-grid", ""},
		{"no such grid can be", "POST", grids + "/a%2Fb/rovers", `{"id":"cid","x":0,"y":0,"heading":"N"}`, nil, 404, "refused:no-grid", ""},
		{"no grid to read", "GET", grids + "/venus", ``, nil, 404, "refused:no-grid", ""},
		{"no grid of that name", "GET", grids + "/%00", ``, nil, 404, "refused:no-grid", ""},
		{"no events of that name", "GET", grids + "/%00/events", ``, nil, 404, "refused:no-grid", ""},
		{"no version", "GET", mars + "?version=99", ``, nil, 404, "refused:no-version", ""},
		{"no rover", "POST", mars + "/rovers/zoe/moves", `{"moves":"F"}`, nil, 404, "refused:no-rover", ""},
		{"too large", "POST", grids, `{"id":"x","width":1001,"height":4}`, nil, 422, "invalid", "body.width"},
		{"no size", "POST", grids, `{"id":"x"}`, nil, 422, "invalid", "body"},
		{"other letters", "POST", moves, `{"moves":"FX"}`, nil, 422, "invalid", "body.moves"},
		{"no JSON", "POST", grids, `{`, nil, 400, "malformed", ""},
		{"no body", "POST", grids, ``, []string{"Content-Type", "application/json"}, 400, "malformed", ""},
		{"another form", "POST", grids, `<grid/>`, []string{"Content-Type", "text/xml"}, 415, "unsupported-media-type", ""},
		{"a body of 2 MB", "POST", grids, `{"id":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "too-large", ""},
		{"a bad ID", "POST", grids, `{"id":"a/b","width":1,"height":4}`, nil, 422, "invalid", "body.id"},
		{"an old version", "POST", moves, `{"moves":"F"}`, []string{"If-Match", `"2"`}, 412, "version-conflict", ""},
		{"not a version", "POST", moves, `{"moves":"F"}`, []string{"If-Match", `"x"`}, 422, "invalid", "header.If-Match"},
		{"a bad trace", "POST", moves, `{"moves":"F"}`, []string{"traceparent", "\xff"}, 422, "invalid", "header.traceparent"},
		{"not a number", "GET", mars + "?version=x", ``, nil, 422, "invalid", "query.version"},
		{"both", "GET", mars + "?version=1&at=2026-01-01T00:00:00Z", ``, nil, 422, "invalid", "query.at"},
		{"a cursor of nothing", "GET", grids + "?cursor=x", ``, nil, 422, "invalid", "query.cursor"},
		{"events of nobody", "GET", "/api/integration/venus", ``, nil, 404, "not-found", ""},
		{"a relay of nobody", "POST", "/api/relays/venus/retry", ``, nil, 404, "not-found", ""},
		{"a projection of nobody", "POST", "/api/projections/venus/retry", ``, nil, 404, "not-found", ""},
		{"one that has not stopped", "POST", "/api/projections/rover-grids/retry", ``, nil, 409, "not-stopped", ""},
		{"another method", "DELETE", grids, ``, nil, 405, "method-not-allowed", ""},
		{"no such path", "GET", "/api/rover/planets", ``, nil, 404, "not-found", ""},
		{"no such path to write to", "POST", "/api/rover/planets", `{}`, nil, 404, "not-found", ""},
		{"from another site", "POST", grids, `{"width":1,"height":4}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "forbidden", ""},
		{"to another host", "GET", grids, ``, []string{"Host", "evil.example"}, 421, "misdirected", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, text := w.send(test.method, test.path, test.body, test.headers...)
			var p problem
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatalf("%s: %v: %.200s", response.Status, err, text)
			}
			if response.StatusCode != test.status || p.Status != test.status || p.Type != "urn:aether:"+test.kind || p.Title == "" || p.Detail == "" {
				t.Errorf("%s: %.300s; want %d %s", response.Status, text, test.status, test.kind)
			}
			if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("the content type is %q", got)
			}
			if allow := response.Header.Get("Allow"); test.status == 405 && allow != "GET, HEAD, POST" {
				t.Errorf("what is allowed is %q", allow)
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
	_, text := w.send("GET", mars+"?version=99", "")
	if !strings.Contains(text, `"facts":{"latest":3}`) {
		t.Errorf("version 99 of 3 is %s", text)
	}
}

// What a refusal and a conflict have is in the description of the API.
func TestProblemsAreDescribed(t *testing.T) {
	w := newWorld(t)
	_, text := w.send("GET", "/openapi.json", "")
	var d struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]json.RawMessage }
		}
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"type", "title", "status", "detail", "errors", "reason", "facts", "latest"} {
		if d.Components.Schemas["Problem"].Properties[field] == nil {
			t.Errorf("a problem has no %s", field)
		}
	}
}

// silent is a bus that carries nothing, as one does whose relay is stuck.
type silent struct{ integration.Bus }

func (silent) Publish(context.Context, ...integration.Event) error { return nil }

// logged is where a logger writes.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A client that goes away, or does not want to wait any longer, is no failure.
func TestClientGoesAway(t *testing.T) {
	var log logged
	w := startWorld(t, parts{bus: silent{integration.NewLocal(nil)}, logger: slog.New(slog.NewTextHandler(&log, nil))})
	w.ready()
	w.mars()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/rover/grids/mars?after=3", nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := http.DefaultClient.Do(r); err == nil {
		t.Fatalf("it was answered with %s", answer.Status)
	}
	for metrics := ""; !strings.Contains(metrics, `route="GET /api/rover/grids/{grid}",status="499"`); {
		_, metrics = w.send("GET", "/metrics", "")
		if strings.Contains(metrics, `status="500"`) {
			t.Fatalf("it was answered with 500: %s", log.String())
		}
	}
	if text := log.String(); strings.Contains(text, "failed") || strings.Contains(text, "level=ERROR") {
		t.Errorf("the log says %s", text)
	}
}

// A query that waits for what does not come is 503, and says when to try again.
func TestQueryIsBehind(t *testing.T) {
	store := newStore(t)
	w := startWorld(t, parts{store: store})
	w.ready()
	if _, err := store.SaveEvents(t.Context(), aether.Event{
		ActorID: "grid/odd", Version: 1, Type: "RoverTurnedLeft", Data: []byte(`{"rover":"ann","heading":"W"}`),
	}); err != nil {
		t.Fatal(err)
	}
	response, text := w.send("GET", "/api/rover/grids/odd?after=1", "")
	if response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"type":"urn:aether:behind"`) || response.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v %s", response.Status, response.Header, text)
	}
	// Time travel reads the log: it need not wait, but it does not answer from before.
	if response, text := w.send("GET", "/api/rover/grids/odd?version=1&after=1", ""); response.StatusCode != http.StatusOK {
		t.Errorf("version 1: %s %s", response.Status, text)
	}
	for _, query := range []string{"version=1&after=2", "at=2100-01-01T00:00:00Z&after=2"} {
		if response, text := w.send("GET", "/api/rover/grids/odd?"+query, ""); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s %s", query, response.Status, text)
		}
	}
	// The command has been carried out, whatever the read model knows.
	var c rover.CommandDocument
	if status, _ := w.ask("POST", "/api/rover/grids", map[string]any{"id": "even", "width": 2, "height": 2}, &c); status != http.StatusCreated {
		t.Errorf("create: %d %+v", status, c)
	}
}
