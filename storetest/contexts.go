package storetest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func contextPromises() []promise {
	return []promise{
		{"a done context ends every read with its error", doneContextReads},
		{"a save with a done context fails and can be made again", doneContextSaves},
		{"a context that is cancelled ends a loop with its error", cancelInLoop},
		{"a context that is cancelled ends a waiting follower", cancelWaiting},
		{"a deadline ends a waiting follower", deadlineWaiting},
	}
}

// ended returns contexts that are done, by the error they have.
func ended(ctx context.Context, t *testing.T) map[error]context.Context {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	t.Cleanup(cancel)
	return map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late}
}

func doneContextReads(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvents("room/1", 1, 10)...)
	for want, done := range ended(ctx, t) {
		for _, r := range iterators(store) {
			items := 0
			var last error
			for last = range r.loop(done) {
				items++
			}
			if items != 1 || !errors.Is(last, want) {
				t.Errorf("%s: %d items, the last is error %v; want %v alone", r.name, items, last, want)
			}
		}
		if _, err := store.GetLatestVersion(done, "room/1"); !errors.Is(err, want) {
			t.Errorf("GetLatestVersion: %v, want %v", err, want)
		}
		if _, err := store.GetEventVersion(done, "room/1", "x"); !errors.Is(err, want) {
			t.Errorf("GetEventVersion: %v, want %v", err, want)
		}
		if _, err := store.GetLatestPosition(done); !errors.Is(err, want) {
			t.Errorf("GetLatestPosition: %v, want %v", err, want)
		}
		if _, err := s.engine.Namespaces(done); !errors.Is(err, want) {
			t.Errorf("Namespaces: %v, want %v", err, want)
		}
	}
}

// doneContextSaves asks for no more than the contract says: whether the events
// were saved is open, but saving them again tells.
func doneContextSaves(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for want, done := range ended(ctx, t) {
		for range 10 {
			events := newEvents("room/1", aether.Version(len(saved)+1), 2)
			if _, err := store.SaveEvents(done, events...); !errors.Is(err, want) {
				t.Fatalf("SaveEvents: %v, want %v", err, want)
			}
			saved = append(saved, save(ctx, t, store, events...)...)
		}
	}
	// And with a context that is cancelled in the middle.
	for range 100 {
		events := newEvents("room/1", aether.Version(len(saved)+1), 2)
		cancelled, cancel := context.WithCancel(ctx)
		together(ctx, t, 2, func(_ context.Context, i int) error {
			if i == 0 {
				cancel()
				return nil
			}
			if _, err := store.SaveEvents(cancelled, events...); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
		saved = append(saved, save(ctx, t, store, events...)...)
	}
	expectStore(ctx, t, store, saved)
}

func cancelInLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	fill(ctx, t, store)
	for _, r := range iterators(store) {
		cancelled, cancel := context.WithCancel(ctx)
		var failed error
		items := 0
		for err := range r.loop(cancelled) {
			if failed != nil {
				t.Fatalf("%s went on after its error %v", r.name, failed)
			}
			failed = err
			if items++; items == 3 {
				cancel()
			}
		}
		cancel()
		if !errors.Is(failed, context.Canceled) {
			t.Errorf("%s: ended after %d items with %v, want %v", r.name, items, failed, context.Canceled)
		}
	}
	save(ctx, t, store, newEvent("room/1", 3001))
}

// cancelWaiting cancels one of two followers: the other goes on.
func cancelWaiting(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1))
	for _, options := range []*aether.LogOptions{nil, {Kinds: []string{"room"}}, {Types: []string{"Tested"}}, {To: 100}} {
		after := aether.Position(len(saved) - 1)
		next, stop := iter.Pull2(store.FollowLog(ctx, after, options))
		defer stop()
		expectNext(t, next, saved[after])

		cancelled, cancel := context.WithCancel(ctx)
		var last error
		for _, last = range store.FollowLog(cancelled, after, options) {
			if last == nil {
				go cancel() // while the follower goes on to wait
			}
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Fatalf("FollowLog: ended with %v, want %v", last, context.Canceled)
		}
		saved = append(saved, save(ctx, t, store, newEvent("room/1", aether.Version(len(saved)+1)))...)
		expectNext(t, next, saved[after+1])
		stop()
	}
}

// expectNext fails the test unless the event is the next one.
func expectNext(t *testing.T, next func() (aether.Event, error, bool), want aether.Event) {
	t.Helper()
	got, err, ok := next()
	if err != nil || !ok {
		t.Fatalf("the iterator ended with error %v, want event %d", err, want.Position)
	}
	expectEvents(t, "the next event", []aether.Event{got}, []aether.Event{want})
}

func deadlineWaiting(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1))
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	for range 2 { // the second time it is over already
		events, err := collect(store.FollowLog(ctx, 1, nil))
		if !errors.Is(err, context.DeadlineExceeded) || len(events) > 0 {
			t.Fatalf("FollowLog: %d events of %d, %v; want %v", len(events), len(saved), err, context.DeadlineExceeded)
		}
	}
}
