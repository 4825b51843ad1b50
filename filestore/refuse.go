package filestore

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// refuse says why a folder must not be opened for saving, before anything is made
// in it.
func refuse(fsys vfs.FS, dir string) error {
	path := fsys.PathJoin(dir, backupName)
	switch _, err := fsys.Stat(path); {
	case err == nil:
		return fmt.Errorf("%w: saving would ruin %s; restore it to another folder", ErrBackup, dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("filestore: stat %s: %w", path, err)
	}
	if err := refuseUnfinished(fsys, dir); err != nil {
		return err
	}
	path = fsys.PathJoin(dir, logFolder)
	switch _, err := fsys.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return refuseWithoutLog(fsys, dir)
	case err != nil:
		return fmt.Errorf("filestore: stat %s: %w", path, err)
	}
	return nil
}

// refuseUnfinished refuses what is no store yet.
func refuseUnfinished(fsys vfs.FS, dir string) error {
	path := fsys.PathJoin(dir, unfinished)
	switch _, err := fsys.Stat(path); {
	case err == nil:
		return fmt.Errorf("%w: a backup or restore into %s was cut short, or is under way; if none is, run it again, or delete the folder", ErrUnfinished, dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("filestore: stat %s: %w", path, err)
	}
	return nil
}

// refuseWithoutLog sees to it that a folder without that of the log has nothing of
// a store. The folder of the log is there before the lock.
func refuseWithoutLog(fsys vfs.FS, dir string) error {
	found, err := found(fsys, dir, indexFolder, checkedName, snapFolder, cutFolder, lockName)
	if found == "" || err != nil {
		return err
	}
	path := fsys.PathJoin(dir, logFolder)
	switch _, err := fsys.Stat(path); {
	case err == nil:
		return nil // somebody else has begun the store meanwhile
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("filestore: stat %s: %w", path, err)
	}
	return &DamageError{File: path, Offset: -1,
		Reason: fmt.Sprintf("the folder, which has the events, is missing, while there is %s; if a new store shall begin here, delete everything of the old one", found)}
}

// checkNew sees to it that a log without segments never had any. The lock and an
// empty folder for the log are there when a process died while it began a store;
// whatever else a store has is made when it has its first segment.
func checkNew(fsys vfs.FS, dir string) error {
	found, err := found(fsys, dir, indexFolder, checkedName, snapFolder, cutFolder)
	if found == "" || err != nil {
		return err
	}
	return &DamageError{File: fsys.PathJoin(dir, logFolder, segmentName(1)), Offset: -1,
		Reason: fmt.Sprintf("the file is missing or empty, while there is %s; if a new store shall begin here, delete everything of the old one", found)}
}

// found returns the first of the files that is in a folder, "" when none is.
func found(fsys vfs.FS, dir string, names ...string) (string, error) {
	for _, name := range names {
		path := fsys.PathJoin(dir, name)
		switch _, err := fsys.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("filestore: stat %s: %w", path, err)
		}
	}
	return "", nil
}
