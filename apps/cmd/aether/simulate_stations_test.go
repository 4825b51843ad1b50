package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	stations "github.com/aether-es/aether/apps/charging/simulate"
)

// Stations against the program, twice: the second time they are there already. With another
// seed they have other passwords, and are not let in.
func TestSimulateStations(t *testing.T) {
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--data", filepath.Join(t.TempDir(), "store"), "--token-file", token)
	defer s.stop()
	args := []string{"simulate", "stations", "--url", s.url, "--token-file", token, "--count", "3", "--speed", "3000", "--for", "2s"}

	text := must(t, "", append(args, "--json")...)
	var r stations.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if r.Stations != 3 || r.Transactions == 0 || r.Stopped != r.Transactions || r.Last.Connected != 3 || len(r.Problems) > 0 {
		t.Errorf("the report is %+v", r)
	}
	if text := must(t, "", append(args, "--calm")...); !strings.Contains(text, "audit:         holds") {
		t.Errorf("the same again printed %s", text)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{append(args[2:], "--seed", "2"), exitFailed, "SIM-1 is not let in: it was registered with another password"},
		{[]string{"--url", s.url}, exitFailed, "the stations are not registered: POST /api/charging/stations: 401"},
		{[]string{"--url", empty.URL}, exitFailed, "the stations are not registered: POST /api/charging/stations: 404"},
		{[]string{"--url", "http://127.0.0.1:1"}, exitFailed, "there is no server, start one with aether serve"},
		{[]string{"--url", "there"}, exitUsage, `--url is "there"; say it like http://127.0.0.1:8080`},
		{[]string{"--ocpp", "http://there"}, exitUsage, `--ocpp is "http://there"; say it like ws://127.0.0.1:8080/ocpp`},
		{[]string{"--count", "0"}, exitUsage, "--count is 0; there are 1 to 25000 stations"},
		{[]string{"--speed", "0"}, exitUsage, "--speed is from 0.001 to 100000"},
		{[]string{"--prefix", "STATION-OF-TOWN-"}, exitUsage, "would be called STATION-OF-TOWN-12"},
		{[]string{"--prefix", "A/"}, exitUsage, `--prefix "A/" does not do`},
		{[]string{"--token-file", filepath.Join(t.TempDir(), "none")}, exitFailed, "there is no"},
	} {
		if r := cli(t, "", append([]string{"simulate", "stations"}, test.args...)...); r.code != test.code || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: %d %s, want %d %q", test.args, r.code, r.stderr, test.code, test.want)
		}
	}
}
