package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args string
		want string // stderr
	}{
		{"", "which command?; see aether --help"},
		{"frobnicate", `there is no command "frobnicate"; see aether --help`},
		{"appnd file", `there is no command "appnd"; did you mean append?; see aether --help`},
		{"--bogus", `unknown flag: --bogus; see aether --help`},
		{"read", `the actor is missing; see aether read --help`},
		{"read a/b c/d", `it takes one argument, the actor, but there are 2: ["a/b" "c/d"]; see aether read --help`},
		{"read mars", `the actor is "mars"; it must be a kind and a key with a slash between them, as in "station/CP-1"; see aether read --help`},
		{"read a/b --after -1", `invalid argument "-1" for "--after" flag: it must be a whole number; see aether read --help`},
		{"log --to 1.5", `invalid argument "1.5" for "--to" flag: it must be a whole number; see aether log --help`},
		{"log --kind", `flag needs an argument: --kind; see aether log --help`},
		{"log a/b", `it takes no argument, but there is "a/b"; see aether log --help`},
		{"log --namespace=", `--namespace is empty; see aether log --help`},
		{"log --data=", `--data is empty; see aether log --help`},
		{"log --follow=maybe", `invalid argument "maybe" for "-f, --follow" flag: strconv.ParseBool: parsing "maybe": invalid syntax; see aether log --help`},
		{"streams a", `it takes no argument, but there is "a"; see aether streams --help`},
		{"append a b", `it takes one argument, a file, but there are 2: ["a" "b"]; see aether append --help`},
		{"import --sha256 abc", `--sha256 wants 64 hexadecimal digits; see aether import --help`},
		{"export a b", `it takes one argument, a file, but there are 2: ["a" "b"]; see aether export --help`},
		{"verify a", `it takes no argument, but there is "a"; see aether verify --help`},
		{"backup", `the folder of the backup is missing; see aether backup --help`},
		{"restore", `the folder of the backup is missing; see aether restore --help`},
	} {
		cli(t, "", strings.Fields(test.args)...).expect(t, exitUsage, "", "aether: "+test.want+"\n")
	}
	cli(t, "", "read", "--json").expect(t, exitUsage, "", `{"error":"the actor is missing; see aether read --help","class":"usage"}`+"\n")
	if made, _ := os.ReadDir("."); len(made) > 0 {
		t.Errorf("wrong usage made %v", made)
	}
}

// What only reads makes nothing where there is no store.
func TestNoStore(t *testing.T) {
	t.Chdir(t.TempDir())
	const want = "aether: there is no store in ./aether-data; name its folder with --data or $AETHER_DATA (append makes a new one)\n"
	for _, args := range []string{"read a/b", "log", "log --follow", "streams", "export", "export file", "verify", "backup copy"} {
		cli(t, "", strings.Fields(args)...).expect(t, exitFailed, "", want)
	}
	cli(t, "", "restore", "copy").expect(t, exitFailed, "", "aether: there is no backup in copy, or one that was not finished\n")
	cli(t, "", "log", "--json", "--data", "x").expect(t, exitFailed, "",
		`{"error":"there is no store in x; name its folder with --data or $AETHER_DATA (append makes a new one)","class":"not-found"}`+"\n")
	if made, _ := os.ReadDir("."); len(made) > 0 {
		t.Errorf("reading made %v", made)
	}
}

func TestDataFolder(t *testing.T) {
	dir := roverStore(t)
	t.Chdir(t.TempDir())
	t.Setenv(dirEnv, dir)
	if got := must(t, "", "streams", "--json"); strings.Count(got, "\n") != 2 {
		t.Errorf("with $%s streams printed %q", dirEnv, got)
	}
	other := filepath.Join(t.TempDir(), "other")
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--data", other)
	if got, want := must(t, "", "streams", "--json", "--data", other), `{"actorId":"a/b","version":1}`+"\n"; got != want {
		t.Errorf("--data printed %q, want %q", got, want)
	}
}

// Every command says what it does and shows how.
func TestHelp(t *testing.T) {
	root := newRootCommand(newProgram(nil, nil, nil))
	for _, cmd := range root.Commands() {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s lacks a description or an example", cmd.Name())
		}
		help := must(t, "", cmd.Name(), "--help")
		for line := range strings.Lines(help) {
			if len([]rune(line)) > 120 {
				t.Errorf("aether %s --help has a line of %d characters: %s", cmd.Name(), len([]rune(line)), line)
			}
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.Contains(line, "aether "+cmd.Name()) {
				t.Errorf("the example of %s does not show it: %s", cmd.Name(), line)
			}
		}
	}
	help := must(t, "", "--help")
	for _, want := range []string{"Exit codes:", `"actorId"`, "savedLines"} {
		if !strings.Contains(help, want) {
			t.Errorf("aether --help does not mention %s", want)
		}
	}
}

func TestVersion(t *testing.T) {
	if got := must(t, "", "--version"); !strings.HasPrefix(got, "aether ") {
		t.Errorf("got %q", got)
	}
	got := describe(&debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-03-02T08:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}})
	if want := "aether v0.1.0 (go1.26.0, commit 0123456789ab, 2026-03-02T08:00:00Z, modified)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
