package filestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// Nothing of a store runs on when it is closed, or could not be opened. It must
// not run beside other tests.
func TestNothingRunsAfterClose(t *testing.T) {
	ctx := context.Background()
	folder := filepath.Join(t.TempDir(), "store")
	before := ownGoroutines()
	for range 3 {
		s := openTest(t, folder, childOptions())
		n, err := s.Namespace(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, err := range n.FollowLog(ctx, 0, nil) {
				if err != nil && !errors.Is(err, aether.ErrClosed) {
					t.Errorf("FollowLog: %v", err)
				}
			}
		})
		runWriters(t, s, newRandom(t), aether.NewID(), 4, 100, 100, &ledger{})
		if err := n.(aether.SnapshotStore).SaveSnapshot(ctx, aether.Snapshot{ActorID: "room/1", Version: 1}); err != nil {
			t.Error(err)
		}
		for range n.ReadLog(ctx, 0, nil) {
			break
		}
		expectInUse(t, folder)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	}
	c := newClosedStore(t, newRandom(t), 1500, 24)
	path := c.logFiles(t)[0]
	c.expectAllOrDamaged(t, c.with(t, path, c.read(t, path)[:100]), path)

	deadline := time.Now().Add(10 * time.Second)
	for ownGoroutines() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("there are %d goroutines, there were %d:\n%s", ownGoroutines(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// ownGoroutines counts those of stores and of Pebble.
func ownGoroutines() int {
	stacks := make([]byte, 1<<20)
	count := 0
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "filestore.(*") || strings.Contains(stack, "cockroachdb/pebble") {
			count++
		}
	}
	return count
}

// Close comes while saves are under way: what is answered with nil is there, and
// everything else says ErrClosed.
func TestCloseWhileSaving(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	d, l := newDisk(), &ledger{}
	for round := range 12 {
		s := openTest(t, "store", tiny(d.process()))
		var wg sync.WaitGroup
		var saved atomic.Int64
		enough := make(chan struct{})
		limit := 1 + random.Int64N(60)
		for i := range 6 {
			w := &testWriter{namespace: []string{"a", "b"}[i%2], name: fmt.Sprintf("%d-%d", round, i), random: split(random), fill: 500}
			wg.Go(func() {
				err := w.run(context.Background(), s, 1e6, func(a ack) {
					l.add(a)
					if saved.Add(1) == limit {
						close(enough)
					}
				})
				if !errors.Is(err, aether.ErrClosed) {
					t.Errorf("SaveEvents: %v, want ErrClosed", err)
				}
			})
		}
		<-enough
		for range 3 {
			wg.Go(func() {
				if err := s.Close(); err != nil && !errors.Is(err, aether.ErrClosed) {
					t.Errorf("Close: %v", err)
				}
			})
		}
		wg.Wait()
	}
	(&picture{"never", d, l.list()}).check(t)
}

func TestManyNamespaces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, l := newDisk(), &ledger{}
	const count = 300
	for range 2 {
		s := openTest(t, "store", tiny(d.process()))
		var wg sync.WaitGroup
		for w := range 10 {
			wg.Go(func() {
				for i := w; i < count; i += 10 {
					if err := saveTwo(ctx, s, fmt.Sprint("namespace ", i), l); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if names, err := s.Namespaces(ctx); err != nil || len(names) != count || !slices.IsSorted(names) {
			t.Errorf("Namespaces: %d of %d, %v", len(names), count, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := openTest(t, "store", tiny(d.process()))
	saves := make(map[string]aether.Position)
	for _, a := range l.list()[:count] {
		n, err := s.Namespace(ctx, a.namespace)
		if err != nil {
			t.Fatal(err)
		}
		log, err := collect(n.ReadLog(ctx, 0, nil))
		if err != nil || len(log) != 4 {
			t.Fatalf("ReadLog of %q: %d events, %v", a.namespace, len(log), err)
		}
		if err := checkLog(a.namespace, log, saves); err != nil {
			t.Fatal(err)
		}
	}
	if len(saves) != len(l.list()) {
		t.Errorf("%d saves are there, %d were acknowledged", len(saves), len(l.list()))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// saveTwo saves the next two events of an actor.
func saveTwo(ctx context.Context, s *Store, namespace string, l *ledger) error {
	n, err := s.Namespace(ctx, namespace)
	if err != nil {
		return err
	}
	latest, err := n.GetLatestVersion(ctx, "room/1")
	if err != nil {
		return err
	}
	name := fmt.Sprint("save-", latest)
	position, err := n.SaveEvents(ctx, newSave(namespace, name, map[string]aether.Version{"room/1": latest}, 20, "room/1", "room/1")...)
	if err == nil {
		l.add(ack{namespace, name, position})
	}
	return err
}

// More is waiting than is written together, and a single save is more than that.
func TestMoreThanAGroup(t *testing.T) {
	t.Parallel()
	p := newDisk().process()
	options := &Options{groupSize: 20_000, Logger: quiet, fs: p}
	s := openTest(t, "store", options)
	latest := make(map[string]aether.Version)
	first := newSave("a", "first", latest, 10, "room/1")
	acks := []ack{{"a", "first", 1}}
	var saves [][]aether.Event
	for i := range 7 {
		fill, events := 1500, 5 // two of these are a group, three are too much
		if i == 4 {
			fill, events = 5000, 16
		}
		name := fmt.Sprint("save-", i)
		saves = append(saves, newSave("a", name, latest, fill, slices.Repeat([]string{"room/1"}, events)...))
		acks = append(acks, ack{"a", name, acks[i].position + aether.Position(events)})
	}
	var syncs atomic.Int32
	count := func() {
		p.watch(func(o op) error {
			if o.kind == "sync" && o.inLog() {
				syncs.Add(1)
			}
			return nil
		}, nil)
	}
	for i, err := range saveGroup(t, p, s, "a", first, count, saves...) {
		if err != nil {
			t.Errorf("save %d: %v", i, err)
		}
	}
	if syncs.Load() != 4 { // 0 and 1, 2 and 3, 4, 5 and 6
		t.Errorf("%d groups were synced, want 4", syncs.Load())
	}
	for range 2 {
		checkStore(t, s, acks)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, "store", options)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Many open and close one folder at the same time: only one of them has it at a
// time, nothing that was saved is lost, and nothing is left locked.
func TestOpenAndCloseRace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newDisk().process()
	l := &ledger{}
	const saves = 40
	var wg sync.WaitGroup
	var having, saved atomic.Int32
	for worker := range 6 {
		wg.Go(func() {
			for i := 0; saved.Load() < saves; i++ {
				s, err := Open(ctx, "store", tiny(p))
				if errors.Is(err, ErrInUse) {
					runtime.Gosched()
					continue
				}
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				if having.Add(1) != 1 {
					t.Error("two have the store open")
				}
				if err := saveTwo(ctx, s, fmt.Sprint("namespace ", worker), l); err != nil {
					t.Errorf("SaveEvents: %v", err)
				}
				saved.Add(1)
				having.Add(-1)
				var closes sync.WaitGroup
				var closed atomic.Int32
				for range 2 {
					closes.Go(func() {
						if err := s.Close(); err == nil {
							closed.Add(1)
						} else if !errors.Is(err, aether.ErrClosed) {
							t.Errorf("Close: %v", err)
						}
					})
				}
				closes.Wait()
				if closed.Load() != 1 {
					t.Errorf("of two calls of Close %d were the first", closed.Load())
				}
			}
		})
	}
	wg.Wait()
	s := openTest(t, "store", tiny(p))
	checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
