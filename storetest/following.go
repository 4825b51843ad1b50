package storetest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

func followPromises() []promise {
	return []promise{
		{"followers see every event once and in order while 16 writers write", followWriters},
		{"a follower that waits gets what is saved next", followNext},
		{"a follower in the middle of its loop misses nothing", followWhileInLoop},
		{"a follower may begin beyond the end", followBeyondEnd},
		{"a follower that is left can go on where it came to", followInPieces},
		{"a follower with a bound ends when the log has come there", followToBound},
		{"a slow follower delays nobody", slowFollower},
		{"a hundred followers all hear of a save", manyFollowers},
	}
}

func followWriters(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	load := newLoad(writers, 60)
	end := aether.Position(load.total)
	half := make(chan struct{}) // closed when the first follower is half through, or ends
	reached := sync.OnceFunc(func() { close(half) })
	room := func(e *aether.Event) bool { return e.Kind() == "room" }
	moved := func(e *aether.Event) bool { return e.Type == "Moved" }
	everything := func(*aether.Event) bool { return true }
	followers := []struct {
		name    string
		after   aether.Position
		options aether.LogOptions
		pass    func(e *aether.Event) bool
		late    bool // begins when half of the log is there
		got     []aether.Event
	}{
		{name: "from the start", pass: everything},
		{name: "of a kind", options: aether.LogOptions{Kinds: []string{"room"}}, pass: room},
		{name: "of a type", options: aether.LogOptions{Types: []string{"Moved"}}, pass: moved},
		{name: "late, from the start", pass: everything, late: true},
		{name: "late, from a third", after: end / 3, pass: everything, late: true},
		{name: "from two thirds, where nothing is yet", after: 2 * end / 3, pass: everything},
		{name: "late, of a kind, from half", after: end / 2, options: aether.LogOptions{Kinds: []string{"hall"}}, late: true,
			pass: func(e *aether.Event) bool { return e.Kind() == "hall" }},
	}
	together(ctx, t, writers+len(followers), func(ctx context.Context, i int) error {
		if i >= len(followers) {
			return load.write(ctx, store, i-len(followers))
		}
		f := &followers[i]
		if f.late {
			select {
			case <-half:
			case <-ctx.Done():
			}
		}
		if i == 0 {
			defer reached()
		}
		f.options.To = end
		for e, err := range store.FollowLog(ctx, f.after, &f.options) {
			if err != nil {
				return fmt.Errorf("follower %s: after %d events: %w", f.name, len(f.got), err)
			}
			if f.got = append(f.got, e); i == 0 && e.Position >= end/2 {
				reached()
			}
		}
		return nil
	})
	log := load.expect(ctx, t, store)
	for i := range followers {
		f := &followers[i]
		expectEvents(t, "follower "+f.name, f.got, matching(log[f.after:], f.pass))
	}
}

func followNext(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	// Two followers answer each other: each step needs both to wake up.
	const steps = 200
	together(ctx, t, 2, func(ctx context.Context, i int) error {
		seen := aether.Position(0)
		if i == 0 {
			if _, err := store.SaveEvents(ctx, newEvent("room/1", 1)); err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
		}
		for e, err := range store.FollowLog(ctx, 0, &aether.LogOptions{To: steps}) {
			if seen++; err != nil || e.Position != seen {
				return fmt.Errorf("follower %d: position %d, %v; want %d", i, e.Position, err, seen)
			}
			if int(e.Version)%2 == i || seen == steps {
				continue
			}
			if _, err := store.SaveEvents(ctx, newEvent("room/1", e.Version+1)); err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
		}
		return nil
	})
}

// followWhileInLoop saves while the loop is anywhere but waiting.
func followWhileInLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	next, stop := iter.Pull2(store.FollowLog(ctx, 0, nil))
	defer stop()
	var saved, got []aether.Event
	for len(saved) < 60 {
		version := aether.Version(len(saved) + 1)
		count := len(saved)%3 + 1
		for range count { // the follower has not looked at these yet
			saved = append(saved, save(ctx, t, store, newEvent("room/1", version))...)
			version++
		}
		for range count {
			e, err, ok := next()
			if err != nil || !ok {
				t.Fatalf("FollowLog: after %d events: %v, %v", len(got), err, ok)
			}
			got = append(got, e)
		}
	}
	expectEvents(t, "FollowLog", got, saved)
}

func followBeyondEnd(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for range 20 { // so that in some rounds the follower is there first
		var got []aether.Event
		end := aether.Position(len(saved))
		together(ctx, t, 2, func(ctx context.Context, i int) (err error) {
			if i == 0 {
				got, err = collect(store.FollowLog(ctx, end+4, &aether.LogOptions{To: end + 7}))
				return err
			}
			for position := end + 1; position <= end+7 && err == nil; position++ {
				runtime.Gosched()
				e := newEvent("room/1", aether.Version(position))
				_, err = store.SaveEvents(ctx, e)
				e.Position = position
				saved = append(saved, e)
			}
			return err
		})
		expectEvents(t, fmt.Sprintf("FollowLog after %d of %d", end+4, end), got, saved[end+4:])
	}

	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for _, after := range []aether.Position{math.MaxInt64, math.MaxUint64} {
		if events, err := collect(store.FollowLog(ctx, after, nil)); err == nil || len(events) > 0 {
			t.Fatalf("FollowLog after %d: %d events, %v", after, len(events), err)
		}
	}
}

func followInPieces(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	load := newLoad(4, 40)
	var got []aether.Event
	together(ctx, t, 5, func(ctx context.Context, i int) error {
		if i < 4 {
			return load.write(ctx, store, i)
		}
		for len(got) < load.total {
			piece := 1 + len(got)%7
			for e, err := range store.FollowLog(ctx, aether.Position(len(got)), nil) {
				if err != nil {
					return fmt.Errorf("FollowLog after %d: %w", len(got), err)
				}
				got = append(got, e)
				if piece--; piece == 0 || len(got) == load.total {
					break
				}
			}
		}
		return nil
	})
	expectEvents(t, "FollowLog", got, load.expect(ctx, t, store))
}

func followToBound(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for _, to := range []aether.Position{1, 2, 3} { // reached already
		for after := range aether.Position(6) {
			got := all(t, "FollowLog", store.FollowLog(ctx, after, &aether.LogOptions{To: to}))
			expectEvents(t, fmt.Sprintf("FollowLog after %d to %d", after, to), got, saved[min(after, to):to])
		}
	}
	// Reached later, by events that do not pass the filter, in a save that goes on.
	var got []aether.Event
	together(ctx, t, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			got, err = collect(store.FollowLog(ctx, 0, &aether.LogOptions{To: 7, Kinds: []string{"room"}}))
			return err
		}
		if _, err = store.SaveEvents(ctx, newEvent("hall/1", 1)); err == nil {
			_, err = store.SaveEvents(ctx, newEvents("hall/1", 2, 10)...)
		}
		return err
	})
	expectEvents(t, "FollowLog of a kind", got, saved)
}

func slowFollower(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	load := newLoad(4, 100)
	first, written := make(chan struct{}), make(chan struct{})
	var got []aether.Event
	together(ctx, t, 2, func(ctx context.Context, i int) error {
		if i == 0 {
			for e, err := range store.FollowLog(ctx, 0, &aether.LogOptions{To: aether.Position(load.total)}) {
				if err != nil {
					return fmt.Errorf("FollowLog: after %d events: %w", len(got), err)
				}
				if got = append(got, e); len(got) == 1 {
					close(first)
					select {
					case <-written:
					case <-ctx.Done():
						return fmt.Errorf("saving hangs while a follower is in its loop")
					}
				}
			}
			return nil
		}
		defer close(written)
		for writer := range load.batches {
			if err := load.write(ctx, store, writer); err != nil {
				return err
			}
			select {
			case <-first: // so that everything after the first writer is saved meanwhile
			case <-ctx.Done():
				return fmt.Errorf("a follower gets nothing")
			}
		}
		return nil
	})
	expectEvents(t, "FollowLog", got, load.expect(ctx, t, store))
}

func manyFollowers(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	const followers, saves = 100, 10
	events := newEvents("room/1", 1, saves)
	together(ctx, t, followers+1, func(ctx context.Context, i int) error {
		if i == followers {
			for _, e := range events {
				if _, err := store.SaveEvents(ctx, e); err != nil {
					return fmt.Errorf("SaveEvents: %w", err)
				}
			}
			return nil
		}
		got, err := collect(store.FollowLog(ctx, 0, &aether.LogOptions{To: saves}))
		if err != nil {
			return fmt.Errorf("follower %d: after %d events: %w", i, len(got), err)
		}
		if d := compare(got, positioned(events, saves)); d != "" {
			return fmt.Errorf("follower %d: %s", i, d)
		}
		return nil
	})
}
