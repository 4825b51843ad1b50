package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"

	"github.com/aether-es/aether"
)

func logPromises() []promise {
	return []promise{
		{"an empty log ends at once", emptyLog},
		{"the log is read from any position to any other", readRange},
		{"the log is filtered by kinds and types", filterLog},
		{"the bound of a filtered read is a position", filterRange},
		{"a read whose bound lies before its beginning ends at once", boundBeforeStart},
		{"a read to a bound ends there whatever the event there is", boundOfOthers},
		{"a loop sees what was saved after its iterator was made", savedBeforeLoop},
		{"a loop over the log ends with what was last when it began", savedDuringLoop},
		{"a long log is read in order and without holes", longLog},
		{"a reader that polls while 16 writers write misses nothing", pollLog},
	}
}

func emptyLog(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, after := range []aether.Position{0, 1, math.MaxInt64, math.MaxUint64} {
		expectEvents(t, "ReadLog", all(t, "ReadLog", store.ReadLog(ctx, after, nil)), nil)
		expectEvents(t, "ReadLog", all(t, "ReadLog", store.ReadLog(ctx, after, &aether.LogOptions{To: 10})), nil)
	}
	if position, err := store.GetLatestPosition(ctx); err != nil || position != 0 {
		t.Fatalf("GetLatestPosition: %d, %v; want 0", position, err)
	}
}

// fewEvents saves ten events of several kinds and types, in saves of one to three.
func fewEvents(ctx context.Context, t *testing.T, store aether.EventStore) []aether.Event {
	t.Helper()
	typed := func(actorID string, version aether.Version, eventType string) aether.Event {
		e := newEvent(actorID, version)
		e.Type = eventType
		return e
	}
	saved := save(ctx, t, store, typed("room/1", 1, "Opened"))
	saved = append(saved, save(ctx, t, store, typed("room/2", 1, "Opened"), typed("hall/1", 1, "Opened"))...)
	saved = append(saved, save(ctx, t, store, typed("rooms/1", 1, "Opened"), typed("room/1", 2, "Closed"), typed("hall/room", 1, "Closed"))...)
	saved = append(saved, save(ctx, t, store, typed("room/1", 3, "opened"))...)
	saved = append(saved, save(ctx, t, store, typed("ROOM/1", 1, "Opened"))...)
	return append(saved, save(ctx, t, store, typed("room/hall/1", 1, "Open"), typed("room/1", 4, "Opened"))...)
}

func readRange(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := fewEvents(ctx, t, store)
	n := aether.Position(len(saved))
	bounds := []aether.Position{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, n, n + 1, 100, math.MaxInt64, math.MaxUint64}
	for _, after := range bounds {
		for _, to := range bounds {
			end := n
			if to != 0 {
				end = min(to, n)
			}
			got := all(t, "ReadLog", store.ReadLog(ctx, after, &aether.LogOptions{To: to}))
			expectEvents(t, fmt.Sprintf("ReadLog after %d to %d", after, to), got, saved[min(after, end):end])
		}
		got := all(t, "ReadLog", store.ReadLog(ctx, after, nil))
		expectEvents(t, fmt.Sprintf("ReadLog after %d", after), got, saved[min(after, n):])
	}
}

// filters are options, each with what passes it.
func filters() map[*aether.LogOptions]func(e *aether.Event) bool {
	kind := func(e *aether.Event, kinds ...string) bool { return slices.Contains(kinds, e.Kind()) }
	return map[*aether.LogOptions]func(e *aether.Event) bool{
		{}:                                     func(*aether.Event) bool { return true },
		{Kinds: []string{}, Types: []string{}}: func(*aether.Event) bool { return true },
		{Kinds: []string{"room"}}:              func(e *aether.Event) bool { return kind(e, "room") },
		{Kinds: []string{"hall", "rooms"}}:     func(e *aether.Event) bool { return kind(e, "hall", "rooms") },
		{Kinds: []string{"room", "room", "none"}}: func(e *aether.Event) bool { return kind(e, "room") },
		{Kinds: []string{"room/hall"}}:            func(*aether.Event) bool { return false },
		{Kinds: []string{""}}:                     func(*aether.Event) bool { return false },
		{Kinds: []string{"*"}}:                    func(*aether.Event) bool { return false },
		{Types: []string{"Opened"}}:               func(e *aether.Event) bool { return e.Type == "Opened" },
		{Types: []string{"opened", "Closed"}}:     func(e *aether.Event) bool { return e.Type == "opened" || e.Type == "Closed" },
		{Types: []string{"None"}}:                 func(*aether.Event) bool { return false },
		{Kinds: []string{"room"}, Types: []string{"Opened"}}: func(e *aether.Event) bool {
			return kind(e, "room") && e.Type == "Opened"
		},
		{Kinds: []string{"room", "hall"}, Types: []string{"Opened", "Closed"}}: func(e *aether.Event) bool {
			return kind(e, "room", "hall") && (e.Type == "Opened" || e.Type == "Closed")
		},
	}
}

func filterLog(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := fewEvents(ctx, t, store)
	for options, pass := range filters() {
		got := all(t, "ReadLog", store.ReadLog(ctx, 0, options))
		expectEvents(t, fmt.Sprintf("ReadLog with %+v", *options), got, matching(saved, pass))
	}
}

func filterRange(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := fewEvents(ctx, t, store)
	for options, pass := range filters() {
		for after := range len(saved) + 1 {
			for to := 1; to <= len(saved)+1; to++ {
				end := min(to, len(saved))
				bound := aether.LogOptions{To: aether.Position(to), Kinds: options.Kinds, Types: options.Types}
				what := fmt.Sprintf("after %d with %+v", after, bound)
				want := matching(saved[min(after, end):end], pass)
				expectEvents(t, "ReadLog "+what, all(t, "ReadLog "+what, store.ReadLog(ctx, aether.Position(after), &bound)), want)
				if to <= len(saved) { // a follower would wait otherwise
					expectEvents(t, "FollowLog "+what, all(t, "FollowLog "+what, store.FollowLog(ctx, aether.Position(after), &bound)), want)
				}
			}
		}
	}
}

// boundBeforeStart reads where there is nothing to read: a follower, too, has
// nothing to wait for, however short the log is.
func boundBeforeStart(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for length := range aether.Version(4) {
		if length > 0 {
			save(ctx, t, store, newEvent("room/1", length))
		}
		for _, after := range []aether.Position{1, 2, 3, 5, math.MaxInt64, math.MaxUint64} {
			for _, to := range []aether.Position{1, 2, 3, 5, after - 1, after} {
				if to == 0 || to > after {
					continue
				}
				for _, options := range []*aether.LogOptions{{To: to}, {To: to, Kinds: []string{"hall"}}, {To: to, Types: []string{"Tested"}}} {
					what := fmt.Sprintf("of %d events after %d with %+v", length, after, *options)
					expectEvents(t, "ReadLog "+what, all(t, "ReadLog "+what, store.ReadLog(ctx, after, options)), nil)
					expectEvents(t, "FollowLog "+what, all(t, "FollowLog "+what, store.FollowLog(ctx, after, options)), nil)
				}
			}
		}
	}
	// It obeys its context all the same.
	for want, done := range ended(ctx, t) {
		for name, log := range map[string]iter.Seq2[aether.Event, error]{
			"ReadLog":   store.ReadLog(done, 2, &aether.LogOptions{To: 1}),
			"FollowLog": store.FollowLog(done, 2, &aether.LogOptions{To: 1}),
		} {
			if events, err := collect(log); !errors.Is(err, want) || len(events) > 0 {
				t.Errorf("%s with a done context: %d events, %v; want %v", name, len(events), err, want)
			}
		}
	}
}

// boundOfOthers reads to a bound at which, and behind which, no event passes.
func boundOfOthers(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 2)...)
	options := &aether.LogOptions{To: 4, Kinds: []string{"room"}}
	var followed []aether.Event
	together(ctx, t, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 { // it may be there first, and wait for positions 3 and 4
			followed, err = collect(store.FollowLog(ctx, 0, options))
			return err
		}
		_, err = store.SaveEvents(ctx, newEvents("hall/1", 1, 3)...)
		return err
	})
	expectEvents(t, "FollowLog", followed, saved)
	save(ctx, t, store, newEvents("room/1", 3, 3)...)
	expectEvents(t, "FollowLog", all(t, "FollowLog", store.FollowLog(ctx, 0, options)), saved)
	expectEvents(t, "ReadLog", all(t, "ReadLog", store.ReadLog(ctx, 0, options)), saved)
	expectEvents(t, "FollowLog after 2", all(t, "FollowLog", store.FollowLog(ctx, 2, options)), nil)
}

func savedBeforeLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1))
	stream, log, actors := store.GetEvents(ctx, "room/1", 0), store.ReadLog(ctx, 0, nil), store.GetActors(ctx, "room")
	saved = append(saved, save(ctx, t, store, newEvent("room/1", 2))...)
	for range 2 { // a second loop over the same iterators begins anew
		expectEvents(t, "GetEvents", all(t, "GetEvents", stream), saved)
		expectEvents(t, "ReadLog", all(t, "ReadLog", log), saved)
		if got := all(t, "GetActors", actors); len(got) != 1 || got[0].Version != aether.Version(len(saved)) {
			t.Fatalf("GetActors: %v, want room/1 at version %d", got, len(saved))
		}
		saved = append(saved, save(ctx, t, store, newEvent("room/1", aether.Version(len(saved)+1)))...)
	}
}

func savedDuringLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 10)...)
	var got []aether.Event
	for e, err := range store.ReadLog(ctx, 0, nil) {
		if err != nil {
			t.Fatalf("ReadLog: %v", err)
		}
		got = append(got, e)
		save(ctx, t, store, newEvent("room/1", aether.Version(10+len(got))))
	}
	expectEvents(t, "ReadLog", got, saved)
}

func longLog(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for version := aether.Version(1); version <= 4000; version += 400 {
		saved = append(saved, save(ctx, t, store, newEvents("room/1", version, 400)...)...)
		saved = append(saved, save(ctx, t, store, newEvents("hall/1", version/4+1, 100)...)...)
	}
	expectStore(ctx, t, store, saved)
}

// pollLog reads the log again and again from where it came to, while 16 writers
// write: what it passes by once it never sees.
func pollLog(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	load := newLoad(writers, 60)
	var polled []aether.Event
	together(ctx, t, writers+1, func(ctx context.Context, i int) error {
		if i < writers {
			return load.write(ctx, store, i)
		}
		for len(polled) < load.total {
			var after aether.Position
			if len(polled) > 0 {
				after = polled[len(polled)-1].Position
			}
			more, err := collect(store.ReadLog(ctx, after, nil))
			if err != nil {
				return fmt.Errorf("ReadLog: %w", err)
			}
			for _, e := range more {
				if after++; e.Position != after {
					return fmt.Errorf("a reader that polls the log got position %d after %d", e.Position, after-1)
				}
			}
			polled = append(polled, more...)
		}
		return nil
	})
	load.expect(ctx, t, store)
	expectStore(ctx, t, store, polled)
}
