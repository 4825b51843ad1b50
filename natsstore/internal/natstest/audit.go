package natstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/natsstore"
)

// audit is what writers believe to have saved, and what they believe not to be saved.
type audit struct {
	mu      sync.Mutex
	saved   map[string]aether.Event // by ID
	dropped map[string]bool         // IDs of events that were not saved, and never will be
}

func newAudit() *audit {
	return &audit{saved: make(map[string]aether.Event), dropped: make(map[string]bool)}
}

func newTestEvents(actorID string, from aether.Version, n int) []aether.Event {
	var events []aether.Event
	for i := range n {
		events = append(events, aether.Event{ID: aether.NewID(), ActorID: actorID, Version: from + aether.Version(i), Type: "Tested", Data: []byte(fmt.Sprintf(`{"n":%d,"of":%d}`, i, n))})
	}
	return events
}

// write saves until ctx ends, to an actor that others may write to as well. Some saves
// are given up early.
func (a *audit) write(ctx context.Context, store aether.EventStore, actorID string) error {
	next := aether.Version(1)
	for ctx.Err() == nil {
		events := newTestEvents(actorID, next, 1+rand.IntN(3))
		hurry := rand.IntN(4) == 0
		for {
			saving, cancel := context.Background(), context.CancelFunc(func() {})
			if hurry {
				saving, cancel = context.WithTimeout(saving, rand.N(3*time.Millisecond))
			}
			last, err := store.SaveEvents(saving, events...)
			cancel()
			var conflict *aether.ConflictError
			var unavailable *natsstore.UnavailableError
			switch {
			case err == nil:
				a.mu.Lock()
				for i, e := range events {
					e.Position = last - aether.Position(len(events)-1-i)
					a.saved[e.ID] = e
				}
				a.mu.Unlock()
				next += aether.Version(len(events))
			case errors.As(err, &conflict):
				a.drop(events)
				next = conflict.Latest + 1
			case errors.Is(err, context.DeadlineExceeded) && hurry:
				// Were they saved or not? Whatever is there now stays so.
				version, err := a.there(store, actorID, events[0].ID)
				if err != nil {
					return err
				}
				if version == 0 {
					a.drop(events)
				} else {
					next = version + aether.Version(len(events))
				}
			case errors.As(err, &unavailable):
				continue // the same again
			default:
				return err
			}
			break
		}
	}
	return nil
}

func (a *audit) there(store aether.EventStore, actorID, id string) (aether.Version, error) {
	for {
		version, err := store.GetEventVersion(context.Background(), actorID, id)
		if !errors.Is(err, natsstore.ErrUnavailable) {
			return version, err
		}
	}
}

func (a *audit) drop(events []aether.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range events {
		a.dropped[events[i].ID] = true
	}
}

// expect compares a log with what the writers believe.
func (a *audit) expect(t *testing.T, name string, log []aether.Event) {
	t.Helper()
	seen := make(map[string]bool)
	versions := make(map[string]aether.Version)
	for i, e := range log {
		if e.Position != aether.Position(i+1) {
			t.Fatalf("%s: event %d has position %d", name, i+1, e.Position)
		}
		if e.Version != versions[e.ActorID]+1 || seen[e.ID] {
			t.Fatalf("%s: position %d: version %d of %s follows %d; its ID was there: %v", name, e.Position, e.Version, e.ActorID, versions[e.ActorID], seen[e.ID])
		}
		versions[e.ActorID], seen[e.ID] = e.Version, true
		if want, ok := a.saved[e.ID]; ok && (want.Position != e.Position || want.Version != e.Version || string(want.Data) != string(e.Data)) {
			t.Fatalf("%s: position %d has version %d, %s; it was answered %d with %d, %s", name, e.Position, e.Version, e.Data, want.Position, want.Version, want.Data)
		}
		if a.dropped[e.ID] {
			t.Fatalf("%s: position %d: event %s landed after its save had failed", name, e.Position, e.ID)
		}
	}
	for id, e := range a.saved {
		if !seen[id] {
			t.Fatalf("%s: version %d of %s was acknowledged at %d, and is not there", name, e.Version, e.ActorID, e.Position)
		}
	}
}

// follow returns what a follower sees until it ends. One that cannot reach the servers
// goes on where it was.
func follow(ctx context.Context, store aether.EventStore) ([]aether.Event, error) {
	var seen []aether.Event
	for {
		var failed error
		for e, err := range store.FollowLog(ctx, aether.Position(len(seen)), nil) {
			if err != nil {
				failed = err
				break
			}
			seen = append(seen, e)
		}
		if !errors.Is(failed, natsstore.ErrUnavailable) {
			return seen, failed
		}
	}
}

// least is how many events must be saved, or nothing was tested.
const least = 20

// enough calls stop when a time is over in which enough was saved. A machine that has much
// else to do gets more time.
func (a *audit) enough(ctx context.Context, d time.Duration, stop func()) {
	Pause(ctx, d)
	for ctx.Err() == nil {
		if a.count() >= least {
			stop()
		}
		Pause(ctx, 100*time.Millisecond)
	}
}

// count returns how many events were acknowledged.
func (a *audit) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.saved)
}

// UnderFaults has writers on two nodes save while faults happen, and followers read on
// both, and audits it all. Nodes connect to the URLs. What makes the faults can see how
// many events were acknowledged so far.
func UnderFaults(t *testing.T, urls [2]string, direct string, options natsstore.Options, d time.Duration, faults func(ctx context.Context, acknowledged func() int)) {
	t.Helper()
	prefix := Prefix()
	var nodes [2]Node
	var stores [2]aether.EventStore
	for i := range nodes {
		var err error
		nodes[i], err = Open(t.Context(), urls[i], filepath.Join(t.TempDir(), "copy"), natsstore.ConnOptions{Prefix: prefix, Timeout: 5 * time.Second}, options)
		if err != nil {
			t.Fatal(err)
		}
		if stores[i], err = nodes[i].Namespace(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
	}
	a := newAudit()
	following, stopFollowing := context.WithCancel(context.Background())
	var followed [2][]aether.Event
	var followers sync.WaitGroup
	for i := range stores {
		followers.Go(func() {
			var err error
			if followed[i], err = follow(following, stores[i]); !errors.Is(err, context.Canceled) {
				t.Errorf("follower %d: %v", i, err)
			}
		})
	}
	writing, stop := context.WithTimeout(context.Background(), d+time.Minute)
	defer stop()
	go a.enough(writing, d, stop)
	var work sync.WaitGroup
	work.Go(func() { faults(writing, a.count) })
	for w := range 12 {
		work.Go(func() {
			actorID := fmt.Sprint("own/", w)
			if w%3 == 0 {
				actorID = fmt.Sprint("shared/", w/6)
			}
			if err := a.write(writing, stores[w%2], actorID); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	work.Wait()

	// A node that was not there copies it all.
	fresh, err := Open(t.Context(), direct, filepath.Join(t.TempDir(), "copy"), natsstore.ConnOptions{Prefix: prefix, Timeout: 20 * time.Second}, options)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close() //nolint:errcheck // only read
	store, err := fresh.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	var log []aether.Event
	for e, err := range store.ReadLog(t.Context(), 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, e)
	}
	a.expect(t, "a new node", log)
	for i := range nodes {
		for e, err := range stores[i].ReadLog(t.Context(), aether.Position(len(log))-1, nil) {
			if err != nil || e.Position != aether.Position(len(log)) {
				t.Fatalf("node %d ends with %d, %v; want %d", i, e.Position, err, len(log))
			}
		}
	}
	stopFollowing()
	followers.Wait()
	for i := range nodes {
		if n := len(followed[i]); n > len(log) || !reflect.DeepEqual(followed[i], log[:n]) {
			t.Errorf("follower %d has seen other events than there are", i)
		}
		if err := nodes[i].Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d events, %d acknowledged, %d dropped", len(log), len(a.saved), len(a.dropped))
	if len(a.saved) < least {
		t.Errorf("only %d events were saved: the test tests nothing", len(a.saved))
	}
}
