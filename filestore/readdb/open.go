package readdb

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/aether-es/aether/readdb"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The files are in a folder of their own, so that Remove takes nothing else with it.
const (
	lockName  = "lock"
	filesName = "documents"
)

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.CacheSize <= 0 {
		out.CacheSize = 32 << 20
	}
	if out.Logger == nil {
		out.Logger = slog.Default()
	}
	if out.fs == nil {
		out.fs = vfs.Default
	}
	if out.patience == 0 {
		out.patience = 30 * time.Second
	}
	if out.memTable == 0 {
		out.memTable = 4 << 20
	}
	return out
}

// Open opens the read DB in a folder, which it makes if need be. Only one KV may have
// it open at a time, [ErrInUse] otherwise. A folder that is damaged is a
// readdb.ErrDamaged; [Remove] it then.
func Open(dir string, options *Options) (*KV, error) {
	o := options.withDefaults()
	dir, unlock, err := lockFolder(o.fs, dir)
	if err != nil {
		return nil, err
	}
	kv := &KV{folder: dir, options: o, unlock: unlock, log: pebblefs.NewLog(o.Logger, "readdb: Pebble")}
	kv.fence = pebblefs.New(o.fs, &pebblefs.Options{Notify: kv.note, Damaged: kv.mark})
	kv.ends.open = make(map[interface{ Close() error }]struct{})
	if err := kv.open(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return kv, nil
}

func (kv *KV) open() error {
	if err := kv.marked(); err != nil {
		return err
	}
	path := kv.options.fs.PathJoin(kv.folder, filesName)
	pebbleOptions := kv.pebbleOptions(path)
	cache := pebble.NewCache(kv.options.CacheSize)
	pebbleOptions.Cache = cache
	opened := make(chan *pebble.DB, 1)
	err := kv.fence.Guard(func() error {
		defer cache.Unref()
		db, err := pebble.Open(path, pebbleOptions)
		opened <- db
		return err
	})
	var pathError *fs.PathError
	switch {
	case err == nil:
		kv.db = <-opened
		return nil
	case kv.fence.Damage() != nil:
	case kv.fence.Err() != nil, errors.As(err, &pathError) && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("readdb: open %s: %w", kv.folder, err)
	}
	// What is there was read, and is not what was written.
	return kv.damage(err)
}

// Close ends everything, and has all that was written on disk when it returns nil. Where
// the disk takes longer than 30 seconds for that it is an [ErrStopped], and the folder
// stays locked until the process ends.
func (kv *KV) Close() error {
	var late atomic.Bool
	limit := time.AfterFunc(kv.options.patience, func() {
		late.Store(true)
		kv.fence.Fail(fmt.Errorf("the disk takes longer than %v", kv.options.patience))
	})
	defer limit.Stop()
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.closed {
		return readdb.ErrClosed
	}
	kv.closed = true
	open := kv.ends.take()
	err := kv.fence.Guard(func() error {
		kv.closing.Wait()
		var errs []error
		for c := range open {
			errs = append(errs, c.Close())
		}
		return errors.Join(append(errs, kv.db.Flush(), kv.db.Close())...)
	})
	if err != nil {
		err = fmt.Errorf("%w: close %s: %w", ErrStopped, kv.folder, err)
	}
	if late.Load() {
		return err // what it is at may still reach the disk
	}
	return errors.Join(err, kv.unlock())
}

// Remove removes the read DB in a folder, damaged or not, and nothing else there. It
// is [ErrInUse] while a KV has it open.
func Remove(dir string) error { return remove(vfs.Default, dir) }

func remove(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, unlock, err := lockFolder(fsys, dir)
	if err != nil {
		return err
	}
	// What a crash leaves of it must not look like another read DB.
	path := fsys.PathJoin(dir, filesName)
	gone := path + ".gone"
	err = fsys.RemoveAll(gone)
	if err == nil {
		err = fsys.Rename(path, gone)
	}
	if err == nil {
		err = errors.Join(syncFolder(fsys, dir), fsys.RemoveAll(gone))
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		// Last, so that nobody takes what is left of it for a read DB.
		err = fsys.Remove(fsys.PathJoin(dir, damagedName))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return unlock()
	}
	if err != nil {
		err = fmt.Errorf("readdb: remove %s: %w", dir, err)
	}
	return errors.Join(err, unlock())
}

// lockFolder makes a folder if need be, and keeps others out. It returns the folder's
// name that does not depend on how it was reached, since it is names that are locked
// within a process.
func lockFolder(fsys vfs.FS, dir string) (path string, unlock func() error, err error) {
	if err := makeFolder(fsys, dir); err != nil {
		return "", nil, fmt.Errorf("readdb: make folder %s: %w", dir, err)
	}
	path = fsys.PathJoin(dir)
	if fsys == vfs.Default {
		if path, err = filepath.Abs(dir); err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			return "", nil, fmt.Errorf("readdb: folder %s: %w", dir, err)
		}
	}
	lock, err := fsys.Lock(fsys.PathJoin(path, lockName))
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return "", nil, fmt.Errorf("readdb: lock %s: %w", path, err)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %s is open in another process, or twice in this one (%v)", ErrInUse, path, err)
	}
	return path, lock.Close, nil
}

// makeFolder makes a folder, with those it lies in, so that all of them survive a
// crash.
func makeFolder(fsys vfs.FS, path string) error {
	if _, err := fsys.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := fsys.PathDir(path)
	if parent != path {
		if err := makeFolder(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return syncFolder(fsys, parent)
}

func syncFolder(fsys vfs.FS, path string) error {
	folder, err := fsys.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
