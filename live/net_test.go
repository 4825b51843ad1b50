package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// serve serves a hub on a real connection. The document of every topic is its position.
func serve(t *testing.T, secure bool, position *atomic.Uint64, options *Options) (*Hub, *httptest.Server) {
	hub := New(func(context.Context, string) (Document, error) {
		p := position.Load()
		return Document{p, fmt.Append(nil, p)}, nil
	}, options)
	server := httptest.NewUnstartedServer(hub)
	// Limits for requests that a WebSocket outlives.
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = hub.Close() })
	return hub, server
}

func TestNetwork(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			hub, server := serve(t, secure, new(atomic.Uint64), &Options{History: 100_000})
			var pages []*page
			for range 20 {
				ws, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: server.Client()})
				if err != nil {
					t.Fatal(err)
				}
				defer ws.CloseNow()
				ws.SetReadLimit(-1)
				p := &page{t, ws}
				p.send(`{"subscribe":"a"}`)
				p.expect(`{"topic":"a","position":0,"document":0}`)
				pages = append(pages, p)
			}
			// Longer than the server allows a request to take.
			began := time.Now()
			position := uint64(0)
			large := strings.Repeat("x", 3*chunk)
			for time.Since(began) < 300*time.Millisecond {
				for range 100 {
					position++
					hub.Publish(Change{"a", position, fmt.Append(nil, position)})
				}
				position++
				hub.Publish(Change{"a", position, []byte(`"` + large + `"`)})
				for _, p := range pages {
					for n := position - 100; n < position; n++ {
						p.expect(fmt.Sprintf(`{"topic":"a","position":%d,"change":%d}`, n, n))
					}
					p.expect(fmt.Sprintf(`{"topic":"a","position":%d,"change":"%s"}`, position, large))
				}
			}
			if s := hub.Stats(); s.Conflated != 0 || s.Sent != uint64(len(pages))*(position+1) {
				t.Errorf("%d changes; stats are %+v", position, s)
			}
			ended := make(chan error)
			for _, p := range pages {
				go func() {
					_, _, err := p.ws.Read(context.Background())
					ended <- err
				}()
			}
			if err := hub.Close(); err != nil {
				t.Error(err)
			}
			for range pages {
				if err := <-ended; websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Error(err)
				}
			}
		})
	}
}

// A client that takes nothing costs the history of its topic and what the kernel
// holds, and gets the newest state when it reads again.
func TestSlowOnNetwork(t *testing.T) {
	var position atomic.Uint64
	hub, server := serve(t, false, &position, &Options{History: 10})
	ws, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(-1)
	p := &page{t, ws}
	p.send(`{"subscribe":"a"}`)
	p.expect(`{"topic":"a","position":0,"document":0}`)
	const changes = 5000
	text := strings.Repeat("x", 10_000)
	for i := range uint64(changes) {
		position.Store(i + 1)
		hub.Publish(Change{"a", i + 1, []byte(`"` + text + `"`)})
	}
	for received := 1; ; received++ {
		_, message, err := ws.Read(t.Context())
		if err != nil {
			t.Fatalf("after %d messages: %v", received, err)
		}
		if strings.Contains(string(message), fmt.Sprintf(`"position":%d,`, changes)) {
			// So much, in messages of 10 kB, the kernel holds on both sides.
			if s := hub.Stats(); received > 100 || s.Conflated == 0 {
				t.Errorf("%d of %d changes came; stats are %+v", received, changes, s)
			}
			return
		}
	}
}

// What a client sends right behind its request, before the answer, is not lost; and
// what is no WebSocket frame ends the connection.
func TestRawClient(t *testing.T) {
	_, server := serve(t, false, new(atomic.Uint64), nil)
	const document = "\x81\x27" + `{"topic":"a","position":0,"document":0}`
	for _, test := range []struct{ sent, want string }{
		{"\x81\x91\x00\x00\x00\x00" + `{"subscribe":"a"}`, document},
		{"GET / HTTP/1.1\r\n\r\n", ""},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""},
		{"\x81\x05hello", ""},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n%s", test.sent)
		in := bufio.NewReader(conn)
		answer, err := http.ReadResponse(in, nil)
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(answer, err)
		}
		if test.want == "" {
			_, _ = io.Copy(io.Discard, in) // to the end, which may be a reset
			continue
		}
		got := make([]byte, len(test.want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != test.want {
			t.Errorf("to %q the hub said %q, %v, want %q", test.sent, got, err, test.want)
		}
	}
}

// Nothing is written behind a close frame, whoever wrote it.
func TestNothingAfterClose(t *testing.T) {
	end := closeFrame(websocket.StatusNormalClosure, "")
	now := func() time.Duration { return 1 }
	for _, close := range []func(c *conn) error{
		func(c *conn) error { _, err := c.Write(end); return err },
		func(c *conn) error { return c.send([][]byte{end}, true) },
	} {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		c := &conn{Conn: ours, raw: ours, now: now}
		if err := close(c); err != nil {
			t.Fatal(err)
		}
		if err := c.send([][]byte{pingFrame}, false); !errors.Is(err, net.ErrClosed) {
			t.Errorf("send returned %v", err)
		}
		if _, err := c.Write(pingFrame); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write returned %v", err)
		}
		c.cut()
	}
}
