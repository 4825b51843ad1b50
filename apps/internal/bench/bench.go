// Package bench measures the engines of Aether on the machine it runs on, against
// what the bare machine can do in the same run.
package bench

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Result is one row of a benchmark. Fields that do not apply are left out.
type Result struct {
	Name    string `json:"name"`
	Writers int    `json:"writers,omitempty"`
	Batch   int    `json:"batch,omitempty"`
	Actors  int    `json:"actors,omitempty"`
	Events  int    `json:"events,omitempty"` // in the store, or in the actor that is loaded

	// PerSecond counts events; for loads it counts actors.
	PerSecond float64 `json:"per_second,omitempty"`

	// Ratio is PerSecond over that of the bare limit with as many writers; for the
	// large store it is P50 over that of the small one.
	Ratio float64 `json:"ratio,omitempty"`

	// The time of one call in microseconds: half and 99 of 100 took no longer.
	P50 float64 `json:"p50_us,omitempty"`
	P99 float64 `json:"p99_us,omitempty"`

	// Bytes is the peak memory of the process.
	Bytes int64 `json:"bytes,omitempty"`
}

// Report is what a run found.
type Report struct {
	Machine Machine  `json:"machine"`
	Results []Result `json:"results"`
}

// Options of a run. Folder is where the files are made; they are removed again. Store is
// the address of an engine on servers that is measured in place of the embedded one; what
// is made there is removed again, too.
type Options struct {
	Store    string
	Folder   string
	Duration time.Duration // of each timed part
	Scale    int           // events of the large store; 0 leaves it out
	Progress func(name string)

	// Subscribers is how many connections get live changes; 0 leaves them out.
	Subscribers int

	// Stations is how many charging stations connect; 0 leaves them out.
	Stations int
}

// Benchmark is a named part of a run.
type Benchmark struct {
	Name     string
	About    string
	Embedded bool // it is about the embedded engine, or about one process
	Run      func(ctx context.Context, options *Options) ([]Result, error)
}

// Benchmarks returns all there are, in the order in which they run.
func Benchmarks() []Benchmark {
	return []Benchmark{
		{Name: "append", About: "durable saves of single events and of batches, against one bare file", Run: runAppend},
		{Name: "load", About: "reading actors of 10, 100 and 1000 events", Run: runLoad},
		{Name: "scan", About: "reading the log", Run: runScan},
		{Name: "host", About: "commands to one hot actor and to 10,000, and the state of actors not in memory", Run: runHost},
		{Name: "deadline", About: "a million pending deadlines: reading them, firing 10,000, memory", Embedded: true, Run: runDeadline},
		{Name: "live", About: "a change to 10,000 subscribers over WebSockets, from publication to receipt", Embedded: true, Run: runLive},
		{Name: "rover", About: "command to document, queries over HTTP, and making the read DB again", Embedded: true, Run: runRover},
		{Name: "sale", About: "a rush upon one pool of tickets: through the host, over HTTP, sold out; a pool of a million", Embedded: true, Run: runSale},
		{Name: "stations", About: "10,000 charging stations: held, cut off at once, and sending 1,000 messages a second", Embedded: true, Run: runStations},
		{Name: "large", About: "append and load in a small store and in one of many events; memory and time to open", Embedded: true, Run: runLarge},
	}
}

// load runs call from a number of goroutines until the time is over, and returns
// how many calls a second there were and how long they took. The context of a
// call is not cancelled.
func load(ctx context.Context, writers int, duration time.Duration, call func(writer, n int) error) (perSecond, p50, p99 float64, err error) {
	var wg sync.WaitGroup
	times := make([][]int64, writers)
	errs := make([]error, writers)
	start := time.Now()
	for w := range writers {
		wg.Go(func() {
			// Enough space for what one writer does in some seconds, so that the
			// measurement allocates nothing.
			own := make([]int64, 0, 1<<16)
			last := time.Now()
			for n := 0; last.Sub(start) < duration && ctx.Err() == nil; n++ {
				if errs[w] = call(w, n); errs[w] != nil {
					break
				}
				now := time.Now()
				own = append(own, int64(now.Sub(last)))
				last = now
			}
			times[w] = own
		})
	}
	wg.Wait()
	took := time.Since(start)
	for _, err := range errs {
		if err != nil {
			return 0, 0, 0, err
		}
	}
	all := slices.Concat(times...)
	p50, p99 = percentiles(all)
	return float64(len(all)) / took.Seconds(), p50, p99, ctx.Err()
}

// callTogether runs n calls at once and returns their errors.
func callTogether(n int, call func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// percentiles returns the median and the 99th percentile, in microseconds, of
// times in nanoseconds, which it sorts.
func percentiles(times []int64) (p50, p99 float64) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	at := func(part float64) float64 { return float64(times[int(part*float64(len(times)-1))]) / 1000 }
	return at(0.5), at(0.99)
}
