package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/storekit"
)

// differsError says that an event of the input is not the one of the same ID and
// version that was saved before. It is an [aether.ErrDuplicateEvent].
type differsError struct {
	saved aether.Event
	field string // the first that differs
}

func (e *differsError) Error() string {
	return fmt.Sprintf("%s is not that of the event %q, version %d of %s, in the store, which stays as it is", e.field, e.saved.ID, e.saved.Version, e.saved.ActorID)
}

// Is makes the error an [aether.ErrDuplicateEvent].
func (e *differsError) Is(target error) bool { return target == aether.ErrDuplicateEvent }

// compare compares events that had been saved before with those in the store, and
// returns them complete. The versions of an actor follow on each other. A time
// that a line does not have was the store's to set.
func compare(ctx context.Context, store aether.EventStore, lines []jsonl.Line, events []aether.Event) ([]aether.Event, error) {
	events, err := storekit.Complete(events, time.Now())
	if err != nil {
		return nil, err
	}
	places := make(map[string][]int)
	for i := range events {
		places[events[i].ActorID] = append(places[events[i].ActorID], i)
	}
	for actorID, its := range places {
		for saved, err := range store.GetEvents(ctx, actorID, events[its[0]].Version-1) {
			if err != nil {
				return nil, err
			}
			i := its[0]
			if lines[i].Event.Time.IsZero() {
				events[i].Time = saved.Time
			}
			if field := difference(&saved, &events[i]); field != "" {
				return nil, &differsError{saved, field}
			}
			if its = its[1:]; len(its) == 0 {
				break
			}
		}
	}
	return events, nil
}

// difference names the first field in which two events of the same ID differ.
func difference(a, b *aether.Event) string {
	switch {
	case a.Type != b.Type:
		return "type"
	case a.Schema != b.Schema:
		return "schema"
	case a.Metadata != b.Metadata:
		return "metadata"
	case !a.Time.Equal(b.Time):
		return "time"
	case string(jsonl.AppendCompact(nil, a.Data)) != string(jsonl.AppendCompact(nil, b.Data)):
		return "data"
	}
	return ""
}
