package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/aether-es/aether"
)

func modelPromises() []promise {
	return []promise{
		{"thousands of random calls are answered as the promises say", randomCalls},
	}
}

// seedVariable repeats a run of the model test.
const seedVariable = "STORETEST_SEED"

// newRandom returns a generator whose seed is printed when the test fails.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		seed = given
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to repeat this run: %s=%d", seedVariable, seed)
		}
	})
	return rand.New(rand.NewPCG(seed, seed))
}

// caller makes random calls and compares the answers with those of the model.
type caller struct {
	*subject
	random *rand.Rand
	model  *model
}

func randomCalls(ctx context.Context, t *testing.T, s *subject) {
	c := &caller{subject: s, random: newRandom(t), model: &model{namespaces: make(map[string]*modelStore)}}
	const calls = 3000
	for i := range calls {
		name := pick(c, "a", "a/b", "..")
		switch n := c.random.IntN(100); {
		case n < 55:
			c.save(ctx, t, name)
		case n < 65:
			c.readStream(ctx, t, name)
		case n < 80:
			c.readLog(ctx, t, name)
		case n < 90:
			c.readActors(ctx, t, name)
		case n < 99:
			if s.features.Snapshots {
				c.snapshot(ctx, t, name)
			}
		case i%5 == 0:
			c.restart(ctx, t)
		}
	}
	for name, m := range c.model.namespaces {
		expectStore(ctx, t, s.store(ctx, t, name), m.log)
	}
}

func pick[T any](c *caller, choices ...T) T { return choices[c.random.IntN(len(choices))] }

func (c *caller) actorID() string {
	return pick(c, "room/1", "room/2", "room/11", "hall/1", "hall/1/1", "r/1")
}

// events returns a save: mostly one that may be written, sometimes a repeat, in
// part or whole, and sometimes one whose IDs or versions are wrong.
func (c *caller) events(m *modelStore) []aether.Event {
	if len(m.log) > 0 && c.random.IntN(5) == 0 {
		first := c.random.IntN(len(m.log))
		events := slices.Clone(m.log[first:min(len(m.log), first+1+c.random.IntN(4))])
		if c.random.IntN(3) > 0 {
			return events
		}
		last := events[len(events)-1]
		return append(events, newEvent(last.ActorID, last.Version+1))
	}
	var (
		events []aether.Event
		next   = make(map[string]aether.Version)
		used   = make(map[string]bool)
	)
	for range 1 + c.random.IntN(4) {
		actorID := c.actorID()
		stream := m.stream(actorID)
		version, ok := next[actorID]
		if !ok {
			version = aether.Version(len(stream) + 1)
			if c.random.IntN(8) == 0 {
				version = aether.Version(max(1, len(stream)+c.random.IntN(6)-2))
			}
		}
		next[actorID] = version + 1
		e := newEvent(actorID, version)
		e.Type = pick(c, "Opened", "Closed")
		e.Data = fmt.Appendf(nil, `%q`, bytes.Repeat([]byte("x"), c.random.IntN(300)))
		if len(stream) > 0 && c.random.IntN(12) == 0 {
			if old := stream[c.random.IntN(len(stream))].ID; !used[actorID+old] {
				e.ID, used[actorID+old] = old, true
			}
		}
		events = append(events, e)
	}
	return events
}

func (c *caller) save(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	m, store := c.model.store(name), c.store(ctx, t, name)
	events := c.events(m)
	if c.random.IntN(20) == 0 {
		bad := c.random.IntN(len(events))
		events[bad].Type = ""
		refuse(ctx, t, store, "an event without a type", bad, "type", events...)
		return
	}
	position, err := store.SaveEvents(ctx, events...)
	want := m.save(events)
	if duplicate, ok := errors.AsType[*aether.DuplicateError](err); ok && slices.Contains(want.duplicates, *duplicate) {
		return
	}
	if conflict, ok := errors.AsType[*aether.ConflictError](err); ok {
		for _, possible := range want.conflicts {
			if possible.ActorID == conflict.ActorID {
				expectConflict(t, err, possible)
				return
			}
		}
	}
	if err != nil || position != want.position || position == 0 {
		t.Fatalf("SaveEvents: position %d, %v; want %v", position, err, &want)
	}
}

func (c *caller) readStream(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	m, store := c.model.store(name), c.store(ctx, t, name)
	actorID := c.actorID()
	stream := m.stream(actorID)
	expectVersion(ctx, t, store, actorID, aether.Version(len(stream)))
	after := c.random.IntN(len(stream) + 3)
	got := all(t, "GetEvents", store.GetEvents(ctx, actorID, aether.Version(after)))
	expectEvents(t, "GetEvents of "+actorID, got, stream[min(after, len(stream)):])
}

func (c *caller) readLog(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	m, store := c.model.store(name), c.store(ctx, t, name)
	last := aether.Position(len(m.log))
	if got, err := store.GetLatestPosition(ctx); err != nil || got != last {
		t.Fatalf("GetLatestPosition: %d, %v; want %d", got, err, last)
	}
	after := aether.Position(c.random.IntN(len(m.log) + 3))
	options := aether.LogOptions{To: aether.Position(c.random.IntN(len(m.log) + 3))}
	options.Kinds = pick(c, nil, []string{"room"}, []string{"hall", "r"})
	options.Types = pick(c, nil, []string{"Opened"}, []string{"Tested", "Closed"})
	want := m.read(after, options)
	what := fmt.Sprintf("after %d with %+v", after, options)
	expectEvents(t, "ReadLog "+what, all(t, "ReadLog", store.ReadLog(ctx, after, &options)), want)
	switch {
	case options.To > 0 && options.To <= last: // a follower would wait otherwise
		expectEvents(t, "FollowLog "+what, all(t, "FollowLog", store.FollowLog(ctx, after, &options)), want)
	case len(want) > 0:
		expectEvents(t, "FollowLog "+what, take(t, "FollowLog", store.FollowLog(ctx, after, &options), len(want)), want)
	}
}

func (c *caller) readActors(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	expectNamespaces(ctx, t, c.subject, c.model.names())
	kind := pick(c, "", "room", "hall", "r", "roo")
	want := c.model.store(name).actors(kind)
	if got := all(t, "GetActors", c.store(ctx, t, name).GetActors(ctx, kind)); !slices.Equal(got, want) {
		t.Fatalf("GetActors(%q): %v, want %v", kind, got, want)
	}
}

func (c *caller) snapshot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	m, store, actorID := c.model.store(name), c.snapshots(ctx, t, name), c.actorID()
	if c.random.IntN(2) == 0 {
		snapshot := newSnapshot(actorID, aether.Version(1+c.random.IntN(9)), aether.NewID())
		saveSnapshot(ctx, t, store, snapshot)
		m.snapshots[actorID] = append(m.snapshots[actorID], snapshot)
	}
	if saved := m.snapshots[actorID]; len(saved) > 0 {
		expectSnapshot(ctx, t, store, saved[len(saved)-1])
	} else {
		expectNoSnapshot(ctx, t, store, actorID)
	}
}

// restart closes and reopens the engine, or takes its power, if it can bear that.
func (c *caller) restart(ctx context.Context, t *testing.T) {
	t.Helper()
	switch {
	case c.features.PowerLoss && c.random.IntN(2) == 0:
		c.losePower(ctx, t)
		if !c.features.Snapshots {
			return
		}
		for name, m := range c.model.namespaces {
			for actorID, saved := range m.snapshots {
				m.snapshots[actorID] = survivors(ctx, t, c.snapshots(ctx, t, name), actorID, saved)
			}
		}
	case c.features.Durable:
		c.reopen(ctx, t)
	}
}

// survivors returns those of an actor's snapshots that a crash has left: any
// number of the last may be gone, but one that is there is whole.
func survivors(ctx context.Context, t *testing.T, store aether.SnapshotStore, actorID string, saved []aether.Snapshot) []aether.Snapshot {
	t.Helper()
	got, err := store.GetLatestSnapshot(ctx, actorID)
	if errors.Is(err, aether.ErrSnapshotNotFound) {
		return nil
	}
	if err != nil {
		t.Fatalf("GetLatestSnapshot(%q): %v", actorID, err)
	}
	for i := range saved {
		if sameAs(&got, &saved[i]) {
			return saved[:i+1]
		}
	}
	t.Fatalf("GetLatestSnapshot(%q): version %d with %d bytes %.40q, which nobody saved", actorID, got.Version, len(got.Data), got.Data)
	return nil
}
