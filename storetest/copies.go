package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aether-es/aether"
)

func copyPromises() []promise {
	return []promise{
		{"the events passed to a save are not modified", callersEvents},
		{"changing what was passed to a save changes nothing in the store", changePassed},
		{"changing what a read returned changes nothing in the store", changeReturned},
		{"appending to what a read returned changes no other event", appendReturned},
	}
}

func callersEvents(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := []aether.Event{
		{ActorID: "room/1", Version: 1, Type: "Tested", Data: []byte(` {"a" : 1} `)},
		{ActorID: "room/1", Version: 2, Type: "Tested", Data: []byte(`2`), Position: 77},
	}
	before := slices.Clone(events)
	for i := range before {
		before[i].Data = bytes.Clone(before[i].Data)
	}
	unchanged := func(after string) {
		t.Helper()
		for i := range events {
			got, want := &events[i], &before[i]
			if got.ID != "" || got.Schema != 0 || !got.Time.IsZero() || got.Position != want.Position || !bytes.Equal(got.Data, want.Data) {
				t.Fatalf("%s event %d is %+v, was %+v", after, i+1, *got, *want)
			}
		}
	}
	save(ctx, t, store, events...)
	unchanged("after a save")
	if _, err := store.SaveEvents(ctx, events...); !errors.Is(err, aether.ErrVersionConflict) {
		t.Fatalf("SaveEvents: %v, want a version conflict", err)
	}
	unchanged("after a conflict")
}

func changePassed(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, 3)
	saved := save(ctx, t, store, events...)
	for i := range saved {
		saved[i].Data = bytes.Clone(saved[i].Data)
	}
	for i := range events {
		overwrite(events[i].Data)
		events[i] = aether.Event{}
	}
	expectEverywhere(ctx, t, store, saved)
}

func overwrite(data []byte) {
	for i := range data {
		data[i] = '#'
	}
}

// reads are the ways to get all events of room/1, which are all there are.
func reads(ctx context.Context, t *testing.T, store aether.EventStore, count int) map[string]func() []aether.Event {
	return map[string]func() []aether.Event{
		"GetEvents": func() []aether.Event { return all(t, "GetEvents", store.GetEvents(ctx, "room/1", 0)) },
		"ReadLog":   func() []aether.Event { return all(t, "ReadLog", store.ReadLog(ctx, 0, nil)) },
		"FollowLog": func() []aether.Event { return take(t, "FollowLog", store.FollowLog(ctx, 0, nil), count) },
		"conflict": func() []aether.Event {
			_, err := store.SaveEvents(ctx, newEvent("room/1", 1))
			conflict, ok := errors.AsType[*aether.ConflictError](err)
			if !ok {
				t.Fatalf("SaveEvents: %v, want a version conflict", err)
			}
			return conflict.Events
		},
	}
}

func changeReturned(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for name, read := range reads(ctx, t, store, len(saved)) {
		for _, e := range read() {
			overwrite(e.Data)
		}
		expectEvents(t, name+", changed and read again", read(), saved)
		expectEverywhere(ctx, t, store, saved)
	}
}

func appendReturned(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for name, read := range reads(ctx, t, store, len(saved)) {
		got := read()
		for i := range got {
			_ = append(got[i].Data, "################################"...)
		}
		expectEvents(t, name+", appended to", got, saved)
		expectEverywhere(ctx, t, store, saved)
	}
}
