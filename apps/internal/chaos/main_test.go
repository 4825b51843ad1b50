package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// chaosFlag is for `make chaos`: the test command runs the short form.
var chaosFlag = flag.Duration("chaos", 0, "how long to break things in each test; some seconds when 0")

// seedFlag chooses the faults. What happens between them is left to the machine, so the
// same seed does not lead to the same end.
var seedFlag = flag.Uint64("seed", 0, "seed of the faults and of the commands; random when 0")

// binary is the program, as it is installed: without the race detector.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "aether")
	build := exec.Command("go", "build", "-o", binary, "github.com/aether-es/aether/apps/cmd/aether")
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "chaos: go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// long says how long things are to be broken: for so long in the test command, or for
// what the flag says.
func long(short time.Duration) time.Duration {
	if *chaosFlag > 0 {
		return *chaosFlag
	}
	return short
}

// random returns a source whose seed is logged.
func random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
