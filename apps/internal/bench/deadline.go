package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/deadline"
)

const (
	pendingDeadlines = 1_000_000
	dueDeadlines     = 10_000
)

// runDeadline measures what a million pending deadlines take, and how fast those are
// fired that are due. The events that set them are in a store on disk, which is
// opened anew; the peak memory is that of the process from then on.
func runDeadline(ctx context.Context, o *Options) ([]Result, error) {
	folder, err := os.MkdirTemp(o.Folder, "deadline")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	folder = filepath.Join(folder, "data")
	o.Progress(fmt.Sprintf("filling: %d events that set deadlines", pendingDeadlines))
	if err := inFolder(ctx, folder, func(store aether.EventStore) error { return setDeadlines(ctx, store) }); err != nil {
		return nil, err
	}
	if err := forgetPeakMemory(); err != nil {
		return nil, err
	}
	o.Progress("reading the deadlines and firing those that are due")
	var results []Result
	err = inFolder(ctx, folder, func(store aether.EventStore) error {
		read, fired, err := fireDue(ctx, store)
		results = []Result{
			{Name: "deadline read", Events: pendingDeadlines, PerSecond: pendingDeadlines / read.Seconds()},
			{Name: "deadline fire", Events: dueDeadlines, PerSecond: dueDeadlines / fired.Seconds()},
			{Name: "deadline peak memory", Events: pendingDeadlines, Bytes: peakMemory()},
		}
		return err
	})
	return results, err
}

// fireDue runs a scheduler until it has fired what is due, and returns how long it
// took to read the log and then to fire.
func fireDue(ctx context.Context, store aether.EventStore) (read, fire time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var fired atomic.Int64
	var end time.Time
	clock := &startedClock{}
	scheduler := deadline.New(store, deadline.Rule{
		Name:  "bench",
		Kinds: []string{"hold"},
		Derive: func(e aether.Event) ([]deadline.Change, error) {
			at := farAway
			if e.Version <= dueDeadlines/deadlineActors {
				at = due
			}
			return []deadline.Change{deadline.Set(fmt.Sprint(e.Version), at)}, nil
		},
		Fire: func(context.Context, deadline.Deadline) error {
			if fired.Add(1) == dueDeadlines {
				end = time.Now()
				stop()
			}
			return nil
		},
	}, &deadline.Options{Clock: clock})
	start := time.Now()
	if err := scheduler.Run(ctx); ctx.Err() == nil {
		return 0, 0, err
	}
	if end.IsZero() {
		return 0, 0, ctx.Err()
	}
	live := *clock.first.Load()
	return live.Sub(start), end.Sub(live), nil
}

var (
	due     = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	farAway = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
)

const deadlineActors = 1000

func setDeadlines(ctx context.Context, store aether.EventStore) error {
	const each = pendingDeadlines / deadlineActors
	batch := make([]aether.Event, each)
	for actor := range deadlineActors {
		for i := range batch {
			batch[i] = aether.Event{ActorID: fmt.Sprintf("hold/%d", actor), Version: aether.Version(i + 1), Type: "HoldPlaced", Data: []byte(`{"minutes":10}`)}
		}
		if _, err := store.SaveEvents(ctx, batch...); err != nil {
			return err
		}
	}
	return nil
}

// startedClock is the machine's clock, which notes when it was asked first: that is
// when the log has been read.
type startedClock struct {
	aether.MachineClock
	first atomic.Pointer[time.Time]
}

func (c *startedClock) Now() time.Time {
	now := c.MachineClock.Now()
	c.first.CompareAndSwap(nil, &now)
	return now
}
