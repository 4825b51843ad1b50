package filestore

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleFS is the file system that a Pebble works on. Pebble takes it badly when
// it cannot write: it tries again at once and for ever, or ends the program. So
// while the disk is full a write waits for space, and after any other failure
// nothing is written any more: the files stay as a crash would leave them, and
// whoever wants to write waits. In both cases that is until the store is closed.
// What can be read can be read on.
type pebbleFS struct {
	vfs.FS
	space  *space
	failed func(error) // is told of failures while the store is open

	// patient is set when the store is open. Before, nobody could close it, so
	// failures are answers.
	patient atomic.Bool

	mu    sync.Mutex
	cause error
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
	defer p.mu.Unlock()
	if p.cause == nil {
		p.cause = err
	}
}

// hold keeps a writer of a Pebble that has failed until nobody needs it any more.
func (p *pebbleFS) hold(err error) error {
	if p.patient.Load() {
		<-p.space.abandon
	}
	return err
}

// attempt writes, or changes the files in another way.
func (p *pebbleFS) attempt(write func() error) error {
	for {
		if err := p.err(); err != nil {
			return p.hold(err)
		}
		err := write()
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist):
			return err
		case isDiskFull(err) && p.patient.Load() && p.space.wait():
			continue
		}
		p.fail(err)
		if p.patient.Load() && !p.space.abandoned() {
			p.failed(err)
		}
		return p.hold(err)
	}
}

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
func (p *pebbleFS) Link(from, to string) error {
	if err := p.err(); err != nil {
		return p.hold(err)
	}
	return p.FS.Link(from, to)
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

func (f *pebbleFile) Sync() error     { return f.fs.attempt(f.File.Sync) }
func (f *pebbleFile) SyncData() error { return f.fs.attempt(f.File.SyncData) }

func (f *pebbleFile) SyncTo(length int64) (full bool, err error) {
	err = f.fs.attempt(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
