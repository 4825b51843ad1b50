package rover_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// integrationPage is a page of what other services may know.
type integrationPage struct {
	Events []struct{ ID, Specversion, Type, Source, Sequence, Subject string }
	Next   string
}

// What other services may know, page by page, in order, without gaps.
func TestIntegrationEvents(t *testing.T) {
	w := newWorld(t)
	w.mars()
	next, last := "", 0
	for range 4 {
		var page integrationPage
		path := "/api/integration/rover?limit=2&after=" + next
		if status, _ := w.ask("GET", path, nil, &page); status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		for _, e := range page.Events {
			last++
			if e.Specversion != "1.0" || e.Sequence != fmt.Sprint(last) || e.Source != "/aether/test/rover" || e.Subject != "grid/mars" || e.ID != fmt.Sprintf("grid/mars@%d.0", last) {
				t.Errorf("event %d is %+v", last, e)
			}
		}
		if next = page.Next; next == "" {
			t.Fatal("a page has no next")
		}
	}
	if last != 3 {
		t.Errorf("there are %d events", last)
	}
	// What comes later is behind the same place.
	w.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", map[string]string{"moves": "F"}, nil)
	var page integrationPage
	if w.ask("GET", "/api/integration/rover?after="+next, nil, &page); len(page.Events) != 1 || page.Events[0].Sequence != "4" {
		t.Errorf("behind the end are %+v", page.Events)
	}
}

// A cursor is one that a page had, of the same events, or an error.
func TestIntegrationCursors(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	w.mars()
	other.mars()
	var page, others integrationPage
	w.ask("GET", "/api/integration/rover?limit=2", nil, &page)
	other.ask("GET", "/api/integration/rover?limit=2", nil, &others)
	code := base64.RawURLEncoding.EncodeToString
	known, err := base64.RawURLEncoding.DecodeString(page.Next)
	if err != nil {
		t.Fatal(err)
	}
	for name, cursor := range map[string]string{
		"no cursor":         "2",
		"no base64":         "%2B%2B",
		"no JSON":           code([]byte("{")),
		"a number alone":    code([]byte(`{"sequence":2}`)),
		"no mark":           code([]byte(`{"sequence":2,"position":2}`)),
		"another position":  code([]byte(strings.Replace(string(known), `"position":2`, `"position":3`, 1))),
		"beyond the end":    code([]byte(strings.Replace(string(known), `"position":2`, `"position":99`, 1))),
		"of another store":  others.Next,
		"something behind":  page.Next + "x",
		"a cursor of grids": "eyJhIjoxfQ",
	} {
		var p problem
		if status, _ := w.ask("GET", "/api/integration/rover?after="+cursor, nil, &p); status != http.StatusUnprocessableEntity ||
			p.Type != "urn:aether:invalid" || p.Errors[0].Location != "query.after" {
			t.Errorf("%s: %d %+v", name, status, p)
		}
	}
}

// A page of another host's name that leads to this machine (DNS rebinding) is for its
// browser the same site: commands and WebSockets of it are refused.
func TestRebinding(t *testing.T) {
	w := newWorld(t)
	for host, ok := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "127.0.0.1": true, "127.0.0.1:99": true, "127.9.9.9:1": true, "[::1]:8080": true, "[::1]": true,
		"evil.example:8080": false, "evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"192.168.1.5:8080": false, "0.0.0.0": false, "aether.localhost": false,
	} {
		status := http.StatusMisdirectedRequest
		if ok {
			status = http.StatusNotFound // as there is no such grid
		}
		if response, text := w.send("GET", "/api/rover/grids/mars/events", "", "Host", host); response.StatusCode != status {
			t.Errorf("%s: %s %s", host, response.Status, text)
		}
	}
	response, _ := w.send("POST", "/api/rover/grids", `{"id":"evil","width":2,"height":2}`,
		"Host", "evil.example:8080", "Origin", "http://evil.example:8080", "Sec-Fetch-Site", "same-origin")
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a command by a page of evil.example: %s", response.Status)
	}
	_, response, err := websocket.Dial(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/live", &websocket.DialOptions{
		Host: "evil.example:8080", HTTPHeader: http.Header{"Origin": {"http://evil.example:8080"}},
	})
	if err == nil || response == nil || response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a WebSocket of it: %v", err)
	}
}

// With a token WebSockets need it, and have what they subscribe to.
func TestLiveWithAToken(t *testing.T) {
	const token = "a-token-of-some-length"
	store := newStore(t)
	startWorld(t, parts{store: store}).mars()
	w := startWorld(t, parts{store: store, token: token})
	w.ready()
	bearer := http.Header{"Authorization": {"Bearer " + token}}
	c := w.dial(&websocket.DialOptions{HTTPHeader: bearer})
	say(t, c, `{"subscribe":"grid/mars"}`)
	if m := hear(t, c); m.Document == nil || m.Document.ID != "mars" || len(m.Document.Rovers) != 2 {
		t.Errorf("heard %+v", m)
	}

	// A page has the cookie, and is of this host.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := client.Get(w.url + "/rover?token=" + token)
	if err != nil {
		t.Fatal(err)
	}
	_ = page.Body.Close()
	cookie := strings.Split(page.Header.Get("Set-Cookie"), ";")[0]
	c = w.dial(&websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookie}, "Origin": {w.url}}})
	say(t, c, `{"subscribe":"grid/mars"}`)
	if m := hear(t, c); m.Document == nil {
		t.Errorf("with the cookie: heard %+v", m)
	}
	for name, headers := range map[string]http.Header{
		"nothing":                     {},
		"another token":               {"Authorization": {"Bearer " + token + "x"}},
		"another cookie":              {"Cookie": {cookie + "x"}},
		"the token as a cookie":       {"Cookie": {strings.Split(cookie, "=")[0] + "=" + token}},
		"the cookie on another site ": {"Cookie": {cookie}, "Origin": {"http://evil.example"}},
	} {
		if c, _, err := websocket.Dial(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"/live", &websocket.DialOptions{HTTPHeader: headers}); err == nil {
			_ = c.CloseNow()
			t.Errorf("with %s it was let in", name)
		}
	}
}
