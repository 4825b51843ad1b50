package effect

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
)

const (
	// checkpointSchema is to be raised with every change of the checkpoint's form or
	// of what entries mean. Older ones are then ignored.
	checkpointSchema = 2

	// checkpointEvery is how many events are read between two checkpoints; and as
	// many more as there are open effects, so that the time for it, which they
	// determine, is shared among as many events.
	checkpointEvery = 1000
)

// checkpoint is a book in a snapshot. It may be old, and it may come from another
// history: the store was restored from a backup and went on differently. So it
// has the mark of its position, which must be there still.
//
// It is JSON, compressed as in RFC 1951: the fields of this struct, and then the
// entries, one after the other.
type checkpoint struct {
	Mark     logmark.Mark         `json:"mark"` // how far the log was read
	Coverage map[string][]started `json:"coverage"`
	Own      map[string]started   `json:"own"` // what each effect selects
	Open     int                  `json:"open"`

	entries []*entry
}

// encode returns the data of the snapshot, or errTooMany when it has more bytes than
// most.
func (c *checkpoint) encode(most int) ([]byte, error) {
	data := bounded{most: most}
	compressed, err := flate.NewWriter(&data, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	c.Open = len(c.entries)
	to := json.NewEncoder(compressed)
	if err := to.Encode(c); err != nil {
		return nil, err
	}
	for _, e := range c.entries {
		if err := to.Encode(e); err != nil {
			return nil, err
		}
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// decode is the reverse of encode. It fails unless the data is whole.
func (c *checkpoint) decode(data []byte) error {
	from := json.NewDecoder(flate.NewReader(bytes.NewReader(data)))
	if err := from.Decode(c); err != nil {
		return err
	}
	for range c.Open {
		var e *entry
		if err := from.Decode(&e); err != nil {
			return err
		}
		c.entries = append(c.entries, e)
	}
	if _, err := from.Token(); err != io.EOF {
		return errors.New("there is more than the checkpoint says")
	}
	return nil
}

// errTooMany: so many effects are open that a snapshot cannot hold them.
var errTooMany = errors.New("they are more than a snapshot can hold; until they are fewer, a restart reads the log from the checkpoint before, or from its start")

// bounded is a buffer for a snapshot.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(data []byte) (int, error) {
	if b.Len()+len(data) > b.most {
		return 0, errTooMany
	}
	return b.Buffer.Write(data)
}

// checkpointID is the actor of the snapshot: one for each set of effects.
func (r *Runner) checkpointID() string {
	names, _ := json.Marshal(slices.Sorted(maps.Keys(r.effects)))
	sum := sha256.Sum256(names)
	return "effect-checkpoint/" + hex.EncodeToString(sum[:8])
}

func (r *Runner) selections() map[string]started {
	own := make(map[string]started)
	for name, x := range r.effects {
		own[name] = started{Kinds: x.Kinds, Types: x.Types}
	}
	return own
}

// checkpoint saves the book. It is a cache, so what goes wrong is only logged.
func (r *Runner) checkpoint(ctx context.Context, b *book) {
	snapshots, ok := r.store.(aether.SnapshotStore)
	if !ok {
		return
	}
	err := r.saveCheckpoint(ctx, snapshots, b)
	if err != nil && !errors.Is(err, aether.ErrClosed) {
		r.options.Logger.Warn("effect: no checkpoint", "error", err)
	}
}

func (r *Runner) saveCheckpoint(ctx context.Context, snapshots aether.SnapshotStore, b *book) error {
	if err := r.catchUp(ctx, b); err != nil { // past what the filter hides
		return err
	}
	b.mu.Lock()
	position := b.position
	c := checkpoint{Coverage: b.coverage, Own: r.selections()}
	readable := true
	copies := make([]entry, 0, len(b.entries))
	for _, e := range b.entries {
		copies = append(copies, *e)
		readable = readable && !e.Unreadable
	}
	b.mu.Unlock()
	if position == 0 || !readable { // a newer program shall read it from the log
		return nil
	}
	for i := range copies {
		c.entries = append(c.entries, &copies[i])
	}
	slices.SortFunc(c.entries, byCause)
	var err error
	if c.Mark, err = logmark.At(ctx, r.store, position); err != nil {
		return err
	}
	data, err := c.encode(r.snapshotSize)
	if err != nil {
		return fmt.Errorf("%d open effects: %w", len(c.entries), err)
	}
	return snapshots.SaveSnapshot(ctx, aether.Snapshot{
		ActorID: r.checkpointID(), Version: aether.Version(position), Schema: checkpointSchema,
		Data: data, Time: r.options.Clock.Now(),
	})
}

// restore takes the book to the last checkpoint, if there is one that is of this
// log and these effects.
func (r *Runner) restore(ctx context.Context, b *book) error {
	snapshots, ok := r.store.(aether.SnapshotStore)
	if !ok {
		return nil
	}
	snapshot, err := snapshots.GetLatestSnapshot(ctx, r.checkpointID())
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, aether.ErrClosed) {
			return err
		}
		if !errors.Is(err, aether.ErrSnapshotNotFound) {
			r.options.Logger.Warn("effect: the checkpoint cannot be read; reading the log from its start", "error", err)
		}
		return nil
	}
	c, ok := r.parse(snapshot)
	if !ok || !sameJSON(c.Coverage, b.coverage) {
		return nil
	}
	if holds, err := logmark.Holds(ctx, r.store, c.Mark); err != nil || !holds {
		return err
	}
	for i, e := range c.entries {
		// A Request that failed may do better in this program.
		if c.entries[i], err = r.again(ctx, b, e); err != nil {
			return err
		}
	}
	for _, e := range c.entries {
		if e != nil {
			b.insert(e)
		}
	}
	b.position = c.Mark.Position
	return nil
}

// parse returns the checkpoint in a snapshot, if it is whole and of these effects.
func (r *Runner) parse(snapshot aether.Snapshot) (c checkpoint, ok bool) {
	if snapshot.Schema != checkpointSchema || c.decode(snapshot.Data) != nil || c.Mark.Position == 0 ||
		!sameJSON(c.Own, r.selections()) {
		return checkpoint{}, false
	}
	seen := make(map[string]bool)
	for _, e := range c.entries {
		if e == nil || seen[e.ID] || r.effects[e.Effect] == nil || e.ID != effectID(e.Effect, e.Cause.ActorID, e.Cause.Version) ||
			!slices.Contains(states(), e.State) || (e.State == Recording) != (e.Outcome != nil) {
			return checkpoint{}, false
		}
		seen[e.ID] = true
	}
	return c, true
}

func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// again asks Request about an entry of which it did not know, which is then as if
// the log had been read with this program; nil when it asked for nothing.
func (r *Runner) again(ctx context.Context, b *book, e *entry) (*entry, error) {
	if !e.Broken || e.State != Failed || e.Version != 0 {
		return e, nil
	}
	cause, err := r.cause(ctx, e.Cause)
	if err != nil {
		return nil, err
	}
	for _, fresh := range b.requests(cause) {
		if fresh.ID == e.ID {
			return fresh, nil
		}
	}
	return nil, nil
}
