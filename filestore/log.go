package filestore

import (
	"context"
	"iter"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

// GetLatestPosition is described at [aether.Log].
func (n *namespace) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	return n.latestFrom(ctx, 0)
}

// ReadLog is described at [aether.Log].
func (n *namespace) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.log(ctx, after, options, false)
}

// FollowLog is described at [aether.Log].
func (n *namespace) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.log(ctx, after, options, true)
}

func (n *namespace) log(ctx context.Context, after aether.Position, options *aether.LogOptions, follow bool) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		bound := ^aether.Position(0)
		endless := follow
		if options != nil && options.To != 0 {
			bound, endless = options.To, false
		}
		seen := after
		c := cursor{namespace: n, next: after + 1}
		for {
			var wanted aether.Position
			if follow && (seen < bound || endless) {
				wanted = max(c.next, seen) // next is 0 after the greatest position of all
			}
			latest, err := n.latestFrom(ctx, wanted)
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			for to := min(latest, bound); seen < to; seen++ {
				e, match, err := c.read(ctx, options)
				if err != nil {
					yield(aether.Event{}, err)
					return
				}
				if match && !yield(e, nil) {
					return
				}
			}
			if !follow || seen >= bound && !endless {
				return
			}
		}
	}
}

// latestFrom returns the latest position, having waited until it is wanted or
// greater.
func (n *namespace) latestFrom(ctx context.Context, wanted aether.Position) (aether.Position, error) {
	s := n.store
	for {
		if err := s.enter(ctx); err != nil {
			return 0, err
		}
		s.mu.Lock()
		latest := n.latest
		if latest < wanted && n.grown == nil {
			n.grown = make(chan struct{})
		}
		grown := n.grown
		s.mu.Unlock()
		s.leave()
		if latest >= wanted {
			return latest, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// cursor reads the events of a namespace in the order of the log.
type cursor struct {
	namespace *namespace
	next      aether.Position // the one to be read next
	segment   *segment        // nil before the first read
	scan      scanner
	strange   int // bytes of other namespaces since the last event
	space     slab
}

// read returns the event of the next position, which must be on disk, if it
// passes options.
func (c *cursor) read(ctx context.Context, options *aether.LogOptions) (aether.Event, bool, error) {
	s := c.namespace.store
	if err := s.enter(ctx); err != nil {
		return aether.Event{}, false, err
	}
	defer s.leave()
	r, err := c.record()
	if err != nil {
		return aether.Event{}, false, err
	}
	c.next++
	if !matches(options, r) {
		return aether.Event{}, false, nil
	}
	e, err := r.event(&c.space)
	if err != nil {
		err = c.segment.damage(c.scan.offset-int64(len(r)), "%v", err)
	}
	return e, err == nil, err
}

// matches says whether an event passes options. It looks into the record only
// when they ask for something.
func matches(options *aether.LogOptions, r record) bool {
	if options == nil || len(options.Kinds) == 0 && len(options.Types) == 0 {
		return true
	}
	_, actorID, _, eventType := r.names()
	return storekit.Matches(options, string(actorID), string(eventType))
}

func (c *cursor) record() (record, error) {
	for {
		if c.segment == nil || c.strange >= markEvery {
			if err := c.locate(); err != nil {
				return nil, err
			}
		}
		if c.scan.offset >= c.scan.end {
			if err := c.advance(); err != nil {
				return nil, err
			}
		}
		r, err := c.scan.next()
		switch {
		case isBroken(err):
			return nil, c.segment.damage(c.scan.offset, "%v", err)
		case err != nil:
			return nil, err
		case r.isSeal():
			if err := c.enterSegment(c.segment.number+1, segmentHeader); err != nil {
				return nil, err
			}
		case string(r.namespace()) != c.namespace.name:
			c.strange += len(r)
		case r.position() > c.next:
			return nil, c.segment.damage(c.scan.offset-int64(len(r)), "position %d is followed by %d", c.next-1, r.position())
		case r.position() == c.next:
			c.strange = 0
			return r, nil
		}
	}
}

// locate moves to the mark before the next position, if that lies ahead.
func (c *cursor) locate() error {
	s, name := c.namespace.store, c.namespace.name
	find := s.markAt
	if c.segment != nil {
		find = s.markFrom
	}
	c.strange = 0
	m, ok, err := find(name, c.next)
	if err != nil {
		return err
	}
	ok = ok && m.position <= c.next
	switch {
	case c.segment == nil && !ok:
		return c.enterSegment(1, segmentHeader)
	case c.segment == nil || ok && place.before(place{segment: c.segment.number, offset: uint32(c.scan.offset)}, m.place):
		return c.enterSegment(m.place.segment, int64(m.place.offset))
	}
	return nil
}

func (c *cursor) enterSegment(number uint32, offset int64) error {
	s := c.namespace.store.segments.get(number)
	if s == nil {
		return &DamageError{File: segmentName(number), Reason: "the file is missing"}
	}
	if c.segment == s {
		c.scan.jump(offset, c.scan.end)
		return nil
	}
	c.segment = s
	c.scan = scanner{file: s.file, path: s.path, offset: offset, end: offset, buf: c.scan.buf}
	return nil
}

// advance finds out how far the segment can be read now.
func (c *cursor) advance() error {
	s := c.namespace.store
	s.mu.RLock()
	durable := s.durable
	s.mu.RUnlock()
	end := int64(durable.offset)
	if c.segment.number < durable.segment {
		end = c.segment.size // the writer has left it
	}
	if c.scan.offset >= end {
		return c.segment.damage(c.scan.offset, "the event of position %d should come before here", c.next)
	}
	if info, err := c.segment.file.Stat(); err == nil && info.Size() < end {
		return c.segment.damage(info.Size(), "the file ends here, where %d bytes were written", end)
	}
	c.scan.jump(c.scan.offset, end)
	return nil
}

// markAt returns the last mark at or before a position, from memory or disk.
func (s *Store) markAt(namespace string, position aether.Position) (mark, bool, error) {
	s.mu.RLock()
	for _, r := range [...]*recent{s.recent, s.flushing} {
		if m, ok := r.markAt(namespace, position); ok {
			s.mu.RUnlock()
			return m, true, nil
		}
	}
	s.mu.RUnlock()
	return s.index.markAt(namespace, position)
}

// markFrom returns the first mark at or after a position, from disk or memory.
func (s *Store) markFrom(namespace string, position aether.Position) (mark, bool, error) {
	// Memory first: what moves to disk in between is then found in both.
	s.mu.RLock()
	m, ok := s.flushing.markFrom(namespace, position)
	if !ok {
		m, ok = s.recent.markFrom(namespace, position)
	}
	s.mu.RUnlock()
	if older, found, err := s.index.markFrom(namespace, position); err != nil || found {
		return older, found, err
	}
	return m, ok, nil
}
