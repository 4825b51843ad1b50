package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

func closingPromises() []promise {
	return []promise{
		{"after Close everything fails with ErrClosed", closedCalls},
		{"Close ends waiting followers with ErrClosed", closeWaiting},
		{"Close ends no loop in silence", closeInLoop},
		{"Close waits for the saves under way", closeWhileSaving},
		{"Close may be called again", closeAgain},
	}
}

func (s *subject) close(ctx context.Context, t *testing.T) {
	t.Helper()
	within(ctx, t, "Close", func() {
		if err := s.engine.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// closeAfter closes once as many have arrived as the channel has room for.
func (s *subject) closeAfter(ctx context.Context, arrived <-chan struct{}) error {
	for range cap(arrived) {
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.engine.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

func closedCalls(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvents("room/1", 1, 3)...)
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, aether.ErrClosed) {
			t.Errorf("%s: %v, want %v", what, err, aether.ErrClosed)
		}
	}
	calls := map[string]func() error{
		"Namespace":         func() error { _, err := s.engine.Namespace(ctx, "test"); return err },
		"Namespace, new":    func() error { _, err := s.engine.Namespace(ctx, "new"); return err },
		"Namespaces":        func() error { _, err := s.engine.Namespaces(ctx); return err },
		"SaveEvents":        func() error { _, err := store.SaveEvents(ctx, newEvent("room/1", 4)); return err },
		"GetEventVersion":   func() error { _, err := store.GetEventVersion(ctx, "room/1", "x"); return err },
		"GetLatestVersion":  func() error { _, err := store.GetLatestVersion(ctx, "room/1"); return err },
		"GetLatestPosition": func() error { _, err := store.GetLatestPosition(ctx); return err },
	}
	if s.features.Snapshots {
		snapshots := s.snapshots(ctx, t, "test")
		calls["SaveSnapshot"] = func() error {
			return snapshots.SaveSnapshot(ctx, aether.Snapshot{ActorID: "room/1", Version: 3})
		}
		calls["GetLatestSnapshot"] = func() error { _, err := snapshots.GetLatestSnapshot(ctx, "room/1"); return err }
	}
	var before []func() // iterators made before Close, looped over after it
	for _, r := range iterators(store) {
		loop := r.loop(ctx)
		before = append(before, func() {
			items := 0
			for err := range loop {
				items++
				check(r.name+", made before", err)
			}
			if items != 1 {
				t.Errorf("%s, made before: %d items, want the error alone", r.name, items)
			}
		})
	}
	s.close(ctx, t)
	for name, call := range calls {
		check(name, call())
	}
	for _, loop := range before {
		loop()
	}
	for _, r := range iterators(store) {
		items := 0
		for err := range r.loop(ctx) {
			items++
			check(r.name, err)
		}
		if items != 1 {
			t.Errorf("%s: %d items, want the error alone", r.name, items)
		}
	}
}

func closeWaiting(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvent("room/1", 1))
	options := []*aether.LogOptions{nil, {}, {To: 9}, {Kinds: []string{"room"}}, {Types: []string{"Tested"}}}
	following := make(chan struct{}, len(options))
	together(ctx, t, len(options)+1, func(ctx context.Context, i int) error {
		if i == len(options) {
			return s.closeAfter(ctx, following)
		}
		items := 0
		var last error
		for _, last = range store.FollowLog(ctx, 0, options[i]) {
			if items++; items == 1 {
				following <- struct{}{}
			}
		}
		if items != 2 || !errors.Is(last, aether.ErrClosed) {
			return fmt.Errorf("FollowLog: %d items, the last is error %v; want one event and %v", items, last, aether.ErrClosed)
		}
		return nil
	})
}

// closeInLoop closes while loops are under way: they must either come to their
// end or tell that they did not.
func closeInLoop(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	fill(ctx, t, store)
	counts := map[string]int{"GetEvents": 3000, "GetActors": 1001, "ReadLog": 4000}
	reads := iterators(store)
	looping := make(chan struct{}, len(reads))
	together(ctx, t, len(reads)+1, func(ctx context.Context, i int) error {
		if i == len(reads) {
			return s.closeAfter(ctx, looping)
		}
		items := 0
		var last error
		for last = range reads[i].loop(ctx) {
			if last != nil {
				continue
			}
			if items++; items == 1 {
				looping <- struct{}{}
			}
		}
		if errors.Is(last, aether.ErrClosed) || last == nil && items == counts[reads[i].name] {
			return nil
		}
		return fmt.Errorf("%s: ended after %d items with %v, want all items or %v", reads[i].name, items, last, aether.ErrClosed)
	})
}

func closeWhileSaving(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved [writers][]aether.Event
	saving := make(chan struct{}, writers)
	together(ctx, t, writers+1, func(ctx context.Context, i int) error {
		if i == writers {
			return s.closeAfter(ctx, saving)
		}
		for version := aether.Version(1); ; version += 2 {
			events := newEvents(fmt.Sprint("room/", i), version, 2)
			last, err := store.SaveEvents(ctx, events...)
			if errors.Is(err, aether.ErrClosed) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
			saved[i] = append(saved[i], positioned(events, last)...)
			if version == 1 {
				saving <- struct{}{}
			}
		}
	})
	if !s.features.Durable {
		return
	}
	s.open(ctx, t)
	store = s.store(ctx, t, "test")
	for i := range saved {
		stream := all(t, "GetEvents", store.GetEvents(ctx, fmt.Sprint("room/", i), 0))
		// A save that got ErrClosed may have landed all the same, but then whole.
		if len(stream)%2 != 0 || len(stream) > len(saved[i])+2 {
			t.Fatalf("%d events were saved in pairs, %d are there", len(saved[i]), len(stream))
		}
		expectEvents(t, "GetEvents", stream[:min(len(saved[i]), len(stream))], saved[i])
	}
	expectStore(ctx, t, store, all(t, "ReadLog", store.ReadLog(ctx, 0, nil)))
}

func closeAgain(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	save(ctx, t, store, newEvent("room/1", 1))
	closed := 0
	var mu sync.Mutex
	together(ctx, t, 4, func(context.Context, int) error {
		err := s.engine.Close()
		if err != nil && !errors.Is(err, aether.ErrClosed) {
			return fmt.Errorf("closing: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			closed++
		}
		return nil
	})
	if closed == 0 {
		t.Error("Close never returned nil")
	}
	if err := s.engine.Close(); err != nil && !errors.Is(err, aether.ErrClosed) {
		t.Errorf("Close: %v, want nil or %v", err, aether.ErrClosed)
	}
}
