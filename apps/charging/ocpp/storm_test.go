package ocpp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

func TestReconnectStormIsAnsweredWithRetryAfterThatVaries(t *testing.T) {
	entered, release := make(chan struct{}, 1), make(chan struct{})
	j := newJournal()
	j.connected = func(c *ocpp.Conn) { // a slow database
		entered <- struct{}{}
		<-release
	}
	_, endpoint := serve(t, book{"CP1": {}, "CP2": {}}, j, &ocpp.ServerOptions{MaxHandshakes: 1, AdmissionWait: time.Millisecond, RetryAfter: time.Minute})
	first, _ := join(t, endpoint, "CP1", nil)
	<-entered
	waits := map[time.Duration]bool{}
	for range 20 {
		e := refused(t, endpoint, "CP2", nil)
		if e.Status != http.StatusServiceUnavailable || e.RetryAfter < 30*time.Second || e.RetryAfter > 90*time.Second {
			t.Errorf("%v, retry after %v", e, e.RetryAfter)
		}
		waits[e.RetryAfter] = true
	}
	if len(waits) < 5 {
		t.Errorf("the waits are %v", waits)
	}
	close(release)
	beat(t, first)
	second, _ := join(t, endpoint, "CP2", nil)
	beat(t, second)
}

func TestAllStationsReconnectAtOnceAndNoCallIsLost(t *testing.T) {
	const stations = 100
	all := book{}
	key := ocpp.NewKey()
	hash := ocpp.HashKey(key)
	for i := range stations {
		all[fmt.Sprint("CP", i)] = ocpp.Credentials{Profile: 1, Keys: []ocpp.KeyHash{hash}}
	}
	server, endpoint := serve(t, all, newJournal(), &ocpp.ServerOptions{MaxHandshakes: 4, AdmissionWait: 50 * time.Millisecond, RetryAfter: time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var work sync.WaitGroup
	var once sync.Map
	for i := range stations {
		client := ocpp.NewClient(endpoint, fmt.Sprint("CP", i), v16.Messages{}, ocpp.HandlerFunc(station), &ocpp.ClientOptions{
			Password: string(key), MinBackoff: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
		})
		running, stop := context.WithCancel(ctx)
		work.Go(func() { _ = client.Run(running) })
		work.Go(func() {
			defer stop()
			for round := range 2 {
				for { // a station repeats what was not answered
					_, err := v16.Call(ctx, client, &v16.HeartbeatReq{})
					if err == nil {
						break
					}
					if ctx.Err() != nil {
						t.Errorf("CP%d: %v", i, err)
						return
					}
					pause(10 * time.Millisecond)
				}
				if conn, ok := server.Conn(fmt.Sprint("CP", i)); ok && round == 0 {
					if _, again := once.LoadOrStore(conn.Epoch(), i); again {
						t.Errorf("CP%d has the epoch of another", i)
					}
					conn.Close(1012, "all at once")
				}
			}
		})
	}
	work.Wait()
}

func TestMaxConns(t *testing.T) {
	j := newJournal()
	_, endpoint := serve(t, book{"CP1": {}, "CP2": {}}, j, &ocpp.ServerOptions{MaxConns: 1})
	conn, _ := join(t, endpoint, "CP1", nil)
	beat(t, conn)
	if e := refused(t, endpoint, "CP2", nil); e.Status != http.StatusServiceUnavailable {
		t.Errorf("%v", e)
	}
	conn.Close(1000, "")
	j.await(t, "disconnected CP1")
	deadline := time.Now().Add(patience)
	for {
		next, err := ocpp.Dial(t.Context(), endpoint, "CP2", v16.Messages{}, ocpp.HandlerFunc(station), nil)
		if err == nil {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = next.Run(ctx)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		pause(time.Millisecond) // it is told before it makes place
	}
}

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	j := newJournal()
	j.HandlerFunc = func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		close(entered)
		<-release
		return central(ctx, c, call)
	}
	server := ocpp.NewServer(v16.Messages{}, book{"CP1": {}, "CP2": {}}, j, nil)
	endpoint := listen(t, server, nil)
	conn, over := join(t, endpoint, "CP1", nil)
	idle, idleOver := join(t, endpoint, "CP2", nil)
	answered := make(chan error, 1)
	go func() {
		_, err := v16.Call(t.Context(), conn, &v16.HeartbeatReq{})
		answered <- err
	}()
	<-entered
	down := make(chan error, 1)
	go func() { down <- server.Shutdown(t.Context()) }()
	if err := <-idleOver; err == nil {
		t.Error("the idle one goes on")
	}
	if e := refused(t, endpoint, "CP2", nil); e.Status != http.StatusServiceUnavailable || e.RetryAfter == 0 {
		t.Errorf("a handshake meanwhile: %v", e)
	}
	if _, err := server.Call(t.Context(), "CP1", reset); !errors.Is(err, ocpp.ErrNotSent) || !errors.Is(err, ocpp.ErrShutdown) {
		t.Errorf("a call meanwhile: %v", err)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the call that was under way: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	<-over
	if _, err := v16.Call(t.Context(), idle, &v16.HeartbeatReq{}); !errors.Is(err, ocpp.ErrNotSent) {
		t.Errorf("a call afterwards: %v", err)
	}
	j.await(t, "disconnected CP1", ocpp.ErrShutdown.Error())
}

func TestCallThatComesDuringShutdownIsNotAnsweredSoThatItComesAgain(t *testing.T) {
	entered, release := make(chan string, 2), make(chan struct{})
	j := newJournal()
	j.HandlerFunc = func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		entered <- call.ID
		<-release
		return central(ctx, c, call)
	}
	problems := make(chan string, 100)
	server := ocpp.NewServer(v16.Messages{}, book{"CP1": {}}, j, &ocpp.ServerOptions{ConnOptions: ocpp.ConnOptions{Wire: func(_ *ocpp.Conn, w ocpp.Wire) {
		if w.Problem != "" {
			problems <- w.ID + " " + w.Problem
		}
	}}})
	endpoint := listen(t, server, nil)
	ws, _, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp1.6"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	say := func(message string) {
		if err := ws.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	say(heartbeat)
	<-entered
	down := make(chan error, 1)
	go func() { down <- server.Shutdown(t.Context()) }()
	for refused(t, endpoint, "unknown", nil).Status != http.StatusServiceUnavailable { // until it has begun
	}
	say(`[2,"h2","Heartbeat",{}]`)
	if got := <-problems; got != "h2 not served: the connection is being closed" {
		t.Errorf("noted is %s", got)
	}
	close(release)
	if _, data, err := ws.Read(t.Context()); err != nil || string(data) != heartbeatOK {
		t.Errorf("the station hears %s, %v", data, err)
	}
	if _, data, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("then the station hears %s, %v", data, err)
	}
	if err := <-down; err != nil || len(entered) != 0 {
		t.Errorf("Shutdown: %v; %d more calls were handled", err, len(entered))
	}
}

func TestShutdownThatIsCutShort(t *testing.T) {
	entered := make(chan struct{})
	j := newJournal()
	j.HandlerFunc = func(ctx context.Context, _ *ocpp.Conn, _ ocpp.Call) (ocpp.Response, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	server := ocpp.NewServer(v16.Messages{}, book{"CP1": {}, "dead": {}}, j, nil)
	endpoint := listen(t, server, nil)
	conn, _ := join(t, endpoint, "CP1", nil)
	rawDial(t, endpoint+"/ocpp", "dead")
	j.await(t, "connected dead")
	go func() { _, _ = v16.Call(t.Context(), conn, &v16.HeartbeatReq{}) }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 4*time.Second {
		t.Errorf("Shutdown: %v after %v", err, time.Since(start))
	}
}
