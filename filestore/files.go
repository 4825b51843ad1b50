package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fileInTheWay returns the file that keeps a path from being a folder: the path
// itself, or what should be a folder around it; "" when there is none.
func fileInTheWay(fsys vfs.FS, path string) string {
	for {
		info, err := fsys.Stat(path)
		if err == nil && !info.IsDir() {
			return path
		}
		parent := fsys.PathDir(path)
		if err == nil || parent == path {
			return ""
		}
		path = parent
	}
}

// makeFolder makes a folder, with those it lies in, so that all of them survive a
// loss of power.
func makeFolder(fsys vfs.FS, path string) error {
	if file := fileInTheWay(fsys, path); file != "" {
		return fmt.Errorf("filestore: %s is a file, where a store needs a folder; name another folder, or move the file away", file)
	}
	parents := []string{fsys.PathDir(path)}
	for parent := parents[0]; fsys.PathDir(parent) != parent; {
		if _, err := fsys.Stat(parent); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parent = fsys.PathDir(parent)
		parents = append(parents, parent)
	}
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("filestore: make folder %s: %w", path, err)
	}
	for _, parent := range parents {
		if err := syncFolder(fsys, parent); err != nil {
			return err
		}
	}
	return nil
}

// realPath returns the name of a folder that does not depend on how it was
// reached, nor on the working directory: within a process it is names that are
// locked.
func realPath(fsys vfs.FS, dir string) (string, error) {
	if !onDisk(fsys) {
		return fsys.PathJoin(dir), nil
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("filestore: folder %s: %w", dir, err)
	}
	return path, nil
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
