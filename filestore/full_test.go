package filestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// fillDisk saves until the disk is full, and a few times more. Of what is refused
// nothing may ever be seen.
func fillDisk(t testing.TB, s *Store, random *rand.Rand, name string, fill int, l *ledger) {
	t.Helper()
	for refused := 0; refused < 3; refused++ {
		w := &testWriter{namespace: "a", name: fmt.Sprintf("%s-%d", name, refused), random: random, fill: fill}
		err := w.run(context.Background(), s, 1e4, l.add)
		if !errors.Is(err, ErrDiskFull) || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrStopped) {
			t.Fatalf("SaveEvents on a full disk: %v, want ErrDiskFull", err)
		}
	}
}

// The disk is full at whatever is written next: a group, a seal, the head of a
// segment, the index. Then there is space again, or the process dies first.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	rounds := 12
	if *allFlag {
		rounds = 500
	}
	for round := range rounds {
		d, l := newDisk(), &ledger{}
		var space atomic.Int64
		p := d.process()
		p.watch(d.limit(t, &space), nil)
		space.Store(1 << 30)
		s := openTest(t, "store", tiny(p))
		space.Store(20_000 + random.Int64N(60_000))
		for i := range 2 {
			fillDisk(t, s, random, fmt.Sprint("full-", i), []int{50, 500, 3000}[round%3], l)
			checkStore(t, s, l.list())
			if i == 0 {
				space.Add(10_000 + random.Int64N(10_000))
			}
		}
		switch round % 3 {
		case 0: // closed while the disk is full
			if err := s.Close(); err != nil {
				t.Errorf("Close on a full disk: %v", err)
			}
		case 1: // killed while it is
			p.kill()
			_ = s.Close()
		case 2: // there is space again
			space.Store(1 << 30)
			runWriters(t, s, random, "space", 2, 20, 300, l)
			checkStore(t, s, l.list())
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		(&picture{fmt.Sprintf("in round %d", round), d.losePower(t, 50*(round%2), random.Uint64()), l.list()}).check(t)

		// The next process finds the disk full, and then not any more.
		p = d.process()
		p.watch(d.limit(t, &space), nil)
		if s, err := Open(context.Background(), "store", tiny(p)); err == nil {
			checkStore(t, s, l.list())
			if err := s.Close(); err != nil {
				t.Errorf("Close on a full disk: %v", err)
			}
		} else if !errors.Is(err, ErrDiskFull) {
			t.Errorf("Open on a full disk: %v", err)
		}
		warned := (&picture{"never", d, l.list()}).check(t)
		if lines := warned.with("made again"); len(lines) > 0 {
			t.Errorf("a full disk has cost the index: %s", lines)
		}
	}
}

// When there is little space nothing is written at all.
func TestLittleSpace(t *testing.T) {
	t.Parallel()
	d, l, random := newDisk(), &ledger{}, newRandom(t)
	p := d.process()
	s := openTest(t, "store", tiny(p))
	runWriters(t, s, random, "before", 1, 10, 100, l)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.usage.Store(&vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: reserve, UsedBytes: 1<<30 - reserve})
	s = openTest(t, "store", tiny(p))
	p.watch(func(o op) error {
		if o.inLog() {
			t.Errorf("%s of %s, although the disk is nearly full", o.kind, o.path)
		}
		return nil
	}, nil)
	n, err := s.Namespace(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err = n.SaveEvents(context.Background(), newSave("a", "refused", map[string]aether.Version{}, 100, "room/full")...)
		if !errors.Is(err, ErrDiskFull) || !errors.Is(err, aether.ErrNotSaved) || errors.Is(err, ErrStopped) {
			t.Errorf("SaveEvents: %v, want ErrDiskFull", err)
		}
	}
	var full *DiskFullError
	if !errors.As(err, &full) || full.Folder != "store" || full.Free != reserve || full.Needed <= reserve {
		t.Errorf("SaveEvents: %#v", full)
	}
	want := fmt.Sprintf("filestore: disk full: %d bytes are free in store, and %d are needed; nothing was written, make space and try again", reserve, full.Needed)
	if err.Error() != want {
		t.Errorf("SaveEvents: %v, want %s", err, want)
	}
	if stats, err := s.Stats(); err != nil || stats != (Stats{FreeBytes: reserve, FailedSaves: 3}) {
		t.Errorf("Stats: %+v, %v", stats, err)
	}
	snapshot := aether.Snapshot{ActorID: "room/1", Version: 1, Data: []byte("{}")}
	if err := n.(aether.SnapshotStore).SaveSnapshot(context.Background(), snapshot); !errors.Is(err, ErrDiskFull) {
		t.Errorf("SaveSnapshot: %v, want ErrDiskFull", err)
	}
	checkStore(t, s, l.list())
	p.watch(nil, nil)
	p.usage.Store(&vfs.DiskUsage{TotalBytes: 1 << 30, AvailBytes: 1 << 29, UsedBytes: 1 << 29})
	runWriters(t, s, random, "after", 1, 10, 100, l)
	if err := n.(aether.SnapshotStore).SaveSnapshot(context.Background(), snapshot); err != nil {
		t.Errorf("SaveSnapshot: %v", err)
	}
	checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A group that cannot be written has saves that were decided in the light of
// others in it: a repeat of one of them is no success, and who lost to one of them
// did not lose.
func TestFullDiskRefusesTheWholeGroup(t *testing.T) {
	t.Parallel()
	d := newDisk()
	p := d.process()
	var full atomic.Bool
	p.watch(func(o op) error {
		if full.Load() && o.kind == "write" && o.inLog() && o.size < minFill/2 {
			full.Store(false)
			return &tornWrite{o.size / 2, syscall.ENOSPC}
		}
		return nil
	}, nil)
	s := openTest(t, "store", &Options{Logger: quiet, fs: p})
	latest := map[string]aether.Version{}
	first := newSave("a", "first", latest, 10, "room/1")
	same := newSave("a", "same", latest, 10, "room/1", "room/2")
	loser := newSave("a", "loser", map[string]aether.Version{"room/1": 1}, 10, "room/1")
	later := newSave("a", "later", latest, 10, "room/2")
	errs := saveGroup(t, p, s, "a", first, func() { full.Store(true) }, same, same, loser, later)
	for i, err := range errs {
		if !errors.Is(err, ErrDiskFull) {
			t.Errorf("save %d of the group: %v, want ErrDiskFull", i, err)
		}
		if want := "filestore: disk full: there is no space for the save in store; nothing was written, make space and try again"; err.Error() != want {
			t.Errorf("save %d of the group: %v, want %s", i, err, want)
		}
	}
	acks := []ack{{"a", "first", 1}}
	checkStore(t, s, acks)
	n, err := s.Namespace(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if position, err := n.SaveEvents(context.Background(), same...); err != nil || position != 3 {
		t.Errorf("SaveEvents when there is space: %d, %v", position, err)
	}
	acks = append(acks, ack{"a", "same", 3})
	checkStore(t, s, acks)
	p.kill()
	_ = s.Close()
	(&picture{"after all", d, acks}).check(t)
}

// Where space is only found missing when it is synced nobody knows what is on
// disk, so the store stops.
func TestFullDiskAtSync(t *testing.T) {
	t.Parallel()
	d, l, random := newDisk(), &ledger{}, newRandom(t)
	p := d.process()
	s := openTest(t, "store", tiny(p))
	runWriters(t, s, random, "before", 1, 10, 100, l)
	p.watch(func(o op) error {
		if o.kind == "sync" && o.inLog() {
			return syscall.ENOSPC
		}
		return nil
	}, nil)
	n, err := s.Namespace(context.Background(), "a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = n.SaveEvents(context.Background(), newSave("a", "lost", map[string]aether.Version{}, 100, "room/full")...)
	if !errors.Is(err, ErrStopped) || errors.Is(err, ErrDiskFull) {
		t.Errorf("SaveEvents: %v, want ErrStopped", err)
	}
	checkStopped(t, s, l, "ENOSPC")
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	(&picture{"after ENOSPC", d.losePower(t, 0, 0), l.list()}).check(t)
	(&picture{"never", d, l.list()}).check(t)
}
