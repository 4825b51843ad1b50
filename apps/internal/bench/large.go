package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
)

const smallStore = 10_000

// runLarge compares a store of many events with one of few: what append and load
// cost, how long opening takes, and the peak memory of all of it. The ratios of
// its rows are those of the median time of a call, large to small.
func runLarge(ctx context.Context, o *Options) ([]Result, error) {
	if o.Scale == 0 {
		return nil, nil
	}
	small, err := sizedStore(ctx, o, smallStore)
	if err != nil {
		return nil, err
	}
	large, err := sizedStore(ctx, o, o.Scale)
	if err != nil {
		return nil, err
	}
	for i := range large {
		if small[i].Name != "large open" && small[i].P50 > 0 {
			large[i].Ratio = large[i].P50 / small[i].P50
		}
	}
	peak := Result{Name: "large peak memory", Events: o.Scale, Bytes: peakMemory()}
	return append(append(small, large...), peak), nil
}

// sizedStore fills a store, closes it, and measures what it is to open and use it.
func sizedStore(ctx context.Context, o *Options, events int) ([]Result, error) {
	folder, err := os.MkdirTemp(o.Folder, "large")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	folder = filepath.Join(folder, "data")
	o.Progress(fmt.Sprintf("filling: %d events", events))
	store, err := filestore.Open(ctx, folder, nil)
	if err != nil {
		return nil, err
	}
	log, err := store.Namespace(ctx, "default")
	if err == nil {
		err = fill(ctx, log, "station", events/100, 100)
	}
	if closeErr := store.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}

	o.Progress(fmt.Sprintf("opening, loading, appending: %d events", events))
	start := time.Now()
	if store, err = filestore.Open(ctx, folder, nil); err != nil {
		return nil, err
	}
	defer store.Close()
	open := time.Since(start)
	if log, err = store.Namespace(ctx, "default"); err != nil {
		return nil, err
	}
	results := []Result{{Name: "large open", Events: events, P50: float64(open.Microseconds())}}
	loads, err := readActors(ctx, o, log, "station", events/100, 100)
	if err != nil {
		return nil, err
	}
	loads.Name, loads.Events = "large load", events
	bare, err := bareReads(ctx, o, filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	bare.Name, bare.Events = "large bare reads", events
	appends, err := appendTo(ctx, o, log, 128, 1)
	if err != nil {
		return nil, err
	}
	appends.Name, appends.Events = "large append", events
	scan, err := scanLog(ctx, o, log)
	scan.Name = "large scan"
	return append(results, loads, bare, appends, scan), err
}

// bareReads is the limit of loading: as many calls of the kernel for as many bytes,
// as far apart, as loading an actor of 100 events makes, in the same files. What
// they cost more in a large store is what memory costs that no cache of the
// processor holds.
func bareReads(ctx context.Context, o *Options, folder string) (result Result, err error) {
	const reads, size = 100 / savesOf, savesOf * (eventSize + 128)
	const apart = 16 * size
	names, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return result, err
	}
	var files []*os.File
	var starts []int64 // how many there are in each file
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return result, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return result, err
		}
		if n := info.Size() - reads*apart; n > 0 {
			files, starts = append(files, file), append(starts, n)
		}
	}
	buf := make([]byte, size)
	result.PerSecond, result.P50, result.P99, err = load(ctx, 1, o.Duration, func(_, _ int) error {
		n := rand.IntN(len(files))
		start := rand.Int64N(starts[n])
		for i := range int64(reads) {
			if _, err := files[n].ReadAt(buf, start+i*apart); err != nil {
				return err
			}
		}
		return nil
	})
	return result, err
}

// appendTo has writers save to actors of their own, every event with an ID that
// the caller made, as hosts do.
func appendTo(ctx context.Context, o *Options, store aether.EventStore, writers, batch int) (Result, error) {
	result := Result{Name: "append", Writers: writers, Batch: batch}
	savers := make([]saver, writers)
	for w := range savers {
		savers[w] = newSaver(fmt.Sprintf("writer/%d", w), batch)
	}
	var err error
	result.PerSecond, result.P50, result.P99, err = load(ctx, writers, o.Duration, func(w, _ int) error {
		_, err := store.SaveEvents(ctx, savers[w].next()...)
		return err
	})
	result.PerSecond *= float64(batch)
	return result, err
}
