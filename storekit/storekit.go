// Package storekit has what the engines of package aether share: completing the
// events of a save, deciding whether it may be written, and filtering the log.
// Whoever writes an engine of their own uses it too.
package storekit

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/aether-es/aether"
)

// Complete checks a save with [aether.CheckEvents] and returns a copy of its
// events in which everything the caller may leave out is filled in: the ID, the
// schema and the time, in UTC and cut to the microsecond. Positions are zero. The
// bytes of Data are not copied: they are the caller's, who may change them when the
// save has returned.
func Complete(events []aether.Event, now time.Time) ([]aether.Event, error) {
	if err := aether.CheckEvents(events); err != nil {
		return nil, err
	}
	complete := slices.Clone(events)
	for i := range complete {
		e := &complete[i]
		if e.ID == "" {
			e.ID = aether.NewID()
		}
		if e.Schema == 0 {
			e.Schema = 1
		}
		e.Time = completeTime(e.Time, now)
		e.Position = 0
	}
	return complete, nil
}

// CompleteSnapshot checks a snapshot with [aether.CheckSnapshot] and returns it
// with its time filled in, in UTC and cut to the microsecond. Data is not copied.
func CompleteSnapshot(snapshot aether.Snapshot, now time.Time) (aether.Snapshot, error) {
	if err := aether.CheckSnapshot(&snapshot); err != nil {
		return aether.Snapshot{}, err
	}
	snapshot.Time = completeTime(snapshot.Time, now)
	return snapshot, nil
}

// completeTime cuts a time, and then sets it if it is zero, so that nothing is
// saved with a zero time.
func completeTime(t, now time.Time) time.Time {
	if t = t.UTC().Truncate(time.Microsecond); t.IsZero() {
		return now.UTC().Truncate(time.Microsecond)
	}
	return t
}

// View is what an engine knows when it decides about a save: everything that
// was committed, or will be before this save.
type View interface {
	// LatestVersion returns the latest version of the actor of the save's event i.
	LatestVersion(i int) (aether.Version, error)

	// FindEvent returns the version at which the actor of the save's event i has
	// an event of that one's ID, 0 when it has none.
	FindEvent(i int) (aether.Version, error)
}

// Repeated returns the error of a save that [Admit] has found to be a repetition: nil
// when the event that is there has the content of the one given, which is compared by
// bytes, as the same program makes it twice.
func Repeated(given, there *aether.Event) error {
	if given.Type == there.Type && given.Schema == there.Schema && bytes.Equal(given.Data, there.Data) {
		return nil
	}
	return &aether.DuplicateError{ActorID: given.ActorID, EventID: given.ID, Tried: given.Version, Version: there.Version}
}

// RepeatedPosition returns what a save answers that [Admit] has found to be a repetition:
// the highest position of its events, or the error of [Repeated]. It reads them from the
// store.
func RepeatedPosition(ctx context.Context, store aether.EventStore, events []aether.Event) (aether.Position, error) {
	var highest aether.Position
	for len(events) > 0 {
		// Those of one actor follow on each other, perhaps with others in between.
		actorID, rest := events[0].ActorID, events[:0:0]
		next := 0
		for there, err := range store.GetEvents(ctx, actorID, events[0].Version-1) {
			if err != nil {
				return 0, err
			}
			for ; next < len(events) && events[next].ActorID != actorID; next++ {
				rest = append(rest, events[next])
			}
			if next == len(events) {
				break
			}
			if err := Repeated(&events[next], &there); err != nil {
				return 0, err
			}
			highest = max(highest, there.Position)
			next++
		}
		events = append(rest, events[next:]...)
	}
	return highest, nil
}

// Admit decides about a save that [Complete] has returned: true means that it is
// to be written, false that every event of it was written before, if [Repeated] finds
// that it was the same. The error is an
// [aether.DuplicateError], an [aether.ConflictError] without the events that won,
// which the engine adds, or what the view returned.
func Admit(events []aether.Event, view View) (bool, error) {
	same := 0
	for i := range events {
		e := &events[i]
		version, err := view.FindEvent(i)
		switch {
		case err != nil:
			return false, err
		case version == e.Version:
			same++
		case version != 0:
			return false, &aether.DuplicateError{ActorID: e.ActorID, EventID: e.ID, Tried: e.Version, Version: version}
		}
	}
	if same == len(events) {
		return false, nil
	}
	// Within a save the versions of an actor follow on each other, so only its
	// first is compared with what the engine has.
	var checked map[string]bool
	if len(events) > 1 {
		checked = make(map[string]bool)
	}
	for i := range events {
		e := &events[i]
		if checked[e.ActorID] {
			continue
		}
		latest, err := view.LatestVersion(i)
		if err != nil {
			return false, err
		}
		if e.Version != latest+1 {
			return false, &aether.ConflictError{ActorID: e.ActorID, Tried: e.Version, Latest: latest}
		}
		if checked != nil {
			checked[e.ActorID] = true
		}
	}
	return true, nil
}

// Winners collects the events that a conflict lost to, as [aether.ConflictError]
// describes them, out of the actor's events from Tried on.
func Winners(conflict *aether.ConflictError, events iter.Seq2[aether.Event, error]) error {
	size := 0
	for e, err := range events {
		if err != nil {
			return err
		}
		if e.Version > conflict.Latest {
			break // saved since
		}
		size += e.Size()
		if len(conflict.Events) == aether.MaxBatchEvents || size > aether.MaxBatchSize {
			break
		}
		conflict.Events = append(conflict.Events, e)
	}
	return nil
}

// Matches says whether an event passes the kinds and types of options, which may
// be nil.
func Matches(options *aether.LogOptions, actorID, eventType string) bool {
	if options == nil {
		return true
	}
	return (len(options.Kinds) == 0 || slices.Contains(options.Kinds, aether.Kind(actorID))) &&
		(len(options.Types) == 0 || slices.Contains(options.Types, eventType))
}
