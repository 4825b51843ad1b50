package pgstore

import (
	"flag"
	"os"
	"testing"

	"github.com/aether-es/aether/pgstore/pgtest"
	"github.com/rs/zerolog"
)

var allFlag = flag.Bool("all", false, "run whole suites where the test command runs a part")

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log to a logger of their own
	os.Exit(pgtest.Main(m))
}
