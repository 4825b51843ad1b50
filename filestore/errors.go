package filestore

import (
	"errors"
	"fmt"

	"github.com/aether-es/aether"
)

// The classes of errors that only this engine has.
var (
	// ErrInUse: another process, or another Store of this one, has the folder open.
	ErrInUse = errors.New("filestore: in use")

	// ErrDamaged: a file is not as it was written; see [DamageError].
	ErrDamaged = errors.New("filestore: damaged")

	// ErrDiskFull: there is no space for the save; see [DiskFullError]. Nothing of it was
	// written; it can be made again once there is space. It is an aether.ErrNotSaved.
	ErrDiskFull = errors.New("filestore: disk full")

	// ErrStopped: a write or sync failed, so the store accepts nothing more until
	// it is opened again; where it comes from SaveSnapshot, no more snapshots. Reads
	// go on. The error wraps the cause.
	ErrStopped = errors.New("filestore: stopped")

	// ErrReadOnly: the store was opened with [OpenReadOnly].
	ErrReadOnly = errors.New("filestore: read-only")

	// ErrNotFound: the folder holds no store.
	ErrNotFound = errors.New("filestore: no store here")

	// ErrBackup: the folder is a backup. Saving would ruin it, so [Open] refuses it;
	// it can be read with [OpenReadOnly], and restored.
	ErrBackup = errors.New("filestore: this is a backup")

	// ErrUnfinished: a [Backup] or [Restore] into the folder was cut short, or is
	// under way.
	ErrUnfinished = errors.New("filestore: an unfinished copy")
)

func notAFolder(file string) error {
	return fmt.Errorf("%w: %s is a file; a store is a folder", ErrNotFound, file)
}

// DamageError says where a file, or a folder of files, is damaged. It is an
// [ErrDamaged].
type DamageError struct {
	File   string
	Offset int64 // -1 when it is no place in it that is damaged, but the whole
	Reason string
}

func (e *DamageError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("filestore: %s is damaged: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("filestore: %s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
}

// Is makes the error an [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// DiskFullError says how little space there is. It is an [ErrDiskFull], and an
// aether.ErrNotSaved: nothing was written.
type DiskFullError struct {
	Folder string // of the store

	// Free is how many bytes are free, Needed how many must be, for what is to be
	// written and to be left for the index. Both are 0 when a write found no space.
	Free, Needed uint64

	Err error // of the system
}

func (e *DiskFullError) Error() string {
	what := "there is no space for the save in " + e.Folder
	if e.Needed > 0 {
		what = fmt.Sprintf("%d bytes are free in %s, and %d are needed", e.Free, e.Folder, e.Needed)
	}
	return "filestore: disk full: " + what + "; nothing was written, make space and try again"
}

// Is makes the error an [ErrDiskFull] and an aether.ErrNotSaved.
func (e *DiskFullError) Is(target error) bool {
	return target == ErrDiskFull || target == aether.ErrNotSaved
}

// Unwrap returns the cause.
func (e *DiskFullError) Unwrap() error { return e.Err }

// stoppedError is an [ErrStopped] with its cause.
type stoppedError struct{ cause error }

func (e *stoppedError) Error() string {
	return "filestore: stopped, open the store again: " + e.cause.Error()
}
func (e *stoppedError) Is(target error) bool { return target == ErrStopped }
func (e *stoppedError) Unwrap() error        { return e.cause }

// writeError is a failure to write into the index while it was opened.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

func (e *writeError) Is(target error) bool { return target == ErrDiskFull && isDiskFull(e.error) }
