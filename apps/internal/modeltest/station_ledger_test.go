package modeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/effect"
)

// ledger is what is known of a history outside of the log: by the clients, the
// stations and the people. check holds the log against it.
type ledger struct {
	mu        sync.Mutex
	sent      map[string]string // the actor, by the command
	replies   map[string]reply  // by the command
	performed map[string]int    // how often the connector was unlocked, by the request
	settled   map[string]bool   // effects that somebody ended without knowing how
	looks     []look
}

// reply is what a client was told.
type reply struct {
	refused  bool
	conflict bool // with what the client had seen, which is refused too
	events   int
	version  aether.Version
	at       *aether.Version // what the client had seen

	// The versions that the actor had meanwhile, where that is known.
	from, to aether.Version
}

// look is a state that a host had in memory.
type look struct {
	host    string
	actorID string
	version aether.Version
	state   string // as JSON
}

func newLedger() *ledger {
	return &ledger{
		sent: make(map[string]string), replies: make(map[string]reply),
		performed: make(map[string]int), settled: make(map[string]bool),
	}
}

// perform is the unlock itself.
func (l *ledger) perform(request string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.performed[request]++
}

func (l *ledger) send(id, actorID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[id] = actorID
}

// answer notes what a client was told, and says what is wrong when that is not what
// it was told before.
func (l *ledger) answer(id string, r reply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.replies[id]; ok && (before.refused != r.refused || before.version != r.version || before.events != r.events) && before.events+r.events > 0 {
		return fmt.Errorf("%s was answered %+v and then %+v", id, before, r)
	}
	l.replies[id] = r
	return nil
}

// see notes the state of an actor in a host.
func (l *ledger) see(ctx context.Context, name string, host *actor.Host[*station, command, happened], actorID string) error {
	return host.View(ctx, actorID, func(s *station, version aether.Version) {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.looks = append(l.looks, look{name, actorID, version, string(text)})
	})
}

// tally counts what came of a history.
type tally struct {
	events, accepted, refused             int
	unlocked, failed, writtenOff, inDoubt int
}

// bare is a store without snapshots.
type bare struct{ aether.EventStore }

// check returns what is wrong with a history that has come to rest.
func (l *ledger) check(ctx context.Context, store aether.EventStore, unlock effect.Effect) (tally, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &checker{ledger: l, streams: make(map[string][]aether.Event), commands: make(map[string][]aether.Event), states: make(map[string][]string)}
	for e, err := range store.ReadLog(ctx, 0, &aether.LogOptions{Kinds: []string{"station"}}) {
		if err != nil {
			return c.tally, []string{err.Error()}
		}
		c.read(e)
	}
	c.replay()
	c.checkReplies()
	listed := c.list(ctx, store, unlock)
	if plain := c.list(ctx, bare{store}, unlock); fmt.Sprint(plain) != fmt.Sprint(listed) {
		c.problem("listed with the checkpoint are %v, without %v", listed, plain)
	}
	c.checkEffects(listed)
	c.checkStates(ctx, store)
	return c.tally, c.problems
}

type checker struct {
	*ledger
	tally    tally
	problems []string
	streams  map[string][]aether.Event // by the actor
	commands map[string][]aether.Event // by the command
	states   map[string][]string       // by the actor and the version, as JSON
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// read takes the next event of the log.
func (c *checker) read(e aether.Event) {
	c.tally.events++
	c.streams[e.ActorID] = append(c.streams[e.ActorID], e)
	if int(e.Version) != len(c.streams[e.ActorID]) {
		c.problem("%s@%d is the event number %d of its actor", e.ActorID, e.Version, len(c.streams[e.ActorID]))
	}
	id := e.ID[:max(strings.LastIndexByte(e.ID, '/'), 0)]
	if e.ID != actor.EventID(id, len(c.commands[id])) {
		c.problem("%s@%d is %s and not the event number %d of its command", e.ActorID, e.Version, e.ID, len(c.commands[id]))
	}
	c.commands[id] = append(c.commands[id], e)
	if c.sent[id] != e.ActorID && !strings.HasPrefix(id, "effect/unlock/"+e.ActorID+"@") {
		c.problem("%s@%d %s is of no command that was sent", e.ActorID, e.Version, e.ID)
	}
}

// replay makes the states of all versions from nothing.
func (c *checker) replay() {
	d := stationDecider()
	for actorID, stream := range c.streams {
		s := d.Initial(actorID)
		for i := range len(stream) + 1 {
			text, err := json.Marshal(s)
			if err != nil {
				c.problem("%v", err)
			}
			c.states[actorID] = append(c.states[actorID], string(text))
			if i == len(stream) {
				break
			}
			e, err := d.Events.Decode(stream[i])
			if err != nil {
				c.problem("%v", err)
				return
			}
			s = d.Evolve(s, e)
		}
	}
}

// checkReplies: what was said to be carried out is there, once, and what was refused
// is not.
func (c *checker) checkReplies() {
	for id, actorID := range c.sent {
		r, answered := c.replies[id]
		events := c.commands[id]
		switch {
		case !answered:
			c.problem("%s was never answered", id)
		case r.refused && len(events) > 0:
			c.problem("%s was refused, and is %s@%d", id, actorID, events[0].Version)
		case r.refused:
			c.tally.refused++
			if r.to > 0 && !c.refusable(actorID, id, r) {
				c.problem("%s was refused for no reason between the versions %d and %d", id, r.from, r.to)
			}
		case len(events) != r.events:
			c.problem("%s was answered with %d events, and has %d", id, r.events, len(events))
		case len(events) > 0 && events[len(events)-1].Version != r.version:
			c.problem("%s was answered with version %d, and is %d", id, r.version, events[len(events)-1].Version)
		case len(events) > 0 && r.at != nil && !onlyType(c.streams[actorID][*r.at:events[0].Version-1], "HeartbeatReceived"):
			c.problem("%s had seen version %d and is %d, though there is more than heartbeats in between", id, *r.at, events[0].Version)
		}
	}
}

// refusable says whether a request could be refused at one of the versions that the
// actor had while the client waited, or was in conflict with something by then.
func (c *checker) refusable(actorID, id string, r reply) bool {
	if r.conflict {
		return !onlyType(c.streams[actorID][*r.at:r.to], "HeartbeatReceived")
	}
	for _, text := range c.states[actorID][r.from : r.to+1] {
		s := new(station)
		if err := json.Unmarshal([]byte(text), s); err != nil {
			c.problem("%v", err)
		}
		if _, err := decideStation(s, askUnlock{id}); err != nil {
			return true
		}
	}
	return false
}

func onlyType(events []aether.Event, eventType string) bool {
	return !slices.ContainsFunc(events, func(e aether.Event) bool { return e.Type != eventType })
}

// list returns the states of the open effects.
func (c *checker) list(ctx context.Context, store aether.EventStore, unlock effect.Effect) map[string]effect.State {
	infos, err := effect.New(store, []effect.Effect{unlock}, nil).List(ctx)
	if err != nil {
		c.problem("list: %v", err)
	}
	listed := make(map[string]effect.State)
	for _, info := range infos {
		listed[info.ID] = info.State
	}
	return listed
}

// checkEffects: each request that was accepted was carried out at most once, and its
// outcome is a fact, and true, or listed as in doubt.
func (c *checker) checkEffects(listed map[string]effect.State) {
	outcomes := make(map[string][]string)
	for _, stream := range c.streams {
		for _, e := range stream {
			if outcome, ok := strings.CutPrefix(e.Type, "Unlock"); ok && outcome != "Requested" {
				request, err := requestOf(e)
				if err != nil {
					c.problem("%v", err)
				}
				outcomes[request] = append(outcomes[request], strings.ToLower(outcome))
			}
		}
	}
	accepted := make(map[string]bool)
	for actorID, stream := range c.streams {
		for _, e := range stream {
			if e.Type != "UnlockRequested" {
				continue
			}
			request, err := requestOf(e)
			if err != nil || accepted[request] {
				c.problem("%s@%d: %s a second time (%v)", actorID, e.Version, request, err)
			}
			accepted[request] = true
			c.tally.accepted++
			id := fmt.Sprintf("effect/unlock/%s@%d", actorID, e.Version)
			c.checkEffect(id, request, outcomes[request], listed[id])
			delete(listed, id)
			delete(outcomes, request)
		}
	}
	for request := range c.performed {
		if !accepted[request] {
			c.problem("%s was performed, and not accepted", request)
		}
	}
	if len(outcomes) > 0 || len(listed) > 0 {
		c.problem("nobody asked for the outcomes %v and the effects %v", outcomes, listed)
	}
}

func (c *checker) checkEffect(id, request string, outcomes []string, state effect.State) {
	performed := c.performed[request]
	if performed > 1 {
		c.problem("%s was performed %d times", request, performed)
	}
	if len(outcomes) == 0 {
		c.tally.inDoubt++
		if state != effect.InDoubt {
			c.problem("%s has no outcome, and %s is listed as %q", request, id, state)
		}
		return
	}
	if state != "" || len(outcomes) > 1 {
		c.problem("%s has the outcomes %v, and %s is listed as %q", request, outcomes, id, state)
	}
	switch outcomes[0] {
	case unlockDone:
		c.tally.unlocked++
	case unlockFailed:
		c.tally.failed++
	case unlockUnknown:
		c.tally.writtenOff++
	}
	if outcomes[0] == unlockDone && performed == 0 || outcomes[0] == unlockFailed && performed > 0 ||
		outcomes[0] == unlockUnknown && !c.settled[id] {
		c.problem("%s is recorded as %s, and was performed %d times", request, outcomes[0], performed)
	}
}

// checkStates: whatever a host had in memory is what the events up to there make
// from nothing, and so is what a new host loads, with snapshots and without.
func (c *checker) checkStates(ctx context.Context, store aether.EventStore) {
	for name, store := range map[string]aether.EventStore{"a new host with snapshots": store, "a new host": bare{store}} {
		host := actor.NewHost(store, stationDecider(), nil)
		for actorID, stream := range c.streams {
			c.mu.Unlock() // see locks it
			err := c.see(ctx, name, host, actorID)
			c.mu.Lock()
			if last := c.looks[len(c.looks)-1]; err != nil || int(last.version) != len(stream) {
				c.problem("%s has %s at version %d of %d: %v", name, actorID, last.version, len(stream), err)
			}
		}
		if err := host.Close(); err != nil {
			c.problem("close: %v", err)
		}
	}
	for _, l := range c.looks {
		if l.version == 0 {
			continue
		}
		if want := c.states[l.actorID]; int(l.version) >= len(want) || want[l.version] != l.state {
			c.problem("%s has %s at version %d as\n%s\nand a replay from zero\n%v", l.host, l.actorID, l.version, l.state, want)
		}
	}
}
