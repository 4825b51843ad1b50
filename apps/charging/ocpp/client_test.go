package ocpp_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

func TestClientStaysConnected(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}}, j, nil)
	up := newJournal()
	up.HandlerFunc = station
	client := ocpp.NewClient(endpoint, "CP1", v16.Messages{}, up, &ocpp.ClientOptions{MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond})
	if _, err := v16.Call(t.Context(), client, &v16.HeartbeatReq{}); !errors.Is(err, ocpp.ErrNotSent) || !errors.Is(err, ocpp.ErrOffline) {
		t.Errorf("a call before: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	seen := map[int64]bool{}
	for len(seen) < 3 {
		if _, err := v16.Call(t.Context(), client, &v16.HeartbeatReq{}); err != nil {
			pause(time.Millisecond) // between two connections
			continue
		}
		conn, ok := server.Conn("CP1")
		if ok && !seen[conn.Epoch()] {
			seen[conn.Epoch()] = true
			conn.Close(1012, "restart")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

func TestClientBacksOffAndObeysRetryAfter(t *testing.T) {
	for name, test := range map[string]struct {
		retryAfter  string
		least, most time.Duration // of the waits from the fifth on
	}{
		"on its own":       {"", 20 * time.Second, 40 * time.Second},
		"with Retry-After": {"100", 100 * time.Second, 125 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var at []time.Time
				dial := func(context.Context, string, string) (net.Conn, error) {
					mu.Lock()
					at = append(at, time.Now())
					mu.Unlock()
					there, here := net.Pipe()
					go func() {
						defer there.Close()
						request := make([]byte, 4096)
						if _, err := there.Read(request); err != nil {
							return
						}
						answer := "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
						if test.retryAfter != "" {
							answer += "Retry-After: " + test.retryAfter + "\r\n"
						}
						_, _ = there.Write([]byte(answer + "\r\n"))
					}()
					return here, nil
				}
				client := ocpp.NewClient("ws://central.example/ocpp", "CP1", v16.Messages{}, ocpp.HandlerFunc(station), &ocpp.ClientOptions{Dial: dial, MaxBackoff: 40 * time.Second})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := client.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Run: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(at) < 20 {
					t.Fatalf("it tried %d times", len(at))
				}
				waits := map[time.Duration]bool{}
				for i := range at[1:] {
					wait := at[i+1].Sub(at[i])
					waits[wait] = true
					if i > 6 && (wait < test.least || wait > test.most) {
						t.Errorf("wait %d is %v", i, wait)
					}
				}
				if len(waits) < 10 {
					t.Errorf("the waits do not vary: %v", waits)
				}
			})
		})
	}
}

func TestClientDoesNotFollowRedirects(t *testing.T) {
	_, other := serve(t, book{"CP1": {}}, newJournal(), nil)
	endpoint := listen(t, http.RedirectHandler("http"+other[2:]+"/CP1", http.StatusTemporaryRedirect), nil)
	if e := refused(t, endpoint, "CP1", &ocpp.ClientOptions{Password: "its key"}); e.Status != http.StatusTemporaryRedirect {
		t.Errorf("%v", e)
	}
}

func TestPluggedOutStation(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}}, j, nil)
	var wire net.Conn
	dialer := func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		wire, err = new(net.Dialer).DialContext(ctx, network, address)
		return wire, err
	}
	conn, over := join(t, endpoint, "CP1", &ocpp.ClientOptions{Dial: dialer})
	beat(t, conn)
	_ = wire.Close()
	<-over
	j.await(t, "disconnected CP1", "connection lost")
	if _, ok := server.Conn("CP1"); ok {
		t.Error("the server keeps it")
	}
}
