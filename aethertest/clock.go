package aethertest

import (
	"context"
	"sync"
	"time"

	"github.com/aether-es/aether"
)

// Clock is an [aether.Clock] that stands still until the test moves it.
type Clock struct {
	mu    sync.Mutex
	now   time.Time
	moved chan struct{} // closed and replaced when the clock is moved
}

var _ aether.Clock = (*Clock)(nil)

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock {
	return &Clock{now: now, moved: make(chan struct{})}
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward, and wakes who waits.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(c.now.Add(by))
}

// Set lets the clock show another time, which may be an earlier one.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(now)
}

func (c *Clock) set(now time.Time) {
	c.now = now
	close(c.moved)
	c.moved = make(chan struct{})
}

// WaitUntil returns nil once the clock shows t or later, or the error of ctx.
func (c *Clock) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		c.mu.Lock()
		now, moved := c.now, c.moved
		c.mu.Unlock()
		if !now.Before(t) {
			return ctx.Err()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
