package server_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/danielgtaylor/huma/v2"
)

// system is one that does nothing but what the test asks for.
type system struct {
	projector *projection.Projector
	failed    chan error
	closed    bool
	slow      chan struct{} // ends the answer to GET /slow
}

func (s *system) Web() web.System {
	return web.System{Name: "demo", Title: "Demo", Path: "/demo", About: "A demo."}
}

func (s *system) Register(to *server.Server) {
	to.Projector("demo", s.projector)
	huma.Register(to.API, huma.Operation{OperationID: "make-thing", Method: "POST", Path: "/api/thing"},
		func(context.Context, *struct{ Body struct{} }) (*struct{}, error) { return nil, nil })
	to.Mux.HandleFunc("GET /demo", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	to.Mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) { <-s.slow; _, _ = io.WriteString(w, "done") })
	to.Mux.HandleFunc("POST /read", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "cut off", http.StatusRequestTimeout)
			return
		}
		<-s.slow // longer than the body had
		if r.Context().Err() == nil {
			_, _ = w.Write(body)
		}
	})
	to.Mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("no") })
}

func (s *system) Run(ctx context.Context) error {
	if s.projector == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	ended := make(chan error, 1)
	go func() { ended <- s.projector.Run(ctx) }()
	select {
	case err := <-s.failed:
		return err
	case err := <-ended:
		return err
	}
}

func (s *system) Close() error { s.closed = true; return nil }

// poison cannot be applied.
func poison(db *readdb.DB, store aether.EventStore, bus integration.Bus) (*projection.Projector, error) {
	return projection.New(db, projection.Projection{Name: "demo", Version: 1, Apply: func(_ *readdb.Tx, e integration.Event) error {
		if e.Type == "Poison" {
			return errors.New("poisoned")
		}
		return nil
	}}, &integration.LogHistory{Log: store, Namespace: "test", Mapping: integration.Mapping{
		System: "demo", Version: 1,
		Map: func(e aether.Event) ([]integration.Event, error) {
			return []integration.Event{{Type: e.Type, Data: e.Data}}, nil
		},
	}}, bus, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
}

// start runs a server and returns its address.
func start(t *testing.T, config server.Config, types ...string) (url string, s *system, ended <-chan error, stop func()) {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	for i, eventType := range types {
		e := aether.Event{ActorID: "demo/1", Version: aether.Version(i + 1), Type: eventType, Data: []byte(`{}`)}
		if _, err := store.SaveEvents(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	s = &system{failed: make(chan error, 1), slow: make(chan struct{})}
	if s.projector, err = poison(db, store, integration.NewLocal(nil)); err != nil {
		t.Fatal(err)
	}
	config.Store, config.Namespace, config.Version, config.Logger = store, "test", "1.2.3", slog.New(slog.DiscardHandler)
	running, err := server.New(config, s)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- running.Run(ctx, listener, nil) }()
	t.Cleanup(cancel)
	return "http://" + listener.Addr().String(), s, done, cancel
}

func get(t *testing.T, client *http.Client, method, url string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// await asks until the answer is as wanted.
func await(t *testing.T, url, path, want string) string {
	t.Helper()
	for {
		if _, _, body := get(t, http.DefaultClient, "GET", url+path); strings.Contains(body, want) {
			return body
		}
	}
}

func TestOperations(t *testing.T) {
	url, _, _, _ := start(t, server.Config{}, "Fine", "Poison", "Fine")
	if status, _, body := get(t, http.DefaultClient, "GET", url+"/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("healthz: %d %q", status, body)
	}
	// A read model that has stopped does not take the others down.
	body := await(t, url, "/api/projections", `"stopped"`)
	if !strings.Contains(body, "poisoned") || !strings.Contains(body, `"position":2`) {
		t.Errorf("the projections are %s", body)
	}
	if status, _, body := get(t, http.DefaultClient, "GET", url+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %q", status, body)
	}
	await(t, url, "/metrics", `aether_projection_stopped{projection="demo"} 1`)
	if status, _, _ := get(t, http.DefaultClient, "POST", url+"/api/projections/demo/skip?sequence=2"); status != http.StatusAccepted {
		t.Errorf("skip: %d", status)
	}
	await(t, url, "/api/projections", `"live"`)
	metrics := await(t, url, "/metrics", `aether_projection_sequence{projection="demo"} 3`)
	for _, want := range []string{"aether_log_position 3", `route="POST /api/projections/{name}/skip"`, "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if status, _, _ := get(t, http.DefaultClient, "POST", url+"/api/projections/other/retry"); status != http.StatusNotFound {
		t.Errorf("retry of another: %d", status)
	}
	if status, _, body := get(t, http.DefaultClient, "GET", url+"/openapi.json"); status != http.StatusOK || !strings.Contains(body, `"1.2.3"`) || !strings.Contains(body, `"openapi":"3.1`) {
		t.Errorf("openapi.json: %d %.80s", status, body)
	}
}

func TestPages(t *testing.T) {
	url, _, _, _ := start(t, server.Config{})
	for path, want := range map[string]string{"/": "Demo", "/api": "/api/projections", "/demo": "hello"} {
		status, header, body := get(t, http.DefaultClient, "GET", url+path)
		if status != http.StatusOK || !strings.Contains(body, want) || header.Get("Content-Security-Policy") != web.Policy {
			t.Errorf("%s: %d %v %.80s", path, status, header, body)
		}
	}
	if status, _, body := get(t, http.DefaultClient, "GET", url+"/panic"); status != http.StatusInternalServerError || strings.Contains(body, "goroutine") {
		t.Errorf("a panic: %d %q", status, body)
	}
	if status, _, _ := get(t, http.DefaultClient, "GET", url+"/nothing"); status != http.StatusNotFound {
		t.Errorf("nothing: %d", status)
	}
}

func TestCheckListen(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:8080": true, "localhost:0": true, "127.8.9.1:80": true,
		"0.0.0.0:8080": false, ":8080": false, "[::]:8080": false, "192.168.1.5:80": false, "example.com:80": false, "8080": false,
	} {
		if err := server.CheckListen(address, ""); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err := server.CheckListen(address, token); (err == nil) != (address != "8080") {
			t.Errorf("%s with a token: %v", address, err)
		}
	}
}
