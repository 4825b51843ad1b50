package natsstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
	"github.com/nats-io/nats.go"
)

// localCopy is a node's own copy of a stream, and what is known of how far it has come.
// One goroutine, the feed, applies messages; everybody reads.
type localCopy struct {
	*copyFiles
	stream   string
	subjects subjects
	logger   *slog.Logger

	// Of the feed alone: the events of a save that is not whole yet, and the saves that
	// are to be written next.
	pending []message
	group   []message
	size    int // bytes of group
	buffer  []aether.Event

	mu       sync.Mutex
	seen     uint64 // every message up to this one is applied, or part of a save that is not whole
	position aether.Position
	actors   map[string]actorState // some of them
	waiters  []waiter
	failed   error

	goneSince time.Time // when the server first said that there is no such stream
}

// message is an event that came in, with its sequence.
type message struct {
	sequence uint64
	subject  string
	event    aether.Event
	more     int
}

// actorState is what a save must know of an actor.
type actorState struct {
	version  aether.Version
	sequence uint64 // of the last message on its subject
}

type waiter struct {
	sequence uint64
	done     chan struct{}
}

// maxActors is how many actors are kept in memory; then all are forgotten.
const maxActors = 100_000

func newLocalCopy(ctx context.Context, files *copyFiles, names names, namespace string, logger *slog.Logger) (*localCopy, error) {
	c := &localCopy{
		copyFiles: files,
		stream:    names.stream(eventsRole, namespace),
		subjects:  names.subjects(eventsRole, namespace),
		logger:    logger,
		actors:    make(map[string]actorState),
	}
	var err error
	if c.position, err = c.events.GetLatestPosition(ctx); err != nil {
		return nil, err
	}
	c.seen = c.gaps.sequence(c.position)
	if c.position == 0 {
		c.seen = 0
	}
	return c, c.gaps.cutAfter(c.seen)
}

// lastEvent returns the last event of the copy.
func (c *localCopy) lastEvent(ctx context.Context) (aether.Event, error) {
	for e, err := range c.events.ReadLog(ctx, c.position-1, nil) {
		return e, err
	}
	return aether.Event{}, fmt.Errorf("natsstore: the copy has no event %d", c.position)
}

// take takes in a message, the one that follows the last.
func (c *localCopy) take(ctx context.Context, sequence uint64, m *nats.Msg) error {
	e, more, err := c.subjects.decodeEvent(m)
	if err != nil && m.Header.Get(headerFence) == "" {
		c.logger.Warn("natsstore: a message in the stream is passed over", "stream", c.stream, "sequence", sequence, "subject", m.Subject, "reason", err)
	}
	if n := len(c.pending); n > 0 && (err != nil || more != c.pending[n-1].more-1) {
		c.logger.Warn("natsstore: a save in the stream is not whole, and is passed over", "stream", c.stream, "sequence", c.pending[0].sequence, "events", n)
		if err := c.write(ctx); err != nil {
			return err
		}
		if err := c.passOver(c.pending...); err != nil {
			return err
		}
		c.pending = c.pending[:0]
	}
	if err != nil {
		if err := c.write(ctx); err != nil {
			return err
		}
		return c.passOver(message{sequence: sequence, subject: m.Subject})
	}
	c.pending = append(c.pending, message{sequence, m.Subject, e, more})
	if more > 0 {
		return nil
	}
	size := 0
	for i := range c.pending {
		size += c.pending[i].event.Size()
	}
	if len(c.group)+len(c.pending) > aether.MaxBatchEvents || c.size+size > aether.MaxBatchSize {
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	c.group = append(c.group, c.pending...)
	c.size += size
	c.pending = c.pending[:0]
	return nil
}

// passOver makes messages gaps. What came before them has been written.
func (c *localCopy) passOver(messages ...message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range messages {
		if err := c.gaps.add(m.sequence, m.subject); err != nil {
			return fmt.Errorf("natsstore: %w", err)
		}
		if actorID, ok := c.subjects.actor(m.subject); ok {
			if state, ok := c.actors[actorID]; ok {
				c.actors[actorID] = actorState{state.version, m.sequence}
			}
		}
	}
	return nil
}

// write appends the group to the copy.
func (c *localCopy) write(ctx context.Context) error {
	group := c.group
	c.group, c.size = c.group[:0], 0
	if len(group) == 0 {
		return nil
	}
	fits, err := c.append(ctx, group)
	for err == nil && !fits && len(group) > 0 {
		// A save here is not as this package makes them. Which one?
		n := 1
		for group[n-1].more > 0 {
			n++
		}
		var one bool
		if one, err = c.append(ctx, group[:n]); err == nil && !one {
			c.logger.Warn("natsstore: a save in the stream breaks the rules, and is passed over", "stream", c.stream,
				"sequence", group[0].sequence, "actor", group[0].event.ActorID, "version", group[0].event.Version)
			err = c.passOver(group[:n]...)
		}
		group = group[n:]
	}
	return err
}

// append saves the events of whole saves in the copy. It returns false, and has written
// nothing, when they break the rules of versions and IDs.
func (c *localCopy) append(ctx context.Context, group []message) (bool, error) {
	events := c.buffer[:0]
	for i := range group {
		events = append(events, group[i].event)
	}
	c.buffer = events[:0]
	defer clear(events)
	last, err := c.events.SaveEvents(ctx, events...)
	for errors.Is(err, filestore.ErrDiskFull) && pause(ctx, time.Second) {
		c.logger.Error("natsstore: there is no space for the copy; waiting for some", "folder", c.dir, "error", err)
		last, err = c.events.SaveEvents(ctx, events...)
	}
	switch {
	case errors.Is(err, aether.ErrVersionConflict), errors.Is(err, aether.ErrDuplicateEvent), errors.Is(err, aether.ErrInvalid):
		return false, nil
	case err != nil:
		return false, err
	case last != c.position+aether.Position(len(group)):
		return false, nil // all of it is there already
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position = last
	if len(c.actors) > maxActors {
		clear(c.actors)
	}
	for i := range group {
		c.actors[group[i].event.ActorID] = actorState{group[i].event.Version, group[i].sequence}
	}
	return true, nil
}

// advance says that everything up to a sequence was taken in, and wakes who waits for it.
func (c *localCopy) advance(ctx context.Context, sequence uint64) error {
	if err := c.write(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = sequence
	c.wake()
	return nil
}

// wake lets go of who waits for nothing any more; mu is held.
func (c *localCopy) wake() {
	rest := c.waiters[:0]
	for _, w := range c.waiters {
		if w.sequence <= c.seen || c.failed != nil {
			close(w.done)
		} else {
			rest = append(rest, w)
		}
	}
	clear(c.waiters[len(rest):])
	c.waiters = rest
}

// fail ends all waiting with an error, once and for all.
func (c *localCopy) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
		c.wake()
	}
}

func (c *localCopy) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// wait returns when the copy has come to a sequence. slow is called when that takes long.
func (c *localCopy) wait(ctx context.Context, sequence uint64, slow func()) error {
	c.mu.Lock()
	if c.failed != nil || c.seen >= sequence {
		defer c.mu.Unlock()
		return c.failed
	}
	w := waiter{sequence, make(chan struct{})}
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	timer := time.NewTimer(slowCopy)
	defer timer.Stop()
	for {
		select {
		case <-w.done:
			return c.err()
		case <-timer.C:
			slow()
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			c.waiters = slices.DeleteFunc(c.waiters, func(other waiter) bool { return other.done == w.done })
			return ctx.Err()
		}
	}
}

// slowCopy is how long it takes to be worth a look whether messages still come.
const slowCopy = 300 * time.Millisecond

// actor returns what a save must know of an actor.
func (c *localCopy) actor(ctx context.Context, actorID string) (actorState, error) {
	c.mu.Lock()
	state, ok := c.actors[actorID]
	position := c.position
	c.mu.Unlock()
	if ok {
		return state, nil
	}
	var err error
	if state.version, err = c.events.GetLatestVersion(ctx, actorID); err != nil {
		return state, err
	}
	var at aether.Position
	if state.version > 0 {
		for e, err := range c.events.GetEvents(ctx, actorID, state.version-1) {
			if err != nil {
				return state, err
			}
			at = e.Position
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at > 0 {
		state.sequence = c.gaps.sequence(at)
	}
	state.sequence = max(state.sequence, c.gaps.last[c.subjects.of(actorID)])
	if c.position == position {
		c.actors[actorID] = state
	}
	return state, nil
}

// place returns the position of an event by the sequence of its message, which the copy
// has come to.
func (c *localCopy) place(sequence uint64) (aether.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gaps.has(sequence) {
		return 0, &LostError{c.stream, fmt.Sprintf("message %d was saved as an event, and is none in the copy", sequence)}
	}
	return c.gaps.position(sequence), nil
}

// taken returns how far the copy has come.
func (c *localCopy) taken() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// gone makes of the answer that there is no such stream a [LostError], if it has been
// given for some time: a cluster that is starting may give it, too. Other errors pass.
func (c *localCopy) gone(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !isNotFound(err):
		if err == nil {
			c.goneSince = time.Time{}
		}
		return err
	case c.goneSince.IsZero():
		c.goneSince = time.Now()
	case time.Since(c.goneSince) > goneTime:
		return &LostError{c.stream, "it was deleted"}
	}
	return fmt.Errorf("there is no stream: %w", nats.ErrTimeout)
}

const goneTime = 2 * time.Second

// check compares the stream with what was copied of it before the state was asked for.
func (c *localCopy) check(state *streamState, seen uint64) error {
	if id := state.Config.Metadata[metaID]; id != c.note.Stream {
		return &LostError{c.stream, "it was deleted, and another of its name was made"}
	}
	if state.State.LastSeq >= seen {
		return nil
	}
	reason := fmt.Sprintf("it has %d messages, of which %d were copied here before", state.State.LastSeq, seen)
	if state.replicated() {
		// A leader that the others have left behind, and that does not know it yet, says
		// so too.
		return fmt.Errorf("%s: %w", reason, nats.ErrTimeout)
	}
	return &LostError{c.stream, reason + ": the server has lost the last ones"}
}
