package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// difference says how two events differ, in every field; "" when they do not.
func difference(got, want *aether.Event) string {
	var all []string
	differ := func(field string, got, want any) {
		all = append(all, fmt.Sprintf("%s is %.80q, want %.80q", field, fmt.Sprint(got), fmt.Sprint(want)))
	}
	if got.ActorID != want.ActorID {
		differ("actorId", got.ActorID, want.ActorID)
	}
	if got.Version != want.Version {
		differ("version", got.Version, want.Version)
	}
	if got.ID != want.ID {
		differ("id", got.ID, want.ID)
	}
	if got.Position != want.Position {
		differ("position", got.Position, want.Position)
	}
	if got.Type != want.Type {
		differ("type", got.Type, want.Type)
	}
	if got.Schema != want.Schema {
		differ("schema", got.Schema, want.Schema)
	}
	if !bytes.Equal(got.Data, want.Data) {
		differ("data", string(got.Data), string(want.Data))
	}
	if got.Metadata != want.Metadata {
		differ("metadata", got.Metadata, want.Metadata)
	}
	if !got.Time.Equal(want.Time) || got.Time.Location() != time.UTC {
		differ("time", got.Time, want.Time)
	}
	return strings.Join(all, "; ")
}

// compare says how two lists of events differ; "" when they do not.
func compare(got, want []aether.Event) string {
	for i := range min(len(got), len(want)) {
		if d := difference(&got[i], &want[i]); d != "" {
			return fmt.Sprintf("event %d of %d: %s", i+1, len(want), d)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	return ""
}

func expectEvents(t *testing.T, what string, got, want []aether.Event) {
	t.Helper()
	if d := compare(got, want); d != "" {
		t.Fatalf("%s: %s", what, d)
	}
}

// expectStore fails the test unless the store holds the events, in the order of
// the log, and nothing else. It asks the store in every way there is.
func expectStore(ctx context.Context, t *testing.T, store aether.EventStore, want []aether.Event) {
	t.Helper()
	for i := range want {
		if want[i].Position != aether.Position(i+1) {
			t.Fatalf("event %d of %d was saved at position %d", i+1, len(want), want[i].Position)
		}
	}
	expectEvents(t, "ReadLog", all(t, "ReadLog", store.ReadLog(ctx, 0, nil)), want)
	if position, err := store.GetLatestPosition(ctx); err != nil || position != aether.Position(len(want)) {
		t.Fatalf("GetLatestPosition: %d, %v; want %d", position, err, len(want))
	}

	streams := make(map[string][]aether.Event)
	for i := range want {
		streams[want[i].ActorID] = append(streams[want[i].ActorID], want[i])
	}
	for i := 0; i < len(want); i += 1 + len(want)/100 { // of many events about a hundred
		if got, err := store.GetEventVersion(ctx, want[i].ActorID, want[i].ID); err != nil || got != want[i].Version {
			t.Fatalf("GetEventVersion(%q, %q): %d, %v; want %d", want[i].ActorID, want[i].ID, got, err, want[i].Version)
		}
	}
	var actors []aether.Actor
	for id, stream := range streams {
		expectEvents(t, "GetEvents of "+id, all(t, "GetEvents", store.GetEvents(ctx, id, 0)), stream)
		expectVersion(ctx, t, store, id, aether.Version(len(stream)))
		actors = append(actors, aether.Actor{ID: id, Version: aether.Version(len(stream))})
	}
	slices.SortFunc(actors, func(a, b aether.Actor) int { return strings.Compare(a.ID, b.ID) })
	if got := all(t, "GetActors", store.GetActors(ctx, "")); !slices.Equal(got, actors) {
		t.Fatalf("GetActors: %v, want %v", got, actors)
	}
}

func expectVersion(ctx context.Context, t *testing.T, store aether.EventStore, actorID string, want aether.Version) {
	t.Helper()
	if got, err := store.GetLatestVersion(ctx, actorID); err != nil || got != want {
		t.Fatalf("GetLatestVersion(%q): %d, %v; want %d", actorID, got, err, want)
	}
}

// expectConflict fails the test unless err is the conflict wanted.
func expectConflict(t *testing.T, err error, want aether.ConflictError) {
	t.Helper()
	got, ok := errors.AsType[*aether.ConflictError](err)
	if !ok || !errors.Is(err, aether.ErrVersionConflict) {
		t.Fatalf("SaveEvents: %v, want a version conflict", err)
	}
	if got.ActorID != want.ActorID || got.Tried != want.Tried || got.Latest != want.Latest {
		t.Fatalf("the conflict is: %v; want: %v", got, &want)
	}
	expectEvents(t, "the events that won", got.Events, want.Events)
}

// expectDuplicate fails the test unless err is the duplicate wanted.
func expectDuplicate(t *testing.T, err error, want aether.DuplicateError) {
	t.Helper()
	got, ok := errors.AsType[*aether.DuplicateError](err)
	if !ok || !errors.Is(err, aether.ErrDuplicateEvent) {
		t.Fatalf("SaveEvents: %v, want a duplicate event", err)
	}
	if *got != want {
		t.Fatalf("the duplicate is: %v; want: %v", got, &want)
	}
	if errors.Is(err, aether.ErrVersionConflict) || errors.Is(err, aether.ErrInvalid) {
		t.Fatalf("%v is of a second class too", err)
	}
}

// invalid says what is wrong with err if it is not the InvalidError wanted.
func invalid(err error, index int, field string) string {
	got, ok := errors.AsType[*aether.InvalidError](err)
	switch {
	case !ok || !errors.Is(err, aether.ErrInvalid):
		return fmt.Sprintf("got %v, want an error about %s", err, field)
	case got.Index != index || got.Field != field || got.Reason == "":
		return fmt.Sprintf("got %#v, want one about field %s at index %d", got, field, index)
	}
	return ""
}
