package effect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// The classes of errors, for errors.Is.
var (
	// ErrNotDone: nothing has happened and nothing will. See [NotDone].
	ErrNotDone = errors.New("effect: not done")

	// ErrNotOpen: there is no open effect of that ID. It was never asked for, or its
	// outcome is known.
	ErrNotOpen = errors.New("effect: not open")

	// ErrCalling: a call is under way, or was when its program died. That passes with
	// its deadline and Options.Grace.
	ErrCalling = errors.New("effect: a call is under way")
)

// Runner runs the effects of one namespace. It is safe for concurrent use.
type Runner struct {
	store   aether.EventStore
	effects map[string]*Effect
	facts   *schema.Registry[fact]
	options Options

	snapshotSize int // most bytes of a checkpoint; tests make it smaller

	mu      sync.Mutex
	running bool
	live    *book // that of Run, once it has read the log
}

// Options are the settings of a runner; the zero value works.
type Options struct {
	// Concurrency is how many calls are made at a time, 64 by default; and how many
	// outcomes are recorded.
	Concurrency int

	// Grace is how long after its deadline an attempt of another runner is still
	// thought to be under way, 30 seconds by default. It must be more than the clocks
	// of two machines differ and than a Call needs to return once its ctx is done.
	Grace time.Duration

	// Drain is how long Run waits for calls under way before it cancels them, 10
	// seconds by default; and then once more, for their outcomes.
	Drain time.Duration

	// SoleRunner promises that no other runner has these effects in this namespace, so
	// that what a former run left behind is in doubt at once.
	SoleRunner bool

	// Clock is that of the machine by default.
	Clock aether.Clock

	// Logger is told of what goes wrong and is tried again. [slog.Default] by default.
	Logger *slog.Logger
}

// New returns a runner. It panics when an effect is not complete or two have one
// name, since effects are written in the source.
func New(store aether.EventStore, effects []Effect, options *Options) *Runner {
	r := &Runner{store: store, effects: make(map[string]*Effect), facts: facts(), snapshotSize: aether.MaxSnapshotSize}
	if options != nil {
		r.options = *options
	}
	o := &r.options
	if o.Concurrency <= 0 {
		o.Concurrency = 64
	}
	o.Grace = cmp.Or(max(o.Grace, 0), 30*time.Second)
	o.Drain = cmp.Or(max(o.Drain, 0), 10*time.Second)
	if o.Clock == nil {
		o.Clock = aether.MachineClock{}
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())

	for _, x := range effects {
		switch err := aether.CheckActorID(markerID(x.Name)); {
		case err != nil || strings.Contains(x.Name, "/") || len(x.Name) > MaxName:
			panic(fmt.Sprintf("effect: %q is no name for an effect", x.Name))
		case r.effects[x.Name] != nil:
			panic(fmt.Sprintf("effect: two effects are called %q", x.Name))
		case x.Request == nil || x.Call == nil:
			panic(fmt.Sprintf("effect: %q lacks Request or Call", x.Name))
		}
		x.Kinds, x.Types = sorted(x.Kinds), sorted(x.Types)
		attempts := 1
		if x.Keyed {
			attempts = 10
		}
		x.Retry = x.Retry.withDefaults(attempts)
		x.ResolveRetry = x.ResolveRetry.withDefaults(10)
		r.effects[x.Name] = &x
	}
	return r
}

func sorted(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Begin makes sure that the effects have begun: whatever asks for one after Begin
// has returned will be called. An effect that is new in this namespace begins at the
// present end of the log, or at its start; see [Effect.FromStart]. Run does the same,
// so Begin is for a program that accepts commands before Run has come so far.
func (r *Runner) Begin(ctx context.Context) error {
	for name, x := range r.effects {
		if err := r.begin(ctx, x); err != nil {
			return fmt.Errorf("effect: begin %q: %w", name, err)
		}
	}
	return nil
}

func (r *Runner) begin(ctx context.Context, x *Effect) error {
	for {
		markers, err := r.markers(ctx, x)
		if err != nil {
			return err
		}
		own := started{Kinds: x.Kinds, Types: x.Types}
		if slices.ContainsFunc(markers, func(s started) bool { return s.includes(own) }) {
			return nil
		}
		if !x.FromStart {
			if own.Position, err = r.store.GetLatestPosition(ctx); err != nil {
				return err
			}
		}
		event, err := r.facts.Encode(own)
		if err != nil {
			return err
		}
		event.ActorID, event.Version = markerID(x.Name), aether.Version(len(markers)+1)
		event.Time = r.options.Clock.Now()
		// A conflict is another runner that has begun it, perhaps in another way.
		if _, err = r.store.SaveEvents(ctx, event); !errors.Is(err, aether.ErrVersionConflict) {
			return err
		}
	}
}

// markers returns since when an effect is there.
func (r *Runner) markers(ctx context.Context, x *Effect) ([]started, error) {
	var markers []started
	for event, err := range r.store.GetEvents(ctx, markerID(x.Name), 0) {
		if err != nil {
			return nil, err
		}
		f, err := r.facts.Decode(event)
		if err != nil {
			return nil, err
		}
		marker, ok := f.(started)
		if !ok {
			return nil, fmt.Errorf("%s has an event %s", event.ActorID, event.Type)
		}
		markers = append(markers, marker)
	}
	return markers, nil
}

// open returns a book as of the last checkpoint, or of the beginning.
func (r *Runner) open(ctx context.Context) (*book, error) {
	b := &book{
		effects: r.effects, facts: r.facts, logger: r.options.Logger,
		coverage: make(map[string][]started), entries: make(map[string]*entry), lines: make(map[lineKey]*line),
	}
	for name, x := range r.effects {
		markers, err := r.markers(ctx, x)
		if err != nil {
			return nil, err
		}
		b.coverage[name] = markers
	}
	return b, r.restore(ctx, b)
}

// now returns a book that has read the log to its present end.
func (r *Runner) now(ctx context.Context) (*book, error) {
	r.mu.Lock()
	b := r.live
	r.mu.Unlock()
	if b == nil {
		var err error
		if b, err = r.open(ctx); err != nil {
			return nil, err
		}
	}
	return b, r.catchUp(ctx, b)
}

func (r *Runner) catchUp(ctx context.Context, b *book) error {
	end, err := r.store.GetLatestPosition(ctx)
	if err != nil {
		return err
	}
	return b.advance(ctx, r.store, end)
}

// List returns the effects whose outcome is not recorded yet, or those of them in
// some states, in the order of the events that asked for them. It is true of
// everything saved before the call, by whomever. It does not need Run; without, it
// reads the log from the last checkpoint on. An attempt whose program died is listed
// as Calling until its deadline and Options.Grace have passed; then as InDoubt, or as
// Retrying if the effect is keyed, whether or not anybody runs the effects.
func (r *Runner) List(ctx context.Context, states ...State) ([]Info, error) {
	b, err := r.now(ctx)
	if err != nil {
		return nil, fmt.Errorf("effect: list: %w", err)
	}
	return b.list(states, r.options.Clock.Now(), r.options.Grace), nil
}

// Settle ends an effect by hand: the outcome is what somebody has found out, or has
// seen to, and who is said in by. It is then recorded like that of a call, by
// whoever runs the effect. An effect that is pending or retrying is settled as well,
// and not called any more.
//
// It fails with [ErrCalling] while a call is under way, which of a program that died
// is thought until its deadline and Options.Grace have passed; and with [ErrNotOpen]
// when there is no such effect or its outcome is known; repeated with the same outcome
// it succeeds. Like List it needs no Run, here or elsewhere: any process with the
// store can settle.
func (r *Runner) Settle(ctx context.Context, id string, outcome Outcome, by string) error {
	latest := aether.Version(0) // of the effect's stream, as far as is known
	for {
		b, err := r.now(ctx)
		if err == nil {
			err = r.settle(ctx, b, id, outcome, by, latest)
		}
		conflict, lost := errors.AsType[*aether.ConflictError](err)
		switch {
		case lost: // it moved on: look again
			latest = conflict.Latest
		case err != nil:
			return fmt.Errorf("effect: settle %s: %w", id, err)
		default:
			return nil
		}
	}
}

func (r *Runner) settle(ctx context.Context, b *book, id string, outcome Outcome, by string, latest aether.Version) error {
	e, ok := b.entry(id)
	switch {
	case !ok || e.State == Recording:
		return r.settledAlready(ctx, id, settled{by, outcome})
	case e.Unreadable:
		return errors.New("a newer program has written to it: " + e.Error)
	case e.Version < latest:
		return fmt.Errorf("its stream is at version %d, and this program understands it up to version %d: a newer program has written to it", latest, e.Version)
	case e.State == Calling && r.options.Clock.Now().Before(e.over(r.options.Grace)):
		return ErrCalling
	}
	cause, err := r.cause(ctx, e.Cause)
	if err != nil {
		return err
	}
	event, err := r.event(&e, cause, e.Version+1, settled{by, outcome})
	if err != nil {
		return err
	}
	_, err = r.store.SaveEvents(ctx, event)
	return err
}

// settledAlready returns nil if this is how the effect was settled, for a caller
// that did not get the answer.
func (r *Runner) settledAlready(ctx context.Context, id string, want settled) error {
	if r.effects[nameOf(id)] == nil || aether.CheckActorID(id) != nil {
		return ErrNotOpen
	}
	encoded, err := r.facts.Encode(want)
	if err != nil {
		return err
	}
	for event, err := range r.store.GetEvents(ctx, id, 0) {
		if err != nil {
			return err
		}
		if event.Type == encoded.Type && reflect.DeepEqual(event.Data, encoded.Data) {
			return nil
		}
	}
	return ErrNotOpen
}

// cause reads the event that asked for an effect.
func (r *Runner) cause(ctx context.Context, c Cause) (aether.Event, error) {
	for event, err := range r.store.GetEvents(ctx, c.ActorID, c.Version-1) {
		return event, err
	}
	return aether.Event{}, fmt.Errorf("the event %s@%d is not in the store", c.ActorID, c.Version)
}

// event returns a new event for the stream of an effect. Its ID is nobody else's:
// two runners that saved the same ID would both be told that it is saved.
func (r *Runner) event(e *entry, cause aether.Event, version aether.Version, f fact) (aether.Event, error) {
	event, err := r.facts.Encode(f)
	if err != nil {
		return event, err
	}
	event.ID, event.ActorID, event.Version, event.Time = aether.NewID(), e.ID, version, r.options.Clock.Now()
	event.Metadata = aether.Metadata{
		CorrelationID: cause.Metadata.CorrelationID, CausationID: cause.ID, Traceparent: cause.Metadata.Traceparent,
	}
	return event, nil
}
