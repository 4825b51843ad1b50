package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func limitPromises() []promise {
	return []promise{
		{"a save has at least one event", emptySave},
		{"a save has at most a thousand events", batchCount},
		{"an event has at most 1 MiB with all its texts", eventSize},
		{"versions start at 1 and fit 63 bits", versionRange},
		{"versions of an actor follow on each other within a save", versionGaps},
		{"schemas are not negative and fit 31 bits", schemaRange},
		{"years have four digits", yearRange},
		{"an event that breaks a limit is named by its place in the save", badEventPlace},
	}
}

// refuse fails the test unless the save is refused for the field of the event at
// the index, and writes nothing.
func refuse(ctx context.Context, t *testing.T, store aether.EventStore, what string, index int, field string, events ...aether.Event) {
	t.Helper()
	before, err := store.GetLatestPosition(ctx)
	if err != nil {
		t.Fatalf("GetLatestPosition: %v", err)
	}
	_, err = store.SaveEvents(ctx, events...)
	if wrong := invalid(err, index, field); wrong != "" {
		t.Errorf("%s: %s", what, wrong)
	}
	if after, err := store.GetLatestPosition(ctx); err != nil || after != before {
		t.Fatalf("%s: the latest position was %d and is %d, %v", what, before, after, err)
	}
}

func emptySave(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	refuse(ctx, t, store, "no events", -1, "events")
	refuse(ctx, t, store, "an empty list", -1, "events", []aether.Event{}...)
	expectStore(ctx, t, store, nil)
}

func batchCount(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	events := newEvents("room/1", 1, aether.MaxBatchEvents+1)
	refuse(ctx, t, store, "one event too many", -1, "events", events...)
	saved := save(ctx, t, store, events[:aether.MaxBatchEvents]...)
	expectStore(ctx, t, store, saved)
}

func eventSize(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	plain, full := newEvent("room/1", 1), newEvent("room/2", 1)
	full.Type = strings.Repeat("t", 200)
	full.Metadata = aether.Metadata{
		CorrelationID: strings.Repeat("a", 255), CausationID: strings.Repeat("b", 255), Traceparent: strings.Repeat("c", 255),
	}
	var saved []aether.Event
	for _, e := range []aether.Event{plain, full} {
		refuse(ctx, t, store, "one byte too many", 0, "data", sized(e, aether.MaxEventSize+1))
		saved = append(saved, save(ctx, t, store, sized(e, aether.MaxEventSize))...)
	}
	expectStore(ctx, t, store, saved)
}

func versionRange(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, version := range []aether.Version{0, math.MaxInt64 + 1, math.MaxUint64} {
		refuse(ctx, t, store, fmt.Sprint("version ", version), 0, "version", newEvent("room/1", version))
	}
	_, err := store.SaveEvents(ctx, newEvent("room/1", math.MaxInt64))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: math.MaxInt64})
	expectStore(ctx, t, store, nil)
}

func versionGaps(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, versions := range [][2]aether.Version{{1, 3}, {2, 1}, {1, 1}, {1, 0}, {5, 7}} {
		what := fmt.Sprint("versions ", versions)
		one, two := newEvent("room/1", versions[0]), newEvent("room/1", versions[1])
		refuse(ctx, t, store, what, 1, "version", one, two)
		refuse(ctx, t, store, what, 2, "version", one, newEvent("room/2", 1), two)
	}
	expectStore(ctx, t, store, nil)
}

func schemaRange(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	e := newEvent("room/1", 1)
	largest := math.MaxInt32
	for _, schema := range []int{-1, math.MinInt, largest + 1} { // the last is negative where int has 32 bits
		e.Schema = schema
		refuse(ctx, t, store, fmt.Sprint("schema ", schema), 0, "schema", e)
	}
	e.Schema = largest
	expectStore(ctx, t, store, save(ctx, t, store, e))
}

func yearRange(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	e := newEvent("room/1", 1)
	for _, at := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("west", -60)), // in UTC it is the year 10000
		time.Date(1, 1, 1, 0, 0, 59, 0, time.FixedZone("east", 60)),         // in UTC it is the year 0
		time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(1<<60, 0),
	} {
		e.Time = at
		refuse(ctx, t, store, at.String(), 0, "time", e)
	}
	expectStore(ctx, t, store, nil) // cutTimes saves what is just inside
}

func badEventPlace(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	bad := map[string]func(e *aether.Event){
		"id":                     func(e *aether.Event) { e.ID = "\x00" },
		"actorId":                func(e *aether.Event) { e.ActorID = "room" },
		"version":                func(e *aether.Event) { e.Version = 0 },
		"type":                   func(e *aether.Event) { e.Type = "" },
		"schema":                 func(e *aether.Event) { e.Schema = -1 },
		"data":                   func(e *aether.Event) { e.Data = nil },
		"time":                   func(e *aether.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"metadata.correlationId": func(e *aether.Event) { e.Metadata.CorrelationID = "\x7f" },
		"metadata.causationId":   func(e *aether.Event) { e.Metadata.CausationID = "\xff" },
		"metadata.traceparent":   func(e *aether.Event) { e.Metadata.Traceparent = "\n" },
	}
	for field, spoil := range bad {
		for index := range 3 {
			events := []aether.Event{newEvent("room/1", 1), newEvent("room/2", 1), newEvent("room/3", 1)}
			spoil(&events[index])
			refuse(ctx, t, store, field, index, field, events...)
			_, err := store.SaveEvents(ctx, events...)
			if errors.Is(err, aether.ErrVersionConflict) || errors.Is(err, aether.ErrDuplicateEvent) {
				t.Errorf("%s: %v is of a second class too", field, err)
			}
		}
	}
	expectStore(ctx, t, store, nil)
}
