package ocpp_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

func TestIdentityIsPercentDecoded(t *testing.T) {
	stations := book{}
	identities := []string{"CP001", "RDAM 123", "a/b", "50%", "Säule:7", "x+y?#&=", "%2F"}
	for _, identity := range identities {
		stations[identity] = ocpp.Credentials{}
	}
	j := newJournal()
	server := ocpp.NewServer(v16.Messages{}, stations, j, nil)
	mux := http.NewServeMux()
	mux.Handle("/ocpp/{identity}", server)
	endpoint := listen(t, mux, nil)
	for _, identity := range identities {
		conn, _ := join(t, endpoint+"/ocpp", identity, nil)
		beat(t, conn)
		j.await(t, "connected "+identity)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if conf, err := v16.Call(ctx, caller{server, identity}, reset); err != nil || conf.Status != v16.Accepted {
			t.Errorf("%s: %+v, %v", identity, conf, err)
		}
		cancel()
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// caller calls a station by way of the server.
type caller struct {
	server   *ocpp.Server
	identity string
}

func (c caller) Call(ctx context.Context, request ocpp.Request) (ocpp.Response, error) {
	return c.server.Call(ctx, c.identity, request)
}

func TestUnknownIdentityIs404BeforeTheUpgrade(t *testing.T) {
	var mu sync.Mutex
	var refusals []string
	server, endpoint := serve(t, book{"CP1": {}}, newJournal(), &ocpp.ServerOptions{Refused: func(identity, addr string, status int, _ string) {
		mu.Lock()
		defer mu.Unlock()
		refusals = append(refusals, fmt.Sprintf("%s %d %v", identity, status, addr != ""))
	}})
	for _, identity := range []string{"CP2", "cp1", strings.Repeat("x", 256), "a\x00b"} {
		if e := refused(t, endpoint, identity, nil); e.Status != http.StatusNotFound {
			t.Errorf("%q: %v", identity, e)
		}
	}
	if e := refused(t, endpoint, "", nil); e.Status != http.StatusNotFound {
		t.Errorf("no identity: %v", e)
	}
	if e := refused(t, endpoint, "broken", nil); e.Status != http.StatusServiceUnavailable || e.RetryAfter == 0 {
		t.Errorf("while the database is away: %v", e)
	}
	if _, err := server.Call(t.Context(), "CP2", reset); !errors.Is(err, ocpp.ErrNotSent) || !errors.Is(err, ocpp.ErrOffline) {
		t.Errorf("a call to it: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(refusals) != 6 || refusals[0] != "CP2 404 true" || refusals[5] != "broken 503 true" {
		t.Errorf("the refusals are %q", refusals)
	}
}

func TestNoCommonSubprotocolFinishesTheHandshakeWithoutTheHeaderAndCloses(t *testing.T) {
	_, endpoint := serve(t, book{"CP1": {}}, newJournal(), nil)
	for _, offered := range [][]string{nil, {"ocpp1.5"}, {"ocpp2.0.1", "ocpp1.5"}} {
		ws, response, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: offered})
		if err != nil {
			t.Fatalf("%v: %v", offered, err)
		}
		if _, there := response.Header["Sec-Websocket-Protocol"]; response.StatusCode != http.StatusSwitchingProtocols || there {
			t.Errorf("%v: status %d, %v", offered, response.StatusCode, response.Header)
		}
		if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusProtocolError {
			t.Errorf("%v: %v", offered, err)
		}
		_ = ws.CloseNow()
	}
	ws, response, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp2.0.1", "ocpp1.6", "ocpp1.5"}})
	if err != nil || response.Header.Get("Sec-Websocket-Protocol") != "ocpp1.6" {
		t.Fatalf("%v, %v", response, err)
	}
	_ = ws.CloseNow()
}

func TestClientRefusesAServerThatDoesNotSpeakTheProtocol(t *testing.T) {
	endpoint := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := websocket.Accept(w, r, nil); err == nil {
			_ = ws.Close(websocket.StatusNormalClosure, "")
		}
	}), nil)
	if e := refused(t, endpoint, "CP1", nil); e.Status != http.StatusSwitchingProtocols || !strings.Contains(e.Error(), "ocpp1.6") {
		t.Errorf("%v", e)
	}
}

func TestAuthorizationKeyIsAcceptedRawAndAsHexadecimalDigits(t *testing.T) {
	key := ocpp.NewKey()
	other := []byte("sixteen bytes ok")
	stations := book{"AL1000": {Profile: 1, Keys: []ocpp.KeyHash{ocpp.HashKey(key), ocpp.HashKey(other)}}, "Säule:7": {Profile: 1, Keys: []ocpp.KeyHash{ocpp.HashKey(key)}}}
	j := newJournal()
	_, endpoint := serve(t, stations, j, nil)
	for _, password := range []string{string(key), fmt.Sprintf("%x", key), fmt.Sprintf("%X", key), string(other), fmt.Sprintf("%x", other)} {
		conn, _ := join(t, endpoint, "AL1000", &ocpp.ClientOptions{Password: password})
		beat(t, conn)
	}
	conn, _ := join(t, endpoint, "Säule:7", &ocpp.ClientOptions{Password: string(key)})
	beat(t, conn)
	j.mu.Lock()
	for _, c := range j.conns {
		if c.Peer().Profile != 1 || c.Peer().RemoteAddr == "" {
			t.Errorf("the peer is %+v", c.Peer())
		}
	}
	j.mu.Unlock()
	for _, password := range []string{"", "wrong", string(key) + "x", string(key[:19]), fmt.Sprintf("%x", key[:19]), fmt.Sprintf("%x", string(fmt.Sprintf("%x", key)))} {
		if e := refused(t, endpoint, "AL1000", &ocpp.ClientOptions{Password: password}); e.Status != http.StatusUnauthorized {
			t.Errorf("%q: %v", password, e)
		}
	}
}

func TestBasicAuthUserIsTheIdentity(t *testing.T) {
	key := ocpp.NewKey()
	_, endpoint := serve(t, book{"CP1": {Profile: 1, Keys: []ocpp.KeyHash{ocpp.HashKey(key)}}, "CP2": {}}, newJournal(), nil)
	for header, status := range map[string]int{
		"Basic " + base64.StdEncoding.EncodeToString([]byte("CP1:"+string(key))): http.StatusSwitchingProtocols,
		"basic " + base64.StdEncoding.EncodeToString([]byte("CP1:"+string(key))): http.StatusSwitchingProtocols,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("CP2:"+string(key))): http.StatusUnauthorized,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("cp1:"+string(key))): http.StatusUnauthorized,
		"Basic !":  http.StatusUnauthorized,
		"Bearer x": http.StatusUnauthorized,
		"":         http.StatusUnauthorized,
	} {
		ws, response, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp1.6"}, HTTPHeader: http.Header{"Authorization": {header}}})
		if response == nil || response.StatusCode != status {
			t.Errorf("%s: %v, %v", header, response, err)
		}
		if status == http.StatusUnauthorized && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("WWW-Authenticate is %q", response.Header.Get("WWW-Authenticate"))
		}
		if err == nil {
			_ = ws.CloseNow()
		}
	}
}

func TestNewestConnectionWinsAndTheOldOnesEndIsKnownByItsEpoch(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}}, j, nil)
	old, over := join(t, endpoint, "CP1", nil)
	beat(t, old)
	newer, _ := join(t, endpoint, "CP1", nil)
	beat(t, newer)
	j.await(t, "disconnected CP1", ocpp.ErrReplaced.Error())
	if err := <-over; websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the old one ends with %v", err)
	}
	current, ok := server.Conn("CP1")
	if !ok || current != j.conns[1] || j.conns[0].Epoch() >= j.conns[1].Epoch() {
		t.Errorf("the server has %v, %v", current, ok)
	}
	beat(t, newer)
	if _, err := server.Call(t.Context(), "CP1", reset); err != nil {
		t.Errorf("a call to the station: %v", err)
	}
	n := 0
	for c := range server.Conns() {
		if n++; c != current {
			t.Errorf("there is %v", c.Peer())
		}
	}
	if n != 1 {
		t.Errorf("%d connections", n)
	}
}

// The clock of this machine may be behind that of another one, or be set back.
func TestEpochIsGreaterThanTheOneThatIsKnown(t *testing.T) {
	known := time.Now().AddDate(1, 0, 0).UnixMicro()
	j := newJournal()
	_, endpoint := serve(t, book{"CP1": {Epoch: known}, "CP2": {}}, j, nil)
	for _, identity := range []string{"CP1", "CP1", "CP2"} {
		conn, _ := join(t, endpoint, identity, nil)
		beat(t, conn)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, c := range j.conns {
		if c.Epoch() <= known {
			t.Errorf("connection %d has the epoch %d, and %d is known", i, c.Epoch(), known)
		}
		known = c.Epoch()
	}
}

func TestPeerSaysWhichKeyTheStationHasShown(t *testing.T) {
	old, key := ocpp.NewKey(), ocpp.NewKey()
	hashes := []ocpp.KeyHash{ocpp.HashKey(old), ocpp.HashKey(key), ocpp.HashKey(key)}
	server, endpoint := serve(t, book{"CP1": {Profile: 1, Keys: hashes}, "CP2": {Keys: hashes}}, newJournal(), nil)
	for _, test := range []struct {
		identity, password string
		want               int
	}{{"CP1", string(old), 0}, {"CP1", string(key), 2}, {"CP2", "", -1}, {"CP2", "sixteen bytes no", -1}, {"CP2", string(old), 0}} {
		conn, _ := join(t, endpoint, test.identity, &ocpp.ClientOptions{Password: test.password})
		beat(t, conn)
		if current, ok := server.Conn(test.identity); !ok || current.Peer().Key != test.want {
			t.Errorf("%s with %q has shown the key %d, want %d", test.identity, test.password, current.Peer().Key, test.want)
		}
	}
}

func TestDisconnect(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}, "CP2": {}}, j, nil)
	one, over := join(t, endpoint, "CP1", nil)
	two, _ := join(t, endpoint, "CP2", nil)
	beat(t, one)
	beat(t, two)
	server.Disconnect("CP3", "it is not there")
	server.Disconnect("CP1", "it may not come any more")
	closed := websocket.CloseError{}
	if err := <-over; !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || closed.Reason != "it may not come any more" {
		t.Errorf("it ends with %v", err)
	}
	j.await(t, "disconnected CP1", ocpp.ErrClosed.Error())
	beat(t, two)
}

// rawDial makes a handshake without a WebSocket library, so that nothing reads or
// answers pings: a socket that is dead and open.
func rawDial(t *testing.T, endpoint, identity string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(endpoint, "ws://"), "/ocpp"))
	if err != nil {
		t.Fatal(err)
	}
	if err := rawHandshake(conn, identity); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func rawHandshake(conn net.Conn, identity string) error {
	_, err := fmt.Fprintf(conn, "GET /ocpp/%s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n",
		identity, base64.StdEncoding.EncodeToString([]byte(rand.Text()[:16])))
	if err != nil {
		return err
	}
	var head [512]byte
	n := 0
	for !strings.HasSuffix(string(head[:n]), "\r\n\r\n") { // no further: what follows are frames
		if n == len(head) {
			return errors.New("a long answer: " + string(head[:n]))
		}
		if _, err := conn.Read(head[n : n+1]); err != nil {
			return err
		}
		n++
	}
	if !strings.HasPrefix(string(head[:n]), "HTTP/1.1 101") {
		return errors.New(string(head[:n]))
	}
	return nil
}

func TestDeadSocketDoesNotBlockReconnection(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}}, j, nil)
	rawDial(t, endpoint, "CP1")
	j.await(t, "connected CP1")
	start := time.Now()
	conn, _ := join(t, endpoint, "CP1", nil)
	beat(t, conn)
	if _, err := server.Call(t.Context(), "CP1", reset); err != nil {
		t.Errorf("a call to the station: %v", err)
	}
	if d := time.Since(start); d > 4*time.Second { // closing the dead one takes five
		t.Errorf("it took %v", d)
	}
}

func TestPongDeadlineEndsADeadSocket(t *testing.T) {
	j := newJournal()
	server, endpoint := serve(t, book{"CP1": {}}, j, &ocpp.ServerOptions{ConnOptions: ocpp.ConnOptions{PingInterval: 50 * time.Millisecond, PongTimeout: 100 * time.Millisecond}})
	rawDial(t, endpoint, "CP1")
	j.await(t, "disconnected CP1", ocpp.ErrNoPong.Error())
	if _, ok := server.Conn("CP1"); ok {
		t.Error("the server keeps it")
	}
}

func TestMessageSizeLimit(t *testing.T) {
	_, endpoint := serve(t, book{"CP1": {}}, newJournal(), &ocpp.ServerOptions{ConnOptions: ocpp.ConnOptions{MaxMessage: 10_000}})
	for _, compression := range []bool{false, true} {
		conn, over := join(t, endpoint, "CP1", &ocpp.ClientOptions{Compression: compression})
		data := strings.Repeat("x", 9000)
		if conf, err := v16.Call(t.Context(), conn, &v16.DataTransferReq{VendorID: "v", Data: &data}); err != nil || *conf.Data != data {
			t.Fatalf("compression %v: 9000 bytes: %v", compression, err)
		}
		data = strings.Repeat("x", 10_001)
		_, err := v16.Call(t.Context(), conn, &v16.DataTransferReq{VendorID: "v", Data: &data})
		if !errors.Is(err, ocpp.ErrNoAnswer) {
			t.Errorf("compression %v: 10,001 bytes: %v", compression, err)
		}
		if err := <-over; websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("compression %v: it ends with %v", compression, err)
		}
	}
}

func TestBinaryMessagesEndTheConnection(t *testing.T) {
	_, endpoint := serve(t, book{"CP1": {}}, newJournal(), nil)
	ws, _, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp1.6"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(t.Context(), websocket.MessageBinary, []byte(heartbeat)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("%v", err)
	}
}

func TestPermessageDeflateIsNegotiated(t *testing.T) {
	for _, none := range []bool{false, true} {
		_, endpoint := serve(t, book{"CP1": {}}, newJournal(), &ocpp.ServerOptions{NoCompression: none})
		ws, response, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp1.6"}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Sec-WebSocket-Extensions"); strings.HasPrefix(got, "permessage-deflate") == none {
			t.Errorf("the extensions are %q", got)
		}
		_ = ws.CloseNow()
		conn, _ := join(t, endpoint, "CP1", &ocpp.ClientOptions{Compression: true})
		data := strings.Repeat("compress me ", 1000)
		if conf, err := v16.Call(t.Context(), conn, &v16.DataTransferReq{VendorID: "v", Data: &data}); err != nil || *conf.Data != data {
			t.Errorf("%v", err)
		}
	}
}

func TestForeignWebPagesAndOtherRequestsAreRefused(t *testing.T) {
	refusals := make(chan int, 10)
	_, endpoint := serve(t, book{"CP1": {}}, newJournal(), &ocpp.ServerOptions{Refused: func(_, _ string, status int, _ string) { refusals <- status }})
	_, response, err := websocket.Dial(t.Context(), endpoint+"/CP1", &websocket.DialOptions{Subprotocols: []string{"ocpp1.6"}, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || response.StatusCode != http.StatusForbidden || <-refusals != http.StatusForbidden {
		t.Errorf("a foreign page: %v, %v", response, err)
	}
	response, err = http.Get("http" + strings.TrimPrefix(endpoint, "ws") + "/CP1")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUpgradeRequired || <-refusals != http.StatusUpgradeRequired {
		t.Errorf("a browser: %v", response)
	}
}
