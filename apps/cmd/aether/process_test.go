package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aether-es/aether/filestore"
)

// process returns the command that runs the program in a process of its own.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

func TestExitCodes(t *testing.T) {
	dir := roverStore(t)
	for _, test := range []struct {
		code  int
		stdin string
		args  []string
	}{
		{exitDone, "", []string{"log", "--data", dir}},
		{exitFailed, "garbage", []string{"append", "--force", "--data", dir}},
		{exitUsage, "", []string{"log", "--data"}},
		{exitConflict, `{"actorId":"grid/mars","version":1,"type":"T","data":1}`, []string{"append", "--force", "--data", dir}},
	} {
		cmd, stderr := process(t, test.args...)
		cmd.Stdin = strings.NewReader(test.stdin)
		err := cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != test.code {
			t.Errorf("%v ended with %d, want %d: %v, %s", test.args, got, test.code, err, stderr)
		}
	}
}

// A follower in one process sees what another saves, and ends well by Ctrl-C.
func TestFollowLive(t *testing.T) {
	dir := roverStore(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, stderr := process(t, "log", "--follow", "--after", "11", "--json", "--data", dir)
		events := start(t, cmd)
		next := func(want string) {
			t.Helper()
			if !events.Scan() || !strings.Contains(events.Text(), want) {
				t.Fatalf("the follower printed %q, want one with %s; %s", events.Text(), want, stderr)
			}
		}
		next(`"position":12`)
		for i := range 2 {
			text := fmt.Sprintf("%v %d", signal, i)
			writer, writerErr := process(t, "append", "--force", "--data", dir)
			writer.Stdin = strings.NewReader(fmt.Sprintf(`{"actorId":"a/b","type":"T","data":"%s"}`, text))
			if err := writer.Run(); err != nil {
				t.Fatalf("%v: %s", err, writerErr)
			}
			for !strings.Contains(events.Text(), text) {
				next("")
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if events.Scan() {
			t.Errorf("after the signal it printed %q", events.Text())
		}
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("after %v it ended with %v: %s", signal, err, stderr)
		}
	}
}

// start starts a process and returns the lines that it prints.
func start(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(out)
}

// An append that was killed has saved a beginning of its input; appended again,
// the rest follows.
func TestAppendKilled(t *testing.T) {
	for _, versions := range []bool{true, false} {
		var all bytes.Buffer
		const lines = 5000
		for i := range lines {
			version := ""
			if versions {
				version = fmt.Sprintf(`"version":%d,`, i/7+1)
			}
			fmt.Fprintf(&all, `{"id":"e%d","actorId":"k/%d",%s"type":"T","data":%d}`+"\n", i, i%7, version, i)
		}
		dir := filepath.Join(t.TempDir(), "store")
		for _, kill := range []int{1, 500, 2500} {
			writer, stderr := process(t, "append", "--force", "--data", dir)
			in, err := writer.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := writer.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { // fails when the writer is killed
				_, _ = io.Copy(in, bytes.NewReader(all.Bytes()[:all.Len()/2]))
			}()
			// Follow until it has saved so much; it waits for the second half meanwhile.
			followed := followTo(t, dir, kill)
			if err := writer.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := writer.Wait(); err == nil {
				t.Fatalf("the killed append ended well: %s", stderr)
			}
			if followed != kill {
				t.Fatalf("the follower saw %d events, want %d", followed, kill)
			}
			if r := cli(t, "", "verify", "--data", dir); r.code != exitDone {
				t.Errorf("after the kill verify says %s", r.stderr)
			}
		}
		r := cli(t, all.String(), "append", "--force", "--data", dir)
		if r.code != exitDone {
			t.Fatalf("append again: %s", r.stderr)
		}
		if log := must(t, "", "log", "--json", "--data", dir); strings.Count(log, "\n") != lines {
			t.Errorf("versions %t: the log has %d events, want %d", versions, strings.Count(log, "\n"), lines)
		}
		i := 0
		for line := range strings.Lines(must(t, "", "log", "--json", "--data", dir)) {
			if want := fmt.Sprintf(`{"id":"e%d",`, i); !strings.HasPrefix(line, want) {
				t.Fatalf("versions %t: position %d is %s", versions, i+1, line)
			}
			i++
		}
	}
}

// followTo follows the log, which may not be there yet, up to a position.
func followTo(t *testing.T, dir string, position int) int {
	t.Helper()
	for {
		cmd, stderr := process(t, "log", "--follow", "--to", fmt.Sprint(position), "--json", "--data", dir)
		text, err := cmd.Output()
		if err == nil {
			return bytes.Count(text, []byte("\n"))
		}
		if !strings.Contains(stderr.String(), "there is no store") {
			t.Fatalf("%v: %s", err, stderr)
		}
	}
}

// What reads ends without a word when its output is not wanted any more.
func TestBrokenPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	line := `{"actorId":"a/b","type":"T","data":"` + strings.Repeat("x", 1000) + `"}` + "\n"
	must(t, strings.Repeat(line, 1000), "append", "--force", "--data", dir)
	for _, args := range [][]string{{"log"}, {"log", "--follow"}, {"log", "--json"}, {"read", "a/b"}, {"export"}} {
		cmd, stderr := process(t, append(args, "--data", dir)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		out.Close()
		err = cmd.Wait()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%v ended with %v: %s", args, err, stderr)
		}
	}
}

// While one process saves others can look.
func TestReadWhileInUse(t *testing.T) {
	dir := roverStore(t)
	engine, err := filestore.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for _, args := range [][]string{{"read", "grid/mars"}, {"log"}, {"streams"}, {"export"}, {"verify"}, {"backup", filepath.Join(t.TempDir(), "copy")}} {
		if r := cli(t, "", append(args, "--data", dir)...); r.code != exitDone {
			t.Errorf("%v ended with %d: %s", args, r.code, r.stderr)
		}
	}
	// And where there is no store another may begin one, whatever has looked there.
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := filestore.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(errors.Join(errors.New("after others read it"), err))
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
