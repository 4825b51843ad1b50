package effect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/effect"
)

// Histories at random: two hosts whose processes die and come back, stores that fail,
// answers that are late or lost. No request is lost and no call is made twice; what
// is recorded is true, and what nobody knows is listed.
func TestHistories(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) { history(t, rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func history(t *testing.T, random, station *rand.Rand) {
	w := newWorld(t)
	keyed := random.IntN(2) == 0
	happened := make(map[string]bool) // at the station
	answer := func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
		w.mu.Lock()
		what, wait := station.IntN(10), time.Duration(station.IntN(50))*time.Second
		w.mu.Unlock()
		if what == 0 {
			return nil, effect.NotDone(errOffline)
		}
		if what == 1 { // the station gets it in the end
			<-ctx.Done()
		}
		w.mu.Lock()
		happened[call.ID] = true
		w.mu.Unlock()
		switch what {
		case 2:
			return nil, errTimeout
		case 3:
			panic("bug")
		case 4:
			return json.RawMessage(`"Unlocked"`), nil
		case 5: // late, and does not obey
			<-time.After(time.Minute + wait)
			return json.RawMessage(`"Unlocked"`), nil
		}
		return slow(wait, `"Unlocked"`)(ctx, call)
	}
	obeys := true
	w.answer = func(ctx context.Context, call effect.Call) (json.RawMessage, error) {
		data, err := answer(ctx, call)
		if !time.Now().Before(call.Deadline.Add(time.Second)) {
			w.mu.Lock()
			obeys = false // so that another runner may have called the target meanwhile
			w.mu.Unlock()
		}
		return data, err
	}
	unlock := w.unlock()
	unlock.Keyed, unlock.FromStart, unlock.Retry.MaxBackoff = keyed, true, time.Minute

	var processes []*process
	var stores []*deadly
	boot := func(i int) {
		d := &deadly{EventStore: w.store, after: random.IntN(30), lands: random.IntN(2) == 0, hangs: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			d.EventStore = &flaky{EventStore: w.store, n: random.IntN(6)}
		}
		p := w.start(d, nil, unlock)
		if i < len(stores) {
			stores[i].kill()
			stores[i] = d
		} else {
			stores = append(stores, d)
		}
		processes = append(processes, p)
	}
	boot(0)
	boot(1)
	var ids []string
	for range 5 + random.IntN(15) {
		switch random.IntN(3) {
		case 0:
			ids = append(ids, w.request(fmt.Sprintf("station/%d", random.IntN(2)), 1+random.IntN(3))...)
		case 1:
			pass(time.Duration(random.IntN(100)) * time.Second)
		case 2:
			boot(random.IntN(2))
		}
	}
	for i := range stores {
		stores[i].kill()
	}
	last := w.start(w.store, nil, unlock)
	pass(10 * time.Minute)
	for _, p := range processes { // the dead ones, who go on in vain
		p.stop(t)
	}
	pass(2 * time.Hour)

	open := make(map[string]effect.State)
	infos, err := last.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		open[info.ID] = info.State
	}
	w.mu.Lock()
	called := make(map[string]int)
	for _, c := range w.calls {
		called[c.id]++
	}
	for _, p := range w.problems {
		if obeys {
			t.Error(p)
		}
	}
	for _, id := range ids {
		fact, known := w.facts[id]
		switch {
		case known == (open[id] != ""):
			t.Errorf("%s is recorded: %v, and listed: %q", id, known, open[id])
		case !keyed && called[id] > 1:
			t.Errorf("%s was called %d times", id, called[id])
		case keyed && called[id] == 0:
			t.Errorf("%s was never called", id)
		case known && fact.Done != happened[id]:
			t.Errorf("%s is recorded as %+v, and happened: %v", id, fact, happened[id])
		case !known && open[id] != effect.InDoubt && open[id] != effect.Failed:
			t.Errorf("%s is %s", id, open[id])
		}
	}
	w.mu.Unlock()
	if t.Failed() {
		for _, id := range ids {
			t.Log(id, w.stream(id))
		}
	}
	// With the checkpoint or without, everybody knows the same.
	if a, b := info(t, effect.New(w.store, []effect.Effect{unlock}, nil)), info(t, effect.New(bare{w.store}, []effect.Effect{unlock}, nil)); text(a) != text(b) {
		t.Errorf("with the checkpoint %s\nwithout %s", text(a), text(b))
	}
	last.stop(t)
}
