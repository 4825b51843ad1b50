package integration

import (
	"context"
	"iter"

	"github.com/aether-es/aether"
)

// History is the whole of a stream, for whoever begins, or has missed some.
type History interface {
	Stream() Stream

	// Read yields the events behind a cursor, in order, up to the last one there is.
	Read(ctx context.Context, after Cursor) iter.Seq2[Event, error]

	// Next returns the position of the first event behind a cursor, 0 when there is none
	// up to a position. It waits until it can say so: until the log has come there.
	Next(ctx context.Context, after Cursor, to aether.Position) (aether.Position, error)

	// Mark returns the [Event.Digest] of the last event before a cursor, so that what
	// was made of a store is not taken for what is made of its backup. It is empty when
	// the history does not reach the cursor.
	Mark(ctx context.Context, cursor Cursor) (string, error)
}

// LogHistory is the history that a mapping finds in the log of a namespace.
type LogHistory struct {
	Mapping   Mapping
	Log       aether.Log
	Namespace string
}

var _ History = (*LogHistory)(nil)

// Stream returns the stream of the mapping.
func (h *LogHistory) Stream() Stream { return h.Mapping.Stream(h.Namespace) }

// Read is described at [History].
func (h *LogHistory) Read(ctx context.Context, after Cursor) iter.Seq2[Event, error] {
	return h.Mapping.Read(ctx, h.Log, h.Namespace, after)
}

// Next is described at [History].
func (h *LogHistory) Next(ctx context.Context, after Cursor, to aether.Position) (aether.Position, error) {
	options := h.Mapping.options()
	options.To = to
	for e, err := range h.Mapping.events(h.Log.FollowLog(ctx, after.Position, options), h.Namespace, after) {
		return e.Position, err
	}
	return 0, ctx.Err()
}

// Mark is described at [History].
func (h *LogHistory) Mark(ctx context.Context, cursor Cursor) (string, error) {
	options := h.Mapping.options()
	options.To = cursor.Position
	log := h.Log.ReadLog(ctx, cursor.Position-1, options)
	var last Event
	for e, err := range h.Mapping.events(log, h.Namespace, Cursor{}) {
		if err != nil {
			return "", err
		}
		last = e
	}
	if last.Type == "" {
		return "", nil
	}
	return last.Digest(), nil
}
