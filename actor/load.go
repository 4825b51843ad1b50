package actor

import (
	"context"

	"github.com/aether-es/aether"
)

// load brings the state of an actor up to date: from what is in memory and the events
// since, from its snapshot and the events since, or from all of its events.
func (h *Host[S, C, E]) load(ctx context.Context, c *cell[S, C, E]) (err error) {
	whole := c.loaded
	c.behind, c.loaded = false, false // in case it fails half-way
	if whole {
		if err := h.follow(ctx, c); err != nil {
			return err
		}
		c.loaded = true
		return nil
	}
	var found snapshot[S]
	if h.keeper != nil {
		found = h.keeper.get(ctx, c.id)
	}
	if found.version > 0 {
		ok, err := h.replay(ctx, c, found)
		if ok || err != nil {
			return err
		}
		found.useless = true
	}
	_, err = h.replay(ctx, c, snapshot[S]{useless: found.useless})
	return err
}

// follow applies the newer events to a state.
func (h *Host[S, C, E]) follow(ctx context.Context, c *cell[S, C, E]) error {
	for e, err := range h.store.GetEvents(ctx, c.id, c.version) {
		if err != nil {
			return loadError(c.id, err)
		}
		if err := h.apply(c, e); err != nil {
			return err
		}
	}
	return nil
}

// apply applies one event of the store.
func (h *Host[S, C, E]) apply(c *cell[S, C, E], e aether.Event) error {
	value, err := h.decode(e)
	if err != nil {
		return err
	}
	if err := callEvolve(&h.decider, c, []E{value}); err != nil {
		return loadError(c.id, err)
	}
	c.version, c.position, c.lastID = e.Version, e.Position, e.ID
	return nil
}

// replay makes the state from a snapshot, if that has a version, and the events
// since. It returns false when the snapshot is not of these events: it is ahead of
// them, or of another history, where the store was restored from a backup.
func (h *Host[S, C, E]) replay(ctx context.Context, c *cell[S, C, E], from snapshot[S]) (bool, error) {
	c.loaded, c.version, c.position, c.lastID = false, 0, 0, ""
	c.kept, c.useless = from.version, from.useless
	after := aether.Version(0)
	if from.version > 0 {
		c.state = from.state
		after = from.version - 1 // the event of that version proves the snapshot
	} else {
		var err error
		if c.state, err = h.callInitial(c.id); err != nil {
			return false, err
		}
	}
	for e, err := range h.store.GetEvents(ctx, c.id, after) {
		if err != nil {
			return false, loadError(c.id, err)
		}
		if from.version > 0 && e.Version == from.version {
			if e.ID != from.eventID {
				return false, nil
			}
			c.version, c.position, c.lastID = e.Version, e.Position, e.ID
		} else if err := h.apply(c, e); err != nil {
			return false, err
		}
	}
	if c.version < from.version {
		return false, nil
	}
	c.loaded = true
	return true, nil
}
