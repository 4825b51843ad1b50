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

var appendCases = []struct{ writers, batch int }{
	{1, 1}, {16, 1}, {128, 1}, {1024, 1}, {1, 100}, {16, 100},
}

// runAppend measures saves against the bare limit, each case right after its
// limit, since machines drift.
func runAppend(ctx context.Context, o *Options) ([]Result, error) {
	var results []Result
	for _, c := range appendCases {
		bare, err := bareAppend(ctx, o, c.writers, c.batch)
		if err != nil {
			return nil, err
		}
		saved, err := storeAppend(ctx, o, c.writers, c.batch)
		if err != nil {
			return nil, err
		}
		saved.Ratio = saved.PerSecond / bare.PerSecond
		results = append(results, bare, saved)
	}
	return results, nil
}

// bareAppend is the limit: one file that grows. Whoever finds nobody writing
// writes everything that waits with one call, syncs with another, and lets the
// others go.
func bareAppend(ctx context.Context, o *Options, writers, batch int) (Result, error) {
	result := Result{Name: "bare", Writers: writers, Batch: batch}
	o.Progress(fmt.Sprintf("bare file, %d writers, %d events a write", writers, batch))
	file, err := os.Create(filepath.Join(o.Folder, "bare"))
	if err != nil {
		return result, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	data := make([]byte, batch*eventSize)
	log := bareLog{file: file, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	done := make(chan struct{})
	go func() { defer close(done); log.write() }()
	waits := make([]chan error, writers)
	for i := range waits {
		waits[i] = make(chan error, 1)
	}
	result.PerSecond, result.P50, result.P99, err = load(ctx, writers, o.Duration, func(w, _ int) error {
		return log.append(data, waits[w])
	})
	close(log.stop)
	<-done
	result.PerSecond *= float64(batch)
	return result, err
}

type bareLog struct {
	file    *os.File
	wake    chan struct{}
	stop    chan struct{}
	mu      sync.Mutex
	waiting []bareWrite
}

type bareWrite struct {
	data []byte
	done chan error
}

func (l *bareLog) append(data []byte, done chan error) error {
	l.mu.Lock()
	l.waiting = append(l.waiting, bareWrite{data, done})
	first := len(l.waiting) == 1
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return <-done
}

func (l *bareLog) write() {
	var buf []byte
	var group []bareWrite
	for {
		select {
		case <-l.wake:
		case <-l.stop:
			return
		}
		l.mu.Lock()
		group, l.waiting = l.waiting, group[:0]
		l.mu.Unlock()
		buf = buf[:0]
		for _, w := range group {
			buf = append(buf, w.data...)
		}
		_, err := l.file.Write(buf)
		if err == nil {
			err = unix.Fdatasync(int(l.file.Fd()))
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

// storeAppend measures saves to a new store.
func storeAppend(ctx context.Context, o *Options, writers, batch int) (result Result, err error) {
	o.Progress(fmt.Sprintf("filestore, %d writers, %d events a save", writers, batch))
	err = inStore(ctx, o, func(store aether.EventStore) error {
		result, err = appendTo(ctx, o, store, writers, batch)
		return err
	})
	return result, err
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
