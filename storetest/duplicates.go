package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func duplicatePromises() []promise {
	return []promise{
		{"an ID that the actor has at another version is a duplicate", duplicateID},
		{"a duplicate comes before a conflict", duplicateBeforeConflict},
		{"a duplicate among several events writes nothing", duplicateAmongSeveral},
		{"an ID twice in one save is a duplicate", duplicateWithinSave},
		{"the same ID on another actor is another event", sameIDOtherActor},
		{"an ID with other content is a duplicate", duplicateContent},
		{"the version of an event is found by its ID", versionByID},
		{"the same ID in another namespace is another event", sameIDOtherNamespace},
	}
}

// again returns an event with the ID of e, at another version.
func again(e aether.Event, version aether.Version) aether.Event {
	other := newEvent(e.ActorID, version)
	other.ID = e.ID
	return other
}

func duplicateID(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	for i, e := range saved {
		_, err := store.SaveEvents(ctx, again(e, 4)) // 4 is the next: there is no conflict
		expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: e.ID, Tried: 4, Version: aether.Version(i + 1)})
	}
	expectStore(ctx, t, store, saved)
}

func duplicateBeforeConflict(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	saved = append(saved, save(ctx, t, store, newEvent("room/2", 1))...)
	second := saved[1]
	for _, tried := range []aether.Version{1, 3, 9} {
		want := aether.DuplicateError{ActorID: "room/1", EventID: second.ID, Tried: tried, Version: 2}
		_, err := store.SaveEvents(ctx, again(second, tried))
		expectDuplicate(t, err, want)
		_, err = store.SaveEvents(ctx, newEvent("room/2", 1), again(second, tried)) // room/2 is in conflict
		expectDuplicate(t, err, want)
		_, err = store.SaveEvents(ctx, again(second, tried), newEvent("room/2", 9))
		expectDuplicate(t, err, want)
	}
	_, err := store.SaveEvents(ctx, newEvent("room/1", 3), again(second, 4))
	expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: second.ID, Tried: 4, Version: 2})
	expectStore(ctx, t, store, saved)
}

func duplicateAmongSeveral(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 2)...)
	want := aether.DuplicateError{ActorID: "room/1", EventID: saved[0].ID, Tried: 4, Version: 1}
	_, err := store.SaveEvents(ctx, newEvent("room/2", 1), newEvent("room/1", 3), again(saved[0], 4), newEvent("room/3", 1))
	expectDuplicate(t, err, want)

	want.Tried = 3
	_, err = store.SaveEvents(ctx, saved[1], again(saved[0], 3)) // of which the other was saved before
	expectDuplicate(t, err, want)
	expectStore(ctx, t, store, saved)
}

func duplicateWithinSave(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	first := newEvent("room/1", 1)
	_, err := store.SaveEvents(ctx, first, newEvent("room/1", 2), again(first, 3))
	expectDuplicate(t, err, aether.DuplicateError{ActorID: "room/1", EventID: first.ID, Tried: 3, Version: 1})
	expectStore(ctx, t, store, nil)
}

func duplicateContent(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvent("room/1", 1), newEvent("room/2", 1), newEvent("room/1", 2))
	for name, change := range map[string]func(e *aether.Event){
		"type":   func(e *aether.Event) { e.Type += "Again" },
		"data":   func(e *aether.Event) { e.Data = []byte(`{"other":true}`) },
		"schema": func(e *aether.Event) { e.Schema++ },
	} {
		for i := range saved {
			events := slices.Clone(saved)
			change(&events[i])
			want := aether.DuplicateError{ActorID: events[i].ActorID, EventID: events[i].ID, Tried: events[i].Version, Version: events[i].Version}
			_, err := store.SaveEvents(ctx, events...)
			expectDuplicate(t, err, want)
			if t.Failed() {
				t.Log(name)
			}
		}
	}
	again := slices.Clone(saved)
	again[1].Metadata.CorrelationID, again[1].Time = "another", again[1].Time.Add(time.Hour)
	if position, err := store.SaveEvents(ctx, again...); err != nil || position != 3 {
		t.Errorf("the same, with other metadata: %d, %v; want 3", position, err)
	}
	expectStore(ctx, t, store, saved)
}

func versionByID(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 3)...)
	other := newEvent("room/2", 1)
	other.ID = saved[2].ID
	save(ctx, t, store, other)
	expect := func(store aether.EventStore, actorID, eventID string, want aether.Version) {
		t.Helper()
		if got, err := store.GetEventVersion(ctx, actorID, eventID); err != nil || got != want {
			t.Errorf("GetEventVersion(%q, %q): %d, %v; want %d", actorID, eventID, got, err, want)
		}
	}
	for _, e := range saved {
		expect(store, "room/1", e.ID, e.Version)
	}
	expect(store, "room/2", saved[2].ID, 1)
	expect(store, "room/2", saved[0].ID, 0)
	expect(store, "room/3", saved[0].ID, 0)
	expect(store, "room/1", saved[0].ID+"x", 0)
	expect(store, "room/1", "", 0)
	expect(store, "room/1", strings.Repeat("x", 10*aether.MaxNameLength), 0)
	expect(s.store(ctx, t, "other"), "room/1", saved[0].ID, 0)
}

func sameIDOtherActor(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	saved := save(ctx, t, store, newEvents("room/1", 1, 2)...)
	for _, actorID := range []string{"room/2", "room/11", "room/1/1", "hall/1", "ROOM/1"} {
		stranger := newEvents(actorID, 1, 2)
		stranger[1].ID = saved[0].ID // at another version than room/1 has it
		saved = append(saved, save(ctx, t, store, stranger...)...)
	}
	inOneSave := []aether.Event{newEvent("room/3", 1), newEvent("room/4", 1)}
	inOneSave[1].ID = inOneSave[0].ID
	saved = append(saved, save(ctx, t, store, inOneSave...)...)
	expectStore(ctx, t, store, saved)
}

func sameIDOtherNamespace(ctx context.Context, t *testing.T, s *subject) {
	one, two := s.store(ctx, t, "one"), s.store(ctx, t, "two")
	events := newEvents("room/1", 1, 2)
	expectStore(ctx, t, two, nil)
	inOne := save(ctx, t, one, events...)
	events[0].ID, events[1].ID = events[1].ID, events[0].ID
	inTwo := save(ctx, t, two, events...)
	expectStore(ctx, t, one, inOne)
	expectStore(ctx, t, two, inTwo)
}
