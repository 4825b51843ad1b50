package main

import (
	"os"
	"strings"
	"testing"

	"github.com/aether-es/aether/filestore"
)

// The README's program is this one, which compiles, and works more than once.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, program, found := strings.Cut(string(source), "\n")
	if blocks := strings.Count(string(readme), "\n```go\n"); !found || blocks != 1 || !strings.Contains(string(readme), "\n```go\n"+program+"```\n") {
		t.Errorf("the README has %d programs, and not this one:\n%s", blocks, program)
	}
	t.Chdir(t.TempDir())
	for range 2 {
		if err := unlock(t.Context(), "station/CP-1"); err != nil {
			t.Fatal(err)
		}
	}
	engine, err := filestore.Open(t.Context(), "station-data", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	store, err := engine.Namespace(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	if latest, err := store.GetLatestVersion(t.Context(), "station/CP-1"); err != nil || latest != 2 {
		t.Errorf("it is at version %d, %v; want 2", latest, err)
	}
}
