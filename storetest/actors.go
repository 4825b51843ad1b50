package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether"
)

func actorPromises() []promise {
	return []promise{
		{"actors with hostile IDs have streams of their own", hostileActors},
		{"actors are listed by the bytes of their IDs", actorOrder},
		{"actors of a kind are listed without those of other kinds", actorsOfKind},
		{"actors are listed with the versions they have", actorVersions},
	}
}

// hostileActorIDs are valid IDs that a careless engine mixes up, or takes for
// paths, patterns, prefixes or subjects.
func hostileActorIDs() []string {
	return []string{
		"a/b", "a/b/c", "a/b/", "a/b//c", "a//b", "a/bc", "ab/c", "a/ b", "a/b ", " a/b", "A/b", "a/B",
		"a/.", "a/..", "./.", "../..", "../a", "a/../a", "a/%2F", "a%2F/b", "a/b%", "a/b_", "a/%b", "a/_b",
		"a/*", "*/*", "*/>", ">/>", "a/>", "a.b/c", "a/b.c", "a/.b", "a-b/c", "a:b/c", "a/b:c", "a/b|c", "a/b,c", "a+b/c",
		`a/"b"`, `a/'b'`, `a/\b`, `a\/b`, "a/b\u00a0", "a/~", "a/1", "a/01", "a/10", "a/2", "a/NULL", "a/$1",
		"a/\u00e9", "a/e\u0301", "a/é/é", "ключ/ключ", "鍵/鍵", "🔑/🔑", "a/\U0010ffff", "a/\ufeff", "a/\ufffd",
		"a/" + strings.Repeat("b", 253), "a/" + strings.Repeat("b", 252), strings.Repeat("a", 253) + "/b",
	}
}

func hostileActors(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	id := aether.NewID() // every actor has an event of the same ID
	for version := aether.Version(1); version <= 3; version++ {
		for _, actorID := range hostileActorIDs() {
			e := newEvent(actorID, version)
			e.ID = fmt.Sprint(id, version)
			saved = append(saved, save(ctx, t, store, e)...)
		}
	}
	expectStore(ctx, t, store, saved)
	for _, actorID := range []string{"a/c", "a/b/d", "b/a", "a/bb", "a/" + strings.Repeat("b", 251), "a/9"} {
		expectVersion(ctx, t, store, actorID, 0)
		expectEvents(t, actorID, all(t, "GetEvents", store.GetEvents(ctx, actorID, 0)), nil)
	}
}

func actorOrder(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	// "a-b/1" comes before "a/1", and "B/1" before "a/1": bytes, not kinds, not letters.
	ordered := []string{"A/1", "B/1", "a b/1", "a-b/1", "a/ ", "a/-", "a/1", "a/1/1", "a/10", "a/2", "a/B", "a/a", "a/é", "ab/1", "b/1", "é/1", "尺/1"}
	var events []aether.Event
	for i := range ordered {
		events = append(events, newEvent(ordered[(i*7+3)%len(ordered)], 1))
	}
	save(ctx, t, store, events...)
	got := all(t, "GetActors", store.GetActors(ctx, ""))
	for i := range min(len(got), len(ordered)) {
		if got[i] != (aether.Actor{ID: ordered[i], Version: 1}) {
			t.Errorf("actor %d is %v, want %q", i, got[i], ordered[i])
		}
	}
	if len(got) != len(ordered) {
		t.Errorf("%d actors, want %d", len(got), len(ordered))
	}
}

func actorsOfKind(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, actorID := range hostileActorIDs() {
		save(ctx, t, store, newEvent(actorID, 1))
	}
	kinds := map[string]bool{"none": true, "b": true, "a/": true, "a/b": true, "a/b/c": true, "/": true, "%": true, "a%": true, "ab/": true}
	for _, actorID := range hostileActorIDs() {
		kinds[aether.Kind(actorID)] = true
	}
	everybody := all(t, "GetActors", store.GetActors(ctx, ""))
	if len(everybody) != len(hostileActorIDs()) {
		t.Fatalf("%d actors, want %d", len(everybody), len(hostileActorIDs()))
	}
	for kind := range kinds {
		var want []aether.Actor
		for _, a := range everybody {
			if aether.Kind(a.ID) == kind {
				want = append(want, a)
			}
		}
		if got := all(t, "GetActors", store.GetActors(ctx, kind)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("GetActors(%q): %v, want %v", kind, got, want)
		}
	}
}

func actorVersions(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	if got := all(t, "GetActors", store.GetActors(ctx, "")); len(got) > 0 {
		t.Fatalf("GetActors of an empty store: %v", got)
	}
	for version := aether.Version(1); version <= 12; version++ {
		save(ctx, t, store, newEvent("room/1", version), newEvent("hall/1", version))
		got := all(t, "GetActors", store.GetActors(ctx, "room"))
		if len(got) != 1 || got[0] != (aether.Actor{ID: "room/1", Version: version}) {
			t.Fatalf("GetActors: %v, want room/1 at version %d", got, version)
		}
	}
	// A refused save makes no actor.
	if _, err := store.SaveEvents(ctx, newEvent("room/2", 2)); err == nil {
		t.Fatal("version 2 was saved before version 1")
	}
	if got := all(t, "GetActors", store.GetActors(ctx, "room")); len(got) != 1 {
		t.Fatalf("GetActors: %v, want room/1 alone", got)
	}
}
