package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// world is a hub with its server and the read DB behind it, in a bubble: connections
// are pipes, which hold nothing that is not read.
type world struct {
	t      *testing.T
	hub    *Hub
	pipes  *pipes
	server *http.Server
	logged *strings.Builder

	mu        sync.Mutex
	documents map[string]Document
	reads     atomic.Int64
	before    func(topic string) // runs before each read of a document
	after     func(topic string) // and after it
	readError error
}

// inWorld runs a test in a bubble, and checks that nothing is left behind.
func inWorld(t *testing.T, options Options, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options)
		test(t, w)
		w.close()
	})
}

func newWorld(t *testing.T, options Options) *world {
	w := &world{
		t:         t,
		pipes:     &pipes{queue: make(chan net.Conn), done: make(chan struct{})},
		logged:    new(strings.Builder),
		documents: make(map[string]Document),
	}
	options.Logger = slog.New(slog.NewTextHandler(w.logged, nil))
	w.hub = New(w.read, &options)
	w.server = &http.Server{Handler: w.hub, ErrorLog: slog.NewLogLogger(options.Logger.Handler(), slog.LevelError)}
	go func() { _ = w.server.Serve(w.pipes) }()
	t.Cleanup(func() { // of a test that failed; else the bubble hides why
		_ = w.hub.Close()
		_ = w.server.Close()
	})
	return w
}

// close ends the world; synctest fails the test if a goroutine of it goes on.
func (w *world) close() {
	if err := w.hub.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.server.Close(); err != nil {
		w.t.Error(err)
	}
	if stats := w.hub.Stats(); stats.Clients != 0 {
		w.t.Errorf("after Close there are %d clients", stats.Clients)
	}
	w.checkCosts()
}

// checkCosts compares the accounts of the hub with what it has.
func (w *world) checkCosts() { checkCosts(w.t, w.hub) }

func checkCosts(test *testing.T, h *Hub) {
	test.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	bytes, listed := 0, 0
	for name, t := range h.topics {
		frames := 0
		for _, c := range t.changes {
			frames += len(c.frame) + changeCost
		}
		cost := frames
		if t.subscribers == 0 {
			cost += topicCost + len(name)
		}
		if frames != t.bytes || cost != t.cost || (cost > 0) != (t.recent != nil) {
			test.Errorf("%s has %d bytes, accounted for are %d; its cost is %d, accounted for %d, listed %t", name, frames, t.bytes, cost, t.cost, t.recent != nil)
		}
		if t.subscribers == 0 && len(t.idle)+len(t.waiting)+len(t.ahead) > 0 {
			test.Errorf("%s has no subscriber, but %d idle, %d waiting and %d ahead", name, len(t.idle), len(t.waiting), len(t.ahead))
		}
		bytes += cost
		if t.recent != nil {
			listed++
		}
	}
	if bytes != h.bytes || listed != h.recent.Len() || bytes > h.options.HistoryBytes {
		test.Errorf("the topics cost %d, accounted for are %d of %d; %d are listed, want %d", bytes, h.bytes, h.options.HistoryBytes, h.recent.Len(), listed)
	}
}

func (w *world) read(ctx context.Context, topic string) (Document, error) {
	w.mu.Lock()
	before, after := w.before, w.after
	w.mu.Unlock()
	if before != nil {
		before(topic)
	}
	if after != nil {
		defer after(topic)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads.Add(1)
	if err := errors.Join(ctx.Err(), w.readError); err != nil {
		return Document{}, err
	}
	document, ok := w.documents[topic]
	if !ok {
		return Document{}, fmt.Errorf("read DB: %w", ErrNoTopic)
	}
	return document, nil
}

// pass lets time pass, in the bubble: none of it is real.
func pass(d time.Duration) { <-time.After(d) }

// set changes a document in the read DB and publishes nothing.
func (w *world) set(topic string, position uint64, data string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.documents[topic] = Document{position, json.RawMessage(data)}
}

// change changes a document to its position, and publishes the position as a change.
func (w *world) change(topic string, position uint64) {
	w.set(topic, position, fmt.Sprint(position))
	w.hub.Publish(Change{topic, position, fmt.Append(nil, position)})
}

// page is a client.
type page struct {
	t  *testing.T
	ws *websocket.Conn
}

func (w *world) dial(header http.Header) (*websocket.Conn, *http.Response, error) {
	transport := &http.Transport{DialContext: w.pipes.dial, DisableKeepAlives: true}
	return websocket.Dial(w.t.Context(), "ws://aether.example/live", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header,
	})
}

func (w *world) connect() *page {
	w.t.Helper()
	ws, _, err := w.dial(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(-1)
	return &page{w.t, ws}
}

func (p *page) send(text string) {
	p.t.Helper()
	if err := p.ws.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// expect receives messages and compares them.
func (p *page) expect(messages ...string) {
	p.t.Helper()
	for _, want := range messages {
		kind, text, err := p.ws.Read(p.t.Context())
		if err != nil {
			p.t.Fatalf("got %v, want %s", err, want)
		}
		if string(text) != want || kind != websocket.MessageText {
			p.t.Fatalf("got %v %s\nwant %s", kind, text, want)
		}
	}
}

// expectClose receives the end of the connection.
func (p *page) expectClose(code websocket.StatusCode, reason string) {
	p.t.Helper()
	_, text, err := p.ws.Read(p.t.Context())
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
		p.t.Fatalf("got %q, %v; want it closed with %v, %q", text, err, code, reason)
	}
}

// leave closes the connection and waits until the hub knows.
func (p *page) leave() {
	_ = p.ws.CloseNow()
	synctest.Wait()
}

// pipes is a listener of connections within the process.
type pipes struct {
	queue chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.queue <- server:
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.done:
		return nil, io.EOF
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
