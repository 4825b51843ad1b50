package filestore

import (
	"fmt"
	"io"
)

// scanBuffer is how much a scanner reads at a time, if there is so much.
const scanBuffer = 256 << 10

// scanner reads the records of one file in order. It is cheap to make and is
// thrown away at the end of the file.
type scanner struct {
	file   io.ReaderAt
	path   string
	offset int64 // of the next record
	end    int64 // where to stop
	buf    []byte
	unread []byte // the part of buf that follows; it begins at offset
}

// next returns the record at the scanner's offset and moves behind it. The record
// is valid until the next call. At the end the error is io.EOF; where there is no
// whole record before the end it is one of checkRecord's, and offset stays.
func (s *scanner) next() (record, error) {
	for {
		if s.offset >= s.end {
			return nil, io.EOF
		}
		r, err := checkRecord(s.unread)
		if err == nil {
			s.unread = s.unread[len(r):]
			s.offset += int64(len(r))
			return r, nil
		}
		if err != errShort || s.offset+int64(len(s.unread)) >= s.end {
			return nil, err
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads on behind what is unread, into more space when a record needs it.
func (s *scanner) fill() error {
	size := int(min(scanBuffer, max(4<<10, s.end-s.offset)))
	for size <= len(s.unread) {
		size *= 2
	}
	if len(s.buf) < size {
		buf := make([]byte, size)
		s.unread = buf[:copy(buf, s.unread)]
		s.buf = buf
	} else {
		s.unread = s.buf[:copy(s.buf, s.unread)]
	}
	have := len(s.unread)
	want := int(min(int64(len(s.buf)-have), s.end-s.offset-int64(have)))
	n, err := s.file.ReadAt(s.buf[have:have+want], s.offset+int64(have))
	s.unread = s.buf[:have+n]
	if err != nil && err != io.EOF {
		return fmt.Errorf("filestore: read %s: %w", s.path, err)
	}
	if n < want {
		s.end = s.offset + int64(have+n) // the file is shorter than was thought
	}
	return nil
}

// jump makes offset the next one to read, and end the place to stop at.
func (s *scanner) jump(offset, end int64) {
	if ahead := offset - s.offset; ahead >= 0 && ahead <= int64(len(s.unread)) {
		s.unread = s.unread[ahead:]
	} else {
		s.unread = nil
	}
	s.offset, s.end = offset, end
}
