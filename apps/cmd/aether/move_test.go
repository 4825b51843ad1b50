package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// exported returns what export writes of a store, and its checksum as anybody can
// compute it.
func exported(t *testing.T, dir string, args ...string) (lines, sum string) {
	t.Helper()
	lines = cli(t, "", append([]string{"export", "--data", dir}, args...)...).stdout
	plain := regexp.MustCompile(`(?m),"position":[0-9]*}$`).ReplaceAllString(lines, "}")
	hash := sha256.Sum256([]byte(plain))
	return lines, hex.EncodeToString(hash[:])
}

func TestExport(t *testing.T) {
	dir := roverStore(t)
	lines, sum := exported(t, dir)
	if want := must(t, "", "log", "--json", "--data", dir); lines != want {
		t.Errorf("export wrote\n%s\nlog prints\n%s", lines, want)
	}
	text := "exported 12 events\nsha256 " + sum + "\n"
	asJSON := fmt.Sprintf(`{"events":12,"position":12,"sha256":"%s"}`+"\n", sum)
	cli(t, "", "export", "--data", dir).expect(t, exitDone, lines, text)
	cli(t, "", "export", "--data", dir, "--json", "-").expect(t, exitDone, lines, asJSON)

	file := filepath.Join(t.TempDir(), "events.jsonl")
	cli(t, "", "export", "--data", dir, file).expect(t, exitDone, text, "")
	cli(t, "", "export", "--data", dir, file).expect(t, exitFailed, "", "aether: "+file+" is there already; name another file, or replace it with --force\n")
	cli(t, "", "export", "--data", dir, "--force", file, "--json").expect(t, exitDone, asJSON, "") // over the first
	if got := readFile(t, file); got != lines {
		t.Errorf("the file has\n%s\nwant\n%s", got, lines)
	}
}

// A file is replaced by a whole one or not at all; what is no file stays what it is.
func TestExportKeeps(t *testing.T) {
	dir := roverStore(t)
	folder := t.TempDir()
	file, link := filepath.Join(folder, "events"), filepath.Join(folder, "link")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file+".unfinished", 0o700); err != nil { // so that it fails
		t.Fatal(err)
	}
	if r := cli(t, "", "export", "--data", dir, link); r.code != exitFailed {
		t.Errorf("export ended with %d: %s", r.code, r.stderr)
	}
	if got := readFile(t, file); got != "precious" {
		t.Errorf("after a failed export the file has %q", got)
	}
	if err := os.Remove(file + ".unfinished"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the log is on fire")
	err := writeWhole(link, func(out io.Writer) error {
		_, err := io.WriteString(out, "half of the events")
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) || readFile(t, file) != "precious" {
		t.Errorf("after %v in the middle the file has %q", err, readFile(t, file))
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*.unfinished")); len(left) > 0 {
		t.Errorf("%s is left", left)
	}
	must(t, "", "export", "--force", "--data", dir, link)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if lines, _ := exported(t, dir); readFile(t, file) != lines {
		t.Errorf("the file has %q", readFile(t, file))
	}

	// A pipe with a name; nobody would want to test this with a device.
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		text, err := os.ReadFile(pipe)
		read <- fmt.Sprint(string(text), err)
	}()
	must(t, "", "export", "--data", dir, pipe)
	if info, err := os.Stat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Fatalf("the pipe was replaced: %v, %v", info, err)
	}
	if lines, _ := exported(t, dir); <-read != lines+"<nil>" {
		t.Error("the pipe did not get the events")
	}
}

func TestImport(t *testing.T) {
	dir := roverStore(t)
	// White space in the data is not part of what an event says.
	must(t, `{"id":"x","actorId":"grid/mars","version":11,"type":"T","data":{ "a": [1, 2] },"metadata":{"causationId":"c"},"schema":3}`, "append", "--force", "--data", dir)
	lines, sum := exported(t, dir)
	other := filepath.Join(t.TempDir(), "other")
	cli(t, lines, "import", "--data", other).expect(t, exitDone, "imported 13 events, positions 1 to 13\nsha256 "+sum+"\n", "")
	if got, gotSum := exported(t, other); got != lines || gotSum != sum {
		t.Errorf("the import has\n%s\nwant\n%s", got, lines)
	}
	// Again, and back into the store it came from: nothing changes.
	repeated := `{"read":13,"saved":0,"repeated":13,"position":13,"sha256":"` + sum + `"}` + "\n"
	for _, to := range []string{other, dir} {
		cli(t, lines, "import", "--json", "--data", to, "--sha256", strings.ToUpper(sum)).expect(t, exitDone, repeated, "")
	}
	// The rest of an import that was cut short, behind events of others.
	third := filepath.Join(t.TempDir(), "third")
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", third)
	must(t, strings.Join(strings.SplitAfter(lines, "\n")[:5], ""), "import", "--data", third)
	cli(t, lines, "import", "--data", third, "--sha256", sum).expect(t, exitDone, "imported 8 events, positions 7 to 14; 5 had been saved before\nsha256 "+sum+"\n", "")
}

func TestImportFaults(t *testing.T) {
	dir := roverStore(t)
	lines, sum := exported(t, dir)
	third := strings.SplitAfter(lines, "\n")[2]
	for _, test := range []struct {
		name, input string
		code        int
		want        string // stderr
	}{
		{"no version", strings.Replace(lines, `"version":3,`, "", 1), exitFailed, "line 4: version is missing; import needs it (append does not); nothing is saved, lines 1 to 3 had been before"},
		{"other data", strings.Replace(lines, `"width":4`, `"width":5`, 1), exitFailed,
			`line 3: data is not that of the event "moon-1", version 1 of grid/moon, in the store, which stays as it is; nothing is saved, lines 1 to 2 had been before`},
		{"another type", strings.Replace(lines, `"RoverBlocked"`, `"RoverStuck"`, 1), exitFailed,
			`line 9: type is not that of the event "mars-8", version 8 of grid/mars, in the store, which stays as it is; nothing is saved, lines 1 to 8 had been before`},
		{"another schema", strings.Replace(third, `"schema":1`, `"schema":2`, 1), exitFailed,
			`line 1: schema is not that of the event "moon-1", version 1 of grid/moon, in the store, which stays as it is; nothing is saved`},
		{"another time", strings.Replace(third, `:11Z`, `:11.000001Z`, 1), exitFailed,
			`line 1: time is not that of the event "moon-1", version 1 of grid/moon, in the store, which stays as it is; nothing is saved`},
		{"other metadata", strings.Replace(third, `"time"`, `"metadata":{"causationId":"c"},"time"`, 1), exitFailed,
			`line 1: metadata is not that of the event "moon-1", version 1 of grid/moon, in the store, which stays as it is; nothing is saved`},
		{"another event at a version", strings.Replace(lines, `"id":"mars-2"`, `"id":"mars-two"`, 1), exitConflict,
			`line 2: version conflict: grid/mars is at version 10, so version 2 cannot be saved; its version 2 is RoverLanded (id "mars-2"); nothing is saved, line 1 had been before`},
		{"a gap", `{"id":"x","actorId":"grid/moon","version":4,"type":"T","data":1}`, exitConflict,
			"line 1: version conflict: grid/moon is at version 2, so version 4 cannot be saved: its next is 3; nothing is saved"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cli(t, test.input, "import", "--data", dir).expect(t, test.code, "", "aether: "+test.want+"\n")
			if got, _ := exported(t, dir); got != lines {
				t.Errorf("the store has\n%s\nwant\n%s", got, lines)
			}
		})
	}
	other := filepath.Join(t.TempDir(), "other")
	want := strings.Repeat("0", 64)
	cli(t, lines, "import", "--data", other, "--sha256", want).expect(t, exitFailed, "",
		"aether: the events of the input have the SHA-256 "+sum+", not "+want+": they are not those that were exported; they are saved\n")
}

// A file is compared with --sha256 before anything of it is saved.
func TestImportChecksFile(t *testing.T) {
	lines, sum := exported(t, roverStore(t))
	folder := t.TempDir()
	file, dir := filepath.Join(folder, "events"), filepath.Join(folder, "store")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("0", 64)
	cli(t, "", "import", file, "--data", dir, "--sha256", want).expect(t, exitFailed, "",
		"aether: the events of the input have the SHA-256 "+sum+", not "+want+": they are not those that were exported; nothing is saved\n")
	cli(t, "", "import", filepath.Join(folder, "missing"), "--data", dir, "--sha256", sum).expect(t, exitFailed, "",
		"aether: there is no file "+filepath.Join(folder, "missing")+"\n")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a wrong file made the store: %v", err)
	}
	must(t, "", "import", file, "--data", dir, "--sha256", sum)
	if err := os.WriteFile(file, []byte(lines+"{"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli(t, "", "import", file, "--data", dir, "--sha256", sum).expect(t, exitFailed, "",
		"aether: line 13 is not JSON: it ends too early; an event is one object on one line; nothing is saved\n")
}

// Lines without a time may be imported again, and have that of the store.
func TestImportWithoutTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	line := `{"id":"x","actorId":"a/b","version":1,"type":"T","data":1}`
	must(t, line, "import", "--data", dir)
	_, sum := exported(t, dir)
	cli(t, line, "import", "--data", dir).expect(t, exitDone, "imported nothing: the event had been saved before\nsha256 "+sum+"\n", "")
}

func TestVerifyBackupRestore(t *testing.T) {
	dir := roverStore(t)
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", dir, "--namespace", "zoo")
	lines, _ := exported(t, dir)
	log := filepath.Join(dir, "log", "00000001.seg")
	copied, restored := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "restored")

	counts := "13 events in 1 file, 1.7 KiB\n  namespace default: 12 events\n  namespace zoo: 1 event\n"
	cli(t, "", "verify", "--data", dir).expect(t, exitDone, dir+" is sound: "+counts, "")
	cli(t, "", "backup", copied, "--data", dir).expect(t, exitDone, "backed up "+dir+" to "+copied+": "+counts, "")
	cli(t, "", "restore", copied, "--data", restored).expect(t, exitDone, "restored "+copied+" to "+restored+": "+counts, "")
	if got, _ := exported(t, restored); got != lines {
		t.Errorf("restored is\n%s\nwant\n%s", got, lines)
	}
	report := must(t, "", "verify", "--data", restored, "--json")
	if !regexp.MustCompile(`^{"segments":1,"bytes":\d+,"events":13,"namespaces":{"default":12,"zoo":1},"incomplete":0}\n$`).MatchString(report) {
		t.Errorf("verify reported %s", report)
	}
	for _, args := range [][]string{{"backup", copied, "--data", dir}, {"restore", copied, "--data", dir}} {
		if r := cli(t, "", args...); r.code != exitFailed || !strings.Contains(r.stderr, "is not empty") || args[0] == "restore" && !strings.Contains(r.stderr, "mv "+dir+" "+dir+".old") {
			t.Errorf("onto another one %s ended with %d: %s", args[0], r.code, r.stderr)
		}
	}

	text := []byte(readFile(t, log))
	text[500] ^= 1
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "is damaged at byte"
	for _, args := range [][]string{{"verify"}, {"append", "--force", roverFile}, {"log"}, {"read", "grid/mars"}, {"streams"}, {"export"}, {"backup", filepath.Join(t.TempDir(), "damaged")}} {
		if r := cli(t, "", append(args, "--data", dir)...); r.code != exitFailed || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "aether restore BACKUP") {
			t.Errorf("of damage %s says %s", args[0], r.stderr)
		}
	}
	if r := cli(t, "", "verify", "--json", "--data", dir); !strings.HasSuffix(r.stderr, `,"class":"damaged"}`+"\n") {
		t.Errorf("of damage verify --json says %s", r.stderr)
	}
}
