package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/pgstore/pgtest"
)

// servers are the addresses of empty stores on servers, by engine.
func servers(t *testing.T) map[string]string {
	t.Helper()
	dsn := pgtest.Private(t, &pgtest.Options{Sync: true}).DSN() // of one that does not sync there is a warning
	mark := "?"
	if strings.Contains(dsn, "?") {
		mark = "&"
	}
	nats, err := natsserver.Start(t.TempDir(), &natsserver.Options{Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Shutdown)
	return map[string]string{
		"postgres": dsn + mark + "schema=" + pgtest.Schema(t, dsn),
		"nats":     nats.URL() + "?sync=always",
	}
}

// A store moves from the folder to servers, while it is in use, and back, with all that
// its events have.
func TestMoveToServers(t *testing.T) {
	old := roverStore(t)
	lines, sum := exported(t, old)
	for engine, store := range servers(t) {
		t.Run(engine, func(t *testing.T) {
			at := func(command string) []string {
				return []string{command, "--store", store, "--data", filepath.Join(t.TempDir(), "node")}
			}
			if engine == "postgres" {
				r := cli(t, lines, at("import")...)
				if r.code != exitFailed || !strings.Contains(r.stderr, "aether migrate") {
					t.Fatalf("a schema that is not there: %+v", r)
				}
				for range 2 { // the second has nothing to do
					must(t, "", at("migrate")...)
				}
			}
			want := "imported 12 events, positions 1 to 12\nsha256 " + sum + "\n"
			if got := must(t, lines, at("import")...); got != want {
				t.Errorf("import says\n%s\nwant\n%s", got, want)
			}
			if got := must(t, lines, at("import")...); !strings.Contains(got, sum) {
				t.Errorf("import again says\n%s", got)
			}
			if got := cli(t, "", at("export")...); got.stdout != lines || !strings.Contains(got.stderr, sum) {
				t.Errorf("export writes\n%s\nwant\n%s", got.stdout, lines)
			}
			if got, want := must(t, "", append(at("read"), "grid/mars", "--json")...), must(t, "", "read", "grid/mars", "--json", "--data", old); got != want {
				t.Errorf("read prints\n%s\nwant\n%s", got, want)
			}
			if r := cli(t, "", append(at("read"), "grid/mars", "--namespace", "other")...); r.code != exitFailed || !strings.Contains(r.stderr, "there are: default") {
				t.Errorf("a namespace that is misspelt: %+v", r)
			}
			if r := cli(t, "", at("verify")...); r.code != exitUsage {
				t.Errorf("verify is not for servers: %+v", r)
			}
		})
	}
}

func TestServersThatAreNotThere(t *testing.T) {
	for _, store := range []string{"postgres://u:secret@127.0.0.1:1/d", "redis://u:secret@h"} {
		r := cli(t, "", "log", "--store", store, "--data", filepath.Join(t.TempDir(), "node"), "--json")
		if r.code != exitFailed || strings.Contains(r.stderr, "secret") {
			t.Errorf("%s: %+v", store, r)
		}
		if unavailable := strings.Contains(r.stderr, `"class":"unavailable"`); unavailable != strings.HasPrefix(store, "postgres") {
			t.Errorf("%s: %s", store, r.stderr)
		}
	}
}

func TestServersUsage(t *testing.T) {
	for _, args := range [][]string{
		{"migrate"}, {"migrate", "--store", "nats://h"}, {"version", "--store", "nats://h"},
		{"nats", "--listen", "0.0.0.0:4222"}, {"nats", "--cluster", "127.0.0.1:6222"}, {"nats", "--route", "127.0.0.1:6222"}, {"nats", "--listen", "4222"},
		{"serve", "--roles", "all"}, {"serve", "--join", "h:1"}, {"serve", "--roles", "web,query", "--listen", "127.0.0.1:0"},
	} {
		if r := cli(t, "", append(args, "--data", filepath.Join(t.TempDir(), "node"))...); r.code != exitUsage {
			t.Errorf("aether %s ended with %d: %s", strings.Join(args, " "), r.code, r.stderr)
		}
	}
}
