package natsstore

import (
	"context"
	"sync"
)

// freshness asks the stream's leader for its last sequence, once for all who ask at the
// same time. Whoever asks gets the answer to a question that was put after they came:
// so it covers whatever was acknowledged before.
type freshness struct {
	ask func() (uint64, error)

	mu      sync.Mutex
	running bool
	next    *question // that will be put when the one under way is answered
}

type question struct {
	done     chan struct{}
	sequence uint64
	err      error
}

// last returns the last sequence of the stream.
func (f *freshness) last(ctx context.Context) (uint64, error) {
	f.mu.Lock()
	if f.next == nil {
		f.next = &question{done: make(chan struct{})}
	}
	q := f.next
	if !f.running {
		f.running = true
		go f.run()
	}
	f.mu.Unlock()
	select {
	case <-q.done:
		return q.sequence, q.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run puts questions for as long as somebody asks.
func (f *freshness) run() {
	for {
		f.mu.Lock()
		q := f.next
		f.next = nil
		if q == nil {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		q.sequence, q.err = f.ask()
		close(q.done)
	}
}
