package filestore

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The names in a store's folder.
const (
	lockName      = "LOCK"
	logFolder     = "log"
	indexFolder   = "index"
	snapFolder    = "snapshots"
	cutFolder     = "cut"
	checkedName   = "checked.json"
	segmentSuffix = ".seg"
)

// The head of a segment file, little endian:
//
//	 0  8 bytes  "AETHLOG" and the version of the format, 1
//	 8  u64      number of the segment, from 1
//	16  16 bytes ID of the store, the same in all segments
//	32  u64      size of the segment before it, 0 for the first
//	40  u32      checksum in the seal of the segment before it
//	44           zero
//	60  u32      CRC-32C of the 60 bytes before
const (
	segmentMagic  = "AETHLOG\x01"
	segmentHeader = 64
)

// segmentCategory tells Pebble's file system what writes are for; it counts them.
const segmentCategory vfs.DiskWriteCategory = "aether-log"

type storeID [16]byte

// place says where a record is. The zero place is before every record.
type place struct {
	segment uint32
	offset  uint32
	length  uint32
}

func (p place) before(q place) bool {
	return p.segment < q.segment || p.segment == q.segment && p.offset < q.offset
}

func (p place) end() uint32 { return p.offset + p.length }

// segment is one file of the log. Only the last is written to.
type segment struct {
	number uint32
	path   string
	file   vfs.File
	store  storeID

	// What the head says of the segment before.
	formerSize int64
	formerSum  uint32

	// size is where the records end, with the seal: what follows is zero. It is
	// fixed in a sealed segment; in the last one the writer keeps its own.
	size int64
}

func segmentName(number uint32) string { return fmt.Sprintf("%08d%s", number, segmentSuffix) }

func (s *segment) damage(offset int64, format string, args ...any) error {
	return &DamageError{File: s.path, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

func (s *segment) encodeHeader() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.number))
	copy(b[16:], s.store[:])
	binary.LittleEndian.PutUint64(b[32:], uint64(s.formerSize))
	binary.LittleEndian.PutUint32(b[40:], s.formerSum)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// errNoHeader means that a file is shorter than a head or has only zeros there:
// the process or the machine died while the file was being made.
var errNoHeader = errors.New("the head of the segment is missing")

// readHeader fills in what the head of the file says.
func (s *segment) readHeader() error {
	b := make([]byte, segmentHeader)
	n, err := s.file.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("filestore: read %s: %w", s.path, err)
	}
	if n < segmentHeader || isZero(b) {
		return errNoHeader
	}
	if string(b[:7]) != segmentMagic[:7] {
		return s.damage(0, "it does not begin with the mark of a segment")
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.LittleEndian.Uint32(b[60:]) {
		return s.damage(0, "the checksum of its head does not match")
	}
	if b[7] != segmentMagic[7] {
		return fmt.Errorf("filestore: %s has format %d; this program reads format %d: use a newer one", s.path, b[7], segmentMagic[7])
	}
	if number := binary.LittleEndian.Uint64(b[8:]); number != uint64(s.number) {
		return s.damage(8, "its head says that it is segment %d", number)
	}
	copy(s.store[:], b[16:])
	s.formerSize = int64(binary.LittleEndian.Uint64(b[32:]))
	s.formerSum = binary.LittleEndian.Uint32(b[40:])
	return nil
}

// readSeal returns the seal of a segment whose size is known.
func (s *segment) readSeal() (record, error) {
	b := make([]byte, sealLength)
	if _, err := s.file.ReadAt(b, s.size-sealLength); err != nil && err != io.EOF {
		return nil, fmt.Errorf("filestore: read %s: %w", s.path, err)
	}
	r, err := checkRecord(b)
	if err != nil || !r.isSeal() {
		return nil, s.damage(s.size-sealLength, "the seal that ends the segment is missing or broken")
	}
	return r, nil
}

// segments is the files of a log, ordered by number, which begins at 1.
type segments struct {
	mu   sync.RWMutex
	list []*segment

	// known is how far the log had come at some time before.
	known logEnd
}

func (l *segments) get(number uint32) *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if number == 0 || int(number) > len(l.list) {
		return nil
	}
	return l.list[number-1]
}

func (l *segments) last() *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.list) == 0 {
		return nil
	}
	return l.list[len(l.list)-1]
}

func (l *segments) add(s *segment) {
	l.mu.Lock()
	l.list = append(l.list, s)
	l.mu.Unlock()
}

func (l *segments) close() error {
	var errs []error
	for _, s := range l.list {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(errs...)
}

// openSegments opens the files of a log for reading and checks that they belong
// together: numbers without gaps, one store, and each as long as the next one
// says. A last file without a head is left out; its place is returned as unborn.
func openSegments(fsys vfs.FS, dir string) (l *segments, unborn bool, err error) {
	// Before anything else, since another process may be writing.
	l = &segments{known: loadChecked(fsys, dir).Log}
	defer func(opened *segments) {
		if err != nil {
			_ = opened.close()
		}
	}(l)
	if err := refuseUnfinished(fsys, dir); err != nil {
		return nil, false, err
	}
	folder := fsys.PathJoin(dir, logFolder)
	names, err := fsys.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, refuseWithoutLog(fsys, dir)
	}
	if err != nil {
		return nil, false, fmt.Errorf("filestore: list %s: %w", folder, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, segmentSuffix) })
	slices.Sort(names)
	for i, name := range names {
		path := fsys.PathJoin(folder, name)
		number, parseErr := strconv.ParseUint(strings.TrimSuffix(name, segmentSuffix), 10, 32)
		if parseErr != nil || segmentName(uint32(number)) != name {
			return nil, false, fmt.Errorf("filestore: %s does not have the name of a segment; move it away", path)
		}
		if want := uint32(i + 1); uint32(number) != want {
			return nil, false, &DamageError{File: fsys.PathJoin(folder, segmentName(want)), Offset: -1, Reason: "the file is missing, while later ones are there"}
		}
		s := &segment{number: uint32(number), path: path}
		if s.file, err = fsys.Open(path); err != nil {
			return nil, false, fmt.Errorf("filestore: open %s: %w", path, err)
		}
		l.add(s)
		if err = s.readHeader(); errors.Is(err, errNoHeader) {
			if unborn, err = s.isUnborn(); unborn && i == len(names)-1 {
				l.list = l.list[:i]
				err = s.file.Close()
				break
			}
			err = errors.Join(err, s.damage(0, "%v", errNoHeader))
		}
		if err != nil {
			return nil, false, err
		}
		if i == 0 && l.known.Store != hex.EncodeToString(s.store[:]) {
			l.known = logEnd{} // that was another store
		}
		if err = l.checkChain(s); err != nil {
			return nil, false, err
		}
	}
	switch {
	case err != nil:
	case len(l.list) == 0:
		err = checkNew(fsys, dir)
	case len(l.list) < int(l.known.Segment):
		err = &DamageError{File: fsys.PathJoin(folder, segmentName(uint32(len(l.list)+1))), Offset: -1, Reason: fmt.Sprintf("the file is missing or empty, while the log went on to segment %d%s", l.known.Segment, olderCopy)}
	}
	return l, unborn, err
}

// isUnborn says whether a file without a head has nothing else either.
func (s *segment) isUnborn() (bool, error) {
	info, err := s.file.Stat()
	if err != nil {
		return false, fmt.Errorf("filestore: stat %s: %w", s.path, err)
	}
	if info.Size() < segmentHeader {
		return true, nil
	}
	content, err := readAll(s, info.Size())
	return err == nil && isZero(content), err
}

// checkEnd compares where the log ends with where it had come before.
func (l *segments) checkEnd(end int64) error {
	last := l.last()
	if last.number < l.known.Segment || last.number == l.known.Segment && end < int64(l.known.Size) {
		return last.damage(end, "the log ends here, but it went on to byte %d of segment %d%s", l.known.Size, l.known.Segment, olderCopy)
	}
	return nil
}

// checkChain compares the segment before s with what s says of it.
func (l *segments) checkChain(s *segment) error {
	if s.number == 1 {
		return nil
	}
	former := l.list[s.number-2]
	if former.store != s.store {
		return s.damage(16, "it belongs to another store than the segment before it")
	}
	info, err := former.file.Stat()
	if err != nil {
		return fmt.Errorf("filestore: stat %s: %w", former.path, err)
	}
	if info.Size() < s.formerSize {
		return former.damage(info.Size(), "the file has %d bytes, where %d were written", info.Size(), s.formerSize)
	}
	former.size = s.formerSize
	seal, err := former.readSeal()
	if err != nil {
		return err
	}
	if seal.sealSum() != s.formerSum {
		return former.damage(former.size-sealLength, "its seal is not the one that the next segment names")
	}
	return nil
}

func isZero(b []byte) bool { return len(withoutZeros(b)) == 0 }

// withoutZeros returns b up to its last byte that is not zero.
func withoutZeros(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
