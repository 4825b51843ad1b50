package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
)

// savesOf is how many events the commands of the benchmark yield: the events of
// an actor come to the log in groups of so many, with those of 15 other actors in
// between.
const savesOf = 2

// fill writes actors of some events each, 16 at a time.
func fill(ctx context.Context, store aether.EventStore, kind string, actors, events int) error {
	const together = 16
	for first := 0; first < actors; first += together {
		savers := make([]saver, min(together, actors-first))
		for i := range savers {
			savers[i] = newSaver(fmt.Sprintf("%s/%d", kind, first+i), savesOf)
		}
		// One save takes what all of them have, so that filling is fast; the order in
		// the log is that of 16 writers who take turns.
		for range events / savesOf {
			var batch []aether.Event
			for i := range savers {
				batch = append(batch, savers[i].next()...)
			}
			if _, err := store.SaveEvents(ctx, batch...); err != nil {
				return err
			}
		}
	}
	return nil
}

// readActors loads actors of a kind, chosen at random, one after another.
func readActors(ctx context.Context, o *Options, store aether.EventStore, kind string, actors, events int) (Result, error) {
	result := Result{Name: "load", Events: events}
	var err error
	result.PerSecond, result.P50, result.P99, err = load(ctx, 1, o.Duration, func(_, _ int) error {
		n := 0
		for _, err := range store.GetEvents(ctx, fmt.Sprintf("%s/%d", kind, rand.IntN(actors)), 0) {
			if err != nil {
				return err
			}
			n++
		}
		if n != events {
			return fmt.Errorf("an actor of %d events has %d", events, n)
		}
		return nil
	})
	return result, err
}

// inStore runs a part of a benchmark in a new store.
func inStore(ctx context.Context, o *Options, run func(store aether.EventStore) error) error {
	folder, err := os.MkdirTemp(o.Folder, "store")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	engine, err := engineOf(o.Store)
	if err != nil {
		return err
	}
	return engine.open(ctx, filepath.Join(folder, "data"), run)
}

// inFolder runs a part of a benchmark in the store of a folder.
func inFolder(ctx context.Context, folder string, run func(store aether.EventStore) error) error {
	store, err := filestore.Open(ctx, folder, nil)
	if err != nil {
		return err
	}
	events, err := store.Namespace(ctx, "default")
	if err == nil {
		err = run(events)
	}
	return errors.Join(err, store.Close())
}

// runLoad reads actors of different lengths out of one store that has about
// 100,000 events of each.
func runLoad(ctx context.Context, o *Options) ([]Result, error) {
	var results []Result
	err := inStore(ctx, o, func(store aether.EventStore) error {
		const each = 100_000
		sizes := []int{10, 100, 1000}
		for _, events := range sizes {
			o.Progress(fmt.Sprintf("filling: actors of %d events", events))
			if err := fill(ctx, store, fmt.Sprintf("station%d", events), each/events, events); err != nil {
				return err
			}
		}
		for _, events := range sizes {
			o.Progress(fmt.Sprintf("loading actors of %d events", events))
			result, err := readActors(ctx, o, store, fmt.Sprintf("station%d", events), each/events, events)
			if err != nil {
				return err
			}
			results = append(results, result)
		}
		return nil
	})
	return results, err
}
