package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/filestore"
)

func TestAppendExample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cli(t, "", "append", "--force", "--data", dir, roverFile).expect(t, exitDone, "saved 12 events, positions 1 to 12\n", "")
	cli(t, "", "append", "--force", "--data", dir, roverFile).expect(t, exitDone, "saved nothing: all 12 events had been saved before\n", "")
	cli(t, readFile(t, roverFile), "append", "--force", "--data", dir, "--json", "-").expect(t, exitDone, `{"read":12,"saved":0,"repeated":12,"position":12}`+"\n", "")
	more := readFile(t, roverFile) + `{"actorId":"grid/mars","type":"RoverTurnedLeft","data":{"rover":"spirit","heading":"N"}}`
	cli(t, more, "append", "--force", "--data", dir).expect(t, exitDone, "saved 1 event, position 13; 12 had been saved before\n", "")
	cli(t, more, "append", "--force", "--data", dir, "--json", "--namespace", "a/b").expect(t, exitDone, `{"read":13,"saved":13,"repeated":0,"position":13}`+"\n", "")
	one := strings.SplitAfter(more, "\n")[0]
	cli(t, one, "append", "--force", "--data", dir).expect(t, exitDone, "saved nothing: the event had been saved before\n", "")
	cli(t, "\n\n", "append", "--force", "--data", dir).expect(t, exitDone, "there were no events to be saved\n", "")
}

func TestAppendFaults(t *testing.T) {
	good := `{"actorId":"a/b","type":"T","data":1}` + "\n"
	for _, test := range []struct {
		name, input string
		code        int
		want        string // stderr
		saved       int
	}{
		{"the first line", "garbage\n" + good, exitFailed, "line 1 is not JSON: unexpected 'g' in column 1; nothing is saved", 0},
		{"the second line", good + "\x00\n" + good, exitFailed, `line 2 is not JSON: unexpected '\x00' in column 1; line 1 is saved`, 1},
		{"empty lines count", "\ufeff" + good + "\r\n" + good + "\n{}\n", exitFailed, "line 5: actorId is empty; lines 1 to 3 are saved", 2},
		{"a line that is cut off", good + good + good[:20], exitFailed, "line 3 is not JSON: it ends too early; an event is one object on one line; lines 1 to 2 are saved", 2},
		{"no data", good + `{"actorId":"a/b","type":"T"}`, exitFailed, "line 2: data is missing; it must be a JSON value; line 1 is saved", 1},
		{"an unknown field", good + `{"actorId":"a/b","type":"T","data":1,"verison":3}`, exitFailed,
			`line 2: "verison" is not a field; there are id, actorId, version, type, schema, data, metadata, time, position; line 1 is saved`, 1},
		{"a wrong actor", good + `{"actorId":"ab","type":"T","data":1}`, exitFailed,
			`line 2: actorId is "ab"; it must be a kind and a key with a slash between them, as in "station/CP-1"; line 1 is saved`, 1},
		{"a control character", good + `{"actorId":"a/b\u001b[2J","type":"T","data":1}`, exitFailed, `line 2: actorId has a control character (0x1b) at byte 3; line 1 is saved`, 1},
		{"a long line", good + strings.Repeat("x", 2<<20), exitFailed, "line 2 is longer than 1114112 bytes; an event has at most 1048576; line 1 is saved", 1},
		{"a large event", good + `{"id":"x","actorId":"a/b","type":"T","data":"` + strings.Repeat("x", 1<<20) + `"}`, exitFailed,
			"line 2: data makes the event 1048583 bytes long; an event has at most 1048576; line 1 is saved", 1},
		{"a version too far", good + good + `{"actorId":"a/b","version":4,"type":"T","data":1}` + "\n" + good, exitConflict,
			"line 3: version conflict: a/b is at version 2, so version 4 cannot be saved: its next is 3; lines 1 to 2 are saved", 2},
		{"a version that is taken", good + `{"id":"x","actorId":"a/c","version":1,"type":"First","data":1}` + "\n" + `{"id":"y","actorId":"a/c","version":1,"type":"T","data":1}`, exitConflict,
			`line 3: version conflict: a/c is at version 1, so version 1 cannot be saved; its version 1 is First (id "x"); lines 1 to 2 are saved`, 2},
		{"an ID at another version", `{"id":"x","actorId":"a/b","type":"T","data":1}` + "\n" + `{"id":"x","actorId":"a/b","version":2,"type":"T","data":1}`, exitFailed,
			`line 2: a/b has the event "x" at version 1 already, so it cannot be saved at version 2; line 1 is saved`, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			cli(t, test.input, "append", "--force", "--data", dir).expect(t, test.code, "", "aether: "+test.want+"\n")
			if got := strings.Count(cli(t, "", "log", "--data", dir, "--json").stdout, "\n"); got != test.saved {
				t.Errorf("%d events are saved, want %d", got, test.saved)
			}
		})
	}
}

func TestAppendErrorJSON(t *testing.T) {
	dir := roverStore(t)
	cli(t, "\n"+`{"actorId":"grid/mars","version":3,"type":"T","data":1}`, "append", "--force", "--data", dir, "--json").expect(t, exitConflict, "",
		`{"error":"line 2: version conflict: grid/mars is at version 10, so version 3 cannot be saved; its version 3 is RoverLanded (id \"mars-3\"); nothing is saved",`+
			`"class":"conflict","line":2,"savedLines":0,"actorId":"grid/mars","tried":3,"latest":10}`+"\n")
	cli(t, "{}", "append", "--force", "--data", dir, "--json").expect(t, exitFailed, "",
		`{"error":"line 1: actorId is empty; nothing is saved","class":"invalid","line":1,"savedLines":0}`+"\n")
	cli(t, `{"id":"mars-3","actorId":"grid/mars","version":11,"type":"T","data":1}`, "append", "--force", "--data", dir, "--json").expect(t, exitFailed, "",
		`{"error":"line 1: grid/mars has the event \"mars-3\" at version 3 already, so it cannot be saved at version 11; nothing is saved",`+
			`"class":"duplicate","line":1,"savedLines":0,"actorId":"grid/mars","id":"mars-3","version":3,"tried":11}`+"\n")
	cli(t, `{"id":"mars-3","actorId":"grid/mars","type":"T","data":1}`, "append", "--force", "--data", dir, "--json").expect(t, exitFailed, "",
		`{"error":"line 1: type is not that of the event \"mars-3\", version 3 of grid/mars, in the store, which stays as it is; nothing is saved",`+
			`"class":"duplicate","line":1,"savedLines":0,"actorId":"grid/mars","id":"mars-3","version":3,"tried":3}`+"\n")
}

// An id that comes again must come with the same content; what the store filled in
// need not be said.
func TestAppendReusedID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first := `{"id":"x","actorId":"a/b","type":"T","data":{"n":1},"metadata":{"causationId":"c"}}` + "\n"
	second := `{"id":"y","actorId":"a/b","type":"T","schema":2,"data":2,"time":"2026-03-02T08:00:00.1234567Z"}` + "\n"
	must(t, first+second, "append", "--force", "--data", dir)
	log := must(t, "", "log", "--data", dir, "--json")
	for _, same := range []string{
		first + second, second + first,
		`{"id":"x","actorId":"a/b","version":1,"type":"T","schema":1,"data": { "n": 1 },"metadata":{"causationId":"c"}}` + "\n" + second, log,
	} {
		cli(t, same, "append", "--force", "--data", dir).expect(t, exitDone, "saved nothing: all 2 events had been saved before\n", "")
	}
	for _, test := range []struct{ from, to, field string }{
		{`"n":1`, `"n":2`, "data"},
		{`"type":"T","data":{`, `"type":"U","data":{`, "type"},
		{`"c"`, `"d"`, "metadata"},
		{`,"metadata":{"causationId":"c"}`, ``, "metadata"},
		{`"data":{`, `"schema":2,"data":{`, "schema"},
		{`"data":{`, `"time":"2026-03-02T08:00:00Z","data":{`, "time"},
	} {
		for _, version := range []string{"", `"version":1,`} {
			other := strings.Replace(strings.Replace(first, test.from, test.to, 1), `"type"`, version+`"type"`, 1)
			want := fmt.Sprintf("line 2: %s is not that of the event \"x\", version 1 of a/b, in the store, which stays as it is; nothing is saved, line 1 had been before", test.field)
			cli(t, second+other+first, "append", "--force", "--data", dir).expect(t, exitFailed, "", "aether: "+want+"\n")
		}
	}
	cli(t, strings.Replace(second, `,"schema":2`, "", 1), "append", "--force", "--data", dir).expect(t, exitFailed, "",
		"aether: line 1: schema is not that of the event \"y\", version 2 of a/b, in the store, which stays as it is; nothing is saved\n")
	if again := must(t, "", "log", "--data", dir, "--json"); again != log {
		t.Errorf("the log was\n%s\nand is\n%s", log, again)
	}
}

// Where there is no store, only an event that can be saved makes one.
func TestAppendMakesNoStore(t *testing.T) {
	good := `{"id":"x","actorId":"a/b","version":1,"type":"T","data":1}` + "\n"
	for _, test := range []struct {
		command, input string
		code           int
		stdout, stderr string
	}{
		{"append", "", exitDone, "there were no events to be saved\n", ""},
		{"import", "\n \n", exitDone, "there were no events to be imported\nsha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n", ""},
		{"append", "garbage\n" + good, exitFailed, "", "aether: line 1 is not JSON: unexpected 'g' in column 1; nothing is saved\n"},
		{"append", "\n{}\n" + good, exitFailed, "", "aether: line 2: actorId is empty; nothing is saved\n"},
		{"append", strings.Replace(good, `:1,"type"`, `:2,"type"`, 1), exitConflict, "", "aether: line 1: version conflict: a/b is at version 0, so version 2 cannot be saved: its next is 1; nothing is saved\n"},
		{"import", strings.Replace(good, `"version":1,`, ``, 1), exitFailed, "", "aether: line 1: version is missing; import needs it (append does not); nothing is saved\n"},
	} {
		folder := t.TempDir()
		for _, dir := range []string{folder, filepath.Join(folder, "store")} {
			cli(t, test.input, test.command, "--data", dir).expect(t, test.code, test.stdout, test.stderr)
			if made, _ := os.ReadDir(folder); len(made) > 0 {
				t.Errorf("%s of %q made %v", test.command, test.input, made)
			}
		}
	}
}

func TestAppendWithoutFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cli(t, "", "append", "--force", "--data", dir, "missing.jsonl").expect(t, exitFailed, "", "aether: there is no file missing.jsonl\n")
	folder := t.TempDir()
	cli(t, "", "append", "--force", "--data", dir, folder).expect(t, exitFailed, "", "aether: "+folder+" is a folder; name a file of JSON lines\n")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("without its input append made the store: %v", err)
	}
}

func TestAppendInUse(t *testing.T) {
	dir := roverStore(t)
	engine, err := filestore.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if engine != nil {
			engine.Close()
		}
	}()
	want := dir + " is in use: another process has it open, and one at a time can save; stop it, or wait for it with --wait 10s (what reads works meanwhile)"
	cli(t, "", "append", "--force", "--data", dir, roverFile).expect(t, exitFailed, "", "aether: "+want+"\n")
	cli(t, "", "append", "--force", "--data", dir, "--wait", "60ms", roverFile).expect(t, exitFailed, "", "aether: "+want+"\n")
	if got := must(t, "", "log", "--data", dir, "--json"); strings.Count(got, "\n") != 12 {
		t.Errorf("while it is in use log printed %q", got)
	}

	// It is closed while append waits: progress, which comes only when it waits, is the sign.
	var stdout, stderr bytes.Buffer
	waits := &onWrite{to: &stderr, do: func() { engine.Close() }}
	code := run(t.Context(), []string{"append", "--force", "--data", dir, "--wait", "10m", "--progress", roverFile}, strings.NewReader(""), &stdout, waits)
	engine = nil
	result{code, stdout.String(), ""}.expect(t, exitDone, "saved nothing: all 12 events had been saved before\n", "")
	if !strings.HasPrefix(stderr.String(), "waiting for the process that has "+dir+" open\n") {
		t.Errorf("it said %q while it waited", stderr.String())
	}
}

// onWrite does something at the first write.
type onWrite struct {
	to *bytes.Buffer
	do func()
}

func (w *onWrite) Write(text []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.to.Write(text)
}

func TestAppendInterrupted(t *testing.T) {
	dir := roverStore(t)
	var stdout, stderr bytes.Buffer
	code := run(interrupted(), []string{"append", "--force", "--data", dir, roverFile}, strings.NewReader(""), &stdout, &stderr)
	result{code, stdout.String(), stderr.String()}.expect(t, exitFailed, "", "aether: interrupted\n")
}
