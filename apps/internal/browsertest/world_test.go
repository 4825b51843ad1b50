package browsertest

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
	"path/filepath"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/filestore"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/aether-es/aether/readdb"
)

// world is a server with the rover system on files, which can be stopped and started
// again.
type world struct {
	t       *testing.T
	dir     string
	address string // where it listens, or did last

	store      aether.EventStore  // of the server that runs, or ran last
	stopServer context.CancelFunc // nil while it is stopped
	ended      chan error
}

// newWorld returns one that serves.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.start("127.0.0.1:0")
	t.Cleanup(w.stop)
	return w
}

// start serves what is in the folder.
func (w *world) start(address string) {
	w.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	w.stopServer, w.ended = stop, make(chan error, 1)
	ready := make(chan struct{})
	go func() { w.ended <- w.run(ctx, listener, ready) }()
	select {
	case <-ready:
	case err := <-w.ended:
		w.stopServer = nil
		stop()
		w.t.Fatal("the server: ", err)
	}
}

// run is what `aether serve` does.
func (w *world) run(ctx context.Context, listener net.Listener, ready chan<- struct{}) (err error) {
	closing := func(c io.Closer) { err = errors.Join(err, c.Close()) }
	logger := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	engine, err := filestore.Open(ctx, w.dir, nil)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer closing(engine)
	store, err := engine.Namespace(ctx, "test")
	if err != nil {
		return err
	}
	w.store = store
	kv, err := filereaddb.Open(filepath.Join(w.dir, "readdb"), nil)
	if err != nil {
		return err
	}
	db, err := readdb.New(kv)
	if err != nil {
		return errors.Join(err, kv.Close())
	}
	defer closing(db)
	system, err := rover.New(node.Alone(store, "test", db, logger))
	if err != nil {
		return err
	}
	s, err := server.New(server.Config{Store: store, Namespace: "test", Version: "test", Logger: logger}, system)
	if err != nil {
		return err
	}
	close(ready)
	return s.Run(ctx, listener, nil)
}

// stop ends the server, as SIGTERM does.
func (w *world) stop() {
	w.t.Helper()
	if w.stopServer == nil {
		return
	}
	w.stopServer()
	w.stopServer = nil
	if err := <-w.ended; err != nil {
		w.t.Error("the server: ", err)
	}
}

func (w *world) url(path string) string { return "http://" + w.address + path }

// post sends a command to the API, and sees to it that the pages know what it did.
func (w *world) post(path, body string) rover.CommandDocument {
	w.t.Helper()
	var d rover.CommandDocument
	if status := w.ask("POST", "/api/rover/grids"+path, body, &d); status/100 != 2 {
		w.t.Fatalf("%s: status %d", path, status)
	}
	if status := w.ask("GET", fmt.Sprintf("/api/rover/grids/%s?after=%d", d.Grid, d.Position), "", nil); status != http.StatusOK {
		w.t.Fatalf("after %s: status %d", path, status)
	}
	return d
}

func (w *world) ask(method, path, body string, answer any) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url(path), bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if answer != nil {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			w.t.Fatal(err)
		}
	}
	return response.StatusCode
}

// halt saves an event that the read model cannot take in: a rover lands on a grid that
// was never made. Pages then show nothing newer.
func (w *world) halt(grid string) {
	w.t.Helper()
	_, err := w.store.SaveEvents(w.t.Context(), aether.Event{
		ActorID: "grid/" + grid, Version: 1, Type: "RoverLanded", Schema: 1, Data: []byte(`{"rover":"ann","x":0,"y":0,"heading":"N"}`),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// mars is a grid with two rovers, of 6 by 5 cells, at version 3.
func (w *world) mars() {
	w.t.Helper()
	w.post("", `{"id":"mars","width":6,"height":5,"obstacles":[{"x":3,"y":2},{"x":4,"y":4}]}`)
	w.post("/mars/rovers", `{"id":"ann","x":0,"y":0,"heading":"N"}`)
	w.post("/mars/rovers", `{"id":"bob","x":5,"y":0,"heading":"W"}`)
}
