package readdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the file system that Pebble works on. Pebble takes it badly when it cannot
// write: it tries again at once and for ever, or ends the program, in which the events
// may be, too. So it never hears of a failure: after the first one nothing is written
// any more, and what would write does not return. The files stay as a crash would
// leave them, and what can be read can be read on. Calls of Pebble that may write are
// made through guard, which hears of the failure.
//
// What was going on in a Pebble that has failed stays in memory until the process
// ends: it cannot be ended from outside.
type fence struct {
	vfs.FS
	corrupt atomic.Pointer[error] // the damage that Pebble has come upon

	mu     sync.Mutex
	cause  error         // the failure
	broken chan struct{} // closed at the failure
}

func newFence(fsys vfs.FS) *fence { return &fence{FS: fsys, broken: make(chan struct{})} }

// err returns the failure, if there was one.
func (f *fence) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cause
}

func (f *fence) attempt(write func() error) error {
	if f.err() == nil {
		err := write()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return err
		}
		f.mu.Lock()
		if f.cause == nil {
			f.cause = err
			close(f.broken)
		}
		f.mu.Unlock()
	}
	select {}
}

// guard calls a function that may write. After a failure it returns that, while the
// function goes on, or hangs, in the background.
func (f *fence) guard(call func() error) error {
	if err := f.err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		// Pebble panics on some kinds of damage.
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("%v", r)
			}
		}()
		done <- call()
	}()
	select {
	case err := <-done:
		return err
	case <-f.broken:
		return f.err()
	}
}

// Lock does nothing: the folder around is locked.
func (f *fence) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (f *fence) Unwrap() vfs.FS { return f.FS }

func (f *fence) file(open func() (vfs.File, error)) (file vfs.File, err error) {
	err = f.attempt(func() error {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f}, nil
}

func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.Create(name, category) })
}

func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.OpenReadWrite(name, category, options...) })
}

func (f *fence) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(func() (vfs.File, error) { return f.FS.ReuseForWrite(from, to, category) })
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f}, nil
}

func (f *fence) Remove(name string) error {
	return f.attempt(func() error { return f.FS.Remove(name) })
}

func (f *fence) RemoveAll(name string) error {
	return f.attempt(func() error { return f.FS.RemoveAll(name) })
}

func (f *fence) Rename(from, to string) error {
	return f.attempt(func() error { return f.FS.Rename(from, to) })
}

func (f *fence) MkdirAll(name string, mode os.FileMode) error {
	return f.attempt(func() error { return f.FS.MkdirAll(name, mode) })
}

type fencedFile struct {
	vfs.File
	fence *fence
}

func (f *fencedFile) Write(b []byte) (n int, err error) {
	err = f.fence.attempt(func() error {
		n, err = f.File.Write(b)
		return err
	})
	return n, err
}

func (f *fencedFile) WriteAt(b []byte, offset int64) (n int, err error) {
	err = f.fence.attempt(func() error {
		n, err = f.File.WriteAt(b, offset)
		return err
	})
	return n, err
}

func (f *fencedFile) Sync() error     { return f.fence.attempt(f.File.Sync) }
func (f *fencedFile) SyncData() error { return f.fence.attempt(f.File.SyncData) }

func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.fence.attempt(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
