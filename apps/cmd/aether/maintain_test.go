package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/filestore"
)

// A backup is no store to save in, and damage in its last save, or in that of what
// was restored from it, is none that nobody noticed.
func TestBackupIsGuarded(t *testing.T) {
	dir := roverStore(t)
	copied, restored := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "restored")
	must(t, "", "backup", copied, "--data", dir)
	must(t, "", "restore", copied, "--data", restored)
	cli(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", copied).expect(t, exitFailed, "",
		"aether: this is a backup: saving would ruin "+copied+"; restore it to another folder\n")
	want, _ := exported(t, dir)
	if got, _ := exported(t, copied); got != want {
		t.Errorf("the backup reads\n%s\nwant\n%s", got, want)
	}
	for _, args := range [][]string{
		{"backup", filepath.Join(dir, "backups", "today"), "--data", dir},
		{"restore", copied, "--data", filepath.Join(copied, "store")},
	} {
		if r := cli(t, "", args...); r.code != exitFailed || !strings.Contains(r.stderr, "is in the folder that is copied") {
			t.Errorf("%v ended with %d: %s", args, r.code, r.stderr)
		}
	}
	must(t, "", "verify", "--data", copied)

	for _, folder := range []string{copied, restored} {
		flipLastByte(t, folder)
		r := cli(t, "", "verify", "--data", folder)
		if r.code != exitFailed || !strings.Contains(r.stderr, "is damaged at byte") {
			t.Errorf("verify of %s ended with %d: %s%s", folder, r.code, r.stdout, r.stderr)
		}
		if advised := strings.Contains(r.stderr, "aether restore BACKUP"); advised != (folder == restored) {
			t.Errorf("verify of %s advises %s", folder, r.stderr)
		}
	}
	again := filepath.Join(t.TempDir(), "again")
	r := cli(t, "", "restore", copied, "--data", again)
	if r.code != exitFailed || !strings.HasSuffix(r.stderr, "; nothing was restored; use another backup\n") {
		t.Errorf("restore of the damaged backup ended with %d: %s", r.code, r.stderr)
	}
	if _, err := os.Stat(again); !os.IsNotExist(err) {
		t.Errorf("restore of the damaged backup left %s: %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(copied, "backup.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli(t, "", "restore", copied, "--data", again).expect(t, exitFailed, "", "aether: "+filepath.Join(copied, "backup.json")+
		" is damaged: it should say what the backup holds, but cannot be read: unexpected EOF; nothing was restored; use another backup\n")
}

// flipLastByte damages the last save of a store with one segment.
func flipLastByte(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "log", "00000001.seg")
	log := []byte(strings.TrimRight(readFile(t, path), "\x00"))
	whole := []byte(readFile(t, path))
	whole[len(log)-1] ^= 1
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Where nothing says how far the log had come verify does not call its end sound.
func TestVerifyDoubtful(t *testing.T) {
	dir := roverStore(t)
	must(t, `{"actorId":"a/b","type":"T","data":1}`, "append", "--force", "--data", dir)
	for _, name := range []string{"index", "checked.json"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	flipLastByte(t, dir)
	text := must(t, "", "verify", "--data", dir)
	if !strings.Contains(text, " is sound up to its last save, which is not whole: 12 events") || !strings.Contains(text, "unfinished, or damaged: the two cannot be told apart") {
		t.Errorf("verify says %s", text)
	}
	var report filestore.Report
	if err := json.Unmarshal([]byte(must(t, "", "verify", "--data", dir, "--json")), &report); err != nil || report.Doubtful == nil || report.Doubtful.Offset == 0 {
		t.Errorf("verify --json says %+v, %v", report, err)
	}
	r := cli(t, `{"actorId":"a/b","type":"T","data":2}`, "append", "--force", "--data", dir)
	if r.code != exitDone || !strings.Contains(r.stderr, "the two cannot be told apart") || !strings.Contains(r.stderr, filepath.Join(dir, "cut", "00000001-")) {
		t.Errorf("append ended with %d: %s", r.code, r.stderr)
	}
}

// A restore that was cut short can be done again, and says so until then.
func TestRestoreAgain(t *testing.T) {
	dir := roverStore(t)
	copied, restored := filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "restored")
	must(t, "", "backup", copied, "--data", dir)
	if err := os.MkdirAll(filepath.Join(restored, "unfinished", "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(restored, "unfinished", "log", "00000001.seg"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify"}, {"log"}, {"append", "--force", roverFile}} {
		r := cli(t, "", append(args, "--data", restored)...)
		if r.code != exitFailed || !strings.Contains(r.stderr, "run it again, or delete the folder") || strings.Contains(r.stderr, "damaged") || strings.Contains(r.stderr, "BACKUP") {
			t.Errorf("after half a restore %s ended with %d: %s", args[0], r.code, r.stderr)
		}
	}
	must(t, "", "restore", copied, "--data", restored)
	got, _ := exported(t, restored)
	if want, _ := exported(t, dir); got != want {
		t.Errorf("restored is\n%s\nwant\n%s", got, want)
	}
}
