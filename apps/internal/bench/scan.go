package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/aether-es/aether"
)

// runScan reads the log of a store from its beginning to its end.
func runScan(ctx context.Context, o *Options) ([]Result, error) {
	const events = 500_000
	var result Result
	err := inStore(ctx, o, func(store aether.EventStore) error {
		o.Progress(fmt.Sprintf("filling: %d events", events))
		if err := fill(ctx, store, "station", events/100, 100); err != nil {
			return err
		}
		o.Progress("reading the log")
		var err error
		result, err = scanLog(ctx, o, store)
		return err
	})
	return []Result{result}, err
}

// scanLog reads the log as often as there is time for, at least once.
func scanLog(ctx context.Context, o *Options, store aether.EventStore) (Result, error) {
	result := Result{Name: "scan"}
	start := time.Now()
	n := 0
	for n == 0 || time.Since(start) < o.Duration {
		for _, err := range store.ReadLog(ctx, 0, nil) {
			if err != nil {
				return result, err
			}
			n++
		}
		if result.Events == 0 {
			result.Events = n
		}
	}
	result.PerSecond = float64(n) / time.Since(start).Seconds()
	return result, nil
}
