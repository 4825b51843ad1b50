package aethertest_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/memstore"
)

func newStore(t *testing.T) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func event(version aether.Version, eventType string) aether.Event {
	return aether.Event{ActorID: "light/1", Version: version, Type: eventType, Data: []byte(`{}`)}
}

func TestWatch(t *testing.T) {
	var points []string
	store := aethertest.Watch(newStore(t), func(name string) { points = append(points, name) })
	if _, ok := store.(aether.SnapshotStore); !ok {
		t.Error("the watched store keeps no snapshots")
	}
	if _, err := store.SaveEvents(t.Context(), event(1, "Made"), event(2, "Switched")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.SaveEvents(t.Context(), event(9, "Switched")); !errors.Is(err, aether.ErrVersionConflict) {
		t.Fatal(err)
	}
	if want := []string{"before Made,Switched", "after Made,Switched", "before Switched"}; !slices.Equal(points, want) {
		t.Errorf("the points are %q, want %q", points, want)
	}
	plain := aethertest.Watch(struct{ aether.EventStore }{newStore(t)}, func(string) {})
	if _, ok := plain.(aether.SnapshotStore); ok {
		t.Error("a store without snapshots has them when it is watched")
	}
}

func TestKillAt(t *testing.T) {
	if aethertest.InChild() {
		store := aethertest.Watch(newStore(t), aethertest.KillAt(os.Getenv("POINT"), 2))
		for version := range aether.Version(2) {
			if _, err := store.SaveEvents(t.Context(), event(version+1, "Switched")); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for point, killed := range map[string]bool{"before Switched": true, "after Switched": true, "before Made": false} {
		if got := aethertest.RunChild(t, "POINT="+point); got != killed {
			t.Errorf("at %q: killed is %v, want %v", point, got, killed)
		}
	}
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		clock := aethertest.NewClock(start)
		var woken []int
		for _, minutes := range []int{5, 1, 9, 0} {
			go func() {
				if err := clock.WaitUntil(t.Context(), start.Add(time.Duration(minutes)*time.Minute)); err != nil {
					t.Errorf("WaitUntil: %v", err)
				}
				woken = append(woken, minutes)
			}()
		}
		expect := func(want ...int) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(woken, want) {
				t.Errorf("woken are %v, want %v", woken, want)
			}
		}
		expect(0)
		clock.Advance(time.Minute)
		expect(0, 1)
		clock.Set(start.Add(-time.Hour))
		expect(0, 1)
		clock.Set(start.Add(5 * time.Minute))
		expect(0, 1, 5)
		if !clock.Now().Equal(start.Add(5 * time.Minute)) {
			t.Errorf("Now: %v", clock.Now())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := clock.WaitUntil(ctx, start); err != context.Canceled {
			t.Errorf("WaitUntil with a cancelled context: %v", err)
		}
		clock.Advance(time.Hour)
		expect(0, 1, 5, 9)
	})
}

func TestMachineClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := aether.MachineClock{}
		start := clock.Now()
		if err := clock.WaitUntil(t.Context(), start.Add(90*time.Minute)); err != nil || clock.Now().Sub(start) != 90*time.Minute {
			t.Errorf("WaitUntil: %v after %v", err, clock.Now().Sub(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := clock.WaitUntil(ctx, start.Add(24*time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitUntil: %v", err)
		}
	})
}
