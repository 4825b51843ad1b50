package filestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// replay reads the log from where the index ends, takes in what it finds, and
// readies the writer. The last segment is read whole, to check it.
func (s *Store) replay(ctx context.Context, from place) error {
	last := s.segments.last()
	if from.segment > last.number {
		return last.damage(0, "segments after it are missing: the index knows events of segment %d%s", from.segment, olderCopy)
	}
	todo := s.segments.list[max(1, from.segment)-1:]
	progress, finish := progressOf(s.options, "index", todo)
	for _, file := range todo {
		t := taker{store: s, file: file, from: segmentHeader}
		if file.number == from.segment {
			t.from = int64(from.offset)
		}
		if file != last && t.from == file.size {
			continue // it was the last one, and sealed, when the index was written
		}
		var err error
		if file == last {
			err = s.replayLast(ctx, &t, progress)
		} else {
			err = t.read(ctx, t.from, file.size, progress)
		}
		if err != nil {
			return err
		}
	}
	finish()
	for _, n := range s.namespaces {
		n.latest = n.staged
	}
	s.durable = place{segment: last.number, offset: uint32(s.writer.size)}
	return s.writeRecent(s.durable)
}

const olderCopy = "; if the log was put here on purpose, from an older copy, delete " + indexFolder + " and " + checkedName

// writeRecent moves the index in memory to disk when it is large.
func (s *Store) writeRecent(end place) error {
	if s.recent.events < s.options.recentEvents {
		return nil
	}
	if err := s.index.write(s.recent, s.id, end); err != nil {
		return &writeError{err}
	}
	s.recent = newRecent()
	return nil
}

// taker reads one segment and adds its events to the index.
type taker struct {
	store *Store
	file  *segment
	from  int64 // what begins before it is in the index already

	events int64
	end    int64 // where the last whole save ends
	group  int64 // where the sync group of that save begins
	sealed bool
	broken error // why there is no whole save behind end; nil when the file ends there
	bad    int64 // where that is
}

// read takes what lies between two offsets, where only the last segment may end
// with something else than its seal.
func (t *taker) read(ctx context.Context, start, end int64, progress func(int64)) error {
	scan := scanner{file: t.file.file, path: t.file.path, offset: start, end: end}
	t.end = start
	isLast := t.file.size == 0
	var held []record // of a save of which more records follow
	var places []place
	for {
		offset := scan.offset
		r, err := scan.next()
		switch {
		case isBroken(err):
			if offset < end || len(held) > 0 {
				t.broken, t.bad = err, offset
			}
			if !isLast {
				return t.file.damage(offset, "the segment should go on to byte %d: %v", t.file.size, err)
			}
			return nil
		case err != nil:
			return err
		case r.isSeal():
			t.end, t.group, t.sealed = scan.offset, offset, true
			return nil
		}
		at := place{t.file.number, uint32(offset), uint32(len(r))}
		if r.more() > 0 {
			held, places = append(held, slices.Clone(r)), append(places, at)
			continue
		}
		for i := range held {
			if err := t.take(held[i], places[i]); err != nil {
				return err
			}
		}
		if err := t.take(r, at); err != nil {
			return err
		}
		held, places = held[:0], places[:0]
		progress(scan.offset - t.end)
		t.end, t.group = scan.offset, offset-int64(r.back())
		if err := ctx.Err(); err != nil {
			return err
		}
		if !isLast {
			if err := t.store.writeRecent(place{segment: t.file.number, offset: uint32(t.end)}); err != nil {
				return err
			}
		}
	}
}

// take adds an event to the index.
func (t *taker) take(r record, at place) error {
	t.events++
	if int64(at.offset) < t.from {
		return nil
	}
	namespace, actorID, id, _ := r.names()
	n := t.store.namespace(string(namespace))
	if r.position() != n.staged+1 {
		return t.file.damage(int64(at.offset), "position %d of namespace %q follows on %d", r.position(), n.name, n.staged)
	}
	n.staged++
	actor := string(actorID)
	t.store.recent.add(n.name, actor, n.store.index.hash.event(n.name, actor, string(id)), r.version(), n.staged, at)
	return nil
}

// replayLast reads the segment that is written to, finds out where it ends, and
// has the writer go on there.
func (s *Store) replayLast(ctx context.Context, t *taker, progress func(int64)) error {
	info, err := t.file.file.Stat()
	if err != nil {
		return fmt.Errorf("filestore: stat %s: %w", t.file.path, err)
	}
	if err := t.read(ctx, segmentHeader, info.Size(), progress); err != nil {
		return err
	}
	if t.end < t.from {
		return t.file.damage(max(t.end, t.bad), "its records end here, but the index has events up to byte %d%s", t.from, olderCopy)
	}
	size := info.Size()
	if t.broken != nil {
		if err := t.checkTorn(size); err != nil {
			return err
		}
	}
	if err := s.segments.checkEnd(t.end); err != nil {
		return err
	}
	whole, err := readAll(t.file, size)
	if err != nil {
		return err
	}
	if lost := withoutZeros(whole[t.end:]); len(lost) > 0 {
		if err := s.cut(t.file, t.end, lost); err != nil {
			return err
		}
	}
	if t.end > t.from || t.end == segmentHeader {
		// After a failed sync the kernel may have these bytes in memory and take
		// them for written. They are about to be relied on, so they are written again:
		// the last group, or the head where there is none.
		if _, err := s.writer.file.WriteAt(whole[t.group:t.end], t.group); err != nil {
			return fmt.Errorf("filestore: write %s: %w", t.file.path, err)
		}
		if err := s.writer.file.SyncData(); err != nil {
			return fmt.Errorf("filestore: sync %s: %w", t.file.path, err)
		}
	}
	w := &s.writer
	w.size, w.events, w.sealed, w.zeroed = t.end, t.events, t.sealed, size
	w.sum = crc32.Checksum(whole[:t.end], castagnoli)
	if t.sealed {
		w.sum = crc32.Checksum(whole[:t.end-sealLength], castagnoli)
		t.file.size = t.end
	}
	return nil
}

func readAll(file *segment, size int64) ([]byte, error) {
	b := make([]byte, size)
	return b, file.readAt(b, 0)
}

// readAt fills b.
func (s *segment) readAt(b []byte, offset int64) error {
	if n, err := s.file.ReadAt(b, offset); n < len(b) {
		return fmt.Errorf("filestore: read %s: %w", s.path, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// checkTorn tells a torn write from damage. A sync group is written when the one
// before it is on disk. So where a record of a group that began behind the bad
// place is intact, the bad place was on disk, and was damaged since.
func (t *taker) checkTorn(size int64) error {
	tail := make([]byte, size-t.bad)
	if err := t.file.readAt(tail, t.bad); err != nil {
		return err
	}
	for at := 1; at+headLength <= len(tail); at++ {
		// Most places are ruled out by their length alone.
		if length := binary.LittleEndian.Uint32(tail[at:]); length < headLength || length > maxRecord {
			continue
		}
		r, err := checkRecord(tail[at:])
		if err != nil || r.back() >= at {
			continue
		}
		// Unless another process was writing there: then it is good by now.
		if err := t.file.readAt(tail[:at], t.bad); err != nil {
			return err
		}
		if _, err := checkRecord(tail); err == nil {
			return nil
		}
		return t.file.damage(t.bad, "%v, but intact records follow at byte %d", t.broken, t.bad+int64(at))
	}
	return nil
}
