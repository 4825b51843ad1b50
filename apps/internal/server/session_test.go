package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/internal/server"
)

const token = "a-token-of-some-length"

func TestToken(t *testing.T) {
	address, _, _, _ := start(t, server.Config{Token: token})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	expect := func(name string, client *http.Client, method, path string, want int, headers ...string) {
		t.Helper()
		status, header, body := get(t, client, method, address+path, headers...)
		if status != want {
			t.Errorf("%s: %d %.100q, want %d", name, status, body, want)
		}
		var p struct{ Type string }
		if status == http.StatusUnauthorized && (json.Unmarshal([]byte(body), &p) != nil || p.Type != "urn:aether:unauthorized" || header.Get("WWW-Authenticate") == "") {
			t.Errorf("%s: %s is no problem", name, body)
		}
	}
	expect("no token", http.DefaultClient, "GET", "/", http.StatusUnauthorized)
	expect("no token for the API", http.DefaultClient, "GET", "/api/status", http.StatusUnauthorized)
	expect("no token for live", http.DefaultClient, "GET", "/live", http.StatusUnauthorized)
	expect("no token for metrics", http.DefaultClient, "GET", "/metrics", http.StatusUnauthorized)
	expect("health", http.DefaultClient, "GET", "/healthz", http.StatusOK)
	expect("a wrong token", http.DefaultClient, "GET", "/api/status", http.StatusUnauthorized, "Authorization", "Bearer "+token+"x")
	expect("the token", http.DefaultClient, "GET", "/api/status", http.StatusOK, "Authorization", "Bearer "+token)
	expect("a wrong token in the address", browser, "GET", "/?token=x", http.StatusUnauthorized)
	for _, path := range []string{"/api/status", "/metrics", "/live", "/openapi.json"} {
		expect("the token in an address that is no page's", browser, "GET", path+"?token="+token, http.StatusUnauthorized)
	}
	expect("the token in the address of a write", browser, "POST", "/demo?token="+token, http.StatusUnauthorized)
	expect("the token in the address", browser, "GET", "/demo?token="+token, http.StatusOK)
	expect("the cookie", browser, "GET", "/api/status", http.StatusOK)
	expect("a wrong token in the address, with the cookie", browser, "GET", "/demo?token=x", http.StatusUnauthorized)
	expect("the cookie of another site's page", browser, "POST", "/api/projections/demo/rebuild", http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
	expect("the cookie of its own page", browser, "POST", "/api/projections/demo/rebuild", http.StatusAccepted, "Sec-Fetch-Site", "same-origin")
	expect("the token, to another host's name", http.DefaultClient, "GET", "/api/status", http.StatusOK, "Authorization", "Bearer "+token, "Host", "aether.example")

	// Nothing of the token lies in the browser.
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range jar.Cookies(at) {
		if strings.Contains(c.Value, token) {
			t.Errorf("the browser has %s", c)
		}
	}
}

// session asks for a page with the token, and returns where that leads and the cookie.
func session(t *testing.T, address, path string, headers ...string) (to string, c *http.Cookie) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, header, _ := get(t, client, "GET", address+path, headers...)
	cookies := (&http.Response{Header: header}).Cookies()
	if status != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("%s: %d %v", path, status, header)
	}
	return header.Get("Location"), cookies[0]
}

func TestSession(t *testing.T) {
	address, _, _, _ := start(t, server.Config{Token: token})
	for from, want := range map[string]string{
		"/demo?token=" + token:                  "/demo",
		"/demo?a=1&token=" + token + "&b=2":     "/demo?a=1&b=2",
		"//evil.example/demo?token=" + token:    "/evil.example/demo",
		"/%2fevil.example/demo?token=" + token:  "/evil.example/demo",
		"/rover/a%20b?version=3&token=" + token: "/rover/a%20b?version=3",
	} {
		if to, _ := session(t, address, from); to != want {
			t.Errorf("%s leads to %s, want %s", from, to, want)
		}
	}
	_, plain := session(t, address, "/?token="+token)
	if plain.Secure || !plain.HttpOnly || plain.SameSite != http.SameSiteStrictMode || plain.MaxAge <= 0 || plain.MaxAge > int((24*time.Hour).Seconds()) {
		t.Errorf("the cookie is %s", plain)
	}
	for _, proto := range []string{"https", "HTTPS, http"} {
		if _, c := session(t, address, "/?token="+token, "X-Forwarded-Proto", proto); !c.Secure {
			t.Errorf("behind a proxy with TLS the cookie is %s", c)
		}
	}
	if _, c := session(t, address, "/?token="+token, "X-Forwarded-Proto", "http, https"); c.Secure {
		t.Errorf("the browser came without TLS, and the cookie is %s", c)
	}

	until, proof, _ := strings.Cut(plain.Value, ".")
	for name, value := range map[string]string{
		"it is changed":          until + ".x" + proof,
		"it holds longer":        "9" + until + "." + proof,
		"it has no proof":        until,
		"it is of another token": otherSession(t),
		"it is empty":            "",
	} {
		if status, _, _ := get(t, http.DefaultClient, "GET", address+"/demo", "Cookie", plain.Name+"="+value); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := get(t, http.DefaultClient, "GET", address+"/demo", "Cookie", plain.Name+"="+plain.Value); status != http.StatusOK {
		t.Errorf("the cookie as it is: %d", status)
	}
}

// otherSession is the cookie of a server with another token.
func otherSession(t *testing.T) string {
	t.Helper()
	address, _, _, _ := start(t, server.Config{Token: token + "x"})
	_, c := session(t, address, "/?token="+token+"x")
	return c.Value
}
