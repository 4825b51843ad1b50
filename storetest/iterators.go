package storetest

import (
	"context"
	"fmt"
	"iter"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func iteratorPromises() []promise {
	return []promise{
		{"a loop may be left at any place", leaveLoops},
		{"a loop that is left releases everything", releaseLoops},
		{"a loop that panics releases everything", panicInLoop},
		{"a loop may use the store", useStoreInLoop},
		{"loops do not disturb each other", loopsSideBySide},
	}
}

// A read is one of the iterators of a store, of whatever it yields the errors.
type read struct {
	name string
	loop func(ctx context.Context) iter.Seq[error]
}

// iterators returns every iterator there is, over all of the store. The follower
// does not end by itself.
func iterators(store aether.EventStore) []read {
	return []read{
		{"GetEvents", func(ctx context.Context) iter.Seq[error] { return failures(store.GetEvents(ctx, "room/1", 0)) }},
		{"GetActors", func(ctx context.Context) iter.Seq[error] { return failures(store.GetActors(ctx, "")) }},
		{"ReadLog", func(ctx context.Context) iter.Seq[error] { return failures(store.ReadLog(ctx, 0, nil)) }},
		{"FollowLog", func(ctx context.Context) iter.Seq[error] { return failures(store.FollowLog(ctx, 0, nil)) }},
	}
}

func failures[T any](seq iter.Seq2[T, error]) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, err := range seq {
			if !yield(err) {
				return
			}
		}
	}
}

// fill saves so much that no iterator can have read everything ahead: 3000
// events of room/1 and 1000 actors.
func fill(ctx context.Context, t *testing.T, store aether.EventStore) {
	t.Helper()
	for version := aether.Version(1); version <= 3000; version += aether.MaxBatchEvents {
		save(ctx, t, store, newEvents("room/1", version, aether.MaxBatchEvents)...)
	}
	var events []aether.Event
	for i := range aether.MaxBatchEvents {
		events = append(events, newEvent(fmt.Sprint("hall/", i), 1))
	}
	save(ctx, t, store, events...)
}

func leaveLoops(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	fill(ctx, t, store)
	for _, r := range iterators(store) {
		for _, count := range []int{1, 2, 3, 10, 100, 999, 1000} {
			left := count
			for err := range r.loop(ctx) {
				if err != nil {
					t.Fatalf("%s: %v", r.name, err)
				}
				if left--; left == 0 {
					break
				}
			}
			if left != 0 {
				t.Fatalf("%s: ended %d items before it was left at %d", r.name, left, count)
			}
		}
	}
	save(ctx, t, store, newEvent("room/1", 3001))
}

func releaseLoops(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	fill(ctx, t, store)
	for _, r := range iterators(store) {
		once := func() {
			for range r.loop(ctx) {
				break
			}
		}
		once() // whatever an engine starts once and keeps
		mark := "storetest-" + aether.NewID()
		pprof.Do(ctx, pprof.Labels(mark, ""), func(context.Context) {
			for range 100 {
				once()
			}
		})
		// A tenth is for what the engine and its storage do meanwhile.
		expectGoroutines(ctx, t, r.name, mark, 10)
	}
	within(ctx, t, "Close after loops were left", func() { _ = s.engine.Close() })
}

// expectGoroutines waits until there are at most so many goroutines that were
// started under a mark, by whatever the marked goroutine called. Others are not
// counted: they may be those of tests that run at the same time.
func expectGoroutines(ctx context.Context, t *testing.T, what, mark string, most int) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		count := markedGoroutines(t, mark)
		if count <= most {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s: %d goroutines are left, want at most %d", what, count, most)
		}
	}
}

// markedGoroutines counts the goroutines that have a label in the profile, where
// those with the same stack and labels are one paragraph: "3 @ 0x47a… 0x…", then
// "# labels: {…}".
func markedGoroutines(t *testing.T, mark string) (count int) {
	t.Helper()
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	for paragraph := range strings.SplitSeq(profile.String(), "\n\n") {
		if i := strings.Index(paragraph, " @ "); i > 0 && strings.Contains(paragraph, mark) {
			digits := paragraph[strings.LastIndexByte(paragraph[:i], '\n')+1 : i]
			n, err := strconv.Atoi(digits)
			if err != nil {
				t.Fatalf("the profile has %q", paragraph)
			}
			count += n
		}
	}
	return count
}

func panicInLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvents("room/1", 1, 10)...)
	for _, r := range iterators(store) {
		func() {
			defer func() {
				if recover() != "in the loop" {
					t.Fatalf("%s swallowed a panic", r.name)
				}
			}()
			for range r.loop(ctx) {
				panic("in the loop")
			}
		}()
	}
	within(ctx, t, "a save after a panic in a loop", func() {
		if _, err := store.SaveEvents(ctx, newEvent("room/1", 11)); err != nil {
			t.Errorf("SaveEvents: %v", err)
		}
	})
	within(ctx, t, "Close after a panic in a loop", func() { _ = s.engine.Close() })
}

func useStoreInLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for _, r := range iterators(store) {
		within(ctx, t, "using the store in a loop of "+r.name, func() {
			for err := range r.loop(ctx) {
				if err != nil {
					t.Errorf("%s: %v", r.name, err)
				}
				next := newEvent("room/1", aether.Version(len(saved)+1))
				last, err := store.SaveEvents(ctx, next)
				if err != nil {
					t.Errorf("SaveEvents: %v", err)
				}
				saved = append(saved, positioned([]aether.Event{next}, last)...)
				if version, err := store.GetLatestVersion(ctx, "room/1"); err != nil || version != next.Version {
					t.Errorf("GetLatestVersion: %d, %v; want %d", version, err, next.Version)
				}
				if got, err := collect(store.ReadLog(ctx, 0, nil)); err != nil || compare(got, saved) != "" {
					t.Errorf("ReadLog: %v, %s", err, compare(got, saved))
				}
				if _, err := s.engine.Namespace(ctx, "other"); err != nil {
					t.Errorf("Namespace: %v", err)
				}
				if len(saved)%3 == 0 {
					break
				}
			}
		})
	}
	expectStore(ctx, t, store, saved)
}

func loopsSideBySide(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 100)...)
	stream, log, follow := store.GetEvents(ctx, "room/1", 0), store.ReadLog(ctx, 0, nil), store.FollowLog(ctx, 0, nil)
	var loops []func() (aether.Event, error, bool)
	for _, seq := range []iter.Seq2[aether.Event, error]{stream, stream, log, log, follow, follow} {
		next, stop := iter.Pull2(seq)
		defer stop()
		loops = append(loops, next)
	}
	for i := range saved {
		for j, next := range loops {
			e, err, ok := next()
			if err != nil || !ok {
				t.Fatalf("loop %d: item %d: %v, %v", j, i, err, ok)
			}
			if d := difference(&e, &saved[i]); d != "" {
				t.Fatalf("loop %d: item %d: %s", j, i, d)
			}
		}
	}
}
