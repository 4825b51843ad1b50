package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// With a key that moves money the server does not start: its pages could only ask for the
// numbers of cards.
func TestLiveKey(t *testing.T) {
	t.Chdir(t.TempDir())
	file := filepath.Join(t.TempDir(), "key")
	for _, key := range []string{"sk_live_51aBcDeFgHiJkLmNo", "rk_live_51aBcDeFgHiJkLmNo"} {
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got := cli(t, "", "serve", "--listen", "127.0.0.1:0", "--payments-key-file", file)
		if got.code != exitUsage || !strings.Contains(got.stderr, "real money cannot be taken yet") || !strings.Contains(got.stderr, file) || strings.Contains(got.stderr, key) {
			t.Errorf("%s…: %d %s", key[:8], got.code, got.stderr)
		}
	}
	if made, _ := os.ReadDir("."); len(made) > 0 {
		t.Errorf("it made %v", made)
	}
}
