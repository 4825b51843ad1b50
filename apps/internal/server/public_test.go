package server_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
	"github.com/coder/websocket"
)

// The routes and live topics that need no token. What is not here is closed: a new route
// is to be put here by somebody who has thought about it.
var (
	publicRoutes = []string{
		"DELETE /api/tickets/claims/{claim}",
		"DELETE /api/tickets/pools/{pool}/waiting-list",
		"GET /api/tickets/claims/{claim}",
		"GET /api/tickets/mine",
		"GET /api/tickets/pools",
		"GET /api/tickets/pools/{pool}",
		"GET /api/tickets/pools/{pool}/place",
		"GET /healthz",
		"GET /live",
		"GET /ocpp/{identity}",
		"GET /readyz",
		"GET /static/{hash}/{path...}",
		"GET /tickets",
		"GET /tickets/claims/{claim}",
		"GET /tickets/mine",
		"GET /tickets/{pool}",
		"POST /api/tickets/claims/{claim}/buy",
		"POST /api/tickets/payments/webhook",
		"POST /api/tickets/pools/{pool}/claims",
		"POST /api/tickets/pools/{pool}/room",
		"POST /api/tickets/pools/{pool}/waiting-list",
		"POST /tickets/claims/{claim}",
		"POST /tickets/{pool}",
	}
	publicTopics = []string{"claim", "pool", "pools"}
)

// all returns a server of all systems, with a token, and the address of it.
func all(t *testing.T) (*server.Server, string) {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	parts := node.Alone(store, "test", db, logger)
	rovers, err := rover.New(parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rovers.Close() })
	sale, err := tickets.New(parts, tickets.Config{SoleWriter: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sale.Close() })
	stations, err := charging.New(parts, charging.Config{SoleWriter: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stations.Close() })
	s, err := server.New(server.Config{Store: store, Namespace: "test", Version: "test", Logger: logger, Token: token}, rovers, sale, stations)
	if err != nil {
		t.Fatal(err)
	}
	s.ShareReadDB(db)
	t.Cleanup(func() { _ = s.Hub.Close() })
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return s, web.URL
}

// example is a path of a route.
func example(route string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") && part != "{$}" {
			part = "x"
		}
		parts = append(parts, strings.TrimSuffix(part, "{$}"))
	}
	return method, strings.Join(parts, "/")
}

// What needs no token is what is listed here, and nothing else.
func TestPublic(t *testing.T) {
	s, address := all(t)
	routes, open := s.Routes()
	if !slices.Equal(open, publicRoutes) {
		t.Errorf("open are\n%s\nwant\n%s", strings.Join(open, "\n"), strings.Join(publicRoutes, "\n"))
	}
	for _, route := range publicRoutes {
		if !slices.Contains(routes, route) {
			t.Errorf("there is no route %s", route)
		}
	}
	if len(routes) < 70 {
		t.Errorf("there are %d routes: are these all of them?", len(routes))
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, route := range routes {
		method, path := example(route)
		status, _, body := get(t, client, method, address+path)
		if public := slices.Contains(publicRoutes, route); public == (status == http.StatusUnauthorized) {
			t.Errorf("%s without a token is answered with %d %.100s", route, status, body)
		}
	}
	_, _, metrics := get(t, client, "GET", address+"/metrics", "Authorization", "Bearer "+token)
	if !strings.Contains(metrics, `route="GET /tickets/{pool}"`) {
		t.Error("the metrics do not count the pages of customers")
	}
	// Nor is there a way around it.
	for _, path := range []string{
		"/tickets/promoter", "/tickets/promoter/", "/tickets//promoter", "/tickets/./promoter/new", "/tickets/x/../promoter/cases", "/tickets/%70romoter",
		"/static/../api/status", "/healthz/../metrics", "/tickets/nothing/here", "/nothing", "/api/tickets/cases",
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			status, header, _ := get(t, client, method, address+path)
			if to := header.Get("Location"); status == http.StatusTemporaryRedirect && to != "" {
				status, _, _ = get(t, client, method, address+to)
			}
			if status != http.StatusUnauthorized {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
	if status, _, _ := get(t, client, "POST", address+"/tickets/x", "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a page of another site may send the forms of customers: %d", status)
	}
	if status, _, _ := get(t, client, "GET", address+"/tickets?token=x"); status != http.StatusUnauthorized {
		t.Errorf("a wrong token for a page that needs none: %d", status)
	}
}

// Without the token there are the topics that are listed here, and no others.
func TestPublicTopics(t *testing.T) {
	s, address := all(t)
	topics, open := s.Topics()
	if !slices.Equal(open, publicTopics) {
		t.Errorf("open are %q, want %q", open, publicTopics)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	// told returns what is said of a topic to those who have the token, and who have not.
	told := func(topic string, header http.Header) (text string) {
		t.Helper()
		connection, _, err := websocket.Dial(ctx, strings.Replace(address, "http", "ws", 1)+"/live", &websocket.DialOptions{HTTPHeader: header})
		if err != nil {
			t.Fatal(err)
		}
		defer connection.CloseNow()
		if err := connection.Write(ctx, websocket.MessageText, []byte(`{"subscribe":"`+topic+`"}`)); err != nil {
			t.Fatal(err)
		}
		for text == "" {
			_, data, err := connection.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var m struct{ Topic, Error string }
			if err := json.Unmarshal(data, &m); err != nil {
				t.Fatal(err)
			}
			if m.Topic == topic {
				text = m.Error + "."
			}
		}
		return text
	}
	with := http.Header{"Authorization": {"Bearer " + token}}
	closed := 0
	for _, kind := range topics {
		// The read models do not run here, so what may be read is unavailable, if it is of one.
		if got := told(kind+"/x", with); got == "unknown topic." {
			t.Errorf("with the token %s is %q", kind, got)
		}
		want := "unavailable."
		if !slices.Contains(publicTopics, kind) {
			want = "unknown topic."
			closed++
		}
		if got := told(kind+"/x", nil); got != want {
			t.Errorf("without the token %s is %q, want %q", kind, got, want)
		}
	}
	if closed == 0 {
		t.Error("no topic is closed")
	}
	r, err := http.NewRequestWithContext(ctx, "GET", address+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example"} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site may follow topics: %s", response.Status)
	}
}
