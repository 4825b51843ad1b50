package readdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
)

// dumpMagic is what a dump begins with. Then come the pairs, each as the length of its
// key, the key, the length of its value, the value; lengths are unsigned varints and no
// key is empty. A 0 ends them, and the CRC-64 (ECMA) of everything before follows, in
// eight bytes, the highest first.
const dumpMagic = "aether read DB 1\n"

var dumpTable = crc64.MakeTable(crc64.ECMA)

// Dump writes everything that is in the read DB at one moment, for [Load]: documents with
// the checkpoints that go with them. So another node need not make them again from the
// first event. Reads and writes go on meanwhile.
func (db *DB) Dump(to io.Writer) error {
	view, err := db.kv.View()
	if err != nil {
		return err
	}
	defer view.Close()
	sum := crc64.New(dumpTable)
	out := bufio.NewWriterSize(io.MultiWriter(to, sum), 64<<10)
	_, _ = out.WriteString(dumpMagic) // its errors are those of Flush
	var length [binary.MaxVarintLen64]byte
	for pair, err := range view.Scan(nil, nil, false) {
		if err != nil {
			return err
		}
		for _, part := range [][]byte{pair.Key, pair.Value} {
			_, _ = out.Write(binary.AppendUvarint(length[:0], uint64(len(part))))
			if _, err := out.Write(part); err != nil {
				return err
			}
		}
	}
	_ = out.WriteByte(0)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = to.Write(binary.BigEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

// ErrDump says that what was to be loaded is no dump, or not whole.
var ErrDump = errors.New("readdb: not a whole dump of a read DB")

// MaxDumped is how many bytes a key or a value of a dump may have.
const MaxDumped = 64 << 20

// loadBatch is how many bytes Load writes together.
const loadBatch = 1 << 20

// Load writes a dump to an empty KV. When it fails, with [ErrDump] if it is not a whole
// one, the KV has a part of it and is to be thrown away.
func Load(kv KV, from io.Reader) error {
	in := &summing{in: bufio.NewReaderSize(from, 64<<10), sum: crc64.New(dumpTable)}
	magic := make([]byte, len(dumpMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != dumpMagic {
		return notWhole(err, "it begins otherwise")
	}
	for {
		var batch []Change
		size := 0
		for size < loadBatch {
			key, err := in.part()
			if err != nil {
				return err
			}
			if len(key) == 0 {
				if err := kv.Write(batch); err != nil {
					return err
				}
				return in.end()
			}
			value, err := in.part()
			if err != nil {
				return err
			}
			batch = append(batch, Change{Op: Put, Key: key, Value: value})
			size += len(key) + len(value)
		}
		if err := kv.Write(batch); err != nil {
			return err
		}
	}
}

// summing reads and adds up what it has read.
type summing struct {
	in  *bufio.Reader
	sum hash.Hash64
}

func (s *summing) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	_, _ = s.sum.Write(b[:n])
	return n, err
}

func (s *summing) ReadByte() (byte, error) {
	b, err := s.in.ReadByte()
	if err == nil {
		_, _ = s.sum.Write([]byte{b})
	}
	return b, err
}

// part reads a key or a value.
func (s *summing) part() ([]byte, error) {
	n, err := binary.ReadUvarint(s)
	if err != nil || n > MaxDumped {
		return nil, notWhole(err, fmt.Sprintf("a part of it has %d bytes", n))
	}
	part := make([]byte, n)
	if _, err := io.ReadFull(s, part); err != nil {
		return nil, notWhole(err, "")
	}
	return part, nil
}

// end compares the sums.
func (s *summing) end() error {
	want := s.sum.Sum64()
	var sum [8]byte
	if _, err := io.ReadFull(s.in, sum[:]); err != nil {
		return notWhole(err, "")
	}
	if binary.BigEndian.Uint64(sum[:]) != want {
		return notWhole(nil, "its checksum is another")
	}
	return nil
}

func notWhole(err error, why string) error {
	if err == nil {
		return fmt.Errorf("%w: %s", ErrDump, why)
	}
	return fmt.Errorf("%w: %w", ErrDump, err)
}
