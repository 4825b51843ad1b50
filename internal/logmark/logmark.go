// Package logmark recognises a place in a log. A checkpoint is kept beside the log,
// so when the store is restored from a backup and goes on differently, it may be
// ahead of the log, or of another history. Events do not change, so where the event
// at a position is the same as it was, everything before it is, too.
package logmark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/aether-es/aether"
)

// Mark is a position of one log. The zero Mark is before the first event of any.
type Mark struct {
	Position aether.Position `json:"position"`
	Digest   Digest          `json:"digest"` // of the event there
}

// Digest tells an event from every other, also from one at the same position of
// another history: the first 128 bits of the SHA-256 of its JSON form.
type Digest [16]byte

// MarshalText returns the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText is the reverse of MarshalText.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return errors.New("logmark: a digest has 32 digits")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// Of returns the mark of an event.
func Of(event *aether.Event) (Mark, error) {
	text, err := json.Marshal(event)
	if err != nil {
		return Mark{}, err
	}
	sum := sha256.Sum256(text)
	return Mark{event.Position, Digest(sum[:16])}, nil
}

// At returns the mark of a position, the zero Mark when the log does not reach it.
func At(ctx context.Context, log aether.Log, position aether.Position) (Mark, error) {
	if position == 0 {
		return Mark{}, nil
	}
	for event, err := range log.ReadLog(ctx, position-1, &aether.LogOptions{To: position}) {
		if err != nil {
			return Mark{}, err
		}
		return Of(&event)
	}
	return Mark{}, nil
}

// Holds says whether a mark is one of this log.
func Holds(ctx context.Context, log aether.Log, mark Mark) (bool, error) {
	there, err := At(ctx, log, mark.Position)
	return there == mark, err
}
