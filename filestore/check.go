package filestore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkedFiles says what was known of a store's files at some time. The file can
// be dropped; then all of them are read again.
type checkedFiles struct {
	// Log is the size that the last segment had then, so that a log which has lost
	// its end is not taken for a shorter one.
	Log logEnd `json:"log"`

	// Files are those that do not change any more, by path: the sealed segments and
	// the tables of the index, with the size and time of modification that they had
	// when this was noted. Most had been found intact when the store was opened; what
	// was written since is taken for intact because it was written and synced, and is
	// not read again. Open reads those that do not look as they did then. So damage
	// that leaves both as they were is not found by Open: it is when it is read, and
	// by Verify.
	Files map[string]checkedFile `json:"files"`
}

type logEnd struct {
	Store   string `json:"store"`
	Segment uint32 `json:"segment"`
	Size    uint32 `json:"size"`
}

type checkedFile struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

func loadChecked(fsys vfs.FS, dir string) checkedFiles {
	var checked checkedFiles
	file, err := fsys.Open(fsys.PathJoin(dir, checkedName))
	if err != nil {
		return checkedFiles{}
	}
	defer file.Close()
	if json.NewDecoder(file).Decode(&checked) != nil {
		return checkedFiles{}
	}
	return checked
}

// looks returns how a file looks now.
func (s *Store) looks(path string) (checkedFile, error) {
	info, err := s.fs.Stat(path)
	if err != nil {
		return checkedFile{}, fmt.Errorf("filestore: stat %s: %w", path, err)
	}
	return checkedFile{info.Size(), info.ModTime().UTC()}, nil
}

// saveChecked notes how the files look now that were checked, or written, since
// the store was opened: the index and the segments before the end of the log.
func (s *Store) saveChecked(end place) {
	if err := s.writeChecked(end); err != nil {
		s.options.Logger.Warn("filestore: the next open will check more than it had to", "folder", s.dir, "error", err)
	}
}

func (s *Store) writeChecked(end place) error {
	checked := checkedFiles{logEnd{hex.EncodeToString(s.id[:]), end.segment, end.offset}, make(map[string]checkedFile)}
	var paths []string
	if s.index.fs.Damage() == nil { // else the next Open shall look at all of it
		var err error
		if paths, err = s.tables(); err != nil {
			return err
		}
	}
	for number := uint32(1); number < end.segment; number++ {
		paths = append(paths, s.segments.get(number).path)
	}
	for _, path := range paths {
		look, err := s.looks(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a table that Pebble has just replaced
		}
		if err != nil {
			return err
		}
		checked.Files[path[len(s.dir):]] = look
	}
	text, err := json.Marshal(checked)
	if err != nil {
		return err
	}
	return writeFile(s.fs, s.fs.PathJoin(s.dir, checkedName), text)
}

// unchecked returns those paths whose files do not look as when they were checked.
func (s *Store) unchecked(paths []string) ([]string, error) {
	checked := loadChecked(s.fs, s.dir)
	var todo []string
	for _, path := range paths {
		look, err := s.looks(path)
		if err != nil {
			return nil, err
		}
		if former, ok := checked.Files[path[len(s.dir):]]; !ok || former.Size != look.Size || !former.Modified.Equal(look.Modified) {
			todo = append(todo, path)
		}
	}
	return todo, nil
}

// tables returns the paths of the index's immutable files.
func (s *Store) tables() ([]string, error) {
	folder := s.fs.PathJoin(s.dir, indexFolder)
	names, err := s.fs.List(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("filestore: list %s: %w", folder, err)
	}
	var paths []string
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			paths = append(paths, s.fs.PathJoin(folder, name))
		}
	}
	return paths, nil
}

// checkSealed reads the sealed segments that have changed since they were checked.
func (s *Store) checkSealed(ctx context.Context) error {
	byPath := make(map[string]*segment)
	var paths []string
	for _, file := range s.segments.list {
		if file.size > 0 {
			byPath[file.path] = file
			paths = append(paths, file.path)
		}
	}
	todo, err := s.unchecked(paths)
	if err != nil {
		return err
	}
	var files []*segment
	for _, path := range todo {
		files = append(files, byPath[path])
	}
	progress, finish := progressOf(s.options, "check", files)
	for _, file := range files {
		if err := file.checkSum(ctx, progress); err != nil {
			return err
		}
	}
	finish()
	return nil
}

// checkSum compares a sealed segment with the checksum in its seal.
func (s *segment) checkSum(ctx context.Context, progress func(int64)) error {
	seal, err := s.readSeal()
	if err != nil {
		return err
	}
	buf := make([]byte, min(1<<20, s.size))
	var sum uint32
	for offset := int64(0); offset < s.size-sealLength; {
		want := min(int64(len(buf)), s.size-sealLength-offset)
		n, err := s.file.ReadAt(buf[:want], offset)
		if int64(n) < want {
			return fmt.Errorf("filestore: read %s: %w", s.path, errors.Join(err, io.ErrUnexpectedEOF))
		}
		sum = crc32.Update(sum, castagnoli, buf[:want])
		offset += want
		progress(want)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if sum == seal.sealSum() {
		return nil
	}
	return s.findDamage()
}

// findDamage says where the first bad record of a damaged sealed segment is.
func (s *segment) findDamage() error {
	scan := scanner{file: s.file, path: s.path, offset: segmentHeader, end: s.size}
	for {
		_, err := scan.next()
		if isBroken(err) {
			return s.damage(scan.offset, "%v", err)
		}
		if err != nil {
			return err
		}
	}
}

// checkTable reads a table of the index and compares its checksums.
func (s *Store) checkTable(path string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	file, err := s.fs.Open(path)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	policy := bloom.FilterPolicy(10)
	options := sstable.ReaderOptions{Filters: map[string]sstable.FilterPolicy{policy.Name(): policy}}
	reader, err := sstable.NewReader(context.Background(), readable, options)
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(reader.ValidateBlockChecksums(), reader.Close())
}

// openIndex opens the index and returns the place in the log up to which it goes.
// If it is damaged, or not this log's, it is dropped and made anew.
func (s *Store) openIndex() (place, error) {
	from, err := s.tryIndex()
	if err == nil && from != (place{}) {
		return from, nil
	}
	if _, ok := errors.AsType[*writeError](err); ok {
		return place{}, err // which says nothing about the index
	}
	if err != nil {
		s.options.Logger.Warn("filestore: the index is damaged and is made again", "folder", s.dir, "error", err)
	}
	if s.index != nil {
		_ = s.index.close()
		s.index = nil
	}
	path := s.fs.PathJoin(s.dir, indexFolder)
	if err := s.fs.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return place{}, fmt.Errorf("filestore: remove %s: %w", path, err)
	}
	if err := s.pebbleIndex(); err != nil {
		return place{}, fmt.Errorf("filestore: make the index %s: %w", path, err)
	}
	_, err = rand.Read(s.index.hash[:])
	return place{}, err
}

func (s *Store) tryIndex() (place, error) {
	tables, err := s.tables()
	if err != nil {
		return place{}, err
	}
	todo, err := s.unchecked(tables)
	if err != nil {
		return place{}, err
	}
	if len(todo) > 0 {
		// A process that died has left the table it was writing, which is no damage.
		used, err := s.usedTables()
		if err != nil {
			return place{}, err
		}
		todo = slices.DeleteFunc(todo, func(path string) bool { return !used[path] })
	}
	for _, path := range todo {
		if err := s.checkTable(path); err != nil {
			return place{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := s.pebbleIndex(); err != nil {
		return place{}, err
	}
	return s.index.progress(s.id)
}

// usedTables returns the paths of the tables that the index is made of.
func (s *Store) usedTables() (used map[string]bool, err error) {
	folder := s.fs.PathJoin(s.dir, indexFolder)
	files := pebblefs.New(s.fs, nil)
	options := pebbleOptions(files, folder, s.options.Logger)
	options.ReadOnly, options.DisableWAL, options.DisableTableStats = true, true, true
	db, err := openPebble(folder, options, files, s.options.CacheSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	levels, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	used = make(map[string]bool)
	for _, tables := range levels {
		for _, table := range tables {
			used[s.fs.PathJoin(folder, table.BackingSSTNum.String()+".sst")] = true
		}
	}
	return used, nil
}

// pebbleIndex opens the index as it is, or makes an empty one.
func (s *Store) pebbleIndex() error {
	path := s.fs.PathJoin(s.dir, indexFolder)
	if err := s.space.enough(spaceCheck, 0); err != nil {
		return &writeError{err}
	}
	var files *pebblefs.FS
	files = pebblefs.New(s.fs, &pebblefs.Options{WaitForSpace: s.space.wait, Notify: func() { s.indexTrouble(files) }})
	options := pebbleOptions(files, path, s.options.Logger)
	options.DisableWAL = true
	db, err := openPebble(path, options, files, s.options.CacheSize)
	if cause := files.Err(); cause != nil {
		return &writeError{indexError(cause)}
	}
	if err != nil {
		return err
	}
	s.index = &index{db: db, fs: files, options: options, path: path}
	return nil
}

// indexTrouble is called when the index waits for space, and when it has failed.
func (s *Store) indexTrouble(files *pebblefs.FS) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cause := files.Err(); cause != nil && files.Patient() && !s.space.abandoned() {
		s.stop(indexError(cause))
	}
	s.flushed.Broadcast() // the writer may wait for the index
}

// close closes the index. One that has failed is left as it is.
func (x *index) close() error {
	if x.fs.Err() != nil {
		return nil // which was reported
	}
	return x.fs.Guard(x.db.Close)
}

// progressOf returns a function that is told of bytes done, out of those of files,
// and passes them on now and then, and one to be called when all are done.
func progressOf(o *Options, step string, files []*segment) (add func(int64), finish func()) {
	p := Progress{Step: step}
	for _, file := range files {
		if info, err := file.file.Stat(); err == nil {
			p.Total += info.Size()
		}
	}
	var told int64
	add = func(n int64) {
		p.Done = min(p.Done+n, p.Total) // a file may have grown
		if p.Done-told >= 8<<20 {
			told = p.Done
			o.Progress(p)
		}
	}
	return add, func() {
		if p.Done = p.Total; p.Total > 0 {
			o.Progress(p)
		}
	}
}

// writeFile replaces a file, whole or not at all.
func writeFile(fsys vfs.FS, path string, text []byte) error {
	temporary := path + ".new"
	file, err := fsys.Create(temporary, segmentCategory)
	if err != nil {
		return fmt.Errorf("filestore: create %s: %w", temporary, err)
	}
	_, err = io.Copy(file, bytes.NewReader(text))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("filestore: write %s: %w", temporary, err)
	}
	if err := fsys.Rename(temporary, path); err != nil {
		return fmt.Errorf("filestore: rename %s: %w", temporary, err)
	}
	return syncFolder(fsys, fsys.PathDir(path))
}
