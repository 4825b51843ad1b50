package browsertest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// failed expects the complaint about a page or a file that came with an error.
func (w *window) failed(status int, path string) {
	w.t.Helper()
	w.complained(fmt.Sprintf(`network: Failed to load resource: the server responded with a status of %d \(.*\) \(http://[^/]*%s(#[a-z]+)?\)`,
		status, regexp.QuoteMeta(path)))
}

// Everything is sent with a strict policy, and browsers keep to it: what somebody
// might smuggle into a page does nothing.
func testPolicy(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	for _, path := range []string{"/", "/rover", "/rover/mars", "/api", "/no/such/page", "/api/status", "/openapi.json", "/healthz", "/static/x/y.js"} {
		response, err := http.Get(world.url(path))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		policy := response.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "base-uri 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("the policy of %s is %q", path, policy)
		}
	}

	w := b.open(t, "one")
	w.visit(world.url("/rover/mars"))
	w.live()
	w.complained()
	for _, attack := range []struct{ name, script, directive string }{
		{"script in the page", `const s = document.createElement("script"); s.textContent = "window.done = true"; document.body.append(s);`, "script-src-elem"},
		{"script of others", `const s = document.createElement("script"); s.src = "http://127.0.0.2:9/x.js"; document.body.append(s);`, "script-src-elem"},
		{"script in an attribute", `document.body.insertAdjacentHTML("beforeend", "<p onclick='window.done = true'>x</p>"); document.body.lastElementChild.click();`, "script-src-attr"},
		{"text that becomes a script", `setTimeout("window.done = true", 0);`, "script-src"},
		{"style in the page", `document.body.insertAdjacentHTML("beforeend", "<style>p { color: red }</style>");`, "style-src-elem"},
		{"style in an attribute", `document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>x</p>");`, "style-src-attr"},
		{"picture of others", `new Image().src = "http://127.0.0.2:9/x.png";`, "img-src"},
		{"telling others", `fetch("http://127.0.0.2:9/").catch(() => {});`, "connect-src"},
		{"connection to others", `try { new WebSocket("ws://127.0.0.2:9/"); } catch {}`, "connect-src"},
		{"frame", `document.body.append(Object.assign(document.createElement("iframe"), { src: "/" }));`, "frame-src"},
		{"form to others", `const f = Object.assign(document.createElement("form"), { action: "http://127.0.0.2:9/" }); document.body.append(f); f.submit();`, "form-action"},
	} {
		refused := ""
		w.eval(fmt.Sprintf(`new Promise((done) => {
			addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective), { once: true });
			%s
			setTimeout(done, 5000, "nothing");
		})`, attack.script), &refused)
		if refused != attack.directive {
			t.Errorf("%s: refused because of %s, want %s", attack.name, refused, attack.directive)
		}
	}
	done := false
	w.eval(`"done" in window`, &done)
	if done {
		t.Error("a script ran that should not")
	}
	w.complained(`console: refused by the policy: .*`, `(?i).*Content Security Policy.*`)
}
