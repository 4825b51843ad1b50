package filestore

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// unfinished is the folder in which a copy is made. It is gone when the copy is
// whole; where there is one, the store is none.
const unfinished = "unfinished"

// copyLog copies the whole saves of a log and verifies the copy. It puts the log
// in its place when check has passed it, and then calls finish. When anything
// fails it leaves nothing.
func copyLog(ctx context.Context, o *Options, from, to string, check, finish func(Report) error) (report Report, err error) {
	if err := refuseInside(o.fs, from, to); err != nil {
		return Report{}, err
	}
	existed, err := freeFolder(o.fs, to)
	if err != nil {
		return Report{}, err
	}
	source := &ReadOnly{dir: from, options: o, closed: make(chan struct{})}
	files, err := source.open(ctx)
	if err != nil {
		return Report{}, err
	}
	defer files.close()
	unlock, err := beginCopy(o.fs, to)
	if err != nil {
		if !existed {
			_ = o.fs.Remove(to) // if it is there, and empty
		}
		return Report{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cleanUp(o.fs, to, existed))
		}
		err = errors.Join(err, unlock())
	}()
	part := o.fs.PathJoin(to, unfinished)
	folder := o.fs.PathJoin(part, logFolder)
	if err := makeFolder(o.fs, folder); err != nil {
		return Report{}, err
	}
	end, err := files.copyTo(ctx, o, folder)
	if err != nil {
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
	// So that damage in the last save of the copy is not taken for a save that was
	// never finished.
	text, err := json.Marshal(checkedFiles{Log: end})
	if err != nil {
		return report, err
	}
	if err := writeFile(o.fs, o.fs.PathJoin(to, checkedName), text); err != nil {
		return report, err
	}
	if err := o.fs.Rename(folder, o.fs.PathJoin(to, logFolder)); err != nil {
		return report, fmt.Errorf("filestore: rename %s: %w", folder, err)
	}
	if err := finish(report); err != nil {
		return report, err
	}
	if err := o.fs.RemoveAll(part); err != nil {
		return report, fmt.Errorf("filestore: remove %s: %w", part, err)
	}
	return report, syncFolder(o.fs, to)
}

// refuseInside refuses a copy into the folder that is copied, which one would lose
// together with it.
func refuseInside(fsys vfs.FS, from, to string) error {
	outer, err := placeOf(fsys, from)
	if err != nil {
		return err
	}
	inner, err := placeOf(fsys, to)
	if err != nil {
		return err
	}
	for path := inner; ; path = fsys.PathDir(path) {
		if path == outer {
			return fmt.Errorf("filestore: %s is in the folder that is copied, %s, and would be lost with it; copy to a folder outside", to, from)
		}
		if path == fsys.PathDir(path) {
			return nil
		}
	}
}

// placeOf is realPath for a folder that need not exist.
func placeOf(fsys vfs.FS, path string) (string, error) {
	if !onDisk(fsys) {
		return fsys.PathJoin(path), nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("filestore: folder %s: %w", path, err)
	}
	var missing []string
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(append([]string{real}, missing...)...), nil
		}
		parent := filepath.Dir(path)
		if parent == path {
			return "", fmt.Errorf("filestore: folder %s: %w", path, err)
		}
		missing = slices.Insert(missing, 0, filepath.Base(path))
		path = parent
	}
}

// leftovers is what a copy that was cut short leaves. When the log is there as
// well, it was cut short at its very end.
var leftovers = []string{unfinished, checkedName, checkedName + ".new"}

// freeFolder sees to it that a folder has nothing in it, or only what is left of a
// copy that was cut short, and says if it exists.
func freeFolder(fsys vfs.FS, path string) (exists bool, err error) {
	if file := fileInTheWay(fsys, path); file != "" {
		return false, fmt.Errorf("filestore: %s is a file; copy to a folder that is empty or does not exist", file)
	}
	names, err := fsys.List(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("filestore: list %s: %w", path, err)
	case len(names) == 0:
		return true, nil
	case !slices.Contains(names, unfinished):
		return false, fmt.Errorf("filestore: %s is not empty; copy to a folder that is empty or does not exist", path)
	}
	for _, name := range names {
		if !slices.Contains(leftovers, name) {
			return false, fmt.Errorf("%w: %s has one and also %s; look what that is, then delete the folder, or copy to another", ErrUnfinished, path, name)
		}
	}
	return true, nil
}

// beginCopy makes the folder in which a copy is made and locks it, so that no other
// copy is made there at the same time. What is left of an earlier one it removes.
func beginCopy(fsys vfs.FS, to string) (unlock func() error, err error) {
	part := fsys.PathJoin(to, unfinished)
	if err := makeFolder(fsys, to); err != nil {
		return nil, err
	}
	if err := makeFolder(fsys, part); err != nil {
		_ = fsys.Remove(part) // if it is empty
		return nil, err
	}
	unlock, err = lockFolder(fsys, part)
	if errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w: another backup or restore into %s is under way", ErrInUse, to)
	}
	if err != nil {
		return nil, err
	}
	// Once more: the other one may have ended just now.
	if _, err := freeFolder(fsys, to); err != nil {
		return nil, errors.Join(err, unlock())
	}
	for _, path := range []string{fsys.PathJoin(part, logFolder), fsys.PathJoin(to, checkedName), fsys.PathJoin(to, checkedName+".new")} {
		if err := fsys.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("filestore: remove %s: %w", path, err), unlock())
		}
	}
	return unlock, nil
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

// copyTo copies the whole saves in the segments to a folder, durably, and returns
// where they end.
func (l *segments) copyTo(ctx context.Context, o *Options, folder string) (logEnd, error) {
	end := logEnd{Store: hex.EncodeToString(l.list[0].store[:])}
	progress, finish := progressOf(o, "copy", l.list)
	for _, file := range l.list {
		size := file.size
		if size == 0 {
			var err error
			if size, err = file.wholeSize(ctx, segmentHeader); err == nil {
				err = l.checkEnd(size)
			}
			if err != nil {
				return logEnd{}, err
			}
		}
		if err := file.copyTo(ctx, o.fs, o.fs.PathJoin(folder, segmentName(file.number)), size, progress); err != nil {
			return logEnd{}, err
		}
		end.Segment, end.Size = file.number, uint32(size)
	}
	finish()
	return end, syncFolder(o.fs, folder)
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
