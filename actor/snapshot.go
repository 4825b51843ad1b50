package actor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
)

// snapshot is a state of an actor. Its data begins with the ID of the actor's
// event of that version, which tells whether it belongs to the stream that is there.
type snapshot[S any] struct {
	state   S
	version aether.Version
	eventID string
	useless bool // there is one, which cannot be used
}

// keeper saves snapshots in the background, and reads them. A snapshot is a cache:
// whatever is wrong with one is logged, and the actor loaded without.
type keeper[S any] struct {
	store  aether.SnapshotStore
	codec  *Snapshots[S]
	logger *slog.Logger
	jobs   chan keepJob[S]
	once   sync.Once
	done   sync.WaitGroup
}

// keepJob is a snapshot to be saved: data, or a state that nobody changes any more.
type keepJob[S any] struct {
	actorID string
	snapshot[S]
	data []byte
	busy *atomic.Bool // to be cleared; nil for states
}

// waitingSnapshots is how many may wait to be saved; beyond that none are made.
const waitingSnapshots = 64

func newKeeper[S any](store aether.SnapshotStore, codec *Snapshots[S], logger *slog.Logger) *keeper[S] {
	k := &keeper[S]{store: store, codec: codec, logger: logger, jobs: make(chan keepJob[S], waitingSnapshots)}
	k.done.Go(k.run)
	return k
}

// run saves snapshots until it is closed. When Encode ends the goroutine, another one
// goes on.
func (k *keeper[S]) run() {
	over := false
	defer func() {
		if !over {
			k.done.Go(k.run)
		}
	}()
	for job := range k.jobs {
		if err := k.save(&job); err != nil {
			k.logger.Warn("actor: snapshot not saved", "actor", job.actorID, "version", job.version, "error", err)
		}
		if job.busy != nil {
			job.busy.Store(false)
		}
	}
	over = true
}

func (k *keeper[S]) close() {
	k.once.Do(func() { close(k.jobs) })
	k.done.Wait()
}

func (k *keeper[S]) save(job *keepJob[S]) (err error) {
	if job.data == nil {
		if job.data, err = k.encode(job.actorID, &job.snapshot); err != nil {
			return err
		}
	}
	return k.store.SaveSnapshot(context.Background(), aether.Snapshot{
		ActorID: job.actorID, Version: job.version, Schema: k.codec.Schema, Data: job.data, Time: time.Now(),
	})
}

func (k *keeper[S]) encode(actorID string, s *snapshot[S]) (data []byte, err error) {
	defer caught(actorID, "Snapshots.Encode", &err)
	state, err := k.codec.Encode(s.state)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	data = binary.AppendUvarint(make([]byte, 0, 2+len(s.eventID)+len(state)), uint64(len(s.eventID)))
	return append(append(data, s.eventID...), state...), nil
}

var errForm = errors.New("it does not begin with the ID of an event")

func (k *keeper[S]) decode(actorID string, data []byte, s *snapshot[S]) (err error) {
	defer caught(actorID, "Snapshots.Decode", &err)
	n, width := binary.Uvarint(data)
	if width <= 0 || n > uint64(len(data)-width) {
		return errForm
	}
	data = data[width:]
	s.eventID = string(data[:n])
	s.state, err = k.codec.Decode(data[n:])
	return err
}

// get returns the snapshot of an actor, with version 0 when there is none of use.
func (k *keeper[S]) get(ctx context.Context, actorID string) snapshot[S] {
	found, err := k.store.GetLatestSnapshot(ctx, actorID)
	if errors.Is(err, aether.ErrSnapshotNotFound) {
		return snapshot[S]{}
	}
	var s snapshot[S]
	if err == nil && found.Schema != k.codec.Schema {
		return snapshot[S]{useless: true} // another version of the program made it
	}
	if err == nil {
		err = k.decode(actorID, found.Data, &s)
	}
	if err != nil {
		k.logger.Warn("actor: snapshot not used", "actor", actorID, "version", found.Version, "error", err)
		return snapshot[S]{useless: true}
	}
	s.version = found.Version
	return s
}

// keep makes a snapshot of an actor when it is time. It is called by the goroutine
// that works for the actor, after callers were answered.
func (h *Host[S, C, E]) keep(c *cell[S, C, E]) {
	k := h.keeper
	if k == nil || !c.loaded || !h.due(c, h.options.SnapshotEvery) || c.keeping.Load() || len(k.jobs) == cap(k.jobs) {
		return // or there is enough to save already
	}
	start := time.Now()
	if start.Before(c.notBefore) {
		return
	}
	s := snapshot[S]{state: c.state, version: c.version, eventID: c.lastID}
	data, err := k.encode(c.id, &s)
	end := time.Now()
	c.notBefore = end.Add(20 * end.Sub(start))
	c.kept, c.useless = c.version, false
	if err != nil {
		k.logger.Warn("actor: snapshot not made", "actor", c.id, "version", c.version, "error", err)
		return
	}
	c.keeping.Store(true)
	select {
	case k.jobs <- keepJob[S]{actorID: c.id, snapshot: snapshot[S]{version: s.version}, data: data, busy: &c.keeping}:
	default: // others were faster; the next one comes
		c.keeping.Store(false)
	}
}

// evicted makes a snapshot of an actor that leaves memory, if it is long enough for
// one to help. Nobody changes its state any more.
func (h *Host[S, C, E]) evicted(c *cell[S, C, E]) {
	if h.keeper == nil || !h.due(c, max(h.options.SnapshotEvery/4, 1)) || c.keeping.Load() {
		return
	}
	job := keepJob[S]{actorID: c.id, snapshot: snapshot[S]{state: c.state, version: c.version, eventID: c.lastID}}
	select {
	case h.keeper.jobs <- job:
	default: // the next time it is loaded from an older one
	}
}

// due says whether an actor has had so many events since its last snapshot, or has
// one that cannot be used.
func (h *Host[S, C, E]) due(c *cell[S, C, E], events int) bool {
	return c.version > 0 && (c.useless || c.version-c.kept >= aether.Version(events))
}
