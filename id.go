package aether

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// NewID returns a UUIDv7 (RFC 9562): the time in milliseconds, the fraction of
// the millisecond in 12 bits (its method 3), and 62 random bits, from
// a generator that the system seeds. IDs are unique, not secret. IDs made later
// sort later, as far as the clock goes. It is safe for concurrent use.
func NewID() string {
	now := time.Now()
	ms := uint64(now.UnixMilli())
	fraction := uint64(now.Nanosecond()%int(time.Millisecond)) << 12 / uint64(time.Millisecond)

	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|fraction)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	id[8] = id[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
