package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/effect"
)

// node is one life of a process: a host and a runner, and the store as they see it.
// When it is dead nothing it does reaches the store or a station any more, though its
// goroutines go on.
type node struct {
	aether.EventStore
	snapshots aether.SnapshotStore

	world  *history
	number int
	life   life
	host   *actor.Host[*station, command, happened]
	runner *effect.Runner

	ctx   context.Context // ends when it dies
	die   context.CancelFunc
	end   context.CancelFunc // of runner.Run
	ended chan struct{}
	again sync.Once

	mu    sync.Mutex
	saves int
	calls int
}

var errDead = errors.New("the process is dead")

func (n *node) isDead() bool { return n.ctx.Err() != nil }

// vanish is how a call of a dead process ends.
func (n *node) vanish(ctx context.Context) error {
	if n.life.Hangs {
		select {
		case <-ctx.Done():
		case <-n.world.released:
		}
	}
	return errDead
}

// pause waits, and not longer than the process lives.
func (n *node) pause(ctx context.Context, d time.Duration) error {
	if d > 0 {
		select {
		case <-time.After(d):
		case <-n.ctx.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// enter begins a call of the store.
func (n *node) enter(ctx context.Context) (trouble, error) {
	if n.isDead() {
		return trouble{}, n.vanish(ctx)
	}
	var t trouble
	n.mu.Lock()
	if len(n.life.Store) > 0 && !n.world.isCalm() {
		t = n.life.Store[n.calls%len(n.life.Store)]
		n.calls++
	}
	n.mu.Unlock()
	if err := n.pause(ctx, t.Before); err != nil {
		return t, err
	}
	if t.Fails && !n.isDead() {
		return t, errNetwork
	}
	return t, nil
}

// leave ends one.
func (n *node) leave(ctx context.Context, t trouble) error {
	if err := n.pause(ctx, t.After); err != nil {
		return err
	}
	if n.isDead() {
		return n.vanish(ctx)
	}
	if t.Lost {
		return errNetwork
	}
	return nil
}

func (n *node) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	t, err := n.enter(ctx)
	if err != nil {
		return 0, err
	}
	n.mu.Lock()
	n.saves++
	last := n.saves == n.life.DiesAtSave && !n.world.isCalm()
	n.mu.Unlock()
	if last {
		n.kill("before " + events[0].Type)
	}
	if n.isDead() && !n.life.Lands {
		return 0, n.vanish(ctx)
	}
	position, err := n.EventStore.SaveEvents(ctx, events...)
	n.world.saved(n, events, err)
	if gone := n.leave(ctx, t); gone != nil {
		return 0, gone
	}
	return position, err
}

// read makes a call that changes nothing.
func read[T any](ctx context.Context, n *node, call func() (T, error)) (T, error) {
	var none T
	t, err := n.enter(ctx)
	if err != nil {
		return none, err
	}
	if n.isDead() {
		return none, n.vanish(ctx)
	}
	value, err := call()
	if gone := n.leave(ctx, t); gone != nil {
		return none, gone
	}
	return value, err
}

func (n *node) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	return read(ctx, n, func() (aether.Position, error) { return n.EventStore.GetLatestPosition(ctx) })
}

func (n *node) GetLatestVersion(ctx context.Context, id string) (aether.Version, error) {
	return read(ctx, n, func() (aether.Version, error) { return n.EventStore.GetLatestVersion(ctx, id) })
}

func (n *node) GetEventVersion(ctx context.Context, id, event string) (aether.Version, error) {
	return read(ctx, n, func() (aether.Version, error) { return n.EventStore.GetEventVersion(ctx, id, event) })
}

func (n *node) GetLatestSnapshot(ctx context.Context, id string) (aether.Snapshot, error) {
	return read(ctx, n, func() (aether.Snapshot, error) { return n.snapshots.GetLatestSnapshot(ctx, id) })
}

func (n *node) SaveSnapshot(ctx context.Context, s aether.Snapshot) error {
	_, err := read(ctx, n, func() (any, error) { return nil, n.snapshots.SaveSnapshot(ctx, s) })
	return err
}

func (n *node) GetEvents(ctx context.Context, id string, after aether.Version) iter.Seq2[aether.Event, error] {
	return n.loop(ctx, n.EventStore.GetEvents(ctx, id, after))
}

func (n *node) ReadLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.loop(ctx, n.EventStore.ReadLog(ctx, after, o))
}

func (n *node) FollowLog(ctx context.Context, after aether.Position, o *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.loop(ctx, n.EventStore.FollowLog(ctx, after, o))
}

// loop fails before the first event, or lags behind by as long as a save lasts.
func (n *node) loop(ctx context.Context, events iter.Seq2[aether.Event, error]) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		t, err := n.enter(ctx)
		if err == nil && n.isDead() {
			err = n.vanish(ctx)
		}
		if err != nil {
			yield(aether.Event{}, err)
			return
		}
		for event, err := range events {
			if gone := n.leave(ctx, t); gone != nil {
				yield(aether.Event{}, gone)
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// skewed is a clock that is ahead.
type skewed struct{ by time.Duration }

func (c skewed) Now() time.Time { return time.Now().Add(c.by) }

func (c skewed) WaitUntil(ctx context.Context, t time.Time) error {
	return aether.MachineClock{}.WaitUntil(ctx, t.Add(-c.by))
}

// kill ends the process like SIGKILL.
func (n *node) kill(when string) {
	if n.isDead() {
		return
	}
	n.world.log("node %d dies %s", n.number, when)
	n.die()
	n.world.count(func(s *stats) { s.crashes++ })
	n.world.down(n)
	time.AfterFunc(2*time.Minute, n.end) // its runner, which goes on in vain
	n.restart()
}

// stop ends it like SIGTERM.
func (n *node) stop() {
	n.world.log("node %d stops", n.number)
	n.world.down(n)
	n.end()
	<-n.ended
	_ = n.host.Close()
	n.die()
	n.restart()
}

func (n *node) restart() {
	n.again.Do(func() { time.AfterFunc(n.life.Down, func() { n.world.boot(n.number) }) })
}

// unlock is the effect as this process runs it; without one, as it is listed.
func (w *history) unlock(n *node) effect.Effect {
	x := effect.Effect{
		Name: "unlock", Kinds: []string{"station"}, Types: []string{"UnlockRequested"}, FromStart: !w.plan.Begin,
		Retry: effect.Retry{Attempts: w.plan.Attempts, MaxBackoff: 10 * time.Second},
		Request: func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID, Timeout: 10 * time.Second}, true, nil
		},
		Call: func(ctx context.Context, call effect.Call) (json.RawMessage, error) { return w.call(ctx, n, call) },
		Record: func(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
			var t trouble
			if i := w.next(&w.records); !w.isCalm() {
				t = w.plan.Records[i%len(w.plan.Records)]
			}
			if t.Fails {
				return errNetwork
			}
			request, err := requestOf(call.Cause)
			if err == nil {
				_, err = n.host.Record(ctx, call.Cause.ActorID, outcomeFact(request, outcome), &actor.DoOptions{CommandID: call.ID})
			}
			if t.Lost {
				return errNetwork
			}
			return err
		},
	}
	if w.plan.Resolve != cannotResolve {
		x.Resolve = func(_ context.Context, call effect.Call) (effect.Outcome, bool, error) {
			if n.isDead() {
				return effect.Outcome{}, false, errDead
			}
			if w.plan.Resolve == resolvesSometimes && w.next(&w.resolved)%2 == 0 {
				return effect.Outcome{}, false, errNetwork
			}
			return w.truth(call.Cause)
		}
	}
	return x
}

// quiet makes no noise of what is meant to fail.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
