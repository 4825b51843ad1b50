package filestore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// A process was killed before anything but the log said how far that had come, and
// then a byte of the last save was flipped. It cannot be told from a save that was
// never finished, but it is said that it cannot, and nothing of it is lost.
func TestDamagedLastSaveIsKept(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	g := newGroups(t, 1)
	start, end := g.ends[len(g.ends)-2], g.ends[len(g.ends)-1]
	// Of the group, the last save alone is damaged.
	last := int64(start)
	for at := start; at < end; {
		r, err := checkRecord(g.content[at:])
		if err != nil {
			t.Fatal(err)
		}
		if at += len(r); r.more() == 0 && at < end {
			last = int64(at)
		}
	}
	content := slices.Clone(g.content)
	content[end-1] ^= 1
	lost := content[last:end]
	d := g.with(t, content)

	report, err := Verify(ctx, "store", &Options{fs: d.process()})
	want := LogPlace{g.path, last}
	if err != nil || report.Doubtful == nil || *report.Doubtful != want || report.Incomplete != int64(len(lost)) {
		t.Errorf("Verify: %+v, %v; want %d doubtful bytes at %+v", report, err, len(lost), want)
	}
	// When the power goes meanwhile, it is in one place or the other.
	for n := 1; ; n++ {
		d := g.with(t, content)
		p := d.process()
		p.watch(killAt(p, n), nil)
		s, err := Open(ctx, "store", &Options{fs: p, Logger: quiet})
		if err == nil {
			_ = s.Close()
		}
		d = d.losePower(t, 50, uint64(n))
		now, _ := readFile(d.mem, g.path)
		there := len(now) >= end && slices.Equal(now[last:end], lost)
		if kept := cuts(t, d); !there && (len(kept) == 0 || !slices.Equal(kept[0], lost)) {
			t.Errorf("power lost after change %d of Open: neither the log nor %d kept files have what was cut off", n, len(kept))
		}
		if err == nil {
			break
		}
	}

	for round := range maxCuts + 3 {
		warned := &warnings{}
		rewriteFile(t, d.mem, g.path, content)
		p := d.process()
		s := openTest(t, "store", &Options{fs: p, Logger: warned.logger()})
		name := fmt.Sprintf("store/cut/00000001-%d-%d", last, round+1)
		if lines := warned.with("unfinished, or damaged: the two cannot be told apart"); len(lines) != 1 || !strings.Contains(lines[0], "kept="+name) {
			t.Errorf("Open warned %q", warned.with(""))
		}
		if got, err := readFile(d.mem, name); err != nil || !slices.Equal(got, lost) {
			t.Errorf("%s has %d bytes, %v; want the %d that were cut off", name, len(got), err, len(lost))
		}
		p.kill() // so that nothing is noted of this
		_ = s.Close()
	}
	if kept := cuts(t, d); len(kept) != maxCuts {
		t.Errorf("%d files are kept, want %d", len(kept), maxCuts)
	}
}

// cuts returns what is kept of what was cut off.
func cuts(t testing.TB, d *disk) (contents [][]byte) {
	t.Helper()
	if _, err := d.mem.Stat("store/" + cutFolder); err != nil {
		return nil
	}
	for _, path := range listFiles(t, d.mem, "store/"+cutFolder) {
		content, err := readFile(d.mem, path)
		if err != nil {
			t.Fatal(err)
		}
		if cutNumber(path) > 0 {
			contents = append(contents, content)
		}
	}
	return contents
}

// A full disk does not prevent opening, any other failure to keep what is cut off
// does: then it is still in the log.
func TestCutThatCannotBeKept(t *testing.T) {
	t.Parallel()
	g := newGroups(t, 1)
	content := slices.Clone(g.content)
	content[g.ends[1]-1] ^= 1
	for _, kind := range []string{"mkdir", "create", "write", "sync", "rename", "syncdir"} {
		for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
			d := g.with(t, content)
			p := d.process()
			p.watch(func(o op) error {
				if o.kind == kind && (path.Base(o.path) == cutFolder || path.Base(path.Dir(o.path)) == cutFolder) {
					return cause
				}
				return nil
			}, nil)
			warned := &warnings{}
			s, err := Open(context.Background(), "store", &Options{fs: p, Logger: warned.logger()})
			what := fmt.Sprintf("when %s of the file fails with %v", kind, cause)
			if err == nil {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if cause == syscall.ENOSPC {
				if err != nil || len(warned.with("the disk is too full to keep it")) != 1 {
					t.Errorf("%s: %v, %q", what, err, warned.with(""))
				}
				continue
			}
			now, _ := readFile(d.mem, g.path)
			if !errors.Is(err, syscall.EIO) || !slices.Equal(now, content) {
				t.Errorf("%s: %v; the log has %d bytes of %d", what, err, len(now), len(content))
			}
		}
	}
}

// A flipped byte in the last save of a backup, or of what was restored from one, is
// damage, and nobody may append to a backup.
func TestDamageAfterRestore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	if _, err := Backup(ctx, "store", "backup", tiny(c.disk.process())); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(ctx, "backup", "restored", tiny(c.disk.process())); err != nil {
		t.Fatal(err)
	}
	files := c.logFiles(t)
	name := path.Base(files[len(files)-1])
	for _, forget := range []bool{false, true} { // as in backups of before
		for _, dir := range []string{"backup", "restored"} {
			d := c.disk.copy(t)
			log := path.Join(dir, logFolder, name)
			whole, err := readFile(d.mem, log)
			if err != nil {
				t.Fatal(err)
			}
			content := slices.Clone(whole)
			content[len(content)-1] ^= 1
			rewriteFile(t, d.mem, log, content)
			if forget {
				if dir == "restored" {
					continue
				}
				if err := d.mem.Remove(path.Join(dir, checkedName)); err != nil {
					t.Fatal(err)
				}
			}
			if report, err := Verify(ctx, dir, tiny(d.process())); !errors.Is(err, ErrDamaged) {
				t.Errorf("Verify of the %s: %+v, %v", dir, report, err)
			}
			if _, err := Open(ctx, dir, tiny(d.process())); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrBackup) {
				t.Errorf("Open of the %s: %v", dir, err)
			}
			if got, err := readFile(d.mem, log); err != nil || !slices.Equal(got, content) {
				t.Errorf("Open of the %s changed it", dir)
			}
			if dir == "backup" {
				if _, err := Restore(ctx, dir, "again", tiny(d.process())); !errors.Is(err, ErrDamaged) {
					t.Errorf("Restore of the damaged backup: %v", err)
				}
				rewriteFile(t, d.mem, log, append(slices.Clone(whole), 1, 2, 3))
				if report, err := Verify(ctx, dir, tiny(d.process())); !errors.Is(err, ErrDamaged) {
					t.Errorf("Verify of a backup that has more than it should: %+v, %v", report, err)
				}
			}
		}
	}

	before := listFiles(t, c.disk.mem, "backup")
	if _, err := Open(ctx, "backup", tiny(c.disk.process())); !errors.Is(err, ErrBackup) || !strings.Contains(err.Error(), "restore it to another folder") {
		t.Errorf("Open of a backup: %v, want ErrBackup", err)
	}
	if after := listFiles(t, c.disk.mem, "backup"); !slices.Equal(after, before) {
		t.Errorf("Open of a backup made %v of %v", after, before)
	}
	r, err := OpenReadOnly(ctx, "backup", tiny(c.disk.process()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for name, log := range c.logs {
		n, err := r.Namespace(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := collect(n.ReadLog(ctx, 0, nil)); err != nil || !sameEvents(got, log) {
			t.Errorf("the backup, opened for reading, has %d events of %q, %v; want %d", len(got), name, err, len(log))
		}
	}
}

// A folder that has something of a store, but neither index nor log, is no new one.
func TestOnlyRestOfStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	s := openTest(t, "store", tiny(c.disk.process()))
	n, err := s.Namespace(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.(aether.SnapshotStore).SaveSnapshot(ctx, aether.Snapshot{ActorID: "room/1", Version: 1, Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, rest := range [][]string{{lockName}, {checkedName}, {snapFolder}, {cutFolder}, {lockName, snapFolder}, {checkedName, logFolder}, {snapFolder, logFolder}} {
		d := c.disk.copy(t)
		if err := d.mem.MkdirAll("store/"+cutFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		names, err := d.mem.List("store")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !slices.Contains(rest, name) {
				if err := d.mem.RemoveAll("store/" + name); err != nil {
					t.Fatal(err)
				}
			}
		}
		if slices.Contains(rest, logFolder) {
			for _, path := range listFiles(t, d.mem, "store/"+logFolder) {
				if err := d.mem.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if slices.Contains(rest, checkedName) {
			rewriteFile(t, d.mem, "store/"+checkedName, []byte("nonsense"))
		}
		if s, err := Open(ctx, "store", tiny(d.process())); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("Open with only %v: %v, want ErrDamaged", rest, err)
			if err == nil {
				_ = s.Close()
			}
		}
		if _, err := Verify(ctx, "store", tiny(d.process())); !errors.Is(err, ErrDamaged) {
			t.Errorf("Verify with only %v: %v, want ErrDamaged", rest, err)
		}
	}
}
