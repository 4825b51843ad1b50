package pgstore

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/pgstore/pgtest"
)

// faulty is a store behind a bad network, and one beside it on a good one. The former
// sends no notifications, so its only connection is free for the next save.
type faulty struct {
	*proxy
	schema      string
	store, good aether.EventStore
}

func newFaulty(t *testing.T, timeout time.Duration) *faulty {
	t.Helper()
	dsn := pgtest.DSN(t)
	f := &faulty{proxy: newProxy(t, dsn), schema: pgtest.Schema(t, dsn)}
	migrateSchema(t, dsn, f.schema)
	f.good = openNamespace(t, dsn, &Options{Schema: f.schema, Logger: quiet})
	f.store = openNamespace(t, f.dsn, &Options{Schema: f.schema, Logger: quiet, Timeout: timeout, mute: true})
	return f
}

// openNamespace opens a store until the test ends.
func openNamespace(t testing.TB, dsn string, options *Options) aether.EventStore {
	t.Helper()
	s, err := Open(t.Context(), dsn, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	store, err := s.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func testEvent(actorID string, version aether.Version) aether.Event {
	return aether.Event{ID: aether.NewID(), ActorID: actorID, Version: version, Type: "Tested", Data: []byte(`{"n":1}`)}
}

func mustSave(t testing.TB, store aether.EventStore, want aether.Position, events ...aether.Event) {
	t.Helper()
	position, err := store.SaveEvents(t.Context(), events...)
	if err != nil || position != want {
		t.Fatalf("SaveEvents: %d, %v; want %d", position, err, want)
	}
}

// until waits for something that is to happen.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(30 * time.Second)
	for !done() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Errorf("waited in vain: %s", what)
			return
		}
	}
}

func (f *faulty) landed(position aether.Position) func() bool {
	return func() bool {
		latest, err := f.good.GetLatestPosition(context.Background())
		return err == nil && latest >= position
	}
}

func TestAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, time.Minute)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	for version := aether.Version(2); version < 8; version += 2 {
		f.spoil(toClient, "limit_data", map[string]int{"bytes": 0}) // the first byte of an answer cuts the connection
		healed := make(chan struct{})
		go func() {
			defer close(healed)
			until(t, "the save lands", f.landed(aether.Position(version)))
			f.heal()
		}()
		e := testEvent("room/1", version)
		if version%4 == 0 {
			e.ID = "" // the store makes one, by which it recognises the event
		}
		mustSave(t, f.store, aether.Position(version), e)
		<-healed
		mustSave(t, f.store, aether.Position(version)+1, testEvent("room/1", version+1)) // prepares the new connection
	}
}

func TestRequestIsCutOff(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, time.Minute)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	for version := aether.Version(2); version < 20; version++ {
		f.spoil(toServer, "limit_data", map[string]int{"bytes": 40 * int(version)}) // of some 700
		healed := make(chan struct{})
		time.AfterFunc(20*time.Millisecond, func() {
			f.heal()
			close(healed)
		})
		mustSave(t, f.store, aether.Position(version), testEvent("room/1", version))
		<-healed
	}
}

// Nothing comes back, so the outcome is not known; but it is settled.
func TestAnswersAreSilenced(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 900*time.Millisecond)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	f.spoil(toClient, "timeout", map[string]int{"timeout": 0})
	e := testEvent("room/1", 2)
	_, err := f.store.SaveEvents(t.Context(), e)
	expectUnavailable(t, err, true)
	f.heal()
	if version, err := f.good.GetEventVersion(t.Context(), e.ActorID, e.ID); err != nil || version != 2 {
		t.Fatalf("the save is at version %d, %v; only the answer was lost", version, err)
	}
	mustSave(t, f.store, 2, e)
}

func expectUnavailable(t testing.TB, err error, unknown bool) {
	t.Helper()
	got, ok := errors.AsType[*UnavailableError](err)
	if !ok || !errors.Is(err, ErrUnavailable) || got.Unknown != unknown {
		t.Fatalf("SaveEvents: %v; want an UnavailableError with Unknown %v", err, unknown)
	}
}

// A request comes to the server when its caller has long been told that the outcome is
// not known: it must not land any more.
func TestRequestIsLate(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 600*time.Millisecond)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	f.spoil(toServer, "latency", map[string]int{"latency": 1500})
	late := testEvent("room/1", 2)
	_, err := f.store.SaveEvents(t.Context(), late)
	expectUnavailable(t, err, true)
	returned := time.Now()
	until(t, "the late request arrives", func() bool { return time.Since(returned) > 2*time.Second })
	if version, err := f.good.GetEventVersion(t.Context(), late.ActorID, late.ID); err != nil || version != 0 {
		t.Fatalf("the event is at version %d, %v: it landed after SaveEvents had returned", version, err)
	}
	f.heal()
	mustSave(t, f.store, 2, late)
}

// The request is late, but the caller still waits: it is found out that another has
// taken its place meanwhile.
func TestConflictWithLateRequest(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 9*time.Second)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	f.spoil(toServer, "timeout", map[string]int{"timeout": 0})
	done := make(chan error)
	go func() {
		_, err := f.store.SaveEvents(context.Background(), testEvent("room/1", 2))
		done <- err
	}()
	mustSave(t, f.good, 2, testEvent("room/1", 2))
	f.heal() // which cuts what was silenced
	if err := <-done; !errors.Is(err, aether.ErrVersionConflict) {
		t.Fatalf("SaveEvents: %v, want a conflict", err)
	}
}

// goAway ends the server for the store, and has it notice.
func (f *faulty) goAway(t *testing.T) {
	t.Helper()
	f.proxy.proxy.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := f.store.GetLatestVersion(ctx, "room/1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("GetLatestVersion: %v, want %v", err, context.DeadlineExceeded)
	}
}

func (f *faulty) comeBack(t *testing.T) {
	t.Helper()
	if err := f.proxy.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}

func TestContextEndsWhileServerIsAway(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, time.Minute)
	f.goAway(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := f.store.SaveEvents(ctx, testEvent("room/1", 1)); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
		t.Errorf("SaveEvents: %v, want %v alone", err, context.DeadlineExceeded)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	f.comeBack(t)
	mustSave(t, f.store, 1, testEvent("room/1", 1)) // version 1 is free: the other was never sent
}

// When the context ends in the middle of a save, the caller waits until it is certain
// that nothing lands any more, and no longer.
func TestContextEndsWhileServerIsSilent(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 3*time.Second)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
	f.spoil(toServer, "timeout", map[string]int{"timeout": 0})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := f.store.SaveEvents(ctx, testEvent("room/1", 2))
	took := time.Since(begin)
	f.heal()
	expectUnavailable(t, err, true)
	if !errors.Is(err, context.DeadlineExceeded) || took < 750*time.Millisecond || took > 2900*time.Millisecond {
		t.Errorf("SaveEvents: %v after %v, want %v too, after some second", err, took, context.DeadlineExceeded)
	}
}

func TestServerStaysAway(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 300*time.Millisecond)
	f.goAway(t)
	_, err := f.store.SaveEvents(t.Context(), testEvent("room/1", 1))
	expectUnavailable(t, err, false)
	if text := err.Error(); strings.Contains(text, "aether@") || strings.Contains(text, "\n") || !strings.Contains(text, "refused") {
		t.Errorf("the error does not read well: %q", text)
	}
	f.comeBack(t)
	mustSave(t, f.store, 1, testEvent("room/1", 1))
}

// A follower waits for a server that is away, hears of saves again afterwards, and
// does not depend on notifications.
func TestFollowerWaitsForServer(t *testing.T) {
	t.Parallel()
	f := newFaulty(t, 600*time.Millisecond)
	seen := make(chan aether.Position)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer close(seen)
		for e, err := range f.store.FollowLog(ctx, 0, nil) {
			if err != nil {
				return
			}
			seen <- e.Position
		}
	}()
	for position := aether.Position(1); position <= 8; position++ {
		switch position % 3 {
		case 0:
			f.cut()
		case 2:
			f.spoil(toClient, "timeout", map[string]int{"timeout": 0})
			time.AfterFunc(700*time.Millisecond, f.heal)
		}
		mustSave(t, f.good, position, testEvent("room/1", aether.Version(position)))
		if got := <-seen; got != position {
			t.Fatalf("the follower saw position %d, want %d", got, position)
		}
	}
}
