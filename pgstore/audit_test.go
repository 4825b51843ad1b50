package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
)

// ledger is what writers were told about their saves.
type ledger struct {
	t    *testing.T
	good aether.EventStore // of which the outcome of a save can be asked

	mu     sync.Mutex
	saved  map[string]aether.Position // by event ID
	absent map[string]struct{}        // IDs of events that had not landed when SaveEvents had returned
}

func newLedger(t *testing.T, good aether.EventStore) *ledger {
	return &ledger{t: t, good: good, saved: make(map[string]aether.Position), absent: make(map[string]struct{})}
}

// write saves to an actor of its own, and now and then to one that all write, until
// ctx ends.
func (l *ledger) write(ctx context.Context, writer int, store aether.EventStore) {
	own := fmt.Sprint("room/", writer)
	var version, shared aether.Version
	for ctx.Err() == nil {
		events := []aether.Event{testEvent(own, version+1)}
		if rand.N(3) == 0 {
			events = append(events, testEvent(own, version+2))
		}
		both := rand.N(4) == 0
		if both {
			events = append(events, testEvent("hall/1", shared+1))
		}
		position, err := store.SaveEvents(context.WithoutCancel(ctx), events...)
		conflict, lost := errors.AsType[*aether.ConflictError](err)
		switch {
		case err == nil:
		case lost && conflict.ActorID == "hall/1":
			shared = conflict.Latest
			continue
		case errors.Is(err, ErrUnavailable):
			if position = l.settle(ctx, store, events); position == 0 {
				continue
			}
		default:
			l.t.Errorf("writer %d: %v", writer, err)
			return
		}
		l.note(events, position)
		for i := range events {
			if events[i].ActorID == own {
				version = events[i].Version
			} else {
				shared = events[i].Version
			}
		}
	}
}

func (l *ledger) note(events []aether.Event, last aether.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		l.saved[events[i].ID] = last - aether.Position(len(events)-1-i)
	}
}

// settle finds out what became of a save: by asking somebody else, who knows because
// nothing lands any more, or by saving the same again.
func (l *ledger) settle(ctx context.Context, store aether.EventStore, events []aether.Event) aether.Position {
	if rand.N(2) == 0 {
		for {
			position, err := store.SaveEvents(context.WithoutCancel(ctx), events...)
			if err == nil {
				return position
			}
			if !errors.Is(err, ErrUnavailable) {
				break // a conflict over the shared actor
			}
		}
	}
	for {
		version, err := l.good.GetEventVersion(context.WithoutCancel(ctx), events[0].ActorID, events[0].ID)
		switch {
		case errors.Is(err, ErrUnavailable):
		case err != nil:
			l.t.Error(err)
			return 0
		case version == 0:
			l.mu.Lock()
			defer l.mu.Unlock()
			for i := range events {
				l.absent[events[i].ID] = struct{}{}
			}
			return 0
		default:
			// It landed: saved again it says where.
			if position, err := l.good.SaveEvents(context.WithoutCancel(ctx), events...); err == nil {
				return position
			}
		}
	}
}

// audit holds the log against what the writers were told and what followers saw.
func (l *ledger) audit(followed ...[]aether.Event) {
	l.t.Helper()
	var log []aether.Event
	versions := make(map[string]aether.Version)
	found := make(map[string]aether.Position)
	for e, err := range l.good.ReadLog(context.Background(), 0, nil) {
		if err != nil {
			l.t.Fatal(err)
		}
		log = append(log, e)
		if e.Position != aether.Position(len(log)) {
			l.t.Fatalf("position %d follows %d", e.Position, len(log)-1)
		}
		if versions[e.ActorID]++; e.Version != versions[e.ActorID] {
			l.t.Fatalf("%s: version %d follows %d", e.ActorID, e.Version, versions[e.ActorID]-1)
		}
		if _, twice := found[e.ID]; twice {
			l.t.Fatalf("event %s is there twice", e.ID)
		}
		found[e.ID] = e.Position
	}
	for id, position := range l.saved {
		if found[id] != position {
			l.t.Errorf("event %s was acknowledged at position %d, and is at %d", id, position, found[id])
		}
	}
	for id := range l.absent {
		if found[id] != 0 {
			l.t.Errorf("event %s landed after SaveEvents had returned", id)
		}
	}
	if len(found) != len(l.saved) {
		l.t.Errorf("%d events are there, %d were acknowledged", len(found), len(l.saved))
	}
	for i, events := range followed {
		for j := range events {
			if events[j].ID != log[j].ID {
				l.t.Fatalf("follower %d: event %d is %s, want %s", i, j, events[j].ID, log[j].ID)
			}
		}
		if len(events) != len(log) {
			l.t.Errorf("follower %d saw %d events of %d", i, len(events), len(log))
		}
	}
	l.t.Logf("%d events, %d saves that were found not to have landed", len(log), len(l.absent))
}

// follow follows a log from its beginning until it has seen the event that is saved when
// everything else is, and returns what it saw.
func follow(ctx context.Context, t *testing.T, store aether.EventStore) (seen []aether.Event) {
	for e, err := range store.FollowLog(ctx, 0, nil) {
		if err != nil {
			t.Errorf("FollowLog: after %d events: %v", len(seen), err)
			return seen
		}
		if seen = append(seen, e); e.ActorID == lastActor {
			return seen
		}
	}
	return seen
}

const lastActor = "end/1"

// torment has writers write and followers follow, through several stores, while
// something is done to their connections or to the server, and audits what is there.
func torment(t *testing.T, stores []aether.EventStore, good aether.EventStore, torture func()) {
	t.Helper()
	l := newLedger(t, good)
	followed := make([][]aether.Event, len(stores)+1)
	var followers, writers sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for i := range followed {
		followers.Go(func() { followed[i] = follow(ctx, t, append(stores, good)[i]) })
	}
	writing, stop := context.WithCancel(ctx)
	for writer := range 8 {
		writers.Go(func() { l.write(writing, writer, stores[writer%len(stores)]) })
	}
	torture()
	stop()
	writers.Wait()
	last := testEvent(lastActor, 1)
	position, err := good.SaveEvents(ctx, last)
	if err != nil {
		t.Fatal(err)
	}
	l.note([]aether.Event{last}, position)
	followers.Wait()
	l.audit(followed...)
}

// Two processes behind networks that go bad in every way there is.
func TestBadNetworks(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	schema := pgtest.Schema(t, dsn)
	migrateSchema(t, dsn, schema)
	var stores []aether.EventStore
	var proxies []*proxy
	for range 2 {
		p := newProxy(t, dsn)
		proxies = append(proxies, p)
		stores = append(stores, openNamespace(t, p.dsn, &Options{Schema: schema, Logger: quiet, Timeout: 2400 * time.Millisecond, PollInterval: 100 * time.Millisecond}))
	}
	good := openNamespace(t, dsn, &Options{Schema: schema, Logger: quiet})
	torment(t, stores, good, func() {
		for round := range 16 {
			p := proxies[round%2]
			direction := []string{toClient, toServer}[rand.N(2)]
			lasting := 50*time.Millisecond + rand.N(400*time.Millisecond)
			switch kind := rand.N(5); {
			case round == 5, round == 10: // half-open, and longer than anybody waits
				p.spoil(direction, "timeout", map[string]int{"timeout": 0})
				lasting = 3 * time.Second
			case kind == 0:
				p.cut()
			case kind == 1:
				p.spoil(direction, "timeout", map[string]int{"timeout": 0})
			case kind == 2:
				p.spoil(direction, "latency", map[string]int{"latency": 200, "jitter": 200})
			case kind == 3:
				p.spoil(direction, "limit_data", map[string]int{"bytes": rand.N(3000)})
			case kind == 4:
				p.spoil(direction, "slicer", map[string]int{"average_size": 100, "size_variation": 90, "delay": 10})
			}
			<-time.After(lasting)
			p.heal()
		}
	})
}

// kill -9 of the server, all of its processes, in the middle of load.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t, nil)
	schema := "aether"
	migrateSchema(t, server.DSN(), schema)
	var stores []aether.EventStore
	for range 2 {
		stores = append(stores, openNamespace(t, server.DSN(), &Options{Schema: schema, Logger: quiet, Timeout: 3 * time.Second}))
	}
	good := openNamespace(t, server.DSN(), &Options{Schema: schema, Logger: quiet})
	torment(t, stores, good, func() {
		for range 4 {
			<-time.After(rand.N(700 * time.Millisecond))
			server.Kill()
			if err := server.Restart(); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(300 * time.Millisecond)
	})
}
