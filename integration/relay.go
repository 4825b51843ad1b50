package integration

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/internal/logmark"
)

// Relay publishes the integration events of one namespace on a bus.
type Relay struct {
	mapping   Mapping
	store     aether.EventStore
	namespace string
	bus       Bus
	options   RelayOptions

	mu      sync.Mutex
	status  RelayStatus
	ordered chan struct{} // has an item when an operator wants it tried again
}

// RelayOptions are the settings of a relay. Zero values are the defaults.
type RelayOptions struct {
	// CursorEvery is how many events are published between two savings of the cursor,
	// 1000 by default. It is saved when Run ends, too.
	CursorEvery int

	Logger *slog.Logger
}

// RelayState is what a relay is doing.
type RelayState string

// The states of a relay.
const (
	RelayIdle       RelayState = "idle"       // Run is not under way: it may be so in another process
	RelayStarting   RelayState = "starting"   // it does not know yet where it was
	RelayPublishing RelayState = "publishing" // what is there, and then what comes
	RelayRetrying   RelayState = "retrying"   // after an error that may go away
	RelayStopped    RelayState = "stopped"    // before an event that the mapping cannot map
)

// RelayStatus is how far a relay has come.
type RelayStatus struct {
	Stream Stream     `json:"stream"`
	State  RelayState `json:"state"`
	Cursor Cursor     `json:"cursor"`

	// Err is why nothing goes on at the moment, nil when it does; Error is its text.
	Err   error  `json:"-"`
	Error string `json:"error,omitempty"`
}

// NewRelay returns a relay of a namespace's log. Its cursor is kept as a snapshot, if
// the store keeps snapshots; without one, the log is read from its beginning, and all
// of it published again.
func NewRelay(store aether.EventStore, namespace string, mapping Mapping, bus Bus, options *RelayOptions) *Relay {
	r := &Relay{mapping: mapping, store: store, namespace: namespace, bus: bus, ordered: make(chan struct{}, 1)}
	if options != nil {
		r.options = *options
	}
	r.options.CursorEvery = cmp.Or(r.options.CursorEvery, 1000)
	r.options.Logger = cmp.Or(r.options.Logger, slog.Default()).With("system", mapping.System, "namespace", namespace)
	r.status = RelayStatus{Stream: mapping.Stream(namespace), State: RelayIdle}
	return r
}

// Status returns how far the relay has come.
func (r *Relay) Status() RelayStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Retry has the event tried again before which the relay has stopped, and what it
// waits to try again tried at once.
func (r *Relay) Retry() {
	select {
	case r.ordered <- struct{}{}:
	default:
	}
}

// Run publishes what is in the log behind the cursor, and then what comes, until
// ctx ends, or the store or the bus is closed, and returns why.
//
// At an event that the mapping cannot map it stops, for to go on would be to leave a
// hole: [Relay.Status] tells which and why, and it goes on when a program comes that
// can, or somebody calls [Relay.Retry]. When the bus lacks events that it has had
// before, they are published again. Other errors of the store and the bus are logged,
// and what failed is tried again after growing pauses of up to ten seconds.
//
// Two relays of one mapping may run at once; the bus passes over what comes twice.
func (r *Relay) Run(ctx context.Context) error {
	var cursor Cursor
	r.note(cursor, RelayStarting, nil)
	prepare := r.start
	for failed := 0; ; {
		from := cursor
		err := prepare(ctx, &cursor)
		if err == nil {
			prepare = func(context.Context, *Cursor) error { return nil }
			cursor, err = r.publish(ctx, cursor)
		}
		if ctx.Err() != nil || errors.Is(err, aether.ErrClosed) {
			r.note(cursor, RelayIdle, nil)
			r.save(context.WithoutCancel(ctx), cursor)
			return err
		}
		if errors.Is(err, ErrGap) {
			prepare = r.back
		}
		if cursor != from {
			failed = 0
		}
		if _, unmapped := errors.AsType[*MapError](err); unmapped {
			failed = 0
			r.note(cursor, RelayStopped, err)
			r.options.Logger.Error("integration: relay stopped", "error", err)
			r.await(ctx, nil)
			continue
		}
		failed++
		r.note(cursor, RelayRetrying, err)
		r.options.Logger.Warn("integration: relay: trying again", "error", err)
		pause := time.NewTimer(backoff.After(failed, time.Millisecond, 10*time.Second))
		r.await(ctx, pause.C)
		pause.Stop()
	}
}

// await waits until a pause is over, somebody orders another attempt, or ctx ends.
func (r *Relay) await(ctx context.Context, over <-chan time.Time) {
	select {
	case <-over:
	case <-r.ordered:
	case <-ctx.Done():
	}
}

// start finds out where to go on.
func (r *Relay) start(ctx context.Context, cursor *Cursor) error {
	saved, err := r.load(ctx)
	if err != nil {
		return err
	}
	*cursor = saved
	last, err := r.bus.Last(ctx, r.mapping.Stream(r.namespace))
	if err != nil {
		return err
	}
	if last.Sequence != 0 && last.Sequence < cursor.Sequence { // one that has nothing takes any number, or says ErrGap
		r.lost(cursor, last)
	}
	return nil
}

// back goes back to what the bus has, since it lacks what comes before the next event.
func (r *Relay) back(ctx context.Context, cursor *Cursor) error {
	last, err := r.bus.Last(ctx, r.mapping.Stream(r.namespace))
	if err == nil && last.Sequence < cursor.Sequence {
		r.lost(cursor, last)
	}
	return err
}

func (r *Relay) lost(cursor *Cursor, last Cursor) {
	r.options.Logger.Warn("integration: relay: the bus lacks events that it had; publishing them again", "had", cursor.Sequence, "has", last.Sequence)
	*cursor = last
}

func (r *Relay) note(cursor Cursor, state RelayState, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Cursor, r.status.State, r.status.Err, r.status.Error = cursor, state, err, ""
	if err != nil {
		r.status.Error = err.Error()
	}
}

// together is how many events are published with one call, when so many wait.
const together = 256

// publish publishes events until something fails, and returns how far it came.
func (r *Relay) publish(ctx context.Context, cursor Cursor) (Cursor, error) {
	saved := cursor
	var batch []Event
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := r.bus.Publish(ctx, batch...); err != nil {
			return err
		}
		last := &batch[len(batch)-1]
		cursor, batch = Cursor{last.Sequence, last.Position}, batch[:0]
		if cursor.Sequence-saved.Sequence >= uint64(r.options.CursorEvery) {
			r.save(ctx, cursor)
			saved = cursor
		}
		r.note(cursor, RelayPublishing, nil)
		return nil
	}
	// What is there already comes in batches, what comes then at once.
	for {
		n := 0
		var failed error
		for e, err := range r.mapping.Read(ctx, r.store, r.namespace, cursor) {
			if err == nil {
				n++
				if batch = append(batch, e); !e.Last || len(batch) < together {
					continue
				}
				err = send()
			}
			if err != nil {
				failed = err
				break
			}
		}
		if err := send(); err != nil { // what came before an error is whole
			return cursor, err
		}
		if failed != nil {
			return cursor, failed
		}
		if n < together {
			break
		}
	}
	r.note(cursor, RelayPublishing, nil)
	for e, err := range r.mapping.Follow(ctx, r.store, r.namespace, cursor) {
		if err == nil {
			if batch = append(batch, e); !e.Last {
				continue
			}
			err = send()
		}
		if err != nil {
			return cursor, err
		}
	}
	return cursor, ctx.Err()
}

// savedCursor is the data of the snapshot.
type savedCursor struct {
	Cursor
	Mark logmark.Mark `json:"mark"` // of the position, by which the log is recognised
}

func (r *Relay) cursorID() string {
	return fmt.Sprintf("aether.relay/%s.%d", r.mapping.System, r.mapping.Version)
}

const cursorSchema = 1

// save keeps the cursor. It is a cache, so errors are only logged.
func (r *Relay) save(ctx context.Context, cursor Cursor) {
	snapshots, ok := r.store.(aether.SnapshotStore)
	if !ok || cursor.Position == 0 {
		return
	}
	mark, err := logmark.At(ctx, r.store, cursor.Position)
	var data []byte
	if err == nil {
		data, err = json.Marshal(savedCursor{cursor, mark})
	}
	if err == nil {
		err = snapshots.SaveSnapshot(ctx, aether.Snapshot{
			ActorID: r.cursorID(), Version: aether.Version(cursor.Sequence), Schema: cursorSchema, Data: data, Time: time.Now(),
		})
	}
	if err != nil && !errors.Is(err, aether.ErrClosed) {
		r.options.Logger.Warn("integration: relay: cursor not saved", "error", err)
	}
}

// load returns the cursor that was saved, if it is one of this log.
func (r *Relay) load(ctx context.Context) (Cursor, error) {
	snapshots, ok := r.store.(aether.SnapshotStore)
	if !ok {
		return Cursor{}, nil
	}
	snapshot, err := snapshots.GetLatestSnapshot(ctx, r.cursorID())
	var saved savedCursor
	if err == nil && snapshot.Schema == cursorSchema {
		err = json.Unmarshal(snapshot.Data, &saved)
	}
	switch {
	case err == nil:
		holds, err := logmark.Holds(ctx, r.store, saved.Mark)
		if err != nil || holds && saved.Mark.Position == saved.Position {
			return saved.Cursor, err
		}
		return Cursor{}, nil
	case ctx.Err() != nil, errors.Is(err, aether.ErrClosed):
		return Cursor{}, err
	case !errors.Is(err, aether.ErrSnapshotNotFound):
		r.options.Logger.Warn("integration: relay: cursor not used; reading the log from its beginning", "error", err)
	}
	return Cursor{}, nil
}
