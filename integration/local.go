package integration

import (
	"context"
	"iter"
	"sync"

	"github.com/aether-es/aether"
)

// Local is a [Bus] within one process. It keeps the newest events of each stream,
// some thousands, in memory; who needs older ones reads the log. A slow subscriber
// delays nobody.
type Local struct {
	mu      sync.Mutex
	streams map[Stream]*localStream
	keep    int
	closed  bool
}

// localStream is a ring: the event of number n is at index n % keep.
type localStream struct {
	ring  []Event
	first uint64 // the number of the oldest; 0 before the first event
	last  uint64
	grown chan struct{} // closed and replaced by each Publish
}

// keepEvents is how many events of a stream are kept.
const keepEvents = 8192

var _ Bus = (*Local)(nil)

// NewLocal returns a bus. It needs no Close unless somebody subscribes with a context
// that does not end.
func NewLocal() *Local {
	return &Local{streams: make(map[Stream]*localStream), keep: keepEvents}
}

// Close ends the subscriptions with [aether.ErrClosed].
func (b *Local) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return aether.ErrClosed
	}
	b.closed = true
	for _, s := range b.streams {
		close(s.grown)
	}
	return nil
}

// stream returns a stream; mu is held.
func (b *Local) stream(name Stream) *localStream {
	s := b.streams[name]
	if s == nil {
		s = &localStream{ring: make([]Event, b.keep), grown: make(chan struct{})}
		if b.closed {
			close(s.grown)
		}
		b.streams[name] = s
	}
	return s
}

// Publish is described at [Bus]. The first events of a stream may have any number:
// those before are not known here.
func (b *Local) Publish(ctx context.Context, events ...Event) error {
	if err := ctx.Err(); err != nil || len(events) == 0 {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return aether.ErrClosed
	}
	s := b.stream(events[0].Stream)
	last := s.last
	for i := range events {
		e := &events[i]
		if last != 0 && e.Sequence > last+1 || e.Stream != events[0].Stream {
			return &GapError{Stream: e.Stream, Expected: last + 1, Got: e.Sequence}
		}
		last = max(last, e.Sequence)
	}
	for _, e := range events {
		if e.Sequence <= s.last {
			continue
		}
		if s.first == 0 {
			s.first = e.Sequence
		}
		s.ring[e.Sequence%uint64(len(s.ring))] = e
		s.last = e.Sequence
		s.first = max(s.first, s.last-min(s.last, uint64(len(s.ring)))+1)
	}
	close(s.grown)
	s.grown = make(chan struct{})
	return nil
}

// Subscribe is described at [Bus].
func (b *Local) Subscribe(ctx context.Context, stream Stream, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		next := after + 1
		page := make([]Event, 0, 256)
		for {
			b.mu.Lock()
			s := b.stream(stream)
			page = page[:0]
			first, closed, grown := s.first, b.closed, s.grown
			for n := next; first != 0 && n >= first && n <= s.last && len(page) < cap(page); n++ {
				page = append(page, s.ring[n%uint64(len(s.ring))])
			}
			b.mu.Unlock()
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			if closed {
				yield(Event{}, aether.ErrClosed)
				return
			}
			if first != 0 && next < first {
				yield(Event{}, &GoneError{Stream: stream, After: next - 1, First: first})
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				next = e.Sequence + 1
			}
			if len(page) == 0 {
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
		}
	}
}
