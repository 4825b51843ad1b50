package readdb

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether/readdb"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// logBook is a log that may be written to while it is read.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logged returns options with a log, which expectCalm then looks at.
func logged(fsys vfs.FS) (*Options, *logBook) {
	book, options := new(logBook), tiny(fsys)
	options.Logger = slog.New(slog.NewTextHandler(book, nil))
	return options, book
}

// expectCalm sees to it that a log is short and has no stack traces.
func (l *logBook) expectCalm(t *testing.T) {
	t.Helper()
	if text := l.String(); strings.Count(text, "\n") > 10 || strings.Contains(text, "stack trace") || strings.Contains(text, "runtime.goexit") {
		t.Errorf("the log is %.3000s", text)
	}
}

// writeUntilError writes moments after one until that fails.
func writeUntilError(kv *KV, moment int) (int, error) {
	for {
		moment++
		if err := writeMoment(kv, moment); err != nil {
			return moment, err
		}
	}
}

func fill(t *testing.T, kv *KV, moments int) {
	t.Helper()
	for i := range moments {
		if err := writeMoment(kv, i+1); err != nil {
			t.Fatal(err)
		}
	}
}

// A folder that is deleted under a KV stops it: it does not try for ever to write, and
// Close ends.
func TestFolderDeleted(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", filesName} {
		dir := filepath.Join(t.TempDir(), "db")
		options, book := logged(vfs.Default)
		kv := openTest(t, dir, options)
		fill(t, kv, 20)
		if err := kv.Check(); err != nil {
			t.Errorf("Check: %v", err)
		}
		// As a deletion, but at one moment.
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(t.TempDir(), "gone")); err != nil {
			t.Fatal(err)
		}
		last, err := writeUntilError(kv, 20)
		if !errors.Is(err, ErrStopped) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("write: %v", err)
		}
		view, err := kv.View()
		if err != nil {
			t.Fatal(err)
		}
		if value, found, err := view.Get([]byte("checkpoint")); err != nil || !found {
			t.Errorf("Get at write %d: %q, %v", last, value, err)
		}
		if err := kv.Check(); !errors.Is(err, ErrStopped) {
			t.Errorf("Check: %v", err)
		}
		if err := kv.Close(); !errors.Is(err, ErrStopped) {
			t.Errorf("Close: %v", err)
		}
		book.expectCalm(t)
		kv = openTest(t, dir, options)
		if moment, err := momentOf(kv); err != nil || moment != 0 {
			t.Errorf("opened again it is at write %d, %v", moment, err)
		}
		closeTest(t, kv)
		if err := kv.Check(); !errors.Is(err, readdb.ErrClosed) {
			t.Errorf("Check after Close: %v", err)
		}
	}
}

// Check notices by itself that the folder is gone, and Close has then nothing to do.
func TestFolderDeletedUnnoticed(t *testing.T) {
	t.Parallel()
	disk := vfs.NewMem()
	for _, check := range []bool{true, false} {
		kv := openTest(t, "db", tiny(disk))
		fill(t, kv, 1)
		if err := disk.RemoveAll("db/" + filesName); err != nil {
			t.Fatal(err)
		}
		if check {
			if err := kv.Check(); !errors.Is(err, ErrStopped) {
				t.Errorf("Check: %v", err)
			}
			if err := writeMoment(kv, 2); !errors.Is(err, ErrStopped) {
				t.Errorf("Write: %v", err)
			}
		}
		if err := kv.Close(); !errors.Is(err, ErrStopped) {
			t.Errorf("Close: %v", err)
		}
	}
}

// damageTables puts garbage into the blocks of the tables on a disk, and says whether
// there are any.
func damageTables(t *testing.T, disk vfs.FS) bool {
	t.Helper()
	names, err := disk.List("db/" + filesName)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		file, err := disk.OpenReadWrite("db/"+filesName+"/"+name, vfs.WriteCategoryUnspecified)
		if errors.Is(err, os.ErrNotExist) {
			continue // it was just removed
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte("garbage garbage garbage"), 10); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		found = true
	}
	return found
}

// settle waits until no table is being written: that would write over the damage.
func settle(kv *KV) {
	for {
		if m := kv.db.Metrics(); m.Flush.NumInProgress+m.Compact.NumInProgress == 0 && m.MemTable.Count <= 1 {
			return
		}
		runtime.Gosched()
	}
}

// Damage that is found while the KV is open, by a read or in the background, stops it,
// and the next Open is an ErrDamaged until it was removed.
func TestDamageFoundLater(t *testing.T) {
	t.Parallel()
	for name, find := range map[string]func(kv *KV, moment int) error{
		"by a read":         func(kv *KV, _ int) error { _, err := momentOf(kv); return err },
		"in the background": func(kv *KV, moment int) error { _, err := writeUntilError(kv, moment); return err },
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			options, book := logged(disk)
			kv := openTest(t, "db", options)
			moment := 0
			for ; !damageTables(t, disk); moment += 20 {
				for i := range 20 {
					if err := writeMoment(kv, moment+i+1); err != nil {
						t.Fatal(err)
					}
				}
				settle(kv)
			}
			if err := find(kv, moment); !errors.Is(err, readdb.ErrDamaged) {
				t.Fatalf("it was not found: %v", err)
			}
			if err := kv.Check(); !errors.Is(err, readdb.ErrDamaged) {
				t.Errorf("Check: %v", err)
			}
			if err := kv.Write(nil); !errors.Is(err, readdb.ErrDamaged) {
				t.Errorf("Write: %v", err)
			}
			if err := kv.Close(); !errors.Is(err, ErrStopped) {
				t.Errorf("Close: %v", err)
			}
			book.expectCalm(t)
			for range 2 {
				if _, err := Open("db", tiny(disk)); !errors.Is(err, readdb.ErrDamaged) {
					t.Fatalf("opened again: %v", err)
				}
			}
			// A removal that was cut short before its last step leaves it damaged.
			if err := disk.RemoveAll("db/" + filesName); err != nil {
				t.Fatal(err)
			}
			if _, err := Open("db", tiny(disk)); !errors.Is(err, readdb.ErrDamaged) {
				t.Errorf("opened with its files gone: %v", err)
			}
			for range 2 {
				if err := remove(disk, "db"); err != nil {
					t.Fatal(err)
				}
			}
			kv = openTest(t, "db", tiny(disk))
			if moment, err := momentOf(kv); err != nil || moment != 0 {
				t.Errorf("removed, it is at write %d, %v", moment, err)
			}
			closeTest(t, kv)
		})
	}
}

// hangingFS is a disk that hangs.
type hangingFS struct {
	vfs.FS
	hangs   atomic.Bool
	release chan struct{}
}

func (f *hangingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.hangs.Load() {
		<-f.release
	}
	return f.FS.Create(name, category)
}

func (f *hangingFS) Unwrap() vfs.FS { return f.FS }

// Close does not wait for ever for a disk that hangs, and then keeps others out: what
// hangs may still be written.
func TestCloseHangs(t *testing.T) {
	t.Parallel()
	disk := &hangingFS{FS: vfs.NewMem(), release: make(chan struct{})}
	defer close(disk.release)
	options := tiny(disk)
	options.patience = 1
	kv := openTest(t, "db", options)
	fill(t, kv, 1)
	disk.hangs.Store(true)
	if err := kv.Close(); !errors.Is(err, ErrStopped) {
		t.Errorf("Close: %v", err)
	}
	if _, err := Open("db", tiny(disk)); !errors.Is(err, ErrInUse) {
		t.Errorf("opened again: %v", err)
	}
}
