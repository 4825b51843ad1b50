package filestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

// picture is a disk as it would be found had the power gone at some moment, and
// what had been acknowledged before.
type picture struct {
	when string
	disk *disk
	acks []ack
}

// check opens the store on the disk and looks at everything.
func (p *picture) check(t testing.TB) (warned *warnings) {
	t.Helper()
	warned = &warnings{}
	options := tiny(p.disk.process())
	options.Logger = warned.logger()
	s, err := Open(context.Background(), "store", options)
	if err != nil {
		t.Errorf("power lost %s: Open: %v", p.when, err)
		return warned
	}
	if _, err := inspectStore(context.Background(), s, p.acks); err != nil {
		t.Errorf("power lost %s: %v", p.when, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("power lost %s: Close: %v", p.when, err)
	}
	return warned
}

// photographer takes pictures around the syncs of a process.
type photographer struct {
	t       *testing.T
	process *process
	ledger  *ledger
	random  *rand.Rand
	every   int // one picture in so many

	mu       sync.Mutex
	syncs    int
	pictures chan *picture
}

func (p *photographer) start() {
	p.pictures = make(chan *picture, 64)
	p.process.watch(func(o op) error {
		if o.isSync() {
			p.take("before", o)
		}
		return nil
	}, func(o op) {
		if o.isSync() {
			p.take("after", o)
		}
	})
}

func (p *photographer) take(when string, o op) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.syncs++
	if p.random.IntN(p.every) != 0 {
		return
	}
	percent := []int{0, 50, 100}[p.random.IntN(3)]
	if when == "after" {
		percent = 50 * p.random.IntN(2) // all of it is there is what comes before the next sync
	}
	acks := p.ledger.list() // before the picture: what is acknowledged later need not be in it
	p.pictures <- &picture{
		when: fmt.Sprintf("%s sync %d (%s of %s), with %d%% of what was not synced", when, p.syncs/2, o.kind, o.path, percent),
		disk: p.process.disk.losePower(p.t, percent, p.random.Uint64()),
		acks: acks,
	}
}

func TestPowerLossAtEverySync(t *testing.T) {
	t.Parallel()
	for _, shape := range []struct {
		name           string
		writers, saves int
		fill           int
	}{
		{"one writer", 1, 60, 100},
		{"many writers", 6, 12, 1500}, // groups of several pages, which are torn
	} {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			random := newRandom(t)
			p := &photographer{t: t, process: newDisk().process(), ledger: &ledger{}, random: split(random), every: 8}
			if *allFlag {
				p.every = 1
			}
			p.start()
			var checkers sync.WaitGroup
			checked, torn := 0, 0
			var mu sync.Mutex
			for range 2 {
				checkers.Go(func() {
					for picture := range p.pictures {
						warned := picture.check(t)
						mu.Lock()
						checked++
						torn += len(warned.with("incomplete save"))
						mu.Unlock()
					}
				})
			}
			for life := range 3 {
				s := openTest(t, "store", tiny(p.process))
				runWriters(t, s, random, fmt.Sprint(life), shape.writers, shape.saves/3, shape.fill, p.ledger)
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			close(p.pictures)
			checkers.Wait()
			t.Logf("%d of %d moments checked; %d times an incomplete save was removed", checked, p.syncs, torn)
		})
	}
}

// runWriters lets writers save at the same time and waits for them.
func runWriters(t testing.TB, s *Store, random *rand.Rand, name string, writers, saves, fill int, l *ledger) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range writers {
		w := &testWriter{
			namespace: []string{"a", "a/b"}[i%2],
			name:      fmt.Sprintf("%s-%d", name, i),
			random:    split(random),
			fill:      fill,
		}
		wg.Go(func() {
			if err := w.run(context.Background(), s, saves, l.add); err != nil {
				t.Errorf("writer %s: %v", w.name, err)
			}
		})
	}
	wg.Wait()
}

// The folders that a store lies in are new too.
func TestPowerLossOfNewFolders(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"store", "a/store", "a/b/c/store", "/a/b/store"} {
		d := newDisk()
		if err := d.mem.MkdirAll("a", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syncFolder(d.mem, "/"); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, dir, tiny(d.process()))
		l := &ledger{}
		runWriters(t, s, newRandom(t), "new", 1, 1, 10, l)
		d = d.losePower(t, 0, 0)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, dir, tiny(d.process()))
		if _, err := inspectStore(context.Background(), s, l.list()); err != nil {
			t.Errorf("in %s: %v", dir, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A power loss while the store recovers from one.
func TestPowerLossWhileOpening(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	rounds := 8
	if *allFlag {
		rounds = 300
	}
	for range rounds {
		d, l := newDisk(), &ledger{}
		first := d.process()
		first.watch(killAt(first, 20+random.IntN(150)), nil)
		appendUntilKilled(t, first, random, l)
		d = d.losePower(t, 50, random.Uint64())

		second := d.process()
		p := &photographer{t: t, process: second, ledger: l, random: split(random), every: 3}
		p.start()
		var wg sync.WaitGroup
		wg.Go(func() {
			for picture := range p.pictures {
				picture.check(t)
			}
		})
		s := openTest(t, "store", tiny(second))
		checkStore(t, s, l.list())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		close(p.pictures)
		wg.Wait()
	}
}

// killAt kills a process before its nth change of a file.
func killAt(p *process, n int) func(op) error {
	var mu sync.Mutex
	return func(op) error {
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			p.kill()
		}
		return nil
	}
}

// appendUntilKilled opens the store and saves until the process is dead.
func appendUntilKilled(t testing.TB, p *process, random *rand.Rand, l *ledger) {
	t.Helper()
	s, err := Open(context.Background(), "store", tiny(p))
	if err == nil {
		w := &testWriter{namespace: "a", name: fmt.Sprint(random.Uint64()), random: random, fill: 2000}
		err = w.run(context.Background(), s, 1e6, l.add)
		_ = s.Close() // ends its goroutines; the disk has nothing to do with them any more
	}
	if !p.dead.Load() {
		t.Fatalf("the process ended by itself: %v", err)
	}
}

// A process is killed, so that what it wrote is there but not synced, another goes
// on, and then the power goes: whatever the second one has built on must be there.
func TestPowerLossAfterKill(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	step := 6
	if *allFlag {
		step = 1
	}
	for n := 1 + random.IntN(step); n < 250; n += step {
		d, l := newDisk(), &ledger{}
		first := d.process()
		first.watch(killAt(first, n), nil)
		appendUntilKilled(t, first, random, l)

		second := d.process()
		s := openTest(t, "store", tiny(second))
		runWriters(t, s, random, "second", 1, 1+random.IntN(3), 100, l)
		p := &picture{fmt.Sprintf("after a process was killed at change %d and another had gone on", n), d.losePower(t, 50*random.IntN(2), random.Uint64()), l.list()}
		p.check(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A sync fails, and the pages it should have written can be read until the power
// goes. Nothing that was acknowledged may depend on them.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("input/output error")
	for _, target := range []struct {
		name  string
		is    func(op) bool
		stops bool
	}{
		{"segment", func(o op) bool { return o.kind == "sync" && o.inLog() }, true},
		{"folder of the segments", func(o op) bool { return o.kind == "syncdir" && o.inLog() }, true},
		{"index", func(o op) bool { return o.isSync() && o.inIndex() }, false},
	} {
		t.Run(target.name, func(t *testing.T) {
			t.Parallel()
			random := newRandom(t)
			step := 3
			if *allFlag {
				step = 1
			}
			for n := 1 + random.IntN(step); n <= 40; n += step {
				d, l := newDisk(), &ledger{}
				p := d.process()
				left, failed := n, false
				var mu sync.Mutex
				p.watch(func(o op) error {
					mu.Lock()
					defer mu.Unlock()
					if target.is(o) {
						if left--; left == 0 {
							failed = true
							return errDisk
						}
					}
					return nil
				}, nil)
				what := fmt.Sprintf("sync %d", n)
				s, err := Open(context.Background(), "store", tiny(p))
				if err != nil {
					if !errors.Is(err, errDisk) {
						t.Errorf("%s: Open: %v", what, err)
					}
				} else {
					w := &testWriter{namespace: "a", name: "first", random: random, fill: 300}
					err = w.run(context.Background(), s, 60, l.add)
					if !target.stops {
						// The index is made from the log: a store may go on without it, or stop.
						if err != nil && !errors.Is(err, ErrStopped) {
							t.Errorf("%s: SaveEvents: %v", what, err)
						}
					} else if failed && !errors.Is(err, ErrStopped) {
						t.Errorf("%s: SaveEvents: %v, want ErrStopped", what, err)
					}
					if errors.Is(err, ErrStopped) {
						if !errors.Is(err, errDisk) {
							t.Errorf("%s: %v does not tell the cause", what, err)
						}
						checkStopped(t, s, l, what)
					}
				}
				before := l.list()
				(&picture{what + " failed, at once", d.losePower(t, 0, 0), before}).check(t)
				if s != nil {
					_ = s.Close()
				}
				// The pages are still readable for the next process.
				s = openTest(t, "store", tiny(d.process()))
				checkStore(t, s, before)
				runWriters(t, s, random, "second", 1, 2, 100, l)
				for _, percent := range []int{0, 50} {
					(&picture{what + " failed, and another process had gone on", d.losePower(t, percent, random.Uint64()), l.list()}).check(t)
				}
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
	}
}

// checkStopped looks at a store that accepts nothing more.
func checkStopped(t *testing.T, s *Store, l *ledger, what string) {
	t.Helper()
	checkStore(t, s, l.list())
	n, err := s.Namespace(context.Background(), "b")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := n.SaveEvents(context.Background(), newSave("b", "later", map[string]aether.Version{}, 0, "room/1")...); !errors.Is(err, ErrStopped) {
			t.Errorf("%s: SaveEvents of a stopped store: %v", what, err)
		}
	}
}
