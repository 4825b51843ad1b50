package filestore

import (
	"flag"
	"os"
	"testing"
)

var (
	crashesFlag = flag.Int("crashes", 30, "how often to kill the process that appends")
	seedFlag    = flag.Uint64("seed", 0, "seed of the random tests, a random one when 0")
	allFlag     = flag.Bool("all", false, "try every case where the test command tries a sample")
)

// childVariable makes the test program one of the processes that tests kill.
const childVariable = "FILESTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childVariable); role != "" {
		os.Exit(child(role))
	}
	flag.Parse()
	os.Exit(m.Run())
}
