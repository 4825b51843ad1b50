package filestore

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

// pebbleFS is the file system that a Pebble works on. Pebble takes it badly when
// it cannot write: it tries again at once and for ever, or ends the program. So it
// never hears of a failure. While the disk is full a write waits for space, if
// patient is set; after any other failure, that of a sync whatever its cause, and
// when the waiting is given up, nothing is written any more and writes do not return: the files stay as a crash
// would leave them, and what can be read can be read on. Calls of Pebble that may
// write are made through guard, which hears of the failure.
//
// What was going on in a Pebble that has failed stays in memory until the process
// ends: it cannot be ended from outside.
type pebbleFS struct {
	vfs.FS
	space   *space
	notify  func()      // is called when the disk is full, and at the failure
	patient atomic.Bool // wait for space
	waiting atomic.Bool // for space
	corrupt atomic.Bool // Pebble has come upon damage

	mu     sync.Mutex
	cause  error         // the failure
	broken chan struct{} // closed at the failure
}

func newPebbleFS(space *space, notify func()) *pebbleFS {
	return &pebbleFS{FS: space.fs, space: space, notify: notify, broken: make(chan struct{})}
}

// err returns the failure, if there was one.
func (p *pebbleFS) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// fail notes a failure.
func (p *pebbleFS) fail(err error) {
	p.mu.Lock()
	first := p.cause == nil
	if first {
		p.cause = err
		close(p.broken)
	}
	p.mu.Unlock()
	if first {
		p.notify()
	}
}

// attempt writes, or changes the files in another way.
func (p *pebbleFS) attempt(write func() error) error {
	for p.err() == nil {
		err := write()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return err
		}
		if !isDiskFull(err) || !p.patient.Load() || !p.wait() {
			p.fail(err)
		}
	}
	select {}
}

// attemptSync syncs. It does not try again, since the kernel may have dropped the
// pages that it could not write.
func (p *pebbleFS) attemptSync(sync func() error) error {
	if p.err() == nil {
		err := sync()
		if err == nil {
			return nil
		}
		p.fail(err)
	}
	select {}
}

// wait waits for space. It returns false when that is given up.
func (p *pebbleFS) wait() bool {
	p.waiting.Store(true)
	defer p.waiting.Store(false)
	p.notify()
	return p.space.wait()
}

// guard calls a function that may write. After a failure it returns that, while
// the function goes on, or hangs, in the background.
func (p *pebbleFS) guard(f func() error) error {
	if err := p.err(); err != nil {
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
		return p.err()
	}
}

// Lock does nothing: whoever has the store has its folders.
func (p *pebbleFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (p *pebbleFS) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &pebbleFile{f, p}, nil
}

func (p *pebbleFS) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.Create(name, category)
		return err
	})
	return p.file(f, err)
}

func (p *pebbleFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.OpenReadWrite(name, category, options...)
		return err
	})
	return p.file(f, err)
}

func (p *pebbleFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.attempt(func() error {
		f, err = p.FS.ReuseForWrite(from, to, category)
		return err
	})
	return p.file(f, err)
}

func (p *pebbleFS) OpenDir(name string) (vfs.File, error) { return p.file(p.FS.OpenDir(name)) }

// Link may fail where a file system has no links; Pebble makes a copy then.
func (p *pebbleFS) Link(from, to string) (err error) {
	_ = p.attempt(func() error {
		if err = p.FS.Link(from, to); isDiskFull(err) {
			return err
		}
		return nil
	})
	return err
}

func (p *pebbleFS) Remove(name string) error {
	return p.attempt(func() error { return p.FS.Remove(name) })
}

func (p *pebbleFS) RemoveAll(name string) error {
	return p.attempt(func() error { return p.FS.RemoveAll(name) })
}

func (p *pebbleFS) Rename(from, to string) error {
	return p.attempt(func() error { return p.FS.Rename(from, to) })
}

func (p *pebbleFS) MkdirAll(name string, mode os.FileMode) error {
	return p.attempt(func() error { return p.FS.MkdirAll(name, mode) })
}

func (p *pebbleFS) Unwrap() vfs.FS { return p.FS }

type pebbleFile struct {
	vfs.File
	fs *pebbleFS
}

// Write goes on where the disk was full.
func (f *pebbleFile) Write(b []byte) (n int, err error) {
	err = f.fs.attempt(func() error {
		m, err := f.File.Write(b[n:])
		n += m
		return err
	})
	return n, err
}

func (f *pebbleFile) WriteAt(b []byte, offset int64) (n int, err error) {
	err = f.fs.attempt(func() error {
		m, err := f.File.WriteAt(b[n:], offset+int64(n))
		n += m
		return err
	})
	return n, err
}

func (f *pebbleFile) Sync() error     { return f.fs.attemptSync(f.File.Sync) }
func (f *pebbleFile) SyncData() error { return f.fs.attemptSync(f.File.SyncData) }

func (f *pebbleFile) SyncTo(length int64) (full bool, err error) {
	err = f.fs.attemptSync(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
