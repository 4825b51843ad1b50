package filestore

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// makeFolder makes a folder so that it survives a loss of power.
func makeFolder(fsys vfs.FS, path string) error {
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("filestore: make folder %s: %w", path, err)
	}
	return syncFolder(fsys, fsys.PathDir(path))
}

// syncFolder makes what was created, renamed or removed in a folder durable.
func syncFolder(fsys vfs.FS, path string) error {
	folder, err := fsys.OpenDir(path)
	if err != nil {
		return fmt.Errorf("filestore: open folder %s: %w", path, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("filestore: sync folder %s: %w", path, err)
	}
	return nil
}

// lockFolder returns the function that unlocks it again.
func lockFolder(fsys vfs.FS, dir string) (func() error, error) {
	path := fsys.PathJoin(dir, lockName)
	lock, err := fsys.Lock(path)
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return nil, fmt.Errorf("filestore: lock %s: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is open in another process, or twice in this one (%v)", ErrInUse, dir, err)
	}
	return lock.Close, nil
}
