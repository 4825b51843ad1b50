package integration

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/aether-es/aether"
)

// Local is a [Bus] within one process. It keeps the newest events in memory, as many
// as [LocalOptions] say; who needs older ones reads the log. A slow subscriber delays
// nobody.
type Local struct {
	options LocalOptions

	mu      sync.Mutex
	streams map[Stream]*localStream
	size    int // of the events that are kept
	closed  bool
}

// LocalOptions are the settings of a local bus. Zero values are the defaults.
type LocalOptions struct {
	// Events is how many events of each stream are kept, 8192 by default.
	Events int

	// Bytes is how much memory the events of all streams take together, about: 64 MiB
	// by default. When there are more, the oldest of the stream with the most bytes go;
	// the last event of a stream stays, whatever its size.
	Bytes int
}

// localStream is a queue of the newest events.
type localStream struct {
	events []Event // in order, without a gap
	size   int
	grown  chan struct{} // closed and replaced by each Publish
}

var _ Bus = (*Local)(nil)

// NewLocal returns a bus. It needs no Close unless somebody subscribes with a context
// that does not end. A nil options is fine.
func NewLocal(options *LocalOptions) *Local {
	b := &Local{streams: make(map[Stream]*localStream)}
	if options != nil {
		b.options = *options
	}
	b.options.Events = cmp.Or(max(b.options.Events, 0), 8192)
	b.options.Bytes = cmp.Or(max(b.options.Bytes, 0), 64<<20)
	return b
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
		s = &localStream{grown: make(chan struct{})}
		if b.closed {
			close(s.grown)
		}
		b.streams[name] = s
	}
	return s
}

// first and last are the numbers of the events that are there, 0 when there are none.
func (s *localStream) first() uint64 {
	if len(s.events) == 0 {
		return 0
	}
	return s.events[0].Sequence
}

func (s *localStream) last() uint64 {
	if len(s.events) == 0 {
		return 0
	}
	return s.events[len(s.events)-1].Sequence
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
	for i := range events {
		e := &events[i]
		if e.Stream != events[0].Stream {
			return fmt.Errorf("%w: %v and %v", ErrMixed, events[0].Stream, e.Stream)
		}
		if i > 0 && e.Sequence != events[i-1].Sequence+1 {
			return &GapError{Stream: e.Stream, Expected: events[i-1].Sequence + 1, Got: e.Sequence}
		}
		if last := s.last(); i == 0 && last != 0 && e.Sequence > last+1 {
			return &GapError{Stream: e.Stream, Expected: last + 1, Got: e.Sequence}
		}
	}
	for _, e := range events {
		if e.Sequence > s.last() {
			s.events = append(s.events, e)
			s.size += e.size()
			b.size += e.size()
		}
	}
	b.forget(s)
	close(s.grown)
	s.grown = make(chan struct{})
	return nil
}

// forget lets go of what is too much; mu is held.
func (b *Local) forget(grown *localStream) {
	for len(grown.events) > b.options.Events {
		b.drop(grown)
	}
	for b.size > b.options.Bytes {
		var largest *localStream
		for _, s := range b.streams {
			if len(s.events) > 1 && (largest == nil || s.size > largest.size) {
				largest = s
			}
		}
		if largest == nil {
			return
		}
		b.drop(largest)
	}
}

// drop lets go of the oldest event of a stream. Subscribers read copies, so the place
// is cleared; append moves the rest to a new place when the old one has no more room.
func (b *Local) drop(s *localStream) {
	size := s.events[0].size()
	s.size, b.size = s.size-size, b.size-size
	s.events[0] = Event{}
	s.events = s.events[1:]
}

// size is how much memory an event takes, about.
func (e *Event) size() int {
	const itself = 320 // the struct; texts that events share are counted for each
	return itself + len(e.Type) + len(e.Subject) + len(e.Data) + len(e.ID) +
		len(e.Metadata.CorrelationID) + len(e.Metadata.CausationID) + len(e.Metadata.Traceparent)
}

// Last is described at [Bus].
func (b *Local) Last(ctx context.Context, stream Stream) (Cursor, error) {
	if err := ctx.Err(); err != nil {
		return Cursor{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Cursor{}, aether.ErrClosed
	}
	if s := b.streams[stream]; s != nil {
		for i := len(s.events) - 1; i >= 0; i-- {
			if e := &s.events[i]; e.Last {
				return Cursor{e.Sequence, e.Position}, nil
			}
		}
	}
	return Cursor{}, nil
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
			first, closed, grown := s.first(), b.closed, s.grown
			if first != 0 && next >= first && next <= s.last() {
				there := s.events[next-first:]
				page = append(page, there[:min(len(there), cap(page))]...)
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
