package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/internal/testenv"
	"github.com/aether-es/aether/projection"
)

// stopped is a read model that has stopped before event 7.
func stopped() projection.FollowerStatus {
	return projection.FollowerStatus{
		State: projection.Stopped, Ready: true, Cursor: integration.Cursor{Sequence: 6, Position: 6}, Error: "no <such> thing",
		At: &integration.Event{Type: "es.aether.demo.ThingMade", Subject: "thing/x", Sequence: 7},
	}
}

func live() projection.FollowerStatus {
	return projection.FollowerStatus{State: projection.Live, Ready: true, Cursor: integration.Cursor{Sequence: 9, Position: 9}}
}

// standings are what a read model can be like.
func standings() map[string]web.SystemStatus {
	made := func(serving projection.FollowerStatus, building ...projection.FollowerStatus) web.SystemStatus {
		s := web.SystemStatus{Name: "demo", Projection: projection.Status{Name: "demo-things", CopyStatus: projection.CopyStatus{FollowerStatus: serving}}}
		for _, b := range building {
			s.Projection.Building = &projection.CopyStatus{FollowerStatus: b}
		}
		return s
	}
	outdated, catching := live(), live()
	outdated.State, catching.State = projection.Outdated, projection.CatchingUp
	all := map[string]web.SystemStatus{
		"live":              made(live()),
		"stopped":           made(stopped()),
		"made":              made(projection.FollowerStatus{State: projection.CatchingUp}),
		"outdated":          made(outdated, catching),
		"outdated for good": made(outdated, stopped()),
		"catching up":       made(catching),
		"rebuilt":           made(live(), catching),
		"not rebuilt":       made(live(), stopped()),
		"not told":          made(live()),
	}
	s := all["not told"]
	s.Relay = &integration.RelayStatus{State: integration.RelayStopped, Error: "cannot map"}
	all["not told"] = s
	return all
}

// What pages show may be old: then they say so, and the start page says why and has what
// can be done.
func TestStanding(t *testing.T) {
	for name, want := range map[string]struct{ badge, note, start string }{
		"live":              {"Up to date", "", ""},
		"stopped":           {"Stopped", "What you see is not current", "Skip event 7"},
		"made":              {"Being made", "The read model is being made", ""},
		"outdated":          {"Being made anew", "The read model is being made anew", ""},
		"outdated for good": {"Being made anew", "The read model is being made anew", "Skip event 7"},
		"catching up":       {"Catching up", "What you see is not current yet", ""},
		"rebuilt":           {"Up to date", "", ""},
		"not rebuilt":       {"Up to date", "", "Skip event 7"},
		"not told":          {"Not told of events", "What you see is not current", "cannot map"},
	} {
		t.Run(name, func(t *testing.T) {
			status := web.Status{Position: 9, Systems: []web.SystemStatus{standings()[name]}}
			s, h := site(t, web.Options{Status: func(context.Context) (web.Status, error) { return status, nil }})
			start := get(t, h, "/")
			keepsPolicy(t, start)
			text := start.Body.String()
			if !strings.Contains(text, ">"+want.badge+"</span>") || !strings.Contains(text, want.start) || strings.Contains(text, "data-trouble") != (want.start != "") {
				t.Errorf("the start page: %s", text)
			}
			if want.start == "Skip event 7" && (!strings.Contains(text, "no &lt;such&gt; thing") || !strings.Contains(text, "ThingMade of thing/x")) {
				t.Errorf("the start page does not say why: %s", text)
			}
			w := httptest.NewRecorder()
			s.Render(w, httptest.NewRequest(http.MethodGet, "/demo", nil), http.StatusOK, web.Page{Live: true, System: "demo"}, templ.NopComponent)
			text = w.Body.String()
			if !strings.Contains(text, want.note) || strings.Contains(text, "notice") != (want.note != "") || strings.Contains(text, "data-stale hidden") != (want.note == "") {
				t.Errorf("a page: %s", text)
			}
			keepsPolicy(t, w)
		})
	}
}

// The pages know from the status when there is something else to be told: as the server.
func TestStandingKeys(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testenv.Lacks(t, "node, for the tests of the JavaScript modules")
	}
	all := standings()
	input, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "--input-type=module", "-e", `
		import { readFileSync } from "node:fs";
		import { key } from "./static/status.js";
		const all = Object.entries(JSON.parse(readFileSync(0)));
		console.log(JSON.stringify(Object.fromEntries(all.map(([name, s]) => [name, key(s)]))));`)
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]string
	if err := json.Unmarshal(output, &keys); err != nil {
		t.Fatal(err)
	}
	for name, status := range all {
		_, h := site(t, web.Options{Status: func(context.Context) (web.Status, error) { return web.Status{Systems: []web.SystemStatus{status}}, nil }})
		if want := `data-key="` + keys[name] + `"`; !strings.Contains(get(t, h, "/").Body.String(), want) {
			t.Errorf("%s: the start page has no %s", name, want)
		}
	}
}

// What an operator chooses on the start page is done by the API.
func TestSteer(t *testing.T) {
	mux := http.NewServeMux()
	var asked []string
	mux.HandleFunc("POST /api/projections/{name}/{do}", func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.PathValue("name")+" "+r.PathValue("do")+" "+r.URL.Query().Get("sequence"))
		if r.URL.Query().Get("sequence") == "8" {
			api.Write(w, r, api.NewProblem(http.StatusConflict, "it has not stopped before event 8"))
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	s, err := web.New(&web.Options{Systems: []web.System{{Name: "demo", Title: "Demos", Path: "/demo"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Register(mux)
	h := web.Secure(mux)
	post := func(values ...string) *httptest.ResponseRecorder {
		form := url.Values{}
		for i := 0; i < len(values); i += 2 {
			form.Set(values[i], values[i+1])
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := post("projection", "demo things", "do", "retry", "event", "7"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/?did=retry#systems" {
		t.Errorf("retry: %d, %v", w.Code, w.Header())
	}
	if w := post("projection", "things", "do", "skip", "event", "7"); w.Code != http.StatusSeeOther {
		t.Errorf("skip: %d, %v", w.Code, w.Header())
	}
	if w := post("projection", "things", "do", "skip", "event", "8"); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "It has not stopped before event 8.") {
		t.Errorf("skip of another: %d, %s", w.Code, w.Body)
	}
	for _, bad := range [][]string{{}, {"projection", "things", "do", "rebuild"}, {"do", "retry"}} {
		if w := post(bad...); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
	if got := strings.Join(asked, ", "); got != "demo things retry , things skip 7, things skip 8" {
		t.Errorf("the API was asked for %s", got)
	}
}

// A browser without the token is asked for it; a program is not.
func TestSignIn(t *testing.T) {
	s, _ := site(t, web.Options{})
	ask := func(method, target, accept string) (bool, *httptest.ResponseRecorder) {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		return s.SignIn(w, r), w
	}
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, test := range []struct {
		method, target string
		has            []string
		lacks          string
	}{
		{"GET", "/demo/a%20b?version=3&x=%3Cb%3E", []string{`action="/demo/a%20b"`, `name="version" value="3"`, `name="x" value="&lt;b&gt;"`, `type="password"`}, "That is not the token"},
		{"GET", "/demo?token=wrong", []string{`action="/demo"`, "That is not the token"}, "wrong"},
		{"GET", "//elsewhere.example/x", []string{`action="/elsewhere.example/x"`}, ""},
		{"POST", "/demo/x?y=1", []string{`action="/"`}, `name="y"`},
	} {
		ok, w := ask(test.method, test.target, browser)
		if !ok || w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %v, %d", test.target, ok, w.Code)
		}
		for _, text := range test.has {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: no %s in %s", test.target, text, w.Body)
			}
		}
		if test.lacks != "" && strings.Contains(w.Body.String(), test.lacks) {
			t.Errorf("%s: %s in %s", test.target, test.lacks, w.Body)
		}
		keepsPolicy(t, w)
	}
	for _, target := range []string{"/api/status", "/openapi.json", "/metrics"} {
		if ok, _ := ask("GET", target, browser); ok {
			t.Errorf("%s is answered with a page", target)
		}
	}
	if ok, _ := ask("GET", "/demo", "*/*"); ok {
		t.Error("a program is answered with a page")
	}
}
