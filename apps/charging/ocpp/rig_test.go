package ocpp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

// line is a Transport whose other end is in the hands of a test.
type line struct {
	in, out chan []byte
	closed  chan struct{}
	once    sync.Once

	// When set: what Write and Ping do.
	write func() error
	ping  func(ctx context.Context) error

	mu     sync.Mutex
	status websocket.StatusCode // of the first Close
}

var errLineClosed = errors.New("line closed")

func newLine() *line {
	return &line{in: make(chan []byte, 1000), out: make(chan []byte, 1000), closed: make(chan struct{})}
}

func (l *line) Read() ([]byte, error) {
	select {
	case m := <-l.in: // what has arrived can be read
		return m, nil
	default:
	}
	select {
	case m := <-l.in:
		return m, nil
	case <-l.closed:
		return nil, errLineClosed
	}
}

func (l *line) Write(m []byte) error {
	if l.write != nil {
		if err := l.write(); err != nil {
			return err
		}
	}
	select {
	case <-l.closed:
		return errLineClosed
	default:
		l.out <- append([]byte(nil), m...)
		return nil
	}
}

func (l *line) Ping(ctx context.Context) error {
	if l.ping != nil {
		return l.ping(ctx)
	}
	return nil
}

func (l *line) Close(code websocket.StatusCode, _ string) {
	l.mu.Lock()
	if l.status == 0 {
		l.status = code
	}
	l.mu.Unlock()
	l.CloseNow()
}

func (l *line) CloseNow() { l.once.Do(func() { close(l.closed) }) }

// rig is a central system's connection over a line.
type rig struct {
	t *testing.T
	*line
	conn *ocpp.Conn
	over chan struct{}
	err  error // of Run, when over is closed

	mu    sync.Mutex
	wires []ocpp.Wire
	late  []string

	logged bytes.Buffer
}

// slowMessages takes a minute to read an answer to a ClearCache.
type slowMessages struct{ v16.Messages }

func (m slowMessages) DecodeResponse(request ocpp.Request, payload []byte) (ocpp.Response, error) {
	if request.Action() == "ClearCache" {
		pause(time.Minute)
	}
	return m.Messages.DecodeResponse(request, payload)
}

// inBubble runs a test with a rig in a bubble, and ends the connection.
func inBubble(t *testing.T, handler ocpp.Handler, options ocpp.ConnOptions, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, line: newLine(), over: make(chan struct{})}
		options.Wire = func(_ *ocpp.Conn, w ocpp.Wire) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.wires = append(r.wires, w)
		}
		options.Logger = slog.New(slog.NewTextHandler(&r.logged, nil))
		options.Late = func(_ *ocpp.Conn, request ocpp.Request, response ocpp.Response, err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			outcome := "answered"
			if err != nil {
				outcome = err.Error()
			}
			if conf, ok := response.(*v16.ResetConf); ok {
				outcome = string(conf.Status)
			}
			r.late = append(r.late, request.Action()+" "+outcome)
		}
		r.conn = ocpp.NewConn(r.line, ocpp.CentralSystem, slowMessages{}, handler, ocpp.Peer{Identity: "CP-1", Epoch: 7}, &options)
		go func() {
			defer close(r.over)
			r.err = r.conn.Run(t.Context())
		}()
		test(t, r)
		r.CloseNow()
		<-r.over
	})
}

// say lets the station send messages, and waits until nothing more happens.
func (r *rig) say(messages ...string) {
	for _, m := range messages {
		r.in <- []byte(m)
	}
	synctest.Wait()
}

// hears checks what the station has been sent since.
func (r *rig) hears(want ...string) {
	r.t.Helper()
	synctest.Wait()
	for _, w := range want {
		select {
		case m := <-r.out:
			if string(m) != w {
				r.t.Errorf("the station hears %s\nwant %s", m, w)
			}
		default:
			r.t.Errorf("the station does not hear %s", w)
		}
	}
	select {
	case m := <-r.out:
		r.t.Errorf("the station also hears %s", m)
	default:
	}
}

// asked returns the ID and the action of the one call that the station has been sent.
func (r *rig) asked() (id, action string) {
	r.t.Helper()
	synctest.Wait()
	select {
	case m := <-r.out:
		f, err := ocpp.ParseFrame(m)
		if err != nil || f.Type != ocpp.TypeCall {
			r.t.Fatalf("the station hears %s", m)
		}
		return f.ID, f.Action
	default:
		r.t.Fatal("the station is not called")
		return "", ""
	}
}

// problem checks that something was noted about a message.
func (r *rig) problem(want string) {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, w := range r.wires {
		if strings.Contains(w.Problem, want) {
			return
		}
		all = append(all, w.Problem)
	}
	r.t.Errorf("the problems are %q, want %q", all, want)
}

// outcome is how a call of the central system ended.
type outcome struct {
	response ocpp.Response
	err      error
}

// call makes a call in the background.
func (r *rig) call(ctx context.Context, request ocpp.Request) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		response, err := r.conn.Call(ctx, request)
		done <- outcome{response, err}
	}()
	return done
}

func (r *rig) ended(done <-chan outcome) outcome {
	r.t.Helper()
	synctest.Wait()
	select {
	case o := <-done:
		return o
	default:
		r.t.Fatal("the call has not ended")
		return outcome{}
	}
}

func (r *rig) pending(done <-chan outcome) {
	r.t.Helper()
	synctest.Wait()
	select {
	case o := <-done:
		r.t.Fatalf("the call has ended: %+v", o)
	default:
	}
}

var clock = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	heartbeat   = `[2,"h1","Heartbeat",{}]`
	heartbeatOK = `[3,"h1",{"currentTime":"2026-01-02T03:04:05.000Z"}]`
)

// central answers some calls as a central system does.
func central(_ context.Context, _ *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	switch q := call.Request.(type) {
	case *v16.HeartbeatReq:
		return &v16.HeartbeatConf{CurrentTime: clock}, nil
	case *v16.BootNotificationReq:
		return &v16.BootNotificationConf{CurrentTime: clock, Interval: 300, Status: v16.RegistrationAccepted}, nil
	case *v16.StartTransactionReq:
		return &v16.StartTransactionConf{TransactionID: 42, IDTagInfo: v16.IDTagInfo{Status: v16.AuthorizationAccepted}}, nil
	case *v16.DataTransferReq:
		return &v16.DataTransferConf{Status: v16.DataTransferAccepted, Data: q.Data}, nil
	}
	return nil, ocpp.Errorf(ocpp.NotSupported, "not in this test")
}

// station answers some calls as a station does.
func station(_ context.Context, _ *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	switch call.Request.(type) {
	case *v16.ResetReq:
		return &v16.ResetConf{Status: v16.Accepted}, nil
	case *v16.UnlockConnectorReq:
		return &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil
	}
	return nil, ocpp.Errorf(ocpp.NotSupported, "not in this test")
}

// silent is for servers whose clients do wrong on purpose.
var silent = log.New(io.Discard, "", 0)

// pause lets time pass: that of a bubble, or a moment before another look.
func pause(d time.Duration) { <-time.After(d) }
