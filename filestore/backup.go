package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// backupName is the file that makes a folder a backup. It has the report of what
// the backup holds and is written last, so a backup that was cut short has none.
const backupName = "backup.json"

// Backup copies the log of the store in a folder to another folder, which must
// not exist or be empty, and verifies the copy. The store may be in use: the
// backup has every save that was acknowledged when it began, perhaps some of
// those that came meanwhile, and no half ones. The index and the snapshots are
// left out, since they can be made again.
//
// A damaged store is not copied: the [ErrDamaged] names its file. When Backup
// fails nothing is left in the other folder. A process that dies meanwhile leaves
// one that is neither opened nor restored.
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
// the folder makes its index. When Restore fails nothing is left in the folder.
func Restore(ctx context.Context, backup, dir string, options *Options) (Report, error) {
	o := options.withDefaults()
	if file := fileInTheWay(o.fs, backup); file != "" {
		return Report{}, notAFolder(file)
	}
	path := o.fs.PathJoin(backup, backupName)
	file, err := o.fs.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, fmt.Errorf("%w: %s has no file %s, so it is no backup, or one that was not finished", ErrNotFound, backup, backupName)
	}
	if err != nil {
		return Report{}, fmt.Errorf("filestore: open %s: %w", path, err)
	}
	defer file.Close()
	var want Report
	if err := json.NewDecoder(file).Decode(&want); err != nil {
		return Report{}, &DamageError{File: path, Reason: err.Error()}
	}
	same := func(report Report) error {
		if report.Segments != want.Segments || report.Bytes != want.Bytes || report.Events != want.Events || !maps.Equal(report.Namespaces, want.Namespaces) {
			return &DamageError{File: path, Reason: fmt.Sprintf("%d events in %d bytes were backed up, but %d in %d bytes are there", want.Events, want.Bytes, report.Events, report.Bytes)}
		}
		return nil
	}
	return copyLog(ctx, o, backup, dir, same, func(Report) error { return nil })
}

// unfinished is the folder in which a copy is made. It is gone when the copy is
// whole; where there is one, the store is none.
const unfinished = "unfinished"

// copyLog copies the whole saves of a log and verifies the copy. It puts the log
// in its place when check has passed it, and then calls finish. When anything
// fails it leaves nothing.
func copyLog(ctx context.Context, o *Options, from, to string, check, finish func(Report) error) (report Report, err error) {
	existed, err := emptyFolder(o.fs, to)
	if err != nil {
		return Report{}, err
	}
	source := &ReadOnly{dir: from, options: o, closed: make(chan struct{})}
	files, err := source.open(ctx)
	if err != nil {
		return Report{}, err
	}
	defer files.close()
	defer func() {
		if err != nil {
			err = errors.Join(err, cleanUp(o.fs, to, existed))
		}
	}()
	part := o.fs.PathJoin(to, unfinished)
	folder := o.fs.PathJoin(part, logFolder)
	if err := errors.Join(makeFolder(o.fs, to), makeFolder(o.fs, part), makeFolder(o.fs, folder)); err != nil {
		return Report{}, err
	}
	if err := files.copyTo(ctx, o, folder); err != nil {
		return Report{}, err
	}
	report, err = Verify(ctx, part, o)
	if errors.Is(err, ErrDamaged) {
		if _, original := Verify(ctx, from, o); errors.Is(original, ErrDamaged) {
			return Report{}, fmt.Errorf("filestore: the log in %s was not copied, since it is damaged: %w", from, original)
		}
		return Report{}, fmt.Errorf("filestore: the copy is damaged, and the original is not: %w", err)
	}
	if err == nil {
		err = check(report)
	}
	if err != nil {
		return report, err
	}
	if err := o.fs.Rename(folder, o.fs.PathJoin(to, logFolder)); err != nil {
		return report, fmt.Errorf("filestore: rename %s: %w", folder, err)
	}
	if err := o.fs.RemoveAll(part); err != nil {
		return report, fmt.Errorf("filestore: remove %s: %w", part, err)
	}
	if err := syncFolder(o.fs, to); err != nil {
		return report, err
	}
	return report, finish(report)
}

// emptyFolder sees to it that a folder has nothing in it, and says if it exists.
func emptyFolder(fsys vfs.FS, path string) (exists bool, err error) {
	if file := fileInTheWay(fsys, path); file != "" {
		return false, fmt.Errorf("filestore: %s is a file; copy to a folder that is empty or does not exist", file)
	}
	names, err := fsys.List(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("filestore: list %s: %w", path, err)
	case len(names) > 0:
		return false, fmt.Errorf("filestore: %s is not empty; copy to a folder that is empty or does not exist", path)
	}
	return true, nil
}

// cleanUp removes what copyLog has made in a folder that was empty, and the folder
// if it did not exist.
func cleanUp(fsys vfs.FS, folder string, existed bool) error {
	if !existed {
		return fsys.RemoveAll(folder)
	}
	names, err := fsys.List(folder)
	for _, name := range names {
		err = errors.Join(err, fsys.RemoveAll(fsys.PathJoin(folder, name)))
	}
	return err
}

// copyTo copies the whole saves in the segments to a folder, durably.
func (l *segments) copyTo(ctx context.Context, o *Options, folder string) error {
	progress, finish := progressOf(o, "copy", l.list)
	for _, file := range l.list {
		size := file.size
		if size == 0 {
			var err error
			if size, err = file.wholeSize(ctx, segmentHeader); err == nil {
				err = l.checkEnd(size)
			}
			if err != nil {
				return err
			}
		}
		if err := file.copyTo(ctx, o.fs, o.fs.PathJoin(folder, segmentName(file.number)), size, progress); err != nil {
			return err
		}
	}
	finish()
	return syncFolder(o.fs, folder)
}

// wholeSize returns where the last whole save of a segment ends that may be
// written to meanwhile. It reads from an offset on and makes durable what it found.
func (s *segment) wholeSize(ctx context.Context, from int64) (int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("filestore: stat %s: %w", s.path, err)
	}
	scan := scanner{file: s.file, path: s.path, offset: from, end: info.Size()}
	whole := scan.offset
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		r, err := scan.next()
		if isBroken(err) {
			break
		}
		if err != nil {
			return 0, err
		}
		if r.more() == 0 {
			whole = scan.offset
		}
	}
	if scan.offset < info.Size() {
		t := taker{file: s, broken: errNoRecord, bad: scan.offset}
		if err := t.checkTorn(info.Size()); err != nil {
			return 0, err
		}
	}
	// After it was read: what was read is then what is on disk.
	if err := s.file.SyncData(); err != nil {
		return 0, fmt.Errorf("filestore: sync %s: %w", s.path, err)
	}
	return whole, nil
}

// copyTo copies the first bytes of a segment to a new file, durably.
func (s *segment) copyTo(ctx context.Context, fsys vfs.FS, path string, size int64, progress func(int64)) (err error) {
	file, err := fsys.Create(path, segmentCategory)
	if err != nil {
		return fmt.Errorf("filestore: create %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf := make([]byte, 1<<20)
	for offset := int64(0); offset < size; {
		b := buf[:min(int64(len(buf)), size-offset)]
		if n, err := s.file.ReadAt(b, offset); n < len(b) {
			return fmt.Errorf("filestore: read %s: %w", s.path, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if _, err := file.Write(b); err != nil {
			return fmt.Errorf("filestore: write %s: %w", path, err)
		}
		offset += int64(len(b))
		progress(int64(len(b)))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("filestore: sync %s: %w", path, err)
	}
	return nil
}
