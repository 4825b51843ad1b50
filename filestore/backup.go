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
func Backup(ctx context.Context, dir, dest string, options *Options) (Report, error) {
	o := options.withDefaults()
	report, err := copyLog(ctx, o, dir, dest)
	if err != nil {
		return report, err
	}
	text, err := json.MarshalIndent(report, "", "\t")
	if err != nil {
		return report, err
	}
	return report, writeFile(o.fs, o.fs.PathJoin(dest, backupName), append(text, '\n'))
}

// Restore copies a backup to a folder, which must not exist or be empty, verifies
// the copy and compares it with what the backup should hold: [ErrDamaged] where
// they differ, [ErrNotFound] where there is no finished backup. The first Open of
// the folder makes its index.
func Restore(ctx context.Context, backup, dir string, options *Options) (Report, error) {
	o := options.withDefaults()
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
	report, err := copyLog(ctx, o, backup, dir)
	if err != nil {
		return report, err
	}
	if report.Segments != want.Segments || report.Bytes != want.Bytes || report.Events != want.Events || !maps.Equal(report.Namespaces, want.Namespaces) {
		return report, &DamageError{File: path, Reason: fmt.Sprintf("%d events in %d bytes were backed up, but %d in %d bytes are there", want.Events, want.Bytes, report.Events, report.Bytes)}
	}
	return report, nil
}

// copyLog copies the whole saves of a log and verifies the copy.
func copyLog(ctx context.Context, o *Options, from, to string) (Report, error) {
	if names, err := o.fs.List(to); err == nil && len(names) > 0 {
		return Report{}, fmt.Errorf("filestore: %s is not empty; copy to a folder that is empty or does not exist", to)
	}
	source := &ReadOnly{dir: from, options: o, closed: make(chan struct{})}
	files, err := source.open(ctx)
	if err != nil {
		return Report{}, err
	}
	defer files.close()
	folder := o.fs.PathJoin(to, logFolder)
	if err := errors.Join(makeFolder(o.fs, to), makeFolder(o.fs, folder)); err != nil {
		return Report{}, err
	}
	progress := progressOf(o, "copy", files.list)
	for _, file := range files.list {
		size := file.size
		if size == 0 {
			if size, err = file.wholeSize(ctx); err == nil {
				err = files.checkEnd(size)
			}
			if err != nil {
				return Report{}, err
			}
		}
		if err := file.copyTo(ctx, o.fs, o.fs.PathJoin(folder, segmentName(file.number)), size, progress); err != nil {
			return Report{}, err
		}
	}
	if err := syncFolder(o.fs, folder); err != nil {
		return Report{}, err
	}
	return Verify(ctx, to, o)
}

// wholeSize returns where the last whole save of a segment ends that may be
// written to meanwhile.
func (f *segment) wholeSize(ctx context.Context) (int64, error) {
	end, err := f.syncedSize()
	if err != nil {
		return 0, err
	}
	scan := scanner{file: f.file, path: f.path, offset: segmentHeader, end: end}
	whole := scan.offset
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		r, err := scan.next()
		if isBroken(err) {
			if scan.offset < end {
				t := taker{file: f, broken: err, bad: scan.offset}
				return whole, t.checkTorn(end)
			}
			return whole, nil
		}
		if err != nil {
			return 0, err
		}
		if r.more() == 0 {
			whole = scan.offset
		}
	}
}

// copyTo copies the first bytes of a segment to a new file, durably.
func (f *segment) copyTo(ctx context.Context, fsys vfs.FS, path string, size int64, progress func(int64)) (err error) {
	file, err := fsys.Create(path, segmentCategory)
	if err != nil {
		return fmt.Errorf("filestore: create %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buf := make([]byte, 1<<20)
	for offset := int64(0); offset < size; {
		b := buf[:min(int64(len(buf)), size-offset)]
		if n, err := f.file.ReadAt(b, offset); n < len(b) {
			return fmt.Errorf("filestore: read %s: %w", f.path, errors.Join(err, io.ErrUnexpectedEOF))
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
