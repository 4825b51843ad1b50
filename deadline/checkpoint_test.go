package deadline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
)

// plain hides the snapshots of a store, so everything is read from the log.
func plain(store aether.EventStore) aether.EventStore { return struct{ aether.EventStore }{store} }

// counting counts the events of the log that a scheduler derives from.
func counting(rule Rule) (Rule, *int) {
	count := new(int)
	inner := rule.Derive
	rule.Derive = func(e aether.Event) ([]Change, error) {
		*count++
		return inner(e)
	}
	return rule, count
}

func (w *world) snapshots() aether.SnapshotStore { return w.store.(aether.SnapshotStore) }

func (w *world) snapshot(id string) aether.Snapshot {
	w.t.Helper()
	snapshot, err := w.snapshots().GetLatestSnapshot(context.Background(), id)
	if err != nil {
		w.t.Fatal(id, err)
	}
	return snapshot
}

func (w *world) saveSnapshot(snapshot aether.Snapshot) {
	w.t.Helper()
	if err := w.snapshots().SaveSnapshot(context.Background(), snapshot); err != nil {
		w.t.Fatal(err)
	}
}

// small makes checkpoints of many parts.
func (w *world) small(rule Rule) *Scheduler {
	s := New(w.store, rule, w.options(nil))
	s.partEntries = 3
	return s
}

func TestCheckpointAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 10 {
			w.set("a/1", fmt.Sprint(i), time.Duration(i)*time.Minute)
		}
		r := w.run(w.small(w.rule()))
		w.wants("a/1 0")
		r.stop()
		w.clear("a/1", "1")
		w.set("a/1", "2", time.Hour)

		rule, read := counting(w.rule())
		r = w.run(w.small(rule))
		if *read != 2 {
			t.Errorf("%d events were read, want 2", *read)
		}
		w.wants()
		r.wantPending(8, 0)
		w.advance(3 * time.Minute)
		w.wants("a/1 3")
		r.stop()

		// The last Run has read nothing, and fired one.
		r = w.run(w.small(w.rule()))
		w.advance(time.Minute)
		w.wants("a/1 4")
		r.stop()
		r = w.run(w.small(w.rule()))
		w.wants()
		r.wantPending(6, 0)
		r.stop()
	})
}

// Checkpoints are saved as the log is read, so a process that is killed begins
// near its end. A rule that wants few of many events saves too.
func TestCheckpointsNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 100 {
			w.set("b/1", fmt.Sprint(i), time.Hour)
			if i%10 == 0 {
				w.set("a/1", fmt.Sprint(i), time.Hour)
			}
		}
		rule := w.rule()
		rule.Kinds = []string{"a"}
		s := New(w.store, rule, w.options(nil))
		s.checkpointEvery = 25
		r := w.run(s)
		var positions []aether.Position
		note := func() {
			h, err := decodeHead(w.snapshot(headID("test")).Data)
			if err != nil {
				t.Fatal(err)
			}
			positions = append(positions, h.mark.Position)
		}
		note()
		for range 3 {
			for range 24 {
				w.set("b/1", "x", time.Hour)
			}
			w.set("a/1", "x", time.Hour)
			synctest.Wait()
			note()
		}
		if want := []aether.Position{101, 135, 160, 185}; !slices.Equal(positions, want) {
			t.Errorf("the checkpoints are at %d, want %d", positions, want)
		}
		r.stop()
	})
}

// Many pending deadlines make a checkpoint dear, so there are fewer.
func TestCheckpointsOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := New(w.store, w.rule(), w.options(nil))
		s.checkpointEvery = 2
		r := w.run(s)
		saved := make(map[aether.Position]bool)
		for i := range 64 {
			w.set("a/1", fmt.Sprint(i), time.Hour)
			synctest.Wait()
			if i == 0 {
				continue
			}
			h, err := decodeHead(w.snapshot(headID("test")).Data)
			if err != nil {
				t.Fatal(err)
			}
			saved[h.mark.Position] = true
		}
		if want := []aether.Position{2, 4, 8, 16, 32, 64}; !slices.Equal(slices.Sorted(maps.Keys(saved)), want) {
			t.Errorf("checkpoints at %d, want %d", slices.Sorted(maps.Keys(saved)), want)
		}
		r.stop()
	})
}

// Whatever is wrong with a checkpoint, it is ignored, and the next one is good.
func TestBadCheckpoints(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(w *world, former []aether.Snapshot)
		rule   func(r *Rule)
		logged string // "" when that is no news
		used   bool
	}{
		"intact":       {used: true},
		"no head":      {damage: func(w *world, _ []aether.Snapshot) { w.store = copied(w, 100, nil) }},
		"empty head":   {damage: func(w *world, _ []aether.Snapshot) { w.change("", func(d []byte) []byte { return nil }) }, logged: "damaged"},
		"short head":   {damage: func(w *world, _ []aether.Snapshot) { w.change("", func(d []byte) []byte { return d[:20] }) }, logged: "damaged"},
		"flipped head": {damage: func(w *world, _ []aether.Snapshot) { w.change("", flip) }, logged: "damaged"},
		"host's state": {damage: func(w *world, _ []aether.Snapshot) {
			w.change("", func([]byte) []byte { return []byte(`{"state":1}`) })
		}, logged: "damaged"},
		"flipped part": {damage: func(w *world, _ []aether.Snapshot) { w.change("/1/2", flip) }, logged: "part 2: damaged"},
		"missing part": {damage: func(w *world, _ []aether.Snapshot) { w.store = copied(w, 100, []string{"/1/0", "/1/2", ""}) }, logged: "part 1: is missing"},
		"former head":  {damage: func(w *world, former []aether.Snapshot) { w.saveSnapshot(former[0]) }, used: true},
		"former part": {damage: func(w *world, former []aether.Snapshot) {
			former[1].ActorID = partID("test", 1, 0)
			w.saveSnapshot(former[1])
		}, logged: "of another checkpoint"},
		"swapped parts": {damage: func(w *world, _ []aether.Snapshot) {
			one, two := w.snapshot(partID("test", 1, 0)), w.snapshot(partID("test", 1, 1))
			one.ActorID, two.ActorID = two.ActorID, one.ActorID
			w.saveSnapshot(one)
			w.saveSnapshot(two)
		}, logged: "damaged"},
		"fewer parts": {damage: func(w *world, _ []aether.Snapshot) {
			w.change("", func(data []byte) []byte {
				h, err := decodeHead(data)
				if err != nil {
					w.t.Fatal(err)
				}
				h.parts--
				return h.encode()
			})
		}, logged: "damaged"},
		"entry ahead": {damage: func(w *world, _ []aether.Snapshot) {
			w.change("/1/0", func(data []byte) []byte {
				binary.BigEndian.PutUint64(data[len(data)-12:], 29)
				return seal(data[:len(data)-4])
			})
		}, logged: "damaged"},
		"ahead of the log":   {damage: func(w *world, _ []aether.Snapshot) { w.store = copied(w, 10, all) }, logged: "backup"},
		"of another history": {damage: func(w *world, _ []aether.Snapshot) { w.store = copied(w, 10, all); w.more() }, logged: "backup"},
		"another version":    {rule: func(r *Rule) { r.Version = 2 }, logged: "another version"},
		"other types":        {rule: func(r *Rule) { r.Types = []string{"Set", "Clear"} }, logged: "another version"},
		"other kinds":        {rule: func(r *Rule) { r.Kinds = []string{"Set", "a"} }, logged: "another version"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.more()
				w.run(w.small(w.rule())).stop()
				former := []aether.Snapshot{w.snapshot(headID("test")), w.snapshot(partID("test", 0, 0))}
				w.more()
				w.run(w.small(w.rule())).stop()
				if test.damage != nil {
					test.damage(w, former)
				}
				w.wants()
				w.set("a/1", "last", time.Hour)

				rule, read := counting(w.rule())
				if test.rule != nil {
					test.rule(&rule)
				}
				latest, err := w.store.GetLatestPosition(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.logs.take()
				r := w.run(w.small(rule))
				if used := aether.Position(*read) < latest; used != test.used {
					t.Errorf("%d of %d events were read; the checkpoint is used: %v, want %v", *read, latest, used, test.used)
				}
				logged := w.logs.take()
				if len(logged) > 1 || !strings.Contains(strings.Join(logged, ""), test.logged) || (len(logged) == 1) != (test.logged != "") {
					t.Errorf("logged %q, want %q", logged, test.logged)
				}
				if got, want := contents(r.Scheduler), replayed(t, w.store); !maps.Equal(got, want) {
					t.Errorf("%d are pending, want %d", len(got), len(want))
				}
				r.stop()

				rule, read = counting(rule)
				w.run(w.small(rule)).stop()
				if *read != 0 {
					t.Errorf("%d events were read after the next start", *read)
				}
			})
		})
	}
}

var all = []string{"", "/0/0", "/0/1", "/0/2", "/0/3", "/0/4", "/1/0", "/1/1", "/1/2", "/1/3", "/1/4"}

// more saves some events that are not the same each time.
func (w *world) more() {
	w.t.Helper()
	for i := range 14 {
		w.set("a/1", fmt.Sprint(i, rand.N(1000)), time.Hour)
	}
}

func flip(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

// change changes the data of a snapshot of the checkpoint.
func (w *world) change(id string, change func([]byte) []byte) {
	w.t.Helper()
	snapshot := w.snapshot(headID("test") + id)
	snapshot.Data = change(snapshot.Data)
	w.saveSnapshot(snapshot)
}

// copied is another store with the first events of this one, and some snapshots.
func copied(w *world, events aether.Position, snapshots []string) aether.EventStore {
	w.t.Helper()
	ctx := context.Background()
	other := &world{t: w.t, store: newStore(w.t)}
	for event, err := range w.store.ReadLog(ctx, 0, &aether.LogOptions{To: events}) {
		if err == nil {
			_, err = other.store.SaveEvents(ctx, event)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for _, id := range snapshots {
		snapshot, err := w.snapshots().GetLatestSnapshot(ctx, headID("test")+id)
		if err == nil {
			other.saveSnapshot(snapshot)
		} else if !errors.Is(err, aether.ErrSnapshotNotFound) {
			w.t.Fatal(err)
		}
	}
	return other.store
}

// due is what is kept of a deadline.
type due struct {
	at       int64
	position aether.Position
}

// contents is what a scheduler has pending.
func contents(s *Scheduler) map[key]due {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := make(map[key]due)
	for slot := range s.table.used {
		if e := s.table.at(slot); e.state != free && e.state != gone {
			found[e.key] = due{e.at, e.position}
		}
	}
	return found
}

// replayed is what is pending by the whole log, in the simplest way.
func replayed(t *testing.T, store aether.EventStore) map[key]due {
	t.Helper()
	found := make(map[key]due)
	for event, err := range store.ReadLog(t.Context(), 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		changes, err := derive(event)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if k := keyOf(event.ActorID, c.name); c.set {
				found[k] = due{c.at.Add(999).UnixMicro(), event.Position}
			} else {
				delete(found, k)
			}
		}
	}
	return found
}

// With checkpoints, good ones and bad ones, after any number of starts, there is
// pending what the whole log says, and the same is fired in the end.
func TestRestartIsReplay(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				random := rand.New(rand.NewPCG(seed, 1))
				var former []aether.Snapshot
				for range 8 {
					s := w.small(w.rule())
					s.checkpointEvery = aether.Position(1 + random.IntN(30))
					r := w.run(s)
					w.randomEvents(random, random.IntN(60))
					synctest.Wait()
					if got, want := contents(s), replayed(t, w.store); !maps.Equal(got, want) {
						t.Fatalf("%d are pending, want %d, or the same in another way", len(got), len(want))
					}
					if random.IntN(3) == 0 {
						former = append(former, w.someSnapshots(random)...)
					}
					r.stop()
					w.randomEvents(random, random.IntN(20))
					switch random.IntN(5) {
					case 0: // a crash lost some of the newest snapshots
						for _, snapshot := range former {
							if random.IntN(2) == 0 {
								w.saveSnapshot(snapshot)
							}
						}
					case 1: // a backup is restored, and history takes another turn
						latest, err := w.store.GetLatestPosition(t.Context())
						if err != nil {
							t.Fatal(err)
						}
						w.store = copied(w, aether.Position(1+random.Uint64N(uint64(latest)+1)), all)
						w.randomEvents(random, random.IntN(60))
					}
				}
				r := w.run(w.small(w.rule()))
				w.wants()
				w.advance(2 * time.Hour)
				got := w.commandIDs()
				r.stop()
				r = w.run(New(plain(w.store), w.rule(), w.options(nil)))
				if want := w.commandIDs(); !slices.Equal(got, want) {
					t.Errorf("fired %d, want %d", len(got), len(want))
				}
				r.stop()
			})
		})
	}
}

func (w *world) randomEvents(random *rand.Rand, n int) {
	w.t.Helper()
	for range n {
		actorID, name := fmt.Sprintf("a/%d", random.IntN(3)), fmt.Sprint(random.IntN(8))
		switch random.IntN(5) {
		case 0:
			w.clear(actorID, name)
		case 1:
			w.save(actorID, "Noise", "", time.Time{})
		default:
			w.set(actorID, name, time.Minute+time.Duration(random.Int64N(int64(time.Hour))))
		}
	}
}

func (w *world) someSnapshots(random *rand.Rand) []aether.Snapshot {
	w.t.Helper()
	var some []aether.Snapshot
	for _, id := range all {
		snapshot, err := w.snapshots().GetLatestSnapshot(context.Background(), headID("test")+id)
		if err == nil && random.IntN(2) == 0 {
			some = append(some, snapshot)
		}
	}
	return some
}

// commandIDs are those of what has been fired since it was asked last, sorted.
func (w *world) commandIDs() []string {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, d := range w.fired {
		ids = append(ids, d.CommandID)
	}
	w.fired = nil
	slices.Sort(ids)
	return ids
}

// A process that is killed while deadlines are fired has them in its checkpoint,
// without those that were cleared meanwhile.
func TestCheckpointWhileFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		rule := w.rule()
		rule.Fire = func(ctx context.Context, d Deadline) error {
			w.record(d)
			<-ctx.Done()
			return ctx.Err()
		}
		s := w.small(rule)
		s.checkpointEvery = 1
		w.set("a/1", "x", -time.Minute)
		w.set("a/1", "y", 0)
		r := w.run(s)
		w.set("a/1", "z", time.Hour)
		synctest.Wait()
		w.clear("a/1", "y")
		synctest.Wait()
		killed := &world{t: t, store: copied(w, 4, all), clock: w.clock, logs: w.logs}
		r.stop()

		rule, read := counting(killed.rule())
		r = killed.run(killed.small(rule))
		killed.wants("a/1 x")
		r.wantPending(1, 0)
		if *read != 1 { // to fire x
			t.Errorf("%d events were read, want 1", *read)
		}
		r.stop()
	})
}

// A rule that derives something else than before, without a new version, is found
// out when it fires what the checkpoint has.
func TestChangedRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "x", time.Minute)
		w.set("a/1", "y", time.Hour)
		w.run(w.small(w.rule())).stop()
		rule := w.rule()
		rule.Derive = func(e aether.Event) ([]Change, error) {
			changes, err := derive(e)
			for i, c := range changes {
				changes[i] = Set("new "+c.name, c.at.Add(time.Minute))
			}
			return changes, err
		}
		r := w.run(w.small(rule))
		w.advance(time.Minute)
		w.wants()
		if logged := w.logs.take(); len(logged) != 1 || !strings.Contains(logged[0], "Rule.Version") {
			t.Errorf("logged %q", logged)
		}
		w.advance(time.Minute)
		w.wants("a/1 new x")
		r.stop()
	})
}

// A rule that derives something else each time cannot be run.
func TestImpureRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "x", time.Minute)
		rule := w.rule()
		calls := 0
		rule.Derive = func(aether.Event) ([]Change, error) {
			calls++
			return []Change{Set("x", noon.Add(time.Duration(calls)*time.Millisecond))}, nil
		}
		r := w.start(rule, nil)
		w.advance(time.Minute)
		if err := <-r.ended; !errors.Is(err, errChanged) || !strings.Contains(err.Error(), "position 1, version 1 of a/1") {
			t.Errorf("Run: %v, want %v", err, errChanged)
		}
	})
}

// A store that cannot save or read snapshots is as good as one without.
func TestSnapshotErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set("a/1", "x", time.Minute)
		store := &forgetful{w.store}
		r := w.run(New(store, w.rule(), w.options(nil)))
		w.advance(time.Minute)
		w.wants("a/1 x")
		r.stop()
		if logged := w.logs.take(); len(logged) != 2 || !strings.Contains(logged[0], "cannot be used") || !strings.Contains(logged[1], "not saved") {
			t.Errorf("logged %q", logged)
		}
	})
}

type forgetful struct{ aether.EventStore }

func (*forgetful) SaveSnapshot(context.Context, aether.Snapshot) error {
	return errors.New("no paper")
}

func (*forgetful) GetLatestSnapshot(context.Context, string) (aether.Snapshot, error) {
	return aether.Snapshot{}, errors.New("no glasses")
}
