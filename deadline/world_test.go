package deadline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/memstore"
)

// noon is what the clocks of the tests show at first.
var noon = time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)

// world is a store, a clock, and a record of what was fired. It lives in a bubble
// of synctest, where "nothing more happens" can be waited for.
type world struct {
	t     *testing.T
	store aether.EventStore
	clock *aethertest.Clock
	logs  *logs

	mu    sync.Mutex
	fired []Deadline
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, store: newStore(t), clock: aethertest.NewClock(noon), logs: &logs{}}
}

func newStore(t testing.TB) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(context.Background(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// change is the data of the events of the tests.
type change struct {
	Name string
	At   time.Time
}

// save appends an event to an actor: "Set" and "Clear" do what they say.
func (w *world) save(actorID, eventType, name string, at time.Time) aether.Event {
	w.t.Helper()
	version, err := w.store.GetLatestVersion(context.Background(), actorID)
	if err != nil {
		w.t.Fatal(err)
	}
	event := aether.Event{ID: aether.NewID(), ActorID: actorID, Version: version + 1, Type: eventType, Data: data(name, at)}
	if event.Position, err = w.store.SaveEvents(context.Background(), event); err != nil {
		w.t.Fatal(err)
	}
	return event
}

func data(name string, at time.Time) json.RawMessage {
	data, err := json.Marshal(change{name, at})
	if err != nil {
		panic(err)
	}
	return data
}

func (w *world) set(actorID, name string, in time.Duration) aether.Event {
	w.t.Helper()
	return w.save(actorID, "Set", name, noon.Add(in))
}

func (w *world) clear(actorID, name string) {
	w.t.Helper()
	w.save(actorID, "Clear", name, time.Time{})
}

// rule derives what the events of the tests say, and records what is fired.
func (w *world) rule() Rule {
	return Rule{
		Name:   "test",
		Derive: derive,
		Fire: func(_ context.Context, d Deadline) error {
			w.record(d)
			return nil
		},
	}
}

func derive(event aether.Event) ([]Change, error) {
	var c change
	if err := json.Unmarshal(event.Data, &c); err != nil {
		return nil, err
	}
	switch event.Type {
	case "Set":
		return []Change{Set(c.Name, c.At)}, nil
	case "Clear":
		return []Change{Clear(c.Name)}, nil
	}
	return nil, nil
}

func (w *world) record(d Deadline) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fired = append(w.fired, d)
}

// running is a scheduler whose Run is under way.
type running struct {
	*Scheduler
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
}

func (w *world) start(rule Rule, options *Options) *running {
	w.t.Helper()
	return w.run(New(w.store, rule, w.options(options)))
}

func (w *world) options(options *Options) *Options {
	if options == nil {
		options = &Options{}
	}
	options.Clock = w.clock
	options.Logger = slog.New(w.logs)
	return options
}

func (w *world) run(s *Scheduler) *running {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Scheduler: s, t: w.t, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }()
	synctest.Wait()
	return r
}

// stop ends Run, which must not have ended before.
func (r *running) stop() {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.t.Fatalf("Run ended early: %v", err)
	default:
	}
	r.cancel()
	if err := <-r.ended; !errors.Is(err, context.Canceled) {
		r.t.Errorf("Run: %v, want %v", err, context.Canceled)
	}
}

// advance moves the clock and waits until everything that follows has happened.
func (w *world) advance(by time.Duration) {
	w.clock.Advance(by)
	synctest.Wait()
}

// wants says what has been fired since it was asked last, in this order.
func (w *world) wants(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, d := range w.fired {
		got = append(got, d.ActorID+" "+d.Name)
	}
	w.fired = nil
	if !slices.Equal(got, want) {
		w.t.Errorf("fired %q, want %q", got, want)
	}
}

func (r *running) wantPending(pending, failed int) {
	r.t.Helper()
	synctest.Wait()
	if s := r.Stats(); s.Pending != pending || s.Failed != failed {
		r.t.Errorf("%d are pending, %d of them failed; want %d and %d", s.Pending, s.Failed, pending, failed)
	}
}

// logs counts the messages.
type logs struct {
	mu       sync.Mutex
	messages []string
}

func (l *logs) Enabled(context.Context, slog.Level) bool { return true }
func (l *logs) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logs) WithGroup(string) slog.Handler            { return l }

func (l *logs) Handle(_ context.Context, record slog.Record) error {
	text := record.Message
	record.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, text)
	return nil
}

// take returns what was logged since it was called last.
func (l *logs) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	messages := l.messages
	l.messages = nil
	return messages
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
