package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/rover"
)

// serving is a server that runs in this process.
type serving struct {
	t    *testing.T
	url  string
	stop func() (code int, log string)
}

// serve runs the server until stop is called, on a port of its own.
func serve(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		var stdout bytes.Buffer
		code := run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--grace", "0s", "--json"}, args...), strings.NewReader(""), &stdout, writer)
		_ = writer.Close()
		ended <- code
	}()
	var log bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(reader, &log))
	s := &serving{t: t}
	for s.url == "" && lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
			s.url = line.Address
		}
	}
	if s.url == "" {
		t.Fatalf("it ended with %d: %s", <-ended, log.String())
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() {
		}
	}()
	s.stop = func() (int, string) {
		cancel()
		code := <-ended
		<-read
		return code, log.String()
	}
	return s
}

// get asks until there is an answer: the read model takes a moment to begin.
func (s *serving) get(path string, answer any) {
	s.t.Helper()
	for {
		response, err := http.Get(s.url + path)
		if err != nil {
			s.t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err == nil && response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, answer)
		}
		if err != nil || response.StatusCode != http.StatusOK {
			s.t.Fatalf("%s: %s: %v", path, response.Status, err)
		}
		return
	}
}

// What the README begins with: a server that shows something, and keeps it.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := serve(t, "--data", dir, "--demo")
	var page rover.SummaryPage
	for len(page.Grids) < 2 || page.Grids[0].Version < 4 {
		s.get("/api/rover/grids", &page)
	}
	if r := cli(t, "", "append", "--force", "--data", dir, "../../../examples/rover.jsonl"); r.code != exitFailed || !strings.Contains(r.stderr, "in use") {
		t.Errorf("append meanwhile: %d %s", r.code, r.stderr)
	}
	if text := must(t, "", "streams", "--data", dir); !strings.Contains(text, "grid/mars") {
		t.Errorf("streams meanwhile: %s", text)
	}
	if code, log := s.stop(); code != exitDone || !strings.Contains(log, "stopping") {
		t.Errorf("it ended with %d: %s", code, log)
	}

	// The read DB is made again from the events, and the same.
	var before, after rover.GridDocument
	s = serve(t, "--data", dir)
	s.get("/api/rover/grids/mars", &before)
	s.stop()
	if text := must(t, "", "rebuild", "--data", dir); !strings.HasPrefix(text, "rover-grids: made of ") {
		t.Errorf("rebuild: %s", text)
	}
	s = serve(t, "--data", dir)
	s.get("/api/rover/grids/mars", &after)
	s.stop()
	one, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	two, err := json.Marshal(after)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("made again it is\n%s\nand was\n%s", two, one)
	}
}

// A read DB that is damaged costs time and nothing else.
func TestServeDamagedReadDB(t *testing.T) {
	dir := roverStore(t)
	s := serve(t, "--data", dir)
	var page rover.SummaryPage
	for len(page.Grids) < 2 {
		s.get("/api/rover/grids", &page)
	}
	s.stop()
	tables, err := filepath.Glob(filepath.Join(dir, readDBFolder, "*", "*"))
	more, err2 := filepath.Glob(filepath.Join(dir, readDBFolder, "*"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for _, path := range append(tables, more...) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && strings.Contains(filepath.Base(path), "MANIFEST") {
			if err := os.WriteFile(path, []byte("garbage"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	s = serve(t, "--data", dir)
	page = rover.SummaryPage{}
	for len(page.Grids) < 2 {
		s.get("/api/rover/grids", &page)
	}
	if code, log := s.stop(); code != exitDone || !strings.Contains(log, "damaged") {
		t.Errorf("it ended with %d: %s", code, log)
	}
}

// Rebuild makes the read models of one namespace again, and leaves those of others.
func TestRebuildNamespace(t *testing.T) {
	dir := roverStore(t)
	must(t, "", "append", "--force", "--data", dir, "--namespace", "other", "../../../examples/rover.jsonl")
	rebuild := func(namespace string) map[string]bool {
		t.Helper()
		if text := must(t, "", "rebuild", "--data", dir, "--namespace", namespace); !strings.HasPrefix(text, "rover-grids: made of 12 events") {
			t.Errorf("rebuild of %s: %s", namespace, text)
		}
		db, _, err := openReadDB(filepath.Join(dir, readDBFolder), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		spaces, err := db.Spaces()
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]bool)
		for _, name := range spaces {
			if strings.Contains(name, "rover-grids@") {
				all[name] = true
			}
		}
		return all
	}
	rebuild("other")
	before := rebuild("default")
	after := rebuild("default")
	kept, made := 0, 0
	for name := range after {
		if before[name] {
			kept++
		} else {
			made++
		}
	}
	if len(before) != 2 || len(after) != 2 || kept != 1 || made != 1 {
		t.Errorf("the copies were %v and are %v: want that of one namespace made again", before, after)
	}
}

func TestServeUsage(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"open to all":      {[]string{"--listen", "0.0.0.0:0"}, "needs a token"},
		"no port":          {[]string{"--listen", "127.0.0.1"}, "say it like 127.0.0.1:8080"},
		"a short token":    {[]string{"--token-file", short}, "at least 16"},
		"no token file":    {[]string{"--token-file", filepath.Join(dir, "none")}, "there is no file"},
		"half of TLS":      {[]string{"--tls-cert", short}, "go together"},
		"no certificate":   {[]string{"--tls-cert", short, "--tls-key", short}, "--tls-cert"},
		"an argument":      {[]string{"now"}, "no argument"},
		"a bad namespace":  {[]string{"--namespace", ""}, "--namespace"},
		"an address taken": taken(t, dir),
	} {
		r := cli(t, "", append([]string{"serve", "--data", filepath.Join(dir, "new")}, test.args...)...)
		if r.code == exitDone || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: %d %s, want %q in it", name, r.code, r.stderr, test.want)
		}
	}
	if r := cli(t, "", "rebuild", "--data", filepath.Join(dir, "none")); r.code != exitFailed || !strings.Contains(r.stderr, "there is no store") {
		t.Errorf("rebuild of nothing: %d %s", r.code, r.stderr)
	}
}

// taken is the case of an address that another server has.
func taken(t *testing.T, dir string) (test struct {
	args []string
	want string
}) {
	other := serve(t, "--data", filepath.Join(dir, "other"))
	t.Cleanup(func() { other.stop() })
	test.args, test.want = []string{"--listen", strings.TrimPrefix(other.url, "http://")}, "choose another address with --listen"
	return test
}
