package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// closedStore is a store that was closed, and all its events.
type closedStore struct {
	disk *disk
	logs map[string][]aether.Event
}

// newClosedStore saves some events, in several small segments. It was opened and
// closed more than once.
func newClosedStore(t testing.TB, random *rand.Rand, segmentSize int64, saves int) *closedStore {
	t.Helper()
	c := &closedStore{disk: newDisk()}
	l := &ledger{}
	options := tiny(c.disk.process())
	options.SegmentSize = segmentSize
	for life := range 2 {
		s := openTest(t, "store", options)
		runWriters(t, s, random, fmt.Sprint(life), 2, saves/4, 60, l)
		c.logs = checkStore(t, s, l.list())
		for life == 1 { // so that the last segment has some too
			files := c.logFiles(t)
			if _, records := c.readRecords(t, files[len(files)-1]); len(records) > 0 {
				break
			}
			runWriters(t, s, random, fmt.Sprint("more-", random.Uint64()), 1, 1, 60, l)
			c.logs = checkStore(t, s, l.list())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// logFiles returns the segments.
func (c *closedStore) logFiles(t testing.TB) []string {
	t.Helper()
	return listFiles(t, c.disk.mem, "store/"+logFolder)
}

func (c *closedStore) read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := readFile(c.disk.mem, path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readRecords returns the head and the records of a segment, without the zeros
// that may follow, and where each record begins.
func (c *closedStore) readRecords(t testing.TB, path string) (content []byte, records []int) {
	t.Helper()
	content = c.read(t, path)
	at := segmentHeader
	for at < len(content) {
		r, err := checkRecord(content[at:])
		if err != nil {
			break
		}
		records = append(records, at)
		at += len(r)
	}
	if !isZero(content[at:]) {
		t.Fatalf("%s has something else than records at byte %d", path, at)
	}
	return content[:at], records
}

// with returns the disk with another content of a file.
func (c *closedStore) with(t testing.TB, path string, content []byte) *disk {
	t.Helper()
	d := c.disk.copy(t)
	rewriteFile(t, d.mem, path, content)
	return d
}

// expectAllOrDamaged opens, reads and verifies a store whose log was tampered
// with. It says how that was noticed; "" when nothing is missing.
func (c *closedStore) expectAllOrDamaged(t testing.TB, d *disk, what string) (noticed string) {
	t.Helper()
	ctx := context.Background()
	before := make(map[string][]byte)
	if _, err := d.mem.Stat("store/" + logFolder); err == nil {
		for _, path := range listFiles(t, d.mem, "store/"+logFolder) {
			before[path], _ = readFile(d.mem, path)
		}
	}
	s, err := Open(ctx, "store", tiny(d.process()))
	if err == nil {
		logs, err := inspectStore(ctx, s, nil)
		if err != nil || !sameLogs(logs, c.logs) {
			t.Errorf("%s: Open did not notice; then: %v", what, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close: %v", what, err)
		}
		if err := c.verify(d); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		return ""
	}
	if damage, ok := errors.AsType[*DamageError](err); !ok || !errors.Is(err, ErrDamaged) || damage.File == "" || damage.Reason == "" {
		t.Errorf("%s: Open: %v, want ErrDamaged", what, err)
	}
	if err := c.verify(d); !errors.Is(err, ErrDamaged) {
		t.Errorf("%s: Verify: %v, but Open: want ErrDamaged", what, err)
	}
	c.expectReadOnlyHonest(t, d, what)
	for path, content := range before {
		if got, err := readFile(d.mem, path); err != nil || !slices.Equal(got, content) {
			t.Errorf("%s: what is left of %s was changed: %v", what, path, err)
		}
	}
	return err.Error()
}

// verify returns the error of Verify, or one that says what it missed.
func (c *closedStore) verify(d *disk) error {
	report, err := Verify(context.Background(), "store", tiny(d.process()))
	if err != nil {
		return err
	}
	total := 0
	for name, log := range c.logs {
		total += len(log)
		if report.Namespaces[name] != aether.Position(len(log)) {
			return fmt.Errorf("Verify found %d events of %q where %d were saved", report.Namespaces[name], name, len(log))
		}
	}
	if report.Events != int64(total) || report.Incomplete != 0 {
		return fmt.Errorf("Verify reports %+v where %d events were saved", report, total)
	}
	return nil
}

// expectReadOnlyHonest reads all events with OpenReadOnly: the beginning of what
// was saved, and an error unless that is all of it.
func (c *closedStore) expectReadOnlyHonest(t testing.TB, d *disk, what string) {
	t.Helper()
	ctx := context.Background()
	r, err := OpenReadOnly(ctx, "store", tiny(d.process()))
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: OpenReadOnly: %v", what, err)
		}
		return
	}
	defer r.Close()
	for name, want := range c.logs {
		n, err := r.Namespace(ctx, name)
		if err != nil {
			t.Errorf("%s: Namespace of a read-only store: %v", what, err)
			return
		}
		got, err := collect(n.ReadLog(ctx, 0, nil))
		if len(got) > len(want) || !sameEvents(got, want[:len(got)]) || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: ReadLog of a read-only store: %d events, %v; want the first of %d", what, len(got), err, len(want))
		}
		if err == nil && len(got) < len(want) {
			t.Errorf("%s: ReadLog of a read-only store ends silently after %d of %d events", what, len(got), len(want))
		}
	}
}

func TestFlippedByte(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c := newClosedStore(t, random, 1500, 24)
	files := c.logFiles(t)
	if len(files) < 4 {
		t.Fatalf("only %d segments", len(files))
	}
	for i, path := range files {
		content, _ := c.readRecords(t, path)
		for at := range content {
			// A few of every part, most of them in the last segment, where damage is
			// told from a write that was cut short; and every byte with -all.
			often := 60
			if i == len(files)-1 {
				often = 15
			}
			if !*allFlag && random.IntN(often) != 0 {
				continue
			}
			flipped := slices.Clone(content)
			flipped[at] ^= byte(1 + random.IntN(255))
			what := fmt.Sprintf("byte %d of %s, of %d", at, path, len(content))
			if c.expectAllOrDamaged(t, c.with(t, path, flipped), what) == "" {
				t.Errorf("%s: nobody noticed; every byte is under a checksum", what)
			}
		}
	}
}

// The same for each part of a file in turn.
func TestFlippedByteOfEveryPart(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c := newClosedStore(t, random, 1500, 24)
	files := c.logFiles(t)
	for _, path := range []string{files[0], files[1], files[len(files)-1]} {
		content, records := c.readRecords(t, path)
		offsets := map[string]int{"the mark": 0, "the format": 7, "the number": 8, "the store's ID": 20, "the size before": 32, "the checksum before": 40, "the unused part of the head": 50, "the checksum of the head": 61}
		for name, at := range map[string]int{"the first record": records[0], "a record": records[len(records)/2], "the last record": records[len(records)-1]} {
			for field, offset := range map[string]int{"length": 0, "length, high": 3, "checksum": offsetCRC, "position": offsetPosition, "version": offsetVersion, "time": offsetTime, "distance": offsetBack, "more": offsetMore, "kind": offsetKind, "zero": offsetKind + 1, "schema": offsetSchema, "texts": headLength, "end": headLength + 11} {
				offsets[field+" of "+name] = at + offset
			}
		}
		for name, at := range offsets {
			if !*allFlag && random.IntN(4) != 0 {
				continue
			}
			flipped := slices.Clone(content)
			flipped[at] ^= byte(1 << random.IntN(8))
			what := fmt.Sprintf("%s in %s", name, path)
			if c.expectAllOrDamaged(t, c.with(t, path, flipped), what) == "" {
				t.Errorf("%s: nobody noticed", what)
			}
		}
	}
}

func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c := newClosedStore(t, random, 1500, 24)
	files := c.logFiles(t)
	for i, path := range files {
		content, _ := c.readRecords(t, path)
		for length := range content {
			often := 100
			if i == len(files)-1 {
				often = 20
			}
			if !*allFlag && length > 1 && length != segmentHeader && random.IntN(often) != 0 {
				continue
			}
			what := fmt.Sprintf("%s cut to %d of %d bytes", path, length, len(content))
			if c.expectAllOrDamaged(t, c.with(t, path, content[:length]), what) == "" && len(content) > segmentHeader {
				t.Errorf("%s: nobody noticed", what)
			}
		}
	}
}

// A whole part of the log is gone.
func TestMissingFile(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	files := c.logFiles(t)
	for what, gone := range map[string][]string{
		"the first segment":     files[:1],
		"one in the middle":     files[2:3],
		"the last one":          files[len(files)-1:],
		"the last two":          files[len(files)-2:],
		"all but the first one": files[1:],
		"all segments":          files,
		"the folder of the log": {"store/" + logFolder},
	} {
		d := c.disk.copy(t)
		for _, path := range gone {
			if err := d.mem.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
		if c.expectAllOrDamaged(t, d, "without "+what) == "" {
			t.Errorf("without %s: nobody noticed", what)
		}
	}
	for i, path := range files {
		for what, content := range map[string][]byte{
			"is empty":                             nil,
			"has zeros only":                       make([]byte, len(c.read(t, path))),
			"is another segment":                   c.read(t, files[(i+1)%len(files)]),
			"has zeros for its head":               slices.Concat(make([]byte, segmentHeader), c.read(t, path)[segmentHeader:]),
			"has lost its first record":            slices.Concat(c.read(t, path)[:segmentHeader], c.read(t, path)[segmentHeader+300:]),
			"is that of another store of the same": c.read(t, files[i])[:segmentHeader],
		} {
			if c.expectAllOrDamaged(t, c.with(t, path, content), path+" "+what) == "" {
				t.Errorf("%s %s: nobody noticed", path, what)
			}
		}
	}
}

// Segments of another store among those of this one.
func TestForeignSegment(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	c, other := newClosedStore(t, random, 1500, 24), newClosedStore(t, random, 1500, 24)
	for _, path := range c.logFiles(t) {
		content, err := readFile(other.disk.mem, path)
		if err != nil {
			continue
		}
		if c.expectAllOrDamaged(t, c.with(t, path, content), path+" of another store") == "" {
			t.Errorf("%s of another store: nobody noticed", path)
		}
	}
}

// Bytes that change without a trace in the folder, as on a disk that forgets, are
// noticed when they are read.
func TestDamageThatOpenCannotSee(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	random := newRandom(t)
	c := newClosedStore(t, random, 1500, 24)
	files := c.logFiles(t)
	rounds := 25
	if *allFlag {
		rounds = 500
	}
	for range rounds {
		path := files[random.IntN(len(files)-1)]
		content, _ := c.readRecords(t, path)
		at := segmentHeader + random.IntN(len(content)-segmentHeader-sealLength)
		d := c.disk.copy(t)
		s := openTest(t, "store", tiny(d.process()))
		flipInPlace(t, d.mem, path, int64(at), byte(1+random.IntN(255)))
		what := fmt.Sprintf("byte %d of %s", at, path)
		noticed := 0
		for name, want := range c.logs {
			n, err := s.Namespace(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := collect(n.ReadLog(ctx, 0, nil))
			if len(got) > len(want) || !sameEvents(got, want[:len(got)]) || err == nil && len(got) < len(want) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: ReadLog: %d of %d events, %v", what, len(got), len(want), err)
			}
			if err != nil {
				noticed++
			}
			streams := make(map[string][]aether.Event)
			for _, e := range want {
				streams[e.ActorID] = append(streams[e.ActorID], e)
			}
			for actorID, want := range streams {
				got, err := collect(n.GetEvents(ctx, actorID, 0))
				if len(got) > len(want) || !sameEvents(got, want[:len(got)]) || err == nil && len(got) < len(want) || err != nil && !errors.Is(err, ErrDamaged) {
					t.Errorf("%s: GetEvents(%q): %d of %d events, %v", what, actorID, len(got), len(want), err)
				}
			}
		}
		if noticed == 0 {
			t.Errorf("%s: nobody noticed", what)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

// flipInPlace changes a byte of a file that may be open.
func flipInPlace(t testing.TB, fsys vfs.FS, path string, at int64, by byte) {
	t.Helper()
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	b[0] ^= by
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// What damage there is, is told in one sentence with the file and the place.
func TestDamageText(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	path := c.logFiles(t)[0]
	content := c.read(t, path)
	content[segmentHeader+20] ^= 1
	text := c.expectAllOrDamaged(t, c.with(t, path, content), path)
	if !strings.Contains(text, "store/log/00000001.seg is damaged at byte 64: the checksum does not match") {
		t.Errorf("got %s", text)
	}
}
