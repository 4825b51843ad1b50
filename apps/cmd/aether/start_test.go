package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/filestore"
)

// What keeps a server from starting is said before anything is made, and with the exit
// code of whose fault it is.
func TestServeDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	short, cert := filepath.Join(dir, "short"), filepath.Join(dir, "none.pem")
	if err := os.WriteFile(short, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().String()
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such port":   {[]string{"--listen", "127.0.0.1:99999"}, exitUsage, `--listen "127.0.0.1:99999": "99999" is no port, which is a number from 0 to 65535; see aether serve --help`},
		"taken":          {[]string{"--listen", taken}, exitFailed, "another program listens on " + taken + ": stop it, or choose another address with --listen"},
		"no token file":  {[]string{"--token-file", cert}, exitFailed, "--token-file: there is no file " + cert},
		"a short token":  {[]string{"--token-file", short}, exitFailed, "--token-file: " + short + " should have one line of at least 16 letters and digits; `openssl rand -hex 32` makes one"},
		"half of TLS":    {[]string{"--tls-cert", short}, exitUsage, "--tls-cert and --tls-key go together; see aether serve --help"},
		"no certificate": {[]string{"--tls-cert", cert, "--tls-key", short}, exitFailed, "--tls-cert: there is no file " + cert},
		"no PEM":         {[]string{"--tls-cert", short, "--tls-key", short}, exitFailed, "--tls-cert " + short + " with --tls-key " + short + ": tls: failed to find any PEM data in certificate input"},
	} {
		store := filepath.Join(dir, "new")
		cli(t, "", append([]string{"serve", "--data", store}, test.args...)...).expect(t, test.code, "", "aether: "+test.want+"\n")
		if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s: it has made a store: %v", name, err)
		}
	}
}

// The folder of the read DB is deleted while the server runs: it says so, goes on with
// what it can, and ends when it is told to.
func TestServeReadDBDeleted(t *testing.T) {
	dir := roverStore(t)
	s := serve(t, "--data", dir)
	s.await("/readyz", http.StatusOK, "ready")
	s.await("/metrics", http.StatusOK, "\naether_store_free_bytes ")
	if err := os.Rename(filepath.Join(dir, readDBFolder), filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Fatal(err)
	}
	s.await("/readyz", http.StatusServiceUnavailable, "the read DB has stopped")
	code, log := s.stop()
	if code != exitFailed || strings.Count(log, "\n") > 50 || strings.Contains(log, "goroutine") {
		t.Errorf("it ended with %d: %.3000s", code, log)
	}
	s = serve(t, "--data", dir)
	s.await("/api/rover/grids/mars", http.StatusOK, "spirit")
	if code, log := s.stop(); code != exitDone {
		t.Errorf("started again it ended with %d: %s", code, log)
	}
}

// await asks until the answer is as wanted.
func (s *serving) await(path string, status int, want string) {
	s.t.Helper()
	for {
		got, _, body := s.call("GET", path, "")
		if got == status && strings.Contains(body, want) {
			return
		}
		if s.t.Context().Err() != nil {
			s.t.Fatalf("%s: %d %s", path, got, body)
		}
	}
}

// call makes a request, with JSON if there is any.
func (s *serving) call(method, path, body string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	if err := response.Write(&text); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, response.Header, text.String()
}

// Append leaves the actors of systems alone, unless it is forced, and the server names
// the event that it cannot read.
func TestAppendToSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	other := `{"actorId":"lamp/desk","type":"LampLit","data":1}` + "\n"
	strange := `{"actorId":"grid/mars","type":"RoverSang","data":{}}` + "\n"
	const why = `actorId is of the kind "grid", whose events the rover system makes: send it a command (see /api of aether serve), or append with --force what it can read`
	cli(t, strange, "append", "--data", dir).expect(t, exitFailed, "", "aether: line 1: "+why+"; nothing is saved\n")
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made a store: %v", err)
	}
	cli(t, other+other+strange, "append", "--data", dir).expect(t, exitFailed, "", "aether: line 3: "+why+"; lines 1 to 2 are saved\n")
	must(t, "", "import", "--data", dir, roverFile)
	must(t, strange, "append", "--force", "--data", dir)
	s := serve(t, "--data", dir)
	s.await("/readyz", http.StatusOK, "ready")
	status, _, body := s.call("POST", "/api/rover/grids/mars/rovers/spirit/moves", `{"moves":"F"}`)
	if status != http.StatusInternalServerError || !strings.Contains(body, "urn:aether:unreadable-history") ||
		!strings.Contains(body, `Event 11 of grid/mars, of the type \"RoverSang\", cannot be read: this program does not know the type`) {
		t.Errorf("the answer is %d %s", status, body)
	}
	s.await("/metrics", http.StatusOK, `aether_problems_total{type="urn:aether:unreadable-history"} 1`)
	s.stop()
}

// What a full disk has to say, in one sentence.
func TestDiskFullMessage(t *testing.T) {
	known := &filestore.DiskFullError{Folder: "/srv", Free: 5 << 10, Needed: 17 << 20, Err: os.ErrClosed}
	for want, err := range map[string]error{
		"the disk of /srv has 5.0 KiB free, and 17.0 MiB are needed: make space and run it again": fmt.Errorf("filestore: %w", known),
		"the disk of /srv is full: make space and run it again":                                   &filestore.DiskFullError{Folder: "/srv", Err: os.ErrClosed},
	} {
		if got := message(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
