package ocpp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// book is an Authenticator: the stations by their identity.
type book map[string]ocpp.Credentials

var errBookAway = errors.New("the database is away")

func (b book) Credentials(_ context.Context, identity string) (ocpp.Credentials, error) {
	c, ok := b[identity]
	switch {
	case strings.HasPrefix(identity, "broken"):
		return c, errBookAway
	case !ok:
		return c, ocpp.ErrUnknownStation
	}
	return c, nil
}

// journal is a Handler that notes what it is told about connections.
type journal struct {
	ocpp.HandlerFunc
	connected func(*ocpp.Conn) // called by Connected, if set

	mu      sync.Mutex
	entries []string
	conns   []*ocpp.Conn
	changed chan struct{}
}

func newJournal() *journal {
	return &journal{HandlerFunc: central, changed: make(chan struct{}, 1)}
}

func (j *journal) note(entry string, c *ocpp.Conn) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
	if c != nil {
		j.conns = append(j.conns, c)
	}
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

func (j *journal) Connected(_ context.Context, c *ocpp.Conn) {
	j.note("connected "+c.Identity(), c)
	if j.connected != nil {
		j.connected(c)
	}
}

func (j *journal) Disconnected(c *ocpp.Conn, reason error) {
	for _, known := range []error{ocpp.ErrReplaced, ocpp.ErrShutdown, ocpp.ErrClosed, ocpp.ErrNoPong} {
		if errors.Is(reason, known) {
			reason = known
		}
	}
	j.note(fmt.Sprintf("disconnected %s: %v", c.Identity(), reason), nil)
}

// await waits until something with these parts has been noted, and returns it.
func (j *journal) await(t *testing.T, parts ...string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		j.mu.Lock()
		all := strings.Join(j.entries, "\n")
		for _, entry := range j.entries {
			matches := true
			for _, part := range parts {
				matches = matches && strings.Contains(entry, part)
			}
			if matches {
				j.mu.Unlock()
				return entry
			}
		}
		j.mu.Unlock()
		select {
		case <-j.changed:
		case <-deadline:
			t.Fatalf("%q is not noted:\n%s", parts, all)
		}
	}
}

// serve starts a server and returns it with its endpoint.
func serve(t *testing.T, stations ocpp.Authenticator, handler ocpp.Handler, options *ocpp.ServerOptions) (*ocpp.Server, string) {
	t.Helper()
	server := ocpp.NewServer(v16.Messages{}, stations, handler, options)
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		web.Close()
	})
	return server, "ws" + strings.TrimPrefix(web.URL, "http") + "/ocpp"
}

// join connects a station and runs its connection until the test ends.
func join(t *testing.T, endpoint, identity string, options *ocpp.ClientOptions) (*ocpp.Conn, <-chan error) {
	t.Helper()
	conn, err := ocpp.Dial(t.Context(), endpoint, identity, v16.Messages{}, ocpp.HandlerFunc(station), options)
	if err != nil {
		t.Fatalf("%s: %v", identity, err)
	}
	over := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { over <- conn.Run(ctx) }()
	t.Cleanup(cancel)
	return conn, over
}

// refused tries to connect and returns with what it was refused.
func refused(t *testing.T, endpoint, identity string, options *ocpp.ClientOptions) *ocpp.HandshakeError {
	t.Helper()
	conn, err := ocpp.Dial(t.Context(), endpoint, identity, v16.Messages{}, ocpp.HandlerFunc(station), options)
	if err == nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = conn.Run(ctx)
		t.Fatalf("%s is let in", identity)
	}
	var e *ocpp.HandshakeError
	if !errors.As(err, &e) {
		t.Fatalf("%s: %T %v", identity, err, err)
	}
	return e
}

// beat makes a call from a station and checks its answer.
func beat(t *testing.T, c *ocpp.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conf, err := v16.Call(ctx, c, &v16.HeartbeatReq{})
	if err != nil || !conf.CurrentTime.Equal(clock) {
		t.Errorf("Heartbeat of %s: %+v, %v", c.Identity(), conf, err)
	}
}
