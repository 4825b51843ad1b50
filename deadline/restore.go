package deadline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
)

const (
	// checkpointEvery is how far the log is read between checkpoints, at least; and as
	// far as the last one has entries, so that saving what is pending, however much it
	// is, costs a part of what reading does.
	checkpointEvery = 10_000

	// lastCheckpointTime is how long the end of Run may take for its checkpoint.
	lastCheckpointTime = 10 * time.Second
)

// restore fills the table from the checkpoint, or leaves it empty when there is
// none that can be used. Errors are those that end Run.
func (s *Scheduler) restore(ctx context.Context, use bool) error {
	snapshots, ok := s.store.(aether.SnapshotStore)
	if !ok || !use {
		return nil
	}
	h, err := s.loadHead(ctx, snapshots)
	if err == nil {
		err = s.loadParts(ctx, snapshots, h)
	}
	switch {
	case err == nil:
		s.mu.Lock()
		s.position = h.mark.Position
		s.mu.Unlock()
		s.fromCheckpoint, s.saved, s.savedEntries = true, h.mark.Position, aether.Position(h.entries)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case ends(err):
		return err
	case !errors.Is(err, aether.ErrSnapshotNotFound):
		s.logger.Warn("deadline: the checkpoint cannot be used; the log is read from its start", "error", err)
	}
	s.mu.Lock()
	s.table = newTable()
	s.mu.Unlock()
	return nil
}

// loadHead returns the head of a checkpoint of this rule and of this log.
func (s *Scheduler) loadHead(ctx context.Context, snapshots aether.SnapshotStore) (head, error) {
	h, err := s.readHead(ctx, snapshots)
	if err != nil {
		return head{}, err
	}
	if h.rule != s.rule.fingerprint() {
		return head{}, errors.New("the rule has another version, or reads other kinds or types")
	}
	// The events are there to stay, so the same one at this position says that all
	// before it are the same too.
	holds := false
	err = s.persist(ctx, func() (err error) {
		holds, err = logmark.Holds(ctx, s.store, h.mark)
		return err
	})
	if err == nil && !holds {
		err = errors.New("the log does not have the event at which it was made, as after a backup was restored")
	}
	return h, err
}

func (s *Scheduler) readHead(ctx context.Context, snapshots aether.SnapshotStore) (head, error) {
	snapshot, err := snapshots.GetLatestSnapshot(ctx, headID(s.rule.Name))
	if err != nil {
		return head{}, err
	}
	return decodeHead(snapshot.Data)
}

func (s *Scheduler) loadParts(ctx context.Context, snapshots aether.SnapshotStore, h head) error {
	entries := uint64(0)
	for n := range h.parts {
		snapshot, err := snapshots.GetLatestSnapshot(ctx, partID(s.rule.Name, h.side, n))
		if err != nil {
			if errors.Is(err, aether.ErrSnapshotNotFound) {
				err = errors.New("is missing")
			}
			return fmt.Errorf("part %d: %w", n, err)
		}
		s.mu.Lock()
		count, err := decodePart(snapshot.Data, h.generation, n, func(k key, at int64, position aether.Position) error {
			if _, twice := s.table.find(k); twice || position == 0 || position > h.mark.Position {
				return errDamaged
			}
			s.table.set(k, at, position)
			return nil
		})
		s.mu.Unlock()
		if err != nil {
			return fmt.Errorf("part %d: %w", n, err)
		}
		entries += count
	}
	if entries != h.entries {
		return errDamaged
	}
	return nil
}

// saveNowAndThen saves a checkpoint when much has been read since the last. It
// returns only errors that end Run: whoever loses a cache can do without.
func (s *Scheduler) saveNowAndThen(ctx context.Context) error {
	if s.position-s.saved < max(s.checkpointEvery, s.savedEntries) {
		return nil
	}
	return s.trySave(ctx)
}

// saveLast saves a checkpoint although ctx has ended.
func (s *Scheduler) saveLast(ctx context.Context) {
	s.mu.Lock()
	dirty := s.dirty
	s.mu.Unlock()
	if !dirty || s.position == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpointTime)
	defer cancel()
	if err := s.trySave(ctx); err != nil { // Run ends anyway, for a better reason than this
		s.logger.Warn("deadline: the last checkpoint was not saved; the next start reads more of the log", "error", err)
	}
}

func (s *Scheduler) trySave(ctx context.Context) error {
	snapshots, ok := s.store.(aether.SnapshotStore)
	if !ok {
		return nil
	}
	err := s.save(ctx, snapshots)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && !ends(err) {
		s.logger.Warn("deadline: the checkpoint was not saved; the next start reads more of the log", "error", err)
		s.saved = s.position // not again with the next event
		return nil
	}
	return err
}

// save saves a checkpoint. Only the reader calls it, so what it does not see are
// only deadlines that are fired meanwhile, which is as if it had been made before.
func (s *Scheduler) save(ctx context.Context, snapshots aether.SnapshotStore) error {
	mark, err := logmark.At(ctx, s.store, s.position)
	if err != nil {
		return err
	}
	h := head{rule: s.rule.fingerprint(), mark: mark}
	if last, err := s.readHead(ctx, snapshots); err == nil {
		h.side = 1 - last.side // the last one is good until this one is complete
	}
	_, _ = rand.Read(h.generation[:]) // never fails

	s.mu.Lock()
	s.dirty = false
	s.mu.Unlock()
	err = s.saveParts(ctx, snapshots, &h)
	if err == nil {
		err = s.saveSnapshot(ctx, snapshots, headID(s.rule.Name), h.mark.Position, h.encode())
	}
	if err != nil {
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
		return err
	}
	s.saved, s.savedEntries = h.mark.Position, aether.Position(h.entries)
	return nil
}

func (s *Scheduler) saveParts(ctx context.Context, snapshots aether.SnapshotStore, h *head) error {
	for slot := uint32(0); ; h.parts++ {
		p := newPart(h.generation, h.parts)
		s.mu.Lock()
		for ; slot < s.table.used && p.entries < s.partEntries; slot++ {
			if e := s.table.at(slot); e.state == waiting || e.state == firing {
				p.add(e)
			}
		}
		s.mu.Unlock()
		if p.entries == 0 {
			return nil
		}
		h.entries += uint64(p.entries)
		if err := s.saveSnapshot(ctx, snapshots, partID(s.rule.Name, h.side, h.parts), h.mark.Position, p.encode()); err != nil {
			return err
		}
	}
}

func (s *Scheduler) saveSnapshot(ctx context.Context, snapshots aether.SnapshotStore, id string, position aether.Position, data []byte) error {
	return snapshots.SaveSnapshot(ctx, aether.Snapshot{
		ActorID: id, Version: aether.Version(position), Schema: checkpointFormat, Data: data, Time: time.Now().UTC(),
	})
}
