package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
)

// load is what writers write while a test looks on: single events and saves of
// several, of one actor and of several, of two kinds and two types.
type load struct {
	batches [][][]aether.Event // by writer
	total   int                // events
}

func newLoad(writers, saves int) *load {
	l := &load{batches: make([][][]aether.Event, writers)}
	for w := range writers {
		room, hall := fmt.Sprintf("room/%d", w), fmt.Sprintf("hall/%d", w)
		var atRoom, atHall aether.Version
		for i := range saves {
			var batch []aether.Event
			for range 1 + (w+i)%3 {
				atRoom++
				batch = append(batch, newEvent(room, atRoom))
			}
			if i%4 == 0 {
				atHall++
				batch = append(batch, newEvent(hall, atHall))
				batch[0].Type = "Moved"
			}
			l.batches[w] = append(l.batches[w], batch)
			l.total += len(batch)
		}
	}
	return l
}

// write saves the part of one writer.
func (l *load) write(ctx context.Context, store aether.EventStore, writer int) error {
	for _, batch := range l.batches[writer] {
		if _, err := store.SaveEvents(ctx, batch...); err != nil {
			return fmt.Errorf("writer %d: SaveEvents: %w", writer, err)
		}
	}
	return nil
}

// expect fails the test unless the log holds exactly the load, every save whole.
// It returns the log.
func (l *load) expect(ctx context.Context, t *testing.T, store aether.EventStore) []aether.Event {
	t.Helper()
	log := all(t, "ReadLog", store.ReadLog(ctx, 0, nil))
	at := make(map[string]int) // by ID, in the log
	for i := range log {
		at[log[i].ID] = i
	}
	for _, batches := range l.batches {
		for _, batch := range batches {
			first, ok := at[batch[0].ID]
			if !ok || first+len(batch) > len(log) {
				t.Fatalf("version %d of %q was saved but is not in the log", batch[0].Version, batch[0].ActorID)
			}
			expectEvents(t, "a save in the log", log[first:first+len(batch)], positioned(batch, aether.Position(first+len(batch))))
		}
	}
	if len(log) != l.total {
		t.Fatalf("%d events were saved, but %d are in the log", l.total, len(log))
	}
	expectStore(ctx, t, store, log)
	return log
}
