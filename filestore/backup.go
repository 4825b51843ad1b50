package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// backupName is the file that makes a folder a backup. It has the report of what
// the backup holds.
const backupName = "backup.json"

// Backup copies the log of the store in a folder to another folder, which must
// not exist or be empty, and verifies the copy. The store may be in use: the
// backup has every save that was acknowledged when it began, perhaps some of
// those that came meanwhile, and no half ones. The index and the snapshots are
// left out, since they can be made again.
//
// A damaged store is not copied: the [ErrDamaged] names its file. When Backup
// fails nothing is left in the other folder. A process that dies meanwhile leaves
// one that is neither opened nor restored ([ErrUnfinished]); Backup may begin again
// in it. The other folder must not lie in that of the store.
func Backup(ctx context.Context, dir, dest string, options *Options) (Report, error) {
	o := options.withDefaults()
	none := func(Report) error { return nil }
	return copyLog(ctx, o, dir, dest, none, func(report Report) error {
		text, err := json.MarshalIndent(report, "", "\t")
		if err != nil {
			return err
		}
		return writeFile(o.fs, o.fs.PathJoin(dest, backupName), append(text, '\n'))
	})
}

// Restore copies a backup to a folder, which must not exist or be empty, verifies
// the copy and compares it with what the backup should hold: [ErrDamaged] where
// they differ, [ErrNotFound] where there is no finished backup. The first Open of
// the folder makes its index. When Restore fails nothing is left in the folder,
// and when its process dies it may begin again in it. The folder must not lie in
// that of the backup.
func Restore(ctx context.Context, backup, dir string, options *Options) (Report, error) {
	o := options.withDefaults()
	if file := fileInTheWay(o.fs, backup); file != "" {
		return Report{}, notAFolder(file)
	}
	want, err := loadBackup(o.fs, backup)
	if err != nil {
		return Report{}, err
	}
	if want == nil {
		return Report{}, fmt.Errorf("%w: %s has no file %s, so it is no backup, or one that was not finished", ErrNotFound, backup, backupName)
	}
	same := func(report Report) error { return want.compare(&report, o.fs.PathJoin(backup, logFolder)) }
	return copyLog(ctx, o, backup, dir, same, func(Report) error { return nil })
}

// loadBackup returns what a backup should hold, nil when the folder is none.
func loadBackup(fsys vfs.FS, dir string) (*Report, error) {
	path := fsys.PathJoin(dir, backupName)
	file, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("filestore: open %s: %w", path, err)
	}
	defer file.Close()
	want := new(Report)
	if err := json.NewDecoder(file).Decode(want); err != nil {
		return nil, &DamageError{File: path, Offset: -1, Reason: fmt.Sprintf("it should say what the backup holds, but cannot be read: %v", err)}
	}
	return want, nil
}

// compare compares what was backed up with the log that is there.
func (r *Report) compare(there *Report, log string) error {
	switch {
	case there.Segments != r.Segments || there.Bytes != r.Bytes || there.Events != r.Events || !maps.Equal(there.Namespaces, r.Namespaces):
		return &DamageError{File: log, Offset: -1, Reason: fmt.Sprintf("it has %d events in %d bytes, but %s says that %d in %d were backed up", there.Events, there.Bytes, backupName, r.Events, r.Bytes)}
	case there.Incomplete > 0:
		return &DamageError{File: there.Doubtful.File, Offset: there.Doubtful.Offset, Reason: "bytes follow that were not backed up"}
	}
	return nil
}
