// Package testenv says what a test does on a machine that lacks something.
package testenv

import (
	"os"
	"testing"
)

// Lacks ends a test that needs what this machine does not have: "PostgreSQL". On
// a laptop the test is skipped, with a line that says so; with CI=true it fails,
// so that a server which went missing does not pass for a success.
func Lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI lacks %s", what)
	}
	t.Skipf("skipped: this machine lacks %s", what)
}
