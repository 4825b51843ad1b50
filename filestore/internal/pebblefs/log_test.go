package pebblefs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// traced is an error as Pebble has them.
type traced struct{}

func (traced) Error() string { return "no" }
func (traced) Format(s fmt.State, verb rune) {
	_, _ = fmt.Fprint(s, "no")
	if s.Flag('+') {
		_, _ = fmt.Fprint(s, " with a stack trace")
	}
}

// Pebble may complain as often as it likes, with stack traces: the log stays short.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := NewLog(slog.New(slog.NewTextHandler(&text, nil)), "test: Pebble")
		expect := func(when string, lines int, last string) {
			t.Helper()
			all := strings.Split(strings.TrimSpace(text.String()), "\n")
			if len(all) != lines || !strings.Contains(all[len(all)-1], last) || strings.Contains(text.String(), "stack trace") {
				t.Errorf("%s the log is\n%s", when, text.String())
			}
			text.Reset()
		}
		for range 1000 {
			log.Report(slog.LevelWarn, "db", traced{})
			log.Errorf("trying: %+v", traced{})
		}
		expect("at first", logBurst, "no")
		time.Sleep(3 * logEvery)
		for i := range 1000 {
			log.Errorf("message %d", i)
		}
		expect("after 3 minutes", 3, "message 2")
		time.Sleep(logEvery)
		log.Errorf("one more")
		expect("after another", 1, "omitted=997")
		time.Sleep(100 * logEvery)
		for i := range 1000 {
			log.Errorf("message %d", i)
		}
		expect("after a long time", logBurst, "message 4")
		log.Infof("a diary")
		if text.Len() > 0 {
			t.Errorf("the log is %s", text.String())
		}
		func() {
			defer func() {
				if value := fmt.Sprint(recover()); value != "test: Pebble: it is gone: no" {
					t.Errorf("Fatalf panicked with %q", value)
				}
			}()
			log.Fatalf("it is gone: %+v", traced{})
		}()
	})
}

// busyDB is a DB that always has something to compact.
type busyDB struct{ pebble.DBForCompaction }

func (busyDB) GetAllowedWithoutPermission() int { return 4 }
func (busyDB) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	return true, pebble.WaitingCompaction{}
}
func (busyDB) Schedule(pebble.CompactionGrantHandle) bool { return true }

// Compactions go on one at a time, until the failure.
func TestGate(t *testing.T) {
	p := New(vfs.NewMem(), nil)
	gate := p.Gate()
	gate.Register(1, busyDB{})
	first, handle := gate.TrySchedule()
	if second, _ := gate.TrySchedule(); !first || second {
		t.Errorf("compactions were scheduled: %v and %v", first, second)
	}
	handle.Done() // has another one run
	p.Fail(errBroken)
	handle.Done()
	if again, _ := gate.TrySchedule(); again {
		t.Error("one was scheduled after the failure")
	}
	gate.Unregister()
}

// A folder that is gone is a failure; a file to be removed may be gone.
func TestGone(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("folder", 0o755); err != nil {
		t.Fatal(err)
	}
	p := New(disk, nil)
	if err := p.Guard(func() error { return p.Remove("folder/file") }); !errors.Is(err, fs.ErrNotExist) || p.Err() != nil {
		t.Errorf("Remove: %v, and the failure is %v", err, p.Err())
	}
	if err := disk.RemoveAll("folder"); err != nil {
		t.Fatal(err)
	}
	err := p.Guard(func() error { _, err := p.Create("folder/file", vfs.WriteCategoryUnspecified); return err })
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(p.Err(), fs.ErrNotExist) {
		t.Errorf("Create: %v, and the failure is %v", err, p.Err())
	}
}
