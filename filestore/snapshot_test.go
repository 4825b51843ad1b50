package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// snapshotTest is a store with snapshots that are tampered with.
type snapshotTest struct {
	*closedStore
	snapshot aether.Snapshot
}

// use opens the store, calls a function with its snapshots and looks at all
// events.
func (c *snapshotTest) use(t *testing.T, d *disk, what string, f func(aether.SnapshotStore)) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, "store", tiny(d.process()))
	if err != nil {
		t.Errorf("%s: Open: %v", what, err)
		return
	}
	n, err := s.Namespace(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	f(n.(aether.SnapshotStore))
	if logs, err := inspectStore(ctx, s, nil); err != nil || !sameLogs(logs, c.logs) {
		t.Errorf("%s: the store has other events: %v", what, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: Close: %v", what, err)
	}
}

func (c *snapshotTest) save(t *testing.T, store aether.SnapshotStore, what string) {
	t.Helper()
	if err := store.SaveSnapshot(context.Background(), c.snapshot); err != nil {
		t.Errorf("%s: SaveSnapshot: %v", what, err)
	}
}

func (c *snapshotTest) expect(t *testing.T, store aether.SnapshotStore, what string, mayLack bool) {
	t.Helper()
	got, err := store.GetLatestSnapshot(context.Background(), c.snapshot.ActorID)
	if mayLack && errors.Is(err, aether.ErrSnapshotNotFound) {
		return
	}
	if err != nil || got.Version != c.snapshot.Version || got.Schema != c.snapshot.Schema || !bytes.Equal(got.Data, c.snapshot.Data) {
		t.Errorf("%s: GetLatestSnapshot: version %d with %d bytes, %v", what, got.Version, len(got.Data), err)
	}
}

// Snapshots are a cache: when their folder is damaged they are dropped, and
// everything else is well. They stay when the index is made again.
func TestSnapshotsDamaged(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c := &snapshotTest{newClosedStore(t, random, 4<<10, 24), aether.Snapshot{
		ActorID: "room/1", Version: 7, Schema: 2, Data: bytes.Repeat([]byte("state"), 2000), Time: time.UnixMicro(1).UTC(),
	}}
	for range 3 { // several times, for files of every kind
		c.use(t, c.disk, "at first", func(store aether.SnapshotStore) { c.save(t, store, "at first") })
	}
	d := c.disk.copy(t)
	if err := d.mem.RemoveAll("store/" + indexFolder); err != nil {
		t.Fatal(err)
	}
	c.use(t, d, "without the index", func(store aether.SnapshotStore) { c.expect(t, store, "without the index", false) })

	for _, file := range listFiles(t, c.disk.mem, "store/"+snapFolder) {
		for range 2 {
			d, how := c.tamper(t, file, random)
			c.use(t, d, how, func(store aether.SnapshotStore) {
				c.expect(t, store, how, true)
				c.save(t, store, how)
				c.expect(t, store, how+", saved again", false)
			})
			c.use(t, d, how, func(store aether.SnapshotStore) { c.expect(t, store, how+", saved and opened again", false) })
		}
	}
}

// tamper returns a disk on which a file is damaged, and says how.
func (c *snapshotTest) tamper(t *testing.T, file string, random *rand.Rand) (*disk, string) {
	t.Helper()
	content := slices.Clone(c.read(t, file))
	d := c.disk.copy(t)
	switch n := random.IntN(4); {
	case n == 0:
		rewriteFile(t, d.mem, file, content[:len(content)/2])
		return d, file + " cut in half"
	case n == 1:
		rewriteFile(t, d.mem, file, bytes.Repeat([]byte("garbage"), 1+len(content)/7))
		return d, file + " replaced by garbage"
	case n == 2 && len(content) > 0:
		at := random.IntN(len(content))
		content[at] ^= byte(1 + random.IntN(255))
		rewriteFile(t, d.mem, file, content)
		return d, fmt.Sprintf("%s flipped at byte %d", file, at)
	}
	if err := d.mem.Remove(file); err != nil {
		t.Fatal(err)
	}
	return d, file + " removed"
}

// Snapshots on a disk that is full, or broken, fail by themselves: neither the
// process nor the store comes to harm. They say that the store must be opened
// again for them.
func TestSnapshotsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		t.Run(cause.Error(), func(t *testing.T) {
			t.Parallel()
			d, l, random := newDisk(), &ledger{}, newRandom(t)
			p := d.process()
			s := openTest(t, "store", tiny(p))
			n, err := s.Namespace(ctx, "a")
			if err != nil {
				t.Fatal(err)
			}
			store := n.(aether.SnapshotStore)
			old := aether.Snapshot{ActorID: "room/old", Version: 1, Data: make([]byte, 100)}
			if err := store.SaveSnapshot(ctx, old); err != nil {
				t.Fatal(err)
			}
			p.watch(func(o op) error {
				if o.inSnapshots() && o.kind != "remove" {
					return cause
				}
				return nil
			}, nil)
			for i := range 40 {
				// More than Pebble holds in memory. Some are taken before it is noticed.
				snapshot := aether.Snapshot{ActorID: fmt.Sprint("room/", i), Version: 2, Data: make([]byte, 300_000)}
				err = store.SaveSnapshot(ctx, snapshot)
			}
			if !errors.Is(err, cause) || !errors.Is(err, ErrStopped) || errors.Is(err, ErrDiskFull) {
				t.Errorf("SaveSnapshot: %v, want ErrStopped for %v", err, cause)
			}
			runWriters(t, s, random, "meanwhile", 2, 20, 100, l)
			checkStore(t, s, l.list())
			if got, err := store.GetLatestSnapshot(ctx, "room/old"); err != nil || got.Version != 1 {
				t.Errorf("GetLatestSnapshot: %v, %v", got.Version, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			p.watch(nil, nil)
			s = openTest(t, "store", tiny(p))
			checkStore(t, s, l.list())
			if n, err = s.Namespace(ctx, "a"); err != nil {
				t.Fatal(err)
			}
			store = n.(aether.SnapshotStore)
			if err := store.SaveSnapshot(ctx, old); err != nil {
				t.Errorf("SaveSnapshot when the disk is well: %v", err)
			}
			if got, err := store.GetLatestSnapshot(ctx, "room/old"); err != nil || got.Version != 1 {
				t.Errorf("GetLatestSnapshot: %d, %v", got.Version, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}
