package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
)

func namespacePromises() []promise {
	return []promise{
		{"namespaces do not see each other whatever their names", hostileNamespaces},
		{"positions count from 1 in every namespace", positionsPerNamespace},
		{"a follower hears nothing of another namespace", followOneNamespace},
		{"namespaces are listed once they hold events", listNamespaces},
		{"two stores of one namespace are the same", sameNamespaceTwice},
		{"16 writers make one namespace of a name", makeNamespaceTogether},
	}
}

// hostileNames are valid names that a careless engine mixes up, or takes for
// paths, patterns, prefixes or subjects.
func hostileNames() []string {
	return []string{
		"a", "a/b", "a/b/c", "/a", "a/", "//", "/", ".", "..", "../a", "a/..", "./a", "...", "%2F", "a%2Fb", "a%2fb", "%",
		"A", "aa", "ab", "a b", " a", "a ", " ", "  ", "a.b", "a.", ".a", "*", ">", "a.*", "a.>", "$SYS", "_", "a_b", "-", "--help",
		`a\b`, `C:\a`, "a:b", "CON", "nul", "COM1", `"a"`, "'a'", "a';--", "$1", "~", "~root", "a\u00a0", "#", "?", "a?b=c", "{}", "[a]", "|", "<a>",
		"default", "null", "0", "00", "\u00e9", "e\u0301", "Größe", "größe", "GRÖSSE", "имя", "名前", "🦊", "\U0010ffff", "\ufeff", "\ufffd", "İ", "i", "ı", "I", "K", "k", "\u212a",
		strings.Repeat("n", 255), strings.Repeat("n", 254), strings.Repeat("N", 255), strings.Repeat("尺", 85), strings.Repeat("../", 85),
	}
}

func hostileNamespaces(ctx context.Context, t *testing.T, s *subject) {
	names := hostileNames()
	saved := make(map[string][]aether.Event)
	id := aether.NewID() // every namespace has the same actors and event IDs
	for round := range aether.Version(2) {
		for i, name := range names {
			store := s.store(ctx, t, name)
			expectStore(ctx, t, store, saved[name])
			one, two := newEvent("a/b", round+1), newEvent("a/b/c", round+1)
			one.ID, two.ID = fmt.Sprint(id, round), fmt.Sprint(id, round, i)
			saved[name] = append(saved[name], save(ctx, t, store, one, two)...)
		}
	}
	for _, name := range names {
		expectStore(ctx, t, s.store(ctx, t, name), saved[name])
	}
	expectNamespaces(ctx, t, s, names)
	for _, name := range []string{"b", "a/b/", "a/b/c/d", "aaa", "AA", strings.Repeat("n", 253)} {
		expectStore(ctx, t, s.store(ctx, t, name), nil)
	}
	expectNamespaces(ctx, t, s, names)
}

// expectNamespaces fails the test unless the engine lists the names, ordered.
func expectNamespaces(ctx context.Context, t *testing.T, s *subject, want []string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if got, err := s.engine.Namespaces(ctx); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Namespaces: %q, %v; want %q", got, err, want)
	}
}

func positionsPerNamespace(ctx context.Context, t *testing.T, s *subject) {
	saved := make([][]aether.Event, 3)
	together(ctx, t, len(saved), func(ctx context.Context, i int) error {
		store, err := s.engine.Namespace(ctx, fmt.Sprint("n", i))
		if err != nil {
			return fmt.Errorf("namespace %d: %w", i, err)
		}
		for version := aether.Version(1); version <= 100; version += 2 {
			events := newEvents("room/1", version, 2)
			last, err := store.SaveEvents(ctx, events...)
			if err != nil || last != aether.Position(version+1) {
				return fmt.Errorf("SaveEvents: position %d, %v; want %d", last, err, version+1)
			}
			saved[i] = append(saved[i], positioned(events, last)...)
		}
		return nil
	})
	for i := range saved {
		expectStore(ctx, t, s.store(ctx, t, fmt.Sprint("n", i)), saved[i])
	}
}

func followOneNamespace(ctx context.Context, t *testing.T, s *subject) {
	one, prefix := s.store(ctx, t, "one"), s.store(ctx, t, "on")
	const count = 50
	var saved, followed []aether.Event
	together(ctx, t, 3, func(ctx context.Context, i int) (err error) {
		switch i {
		case 0:
			followed, err = collect(one.FollowLog(ctx, 0, &aether.LogOptions{To: count}))
		case 1:
			for version := aether.Version(1); version <= count && err == nil; version++ {
				e := newEvent("room/1", version)
				_, err = one.SaveEvents(ctx, e)
				saved = append(saved, e)
			}
		default:
			for version := aether.Version(1); version <= 2*count && err == nil; version++ {
				_, err = prefix.SaveEvents(ctx, newEvent("room/1", version))
			}
		}
		return err
	})
	expectEvents(t, "FollowLog", followed, positioned(saved, count))
}

func listNamespaces(ctx context.Context, t *testing.T, s *subject) {
	expectNamespaces(ctx, t, s, nil)
	b := s.store(ctx, t, "b")
	expectNamespaces(ctx, t, s, nil)
	all(t, "ReadLog", b.ReadLog(ctx, 0, nil))
	if _, err := b.SaveEvents(ctx, newEvent("room/1", 2)); err == nil {
		t.Fatal("version 2 was saved before version 1")
	}
	expectNamespaces(ctx, t, s, nil)
	save(ctx, t, b, newEvent("room/1", 1))
	expectNamespaces(ctx, t, s, []string{"b"})
	save(ctx, t, s.store(ctx, t, "a"), newEvent("room/1", 1))
	s.store(ctx, t, "c")
	expectNamespaces(ctx, t, s, []string{"a", "b"})
}

func sameNamespaceTwice(ctx context.Context, t *testing.T, s *subject) {
	one, two := s.store(ctx, t, "test"), s.store(ctx, t, "test")
	saved := save(ctx, t, one, newEvent("room/1", 1))
	saved = append(saved, save(ctx, t, two, newEvent("room/1", 2))...)
	_, err := one.SaveEvents(ctx, newEvent("room/1", 2))
	expectConflict(t, err, aether.ConflictError{ActorID: "room/1", Tried: 2, Latest: 2, Events: saved[1:]})
	var followed []aether.Event
	together(ctx, t, 2, func(ctx context.Context, i int) (err error) {
		if i == 0 {
			followed, err = collect(two.FollowLog(ctx, 2, &aether.LogOptions{To: 30}))
			return err
		}
		for version := aether.Version(3); version <= 30 && err == nil; version++ {
			e := newEvent("room/1", version)
			e.Position = aether.Position(version)
			saved = append(saved, e)
			_, err = one.SaveEvents(ctx, e)
		}
		return err
	})
	expectEvents(t, "FollowLog of one while the other saves", followed, saved[2:])
	expectStore(ctx, t, one, saved)
	expectStore(ctx, t, two, saved)
}

func makeNamespaceTogether(ctx context.Context, t *testing.T, s *subject) {
	for round := range 20 {
		name := fmt.Sprint("n", round)
		together(ctx, t, writers, func(ctx context.Context, i int) error {
			store, err := s.engine.Namespace(ctx, name)
			if err != nil {
				return fmt.Errorf("namespace %q: %w", name, err)
			}
			if _, err := store.SaveEvents(ctx, newEvent(fmt.Sprint("room/", i), 1)); err != nil {
				return fmt.Errorf("SaveEvents: %w", err)
			}
			return nil
		})
		log := all(t, "ReadLog", s.store(ctx, t, name).ReadLog(ctx, 0, nil))
		if len(log) != writers {
			t.Fatalf("%d events of %d", len(log), writers)
		}
		expectStore(ctx, t, s.store(ctx, t, name), log)
	}
}
