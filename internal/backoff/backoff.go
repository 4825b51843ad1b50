// Package backoff says how long to wait before something that has failed is tried
// again: longer each time, and not exactly as long as everybody else.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// After returns how long to wait after the n-th failure:
//
//	d/2 + random(0 … d/2)    where d = min(maxBackoff, minBackoff · 2^(n-1))
func After(failures int, minBackoff, maxBackoff time.Duration) time.Duration {
	d := min(minBackoff, maxBackoff)
	for ; failures > 1 && d < maxBackoff; failures-- {
		d += min(d, maxBackoff-d)
	}
	return d/2 + rand.N(d/2+1)
}

// Wait waits by the machine's clock, or returns the error of ctx.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
