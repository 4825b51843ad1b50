package filestore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// The events of these tests prove themselves: the ID of each names its save and
// its part of it, and it carries a checksum of all its fields. So whatever is
// found after a crash can be judged without knowing what was saved.

// part is what the ID of an event says: "name.0.3" is the first of three.
type part struct {
	save     string
	part, of int
}

func partOf(id string) (p part) {
	var rest string
	p.save, rest, _ = strings.Cut(id, ".")
	number, of, _ := strings.Cut(rest, ".")
	p.part, _ = strconv.Atoi(number)
	p.of, _ = strconv.Atoi(of)
	return p
}

// newSave returns the events of one save: an event for each actor named, with the
// version after the one in latest, which it moves on.
func newSave(namespace, name string, latest map[string]aether.Version, fill int, actorIDs ...string) []aether.Event {
	var events []aether.Event
	for i, actorID := range actorIDs {
		latest[actorID]++
		e := aether.Event{
			ID:      fmt.Sprintf("%s.%d.%d", name, i, len(actorIDs)),
			ActorID: actorID,
			Version: latest[actorID],
			Type:    []string{"Opened", "Moved", "Closed"}[i%3],
			Schema:  1 + i%2,
			Data:    []byte(`"` + strings.Repeat("x", fill) + `"`),
			Time:    time.UnixMicro(1_700_000_000_000_000 + int64(latest[actorID])).UTC(),
		}
		e.Metadata.CorrelationID = proof(namespace, &e)
		events = append(events, e)
	}
	return events
}

// proof is a checksum of an event, but for its position.
func proof(namespace string, e *aether.Event) string {
	b := binary.AppendUvarint(nil, uint64(e.Version))
	b = binary.AppendUvarint(b, uint64(e.Schema))
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	for _, text := range []string{namespace, e.ActorID, e.ID, e.Type, e.Metadata.CausationID, e.Metadata.Traceparent} {
		b = append(append(b, text...), 0)
	}
	sum := sha256.Sum256(append(b, e.Data...))
	return hex.EncodeToString(sum[:])
}

// ledger is the saves that were acknowledged.
type ledger struct {
	mu   sync.Mutex
	acks []ack
}

type ack struct {
	namespace, name string
	position        aether.Position // of the last event
}

func (l *ledger) add(a ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks = append(l.acks, a)
}

// list returns what was acknowledged so far.
func (l *ledger) list() []ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks[:len(l.acks):len(l.acks)]
}

// checkStore fails the test unless every acknowledged save is in the store once,
// every save is there whole or not at all, all events are as they were saved,
// positions and versions have no holes, and whatever the store can be asked agrees
// with the files of the log. It returns the events by namespace.
//
// It also saves events again which are there; unless the store is stopped. On a
// full disk that may be refused.
func checkStore(t testing.TB, s *Store, acks []ack) map[string][]aether.Event {
	t.Helper()
	logs, err := inspectStore(context.Background(), s, acks)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

func inspectStore(ctx context.Context, s *Store, acks []ack) (map[string][]aether.Event, error) {
	names, err := s.Namespaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("Namespaces: %w", err)
	}
	logs := make(map[string][]aether.Event)
	saves := make(map[string]aether.Position) // by namespace and name
	for _, name := range names {
		n, err := s.Namespace(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("Namespace: %w", err)
		}
		log, err := collect(n.ReadLog(ctx, 0, nil))
		if err != nil {
			return nil, fmt.Errorf("ReadLog of %q: %w", name, err)
		}
		if err := checkLog(name, log, saves); err != nil {
			return nil, err
		}
		if err := checkAnswers(ctx, n, log); err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		if s.stopCause() == nil {
			if err := checkRepeats(ctx, n, log); err != nil && !errors.Is(err, ErrDiskFull) {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
		}
		logs[name] = log
	}
	for _, a := range acks {
		if position, ok := saves[a.namespace+"\x00"+a.name]; !ok || position != a.position {
			return nil, fmt.Errorf("save %s of %q was acknowledged at position %d; it is at %d", a.name, a.namespace, a.position, position)
		}
	}
	return logs, nil
}

func (s *Store) stopCause() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.stopped
}

// checkLog judges a namespace by itself and enters the saves it finds.
func checkLog(namespace string, log []aether.Event, saves map[string]aether.Position) error {
	latest := make(map[string]aether.Version)
	var p part
	of := 0
	for i := range log {
		e := &log[i]
		latest[e.ActorID]++
		former := p
		p = partOf(e.ID)
		switch {
		case e.Position != aether.Position(i+1):
			return fmt.Errorf("%q: event %d has position %d", namespace, i+1, e.Position)
		case e.Version != latest[e.ActorID]:
			return fmt.Errorf("%q, position %d: %s has version %d after %d", namespace, e.Position, e.ActorID, e.Version, latest[e.ActorID]-1)
		case e.Metadata.CorrelationID != proof(namespace, e):
			return fmt.Errorf("%q, position %d: the event is not as it was saved: %+v", namespace, e.Position, e)
		case p.part == 0 && of != 0, p.part != 0 && (p.part != of || p.save != former.save):
			return fmt.Errorf("%q, position %d: part %d of save %s follows on part %d of %d of save %s", namespace, e.Position, p.part, p.save, former.part, former.of, former.save)
		}
		if of = p.part + 1; of < p.of {
			continue
		}
		of = 0
		if _, ok := saves[namespace+"\x00"+p.save]; ok {
			return fmt.Errorf("%q, position %d: save %s is there twice", namespace, e.Position, p.save)
		}
		saves[namespace+"\x00"+p.save] = e.Position
	}
	if of != 0 {
		return fmt.Errorf("%q: the last save, %s, has %d of its %d parts", namespace, p.save, p.part+1, p.of)
	}
	return nil
}

// checkAnswers compares what the index says with the log.
func checkAnswers(ctx context.Context, n aether.EventStore, log []aether.Event) error {
	if latest, err := n.GetLatestPosition(ctx); err != nil || latest != aether.Position(len(log)) {
		return fmt.Errorf("GetLatestPosition: %d, %v; the log has %d events", latest, err, len(log))
	}
	streams := make(map[string][]aether.Event)
	for _, e := range log {
		streams[e.ActorID] = append(streams[e.ActorID], e)
	}
	kinds := actorsOf(streams)
	chosen := slices.Collect(maps.Keys(streams))
	if len(chosen) > manyActors && !*allFlag {
		// Those of the newest events, and some of the others.
		rand.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		chosen = chosen[:manyActors/2]
		for _, e := range log[max(0, len(log)-manyActors):] {
			chosen = append(chosen, e.ActorID)
		}
		slices.Sort(chosen)
		chosen = slices.Compact(chosen)
	}
	for _, actorID := range chosen {
		stream := streams[actorID]
		if got, err := collect(n.GetEvents(ctx, actorID, 0)); err != nil || !sameEvents(got, stream) {
			return fmt.Errorf("GetEvents(%q): %d events, %v; the log has %d, or others", actorID, len(got), err, len(stream))
		}
		middle := len(stream) / 2
		if got, err := collect(n.GetEvents(ctx, actorID, aether.Version(middle))); err != nil || !sameEvents(got, stream[middle:]) {
			return fmt.Errorf("GetEvents(%q, %d): %d events, %v; the log has %d, or others", actorID, middle, len(got), err, len(stream)-middle)
		}
		if latest, err := n.GetLatestVersion(ctx, actorID); err != nil || latest != aether.Version(len(stream)) {
			return fmt.Errorf("GetLatestVersion(%q): %d, %v; the log has %d", actorID, latest, err, len(stream))
		}
	}
	for kind, want := range kinds {
		if got, err := collect(n.GetActors(ctx, kind)); err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("GetActors(%q): %v, %v; want %v", kind, got, err, want)
		}
	}
	for range 3 {
		after := rand.IntN(len(log) + 1)
		to := after + rand.IntN(len(log)-after+1)
		options := &aether.LogOptions{To: aether.Position(to)}
		if got, err := collect(n.ReadLog(ctx, aether.Position(after), options)); err != nil || to > 0 && !sameEvents(got, log[after:to]) {
			return fmt.Errorf("ReadLog from %d to %d: %d events, %v", after, to, len(got), err)
		}
	}
	return nil
}

// manyActors is how many are asked about one by one, and how many of the newest
// events those are taken from.
const manyActors = 10

// actorsOf returns the actors by their kind and, under "", all of them.
func actorsOf(streams map[string][]aether.Event) map[string][]aether.Actor {
	kinds := map[string][]aether.Actor{"": nil}
	for _, actorID := range slices.Sorted(maps.Keys(streams)) {
		for _, kind := range []string{"", aether.Kind(actorID)} {
			kinds[kind] = append(kinds[kind], aether.Actor{ID: actorID, Version: aether.Version(len(streams[actorID]))})
		}
	}
	return kinds
}

// checkRepeats saves again what is in the log, and under wrong versions.
func checkRepeats(ctx context.Context, n aether.EventStore, log []aether.Event) error {
	for range min(3, len(log)) {
		i := rand.IntN(len(log))
		e := log[i]
		if position, err := n.SaveEvents(ctx, e); err != nil || position != e.Position {
			return fmt.Errorf("SaveEvents of position %d again: %d, %w", e.Position, position, err)
		}
		e.Version++
		if _, err := n.SaveEvents(ctx, e); !errors.Is(err, aether.ErrDuplicateEvent) {
			return fmt.Errorf("SaveEvents of position %d under another version: %w", e.Position, err)
		}
		e = log[i]
		e.ID = ""
		if _, err := n.SaveEvents(ctx, e); !errors.Is(err, aether.ErrVersionConflict) {
			return fmt.Errorf("SaveEvents of another event as version %d: %w", e.Version, err)
		}
	}
	if latest, err := n.GetLatestPosition(ctx); err != nil || latest != aether.Position(len(log)) {
		return fmt.Errorf("after repeats the latest position is %d, %w; it was %d", latest, err, len(log))
	}
	return nil
}

func sameEvents(a, b []aether.Event) bool {
	return slices.EqualFunc(a, b, func(a, b aether.Event) bool {
		return a.ID == b.ID && a.ActorID == b.ActorID && a.Version == b.Version && a.Type == b.Type && a.Schema == b.Schema &&
			bytes.Equal(a.Data, b.Data) && a.Metadata == b.Metadata && a.Time.Equal(b.Time) && a.Position == b.Position
	})
}

// sameLogs compares what checkStore returned of two stores.
func sameLogs(a, b map[string][]aether.Event) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if !sameEvents(a[name], b[name]) {
			return false
		}
	}
	return true
}

func collect[T any](seq func(yield func(T, error) bool)) ([]T, error) {
	var all []T
	for item, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// writer saves in one namespace, from one goroutine, for actors of its own and for
// one that all writers of the namespace share.
type testWriter struct {
	namespace string
	name      string // unlike that of any other writer that ever wrote into the folder
	random    *rand.Rand
	fill      int // bytes of data at most
}

// run saves until stop is closed or a save fails, and reports what was
// acknowledged.
func (w *testWriter) run(ctx context.Context, s *Store, saves int, acked func(ack)) error {
	n, err := s.Namespace(ctx, w.namespace)
	if err != nil {
		return err
	}
	actors := []string{"room/" + w.name, "hall/" + w.name, "r/" + w.name, "hall/shared"}
	latest := make(map[string]aether.Version)
	for i := 0; i < saves; i++ {
		chosen := actors[w.random.IntN(len(actors)):][:1]
		if w.random.IntN(3) == 0 {
			chosen = nil
			for range 2 + w.random.IntN(6) {
				chosen = append(chosen, actors[w.random.IntN(len(actors))])
			}
		}
		for _, actorID := range chosen {
			if latest[actorID], err = n.GetLatestVersion(ctx, actorID); err != nil {
				return fmt.Errorf("GetLatestVersion: %w", err)
			}
		}
		a := ack{namespace: w.namespace, name: fmt.Sprintf("%s-%d", w.name, i)}
		a.position, err = n.SaveEvents(ctx, newSave(w.namespace, a.name, latest, w.random.IntN(w.fill+1), chosen...)...)
		if errors.Is(err, aether.ErrVersionConflict) && slices.Contains(chosen, "hall/shared") {
			continue // another was faster
		}
		if err != nil {
			return err
		}
		acked(a)
	}
	return nil
}

// newRandom returns random numbers, and prints how to have them again if the test
// fails.
func newRandom(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to have the same random numbers: -seed=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, seed))
}

// split returns random numbers for another goroutine.
func split(random *rand.Rand) *rand.Rand {
	return rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
}

// warnings counts what a store complains about.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

func (w *warnings) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, string(line))
	return len(line), nil
}

// with returns the lines that contain a text.
func (w *warnings) with(text string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.lines), func(line string) bool { return !strings.Contains(line, text) })
}

// tiny makes everything happen all the time.
func tiny(p *process) *Options {
	return &Options{SegmentSize: 4 << 10, CacheSize: 1 << 20, recentEvents: 15, Logger: quiet, fs: p}
}

func openTest(t testing.TB, dir string, options *Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}
