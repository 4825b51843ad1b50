package effect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/memstore"
)

// world is a store, the stations that are called and the facts that are recorded.
// Its tests run under synctest, where time passes when nothing else is to be done.
type world struct {
	t     *testing.T
	store aether.EventStore

	// answer is what a call meets, 10 seconds and "Unlocked" by default.
	answer func(ctx context.Context, call effect.Call) (json.RawMessage, error)

	// refuse is asked before a fact is recorded.
	refuse func(call effect.Call) error

	mu       sync.Mutex
	calls    []made
	active   map[string]int // calls under way, per target
	highest  int            // number of calls under way at a time
	facts    map[string]effect.Outcome
	records  int
	problems []string
}

type made struct {
	id     string
	target string
	at     time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	store, err := engine.Namespace(context.Background(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: store, active: make(map[string]int), facts: make(map[string]effect.Outcome)}
}

func (w *world) call(ctx context.Context, call effect.Call) (json.RawMessage, error) {
	w.mu.Lock()
	w.calls = append(w.calls, made{call.ID, call.Target, time.Now()})
	w.active[call.Target]++
	if w.active[call.Target] > 1 && call.Target != "" {
		w.problems = append(w.problems, "two calls at a time to "+call.Target)
	}
	total := 0
	for _, n := range w.active {
		total += n
	}
	w.highest = max(w.highest, total)
	answer := w.answer
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.active[call.Target]--
	}()
	if call.Effect != "unlock" || call.Cause.Type != "UnlockRequested" || time.Until(call.Deadline) <= 0 || call.Attempt < 1 {
		w.problems = append(w.problems, fmt.Sprintf("called with %+v", call))
	}
	if answer == nil {
		answer = slow(10*time.Second, `"Unlocked"`)
	}
	return answer(ctx, call)
}

// slow answers after a time.
func slow(d time.Duration, data string) func(context.Context, effect.Call) (json.RawMessage, error) {
	return func(ctx context.Context, _ effect.Call) (json.RawMessage, error) {
		if d == 0 {
			return json.RawMessage(data), nil
		}
		select {
		case <-time.After(d):
			return json.RawMessage(data), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// record is as idempotent as the Record of a host.
func (w *world) record(_ context.Context, call effect.Call, outcome effect.Outcome) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records++
	if w.refuse != nil {
		if err := w.refuse(call); err != nil {
			return err
		}
	}
	if before, ok := w.facts[call.ID]; ok && text(before) != text(outcome) {
		w.problems = append(w.problems, fmt.Sprintf("%s: recorded %s, then %s", call.ID, text(before), text(outcome)))
	}
	w.facts[call.ID] = outcome
	return nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// unlock is the effect under test.
func (w *world) unlock() effect.Effect {
	return effect.Effect{
		Name: "unlock", Kinds: []string{"station"}, Types: []string{"UnlockRequested"},
		Request: func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID}, string(event.Data) != "false", nil
		},
		Call: w.call, Record: w.record,
	}
}

// request saves events that ask for an effect and returns the effects' IDs.
func (w *world) request(actorID string, n int) []string {
	w.t.Helper()
	var ids []string
	for range n {
		ids = append(ids, "effect/unlock/"+w.save(actorID, "UnlockRequested", `{}`))
	}
	return ids
}

func (w *world) save(actorID, eventType, data string) string {
	w.t.Helper()
	version, err := w.store.GetLatestVersion(context.Background(), actorID)
	if err == nil {
		_, err = w.store.SaveEvents(context.Background(), aether.Event{
			ActorID: actorID, Version: version + 1, Type: eventType, Data: json.RawMessage(data),
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%s@%d", actorID, version+1)
}

// options make no noise; fakes of loggers are not worth it.
func options(edit func(o *effect.Options)) *effect.Options {
	o := &effect.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if edit != nil {
		edit(o)
	}
	return o
}

// process is a runner under way.
type process struct {
	*effect.Runner
	cancel context.CancelFunc
	ended  chan error
}

// start runs effects over a store, which may be a failing one.
func (w *world) start(store aether.EventStore, o *effect.Options, effects ...effect.Effect) *process {
	w.t.Helper()
	if o == nil {
		o = options(nil)
	}
	p := &process{Runner: effect.New(store, effects, o), ended: make(chan error, 1)}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	go func() { p.ended <- p.Run(ctx) }()
	w.t.Cleanup(p.cancel)
	return p
}

// stop ends a runner.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	if err := <-p.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

// pass lets time pass, and what is due happen.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

// list returns the open effects as "ID state".
func (w *world) list(r *effect.Runner, states ...effect.State) []string {
	w.t.Helper()
	infos, err := r.List(context.Background(), states...)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for _, info := range infos {
		lines = append(lines, info.ID+" "+string(info.State))
	}
	return lines
}

func (w *world) expectList(r *effect.Runner, want ...string) {
	w.t.Helper()
	if got := w.list(r); !slices.Equal(got, want) {
		w.t.Errorf("listed are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// expectCalls compares how often each effect was called.
func (w *world) expectCalls(ids []string, times int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		n := 0
		for _, c := range w.calls {
			if c.id == id {
				n++
			}
		}
		if n != times {
			w.t.Errorf("%s was called %d times, want %d", id, n, times)
		}
	}
	for _, p := range w.problems {
		w.t.Error(p)
	}
}

func (w *world) expectFacts(ids []string, want effect.Outcome) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if got, ok := w.facts[id]; !ok || text(got) != text(want) {
			w.t.Errorf("%s: recorded %v %s, want %s", id, ok, text(got), text(want))
		}
	}
}

func unlocked() effect.Outcome {
	return effect.Outcome{Done: true, Data: json.RawMessage(`"Unlocked"`)}
}

// stream returns the types of the events of an actor.
func (w *world) stream(id string) string {
	w.t.Helper()
	var types []string
	for event, err := range w.store.GetEvents(context.Background(), id, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		types = append(types, strings.TrimPrefix(event.Type, "Effect"))
	}
	return strings.Join(types, " ")
}

// bare is a store without snapshots.
type bare struct{ aether.EventStore }

// deadly is a store as a process sees it that dies at its n-th save: before it
// landed or after, in which case nobody hears of it. From then on nothing works, or
// nothing returns.
type deadly struct {
	aether.EventStore
	after int  // saves that work
	lands bool // the next one lands all the same
	hangs bool

	mu    sync.Mutex
	saves int
	dead  bool
}

var errDead = errors.New("the process is dead")

func (d *deadly) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

func (d *deadly) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

func (d *deadly) gone(ctx context.Context) error {
	if !d.isDead() {
		return nil
	}
	if d.hangs {
		<-ctx.Done()
	}
	return errDead
}

func (d *deadly) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	d.mu.Lock()
	last := !d.dead && d.saves == d.after
	d.saves++
	d.dead = d.dead || last
	d.mu.Unlock()
	if last && d.lands {
		if _, err := d.EventStore.SaveEvents(ctx, events...); err != nil {
			return 0, err
		}
	}
	if err := d.gone(ctx); err != nil {
		return 0, err
	}
	return d.EventStore.SaveEvents(ctx, events...)
}

func (d *deadly) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	if err := d.gone(ctx); err != nil {
		return 0, err
	}
	return d.EventStore.GetLatestPosition(ctx)
}

func (d *deadly) GetEvents(ctx context.Context, id string, after aether.Version) iter.Seq2[aether.Event, error] {
	return d.loop(ctx, d.EventStore.GetEvents(ctx, id, after))
}

func (d *deadly) ReadLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return d.loop(ctx, d.EventStore.ReadLog(ctx, after, o))
}

func (d *deadly) FollowLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return d.loop(ctx, d.EventStore.FollowLog(ctx, after, o))
}

func (d *deadly) loop(ctx context.Context, events iter.Seq2[aether.Event, error]) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := d.gone(ctx); err != nil {
			yield(aether.Event{}, err)
			return
		}
		for event, err := range events {
			if gone := d.gone(ctx); gone != nil {
				yield(aether.Event{}, gone)
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// flaky is a store of which every third call fails; of saves, half of those land.
type flaky struct {
	aether.EventStore
	mu sync.Mutex
	n  int
}

func (f *flaky) fails() (bool, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	return f.n%3 == 0, f.n%2 == 0
}

var errFlaky = errors.New("connection lost")

func (f *flaky) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	fails, lands := f.fails()
	if fails && !lands {
		return 0, errFlaky
	}
	position, err := f.EventStore.SaveEvents(ctx, events...)
	if fails {
		return 0, errFlaky
	}
	return position, err
}

func (f *flaky) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	if fails, _ := f.fails(); fails {
		return 0, errFlaky
	}
	return f.EventStore.GetLatestPosition(ctx)
}

func (f *flaky) FollowLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return f.loop(f.EventStore.FollowLog(ctx, after, o))
}

func (f *flaky) ReadLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return f.loop(f.EventStore.ReadLog(ctx, after, o))
}

func (f *flaky) loop(events iter.Seq2[aether.Event, error]) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for event, err := range events {
			if fails, _ := f.fails(); fails {
				yield(aether.Event{}, errFlaky)
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// closing is a store that is closed when somebody follows it.
type closing struct{ aether.EventStore }

func (c *closing) FollowLog(context.Context, aether.Position, *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) { yield(aether.Event{}, aether.ErrClosed) }
}

// plodding is a store that tells its followers an event in a minute.
type plodding struct{ aether.EventStore }

func (p plodding) FollowLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for event, err := range p.EventStore.FollowLog(ctx, after, o) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			if !yield(event, err) {
				return
			}
		}
	}
}
