package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether"
)

func textLimitPromises() []promise {
	return []promise{
		{"texts have at most 255 bytes", longTexts},
		{"texts are valid UTF-8 without control characters", badTexts},
		{"actor IDs are a kind and a key", badActorIDs},
		{"reads refuse what cannot be an actor ID", badActorIDsRead},
		{"names of namespaces keep to the same limits", badNamespaces},
	}
}

// A text is a field of an event whose length and characters are limited.
type text struct {
	field string
	set   func(e *aether.Event, value string)
}

// texts are all of them. Actor IDs are set so that they are valid if the value is.
func texts() []text {
	return []text{
		{"id", func(e *aether.Event, value string) { e.ID = value }},
		{"actorId", func(e *aether.Event, value string) { e.ActorID = "r/" + value[2:] }},
		{"type", func(e *aether.Event, value string) { e.Type = value }},
		{"metadata.correlationId", func(e *aether.Event, value string) { e.Metadata.CorrelationID = value }},
		{"metadata.causationId", func(e *aether.Event, value string) { e.Metadata.CausationID = value }},
		{"metadata.traceparent", func(e *aether.Event, value string) { e.Metadata.Traceparent = value }},
	}
}

// badText are texts that are refused everywhere, each at least three bytes long
// and bad after the second.
func badText() []string {
	bad := []string{"aa\x7f", "aa\xff", "aa\xc3", "aa\xc0\xaf", "aa\xed\xa0\x80b", "aa\xf4\x90\x80\x80"}
	for control := range byte(' ') {
		bad = append(bad, "aa"+string(rune(control))+"a")
	}
	return bad
}

func longTexts(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	var saved []aether.Event
	for i, text := range texts() {
		longest := map[string]string{
			"ASCII": strings.Repeat("x", aether.MaxNameLength),
			"runes": "xxx" + strings.Repeat("尺", (aether.MaxNameLength-3)/3), // 255 bytes, far fewer characters
		}
		for name, value := range longest {
			e := newEvent(fmt.Sprintf("room/%d-%s", i, name), 1)
			text.set(&e, value+"x")
			refuse(ctx, t, store, text.field+" of 256 bytes, "+name, 0, text.field, e)
			text.set(&e, value)
			saved = append(saved, save(ctx, t, store, e)...)
		}
	}
	expectStore(ctx, t, store, saved)
}

func badTexts(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, text := range texts() {
		for _, value := range badText() {
			e := newEvent("room/1", 1)
			text.set(&e, value)
			refuse(ctx, t, store, fmt.Sprintf("%s %q", text.field, value), 0, text.field, e)
		}
	}
	noType := newEvent("room/1", 1)
	noType.Type = ""
	refuse(ctx, t, store, "an empty type", 0, "type", noType)
	expectStore(ctx, t, store, nil)
}

// notActorIDs lists what CheckActorID refuses.
func notActorIDs() []string {
	return []string{
		"", "room", "/", "//", "/1", "room/", "//1",
		"room/\x00", "ro\nom/1", "room/\xff", "\xc3/1", "room/" + strings.Repeat("1", aether.MaxNameLength-4),
	}
}

func badActorIDs(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, id := range notActorIDs() {
		e := newEvent("room/1", 1)
		e.ActorID = id
		refuse(ctx, t, store, fmt.Sprintf("actor ID %q", id), 0, "actorId", e)
	}
	expectStore(ctx, t, store, nil)
}

func badActorIDsRead(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, id := range notActorIDs() {
		_, err := store.GetLatestVersion(ctx, id)
		if wrong := invalid(err, -1, "actorId"); wrong != "" {
			t.Errorf("GetLatestVersion(%q): %s", id, wrong)
		}
		_, err = store.GetEventVersion(ctx, id, "x")
		if wrong := invalid(err, -1, "actorId"); wrong != "" {
			t.Errorf("GetEventVersion(%q): %s", id, wrong)
		}
		events, err := collect(store.GetEvents(ctx, id, 0))
		if wrong := invalid(err, -1, "actorId"); wrong != "" || len(events) > 0 {
			t.Errorf("GetEvents(%q): %d events, %s", id, len(events), wrong)
		}
	}
}

func badNamespaces(ctx context.Context, t *testing.T, s *subject) {
	for _, name := range append(badText(), "", strings.Repeat("x", aether.MaxNameLength+1), strings.Repeat("尺", 86)) {
		_, err := s.engine.Namespace(ctx, name)
		if wrong := invalid(err, -1, "namespace"); wrong != "" {
			t.Errorf("Namespace(%q): %s", name, wrong)
		}
	}
	if names, err := s.engine.Namespaces(ctx); err != nil || len(names) > 0 {
		t.Errorf("Namespaces: %q, %v; want none", names, err)
	}
}
