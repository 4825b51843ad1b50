package deadline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
)

// made is a log whose events are made when they are read, so that the memory of a
// process is that of its scheduler. Each sets one deadline. Snapshots are taken, and
// kept only where there is a map for them.
type made struct {
	aether.EventStore
	events    aether.Position
	snapshots map[string]aether.Snapshot
}

func (m *made) GetLatestPosition(context.Context) (aether.Position, error) { return m.events, nil }

func (m *made) ReadLog(_ context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for position := after + 1; position <= min(m.events, options.To); position++ {
			event := aether.Event{
				ID: "0190a5a4-7f3c-7c33-9a53-0f1d2c3b4a59", ActorID: "pool/" + strconv.Itoa(int(position%1000)), Version: aether.Version(position/1000 + 1),
				Type: "Set", Data: []byte(`{}`), Position: position,
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

func (m *made) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		<-ctx.Done()
		yield(aether.Event{}, ctx.Err())
	}
}

func (m *made) SaveSnapshot(_ context.Context, snapshot aether.Snapshot) error {
	if m.snapshots != nil {
		m.snapshots[snapshot.ActorID] = snapshot
	}
	return nil
}

func (m *made) GetLatestSnapshot(_ context.Context, actorID string) (aether.Snapshot, error) {
	if snapshot, ok := m.snapshots[actorID]; ok {
		return snapshot, nil
	}
	return aether.Snapshot{}, aether.ErrSnapshotNotFound
}

// bench runs a scheduler until it is live, and returns what ends it.
func bench(b *testing.B, s *Scheduler) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for !s.Stats().Live {
		runtime.Gosched()
	}
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.Fatal(err)
		}
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// peakRSS is the most memory that this process ever had, in MiB; 0 where the
// system does not tell.
func peakRSS() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}

// madeRule sets a deadline within the next eleven days for each event.
func madeRule() Rule {
	return Rule{
		Name: "bench",
		Derive: func(e aether.Event) ([]Change, error) {
			in := time.Duration(1+e.Position*7919%1e6) * time.Second
			return []Change{Set("hold/"+strconv.Itoa(int(e.Position)), noon.Add(in))}, nil
		},
		Fire: func(context.Context, Deadline) error { return nil },
	}
}

func benchmarkPending(b *testing.B, n int) {
	for b.Loop() {
		before := heapInUse()
		store := &made{events: aether.Position(n)}
		s := New(store, madeRule(), &Options{Clock: aethertest.NewClock(noon), Logger: quiet})
		began := time.Now()
		stop := bench(b, s)
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
		after := heapInUse()
		b.ReportMetric((float64(after)-float64(before))/float64(n), "B/pending")
		began = time.Now()
		stop()
		b.ReportMetric(time.Since(began).Seconds()*1000, "ms/checkpoint")
		b.ReportMetric(peakRSS(), "MiB-peak")
	}
}

// Heap for each pending deadline, and the peak of the whole process when this is
// the only benchmark that runs.
func BenchmarkPending100K(b *testing.B) { benchmarkPending(b, 100_000) }
func BenchmarkPending1M(b *testing.B)   { benchmarkPending(b, 1_000_000) }

// A start with a checkpoint of a million.
func BenchmarkRestore1M(b *testing.B) {
	store := &made{events: 1_000_000, snapshots: make(map[string]aether.Snapshot)}
	bench(b, New(store, madeRule(), &Options{Clock: aethertest.NewClock(noon), Logger: quiet}))()
	for b.Loop() {
		s := New(store, madeRule(), &Options{Clock: aethertest.NewClock(noon), Logger: quiet})
		stop := bench(b, s)
		if pending := s.Stats().Pending; pending != 1_000_000 || !s.fromCheckpoint {
			b.Fatalf("%d are pending, by the checkpoint: %v", pending, s.fromCheckpoint)
		}
		stop()
	}
}

// Ten thousand are due at once; Fire does nothing.
func BenchmarkFire10000(b *testing.B) {
	const n = 10_000
	store := newStore(b)
	for i := range n {
		event := aether.Event{ActorID: fmt.Sprintf("a/%d", i), Version: 1, Type: "Set", Data: data("x", noon.Add(time.Second))}
		if _, err := store.SaveEvents(b.Context(), event); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		clock := aethertest.NewClock(noon)
		done := make(chan struct{})
		var fired atomic.Int64
		rule := Rule{Name: "bench", Derive: derive, Fire: func(context.Context, Deadline) error {
			if fired.Add(1) == n {
				close(done)
			}
			return nil
		}}
		stop := bench(b, New(plain(store), rule, &Options{Clock: clock, Logger: quiet}))
		b.StartTimer()
		clock.Advance(time.Second)
		<-done
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}
