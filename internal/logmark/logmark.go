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

	"github.com/aether-es/aether"
)

// Mark is a position of one log. The zero Mark is before the first event of any.
type Mark struct {
	Position aether.Position `json:"position"`
	Digest   string          `json:"digest"` // of the event there
}

// Of returns the mark of an event.
func Of(event *aether.Event) (Mark, error) {
	text, err := json.Marshal(event)
	if err != nil {
		return Mark{}, err
	}
	sum := sha256.Sum256(text)
	return Mark{event.Position, hex.EncodeToString(sum[:16])}, nil
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
