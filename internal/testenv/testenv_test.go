package testenv_test

import (
	"testing"

	"github.com/aether-es/aether/internal/testenv"
)

// ending notes how a test was ended instead of ending it.
type ending struct {
	testing.TB
	skipped, failed bool
}

func (e *ending) Helper()               {}
func (e *ending) Skipf(string, ...any)  { e.skipped = true }
func (e *ending) Fatalf(string, ...any) { e.failed = true; panic("ended") }

func TestLacks(t *testing.T) {
	for _, test := range []struct {
		ci      string
		skipped bool
		failed  bool
	}{
		{ci: "", skipped: true},
		{ci: "false", skipped: true},
		{ci: "true", failed: true},
	} {
		t.Run("CI="+test.ci, func(t *testing.T) {
			t.Setenv("CI", test.ci)
			e := &ending{TB: t}
			func() {
				defer func() { recover() }()
				testenv.Lacks(e, "a printer")
			}()
			if e.skipped != test.skipped || e.failed != test.failed {
				t.Errorf("skipped is %v and failed %v, want %v and %v", e.skipped, e.failed, test.skipped, test.failed)
			}
		})
	}
}
