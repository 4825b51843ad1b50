package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/pgstore/pgtest"
)

// mainEnv turns the test binary into the program, for the tests that need a
// process of its own.
const mainEnv = "AETHER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		main()
	}
	os.Unsetenv(dirEnv)
	os.Unsetenv(storeEnv)
	os.Exit(pgtest.Main(m))
}

// result is what a run of the program came to.
type result struct {
	code           int
	stdout, stderr string
}

// cli runs the program in this process.
func cli(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// must runs the program, which must succeed and say nothing on stderr, and
// returns what it says on stdout.
func must(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := cli(t, stdin, args...)
	if r.code != exitDone || r.stderr != "" {
		t.Fatalf("aether %s\nended with %d: %s", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// expect compares a result with what is wanted.
func (r result) expect(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || r.stdout != stdout || r.stderr != stderr {
		t.Errorf("got code %d, stdout\n%s\nstderr\n%s\nwant code %d, stdout\n%s\nstderr\n%s", r.code, r.stdout, r.stderr, code, stdout, stderr)
	}
}

const roverFile = "../../../examples/rover.jsonl"

// roverStore returns the folder of a store with the events of the example.
func roverStore(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	must(t, "", "append", "--force", "--data", dir, roverFile)
	return dir
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// interrupted returns a context that has been cancelled, as by Ctrl-C.
func interrupted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
