package deadline

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
)

// catchUpPasses bounds how often the log's end is looked for anew, since it may
// grow as fast as it is read.
const catchUpPasses = 3

// catchUp brings the table to the end of the log.
func (s *Scheduler) catchUp(ctx context.Context) error {
	for range catchUpPasses {
		caughtUp := false
		err := s.persist(ctx, func() error {
			latest, err := s.store.GetLatestPosition(ctx)
			if err != nil {
				return err
			}
			if caughtUp = latest <= s.position; caughtUp {
				return nil
			}
			options := s.wanted()
			options.To = latest
			if err := s.read(ctx, s.store.ReadLog(ctx, s.position, options)); err != nil {
				return err
			}
			s.mu.Lock()
			s.position, s.dirty = latest, true
			s.mu.Unlock()
			return s.saveNowAndThen(ctx)
		})
		if err != nil {
			return err
		}
		if caughtUp {
			break
		}
	}
	s.mu.Lock()
	s.live = true
	s.mu.Unlock()
	return nil
}

// follow brings every event to the table until ctx ends.
func (s *Scheduler) follow(ctx context.Context) error {
	return s.persist(ctx, func() error {
		if err := s.read(ctx, s.store.FollowLog(ctx, s.position, s.wanted())); err != nil {
			return err
		}
		return errors.New("the log ended, which one that is followed does not")
	})
}

func (s *Scheduler) wanted() *aether.LogOptions {
	return &aether.LogOptions{Kinds: s.rule.Kinds, Types: s.rule.Types}
}

func (s *Scheduler) read(ctx context.Context, events iter.Seq2[aether.Event, error]) error {
	for event, err := range events {
		if err != nil {
			return err
		}
		if err := s.apply(event); err != nil {
			return err
		}
		if err := s.saveNowAndThen(ctx); err != nil {
			return err
		}
	}
	return nil
}

// apply brings one event to the table, wholly or not at all.
func (s *Scheduler) apply(event aether.Event) error {
	changes, err := s.rule.derive(event)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.firstTry()
	for _, c := range changes {
		if k := keyOf(event.ActorID, c.name); c.set {
			s.table.set(k, micros(c.at), event.Position)
		} else {
			s.table.clear(k)
		}
	}
	s.position, s.dirty = event.Position, true
	if s.firstTry() != before {
		s.wakeDispatcher()
	}
	return nil
}

// persist calls read until it succeeds. The errors that it returns are those
// that end Run; others are logged, and it waits before the next call.
func (s *Scheduler) persist(ctx context.Context, read func() error) error {
	for failed := 0; ; {
		began := s.position
		err := read()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if ends(err) {
			return err
		}
		if s.position > began {
			failed = 0
		}
		failed++
		wait := s.backoff(failed)
		s.logger.Error("deadline: the log cannot be read; it is tried again", "after", s.position, "failed", failed, "wait", wait, "error", err)
		if err := backoff.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// errChanged: what was derived from an event is not what is derived from it now.
var errChanged = errors.New("it sets another deadline now than when it was first read: Derive must be pure, and Rule.Version must be raised when it changes")

// ends says whether an error is one that ends Run.
func ends(err error) bool {
	_, derive := errors.AsType[*DeriveError](err)
	return derive || errors.Is(err, aether.ErrClosed) || errors.Is(err, errChanged)
}

// deadlineOf reads the event that set a pending deadline, and from it the facts
// that are not kept in memory.
func (s *Scheduler) deadlineOf(ctx context.Context, e entry) (Deadline, error) {
	event, found, err := s.eventAt(ctx, e.position)
	if err != nil {
		return Deadline{}, fmt.Errorf("read the event at position %d, which set the deadline: %w", e.position, err)
	}
	if !found {
		return Deadline{}, fmt.Errorf("deadline: rule %q: position %d: the log has no such event: %w", s.rule.Name, e.position, errChanged)
	}
	changes, err := s.rule.derive(event)
	if err != nil {
		return Deadline{}, err
	}
	var last Change
	for _, c := range changes {
		if keyOf(event.ActorID, c.name) == e.key {
			last = c
		}
	}
	if !last.set || micros(last.at) != e.at {
		return Deadline{}, &DeriveError{Rule: s.rule.Name, Event: event, Err: errChanged}
	}
	return Deadline{
		ActorID:   event.ActorID,
		Name:      last.name,
		At:        last.at,
		CommandID: s.rule.commandID(&event, last.name),
		Event:     event,
		Failed:    int(e.failed),
	}, nil
}

// eventAt reads one event of the log.
func (s *Scheduler) eventAt(ctx context.Context, position aether.Position) (aether.Event, bool, error) {
	for event, err := range s.store.ReadLog(ctx, position-1, &aether.LogOptions{To: position}) {
		return event, err == nil, err
	}
	return aether.Event{}, false, nil
}
