package actor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/memstore"
)

// history gives an account some deposits, one a command, and closes the host, so
// that its snapshots are saved.
func history(t *testing.T, store aether.EventStore, deposits int, options *actor.HostOptions) {
	t.Helper()
	host := actor.NewHost(store, decider(), options)
	for range deposits {
		do(t, host, deposit{1}, nil)
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
}

func latest(t *testing.T, store aether.SnapshotStore) aether.Snapshot {
	t.Helper()
	snapshot, err := store.GetLatestSnapshot(t.Context(), "account/ann")
	if err != nil && !errors.Is(err, aether.ErrSnapshotNotFound) {
		t.Fatal(err)
	}
	return snapshot
}

func TestSnapshotIsMadeAndUsed(t *testing.T) {
	store := newTap(t).withSnapshots()
	history(t, store, 199, nil)
	if got := latest(t, store); got.Version != 0 {
		t.Errorf("after 199 events there is a snapshot of version %d", got.Version)
	}
	history(t, store, 55, &actor.HostOptions{SnapshotEvery: 50})
	if got := latest(t, store); got.Version < 200 || got.Schema != 1 || got.Time.IsZero() {
		t.Errorf("after 254 events the snapshot is %+v", got)
	}
	// Without it the balance would be that of the events.
	snapshot := latest(t, store)
	snapshot.Data = []byte(strings.Replace(string(snapshot.Data), `"Balance":`, `"Balance":1`, 1))
	if err := store.SaveSnapshot(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	if got, version := balance(t, newAccounts(t, store, nil)); got < 1254 || version != 254 {
		t.Errorf("balance %d at version %d: the snapshot was not used", got, version)
	}
}

// A long actor that leaves memory gets its snapshot then.
func TestEviction(t *testing.T) { synctest.Test(t, testEviction) }

func testEviction(t *testing.T) {
	tap := newTap(t)
	store := tap.withSnapshots()
	host := actor.NewHost(store, decider(), &actor.HostOptions{CacheActors: 2})
	for range 60 {
		do(t, host, deposit{1}, nil)
	}
	for i := range 3 {
		if _, err := host.Do(t.Context(), fmt.Sprint("account/", i), deposit{1}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it leaves memory after the answer
	}
	reads := tap.reads.Load()
	do(t, host, deposit{1}, nil)
	if tap.reads.Load() == reads {
		t.Error("the actor that was used longest ago was still in memory")
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	if got := latest(t, store); got.Version != 60 {
		t.Errorf("the snapshot is of version %d, want 60", got.Version)
	}
	if _, err := store.GetLatestSnapshot(t.Context(), "account/0"); !errors.Is(err, aether.ErrSnapshotNotFound) {
		t.Errorf("a short actor has a snapshot: %v", err)
	}
}

// Snapshots that cannot be used are passed over, and replaced.
func TestUselessSnapshots(t *testing.T) {
	other := memstore.New()
	defer other.Close()
	foreign, err := other.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	history(t, foreign, 30, &actor.HostOptions{SnapshotEvery: 10})
	of := func(version aether.Version) aether.Snapshot {
		s := latest(t, foreign.(aether.SnapshotStore))
		s.Version = version
		return s
	}
	for name, bad := range map[string]aether.Snapshot{
		"another schema":     {Version: 10, Schema: 2, Data: of(10).Data},
		"no data":            {Version: 10, Schema: 1},
		"no JSON":            {Version: 10, Schema: 1, Data: []byte("\x01a{")},
		"a length too large": {Version: 10, Schema: 1, Data: []byte("\xff\xff\x01a{}")},
		"ahead":              of(1000),
		"another history":    of(10),
		"another, the end":   of(20),
	} {
		t.Run(name, func(t *testing.T) {
			store := newTap(t).withSnapshots()
			history(t, store, 20, nil)
			bad.ActorID = "account/ann"
			if err := store.SaveSnapshot(t.Context(), bad); err != nil {
				t.Fatal(err)
			}
			host := actor.NewHost(store, decider(), &actor.HostOptions{Logger: slog.New(slog.DiscardHandler)})
			if got, version := balance(t, host); got != 20 || version != 20 {
				t.Errorf("balance %d at version %d; want 20 at 20", got, version)
			}
			if err := host.Close(); err != nil {
				t.Fatal(err)
			}
			if got := latest(t, store); got.Version != 20 || got.Schema != 1 || string(got.Data) == string(bad.Data) {
				t.Errorf("it was not replaced: the snapshot is of version %d, schema %d", got.Version, got.Schema)
			}
		})
	}
}

// A store that fails to keep snapshots, or a state that cannot be encoded, harms no
// command.
func TestSnapshotsThatFail(t *testing.T) {
	for name, spoil := range map[string]func(*actor.Snapshots[*account]){
		"error": func(s *actor.Snapshots[*account]) {
			s.Encode = func(*account) ([]byte, error) { return nil, errors.New("no") }
		},
		"panic": func(s *actor.Snapshots[*account]) {
			s.Encode = func(*account) ([]byte, error) { panic("no") }
		},
		"too large": func(s *actor.Snapshots[*account]) {
			s.Encode = func(*account) ([]byte, error) { return make([]byte, aether.MaxSnapshotSize+1), nil }
		},
		"panic when read": func(s *actor.Snapshots[*account]) {
			s.Decode = func([]byte) (*account, error) { panic("no") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := newTap(t).withSnapshots()
			d := decider()
			spoil(d.Snapshots)
			for range 2 {
				host := actor.NewHost(store, d, &actor.HostOptions{SnapshotEvery: 5, Logger: slog.New(slog.DiscardHandler)})
				for range 20 {
					do(t, host, deposit{1}, nil)
				}
				if err := host.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if got, version := balance(t, newAccounts(t, store, nil)); got != 40 || version != 40 {
				t.Errorf("balance %d at version %d; want 40 at 40", got, version)
			}
		})
	}
}

// A host with snapshots and one without agree, whatever happens in between: restarts,
// evictions, and writers that are not hosts.
func TestSnapshotsChangeNothing(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			store := newTap(t)
			options := &actor.HostOptions{CacheActors: 1 + random.IntN(3), SnapshotEvery: 1 + random.IntN(10)}
			host := actor.NewHost[*account, any, event](store.withSnapshots(), decider(), options)
			for range 30 {
				var wg sync.WaitGroup
				for range 1 + random.IntN(10) {
					id := fmt.Sprint("account/", random.IntN(5))
					command := []any{deposit{10}, withdraw{7}, note{"n"}, rename{}, shut{}}[min(random.IntN(200)/40+random.IntN(2), 4)]
					if command == (any)(shut{}) && random.IntN(5) > 0 {
						command = deposit{1}
					}
					wg.Go(func() {
						if _, err := host.Do(t.Context(), id, command, nil); err != nil && !errors.Is(err, aether.ErrRefused) {
							t.Errorf("%s %T: %v", id, command, err)
						}
					})
				}
				wg.Wait()
				if random.IntN(5) == 0 {
					if err := host.Close(); err != nil {
						t.Fatal(err)
					}
					host = actor.NewHost[*account, any, event](store.withSnapshots(), decider(), options)
				}
			}
			plain := decider()
			plain.Snapshots = nil
			without := actor.NewHost(store, plain, nil)
			for i := range 5 {
				id := fmt.Sprint("account/", i)
				if with, without := copyOf(t, host, id), copyOf(t, without, id); !reflect.DeepEqual(with, without) {
					t.Errorf("%s: with snapshots %+v, without %+v", id, with, without)
				}
			}
			if err := host.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// versioned is an account as View shows it.
type versioned struct {
	account
	version aether.Version
}

func copyOf(t *testing.T, host *accounts, actorID string) versioned {
	t.Helper()
	var v versioned
	err := host.View(t.Context(), actorID, func(a *account, version aether.Version) { v = versioned{*a, version} })
	if err != nil {
		t.Fatal(err)
	}
	v.Notes = append([]string{}, v.Notes...)
	return v
}
