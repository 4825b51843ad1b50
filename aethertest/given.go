package aethertest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// Scenario is an actor with a past, which is told what to do.
type Scenario[S, C, E any] struct {
	t       testing.TB
	decider actor.Decider[S, C, E]
	actorID string
	past    []E
	theirs  int // how many of the past the caller of the next command has not seen
}

// Outcome is what a decider made of a command.
type Outcome[S, C, E any] struct {
	scenario *Scenario[S, C, E]
	command  C
	events   []E
	err      error
}

// Given is an actor that some events have happened to. The actor's ID is the
// decider's kind and "test"; see [Scenario.Of].
func Given[S, C, E any](t testing.TB, decider actor.Decider[S, C, E], events ...E) *Scenario[S, C, E] {
	t.Helper()
	s := &Scenario[S, C, E]{t: t, decider: decider, actorID: decider.Kind + "/test", past: events}
	for _, e := range events {
		s.checkForm(e)
	}
	return s
}

// Of gives the actor another ID.
func (s *Scenario[S, C, E]) Of(actorID string) *Scenario[S, C, E] {
	s.t.Helper()
	if err := s.decider.CheckID(actorID); err != nil {
		s.t.Fatal(err)
	}
	other := *s
	other.actorID = actorID
	return &other
}

// Meanwhile lets events happen that whoever sends the next command has not seen: it
// acts upon the version before them, as with [actor.DoOptions.At]. The decider's
// Conflicts says whether they matter to the command; see [Outcome.ThenConflict].
func (s *Scenario[S, C, E]) Meanwhile(events ...E) *Scenario[S, C, E] {
	s.t.Helper()
	for _, e := range events {
		s.checkForm(e)
	}
	return s.after(events, s.theirs+len(events))
}

// after returns the scenario in which some more events have happened.
func (s *Scenario[S, C, E]) after(events []E, theirs int) *Scenario[S, C, E] {
	next := *s
	next.past, next.theirs = append(append([]E(nil), s.past...), events...), theirs
	return &next
}

// When has the decider decide a command. What holds of every decider is checked on
// the way: the answer is the same a second time, deciding does not change the state,
// events keep all they say in their JSON, and a snapshot of the state leads to
// the same answer.
func (s *Scenario[S, C, E]) When(command C) *Outcome[S, C, E] {
	s.t.Helper()
	state, untouched := s.state(), s.state()
	o := &Outcome[S, C, E]{scenario: s, command: command}
	if o.err = s.conflict(command); o.err != nil {
		return o
	}
	o.events, o.err = s.decider.Decide(state, command)
	if !reflect.DeepEqual(state, untouched) {
		s.t.Errorf("deciding %s changed the state\nfrom %+v\nto   %+v", show(command), untouched, state)
	}
	events, err := s.decider.Decide(untouched, command)
	o.expectSame("decided a second time", events, err)
	for _, e := range o.events {
		s.checkForm(e)
	}
	if codec := s.decider.Snapshots; codec != nil {
		first, err := codec.Encode(s.state())
		if err != nil {
			s.t.Fatalf("the state cannot be encoded: %v", err)
		}
		decoded, err := codec.Decode(first)
		if err != nil {
			s.t.Fatalf("the snapshot cannot be decoded: %v\n%s", err, first)
		}
		second, err := codec.Encode(decoded)
		if err != nil || !bytes.Equal(first, second) {
			s.t.Errorf("a snapshot of a snapshot is another: %v\n%s\n%s", err, first, second)
		}
		events, err := s.decider.Decide(decoded, command)
		o.expectSame("decided upon a snapshot", events, err)
	}
	return o
}

// conflict returns the error that a command gets because of events that its caller has
// not seen.
func (s *Scenario[S, C, E]) conflict(command C) error {
	seen := len(s.past) - s.theirs
	if s.theirs == 0 || s.decider.Conflicts != nil && !s.decider.Conflicts(command, append([]E(nil), s.past[seen:]...)) {
		return nil
	}
	return &aether.ConflictError{ActorID: s.actorID, Tried: aether.Version(seen + 1), Latest: aether.Version(len(s.past))}
}

// state returns a new state of the actor.
func (s *Scenario[S, C, E]) state() S {
	state := s.decider.Initial(s.actorID)
	for _, e := range s.past {
		state = s.decider.Evolve(state, e)
	}
	return state
}

// checkForm fails the test when an event is not the same after it was saved.
func (s *Scenario[S, C, E]) checkForm(event E) {
	s.t.Helper()
	saved, err := s.decider.Events.Encode(event)
	if err != nil {
		s.t.Fatalf("%s cannot be saved: %v", show(event), err)
	}
	saved.ActorID, saved.Version = s.actorID, 1
	if err := aether.CheckEvents([]aether.Event{saved}); err != nil {
		s.t.Fatalf("%s cannot be saved: %v", show(event), err)
	}
	read, err := s.decider.Events.Decode(saved)
	if err != nil {
		s.t.Fatalf("%s cannot be read again: %v", show(event), err)
	}
	if !reflect.DeepEqual(event, read) {
		s.t.Errorf("an event is not the same after it was saved: JSON lost something\nbefore %+v\nafter  %+v\nsaved  %s", event, read, saved.Data)
	}
}

func (o *Outcome[S, C, E]) expectSame(when string, events []E, err error) {
	o.scenario.t.Helper()
	if !reflect.DeepEqual(err, o.err) || len(events)+len(o.events) > 0 && !reflect.DeepEqual(events, o.events) {
		o.scenario.t.Errorf("%s, %s has another answer\nthe first: %s\nthis one:  %s",
			when, show(o.command), o.answer(o.events, o.err), o.answer(events, err))
	}
}

func (o *Outcome[S, C, E]) answer(events []E, err error) string {
	if err != nil {
		return err.Error()
	}
	return strings.Join(o.scenario.lines(events), ", ")
}

// Then fails the test unless the command led to exactly these events, in this
// order: none, when it has nothing to do.
func (o *Outcome[S, C, E]) Then(events ...E) *Scenario[S, C, E] {
	s := o.scenario
	s.t.Helper()
	if o.err != nil {
		s.t.Fatalf("%s: %v\nwant events: %s", show(o.command), o.err, strings.Join(s.lines(events), ", "))
	}
	if len(events)+len(o.events) > 0 && !reflect.DeepEqual(events, o.events) {
		s.t.Fatalf("%s led to other events (- wanted, + there):\n%s", show(o.command), diff(s.lines(events), s.lines(o.events)))
	}
	return s.after(o.events, 0)
}

// ThenInAnyOrder is Then where the order of the events does not matter.
func (o *Outcome[S, C, E]) ThenInAnyOrder(events ...E) *Scenario[S, C, E] {
	s := o.scenario
	s.t.Helper()
	wanted := append([]E(nil), events...)
	for i, e := range o.events {
		for j := i; j < len(wanted); j++ {
			if reflect.DeepEqual(e, wanted[j]) {
				wanted[i], wanted[j] = wanted[j], wanted[i] // so that it is where it is there
				break
			}
		}
	}
	return o.Then(wanted...)
}

// ThenRefused fails the test unless the command was refused for this reason; see
// [aether.Refusal].
func (o *Outcome[S, C, E]) ThenRefused(reason string) *Scenario[S, C, E] {
	s := o.scenario
	s.t.Helper()
	refusal, ok := errors.AsType[*aether.Refusal](o.err)
	switch {
	case o.err == nil:
		s.t.Fatalf("%s was not refused, it led to: %s\nwant a refusal: %s", show(o.command), strings.Join(s.lines(o.events), ", "), reason)
	case !ok:
		s.t.Fatalf("%s failed: %v\nwant a refusal: %s", show(o.command), o.err, reason)
	case refusal.Reason != reason:
		s.t.Fatalf("%s was refused for another reason: %v\nwant: %s", show(o.command), refusal, reason)
	}
	return s
}

// ThenConflict fails the test unless the command failed because of what came
// [Scenario.Meanwhile]. In the scenario that it returns the caller has seen that.
func (o *Outcome[S, C, E]) ThenConflict() *Scenario[S, C, E] {
	s := o.scenario
	s.t.Helper()
	switch {
	case s.theirs == 0:
		s.t.Fatalf("%s cannot conflict with anything: nothing happened meanwhile", show(o.command))
	case !errors.Is(o.err, aether.ErrVersionConflict):
		s.t.Fatalf("%s does not conflict with what happened meanwhile, its answer is: %s", show(o.command), o.answer(o.events, o.err))
	}
	return s.after(nil, 0)
}

// State passes the state of the actor to check.
func (s *Scenario[S, C, E]) State(check func(state S)) *Scenario[S, C, E] {
	s.t.Helper()
	check(s.state())
	return s
}

// lines shows events as they are saved.
func (s *Scenario[S, C, E]) lines(events []E) []string {
	lines := make([]string, len(events))
	for i, e := range events {
		if saved, err := s.decider.Events.Encode(e); err != nil {
			lines[i] = show(e)
		} else {
			lines[i] = saved.Type + " " + string(saved.Data)
		}
	}
	return lines
}

func show(value any) string {
	return fmt.Sprintf("%T%+v", value, value)
}

// diff lists the lines that two lists share with two spaces in front, those of one
// of them with a sign.
func diff(want, got []string) string {
	// common[i][j] is how many lines want[i:] and got[j:] share, in order.
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var text strings.Builder
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			fmt.Fprintf(&text, "  %s\n", want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			fmt.Fprintf(&text, "- %s\n", want[i])
			i++
		default:
			fmt.Fprintf(&text, "+ %s\n", got[j])
			j++
		}
	}
	return text.String()
}
