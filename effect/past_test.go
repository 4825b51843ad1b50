package effect_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/effect"
)

// An effect begins where the log ended when it was new; so do kinds and types that
// it gets later.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.request("station/CP-1", 2)
		unlock := w.unlock()
		unlock.Call = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
			call.Cause.Type = "UnlockRequested"
			return w.call(ctx, call)
		}
		first, second := effect.New(w.store, []effect.Effect{unlock}, nil), effect.New(w.store, []effect.Effect{unlock}, nil)
		w.expectList(first)
		for _, r := range []*effect.Runner{first, second, first} {
			if err := r.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		between := w.request("station/CP-1", 1)
		w.expectList(first, between[0]+" pending")
		p := w.start(w.store, nil, unlock)
		pass(time.Minute)
		w.expectCalls(old, 0)
		w.expectCalls(between, 1)

		// Another type and another kind, with a past.
		release := func(actorID, eventType string) []string {
			return []string{"effect/unlock/" + w.save(actorID, eventType, `{}`)}
		}
		pastType, pastKind := release("station/CP-1", "ReleaseRequested"), release("gate/1", "UnlockRequested")
		pass(time.Minute)
		p.stop(t)
		down := w.request("station/CP-1", 1)
		wider := unlock
		wider.Types, wider.Kinds = append(wider.Types, "ReleaseRequested"), nil
		p = w.start(w.store, nil, wider)
		pass(time.Minute)
		newType, newKind := release("station/CP-1", "ReleaseRequested"), release("gate/1", "UnlockRequested")
		pass(time.Minute)
		w.expectCalls(slices.Concat(old, pastType, pastKind), 0)
		w.expectCalls(slices.Concat(between, down, newType, newKind), 1)
		p.stop(t)

		// A narrower one needs no marker of its own.
		p = w.start(w.store, nil, unlock)
		pass(time.Minute)
		notAsked := release("station/CP-1", "ReleaseRequested")
		pass(time.Minute)
		w.expectCalls(notAsked, 0)
		w.expectCalls(slices.Concat(between, down, newType, newKind), 1)
		if got := w.stream("effect/unlock"); got != "Started Started" {
			t.Errorf("the marker has %q", got)
		}
		p.stop(t)
	})
}

func TestFromStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ids := w.request("station/CP-1", 2)
		unlock := w.unlock()
		unlock.FromStart, unlock.Kinds, unlock.Types = true, nil, nil
		request := unlock.Request
		unlock.Request = func(event aether.Event) (effect.Request, bool, error) {
			if event.Kind() == "effect" {
				t.Errorf("asked about %s of %s", event.Type, event.ActorID)
			}
			return request(event)
		}
		p := w.start(w.store, nil, unlock)
		pass(time.Minute)
		w.expectCalls(ids, 1)
		p.stop(t)
	})
}

// A restart with a checkpoint knows what one without knows, and reads less.
func TestCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
			switch call.Cause.Version % 5 {
			case 0:
				return nil, errTimeout // in doubt
			case 1:
				return nil, effect.NotDone(errOffline) // retried, in a day
			}
			return slow(time.Second, `"Unlocked"`)(ctx, call)
		}
		w.refuse = func(call effect.Call) error {
			if call.Cause.Version%5 == 2 {
				return errOffline // recording
			}
			return nil
		}
		unlock := w.unlock()
		unlock.Retry = effect.Retry{Attempts: 2, Within: 1000 * time.Hour, MinBackoff: 100 * time.Hour, MaxBackoff: 100 * time.Hour}
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		w.request("station/CP-1", 50)
		for range 100 {
			w.save("station/CP-1", "Heartbeat", `{}`)
		}
		pass(45 * time.Second) // 30 calls are over, of those a second long
		for range 100 {
			w.save("station/CP-1", "Heartbeat", `{}`)
		}
		p.stop(t)
		atStop, err := w.store.GetLatestPosition(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.request("station/CP-2", 10)

		counted := &counting{EventStore: w.store}
		counted.SnapshotStore = w.store.(aether.SnapshotStore)
		quick := info(t, effect.New(counted, []effect.Effect{unlock}, nil))
		slow := info(t, effect.New(bare{w.store}, []effect.Effect{unlock}, nil))
		if text(quick) != text(slow) || len(slow) < 30 {
			t.Errorf("with the checkpoint\n%s\nwithout\n%s", text(quick), text(slow))
		}
		if counted.read > 30 {
			t.Errorf("read %d events of the log in spite of the checkpoint", counted.read)
		}

		// Those that are not of this log and these effects are ignored.
		snapshots := w.store.(aether.SnapshotStore)
		good, id := lastCheckpoint(t, snapshots, counted.asked)
		if want := fmt.Sprintf(`{"mark":{"position":%d,`, atStop); !strings.HasPrefix(good, want) {
			t.Errorf("the checkpoint begins with %.30s, want %s", good, want)
		}
		end, err := w.store.GetLatestPosition(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// The checkpoint without its entries: whoever believes it knows of none.
		good, _, _ = strings.Cut(good, "\n")
		good = good[:strings.LastIndex(good, ":")+1] + "0}"
		believed := func(data string, schema int) bool {
			err := snapshots.SaveSnapshot(t.Context(), aether.Snapshot{ActorID: id, Version: 1, Schema: schema, Data: deflate(t, data)})
			if err != nil {
				t.Fatal(err)
			}
			return text(info(t, effect.New(w.store, []effect.Effect{unlock}, nil))) != text(slow)
		}
		if !believed(good, checkpointSchema) || believed(good, checkpointSchema-1) {
			t.Error("a checkpoint of another schema is believed, or one of this is not")
		}
		for name, data := range map[string]string{
			"damaged":     good[:len(good)/2],
			"too long":    good + "{}",
			"empty":       "",
			"too few":     strings.TrimSuffix(good, "0}") + "1}",
			"another log": replace(t, good, digestOf(t, good), strings.Repeat("0", 32)),
			"no position": replace(t, good, `{"position":`, `{"position":0,"x":`),
			"ahead":       replace(t, good, `{"position":`, fmt.Sprintf(`{"position":%d,"x":`, end+1)),
			"other types": replace(t, good, `"own":{"unlock":{"position":0,"kinds":["station"],"types":["UnlockRequested"`, `"own":{"unlock":{"position":0,"kinds":["station"],"types":["LockRequested"`),
			"other past":  replace(t, good, `"coverage":{"unlock":[{"position":0`, `"coverage":{"unlock":[{"position":1`),
		} {
			if believed(data, checkpointSchema) {
				t.Errorf("%s: the checkpoint is not ignored", name)
			}
		}
	})
}

// checkpointSchema is that of the package.
const checkpointSchema = 2

// inflate and deflate turn a checkpoint into its text and back.
func inflate(t *testing.T, data []byte) string {
	t.Helper()
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func deflate(t *testing.T, text string) []byte {
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

func info(t *testing.T, r *effect.Runner) []effect.Info {
	t.Helper()
	infos, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range infos {
		infos[i].Error = "" // that of Record is not in the log
	}
	return infos
}

func lastCheckpoint(t *testing.T, snapshots aether.SnapshotStore, id string) (data, actorID string) {
	t.Helper()
	s, err := snapshots.GetLatestSnapshot(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return inflate(t, s.Data), id
}

func replace(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%s is not in %s", old, text)
	}
	return strings.ReplaceAll(text, old, with)
}

// counting counts what is read of the log.
type counting struct {
	aether.EventStore
	aether.SnapshotStore
	read  int
	asked string // the snapshot that was asked for
}

func (c *counting) GetLatestSnapshot(ctx context.Context, actorID string) (aether.Snapshot, error) {
	c.asked = actorID
	return c.SnapshotStore.GetLatestSnapshot(ctx, actorID)
}

func (c *counting) ReadLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for event, err := range c.EventStore.ReadLog(ctx, after, o) {
			c.read++
			if !yield(event, err) {
				return
			}
		}
	}
}

// A thousand events, and the runner keeps a checkpoint while it runs.
func TestCheckpointMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d := &deadlySnapshots{deadly: deadly{EventStore: w.store, after: 1 << 30}, SnapshotStore: w.store.(aether.SnapshotStore)}
		w.answer = slow(0, `1`)
		p := w.start(d, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 300) // each makes four events
		synctest.Wait()
		if d.saved != 1 {
			t.Errorf("%d checkpoints", d.saved)
		}
		p.stop(t)
		if d.saved != 2 {
			t.Errorf("%d checkpoints in the end", d.saved)
		}
		w.expectCalls(ids, 1)
		w.expectOrder(ids)
	})
}

type deadlySnapshots struct {
	deadly
	aether.SnapshotStore
	saved int
}

func (d *deadlySnapshots) SaveSnapshot(ctx context.Context, s aether.Snapshot) error {
	d.saved++
	return d.SnapshotStore.SaveSnapshot(ctx, s)
}

// No more calls at a time than allowed, and those that wait hold up nobody.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		unlock := w.unlock()
		p := w.start(w.store, options(func(o *effect.Options) { o.Concurrency = 3 }), unlock)
		synctest.Wait()
		var ids []string
		for i := range 12 {
			ids = append(ids, w.request(fmt.Sprintf("station/%d", i), 1)...)
		}
		pass(41 * time.Second) // 12 calls of 10 s, 3 at a time
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		if w.highest != 3 {
			t.Errorf("%d calls at a time", w.highest)
		}
		p.stop(t)
	})
}

func TestWithoutTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		unlock := w.unlock()
		unlock.Request = func(aether.Event) (effect.Request, bool, error) { return effect.Request{}, true, nil }
		p := w.start(w.store, nil, unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 100)
		pass(21 * time.Second)
		w.expectCalls(ids, 1)
		w.expectFacts(ids, unlocked())
		if w.highest != 64 {
			t.Errorf("%d calls at a time", w.highest)
		}
		p.stop(t)
	})
}

// Two effects of one runner share the targets; what waits for a retry lets others pass.
func TestTargetsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var (
			mu    sync.Mutex
			order []string
		)
		make := func(name string, fails int) effect.Effect {
			x := w.unlock()
			x.Name, x.Types, x.Keyed = name, []string{name}, true
			x.Retry = effect.Retry{MinBackoff: time.Minute}
			x.Call = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
				call.Effect, call.Cause.Type = "unlock", "UnlockRequested"
				mu.Lock()
				order = append(order, fmt.Sprintf("%s@%d", name, call.Cause.Version))
				fails--
				failed := fails >= 0
				mu.Unlock()
				data, err := w.call(ctx, call)
				if failed {
					return nil, errTimeout
				}
				return data, err
			}
			return x
		}
		p := w.start(w.store, nil, make("lock", 1), make("unlock", 0))
		synctest.Wait()
		w.save("station/1", "lock", `{}`)
		w.save("station/1", "unlock", `{}`)
		w.save("station/1", "lock", `{}`)
		pass(5 * time.Minute)
		if got, want := strings.Join(order, " "), "lock@1 unlock@2 lock@3 lock@1"; got != want {
			t.Errorf("the order was %s, want %s", got, want)
		}
		w.expectCalls(nil, 0)
		w.expectList(p.Runner)
		p.stop(t)
	})
}

// Run waits for the calls under way and records their outcomes; a call that takes
// too long is cancelled; none begins any more.
func TestDrain(t *testing.T) {
	for _, drain := range []time.Duration{time.Minute, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			p := w.start(w.store, options(func(o *effect.Options) { o.Drain = drain }), w.unlock())
			synctest.Wait()
			ids := w.request("station/CP-1", 2)
			synctest.Wait()
			began := time.Now()
			p.stop(t)
			w.expectCalls(ids[:1], 1)
			w.expectCalls(ids[1:], 0)
			reader := effect.New(w.store, []effect.Effect{w.unlock()}, nil)
			if drain == time.Minute {
				w.expectFacts(ids[:1], unlocked())
				w.expectList(reader, ids[1]+" pending")
				if got := w.stream(ids[1]); got != "" {
					t.Errorf("the stream of the second has %q", got)
				}
			} else {
				w.expectList(reader, ids[0]+" in-doubt", ids[1]+" pending")
			}
			if took := time.Since(began); took > min(drain, 10*time.Second)+time.Millisecond {
				t.Errorf("Run took %s to end", took)
			}
		})
	}
}

// A Record that fails delays the end no longer than Drain says.
func TestDrainRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.refuse = func(effect.Call) error { return errOffline }
		p := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		pass(15 * time.Second)
		began := time.Now()
		p.stop(t)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Run took %s to end", took)
		}
		w.refuse = nil
		p = w.start(w.store, nil, w.unlock())
		pass(time.Minute)
		w.expectFacts(ids, unlocked())
		p.stop(t)
	})
}

func TestOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.start(w.store, nil, w.unlock())
		synctest.Wait()
		if err := p.Run(t.Context()); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("the second Run returned %v", err)
		}
		p.stop(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run after the end returned %v", err)
		}
	})
}

// All waiting is by the clock that is passed, and the two of two hosts may differ
// by less than the grace.
func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		now := time.Now()
		late, early := aethertest.NewClock(now.Add(-25*time.Second)), aethertest.NewClock(now)
		start := make(chan struct{})
		unlock := w.unlock()
		unlock.Call = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
			close(start)
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("the call ended for %v", context.Cause(ctx))
			}
			return json.RawMessage(`1`), nil // just in time
		}
		first := w.start(w.store, options(func(o *effect.Options) { o.Clock = late }), unlock)
		synctest.Wait()
		ids := w.request("station/CP-1", 1)
		<-start
		second := w.start(w.store, options(func(o *effect.Options) { o.Clock = early }), unlock)
		pass(time.Hour) // of other clocks
		w.expectList(second.Runner, ids[0]+" calling")
		for range 30 {
			late.Advance(time.Second)
			early.Advance(time.Second)
			synctest.Wait()
		}
		w.expectFacts(ids, effect.Outcome{Done: true, Data: json.RawMessage(`1`)})
		if got := w.stream(ids[0]); got != "Attempted Done Recorded" {
			t.Errorf("the stream has %q", got)
		}
		first.stop(t)
		second.stop(t)
	})
}

// digestOf returns the digest in a checkpoint.
func digestOf(t *testing.T, checkpoint string) string {
	t.Helper()
	_, rest, found := strings.Cut(checkpoint, `"digest":"`)
	if !found {
		t.Fatalf("no digest in %.60s", checkpoint)
	}
	return rest[:32]
}
