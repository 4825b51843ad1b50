package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/nats-io/nats.go"
)

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "nats://" + l.Addr().String()
	l.Close() //nolint:errcheck // nobody listens there any more
	if _, err := Connect(ctx, nobody, &ConnOptions{Logger: quiet, Timeout: 200 * time.Millisecond}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	guarded := startServer(t, t.TempDir(), natsserver.Options{Username: "u", Password: "p"})
	if _, err := Connect(ctx, guarded.URL(), &ConnOptions{Logger: quiet}); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("no password: %v", err)
	}
	conn, err := Connect(ctx, strings.Replace(guarded.URL(), "//", "//u:p@", 1), &ConnOptions{Logger: quiet})
	if err != nil {
		t.Fatalf("the password: %v", err)
	}
	conn.Close()
	if _, err := Connect(ctx, guarded.URL(), &ConnOptions{Prefix: "a.b"}); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("a bad prefix: %v", err)
	}
	for version, want := range map[string]bool{"2.12.0": true, "2.12.15": true, "3.0.0": true, "2.11.9": false, "1.14.2": false, "": false, "v2.14.0-RC.1": true} {
		if got := atLeast(version, minVersion); got != want {
			t.Errorf("version %q: %v, want %v", version, got, want)
		}
	}
}

func event(actorID string, version aether.Version) aether.Event {
	return aether.Event{ID: aether.NewID(), ActorID: actorID, Version: version, Type: "Tested", Data: json.RawMessage(`{}`)}
}

func namespaceOf(t *testing.T, n node, name string) *namespace {
	t.Helper()
	store, err := n.Namespace(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return store.(*namespace)
}

func mustSave(t *testing.T, store aether.EventStore, events ...aether.Event) {
	t.Helper()
	if _, err := store.SaveEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

// mustOpen opens a node; the test closes it, or leaves it to its end.
func mustOpen(t *testing.T, url, dir, prefix string) node {
	t.Helper()
	n, err := openNode(t.Context(), url, dir, ConnOptions{Prefix: prefix, Timeout: 20 * time.Second}, Options{SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func TestSaveErrors(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := startServer(t, t.TempDir(), natsserver.Options{MaxPayload: 64 << 10, LazySync: true})
	n := mustOpen(t, server.URL(), t.TempDir(), freshPrefix())
	store := namespaceOf(t, n, "test")
	large := event("a/1", 2)
	large.Data = json.RawMessage(`"` + strings.Repeat("x", 70<<10) + `"`)
	var tooLarge *TooLargeError
	if _, err := store.SaveEvents(ctx, event("a/1", 1), large); !errors.As(err, &tooLarge) || tooLarge.Index != 1 || tooLarge.Limit != 64<<10 || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("too large: %v", err)
	}

	three, err := Open(ctx, n.conn, t.TempDir(), &Options{Replicas: 3, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close() //nolint:errcheck // nothing is in it
	other, err := three.Namespace(ctx, "three")
	if err != nil {
		t.Fatal(err)
	}
	var rejected *RejectedError
	if _, err := other.SaveEvents(ctx, event("a/1", 1)); !errors.As(err, &rejected) {
		t.Errorf("three replicas on one server: %v", err)
	}

	config := eventsConfig(n.conn.names, "mine", 1)
	config.DenyDelete = false
	if _, err := n.conn.js.CreateStream(ctx, config); err != nil {
		t.Fatal(err)
	}
	var settings *SettingsError
	if _, err := namespaceOf(t, n, "mine").SaveEvents(ctx, event("a/1", 1)); !errors.As(err, &settings) || settings.Setting != "deny_delete" {
		t.Errorf("another setting: %v", err)
	}

	if _, err := Open(ctx, n.conn, "", nil); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("no folder: %v", err)
	}
}

func TestCopyInUse(t *testing.T) {
	t.Parallel()
	server, dir, prefix := sharedServer(t), t.TempDir(), freshPrefix()
	mustSave(t, namespaceOf(t, mustOpen(t, server.URL(), dir, prefix), "test"), event("a/1", 1))
	second := namespaceOf(t, mustOpen(t, server.URL(), dir, prefix), "test")
	if _, err := second.GetLatestPosition(t.Context()); !errors.Is(err, ErrInUse) {
		t.Errorf("the folder of another: %v", err)
	}
}

// publish puts a message into a stream, past the store.
func publish(t *testing.T, n node, subject string, header nats.Header, data string) {
	t.Helper()
	if _, err := n.conn.js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: header, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
}

// Whatever else is in a stream, positions have no holes, saves go on, and a copy that is
// opened again, or made again, has the same.
func TestForeignMessages(t *testing.T) {
	t.Parallel()
	server, dir, prefix := sharedServer(t), t.TempDir(), freshPrefix()
	n := mustOpen(t, server.URL(), dir, prefix)
	store := namespaceOf(t, n, "test")
	subject := store.subjects.of
	versions := map[string]aether.Version{}
	save := func(actorID string, count int) {
		t.Helper()
		var events []aether.Event
		for range count {
			versions[actorID]++
			events = append(events, event(actorID, versions[actorID]))
		}
		mustSave(t, store, events...)
	}
	junk := func() {
		publish(t, n, subject("a/1"), nil, "not an event")
		publish(t, n, store.subjects.prefix+"x.y.z", nil, "on no actor's subject")
		publish(t, n, subject("a/2"), nats.Header{headerFence: {"1"}}, "")
		torn := event("b/1", versions["b/1"]+1)
		torn.Schema, torn.Time = 1, time.Now().UTC().Truncate(time.Microsecond)
		m := encodeEvent(subject("b/1"), &torn, 2) // two more should follow
		publish(t, n, m.Subject, m.Header, string(m.Data))
		late := event("b/1", versions["b/1"]+7) // a version that cannot be
		late.Schema, late.Time = 1, torn.Time
		m = encodeEvent(subject("b/1"), &late, 0)
		publish(t, n, m.Subject, m.Header, string(m.Data))
		bad := event("b/1", versions["b/1"]+1)
		bad.Schema, bad.Time, bad.Data = 1, torn.Time, json.RawMessage("no JSON")
		m = encodeEvent(subject("b/1"), &bad, 0)
		publish(t, n, m.Subject, m.Header, string(m.Data))
	}
	for range 5 {
		save("a/1", 1)
		save("b/1", 3)
		junk()
		save("a/2", 2)
		save("b/1", 1)
	}
	junk()
	read := func(store aether.EventStore) []aether.Event {
		t.Helper()
		var log []aether.Event
		for e, err := range store.ReadLog(t.Context(), 0, nil) {
			if err != nil || e.Position != aether.Position(len(log)+1) {
				t.Fatalf("position %d after %d: %v", e.Position, len(log), err)
			}
			log = append(log, e)
		}
		return log
	}
	log := read(store)
	if len(log) != 5*7 {
		t.Fatalf("%d events, want %d", len(log), 5*7)
	}
	for range 3 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = mustOpen(t, server.URL(), dir, prefix)
		store = namespaceOf(t, n, "test")
		again := read(store)
		for i := range again {
			if again[i].ID != log[i].ID {
				t.Fatalf("opened again, position %d has another event", i+1)
			}
		}
		save("a/1", 1)
		junk()
		log = read(store)
	}
	fresh := read(namespaceOf(t, mustOpen(t, server.URL(), t.TempDir(), prefix), "test"))
	if len(fresh) != len(log) || fresh[len(log)-1].ID != log[len(log)-1].ID {
		t.Errorf("a new copy has %d events, the old one %d", len(fresh), len(log))
	}
}

// A copy of another stream, or of one that has lost messages, is not used.
func TestLostStream(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, dir, prefix := sharedServer(t), t.TempDir(), freshPrefix()
	n := mustOpen(t, server.URL(), dir, prefix)
	store := namespaceOf(t, n, "test")
	mustSave(t, store, event("a/1", 1), event("a/1", 2))
	remake := func(id string) {
		t.Helper()
		name := n.conn.names.stream(eventsRole, "test")
		if err := n.conn.js.DeleteStream(ctx, name); err != nil {
			t.Fatal(err)
		}
		config := eventsConfig(n.conn.names, "test", 1)
		if id != "" {
			config.Metadata[metaID] = id
		}
		if _, err := n.conn.js.CreateStream(ctx, config); err != nil {
			t.Fatal(err)
		}
	}
	remake("")
	for _, err := range store.GetEvents(ctx, "a/1", 0) {
		if !errors.Is(err, ErrLost) {
			t.Errorf("a read of another stream: %v", err)
		}
	}
	if _, err := store.SaveEvents(ctx, event("a/1", 3)); !errors.Is(err, ErrLost) {
		t.Errorf("a save to another stream: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	n = mustOpen(t, server.URL(), dir, prefix)
	store = namespaceOf(t, n, "test")
	if position, err := store.GetLatestPosition(ctx); err != nil || position != 0 {
		t.Errorf("opened again, position %d, %v", position, err)
	}
	mustSave(t, store, event("a/1", 1), event("a/1", 2))

	// The same stream, without what it had: the copy is kept.
	id := store.live.copy.note.Stream
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	n = mustOpen(t, server.URL(), dir, prefix)
	remake(id)
	store = namespaceOf(t, n, "test")
	mustSave(t, store, event("a/1", 1))
	if kept, err := filepath.Glob(filepath.Join(dir, "test.lost-*")); err != nil || len(kept) != 1 {
		t.Errorf("kept are %v, %v", kept, err)
	}
}

// The cluster is away: calls fail in time, and go on when it is back.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server := startServer(t, folder, natsserver.Options{LazySync: true})
	n, err := openNode(t.Context(), server.URL(), t.TempDir(), ConnOptions{Timeout: time.Second}, Options{SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() //nolint:errcheck // asked of elsewhere
	store := namespaceOf(t, n, "test")
	mustSave(t, store, event("a/1", 1))
	server.Shutdown()
	second := event("a/1", 2)
	if _, err := store.SaveEvents(t.Context(), second); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a save: %v", err)
	}
	if _, err := store.GetLatestVersion(t.Context(), "a/1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a read: %v", err)
	}
	if _, err := store.GetLatestSnapshot(t.Context(), "a/1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a snapshot: %v", err)
	}
	startServer(t, folder, natsserver.Options{LazySync: true, Listen: strings.TrimPrefix(server.URL(), "nats://")})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		position, err := store.SaveEvents(ctx, second)
		if errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
			continue
		}
		if err != nil || position != 2 {
			t.Fatalf("the cluster is back: %d, %v", position, err)
		}
		break
	}
}
