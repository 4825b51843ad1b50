package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/simulate"
)

// A rush against the program, with its money audited. Against a ledger that is not the
// right one the audit fails, and says so.
func TestSimulateTickets(t *testing.T) {
	sim, err := paysim.New(&paysim.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	provider, wrong := httptest.NewServer(sim), httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer wrong.Close()
	defer sim.Close()
	defer provider.Close()
	key, token := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "token")
	for file, text := range map[string]string{key: paysim.SecretKey, token: "0123456789abcdef"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, "--data", filepath.Join(t.TempDir(), "store"), "--token-file", token, "--payments-key-file", key, "--payments-url", provider.URL)
	defer s.stop()
	args := []string{"simulate", "tickets", "--url", s.url, "--token-file", token, "--seed", "7", "--customers", "60", "--concurrent", "10"}

	text := must(t, "", append(args, "--capacity", "70", "--ledger", provider.URL, "--json")...)
	var r simulate.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if r.Capacity != 70 || r.Sold == 0 || r.Sold+r.Held+r.Available != 70 || r.SoldOnline == 0 || r.Ledger == nil || r.Ledger.Captured != r.SoldOnline || len(r.Problems) > 0 || r.Repeated == 0 || len(r.Steps) == 0 {
		t.Errorf("the report is %+v", r)
	}
	if text := must(t, "", append(args, "--pool", r.Pool)...); !strings.Contains(text, "sold-out") || !strings.Contains(text, "audit:         holds") {
		t.Errorf("the same again printed %s", text)
	}
	lied := cli(t, "", "simulate", "tickets", "--url", s.url, "--token-file", token, "--customers", "0", "--pool", r.Pool, "--ledger", wrong.URL, "--settle", "1ms")
	if lied.code != exitFailed || !strings.Contains(lied.stdout, "the provider does not know it") || !strings.Contains(lied.stderr, "the audit of pool "+r.Pool+" finds") {
		t.Errorf("against another ledger: %d, %s, %s", lied.code, lied.stdout, lied.stderr)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--url", provider.URL}, exitFailed, "the server does not make the pool: 405"},
		{[]string{"--url", "http://127.0.0.1:1"}, exitFailed, "there is no server, start one with aether serve"},
		{[]string{"--url", s.url}, exitFailed, "the server does not make the pool: 401"},
		{[]string{"--url", s.url, "--token-file", token, "--pool", "nothing"}, exitFailed, "there is no such pool"},
		{[]string{"--url", "there"}, exitUsage, `--url is "there"; say it like http://127.0.0.1:8080`},
		{[]string{"--customers", "0"}, exitUsage, "it wants --pool"},
		{[]string{"--pool", "x", "--capacity", "9"}, exitUsage, "it does not go with --pool"},
		{[]string{"--concurrent", "0"}, exitUsage, "1 to 10000"},
	} {
		if r := cli(t, "", append([]string{"simulate", "tickets"}, test.args...)...); r.code != test.code || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%v: %d %s, want %d %q", test.args, r.code, r.stderr, test.code, test.want)
		}
	}
}
