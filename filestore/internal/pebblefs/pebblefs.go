// Package pebblefs is the file system that a Pebble works on, which never tells it of a
// failure.
//
// Pebble takes it badly when it cannot write: it tries again at once and for ever, or
// ends the program. So it never hears of a failure. After one nothing is written any
// more and writes do not return: the files stay as a crash would leave them, and what
// can be read can be read on. Calls of Pebble that may write are made through
// [FS.Guard], which hears of the failure.
//
// A full disk is a failure too, unless Options.WaitForSpace says how to wait for
// space, and [FS.BePatient] was called. One that is found full by a sync is one in any
// case.
//
// What was going on in a Pebble that has failed stays in memory until the process
// ends: it cannot be ended from outside.
package pebblefs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the settings of an [FS]; the zero value works.
type Options struct {
	// WaitForSpace is called when the disk is full. It returns when there may be
	// space, or false when that is given up. By default it is given up at once.
	WaitForSpace func() bool

	// Notify is called at the failure, and before WaitForSpace.
	Notify func()

	// Damaged is called once, with the first damage that was noted.
	Damaged func(error)
}

// FS is safe for concurrent use.
type FS struct {
	vfs.FS
	options Options
	patient atomic.Bool
	waiting atomic.Bool
	damage  atomic.Pointer[error]

	mu     sync.Mutex
	cause  error         // the failure
	broken chan struct{} // closed at the failure
}

// New returns a file system that works on another one.
func New(fsys vfs.FS, options *Options) *FS {
	p := &FS{FS: fsys, broken: make(chan struct{})}
	if options != nil {
		p.options = *options
	}
	if p.options.Notify == nil {
		p.options.Notify = func() {}
	}
	if p.options.Damaged == nil {
		p.options.Damaged = func(error) {}
	}
	return p
}

// BePatient has it wait for space from now on.
func (p *FS) BePatient() { p.patient.Store(p.options.WaitForSpace != nil) }

// Patient says whether it would wait for space, Waiting whether it does.
func (p *FS) Patient() bool { return p.patient.Load() }

// Waiting is described at Patient.
func (p *FS) Waiting() bool { return p.waiting.Load() }

// NoteDamage remembers that Pebble has come upon damage. The first one counts.
func (p *FS) NoteDamage(err error) {
	if p.damage.CompareAndSwap(nil, &err) {
		p.options.Damaged(err)
	}
}

// Damage returns what was noted.
func (p *FS) Damage() error {
	if err := p.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// Err returns the failure, if there was one.
func (p *FS) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// Fail notes a failure that others have come upon. The first one counts.
func (p *FS) Fail(err error) {
	p.mu.Lock()
	first := p.cause == nil
	if first {
		p.cause = err
		close(p.broken)
	}
	p.mu.Unlock()
	if first {
		p.options.Notify()
	}
}

// IsDiskFull says whether an error is that there is no space.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// attempt writes, or changes the files in another way. That the place to write to does
// not exist is a failure as any other: the folder is gone.
func (p *FS) attempt(write func() error) error {
	for p.Err() == nil {
		err := write()
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if !IsDiskFull(err) || !p.Patient() || !p.wait() {
			p.Fail(err)
		}
	}
	select {}
}

// attemptSync syncs. It does not try again, since the kernel may have dropped the
// pages that it could not write.
func (p *FS) attemptSync(sync func() error) error {
	if p.Err() == nil {
		err := sync()
		if err == nil {
			return nil
		}
		p.Fail(err)
	}
	select {}
}

// wait waits for space. It returns false when that is given up.
func (p *FS) wait() bool {
	p.waiting.Store(true)
	defer p.waiting.Store(false)
	p.options.Notify()
	return p.options.WaitForSpace()
}

// Guard calls a function that may write. After a failure it returns that, while
// the function goes on, or hangs, in the background.
func (p *FS) Guard(f func() error) error {
	if err := p.Err(); err != nil {
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
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-p.broken:
		return p.Err()
	}
}

// Lock does nothing: whoever has the store has its folders.
func (p *FS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (p *FS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{f, p}, nil
}

func (p *FS) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.Create(name, category)
		return err
	})
	return p.wrap(f, err)
}

func (p *FS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.OpenReadWrite(name, category, options...)
		return err
	})
	return p.wrap(f, err)
}

func (p *FS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.ReuseForWrite(from, to, category)
		return err
	})
	return p.wrap(f, err)
}

func (p *FS) OpenDir(name string) (vfs.File, error) { return p.wrap(p.FS.OpenDir(name)) }

// Link may fail where a file system has no links; Pebble makes a copy then.
func (p *FS) Link(from, to string) (err error) {
	_ = p.attempt(func() error {
		if err = p.FS.Link(from, to); IsDiskFull(err) {
			return err
		}
		return nil
	})
	return err
}

// Remove may find that there is nothing to remove.
func (p *FS) Remove(name string) error {
	gone := false
	err := p.attempt(func() error {
		err := p.FS.Remove(name)
		if gone = errors.Is(err, fs.ErrNotExist); gone {
			return nil
		}
		return err
	})
	if gone {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	return err
}

func (p *FS) RemoveAll(name string) error {
	return p.attempt(func() error { return p.FS.RemoveAll(name) })
}

func (p *FS) Rename(from, to string) error {
	return p.attempt(func() error { return p.FS.Rename(from, to) })
}

func (p *FS) MkdirAll(name string, mode os.FileMode) error {
	return p.attempt(func() error { return p.FS.MkdirAll(name, mode) })
}

func (p *FS) Unwrap() vfs.FS { return p.FS }

type file struct {
	vfs.File
	fs *FS
}

// Write goes on where the disk was full.
func (f *file) Write(b []byte) (n int, err error) {
	err = f.fs.attempt(func() error {
		m, err := f.File.Write(b[n:])
		n += m
		return err
	})
	return n, err
}

func (f *file) WriteAt(b []byte, offset int64) (n int, err error) {
	err = f.fs.attempt(func() error {
		m, err := f.File.WriteAt(b[n:], offset+int64(n))
		n += m
		return err
	})
	return n, err
}

func (f *file) Sync() error     { return f.fs.attemptSync(f.File.Sync) }
func (f *file) SyncData() error { return f.fs.attemptSync(f.File.SyncData) }

func (f *file) SyncTo(length int64) (full bool, err error) {
	err = f.fs.attemptSync(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
