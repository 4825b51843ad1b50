package pgstore

import (
	"encoding/binary"
	"time"

	"github.com/aether-es/aether"
)

// The binary form of parameters and results. Going around the driver's own encoding,
// which finds out the types of values again and again, is a quarter of the client's
// work for a group of saves.

// The OIDs of the elements of arrays.
const (
	oidBool        = 16
	oidInt8        = 20
	oidInt4        = 23
	oidText        = 25
	oidTimestamptz = 1184
)

// epoch is where the server's times begin, in microseconds since that of Unix.
const epoch = 946_684_800_000_000

// parameters are those of one statement. The bytes are in one buffer, which is used
// again for the next.
type parameters struct {
	buf  []byte
	ends []int // of each parameter; -1 stands for null, where the one before ends
}

func (p *parameters) reset() {
	if cap(p.buf) > maxKeptBuffer {
		p.buf = nil
	}
	p.buf, p.ends = p.buf[:0], p.ends[:0]
}

const maxKeptBuffer = 16 << 20

func (p *parameters) end() { p.ends = append(p.ends, len(p.buf)) }

func (p *parameters) null() { p.ends = append(p.ends, -1) }

func (p *parameters) text(s string) {
	p.buf = append(p.buf, s...)
	p.end()
}

func (p *parameters) bytes(b []byte) {
	p.buf = append(p.buf, b...)
	p.end()
}

func (p *parameters) int4(v int) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(v))
	p.end()
}

func (p *parameters) int8(v uint64) {
	p.buf = binary.BigEndian.AppendUint64(p.buf, v)
	p.end()
}

func (p *parameters) time(micros int64) { p.int8(uint64(micros - epoch)) }

// array begins an array of so many elements.
func (p *parameters) array(oid uint32, count int) {
	if count == 0 {
		p.buf = binary.BigEndian.AppendUint32(p.buf, 0)
		p.buf = binary.BigEndian.AppendUint32(p.buf, 0)
		p.buf = binary.BigEndian.AppendUint32(p.buf, oid)
		return
	}
	p.buf = binary.BigEndian.AppendUint32(p.buf, 1) // dimensions
	p.buf = binary.BigEndian.AppendUint32(p.buf, 1) // there may be nulls
	p.buf = binary.BigEndian.AppendUint32(p.buf, oid)
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(count))
	p.buf = binary.BigEndian.AppendUint32(p.buf, 1) // the first index
}

func (p *parameters) elementText(s string) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(len(s)))
	p.buf = append(p.buf, s...)
}

func (p *parameters) elementBytes(b []byte) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(len(b)))
	p.buf = append(p.buf, b...)
}

// elementOptional is elementText, with null for the empty text.
func (p *parameters) elementOptional(s string) {
	if s == "" {
		p.buf = binary.BigEndian.AppendUint32(p.buf, 0xffffffff)
		return
	}
	p.elementText(s)
}

func (p *parameters) elementInt4(v int) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, 4)
	p.buf = binary.BigEndian.AppendUint32(p.buf, uint32(v))
}

func (p *parameters) elementInt8(v uint64) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, 8)
	p.buf = binary.BigEndian.AppendUint64(p.buf, v)
}

func (p *parameters) elementBool(v bool) {
	p.buf = binary.BigEndian.AppendUint32(p.buf, 1)
	b := byte(0)
	if v {
		b = 1
	}
	p.buf = append(p.buf, b)
}

func (p *parameters) texts(values []string) {
	p.array(oidText, len(values))
	for _, v := range values {
		p.elementText(v)
	}
	p.end()
}

// values returns the parameters as the driver takes them, in space of a former call.
func (p *parameters) values(space [][]byte) [][]byte {
	values, start := space[:0], 0
	for _, end := range p.ends {
		if end < 0 {
			values = append(values, nil)
			continue
		}
		values = append(values, p.buf[start:end:end])
		start = end
	}
	return values
}

// errMalformed: what came is not what was asked for.
var errMalformed = &ServerError{Op: "read an answer", Message: "a value is not of the type that was asked for", class: ErrServer}

func toInt8(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, errMalformed
	}
	return binary.BigEndian.Uint64(b), nil
}

func toInt4(b []byte) (int, error) {
	if len(b) != 4 {
		return 0, errMalformed
	}
	return int(int32(binary.BigEndian.Uint32(b))), nil
}

// toMicros returns a time in microseconds since the epoch of Unix.
func toMicros(b []byte) (int64, error) {
	v, err := toInt8(b)
	return int64(v) + epoch, err
}

func toTime(b []byte) (time.Time, error) {
	micros, err := toMicros(b)
	return time.UnixMicro(micros).UTC(), err
}

// toVersions decodes an array of numbers without nulls.
func toVersions(b []byte) ([]aether.Version, error) {
	if len(b) >= 12 && binary.BigEndian.Uint32(b) == 0 {
		return nil, nil
	}
	if len(b) < 20 || binary.BigEndian.Uint32(b) != 1 {
		return nil, errMalformed
	}
	count := int(binary.BigEndian.Uint32(b[12:]))
	b = b[20:]
	if len(b) != 12*count {
		return nil, errMalformed
	}
	versions := make([]aether.Version, count)
	for i := range versions {
		versions[i] = aether.Version(binary.BigEndian.Uint64(b[12*i+4:]))
	}
	return versions, nil
}
