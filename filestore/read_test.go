package filestore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

// An actor whose events are in many segments and many parts of the index.
func TestLongActor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	random := newRandom(t)
	options := &Options{SegmentSize: 64 << 10, recentEvents: 700, Logger: quiet, fs: newDisk().process()}
	s := openTest(t, "store", options)
	n, err := s.Namespace(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	const events = 10_000
	latest := map[string]aether.Version{}
	for i := 0; latest["room/long"] < events; i++ {
		actors := slices.Repeat([]string{"room/long"}, min(1+random.IntN(800), int(events-latest["room/long"])))
		if _, err := n.SaveEvents(ctx, newSave("a", fmt.Sprint("save-", i), latest, 0, actors...)...); err != nil {
			t.Fatal(err)
		}
		if _, err := n.SaveEvents(ctx, newSave("a", fmt.Sprint("other-", i), latest, 300, "room/other")...); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		stream, err := collect(n.GetEvents(ctx, "room/long", 0))
		if err != nil || len(stream) != events {
			t.Fatalf("GetEvents: %d events, %v", len(stream), err)
		}
		for i := range stream {
			if stream[i].Version != aether.Version(i+1) || stream[i].Metadata.CorrelationID != proof("a", &stream[i]) {
				t.Fatalf("version %d is %+v", i+1, stream[i])
			}
		}
		for range 8 {
			after := random.IntN(events + 2)
			got, err := collect(n.GetEvents(ctx, "room/long", aether.Version(after)))
			if err != nil || !sameEvents(got, stream[min(after, events):]) {
				t.Errorf("GetEvents after %d: %d events, %v", after, len(got), err)
			}
		}
		for _, after := range []aether.Version{events, events + 1, math.MaxInt32, math.MaxUint32, math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxInt64 + events, math.MaxUint64 - 1, math.MaxUint64} {
			for _, actorID := range []string{"room/long", "room/other", "room/none"} {
				if got, err := collect(n.GetEvents(ctx, actorID, after)); err != nil || len(got) > 0 {
					t.Errorf("GetEvents(%q, %d): %d events, %v", actorID, after, len(got), err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, "store", options)
		if n, err = s.Namespace(ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A namespace with few events among very many of others: whoever reads it does
// not read the others.
func TestRareNamespace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newDisk().process()
	options := &Options{SegmentSize: 512 << 10, recentEvents: 300, Logger: quiet, fs: p}
	s := openTest(t, "store", options)
	rare, busy := map[string]aether.Version{}, map[string]aether.Version{}
	save := func(namespace, name string, latest map[string]aether.Version, fill, events int) {
		t.Helper()
		n, err := s.Namespace(ctx, namespace)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.SaveEvents(ctx, newSave(namespace, name, latest, fill, slices.Repeat([]string{"room/1"}, events)...)...); err != nil {
			t.Fatal(err)
		}
	}
	const rounds, last = 3, 2*3 + 1
	for i := range rounds {
		save("rare", fmt.Sprint("rare-", i), rare, 10, 2)
		for j := range 20 {
			save("busy", fmt.Sprint("busy-", i, "-", j), busy, 8000, 16)
		}
	}
	save("rare", "last", rare, 10, 1)
	for _, state := range []string{"as it was written", "opened again"} {
		n, err := s.Namespace(ctx, "rare")
		if err != nil {
			t.Fatal(err)
		}
		for after := range aether.Position(last) {
			before := p.read.Load()
			log, err := collect(n.ReadLog(ctx, after, nil))
			if err != nil || len(log) != last-int(after) || log[0].Position != after+1 {
				t.Fatalf("%s: ReadLog after %d: %d events, %v", state, after, len(log), err)
			}
			// Where it begins, and after each jump, it reads a buffer or two. The log has
			// 8 MB, which is 30 buffers.
			if read := p.read.Load() - before; read > (rounds+1)*2*scanBuffer+(1<<20) {
				t.Errorf("%s: ReadLog after %d read %d bytes", state, after, read)
			}
		}
		followed, cancel := context.WithCancel(ctx)
		seen := 0
		for e, err := range n.FollowLog(followed, 0, nil) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: FollowLog: %v", state, err)
				}
				break
			}
			if seen++; e.Position != aether.Position(seen) {
				t.Fatalf("%s: FollowLog: position %d after %d", state, e.Position, seen-1)
			}
			if seen == last {
				cancel()
			}
		}
		cancel()
		if seen != last {
			t.Errorf("%s: FollowLog ended after %d events", state, seen)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, "store", options)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Everything at the same time, while the index moves to disk all the time.
func TestReadersBesideWriters(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	random := newRandom(t)
	s := openTest(t, "store", tiny(newDisk().process()))
	l := &ledger{}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		w := &testWriter{namespace: []string{"a", "b"}[i%2], name: fmt.Sprint("w", i), random: split(random), fill: 200}
		writers.Go(func() {
			if err := w.run(ctx, s, 60, l.add); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 4 {
		random := split(random)
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readWhatIsThere(ctx, s, []string{"a", "b"}[i%2], random); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// readWhatIsThere reads a namespace that is written to: it grows and never has
// holes.
func readWhatIsThere(ctx context.Context, s *Store, name string, random *rand.Rand) error {
	n, err := s.Namespace(ctx, name)
	if err != nil {
		return err
	}
	latest, err := n.GetLatestPosition(ctx)
	if err != nil {
		return err
	}
	log, err := collect(n.ReadLog(ctx, 0, nil))
	if err != nil || len(log) < int(latest) {
		return fmt.Errorf("ReadLog: %d events, where there were %d: %v", len(log), latest, err)
	}
	if len(log) == 0 {
		return nil
	}
	events := make(map[string][]aether.Event)
	for i := range log {
		events[log[i].ActorID] = append(events[log[i].ActorID], log[i])
		if log[i].Position != aether.Position(i+1) {
			return fmt.Errorf("ReadLog: position %d after %d", log[i].Position, i)
		}
	}
	e := log[random.IntN(len(log))]
	known := events[e.ActorID]
	got, err := collect(n.GetEvents(ctx, e.ActorID, 0))
	if err != nil || len(got) < len(known) || !sameEvents(got[:len(known)], known) {
		return fmt.Errorf("GetEvents(%q): %d events, where the log had %d: %v", e.ActorID, len(got), len(known), err)
	}
	version, err := n.GetLatestVersion(ctx, e.ActorID)
	if err != nil || int(version) < len(got) {
		return fmt.Errorf("GetLatestVersion(%q): %d after %d: %v", e.ActorID, version, len(got), err)
	}
	if position, err := n.SaveEvents(ctx, e); err != nil || position != e.Position {
		return fmt.Errorf("SaveEvents again: position %d, want %d: %v", position, e.Position, err)
	}
	actors, err := collect(n.GetActors(ctx, ""))
	if err != nil || len(actors) < len(events) {
		return fmt.Errorf("GetActors: %d, where the log had %d: %v", len(actors), len(events), err)
	}
	for _, a := range actors {
		if int(a.Version) < len(events[a.ID]) {
			return fmt.Errorf("GetActors: %q at %d, where the log had %d", a.ID, a.Version, len(events[a.ID]))
		}
	}
	return nil
}
