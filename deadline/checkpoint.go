package deadline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
)

// A checkpoint is one head and any number of parts, each a snapshot:
//
//	aether.deadline/<rule>               the head
//	aether.deadline/<rule>/<side>/<n>    part n, from 0
//
// The parts are saved first, on the side, 0 or 1, that the checkpoint before does
// not use; then the head, which names them. So a program that dies in between
// leaves the former checkpoint. All carry the generation, which is random: parts of
// another one do not count.
//
// Both end with the CRC-32C of what is before. Numbers are big endian.
//
//	head: "AEDH" u8 format, [16] fingerprint of the rule, u8 side, [16] generation,
//	      u64 position, [16] digest of the event there, u32 parts, u64 entries
//	part: "AEDP" u8 format, [16] generation, u32 n, u32 entries,
//	      and of each: [16] key, i64 due in microseconds, u64 position
const (
	checkpointKind   = "aether.deadline"
	checkpointFormat = 1

	headMagic, headSize = "AEDH", 4 + 1 + 16 + 1 + 16 + 8 + 16 + 4 + 8
	partMagic, partHead = "AEDP", 4 + 1 + 16 + 4 + 4
	partEntry           = 16 + 8 + 8

	// maxPartEntries keeps a part at 4 MiB, and short the time for which nothing is
	// fired while it is made.
	maxPartEntries = 1 << 17
)

// head says what a checkpoint consists of.
type head struct {
	rule       key
	side       uint8
	generation key
	mark       logmark.Mark // of the position, by which the log is recognised
	parts      uint32
	entries    uint64
}

func headID(rule string) string { return checkpointKind + "/" + rule }

func partID(rule string, side uint8, n uint32) string {
	return fmt.Sprintf("%s/%s/%d/%d", checkpointKind, rule, side, n)
}

var errDamaged = errors.New("damaged or of another format")

func (h *head) encode() []byte {
	data := append(make([]byte, 0, headSize+4), headMagic...)
	data = append(data, checkpointFormat)
	data = append(data, h.rule[:]...)
	data = append(data, h.side)
	data = append(data, h.generation[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(h.mark.Position))
	data = append(data, h.mark.Digest[:]...)
	data = binary.BigEndian.AppendUint32(data, h.parts)
	data = binary.BigEndian.AppendUint64(data, h.entries)
	return seal(data)
}

func decodeHead(data []byte) (head, error) {
	r, ok := unseal(data, headMagic)
	if !ok || len(data) != headSize+4 {
		return head{}, errDamaged
	}
	var h head
	copy(h.rule[:], r.bytes(16))
	h.side = r.bytes(1)[0]
	copy(h.generation[:], r.bytes(16))
	h.mark.Position = aether.Position(r.uint64())
	copy(h.mark.Digest[:], r.bytes(16))
	h.parts = r.uint32()
	h.entries = r.uint64()
	if h.mark.Position == 0 || h.side > 1 {
		return head{}, errDamaged
	}
	return h, nil
}

// part is encoded entry by entry, so that no second copy of them is needed.
type part struct {
	data    []byte
	entries uint32
}

func newPart(generation key, n uint32) *part {
	data := append(make([]byte, 0, partHead), partMagic...)
	data = append(data, checkpointFormat)
	data = append(data, generation[:]...)
	data = binary.BigEndian.AppendUint32(data, n)
	return &part{data: append(data, 0, 0, 0, 0)}
}

func (p *part) add(e *entry) {
	p.data = append(p.data, e.key[:]...)
	p.data = binary.BigEndian.AppendUint64(p.data, uint64(e.at))
	p.data = binary.BigEndian.AppendUint64(p.data, uint64(e.position))
	p.entries++
}

func (p *part) encode() []byte {
	binary.BigEndian.PutUint32(p.data[partHead-4:], p.entries)
	return seal(p.data)
}

// decodePart calls add for each entry of part n of the generation, and returns how
// many there are. An error may come after some of them.
func decodePart(data []byte, generation key, n uint32, add func(k key, at int64, position aether.Position) error) (uint64, error) {
	r, ok := unseal(data, partMagic)
	if !ok || len(data) < partHead+4 {
		return 0, errDamaged
	}
	if key(r.bytes(16)) != generation {
		return 0, errors.New("of another checkpoint")
	}
	number, entries := r.uint32(), uint64(r.uint32())
	if number != n || uint64(len(r.data)) != entries*partEntry {
		return 0, errDamaged
	}
	for range entries {
		k := key(r.bytes(16))
		at, position := int64(r.uint64()), aether.Position(r.uint64())
		if err := add(k, at, position); err != nil {
			return 0, err
		}
	}
	return entries, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal adds the checksum.
func seal(data []byte) []byte {
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// unseal takes off the checksum, the magic and the format, which must be right.
func unseal(data []byte, magic string) (reader, bool) {
	body := len(data) - 4
	if body < len(magic)+1 || string(data[:len(magic)]) != magic || data[len(magic)] != checkpointFormat ||
		binary.BigEndian.Uint32(data[body:]) != crc32.Checksum(data[:body], castagnoli) {
		return reader{}, false
	}
	return reader{data[len(magic)+1 : body]}, true
}

// reader takes values off data whose length was looked at before.
type reader struct{ data []byte }

func (r *reader) bytes(n int) []byte {
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }
