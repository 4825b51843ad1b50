package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/internal/server"
)

// A system that fails stops the server, which ends the others in order. So does one
// that ends without an error.
func TestSystemFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, why := range []error{broken, nil} {
		_, s, ended, _ := start(t, server.Config{Grace: time.Hour})
		s.failed <- why
		if err := <-ended; err == nil || !errors.Is(err, why) && why != nil || !strings.Contains(err.Error(), "demo") || !s.closed {
			t.Errorf("after %v: Run: %v, closed is %v", why, err, s.closed)
		}
	}
}

func TestStop(t *testing.T) {
	url, s, ended, stop := start(t, server.Config{})
	get(t, http.DefaultClient, "GET", url+"/healthz")
	stop()
	if err := <-ended; err != nil || !s.closed {
		t.Errorf("Run: %v, closed is %v", err, s.closed)
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}

// A server that is to stop says so while it still takes requests, and ends those that
// are under way.
func TestDrain(t *testing.T) {
	url, s, ended, stop := start(t, server.Config{Grace: 2 * time.Second})
	await(t, url, "/readyz", "ready")
	type answer struct {
		body string
		err  error
	}
	slow := make(chan answer, 1)
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := fmt.Fprintf(connection, "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	go func() {
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			slow <- answer{"", err}
			return
		}
		body, err := io.ReadAll(response.Body)
		slow <- answer{string(body), err}
	}()
	stop()
	for {
		status, _, body := get(t, http.DefaultClient, "GET", url+"/readyz")
		if status == http.StatusServiceUnavailable && strings.Contains(body, "stops") {
			break
		}
	}
	if status, _, body := get(t, http.DefaultClient, "GET", url+"/demo"); status != http.StatusOK {
		t.Errorf("a request that comes meanwhile: %d %s", status, body)
	}
	for { // the grace is over
		if _, err := http.Get(url + "/healthz"); err != nil {
			break
		}
	}
	close(s.slow)
	if a := <-slow; a.err != nil || a.body != "done" {
		t.Errorf("the request under way: %q, %v", a.body, a.err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A body that does not come is not waited for; one that has come may take its time.
func TestBodyTimeout(t *testing.T) {
	const timeout = 50 * time.Millisecond
	url, s, _, _ := start(t, server.Config{BodyTimeout: timeout})
	for _, path := range []string{"/read", "/api/thing"} {
		r, w := io.Pipe()
		go func() { _, _ = io.WriteString(w, "{") }() // and no more
		response, err := http.Post(url+path, "application/json", r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusRequestTimeout || path != "/read" && !strings.Contains(string(body), "urn:aether:too-slow") {
			t.Errorf("%s: half of a body: %s %s", path, response.Status, body)
		}
		_ = w.Close()
	}
	time.AfterFunc(4*timeout, func() { close(s.slow) })
	response, err := http.Post(url+"/read", "text/plain", strings.NewReader("all of it"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "all of it" {
		t.Errorf("a whole body: %s %q %v", response.Status, body, err)
	}
}
