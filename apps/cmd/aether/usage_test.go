package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args string
		want string // stderr
	}{
		{"", "which command? See aether --help"},
		{"frobnicate", `there is no command "frobnicate"; see aether --help`},
		{"appnd file", `there is no command "appnd"; did you mean append? See aether --help`},
		{"--bogus", `unknown flag: --bogus; see aether --help`},
		{"read", `the actor is missing; see aether read --help`},
		{"read a/b c/d", `it takes one argument, the actor, but there are 2: ["a/b" "c/d"]; see aether read --help`},
		{"read mars", `the actor is "mars"; it must be a kind and a key with a slash between them, as in "station/CP-1"; see aether read --help`},
		{"read a/b --after -1", `invalid argument "-1" for "--after" flag: it must be a whole number, 0 or more; see aether read --help`},
		{"log --to 1.5", `invalid argument "1.5" for "--to" flag: it must be a whole number, 0 or more; see aether log --help`},
		{"log --kind", `flag needs an argument: --kind; see aether log --help`},
		{"log a/b", `it takes no argument, but there is "a/b"; see aether log --help`},
		{"log --namespace=", `--namespace is empty; see aether log --help`},
		{"log --data=", `--data is empty; see aether log --help`},
		{"log --follow=maybe", `invalid argument "maybe" for "-f, --follow" flag: strconv.ParseBool: parsing "maybe": invalid syntax; see aether log --help`},
		{"log --kind=", `--kind is empty; see aether log --help`},
		{"log --kind grid --type=", `--type is empty; see aether log --help`},
		{"log --kind k0/0", `--kind is "k0/0"; a kind is what comes before the slash of an actor, as "station" in "station/CP-1"; see aether log --help`},
		{"streams --kind=", `--kind is empty; see aether streams --help`},
		{"verify --namespace x", `unknown flag: --namespace; see aether verify --help`},
		{"backup x --namespace x", `unknown flag: --namespace; see aether backup --help`},
		{"bench --data x", `it works with no store, so --data does nothing; see aether bench --help`},
		{"bench --events -1", `invalid argument "-1" for "--events" flag: it must be a whole number, 0 or more; see aether bench --help`},
		{"append --wait -1s", `invalid argument "-1s" for "--wait" flag: it must be 0 or more; see aether append --help`},
		{"append --wait 5", `invalid argument "5" for "--wait" flag: say it like 5s; see aether append --help`},
		{"append --wait soon", `invalid argument "soon" for "--wait" flag: say it like 10s, 500ms or 1m30s; see aether append --help`},
		{"nosuch --help", `there is no command "nosuch"; see aether --help`},
		{"--data x lo --help", `there is no command "lo"; did you mean log? See aether --help`},
		{"help nosuch", `there is no command "nosuch"; see aether --help`},
		{"help log read", `it takes one argument, a command, but there are 2: ["log" "read"]; see aether help --help`},
		{"version 2", `it takes no argument, but there is "2"; see aether version --help`},
		{"streams a", `it takes no argument, but there is "a"; see aether streams --help`},
		{"append a b", `it takes one argument, a file, but there are 2: ["a" "b"]; see aether append --help`},
		{"import --sha256=", `--sha256 wants 64 hexadecimal digits; see aether import --help`},
		{"import --sha256 abc", `--sha256 wants 64 hexadecimal digits; see aether import --help`},
		{"export a b", `it takes one argument, a file, but there are 2: ["a" "b"]; see aether export --help`},
		{"verify a", `it takes no argument, but there is "a"; see aether verify --help`},
		{"backup", `the folder of the backup is missing; see aether backup --help`},
		{"restore", `the folder of the backup is missing; see aether restore --help`},
	} {
		cli(t, "", strings.Fields(test.args)...).expect(t, exitUsage, "", "aether: "+test.want+"\n")
	}
	cli(t, "", "read", "--json").expect(t, exitUsage, "", `{"error":"the actor is missing; see aether read --help","class":"usage"}`+"\n")
	cli(t, "", "log", "--bogus", "--json").expect(t, exitUsage, "", `{"error":"unknown flag: --bogus; see aether log --help","class":"usage"}`+"\n")
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

// Messages name what the user named, and no call of the system.
func TestWrongFiles(t *testing.T) {
	dir := roverStore(t)
	file, folder := filepath.Join(t.TempDir(), "file"), t.TempDir()
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	noStore := file + " is not a folder; a store is a folder: name it with --data or $AETHER_DATA"
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"verify", "--data", file}, noStore},
		{[]string{"append", "--force", "--data", file, roverFile}, noStore},
		{[]string{"log", "--data", file}, noStore},
		{[]string{"restore", folder, "--data", file}, noStore},
		{[]string{"restore", file, "--data", filepath.Join(folder, "new")}, file + " is not a folder; a backup is a folder: name the one that aether backup made"},
		{[]string{"backup", file, "--data", dir}, file + " is not a folder; a backup is a folder: name one that is not there yet, or is empty"},
		{[]string{"export", folder, "--data", dir}, folder + " cannot be written: it is a folder; name a file"},
		{[]string{"export", folder + "/no/x", "--data", dir}, folder + "/no/x cannot be written: there is no folder " + folder + "/no"},
		{[]string{"export", file + "/x", "--data", dir}, file + "/x cannot be written: " + file + " is not a folder"},
		{[]string{"import", file + "/x", "--data", dir}, file + "/x cannot be read: not a directory"},
		{[]string{"bench", "--dir", folder + "/no"}, folder + "/no cannot be written: there is no such folder"},
	} {
		cli(t, "", test.args...).expect(t, exitFailed, "", "aether: "+test.want+"\n")
	}
	if got := readFile(t, file); got != "precious" {
		t.Errorf("the file has %q", got)
	}
	if made, _ := os.ReadDir(folder); len(made) > 0 {
		t.Errorf("failing made %v", made)
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
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", other)
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
	if got, want := must(t, "", "help", "log"), must(t, "", "log", "--help"); got != want {
		t.Errorf("aether help log says\n%s\naether log --help\n%s", got, want)
	}
	for _, test := range []struct {
		command string
		flags   []string // of those that not all have
	}{
		{"append", []string{"--data", "--namespace", "--progress", "--wait"}},
		{"log", []string{"--data", "--namespace"}},
		{"verify", []string{"--data", "--progress"}},
		{"bench", nil},
		{"version", nil},
	} {
		help := must(t, "", test.command, "--help")
		for _, flag := range []string{"--data", "--namespace", "--progress", "--wait"} {
			if has := strings.Contains(help, "      "+flag+" "); has != slices.Contains(test.flags, flag) {
				t.Errorf("aether %s --help shows %s: %t", test.command, flag, has)
			}
		}
	}
	t.Setenv(dirEnv, "./elsewhere")
	help := must(t, "", "--help")
	for _, unwanted := range []string{"elsewhere", "completion"} {
		if strings.Contains(help, unwanted) {
			t.Errorf("aether --help mentions %s", unwanted)
		}
	}
	for _, c := range classes {
		if !strings.Contains(help, c.class) {
			t.Errorf("aether --help does not mention the class %s", c.class)
		}
	}
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
	if plain, flag := must(t, "", "version"), must(t, "", "--version"); plain != flag {
		t.Errorf("version says %q, --version %q", plain, flag)
	}
	for _, args := range [][]string{{"version", "--json"}, {"--version", "--json"}} {
		var b build
		if got := must(t, "", args...); json.Unmarshal([]byte(got), &b) != nil || b.Version == "" || b.Go != runtime.Version() {
			t.Errorf("%v said %s", args, got)
		}
	}
	got := describe(&debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-03-02T08:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}})
	if want := "aether v0.1.0 (go1.26.0, commit 0123456789ab, 2026-03-02T08:00:00Z, modified)"; got.String() != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
