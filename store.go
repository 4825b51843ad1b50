package aether

import (
	"context"
	"iter"
)

// EventStore keeps the events of one namespace. It is safe for concurrent use.
//
// Only durable, whole saves can be seen, by whatever is read. A read that is asked
// about what cannot be an actor's ID, by [CheckActorID], fails with [ErrInvalid],
// an [InvalidError] whose Index is -1.
//
// An iterator reads when it is ranged over, not when it is made, and may be ranged
// over again: it then reads anew, what was saved since included. An error is its
// last item. It may be left at any place, and holds nothing then.
type EventStore interface {
	// SaveEvents appends the events, all of them or none, and returns the
	// position of the last. They may belong to several actors. Each must carry
	// its actor's latest version plus one, or follow on another event of the
	// same call. When SaveEvents returns nil the events are durable: on disk, or
	// on a quorum where the engine is a cluster. They take consecutive positions.
	//
	// Saving events that were all saved before, with the same IDs, versions, types,
	// schemas and data, writes nothing and succeeds, returning the highest of their
	// positions; time and metadata are not compared. This
	// holds for ever, so a caller that does not know whether a save landed saves
	// the same events again.
	//
	// Errors: [ErrInvalid] when a limit is broken, [ErrDuplicateEvent] when an
	// actor has an event of that ID at another version, or, in a save of which all
	// events are there, with other content, [ErrVersionConflict] when
	// an actor's latest version is not the one the caller believed; where both of
	// these apply, ErrDuplicateEvent; [ErrNotSaved] when the engine cannot save now.
	// After any of the four nothing was written.
	// After another error, a context error among them, the events may or may not
	// have been saved, unless the engine says more; but what happens has happened:
	// nothing lands when SaveEvents has returned.
	//
	// The events are not modified; they may be reused when SaveEvents has returned.
	SaveEvents(ctx context.Context, events ...Event) (Position, error)

	// GetEvents yields the events of an actor with a version greater than after,
	// in order of version: every event saved before the loop began, and perhaps
	// some saved since. An actor that does not exist has no events.
	GetEvents(ctx context.Context, actorID string, after Version) iter.Seq2[Event, error]

	// GetLatestVersion returns the version of the actor's last event, 0 when it
	// has none.
	GetLatestVersion(ctx context.Context, actorID string) (Version, error)

	// GetEventVersion returns the version at which an actor has the event of an ID,
	// 0 when it has none of that ID. So a caller learns whether something it saved,
	// at any earlier time, is there.
	GetEventVersion(ctx context.Context, actorID, eventID string) (Version, error)

	// GetActors yields the actors of a kind, of every kind when it is empty, with
	// their latest versions, ordered by the bytes of their IDs.
	GetActors(ctx context.Context, kind string) iter.Seq2[Actor, error]

	Log
}

// Actor names a stream and says how far it has come.
type Actor struct {
	ID      string
	Version Version
}

// Log is all events of one namespace in the order in which they were committed. It
// shows durable, whole saves only: what was read once is there for ever. For its
// iterators holds what [EventStore] says.
type Log interface {
	// ReadLog yields the events with a position greater than after, in order and
	// without holes, up to the last one saved when the loop began. A nil options
	// is the whole log.
	ReadLog(ctx context.Context, after Position, options *LogOptions) iter.Seq2[Event, error]

	// FollowLog is ReadLog that goes on: having reached the end it waits for what
	// is saved next, until the loop is left or ctx ends, which is its last item.
	// Every event comes exactly once. A slow loop delays nobody; the follower
	// reads from the store and keeps no queue.
	FollowLog(ctx context.Context, after Position, options *LogOptions) iter.Seq2[Event, error]

	// GetLatestPosition returns the position of the last event, 0 when there is
	// none.
	GetLatestPosition(ctx context.Context) (Position, error)
}

// LogOptions narrows a read of the log. An event must pass every part that is set.
type LogOptions struct {
	// To is the last position to read: the iterator ends once it has come there,
	// a follower too, whether the event there passes or not. When it lies before the
	// beginning that is at once, however short the log is. Zero means no bound.
	To Position

	// Kinds are the kinds of actors wanted, Types the types of events wanted.
	// Empty means all.
	Kinds []string
	Types []string
}

// Engine holds namespaces. It is safe for concurrent use.
type Engine interface {
	// Namespace returns the store of one namespace. Nothing in it can be seen
	// from another. It comes into being with its first event. The errors of names
	// are those of [CheckNamespace]. An engine may keep a little memory for every
	// name that was asked for, until it is closed, so names should not be taken from
	// anybody who asks.
	Namespace(ctx context.Context, name string) (EventStore, error)

	// Namespaces returns the names of the namespaces that hold events, ordered by
	// their bytes.
	Namespaces(ctx context.Context) ([]string, error)

	// Close waits for the saves under way, ends the followers with [ErrClosed]
	// and releases everything. What is called afterwards fails with ErrClosed; a
	// second Close does nothing, and returns nil or ErrClosed.
	Close() error
}
