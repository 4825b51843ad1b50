package effect

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
	"github.com/aether-es/aether/memstore"
)

// unlockOnly is a runner that calls nothing.
func unlockOnly(store aether.EventStore) *Runner {
	return New(store, []Effect{{
		Name: "unlock", Types: []string{"UnlockRequested"}, FromStart: true,
		Request: func(event aether.Event) (Request, bool, error) {
			return Request{Target: event.ActorID}, true, nil
		},
		Call: func(context.Context, Call) (json.RawMessage, error) { return nil, nil },
	}}, &Options{Logger: slog.New(slog.DiscardHandler)})
}

// waiting are effects of ten thousand stations, asked for within days.
func waiting(n int) []*entry {
	random := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 11, 21, 12, 30, 0, 0, time.UTC)
	entries := make([]*entry, n)
	position := aether.Position(1_000_000)
	for i := range entries {
		at = at.Add(time.Duration(random.Int64N(int64(2*time.Second))) / 1000 * 1000)
		position += aether.Position(1 + random.Uint64N(20))
		cause := Cause{fmt.Sprintf("station/CP-%05d", random.IntN(10_000)), aether.Version(1 + random.IntN(100_000)), position}
		entries[i] = &entry{
			ID: effectID("unlock", cause.ActorID, cause.Version), Effect: "unlock", Cause: cause, Target: cause.ActorID,
			State: Pending, Since: at,
		}
	}
	return entries
}

// The documentation says that a checkpoint holds 500,000 effects that wait.
func TestCheckpointHolds(t *testing.T) {
	const n = 20_000
	c := checkpoint{Mark: logmark.Mark{Position: 1}, entries: waiting(n)}
	data, err := c.encode(aether.MaxSnapshotSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes an effect, %d of them in a snapshot", len(data)/n, aether.MaxSnapshotSize/(len(data)/n))
	if len(data)*25 > aether.MaxSnapshotSize {
		t.Errorf("%d effects take %d bytes", n, len(data))
	}
	var back checkpoint
	if err := back.decode(data); err != nil || jsonOf(back, back.entries) != jsonOf(c, c.entries) {
		t.Errorf("it is not the same when it is read: %v", err)
	}
}

// Of more effects than a snapshot can hold there is no checkpoint, and the one before
// stays: a runner that starts there knows what one knows that reads the whole log.
func TestCheckpointTooLarge(t *testing.T) {
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	r := unlockOnly(store)
	if err := r.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	save := func() (*book, error) {
		b, err := r.now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b, r.saveCheckpoint(t.Context(), store.(aether.SnapshotStore), b)
	}
	request := func(actorID string) aether.Event {
		return aether.Event{ActorID: actorID, Version: 1, Type: "UnlockRequested", Data: json.RawMessage(`{}`)}
	}
	if _, err := store.SaveEvents(t.Context(), request("station/first")); err != nil {
		t.Fatal(err)
	}
	if _, err := save(); err != nil {
		t.Fatal(err)
	}

	const n = 1000
	var events []aether.Event
	for i := range n {
		events = append(events, request(fmt.Sprintf("station/%d", i)))
	}
	if _, err := store.SaveEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	r.snapshotSize = 2048
	b, err := save()
	if !errors.Is(err, errTooMany) || !strings.Contains(err.Error(), fmt.Sprint(n+1)) {
		t.Fatalf("a checkpoint of %d effects: %v", n+1, err)
	}
	restored, err := r.open(t.Context())
	if err != nil || len(restored.entries) != 1 {
		t.Fatalf("the checkpoint before has %d effects, %v; want 1", len(restored.entries), err)
	}
	if err := r.catchUp(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	r.snapshotSize = aether.MaxSnapshotSize
	if _, err := save(); err != nil {
		t.Errorf("a checkpoint in the end: %v", err)
	}
	same := func(x, y Info) bool { return x.ID == y.ID && x.State == y.State }
	if got, want := restored.list(nil, time.Time{}, 0), b.list(nil, time.Time{}, 0); len(want) != n+1 || !slices.EqualFunc(got, want, same) {
		t.Errorf("%d effects are known, want %d", len(got), len(want))
	}
}

// What a checkpoint costs, per effect.
func BenchmarkCheckpoint(b *testing.B) {
	const n = 64_000
	c := checkpoint{Mark: logmark.Mark{Position: 1}, entries: waiting(n)}
	for b.Loop() {
		data, err := c.encode(aether.MaxSnapshotSize)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data))/n, "bytes/effect")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/effect")
}

// Whatever a checkpoint says, it is refused or can be worked with.
func FuzzCheckpoint(f *testing.F) {
	const head = `{"mark":{"position":3},"own":{"unlock":{"position":0,"types":["UnlockRequested"]}},"open":`
	one := `{"id":"effect/unlock/a/b@1","effect":"unlock","cause":{"actorId":"a/b","version":1,"position":1},"version":0,"state":"pending"}`
	two := strings.ReplaceAll(strings.Replace(one, "@1", "@2", 1), `"version":1`, `"version":2`)
	good := []string{
		head + `0}`, head + `1}` + one, head + `2}` + one + two,
		head + `1}` + strings.Replace(one, `"pending"`, `"recording","outcome":{"done":true}`, 1),
	}
	bad := []string{
		head + `1}null`, head + `2}` + one + one, `{"mark":{"position":0}}`, `[]`, ``, `{"mark":{"position":1}}`,
		head + `2}` + one, head + `1}` + one + two, head + `0}x`, head + `-1}` + one, head + `1}` + one[:len(one)-1],
		head + `1}` + strings.Replace(one, `"pending"`, `"recording"`, 1),
		head + `1}` + strings.Replace(one, `"pending"`, `"lost"`, 1),
		head + `1}` + strings.Replace(one, `"effect":"unlock"`, `"effect":"lock"`, 1),
		head + `1}` + strings.Replace(one, `@1"`, `@2"`, 1),
	}
	r := unlockOnly(nil)
	parse := func(data []byte) (checkpoint, bool) {
		return r.parse(aether.Snapshot{Schema: checkpointSchema, Data: data})
	}
	for _, data := range good {
		f.Add([]byte(data), false)
		if _, ok := parse(deflate(f, data)); !ok {
			f.Errorf("refused: %s", data)
		}
	}
	for _, data := range bad {
		f.Add([]byte(data), false)
		if _, ok := parse(deflate(f, data)); ok {
			f.Errorf("accepted: %s", data)
		}
	}
	whole := deflate(f, good[2])
	f.Add(whole, true)
	if _, ok := parse(whole[:len(whole)-1]); ok {
		f.Error("accepted what was cut off")
	}
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		if !compressed {
			data = deflate(t, string(data))
		}
		c, _ := parse(data)
		b := &book{effects: r.effects, entries: make(map[string]*entry), lines: make(map[lineKey]*line)}
		w := &run{Runner: r, book: b}
		for _, e := range c.entries {
			b.insert(e)
			w.next(e)
		}
		if len(b.list(nil, time.Now(), 0)) != len(c.entries) {
			t.Error("entries got lost")
		}
	})
}

// deflate compresses the text of a checkpoint.
func deflate(t testing.TB, text string) []byte {
	t.Helper()
	var data bytes.Buffer
	compressed, err := flate.NewWriter(&data, flate.BestSpeed)
	if err == nil {
		_, err = compressed.Write([]byte(text))
	}
	if err == nil {
		err = compressed.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}
