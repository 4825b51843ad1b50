package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/aether-es/aether"
)

// saveGroup saves all at once, so that they are written and synced together. It
// holds up the sync of a save made before them until all of them wait. Function
// then is called before they are written.
func saveGroup(t testing.TB, p *process, s *Store, namespace string, first []aether.Event, then func(), saves ...[]aether.Event) []error {
	t.Helper()
	ctx := context.Background()
	n, err := s.Namespace(ctx, namespace)
	if err != nil {
		t.Fatal(err)
	}
	former := p.hooks.Load()
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.watch(func(o op) error {
		if o.kind == "sync" && o.inLog() {
			once.Do(func() {
				close(held)
				<-release
			})
		}
		return nil
	}, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := n.SaveEvents(ctx, first...); err != nil {
			t.Errorf("SaveEvents: %v", err)
		}
	})
	<-held
	p.hooks.Store(former)
	errs := make([]error, len(saves))
	for i, events := range saves {
		wg.Go(func() { _, errs[i] = n.SaveEvents(ctx, events...) })
		waitQueued(s, i+1)
	}
	then()
	close(release)
	wg.Wait()
	return errs
}

// waitQueued returns when so many saves wait for the writer.
func waitQueued(s *Store, saves int) {
	for {
		s.queue.mu.Lock()
		waiting := len(s.queue.saves)
		s.queue.mu.Unlock()
		if waiting >= saves {
			return
		}
		runtime.Gosched()
	}
}

// groups is a store whose process died, and what is known of its last segment.
type groups struct {
	disk    *disk
	path    string
	content []byte
	ends    []int // of the groups in it
	acks    [][]ack
}

// newGroups makes a store with several groups of several saves in one segment. Its
// index knows nothing of them.
func newGroups(t testing.TB, count int) *groups {
	t.Helper()
	g := &groups{disk: newDisk(), path: "store/log/00000001.seg"}
	p := g.disk.process()
	s := openTest(t, "store", &Options{Logger: quiet, fs: p})
	latest := make(map[string]aether.Version)
	position := aether.Position(0)
	var acks []ack
	for i := range count {
		var saves [][]aether.Event
		first := newSave("a", fmt.Sprint("first-", i), latest, 100, "hall/1")
		position++
		acks = append(acks, ack{"a", fmt.Sprint("first-", i), position})
		g.ends, g.acks = append(g.ends, 0), append(g.acks, slices.Clone(acks)) // filled in below
		for j := range 4 {
			name := fmt.Sprintf("group-%d-%d", i, j)
			saves = append(saves, newSave("a", name, latest, 300*j, "room/1", "room/2", "room/1"))
			position += 3
			acks = append(acks, ack{"a", name, position})
		}
		for _, err := range saveGroup(t, p, s, "a", first, func() {}, saves...) {
			if err != nil {
				t.Fatal(err)
			}
		}
		g.ends, g.acks = append(g.ends, int(s.durable.offset)), append(g.acks, slices.Clone(acks))
	}
	p.kill()
	_ = s.Close()
	content, err := readFile(g.disk.mem, g.path)
	if err != nil {
		t.Fatal(err)
	}
	g.content = content
	// Where the first save of each round ends is where the group behind it begins.
	for i := 0; i < len(g.ends); i += 2 {
		start := segmentHeader
		if i > 0 {
			start = g.ends[i-1]
		}
		r, err := checkRecord(content[start:])
		if err != nil {
			t.Fatal(err)
		}
		g.ends[i] = start + len(r)
	}
	return g
}

// with returns the disk with other content in the segment.
func (g *groups) with(t testing.TB, content []byte) *disk {
	t.Helper()
	d := g.disk.copy(t)
	rewriteFile(t, d.mem, g.path, content)
	return d
}

// A group was being written when the power went: any of its pages may have come
// to the disk and any not. It is no damage, and what is left of it is removed.
func TestTornGroup(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	g := newGroups(t, 3)
	start, end := g.ends[len(g.ends)-2], g.ends[len(g.ends)-1]
	rounds := 30
	if *allFlag {
		rounds = 2000
	}
	removed := 0
	for round := range rounds {
		content := slices.Clone(g.content)
		sector := []int{512, 4096, 64}[round%3]
		whole := true
		for at := start - start%sector; at < end; at += sector {
			if random.IntN(4) == 0 || at <= start && round%5 == 0 {
				clear(content[max(at, start):min(at+sector, end)])
				whole = false
			}
		}
		if random.IntN(3) == 0 { // the file did not grow to its size, either
			content = content[:start+random.IntN(end-start+1)]
			whole = whole && len(content) == end
		}
		d := g.with(t, content)
		report, err := Verify(context.Background(), "store", &Options{fs: d.process()})
		if err != nil {
			t.Errorf("round %d: Verify: %v", round, err)
		}
		p := &picture{fmt.Sprint("in round ", round), d, g.acks[len(g.acks)-2]}
		warned := p.check(t)
		removed += len(warned.with("incomplete save"))
		if whole {
			p.acks = g.acks[len(g.acks)-1]
		}
		p.check(t) // the second time nothing is left to be removed
		again, err := Verify(context.Background(), "store", &Options{fs: d.process()})
		if err != nil || again.Incomplete != 0 || again.Events != report.Events || again.Namespaces["a"] != report.Namespaces["a"] {
			t.Errorf("round %d: Verify: %+v, %v; before the store was opened it was %+v", round, again, err, report)
		}
	}
	if removed < rounds/2 {
		t.Errorf("an incomplete save was removed in %d of %d rounds only: the test tears nothing", removed, rounds)
	}
}

// What was synced before a group that is whole, or partly there, is not torn: when
// it is broken it was damaged.
func TestDamageBeforeTheLastGroup(t *testing.T) {
	t.Parallel()
	random := newRandom(t)
	g := newGroups(t, 3)
	rounds := 40
	if *allFlag {
		rounds = 1000
	}
	for range rounds {
		group := random.IntN(len(g.ends) - 1)
		start := segmentHeader
		if group > 0 {
			start = g.ends[group-1]
		}
		content := slices.Clone(g.content)
		at := start + random.IntN(g.ends[group]-start)
		content[at] ^= byte(1 + random.IntN(255))
		what := fmt.Sprintf("byte %d, in group %d of %d that ends at %d", at, group+1, len(g.ends), g.ends[group])
		d := g.with(t, content)
		expectDamaged(t, d, what)
		if got, err := readFile(d.mem, g.path); err != nil || !slices.Equal(got, content) {
			t.Errorf("%s: Open has changed the damaged file", what)
		}
	}
}

// expectDamaged opens, reads and verifies a store that has lost something.
func expectDamaged(t testing.TB, d *disk, what string) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, "store", tiny(d.process()))
	if s != nil {
		_ = s.Close()
	}
	damage, ok := errors.AsType[*DamageError](err)
	if !ok || !errors.Is(err, ErrDamaged) || damage.File == "" || damage.Reason == "" {
		t.Errorf("%s: Open: %v, want ErrDamaged", what, err)
	}
	if report, err := Verify(ctx, "store", tiny(d.process())); !errors.Is(err, ErrDamaged) {
		t.Errorf("%s: Verify: %+v, %v, want ErrDamaged", what, report, err)
	}
}

// The next segment was being made when the power went.
func TestTornSegmentHead(t *testing.T) {
	t.Parallel()
	g := newGroups(t, 1)
	last := &segment{number: 1, path: g.path}
	for _, content := range [][]byte{nil, make([]byte, 10), make([]byte, segmentHeader), make([]byte, 9000), last.encodeHeader()[:30]} {
		for _, path := range []string{"store/log/00000001.seg", "store/log/00000002.seg"} {
			d, acks := g.disk.copy(t), g.acks[len(g.acks)-1]
			if path == last.path {
				d, acks = newDisk(), nil
				if err := makeFolder(d.mem, "store/log"); err != nil {
					t.Fatal(err)
				}
			}
			rewriteFile(t, d.mem, path, content)
			p := &picture{fmt.Sprintf("with %d bytes of %s", len(content), path), d, acks}
			p.check(t)
			s := openTest(t, "store", tiny(d.process()))
			runWriters(t, s, newRandom(t), "later", 1, 40, 100, &ledger{})
			checkStore(t, s, acks)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What was lost is counted without the zeros behind it, which are space that was
// filled ahead.
func TestTornSaveIsCounted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := newGroups(t, 1)
	start, end := g.ends[0], g.ends[1]
	const torn = 100 // bytes that came to the disk
	content := slices.Clone(g.content)
	clear(content[start+torn:])
	lost := len(bytes.TrimRight(content[start:], "\x00"))
	if len(content) < end+minFill/2 || lost > torn || lost < torn/2 {
		t.Fatalf("the segment has %d bytes after its %d, %d of them are torn", len(content)-end, end, lost)
	}
	d := g.with(t, content)
	report, err := Verify(ctx, "store", &Options{fs: d.process()})
	if err != nil || report.Incomplete != int64(lost) {
		t.Errorf("Verify: %d bytes are incomplete, %v; want %d", report.Incomplete, err, lost)
	}
	warned := &warnings{}
	s := openTest(t, "store", &Options{fs: d.process(), Logger: warned.logger()})
	if lines := warned.with(fmt.Sprintf(" bytes=%d\n", lost)); len(lines) != 1 {
		t.Errorf("Open warned of something else than %d bytes: %s", lost, warned.with(""))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
