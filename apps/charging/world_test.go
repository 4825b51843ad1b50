package charging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
)

// world is a server with the charging system.
type world struct {
	t        testing.TB
	url      string
	store    aether.EventStore
	config   charging.Config
	leases   *lease.Local // shared by all processes on the store
	charging *charging.Charging
	client   *http.Client
	stop     func() // ends the server; the store stays
}

func newWorld(t testing.TB, config charging.Config) *world {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	config.SoleWriter = true
	w := &world{t: t, store: store, config: config, leases: &lease.Local{}}
	w.start("127.0.0.1:0")
	w.until("stations may come", w.charging.Serving)
	return w
}

// start runs the system on the store, and returns when it is ready.
func (w *world) start(address string) {
	w.t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		w.t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	parts := node.Alone(w.store, "test", db, logger)
	parts.Leases = w.leases
	if w.charging, err = charging.New(parts, w.config); err != nil {
		w.t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: w.store, Namespace: "test", Version: "test", Logger: logger}, w.charging)
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.url = "http://" + listener.Addr().String()
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			w.client.CloseIdleConnections()
			end()
			if err := <-ended; err != nil {
				w.t.Errorf("Run: %v", err)
			}
		})
	}
	w.t.Cleanup(w.stop)
	w.until("the system is ready", func() bool { return w.charging.Status().Ready })
}

// restart ends the server and starts it again at the same address.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start(strings.TrimPrefix(w.url, "http://"))
	w.until("stations may come", w.charging.Serving)
}

// until waits for something that happens in the background.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	late := time.After(20 * time.Second)
	for !is() {
		select {
		case <-late:
			w.t.Fatalf("waited in vain until %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// ask sends a request and returns the status; the answer is decoded.
func (w *world) ask(method, path string, body, answer any, headers ...string) int {
	w.t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, w.url+"/api/charging"+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(r)
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
	if response.StatusCode >= 400 {
		w.t.Logf("%s %s: %d: %s", method, path, response.StatusCode, data)
	}
	return response.StatusCode
}

// must is ask for what is to succeed.
func (w *world) must(method, path string, body, answer any, headers ...string) {
	w.t.Helper()
	if status := w.ask(method, path, body, answer, headers...); status >= 300 {
		w.t.Fatalf("%s %s: %d", method, path, status)
	}
}

// register makes a station with two connectors one of ours.
func (w *world) register(id string) {
	w.t.Helper()
	w.must(http.MethodPost, "/stations", map[string]any{"id": id, "connectors": []any{map[string]any{"type": "Type2"}, map[string]any{"type": "Type2"}}}, nil)
}

func (w *world) tag(id string) {
	w.t.Helper()
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": id, "status": "Accepted"}, nil)
}

// box is a station of the tests: it says what it is told to, and answers as it is told.
type box struct {
	t    testing.TB
	conn *ocpp.Conn
	over chan error // has why the connection is over
	pull func()     // ends the connection without a word

	mu       sync.Mutex
	answers  map[string]func(ocpp.Request) (ocpp.Response, error) // by action
	received []ocpp.Request
}

// connect connects a station.
func (w *world) connect(id string, answers map[string]func(ocpp.Request) (ocpp.Response, error)) *box {
	w.t.Helper()
	b, err := w.dial(id, answers, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) dial(id string, answers map[string]func(ocpp.Request) (ocpp.Response, error), options *ocpp.ClientOptions) (*box, error) {
	b := &box{t: w.t, over: make(chan error, 1), answers: answers}
	if options == nil {
		options = &ocpp.ClientOptions{}
	}
	options.Logger = slog.New(slog.DiscardHandler)
	conn, err := ocpp.Dial(context.Background(), "ws"+strings.TrimPrefix(w.url, "http")+"/ocpp", id, v16.Messages{}, ocpp.HandlerFunc(b.handle), options)
	if err != nil {
		return nil, err
	}
	running, pull := context.WithCancel(context.Background())
	b.conn, b.pull = conn, pull
	go func() { b.over <- conn.Run(running) }()
	w.t.Cleanup(pull)
	return b, nil
}

func (b *box) handle(_ context.Context, _ *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	b.mu.Lock()
	b.received = append(b.received, call.Request)
	answer := b.answers[call.Action]
	b.mu.Unlock()
	if answer == nil {
		return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", call.Action)
	}
	return answer(call.Request)
}

// got returns the calls of an action that have come.
func (b *box) got(action string) []ocpp.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var calls []ocpp.Request
	for _, r := range b.received {
		if r.Action() == action {
			calls = append(calls, r)
		}
	}
	return calls
}

// say makes a call that must be answered.
func say[Conf any, R v16.RequestFor[Conf]](b *box, request R) *Conf {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conf, err := v16.Call(ctx, b.conn, request)
	if err != nil {
		b.t.Fatalf("%s: %v", request.Action(), err)
	}
	return conf
}

// boot boots a station and reports its connectors as available.
func (b *box) boot() {
	b.t.Helper()
	conf := say(b, &v16.BootNotificationReq{ChargePointVendor: "Volt", ChargePointModel: "Duo"})
	if conf.Status != v16.RegistrationAccepted {
		b.t.Fatalf("the boot was answered %s", conf.Status)
	}
	for connector := range 3 {
		b.status(connector, v16.StatusAvailable)
	}
}

func (b *box) status(connector int, status v16.ChargePointStatus) {
	b.t.Helper()
	say(b, &v16.StatusNotificationReq{ConnectorID: connector, Status: status, ErrorCode: v16.ErrorNoError, Timestamp: time.Now().UTC()})
}

// isCallError says whether an error is a CALLERROR with a code.
func isCallError(err error, code ocpp.ErrorCode) bool {
	call := (*ocpp.CallError)(nil)
	return errors.As(err, &call) && call.Code == code
}

func mustJSON(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
