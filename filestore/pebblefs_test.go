package filestore

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// After a failed sync the kernel may take the pages for written: a second one that
// succeeds says nothing. So a sync is tried once, also when the disk was full.
func TestPebbleSyncsOnce(t *testing.T) {
	t.Parallel()
	for name, sync := range map[string]func(vfs.File) error{
		"Sync":     vfs.File.Sync,
		"SyncData": vfs.File.SyncData,
		"SyncTo":   func(f vfs.File) error { _, err := f.SyncTo(1); return err },
	} {
		p, waits := newDisk().process(), 0
		files := pebblefs.New(syncToFS{p}, &pebblefs.Options{WaitForSpace: func() bool { waits++; return true }})
		files.BePatient()
		f, err := files.Create("file", segmentCategory)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		var syncs atomic.Int32
		p.watch(func(o op) error {
			if syncs.Add(1) == 1 {
				return syscall.ENOSPC
			}
			return nil
		}, nil)
		for range 2 {
			if err := files.Guard(func() error { return sync(f) }); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s: %v, want ENOSPC", name, err)
			}
		}
		if syncs.Load() != 1 || waits != 0 {
			t.Errorf("%s: it was tried %d times", name, syncs.Load())
		}
	}
}

// syncToFS lets SyncTo be seen by the hooks of a process.
type syncToFS struct{ *process }

func (s syncToFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.process.Create(name, category)
	return syncToFile{f}, err
}

type syncToFile struct{ vfs.File }

func (f syncToFile) SyncTo(int64) (bool, error) { return true, f.SyncData() }
