package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/memstore"
	"pgregory.net/rapid"
)

// TestMain says how many histories there are unless somebody says
// -rapid.checks=10000, which takes a minute without the race detector.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "400"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Histories at random: two processes, each with a host and a runner, die and come
// back, clients send commands again until they are answered, the store fails, and
// stations are slow, decline, or their answers are lost. An unlock that was accepted
// is done at most once, its outcome is recorded and true, or it is listed as in
// doubt; what was answered is in the log, what was refused is not; and every state is
// that of a replay.
func TestStationHistories(t *testing.T) {
	var total stats
	var failed *history
	defer func() {
		// Goroutines take turns by chance, so rapid may fail to make it happen again.
		if failed != nil {
			t.Logf("the first that failed was %+v\n%s", failed.plan, strings.Join(append(failed.lines, failed.problems...), "\n"))
		}
	}()
	rapid.Check(t, func(rt *rapid.T) {
		w := &history{ledger: newLedger(), plan: drawPlan(rt)}
		synctest.Test(t, w.run)
		total.add(&w.stats)
		if len(w.problems) > 0 {
			if failed == nil {
				failed = w
			}
			rt.Fatalf("%s\n%s", strings.Join(w.lines, "\n"), strings.Join(w.problems, "\n"))
		}
	})
	t.Logf("%+v", total)
	if !t.Failed() && total.histories >= 400 {
		total.expectAll(t)
	}
}

// stats count what the histories had in them.
type stats struct {
	histories, crashes, conflicts, commands, calls, performed int
	withheld, doubts, settled                                 int
	tally
}

func (s *stats) add(o *stats) {
	s.histories++
	for _, n := range []struct {
		to   *int
		from int
	}{
		{&s.crashes, o.crashes}, {&s.conflicts, o.conflicts}, {&s.commands, o.commands}, {&s.calls, o.calls}, {&s.performed, o.performed},
		{&s.withheld, o.withheld}, {&s.doubts, o.doubts}, {&s.settled, o.settled},
		{&s.events, o.events}, {&s.accepted, o.accepted}, {&s.refused, o.refused}, {&s.unlocked, o.unlocked},
		{&s.failed, o.failed}, {&s.writtenOff, o.writtenOff}, {&s.inDoubt, o.inDoubt},
	} {
		*n.to += n.from
	}
}

// expectAll fails when something never happened: then nothing is shown about it.
func (s *stats) expectAll(t *testing.T) {
	for name, n := range map[string]int{
		"crashes": s.crashes, "version conflicts": s.conflicts, "doubts": s.doubts,
		"settled": s.settled, "refused": s.refused, "unlocked": s.unlocked, "failed": s.failed,
		"written off": s.writtenOff, "in doubt": s.inDoubt,
	} {
		if n == 0 {
			t.Errorf("%d histories had no %s", s.histories, name)
		}
	}
}

// history is one of them.
type history struct {
	*ledger
	plan     *plan
	store    aether.EventStore
	released chan struct{} // closed at the end, when the dead may go
	begun    time.Time
	wg       sync.WaitGroup

	mu       sync.Mutex
	nodes    [2]*node // those that can be asked
	lives    [2]int
	all      []*node
	calm     bool // no trouble any more
	manner   int
	resolved int
	records  int
	under    map[string]int // requests on their way to a station
	lines    []string
	problems []string
	stats    stats
}

func (w *history) log(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%10v %s", time.Since(w.begun), fmt.Sprintf(format, args...)))
}

func (w *history) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

func (w *history) count(add func(s *stats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	add(&w.stats)
}

func (w *history) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

func (w *history) becalm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
}

// next returns 0, 1, 2 …
func (w *history) next(counter *int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	*counter++
	return *counter - 1
}

// run lives through the history, in a bubble.
func (w *history) run(t *testing.T) {
	engine := memstore.New()
	defer engine.Close()
	var err error
	if w.store, err = engine.Namespace(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	w.begun, w.released, w.under = time.Now(), make(chan struct{}), make(map[string]int)
	if w.plan.Begin {
		if err := w.bystander().Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.boot(0)
	w.boot(1)
	time.AfterFunc(10*time.Minute, w.becalm)
	for _, after := range w.plan.People {
		time.AfterFunc(after, func() { w.lookAfter(t.Context()) })
	}
	var clients sync.WaitGroup
	for i, acts := range w.plan.Clients {
		clients.Go(func() { w.client(t.Context(), i, acts) })
	}
	clients.Wait()
	w.becalm()
	<-time.After(time.Hour)
	w.lookAfter(t.Context())
	<-time.After(time.Hour)
	synctest.Wait()

	for _, n := range w.nodes {
		for i := range w.plan.Stations {
			if err := w.see(t.Context(), fmt.Sprintf("node %d", n.number), n.host, stationID(i)); err != nil {
				w.problem("see: %v", err)
			}
		}
	}
	tally, problems := w.check(t.Context(), w.store, w.unlock(nil))
	w.stats.tally, w.problems = tally, append(w.problems, problems...)
	w.stats.commands = len(w.sent)
	for _, n := range w.performed {
		w.stats.performed += n
	}

	close(w.released)
	for _, n := range w.all {
		n.end()
		<-n.ended
		_ = n.host.Close()
		n.die()
	}
	w.wg.Wait()
}

// bystander is a runner that does not run, over a store that does not fail.
func (w *history) bystander() *effect.Runner {
	return effect.New(w.store, []effect.Effect{w.unlock(nil)}, &effect.Options{Logger: quiet()})
}

func stationID(i int) string { return fmt.Sprintf("station/%d", i) }

// boot begins the next life of a process.
func (w *history) boot(number int) {
	n := &node{EventStore: w.store, snapshots: w.store.(aether.SnapshotStore), world: w, number: number, ended: make(chan struct{})}
	w.mu.Lock()
	if i := w.lives[number]; i < len(w.plan.Lives[number]) && !w.calm {
		n.life = w.plan.Lives[number][i]
	}
	w.lives[number]++
	w.mu.Unlock()
	w.log("node %d begins %+v", number, n.life)
	n.ctx, n.die = context.WithCancel(context.Background())
	n.host = actor.NewHost(n, stationDecider(), &actor.HostOptions{CacheActors: 1, SnapshotEvery: 3, Logger: quiet()})
	n.runner = effect.New(n, []effect.Effect{w.unlock(n)}, &effect.Options{
		Grace: 5 * time.Second, Drain: 3 * time.Second, Clock: skewed{n.life.Skew}, Logger: quiet(),
	})
	var running context.Context
	running, n.end = context.WithCancel(context.Background())
	w.mu.Lock()
	w.nodes[number], w.all = n, append(w.all, n)
	w.mu.Unlock()
	go func() {
		defer close(n.ended)
		if err := n.runner.Run(running); !errors.Is(err, context.Canceled) {
			w.problem("Run of node %d: %v", number, err)
		}
	}()
	if n.life.EndsAt > 0 {
		time.AfterFunc(n.life.EndsAt, func() {
			switch {
			case n.isDead() || w.isCalm():
			case n.life.Gracefully:
				w.wg.Go(n.stop)
			default:
				n.kill("in its time")
			}
		})
	}
}

// down takes a process from those that can be asked.
func (w *history) down(n *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes[n.number] == n {
		w.nodes[n.number] = nil
	}
}

// saved is told of every save that reached the store.
func (w *history) saved(n *node, events []aether.Event, err error) {
	w.mu.Lock()
	if errors.Is(err, aether.ErrVersionConflict) {
		w.stats.conflicts++
	}
	for _, e := range events {
		if err != nil {
			break
		}
		switch e.Type {
		case "EffectWithheld":
			w.stats.withheld++
		case "EffectInDoubt":
			w.stats.doubts++
		case "EffectSettled":
			w.stats.settled++
		}
	}
	w.mu.Unlock()
	for _, e := range events {
		w.log("node %d saves %s@%d %s %s: %v", n.number, e.ActorID, e.Version, e.Type, e.Data, err)
	}
}

// call reaches a station, which acts on its own time, whether or not anybody waits.
func (w *history) call(ctx context.Context, n *node, call effect.Call) (json.RawMessage, error) {
	request, err := requestOf(call.Cause)
	if err != nil {
		w.problem("call: %v", err)
	}
	if n.isDead() {
		return nil, errDead
	}
	m := manner{Acts: true}
	w.mu.Lock()
	if !w.calm {
		m = w.plan.Manners[w.manner%len(w.plan.Manners)]
		w.manner++
	}
	w.stats.calls++
	if m.Answer != isOffline {
		w.under[request]++
	}
	w.mu.Unlock()
	w.log("node %d calls for %s, which meets %+v", n.number, request, m)
	if m.Answer == isOffline {
		return nil, effect.NotDone(errors.New("the station is not connected"))
	}

	answer := make(chan json.RawMessage, 1)
	w.wg.Go(func() {
		<-time.After(m.Before)
		data := json.RawMessage(saysRefused)
		if m.Acts {
			data = json.RawMessage(saysUnlocked)
			w.perform(request)
			w.log("the connector is unlocked for %s", request)
		}
		w.count(func(*stats) { w.under[request]-- })
		if m.Dies == diesAfter {
			n.kill("after the station acted")
		}
		<-time.After(m.After)
		if m.Answer == answers {
			answer <- data
		}
	})
	if m.Dies == diesBefore {
		n.kill("before the station acts")
	}
	if m.Answer == panics {
		panic("bug")
	}
	obeyed := ctx.Done()
	if m.Deaf && m.Answer == answers {
		obeyed = nil
	}
	select {
	case data := <-answer:
		return data, nil
	case <-obeyed:
		return nil, context.Cause(ctx)
	case <-n.ctx.Done():
		return nil, errDead
	}
}

// truth is what somebody finds who looks at the station.
func (w *history) truth(cause aether.Event) (effect.Outcome, bool, error) {
	request, err := requestOf(cause)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	switch {
	case err != nil:
	case w.performed[request] > 0:
		return effect.Outcome{Done: true, Data: json.RawMessage(saysUnlocked), Reason: "seen"}, true, nil
	case w.under[request] == 0:
		return effect.Outcome{Reason: "seen"}, true, nil
	}
	return effect.Outcome{}, false, err
}

// lookAfter is a person with the list of what is in doubt.
func (w *history) lookAfter(ctx context.Context) {
	r := w.bystander()
	infos, err := r.List(ctx, effect.InDoubt)
	if err != nil {
		w.problem("list: %v", err)
	}
	for i, info := range infos {
		outcome := effect.Outcome{Done: true, Data: json.RawMessage(saysUnknown), Reason: "written off"}
		switch w.plan.Settle[i%len(w.plan.Settle)] {
		case leaves:
			continue
		case looksItUp:
			known := false
			for cause, err := range w.store.GetEvents(ctx, info.Cause.ActorID, info.Cause.Version-1) {
				if err == nil {
					outcome, known, err = w.truth(cause)
				}
				if err != nil {
					w.problem("look up: %v", err)
				}
				break
			}
			if !known {
				continue
			}
		case writesOff:
			w.ledger.mu.Lock()
			w.settled[info.ID] = true
			w.ledger.mu.Unlock()
		}
		err := r.Settle(ctx, info.ID, outcome, "ann")
		w.log("ann settles %s with %+v: %v", info.ID, outcome, err)
		switch {
		case err == nil:
			w.count(func(s *stats) { s.settled++ })
		case !errors.Is(err, effect.ErrNotOpen): // which is that it was resolved meanwhile
			w.problem("settle: %v", err)
		}
	}
}
