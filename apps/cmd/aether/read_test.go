package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/filestore"
)

func TestLog(t *testing.T) {
	dir := roverStore(t)
	lines := strings.SplitAfter(strings.TrimSpace(readFile(t, roverFile)), "\n")
	for _, test := range []struct {
		args string
		want []int // positions
	}{
		{"", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{"--after 9", []int{10, 11, 12}},
		{"--after 3 --to 5", []int{4, 5}},
		{"--limit 2", []int{1, 2}},
		{"--kind grid --limit 1", []int{1}},
		{"--type GridCreated --type RoverBlocked", []int{1, 3, 9}},
		{"--type RoverLanded --after 2", []int{4, 10}},
		{"--type RoverLanded,GridCreated", nil},
		{"--kind station", nil},
		{"--after 12", nil},
		{"--follow --to 3", []int{1, 2, 3}},
		{"--follow --limit 1 --after 4", []int{5}},
	} {
		got := must(t, "", append([]string{"log", "--json", "--data", dir}, strings.Fields(test.args)...)...)
		want := ""
		for _, position := range test.want {
			line := strings.TrimSuffix(strings.TrimSpace(lines[position-1]), "}")
			line = strings.Replace(line, `,"data"`, `,"schema":1,"data"`, 1)
			want += fmt.Sprintf("%s,\"position\":%d}\n", line, position)
		}
		if got != want {
			t.Errorf("log %s printed\n%swant\n%s", test.args, got, want)
		}
	}
}

func TestLogText(t *testing.T) {
	dir := roverStore(t)
	cli(t, "", "log", "--data", dir, "--type", "RoverLanded").expect(t, exitDone, ""+
		"POSITION  TIME                         ACTOR      VERSION  TYPE         DATA\n"+
		"       2  2026-03-02T08:00:07.250000Z  grid/mars        2  RoverLanded  {\"rover\":\"spirit\",\"x\":1,\"y\":2,\"heading\":\"N\"}\n"+
		"       4  2026-03-02T08:00:12.500000Z  grid/mars        3  RoverLanded  {\"rover\":\"opportunity\",\"x\":5,\"y\":1,\"heading\":\"W\"}\n"+
		"      10  2026-03-02T08:01:30.000000Z  grid/moon        2  RoverLanded  {\"rover\":\"yutu\",\"x\":0,\"y\":0,\"heading\":\"E\"}\n", "")
	cli(t, "", "log", "--data", dir, "--kind", "x").expect(t, exitDone, "", "aether: there are no such events in namespace \"default\"\n")
	cli(t, "", "log", "--data", dir, "--kind", "x", "--json").expect(t, exitDone, "", "")
	cli(t, "", "log", "--data", dir, "--kind", "grid,x").expect(t, exitDone, "", "aether: there are no such events in namespace \"default\"; for several kinds or types give --kind or --type several times, without commas\n")
}

// What somebody managed to save must not control the terminal of who looks at it.
func TestLogTextIsHarmless(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	must(t, "{\"actorId\":\"a/\u009b31m\u202eb\",\"type\":\"Ü\u2028\",\"time\":\"2026-03-02T08:00:00Z\",\"data\":{\"é\": \"\u009b\x7f\U000e0001\"}}", "append", "--force", "--data", dir)
	cli(t, "", "log", "--data", dir).expect(t, exitDone, ""+
		"POSITION  TIME                         ACTOR               VERSION  TYPE     DATA\n"+
		"       1  2026-03-02T08:00:00.000000Z  a/\\u009b31m\\u202eb        1  Ü\\u2028  {\"é\":\"\\u009b\\u007f\\U000e0001\"}\n", "")
}

func TestRead(t *testing.T) {
	dir := roverStore(t)
	moon := ""
	for line := range strings.Lines(must(t, "", "log", "--json", "--data", dir)) {
		if strings.Contains(line, `"actorId":"grid/moon"`) {
			moon += line
		}
	}
	cli(t, "", "read", "grid/moon", "--json", "--data", dir).expect(t, exitDone, moon, "")
	cli(t, "", "read", "grid/moon", "--json", "--data", dir, "--limit", "1").expect(t, exitDone, strings.SplitAfter(moon, "\n")[0], "")
	cli(t, "", "read", "grid/moon", "--json", "--data", dir, "--after", "1").expect(t, exitDone, strings.SplitAfter(moon, "\n")[1], "")
	cli(t, "", "read", "grid/moon", "--data", dir, "--after", "1").expect(t, exitDone, ""+
		"POSITION  TIME                         ACTOR      VERSION  TYPE         DATA\n"+
		"      10  2026-03-02T08:01:30.000000Z  grid/moon        2  RoverLanded  {\"rover\":\"yutu\",\"x\":0,\"y\":0,\"heading\":\"E\"}\n", "")
	cli(t, "", "read", "grid/venus", "--data", dir).expect(t, exitDone, "", "aether: grid/venus has no events in namespace \"default\"\n")
	cli(t, "", "read", "grid/moon", "--after", "2", "--data", dir).expect(t, exitDone, "", "aether: grid/moon has no events after version 2 in namespace \"default\"\n")
	cli(t, "", "read", "grid/venus", "--data", dir, "--json").expect(t, exitDone, "", "")
}

func TestStreams(t *testing.T) {
	dir := roverStore(t)
	must(t, `{"actorId":"rover/a<b","type":"T","data":1}`, "append", "--force", "--data", dir)
	cli(t, "", "streams", "--data", dir).expect(t, exitDone, "ACTOR      VERSION\ngrid/mars       10\ngrid/moon        2\nrover/a<b        1\n", "")
	cli(t, "", "streams", "--data", dir, "--json").expect(t, exitDone, `{"actorId":"grid/mars","version":10}
{"actorId":"grid/moon","version":2}
{"actorId":"rover/a<b","version":1}
`, "")
	cli(t, "", "streams", "--data", dir, "--kind", "rover").expect(t, exitDone, "ACTOR      VERSION\nrover/a<b        1\n", "")
	cli(t, "", "streams", "--data", dir, "--kind", "x").expect(t, exitDone, "", "aether: there are no such actors in namespace \"default\"\n")
}

// A namespace without events is most likely misspelt.
func TestNoNamespace(t *testing.T) {
	dir := roverStore(t)
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", dir, "--namespace", "zoo")
	file := filepath.Join(t.TempDir(), "events")
	for _, args := range []string{"log", "log --kind grid", "read grid/mars", "streams", "export", "export " + file} {
		cli(t, "", append(strings.Fields(args), "--data", dir, "--namespace", "nope")...).expect(t, exitFailed, "",
			"aether: namespace nope has no events; there are: default, zoo\n")
	}
	cli(t, "", "export", "--data", dir, "--namespace", "nope", "--json").expect(t, exitFailed, "",
		`{"error":"namespace nope has no events; there are: default, zoo","class":"not-found"}`+"\n")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("export made a file of no events: %v", err)
	}

	// Who follows waits for events that may come, and is told.
	var stdout, stderr bytes.Buffer
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // so that it ends if it is not told
	defer stop()
	told := &onWrite{to: &stderr, do: stop}
	code := run(ctx, []string{"log", "--follow", "--data", dir, "--namespace", "nope"}, strings.NewReader(""), &stdout, told)
	result{code, stdout.String(), stderr.String()}.expect(t, exitDone, "", "aether: namespace nope has no events; there are: default, zoo; this waits for its first\n")

	// A store without any events has nothing to say.
	empty := filepath.Join(t.TempDir(), "empty")
	engine, err := filestore.Open(t.Context(), empty, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	cli(t, "", "log", "--data", empty).expect(t, exitDone, "", "aether: there are no events in namespace \"default\"\n")
	cli(t, "", "log", "--data", empty, "--type", "T").expect(t, exitDone, "", "aether: there are no such events in namespace \"default\"\n")
	cli(t, "", "log", "--data", empty, "--after", "3").expect(t, exitDone, "", "aether: there are no such events in namespace \"default\"\n")
	cli(t, "", "streams", "--data", empty).expect(t, exitDone, "", "aether: there are no actors in namespace \"default\"\n")
}
