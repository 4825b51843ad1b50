package readdb

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// A cursor is the place of the last document of a page, and a checksum of that with
// the listing. So it is good for the listing that gave it only, in any space, and as
// long as the documents around it have such values and keys, whatever happens to
// them.

var cursorText = base64.RawURLEncoding.Strict()

func encodeCursor(listing, place []byte) string {
	return cursorText.EncodeToString(binary.BigEndian.AppendUint32(place[:len(place):len(place)], cursorSum(listing, place)))
}

func decodeCursor(listing []byte, cursor string) (place []byte, err error) {
	// The decoder skips line breaks.
	for i := range len(cursor) {
		if cursor[i] == '\n' || cursor[i] == '\r' {
			return nil, ErrCursor
		}
	}
	b, err := cursorText.DecodeString(cursor)
	if err != nil || len(b) < 4 {
		return nil, ErrCursor
	}
	place, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if sum != cursorSum(listing, place) {
		return nil, ErrCursor
	}
	return place, nil
}

func cursorSum(listing, place []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(listing), crc32.IEEETable, place)
}
