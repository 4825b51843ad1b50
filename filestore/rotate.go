package filestore

import (
	"fmt"
	"hash/crc32"
)

// rotate seals the segment and begins the next when it has its size. A full disk
// is an ErrDiskFull and nothing is lost: the next save tries again.
func (s *Store) rotate() error {
	w := &s.writer
	if w.size < s.options.SegmentSize && !w.sealed {
		return nil
	}
	s.mu.RLock()
	stopped := s.stopped
	s.mu.RUnlock()
	if stopped != nil {
		return stopped
	}
	if !w.sealed {
		w.buf = appendSeal(w.buf[:0], w.events, w.sum)
		if err := w.writeAndSync(s); err != nil {
			return err
		}
		w.size += int64(len(w.buf))
		w.segment.size = w.size
		w.sealed = true
	}
	next := &segment{
		number:     w.segment.number + 1,
		path:       s.fs.PathJoin(s.dir, logFolder, segmentName(w.segment.number+1)),
		store:      s.id,
		formerSize: w.size,
		formerSum:  w.sum,
	}
	if err := s.create(next); err != nil {
		_ = s.fs.Remove(next.path)
		if isDiskFull(err) {
			return &DiskFullError{Folder: s.dir, Err: err}
		}
		return s.fail(err)
	}
	return nil
}

// create makes a segment's file, durably, and has the writer go on in it.
func (s *Store) create(next *segment) error {
	folder := s.fs.PathJoin(s.dir, logFolder)
	file, err := s.fs.Create(next.path, segmentCategory)
	if err != nil {
		return fmt.Errorf("filestore: create %s: %w", next.path, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("filestore: create %s: %w", next.path, err)
	}
	// Two handles: one to read with, for as long as the store is open, and one
	// to write with, for as long as this is the last segment.
	if next.file, err = s.fs.Open(next.path); err != nil {
		return fmt.Errorf("filestore: open %s: %w", next.path, err)
	}
	defer func() {
		if err != nil {
			_ = next.file.Close()
		}
	}()
	if file, err = s.fs.OpenReadWrite(next.path, segmentCategory); err != nil {
		return fmt.Errorf("filestore: open %s: %w", next.path, err)
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	head := next.encodeHeader()
	if _, err = file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("filestore: write %s: %w", next.path, err)
	}
	if err = file.Sync(); err != nil {
		return fmt.Errorf("filestore: sync %s: %w", next.path, err)
	}
	if err = syncFolder(s.fs, folder); err != nil {
		return err
	}
	w := &s.writer
	if w.file != nil {
		_ = w.file.Close() // everything in it is synced
	}
	*w = writer{file: file, segment: next, size: segmentHeader, sum: crc32.Checksum(head, castagnoli), buf: w.buf}
	s.segments.add(next)
	return nil
}
