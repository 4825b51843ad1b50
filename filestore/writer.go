package filestore

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// maxGroup is how many bytes are written and synced together, if more wait.
const maxGroup = 8 << 20

// writer is the state of the one goroutine that writes the log. It takes all
// saves that wait, decides about each in turn, writes those that are admitted,
// syncs once for all of them, and answers.
type writer struct {
	file    vfs.File // of the last segment, for writing
	segment *segment
	size    int64  // of that segment
	sum     uint32 // CRC-32C of so much of it
	events  int64  // in it
	sealed  bool   // it has its seal, and the next could not be made yet
	zeroed  int64  // up to where it is known to be filled with zeros
	buf     []byte // the group that is being written
}

func (s *Store) write() {
	defer s.done.Done()
	var taken []*save
	for {
		taken = s.queue.take(taken)
		if len(taken) == 0 {
			close(s.freezes)
			return
		}
		for rest := taken; len(rest) > 0; {
			n, bytes := 0, 0
			for n < len(rest) && (n == 0 || bytes+len(rest[n].buf) <= s.options.groupSize) {
				bytes += len(rest[n].buf)
				n++
			}
			s.commit(rest[:n])
			rest = rest[n:]
		}
		clear(taken)
	}
}

// commit brings a group of saves to disk and answers their callers.
func (s *Store) commit(group []*save) {
	err := s.rotate()
	if err == nil {
		err = s.admit(group)
	}
	w := &s.writer
	if err == nil && len(w.buf) > 0 {
		if err = w.writeAndSync(s); err != nil {
			s.withdraw(group)
		}
	}
	if err == nil && len(w.buf) > 0 {
		w.sum = crc32.Update(w.sum, castagnoli, w.buf)
		w.size += int64(len(w.buf))
		s.publish(group)
	}
	if err != nil {
		s.failed.Add(uint64(len(group)))
	}
	for _, r := range group {
		if err != nil {
			r.err, r.repeat = err, false
		}
		r.done <- struct{}{}
	}
	s.freeze()
}

// admit decides about the saves of a group, enters those to be written into the
// index in memory, where readers do not see them yet, and encodes them.
func (s *Store) admit(group []*save) error {
	w := &s.writer
	w.buf = w.buf[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped != nil {
		return s.stopped
	}
	for _, r := range group {
		admitted, err := storekit.Admit(r.events, view{s, r})
		if err != nil || !admitted {
			r.err, r.repeat = err, err == nil
			continue
		}
		n := r.namespace
		base := len(w.buf)
		w.buf = append(w.buf, r.buf...)
		for i := range r.events {
			e, item := &r.events[i], &r.items[i]
			n.staged++
			end := len(r.buf)
			if i+1 < len(r.items) {
				end = r.items[i+1].offset
			}
			finishRecord(w.buf[base+item.offset:base+end], n.staged, base+item.offset)
			at := place{w.segment.number, uint32(w.size) + uint32(base+item.offset), uint32(end - item.offset)}
			s.recent.add(n.name, e.ActorID, item.key, e.Version, n.staged, at)
			w.events++
		}
		r.position = n.staged
	}
	return nil
}

// view is what the store knows about the events of a save: the index in memory
// first, then what the caller asked of the one on disk, if that has not grown
// since.
type view struct {
	s *Store
	r *save
}

func (v view) LatestVersion(i int) (aether.Version, error) {
	name, actorID := v.r.namespace.name, v.r.events[i].ActorID
	if a := v.s.recent.actor(name, actorID); a != nil {
		return a.latest(), nil
	}
	if a := v.s.flushing.actor(name, actorID); a != nil {
		return a.latest(), nil
	}
	if item := &v.r.items[i]; item.looked && v.r.generation == v.s.generation {
		return item.latest, nil
	}
	return v.s.index.latestVersion(name, actorID)
}

func (v view) FindEvent(i int) (aether.Version, error) {
	item := &v.r.items[i]
	if item.isNew {
		return 0, nil
	}
	if version := v.s.recent.version(item.key); version != 0 {
		return version, nil
	}
	if version := v.s.flushing.version(item.key); version != 0 {
		return version, nil
	}
	if v.r.asked && v.r.generation == v.s.generation {
		return item.version, nil
	}
	return v.s.eventOnDisk(item.key)
}

// withdraw takes the admitted saves of a group, which could not be written, out
// of the index in memory. The others were decided in their light, and fail too.
func (s *Store) withdraw(group []*save) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := len(group) - 1; g >= 0; g-- {
		r := group[g]
		if r.position == 0 {
			continue
		}
		for i := len(r.events) - 1; i >= 0; i-- {
			s.recent.remove(r.namespace.name, r.events[i].ActorID, r.items[i].key, r.namespace.staged)
			r.namespace.staged--
			s.writer.events--
		}
		r.position = 0
	}
}

// publish lets readers see what is now on disk.
func (s *Store) publish(group []*save) {
	w := &s.writer
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable = place{segment: w.segment.number, offset: uint32(w.size)}
	for _, r := range group {
		if n := r.namespace; n.latest != n.staged {
			n.latest = n.staged
			n.wake()
		}
	}
}

// writeAndSync appends buf to the segment. When there is no space the error is
// an ErrDiskFull and the segment is as it was; after any other failure the store
// is stopped.
func (w *writer) writeAndSync(s *Store) error {
	if err := s.space.check(int64(len(w.buf))); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(w.buf, w.size); err != nil {
		err = fmt.Errorf("filestore: write %s: %w", w.segment.path, err)
		if !isDiskFull(err) {
			return s.fail(err)
		}
		// What was written of the group must not be taken for events when the
		// segment is opened again.
		if wipeErr := wipe(w.file, w.size); wipeErr != nil {
			return s.fail(errors.Join(err, wipeErr))
		}
		s.space.spare = 0
		return &DiskFullError{Folder: s.dir, Err: err}
	}
	w.fillAhead(s.options.SegmentSize)
	if err := w.file.SyncData(); err != nil {
		// The kernel may have dropped the pages, so what is on disk is not known.
		return s.fail(fmt.Errorf("filestore: sync %s: %w", w.segment.path, err))
	}
	return nil
}

// fail stops the store.
func (s *Store) fail(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(cause)
	return s.stopped
}

// Small groups are written into space that was filled with zeros before: to sync
// them, the file system then has to write no new length and no new block list,
// which halves the time. Large groups would only be written twice.
const (
	largeGroup = 256 << 10
	minFill    = 64 << 10
	maxFill    = 1 << 20
)

// fillAhead fills the space behind the group that was just written, if that reaches
// beyond what is filled: as much as the segment has, within bounds. It comes after
// the group, which must not be left without space for the sake of zeros.
func (w *writer) fillAhead(segmentSize int64) {
	need := w.size + int64(len(w.buf))
	if len(w.buf) > largeGroup || need <= w.zeroed {
		return
	}
	to := min(need+min(max(w.size, minFill), maxFill), segmentSize)
	if to <= need {
		return
	}
	// Where there is no space for it the group is there all the same.
	if _, err := w.file.WriteAt(make([]byte, to-need), need); err == nil {
		w.zeroed = to
	}
}

// wipe makes everything from an offset to the end of a file zero, on disk.
func wipe(file vfs.File, from int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, min(1<<20, max(0, info.Size()-from)))
	for ; from < info.Size(); from += int64(len(zeros)) {
		zeros = zeros[:min(int64(len(zeros)), info.Size()-from)]
		if _, err := file.WriteAt(zeros, from); err != nil {
			return err
		}
	}
	return file.SyncData()
}
