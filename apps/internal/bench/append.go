package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/aether-es/aether"
	"golang.org/x/sys/unix"
)

// eventSize is how large the events of all benchmarks are, by Event.Size.
const eventSize = 512

// appendCase is how many save at the same time, and how many events with each save.
type appendCase struct{ writers, batch int }

// runAppend measures saves against the bare limit, each case right after its
// limit, since machines drift.
func runAppend(ctx context.Context, o *Options) ([]Result, error) {
	var results []Result
	engine, err := engineOf(o.Store)
	if err != nil {
		return nil, err
	}
	for _, c := range engine.cases {
		o.Progress(fmt.Sprintf("%s, %d writers, %d events a write", engine.bareName, c.writers, c.batch))
		bare, err := engine.bare(ctx, o, c)
		if err != nil {
			return nil, err
		}
		bare.Name, bare.Writers, bare.Batch = "bare", c.writers, c.batch
		o.Progress(fmt.Sprintf("%s, %d writers, %d events a save", engine.name, c.writers, c.batch))
		var saved Result
		err = inStore(ctx, o, func(store aether.EventStore) error {
			saved, err = appendTo(ctx, o, store, c.writers, c.batch)
			return err
		})
		if err != nil {
			return nil, err
		}
		saved.Ratio = saved.PerSecond / bare.PerSecond
		results = append(results, bare, saved)
	}
	return results, nil
}

// bareFile is the limit of the embedded engine: one file that grows. Whoever finds nobody
// writing writes everything that waits with one call, syncs with another, and lets the
// others go.
func bareFile(ctx context.Context, o *Options, c appendCase) (result Result, err error) {
	file, err := os.Create(filepath.Join(o.Folder, "bare"))
	if err != nil {
		return result, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	data := make([]byte, c.batch*eventSize)
	var buf []byte
	err = grouped(c.writers, func(group []groupWrite) error {
		buf = buf[:0]
		for range group {
			buf = append(buf, data...)
		}
		if _, err := file.Write(buf); err != nil {
			return err
		}
		return unix.Fdatasync(int(file.Fd()))
	}, func(write func(writer, n int) error) error {
		result.PerSecond, result.P50, result.P99, err = load(ctx, c.writers, o.Duration, write)
		result.PerSecond *= float64(c.batch)
		return err
	})
	return result, err
}

// groupWrite is one write of a writer.
type groupWrite struct {
	writer, n int
	done      chan error
}

// grouped runs something whose writes are made together: all that wait with one call.
func grouped(writers int, commit func(group []groupWrite) error, run func(write func(writer, n int) error) error) error {
	g := grouper{commit: commit, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); g.run() }()
	waits := make([]chan error, writers)
	for i := range waits {
		waits[i] = make(chan error, 1)
	}
	err := run(func(writer, n int) error {
		g.add(groupWrite{writer, n, waits[writer]})
		return <-waits[writer]
	})
	close(g.stop)
	<-ended
	return err
}

type grouper struct {
	commit  func(group []groupWrite) error
	wake    chan struct{}
	stop    chan struct{}
	mu      sync.Mutex
	waiting []groupWrite
}

func (g *grouper) add(w groupWrite) {
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	first := len(g.waiting) == 1
	g.mu.Unlock()
	if first {
		select {
		case g.wake <- struct{}{}:
		default:
		}
	}
}

func (g *grouper) run() {
	var group []groupWrite
	for {
		select {
		case <-g.wake:
		case <-g.stop:
			return
		}
		g.mu.Lock()
		group, g.waiting = g.waiting, group[:0]
		g.mu.Unlock()
		err := g.commit(group)
		for _, w := range group {
			w.done <- err
		}
	}
}

// saver makes the saves of one actor.
type saver struct {
	version aether.Version
	batch   []aether.Event
}

func newSaver(actorID string, batch int) saver {
	s := saver{batch: make([]aether.Event, batch)}
	for i := range s.batch {
		s.batch[i] = aether.Event{ActorID: actorID, Type: "MeterValuesRecorded", Data: payload(actorID)}
	}
	return s
}

// next returns the events to save next, until it is called again.
func (s *saver) next() []aether.Event {
	for i := range s.batch {
		s.version++
		s.batch[i].Version = s.version
		s.batch[i].ID = aether.NewID()
	}
	return s.batch
}

// payload returns data that makes an event of eventSize bytes: fields, numbers
// and texts, as applications write them.
func payload(actorID string) []byte {
	e := aether.Event{ID: aether.NewID(), ActorID: actorID, Type: "MeterValuesRecorded"}
	data := []byte(`{"connector":2,"transaction":"018f6a0e-7a35-7d3c-9d6e-2b1f0a4c5d6e","values":[`)
	const value = `{"measurand":"Energy.Active.Import.Register","unit":"Wh","value":10421.5},`
	for len(data)+len(value) < eventSize-e.Size()-12 {
		data = append(data, value...)
	}
	data = append(data, `{}],"note":"`...)
	for len(data) < eventSize-e.Size()-2 {
		data = append(data, 'x')
	}
	return append(data, `"}`...)
}
