package jsonl

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/aether-es/aether"
)

// Sum is a checksum over events in their order: the SHA-256 of their lines
// without positions, so that it is the same in every store that holds them.
type Sum struct {
	hash   hash.Hash
	line   []byte
	events int64
}

// NewSum returns the Sum of no events.
func NewSum() *Sum { return &Sum{hash: sha256.New()} }

// Add counts an event in and returns its line, this time with the position. It is
// valid until the next call.
func (s *Sum) Add(e *aether.Event) ([]byte, error) {
	line, err := appendPlain(s.line[:0], e)
	if err != nil {
		return nil, err
	}
	end := len(line)
	line = append(line, "}\n"...)
	s.hash.Write(line)
	s.events++
	if e.Position != 0 {
		line = appendPosition(line[:end], e.Position)
	}
	s.line = line
	return line, nil
}

// Events returns how many were added.
func (s *Sum) Events() int64 { return s.events }

// String returns the checksum in hexadecimal.
func (s *Sum) String() string { return hex.EncodeToString(s.hash.Sum(nil)) }
