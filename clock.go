package aether

import (
	"context"
	"time"
)

// Clock tells the time to what waits for it. It is safe for concurrent use. Where
// one is asked for, nil stands for the machine's.
type Clock interface {
	Now() time.Time

	// WaitUntil returns nil once Now is not before t, or the error of ctx.
	WaitUntil(ctx context.Context, t time.Time) error
}

// MachineClock is the clock of the machine. Who waits sees within a minute that
// the clock was set.
type MachineClock struct{}

// Now returns the time.
func (MachineClock) Now() time.Time { return time.Now() }

// WaitUntil waits in steps of at most a minute, since a timer does not notice when
// the clock is set or the machine slept.
func (MachineClock) WaitUntil(ctx context.Context, t time.Time) error {
	t = t.Round(0) // by the clock on the wall
	for {
		rest := t.Sub(time.Now().Round(0))
		if rest <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(min(rest, time.Minute))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
