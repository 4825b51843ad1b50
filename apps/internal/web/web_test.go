package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/a-h/templ"
	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/internal/testenv"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type thing struct {
	Name string   `json:"name" minLength:"1" maxLength:"8" doc:"What it is called."`
	Size int      `json:"size" minimum:"1" maximum:"9"`
	Tags []string `json:"tags,omitempty"`
	In   *thing   `json:"in,omitempty"`
}

// site returns a site with a system and an API, and what serves it.
func site(t *testing.T, options web.Options) (*web.Site, http.Handler) {
	t.Helper()
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("Test", "1.2.3"))
	huma.Register(api, huma.Operation{
		OperationID: "make-thing", Method: http.MethodPost, Path: "/api/things/{box}", Summary: "Make a thing", Tags: []string{"things"},
	}, func(_ context.Context, _ *struct {
		Box  string `path:"box" example:"it's"`
		Body thing
	}) (*struct{ Body thing }, error) {
		return nil, nil
	})
	options.OpenAPI = api.OpenAPI
	options.Logger = slog.New(slog.DiscardHandler)
	options.Systems = append(options.Systems, web.System{
		Name: "demo", Title: "Demos", Path: "/demo", About: "For <tests>.",
		Static: fstest.MapFS{"a.js": {Data: []byte("export {}")}, "a.txt": {Data: []byte("no type")}},
	})
	s, err := web.New(&options)
	if err != nil {
		t.Fatal(err)
	}
	s.Register(mux)
	return s, web.Secure(mux)
}

func get(t *testing.T, h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// keepsPolicy fails if a page has what the policy forbids, or goes elsewhere.
func keepsPolicy(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Content-Security-Policy"); got != web.Policy {
		t.Errorf("the policy is %q", got)
	}
	for _, forbidden := range []string{`<style`, ` style=`, `<script>`, `javascript:`, ` on[a-z]+=`, `(src|href|action)="(https?:)?//`} {
		if found := regexp.MustCompile(forbidden).FindString(w.Body.String()); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
}

func TestPages(t *testing.T) {
	status := web.Status{Namespace: "default", Position: 1234567, Systems: []web.SystemStatus{{Name: "demo"}}, Live: web.LiveStatus{Clients: 42}}
	_, h := site(t, web.Options{Status: func(context.Context) (web.Status, error) { return status, nil }})
	for path, want := range map[string]struct {
		status int
		has    []string
	}{
		"/":         {200, []string{"Demos", "For &lt;tests&gt;.", "1\u202f234\u202f567", ">42<", "Being made", "<desc"}},
		"/api":      {200, []string{"Make a thing", "version 1.2.3", "/api/things/{box}", "1 to 8 characters", "from 1 to 9", "What it is called.", `/api/things/it&#39;\&#39;&#39;s`, "any error"}},
		"/nothing":  {404, []string{"Not found", "/nothing"}},
		"/api/none": {404, []string{`"status":404`}},
	} {
		w := get(t, h, path)
		if w.Code != want.status {
			t.Errorf("%s: status %d, want %d", path, w.Code, want.status)
		}
		for _, text := range want.has {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s has no %q", path, text)
			}
		}
		keepsPolicy(t, w)
	}
}

// The start page is there without figures.
func TestNoStatus(t *testing.T) {
	_, h := site(t, web.Options{Status: func(context.Context) (web.Status, error) { return web.Status{}, errors.New("secret") }})
	w := get(t, h, "/")
	if text := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(text, "No figures") || strings.Contains(text, "secret") {
		t.Errorf("status %d: %s", w.Code, text)
	}
}

func TestStatic(t *testing.T) {
	s, h := site(t, web.Options{})
	url := s.Asset("demo/a.js")
	w := get(t, h, url)
	if w.Code != http.StatusOK || w.Body.String() != "export {}" || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%s: %d, %q, %v", url, w.Code, w.Body, w.Header())
	}
	if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control is %q", got)
	}
	if again := get(t, h, url, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("with its ETag: status %d", again.Code)
	}
	if other := get(t, h, "/static/other/demo/a.js"); other.Code != http.StatusOK || other.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("of another build: %d, %v", other.Code, other.Header())
	}
	for _, path := range []string{s.Asset("demo/a.txt"), s.Asset("demo/"), s.Asset("b.js"), s.Asset("../web.go")} {
		if w := get(t, h, path); w.Code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
	if _, err := web.New(&web.Options{Systems: []web.System{{Name: "demo", Static: fstest.MapFS{"a.js": {}}}, {Name: "demo", Static: fstest.MapFS{"a.js": {}}}}}); err == nil {
		t.Error("two files of one name are no error")
	}
}

func TestProblem(t *testing.T) {
	s, _ := site(t, web.Options{})
	for _, test := range []struct {
		name   string
		err    error
		status int
		has    string
	}{
		{"refusal", aether.Refuse("sold-out", "all are <sold>"), 409, "All are &lt;sold&gt;."},
		{"refusal, not there", aether.Refuse("no-thing", "no such thing"), 404, "No such thing."},
		{"conflict", &aether.ConflictError{Latest: 3}, 412, "Somebody else was faster"},
		{"problem", huma.Error422UnprocessableEntity("wrong field"), 422, "Wrong field."},
		{"anything", errors.New("secret"), 500, "Something went wrong"},
		{"problem of the server", huma.Error500InternalServerError("secret"), 500, "Something went wrong"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			s.Problem(w, httptest.NewRequest(http.MethodGet, "/x", nil), test.err, "no-thing")
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.has) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("status %d, want %d with %q: %s", w.Code, test.status, test.has, w.Body)
			}
			keepsPolicy(t, w)
		})
	}
}

// A page that fails while it is made is no half page.
func TestRenderFails(t *testing.T) {
	s, _ := site(t, web.Options{})
	w := httptest.NewRecorder()
	s.Render(w, httptest.NewRequest(http.MethodGet, "/x", nil), http.StatusOK, web.Page{}, templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return errors.New("secret")
	}))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "half") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestSecure(t *testing.T) {
	_, h := site(t, web.Options{})
	r := httptest.NewRequest(http.MethodPost, "/api/things/a", strings.NewReader(`{"name":"a","size":1}`))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a command from another site: status %d", w.Code)
	}
}

// The modules have tests of their own.
func TestModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testenv.Lacks(t, "node, for the tests of the JavaScript modules")
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "--test", "testdata")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
}
