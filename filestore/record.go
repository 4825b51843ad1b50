package filestore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"time"

	"github.com/aether-es/aether"
)

// A record is one event, or the seal at the end of a segment. All integers are
// little endian; docs/format.md describes it for readers in other languages.
//
//	 0  u32  length of the record in bytes
//	 4  u32  CRC-32C of everything after this field
//	 8  u64  position
//	16  u64  version
//	24  i64  time, microseconds since 1970 UTC
//	32  u32  bytes from the start of the sync group to this record
//	36  u16  records of the same save that follow
//	38  u8   kind of record
//	39  u8   zero
//	40  u32  schema
//	44       seven texts, each a uvarint length and bytes: namespace, actor ID,
//	         event ID, type, correlation ID, causation ID, traceparent
//	         data, the rest
const (
	offsetCRC      = 4
	offsetChecked  = 8 // where the part under the CRC begins
	offsetPosition = 8
	offsetVersion  = 16
	offsetTime     = 24
	offsetBack     = 32
	offsetMore     = 36
	offsetKind     = 38
	offsetSchema   = 40
	headLength     = 44

	kindEvent = 1
	kindSeal  = 2

	// recordOverhead is what a record may have beside the event and the name of the
	// namespace: the head and the lengths of the texts.
	recordOverhead = headLength + 7*binary.MaxVarintLen16

	maxRecord = aether.MaxEventSize + aether.MaxNameLength + recordOverhead
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord encodes an event that is followed by more others of its save. The
// position, the distance to the start of the sync group and the checksum are not
// known before the save's turn comes: finishRecord puts them in.
func appendRecord(b []byte, namespace string, e *aether.Event, more int) []byte {
	start := len(b)
	var head [headLength]byte
	binary.LittleEndian.PutUint64(head[offsetVersion:], uint64(e.Version))
	binary.LittleEndian.PutUint64(head[offsetTime:], uint64(e.Time.UnixMicro()))
	binary.LittleEndian.PutUint16(head[offsetMore:], uint16(more))
	head[offsetKind] = kindEvent
	binary.LittleEndian.PutUint32(head[offsetSchema:], uint32(e.Schema))
	b = append(b, head[:]...)
	b = appendText(b, namespace)
	b = appendText(b, e.ActorID)
	b = appendText(b, e.ID)
	b = appendText(b, e.Type)
	b = appendText(b, e.Metadata.CorrelationID)
	b = appendText(b, e.Metadata.CausationID)
	b = appendText(b, e.Metadata.Traceparent)
	b = append(b, e.Data...)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// finishRecord completes an encoded record.
func finishRecord(b []byte, position aether.Position, back int) {
	binary.LittleEndian.PutUint64(b[offsetPosition:], uint64(position))
	binary.LittleEndian.PutUint32(b[offsetBack:], uint32(back))
	binary.LittleEndian.PutUint32(b[offsetCRC:], crc32.Checksum(b[offsetChecked:], castagnoli))
}

// sealLength is the length of the record that ends a segment.
const sealLength = headLength + 12

// appendSeal encodes the end of a segment: the number of its events and the
// CRC-32C of all of the file before the seal.
func appendSeal(b []byte, events int64, sum uint32) []byte {
	start := len(b)
	b = append(b, make([]byte, headLength)...)
	b[start+offsetKind] = kindSeal
	b = binary.LittleEndian.AppendUint64(b, uint64(events))
	b = binary.LittleEndian.AppendUint32(b, sum)
	binary.LittleEndian.PutUint32(b[start:], sealLength)
	finishRecord(b[start:], 0, 0)
	return b
}

// record is a view of an encoded record that has passed checkRecord.
type record []byte

func (r record) position() aether.Position {
	return aether.Position(binary.LittleEndian.Uint64(r[offsetPosition:]))
}
func (r record) version() aether.Version {
	return aether.Version(binary.LittleEndian.Uint64(r[offsetVersion:]))
}
func (r record) back() int         { return int(binary.LittleEndian.Uint32(r[offsetBack:])) }
func (r record) more() int         { return int(binary.LittleEndian.Uint16(r[offsetMore:])) }
func (r record) isSeal() bool      { return r[offsetKind] == kindSeal }
func (r record) sealEvents() int64 { return int64(binary.LittleEndian.Uint64(r[headLength:])) }
func (r record) sealSum() uint32   { return binary.LittleEndian.Uint32(r[headLength+8:]) }
func (r record) namespace() []byte { text, _ := cutText(r[headLength:]); return text }
func (r record) time() time.Time {
	return time.UnixMicro(int64(binary.LittleEndian.Uint64(r[offsetTime:]))).UTC()
}

// event decodes the record. Nothing of the event shares memory with it.
func (r record) event(space *slab) (aether.Event, error) {
	e := aether.Event{
		Version:  r.version(),
		Schema:   int(binary.LittleEndian.Uint32(r[offsetSchema:])),
		Time:     r.time(),
		Position: r.position(),
	}
	_, texts := cutText(r[headLength:])
	var ends [6]int // of the texts, whose lengths lie between them
	var starts [6]int
	at := 0
	for i := range ends {
		n, w := binary.Uvarint(texts[at:])
		if w <= 0 || n > uint64(len(texts)-at-w) {
			return aether.Event{}, errTexts
		}
		starts[i], ends[i] = at+w, at+w+int(n)
		at = ends[i]
	}
	all := space.text(texts[:at])
	e.ActorID, e.ID, e.Type = all[starts[0]:ends[0]], all[starts[1]:ends[1]], all[starts[2]:ends[2]]
	if starts[3] != ends[3] || starts[4] != ends[4] || starts[5] != ends[5] {
		e.Metadata = aether.Metadata{
			CorrelationID: all[starts[3]:ends[3]],
			CausationID:   all[starts[4]:ends[4]],
			Traceparent:   all[starts[5]:ends[5]],
		}
	}
	e.Data = space.data(texts[at:])
	return e, nil
}

var errTexts = errors.New("its texts are longer than the record")

// slab is memory for some events, so that each need not allocate its own. An event
// that is kept keeps the slabs it is in, which are small for that reason.
type slab struct {
	texts strings.Builder
	bytes []byte
}

const (
	slabTexts = 2 << 10
	slabBytes = 8 << 10
)

func (s *slab) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s.texts.Cap()-s.texts.Len() < len(b) {
		s.texts.Reset() // strings taken from it stay as they are
		s.texts.Grow(slabTexts)
	}
	start := s.texts.Len()
	s.texts.Write(b)
	return s.texts.String()[start:]
}

func (s *slab) data(b []byte) []byte {
	if len(b) > slabBytes/4 {
		return append([]byte(nil), b...)
	}
	if cap(s.bytes)-len(s.bytes) < len(b) {
		s.bytes = make([]byte, 0, slabBytes)
	}
	start := len(s.bytes)
	s.bytes = append(s.bytes, b...)
	return s.bytes[start:len(s.bytes):len(s.bytes)]
}

// names returns what a filter looks at, still in the record's memory.
func (r record) names() (namespace, actorID, id, eventType []byte) {
	namespace, rest := cutText(r[headLength:])
	actorID, rest = cutText(rest)
	id, rest = cutText(rest)
	eventType, _ = cutText(rest)
	return namespace, actorID, id, eventType
}

// cutText returns the first text of b and what follows, nil and nil when b is broken.
func cutText(b []byte) (text, rest []byte) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil
	}
	return b[w : w+int(n)], b[w+int(n):]
}

// The ways in which bytes are not a record.
var (
	errShort    = errors.New("the record ends beyond the file")
	errNoRecord = errors.New("there is no record here")
	errChecksum = errors.New("the checksum does not match")
)

// isBroken says whether an error of a scanner means that there is no record where
// one should be, and not that reading failed.
func isBroken(err error) bool {
	return err == errShort || err == errNoRecord || err == errChecksum || err == io.EOF
}

// checkRecord returns the record at the start of b, whose checksum is right. It
// is errShort when b may be the beginning of a longer one.
func checkRecord(b []byte) (record, error) {
	if len(b) < 4 {
		return nil, errShort
	}
	length := int(binary.LittleEndian.Uint32(b))
	if length < headLength || length > maxRecord {
		return nil, errNoRecord
	}
	if len(b) < length {
		return nil, errShort
	}
	r := record(b[:length])
	if kind := r[offsetKind]; kind != kindEvent && (kind != kindSeal || length != sealLength) {
		return nil, errNoRecord
	}
	if crc32.Checksum(r[offsetChecked:], castagnoli) != binary.LittleEndian.Uint32(r[offsetCRC:]) {
		return nil, errChecksum
	}
	return r, nil
}
