package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
)

// expectSame opens a store whose log is as it was, and looks at everything. It
// says whether the store told that it made the index again, and returns its
// warnings.
func (c *closedStore) expectSame(t testing.TB, d *disk, what string) (made bool, warned *warnings) {
	t.Helper()
	var total, done int64
	for _, file := range c.logFiles(t) {
		total += int64(len(c.read(t, file)))
	}
	warned = &warnings{}
	options := tiny(d.process())
	options.Logger = warned.logger()
	options.Progress = func(p Progress) {
		if p.Done < 0 || p.Done > p.Total || p.Step == "" {
			t.Errorf("%s: Progress: %+v", what, p)
		}
		if p.Step == "index" {
			made, done = p.Total == total, p.Done
		}
	}
	s, err := Open(context.Background(), "store", options)
	if err != nil {
		t.Errorf("%s: Open: %v", what, err)
		return made, warned
	}
	if made && done != total {
		t.Errorf("%s: Progress ended at %d of %d bytes", what, done, total)
	}
	logs, err := inspectStore(context.Background(), s, nil)
	if err != nil || !sameLogs(logs, c.logs) {
		t.Errorf("%s: the store has other events: %v", what, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("%s: Close: %v", what, err)
	}
	return made, warned
}

func TestIndexDeleted(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 4<<10, 60)
	for what, gone := range map[string][]string{
		"without the index":                     {indexFolder},
		"without " + checkedName:                {checkedName},
		"without index and " + checkedName:      {indexFolder, checkedName},
		"without index, snapshots and the lock": {indexFolder, snapFolder, lockName},
	} {
		d := c.disk.copy(t)
		for _, name := range gone {
			if err := d.mem.RemoveAll("store/" + name); err != nil {
				t.Fatal(err)
			}
		}
		made, _ := c.expectSame(t, d, what)
		if gone[0] == indexFolder && !made {
			t.Errorf("%s: no progress was told", what)
		}
		if made, _ := c.expectSame(t, d, what+", the second time"); made {
			t.Errorf("%s: the index was made twice", what)
		}
	}
	if made, _ := c.expectSame(t, c.disk.copy(t), "untouched"); made {
		t.Errorf("the index was made again for nothing")
	}
}

// Every file beside the log may be damaged in any way.
func TestIndexDamaged(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c := newClosedStore(t, random, 4<<10, 60)
	files := append(listFiles(t, c.disk.mem, "store/"+indexFolder), "store/"+checkedName)
	for _, file := range files {
		content := c.read(t, file)
		flips := 2
		if *allFlag {
			flips = 100
		}
		changed := map[string][]byte{"emptied": nil, "replaced by garbage": bytes.Repeat([]byte("garbage"), 1+len(content)/7)}
		if len(content) > 0 {
			changed["cut in half"] = content[:len(content)/2]
			changed["cut by a byte"] = content[:len(content)-1]
			changed["full of zeros"] = make([]byte, len(content))
		}
		changed["longer"] = append(slices.Clone(content), "longer"...)
		for i := range flips * min(1, len(content)) {
			flipped := slices.Clone(content)
			at := random.IntN(len(content))
			flipped[at] ^= byte(1 + random.IntN(255))
			changed[fmt.Sprintf("flipped (%d) at byte %d of %d", i, at, len(content))] = flipped
		}
		for how, content := range changed {
			if !*allFlag && random.IntN(3) > 0 {
				continue
			}
			c.expectSame(t, c.with(t, file, content), file+" "+how)
		}
		d := c.disk.copy(t)
		if err := d.mem.Remove(file); err != nil {
			t.Fatal(err)
		}
		c.expectSame(t, d, file+" removed")
	}
	d := c.disk.copy(t)
	rewriteFile(t, d.mem, "store/"+indexFolder+"/stray", []byte("stray"))
	rewriteFile(t, d.mem, "store/"+newTable, []byte("stray"))
	rewriteFile(t, d.mem, "store/"+checkedName+".new", []byte("stray"))
	c.expectSame(t, d, "with stray files")
}

// A process that dies leaves a table that is half written; that costs nothing.
func TestIndexHalfWritten(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 4<<10, 60)
	for _, size := range []int{0, 1, 100, 5000} {
		d := c.disk.copy(t)
		rewriteFile(t, d.mem, "store/"+indexFolder+"/999999.sst", bytes.Repeat([]byte{7}, size))
		made, warned := c.expectSame(t, d, fmt.Sprintf("with %d bytes of another table", size))
		if lines := warned.with("made again"); len(lines) > 0 || made {
			t.Errorf("with %d bytes of another table the index was made again: %s", size, lines)
		}
	}
}

// The index belongs to another log, or to another time of this one.
func TestIndexOfAnotherLog(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c, other := newClosedStore(t, random, 4<<10, 60), newClosedStore(t, random, 4<<10, 60)
	d := c.disk.copy(t)
	replaceFolder(t, d, other.disk, indexFolder)
	c.expectSame(t, d, "with the index of another store")
	rewriteFile(t, d.mem, "store/"+checkedName, other.read(t, "store/"+checkedName))
	c.expectSame(t, d, "with notes of another store")

	// It goes on, so the index of before is too old.
	later := &closedStore{disk: c.disk.copy(t)}
	s := openTest(t, "store", tiny(later.disk.process()))
	l := &ledger{}
	runWriters(t, s, random, "later", 2, 30, 100, l)
	later.logs = checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d = later.disk.copy(t)
	replaceFolder(t, d, c.disk, indexFolder)
	later.expectSame(t, d, "with an older index")

	// The log of before with the index of now: events that the index knows are
	// missing, and it is not for Open to decide that nobody misses them.
	d = later.disk.copy(t)
	replaceFolder(t, d, c.disk, logFolder)
	if _, err := Open(context.Background(), "store", tiny(d.process())); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "delete "+indexFolder+" and "+checkedName) {
		t.Errorf("Open of an older log with its newer index: %v", err)
	}
	if _, err := Verify(context.Background(), "store", tiny(d.process())); !errors.Is(err, ErrDamaged) {
		t.Errorf("Verify of an older log: %v", err)
	}
	for _, name := range []string{indexFolder, checkedName} {
		if err := d.mem.RemoveAll("store/" + name); err != nil {
			t.Fatal(err)
		}
	}
	c.expectSame(t, d, "with an older log, after what the error said was done")
}

func replaceFolder(t testing.TB, to, from *disk, name string) {
	t.Helper()
	if err := to.mem.RemoveAll("store/" + name); err != nil {
		t.Fatal(err)
	}
	if err := makeFolder(to.mem, "store/"+name); err != nil {
		t.Fatal(err)
	}
	for _, file := range listFiles(t, from.mem, "store/"+name) {
		content, err := readFile(from.mem, file)
		if err != nil {
			t.Fatal(err)
		}
		rewriteFile(t, to.mem, file, content)
	}
}

// A table goes bad while the store is open: reads tell the truth or fail, and the
// index is made again when the store is opened again.
func TestIndexDamagedWhileOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	random := newRandom(t)
	c := newClosedStore(t, random, 4<<10, 60)
	tables := slices.DeleteFunc(listFiles(t, c.disk.mem, "store/"+indexFolder), func(p string) bool { return path.Ext(p) != ".sst" })
	rounds := 3
	if *allFlag {
		rounds = 300
	}
	failed := 0
	for range rounds {
		d := c.disk.copy(t)
		options := tiny(d.process())
		options.CacheSize = 1 // nothing is remembered
		s := openTest(t, "store", options)
		var texts []string
		for range 8 {
			table := tables[random.IntN(len(tables))]
			content, err := readFile(d.mem, table)
			if err != nil {
				continue // Pebble has merged it into another
			}
			at := random.IntN(len(content))
			flipInPlace(t, d.mem, table, int64(at), byte(1+random.IntN(255)))
			texts = append(texts, fmt.Sprintf("byte %d of %s", at, table))
		}
		what := strings.Join(texts, ", ")
		for name, log := range c.logs {
			n, err := s.Namespace(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			for range 6 { // Pebble takes its time over what is damaged
				i := random.IntN(len(log))
				if v, err := n.GetLatestVersion(ctx, log[i].ActorID); err != nil {
					failed++
				} else if v < log[i].Version {
					t.Errorf("%s: GetLatestVersion(%q): %d, but %d is there", what, log[i].ActorID, v, log[i].Version)
				}
				got, err := collect(n.GetEvents(ctx, log[i].ActorID, log[i].Version-1))
				if err == nil && (len(got) == 0 || !sameEvents(got[:1], log[i:i+1])) {
					t.Errorf("%s: GetEvents(%q, %d): others", what, log[i].ActorID, log[i].Version-1)
				}
				if position, err := n.SaveEvents(ctx, log[i]); err == nil && position != log[i].Position {
					t.Errorf("%s: SaveEvents again: position %d, want %d", what, position, log[i].Position)
				}
			}
			if latest, err := n.GetLatestPosition(ctx); err == nil && latest != aether.Position(len(log)) {
				t.Errorf("%s: GetLatestPosition: %d, want %d", what, latest, len(log))
			}
		}
		if err := s.Close(); err != nil {
			t.Logf("%s: Close: %v", what, err)
		}
		c.expectSame(t, d, "opened again, after "+what)
	}
	if failed == 0 {
		t.Error("no read failed: the test damages nothing that matters")
	}
}

// Open gives up when ctx ends, also in the middle of the log, and the next one has
// the folder.
func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 4<<10, 60)
	for after := range int64(8) {
		d := c.disk.copy(t)
		if err := d.mem.RemoveAll("store/" + indexFolder); err != nil {
			t.Fatal(err)
		}
		ctx := &countedContext{Context: context.Background()}
		ctx.left.Store(1 + after*7)
		s, err := Open(ctx, "store", tiny(d.process()))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Open, cancelled after %d steps: %v", 1+after*7, err)
		}
		if s != nil {
			_ = s.Close()
		}
		c.expectSame(t, d, "after Open was cancelled")
	}
}

// countedContext is cancelled when it was asked so often.
type countedContext struct {
	context.Context
	left atomic.Int64
}

func (c *countedContext) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}
