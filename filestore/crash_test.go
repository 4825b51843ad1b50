package filestore

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// A process that appends at full speed is killed at random moments, again and
// again on the same folder, and what it had acknowledged must be there.
//
// go test -run=KilledProcess -crashes=1000 does it as often as you like.

// child is what the test program does as one of those processes. It never returns
// before it is killed, unless something fails.
func child(role string) int {
	folder := os.Getenv(childVariable + "_FOLDER")
	seed, err := strconv.ParseUint(os.Getenv(childVariable+"_SEED"), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("opening")
	s, err := Open(context.Background(), folder, childOptions())
	if role == "refused" {
		if !errors.Is(err, ErrInUse) {
			fmt.Fprintln(os.Stderr, "Open:", err)
			return 1
		}
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Open:", err)
		return 1
	}
	fmt.Println("open")
	if role == "hold" {
		select {}
	}
	random := rand.New(rand.NewPCG(seed, seed))
	failed := make(chan error)
	for i := range 2 + random.IntN(6) {
		w := &testWriter{
			namespace: []string{"a", "a/b", "c"}[i%3],
			name:      fmt.Sprintf("%d-%d", seed, i),
			random:    rand.New(rand.NewPCG(seed, uint64(i))),
			fill:      []int{40, 400, 3000}[random.IntN(3)],
		}
		go func() {
			failed <- w.run(context.Background(), s, 1e9, func(a ack) {
				// One write, which the pipe takes whole or not at all.
				if _, err := fmt.Printf("ack %s %s %d\n", a.namespace, a.name, a.position); err != nil {
					os.Exit(1) // whoever started this is gone
				}
			})
		}()
	}
	fmt.Fprintln(os.Stderr, "SaveEvents:", <-failed)
	return 1
}

// childOptions make segments end and the index move to disk often.
func childOptions() *Options {
	return &Options{SegmentSize: 64 << 10, recentEvents: 100, CacheSize: 1 << 20, Logger: quiet}
}

// victim is a running child.
type victim struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	opens  chan struct{} // closed when it begins to open the store
	open   chan struct{} // closed when it has
	lines  chan struct{} // an item for every line it reports, as far as anybody listens
	ended  chan struct{} // closed when it has nothing more to report
	acks   []ack         // to be read when it has ended
}

func startChild(t testing.TB, role, folder string, seed uint64) *victim {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{
		cmd:   exec.Command(program),
		opens: make(chan struct{}),
		open:  make(chan struct{}),
		lines: make(chan struct{}),
		ended: make(chan struct{}),
	}
	v.cmd.Env = append(os.Environ(), childVariable+"="+role, childVariable+"_FOLDER="+folder, fmt.Sprint(childVariable, "_SEED=", seed))
	v.cmd.Stderr = &v.stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go v.listen(out)
	return v
}

func (v *victim) listen(out io.Reader) {
	defer close(v.ended)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return // a line without its end is no report
		}
		fields := strings.Fields(line)
		switch fields[0] {
		case "opening":
			close(v.opens)
		case "open":
			close(v.open)
		case "ack":
			a := ack{namespace: fields[1], name: fields[2]}
			fmt.Sscan(fields[3], &a.position)
			v.acks = append(v.acks, a)
		}
		select {
		case v.lines <- struct{}{}:
		default:
		}
	}
}

// kill ends the child without a warning. It fails the test if the child has ended
// by itself.
func (v *victim) kill(t testing.TB) {
	t.Helper()
	if err := v.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-v.ended
	_ = v.cmd.Wait()
	if v.stderr.Len() > 0 {
		t.Fatalf("the process failed: %s", &v.stderr)
	}
}

// waitFor returns after so many reports of the child and a while.
func (v *victim) waitFor(lines int, while time.Duration) {
	for range lines {
		select {
		case <-v.lines:
		case <-v.ended:
			return
		}
	}
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-v.ended:
	}
}

func TestKilledProcess(t *testing.T) {
	const lanes = 2
	random := newRandom(t)
	for lane := range lanes {
		seed := random.Uint64()
		t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
			t.Parallel()
			r := &killing{random: rand.New(rand.NewPCG(seed, uint64(lane))), warnings: &warnings{}}
			for round := range *crashesFlag / lanes {
				r.round(t, round)
			}
			t.Logf("%d saves were acknowledged, %d were found; %d times an incomplete save was removed, %d times the index was made again",
				r.acknowledged, r.found, len(r.warnings.with("incomplete save")), len(r.warnings.with("made again")))
		})
	}
}

// killing is a sequence of crashes, on one folder after the other.
type killing struct {
	random   *rand.Rand
	warnings *warnings

	folder  string
	acks    []ack
	opening time.Duration // how long a child takes to open the store, at most

	acknowledged, found int
}

// round starts a process, kills it, and looks at what it left.
func (k *killing) round(t *testing.T, round int) {
	const checkFresh = 8 // rounds on one folder: the log grows and its checks with it
	if round%checkFresh == 0 {
		k.folder, k.acks, k.opening = filepath.Join(t.TempDir(), "store"), nil, 50*time.Millisecond
	}
	index := filepath.Join(k.folder, indexFolder)
	if k.random.IntN(5) == 0 {
		if err := os.RemoveAll(index); err != nil {
			t.Fatal(err)
		}
	}

	v := startChild(t, "append", k.folder, k.random.Uint64())
	<-v.opens
	start := time.Now()
	if k.random.IntN(4) == 0 { // while it opens the store
		v.waitFor(0, time.Duration(k.random.Int64N(int64(k.opening)+1)))
	} else {
		v.waitFor(k.random.IntN(120), time.Duration(k.random.IntN(20_000))*time.Microsecond)
		k.opening = min(k.opening, time.Since(start))
	}
	v.kill(t)
	k.acks = append(k.acks, v.acks...)
	k.acknowledged += len(v.acks)

	// Half of the time the next process finds what this one left, and not what
	// this test has made of it.
	folder := k.folder
	if k.random.IntN(2) == 0 {
		folder = filepath.Join(t.TempDir(), "copy")
		copyFolder(t, k.folder, folder)
	}
	ctx := context.Background()
	report, err := Verify(ctx, folder, nil)
	if err != nil && !(errors.Is(err, ErrNotFound) && len(k.acks) == 0) {
		t.Fatalf("after crash %d: Verify: %v", round, err)
	}
	options := childOptions()
	options.Logger = k.warnings.logger()
	s := openTest(t, folder, options)
	logs, err := inspectStore(ctx, s, k.acks)
	if err != nil {
		t.Fatalf("after crash %d: %v", round, err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	found := 0
	for name, log := range logs {
		found += len(log)
		if report.Namespaces[name] != aether.Position(len(log)) {
			t.Fatalf("after crash %d: Verify saw %d events of %q, Open %d", round, report.Namespaces[name], name, len(log))
		}
	}
	k.found += found
}

func copyFolder(t testing.TB, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
