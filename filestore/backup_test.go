package filestore

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// backupTest is a closed store in a real folder, and where to back it up.
type backupTest struct {
	*closedStore
	folder, dest string
}

func newBackupTest(t *testing.T) *backupTest {
	t.Helper()
	b := &backupTest{newClosedStore(t, newRandom(t), 1500, 24), filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "a", "backup")}
	for _, path := range listFiles(t, b.disk.mem, "store") {
		b.write(t, path, b.read(t, path))
	}
	return b
}

// write puts a file of the disk into the folder.
func (b *backupTest) write(t *testing.T, path string, content []byte) {
	t.Helper()
	path = filepath.Join(b.folder, strings.TrimPrefix(path, "store/"))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// expectNothing fails the test if there is anything in the destination.
func (b *backupTest) expectNothing(t *testing.T, what string) {
	t.Helper()
	if entries, err := os.ReadDir(b.dest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v, %v is left in %s", what, entries, err, b.dest)
	}
}

// A damaged store is not backed up: it is named, and nothing is left behind.
func TestBackupOfDamagedStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBackupTest(t)
	files := b.logFiles(t)
	for i, path := range files {
		content := slices.Clone(b.read(t, path))
		content[segmentHeader+20] ^= 1 // in the first record, which is not the last
		b.write(t, path, content)
		report, err := Backup(ctx, b.folder, b.dest, &Options{Logger: quiet})
		damage, ok := errors.AsType[*DamageError](err)
		if !ok || !strings.HasPrefix(damage.File, b.folder) || strings.Contains(err.Error(), b.dest) {
			t.Errorf("Backup with damage in segment %d of %d: %+v, %v; want damage in %s", i+1, len(files), report, err, b.folder)
		}
		b.expectNothing(t, "Backup of a damaged store")
		b.write(t, path, b.read(t, path))
	}
	report, err := Backup(ctx, b.folder, b.dest, &Options{Logger: quiet})
	if err != nil {
		t.Fatalf("Backup of the mended store: %v", err)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	again, err := Restore(ctx, b.dest, restored, &Options{Logger: quiet})
	if err != nil || again.Events != report.Events || !maps.Equal(again.Namespaces, report.Namespaces) {
		t.Errorf("Restore: %+v, %v; want %+v", again, err, report)
	}
	s := openTest(t, restored, &Options{Logger: quiet})
	if logs := checkStore(t, s, nil); !sameLogs(logs, b.logs) {
		t.Error("the restored store has other events")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A backup that fails for another reason leaves nothing behind either, but for the
// folder that was there before.
func TestBackupThatFails(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	for what, fails := range map[string]func(op) bool{
		"a write":   func(o op) bool { return o.kind == "write" },
		"a sync":    func(o op) bool { return o.kind == "sync" },
		"the end":   func(o op) bool { return o.kind == "rename" && strings.HasSuffix(o.path, logFolder) },
		"its notes": func(o op) bool { return o.kind == "rename" && strings.HasSuffix(o.path, backupName) },
	} {
		for _, exists := range []bool{false, true} {
			d := c.disk.copy(t)
			if exists {
				if err := makeFolder(d.mem, "backup"); err != nil {
					t.Fatal(err)
				}
			}
			p := d.process()
			p.watch(func(o op) error {
				if strings.HasPrefix(o.path, "backup") && fails(o) {
					return syscall.EIO
				}
				return nil
			}, nil)
			_, err := Backup(context.Background(), "store", "backup", tiny(p))
			if !errors.Is(err, syscall.EIO) || errors.Is(err, ErrDamaged) {
				t.Errorf("Backup when %s fails: %v", what, err)
			}
			names, err := d.mem.List("backup")
			if exists != (err == nil) || len(names) > 0 {
				t.Errorf("Backup when %s fails leaves %v, %v", what, names, err)
			}
		}
	}
}

// What is there is not touched.
func TestBackupToWhatIsThere(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 1500, 8)
	rewriteFile(t, c.disk.mem, "file", []byte("mine"))
	if err := makeFolder(c.disk.mem, "folder"); err != nil {
		t.Fatal(err)
	}
	rewriteFile(t, c.disk.mem, "folder/file", []byte("mine"))
	for _, dest := range []string{"file", "file/backup", "folder", "store"} {
		if _, err := Backup(context.Background(), "store", dest, tiny(c.disk.process())); err == nil || errors.Is(err, ErrDamaged) {
			t.Errorf("Backup to %s: %v", dest, err)
		}
	}
	for _, path := range []string{"file", "folder/file"} {
		if content := c.read(t, path); string(content) != "mine" {
			t.Errorf("%s is now %q", path, content)
		}
	}
	c.expectSame(t, c.disk, "after backups that were refused")
}

// A process that dies leaves a folder that is no store.
func TestBackupThatIsKilled(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	for n := 1; ; n++ {
		d := c.disk.copy(t)
		p := d.process()
		p.watch(killAt(p, n), nil)
		if _, err := Backup(ctx, "store", "backup", tiny(p)); err == nil {
			break
		}
		// Nothing was there yet, or what is there is refused, or is the whole log.
		report, err := Verify(ctx, "backup", tiny(d.process()))
		total := 0
		for _, log := range c.logs {
			total += len(log)
		}
		if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnfinished) && (err != nil || report.Events != int64(total)) {
			t.Errorf("killed at change %d: Verify: %+v, %v", n, report, err)
		}
		report, restoring := Restore(ctx, "backup", "restored", tiny(d.process()))
		if !errors.Is(restoring, ErrNotFound) && !errors.Is(restoring, ErrUnfinished) && (restoring != nil || report.Events != int64(total)) {
			t.Errorf("killed at change %d: Restore: %+v, %v", n, report, restoring)
		}
		if restoring == nil {
			continue // it was killed when all was done
		}
		_, inPlace := d.mem.Stat("backup/" + logFolder)
		report, err = Backup(ctx, "store", "backup", tiny(d.process()))
		switch {
		case inPlace == nil && errors.Is(err, ErrUnfinished): // at its very end
		case err != nil || report.Events != int64(total):
			t.Errorf("killed at change %d: Backup once more: %+v, %v", n, report, err)
		default:
			if report, err := Restore(ctx, "backup", "restored", tiny(d.process())); err != nil || report.Events != int64(total) {
				t.Errorf("killed at change %d: Restore of the second: %+v, %v", n, report, err)
			}
		}
	}
}

// A copy in the folder that is copied would be lost with it.
func TestCopyInsideItself(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newBackupTest(t)
	options := &Options{Logger: quiet}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(b.folder, link); err != nil {
		t.Fatal(err)
	}
	for _, dest := range []string{b.folder, filepath.Join(b.folder, "backup"), filepath.Join(b.folder, logFolder, "a", "b"), filepath.Join(link, "backup"), b.folder + "/../store/backup"} {
		if _, err := Backup(ctx, b.folder, dest, options); err == nil || !strings.Contains(err.Error(), "is in the folder that is copied") {
			t.Errorf("Backup to %s: %v", dest, err)
		}
		if _, err := Backup(ctx, link, dest, options); err == nil {
			t.Errorf("Backup of the link to %s succeeds", dest)
		}
	}
	if _, err := Backup(ctx, b.folder, b.folder+"-backup", options); err != nil {
		t.Errorf("Backup next to the store: %v", err)
	}
	if _, err := Restore(ctx, b.folder+"-backup", filepath.Join(b.folder+"-backup", "store"), options); err == nil {
		t.Error("Restore into the backup succeeds")
	}
	if _, err := Verify(ctx, b.folder+"-backup", options); err != nil {
		t.Errorf("Verify of the backup: %v", err)
	}
}

// Two copies to one folder do not get in each other's way, and what is not left of
// a copy is not removed.
func TestCopyWhereOneIsUnderWay(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	p := c.disk.process()
	var once sync.Once
	p.watch(func(o op) error {
		if o.kind == "write" && strings.HasPrefix(o.path, "backup/unfinished/log/") {
			once.Do(func() {
				if _, err := Backup(ctx, "store", "backup", tiny(c.disk.process())); !errors.Is(err, ErrInUse) {
					t.Errorf("a second Backup: %v, want ErrInUse", err)
				}
				if _, err := Open(ctx, "backup", tiny(c.disk.process())); !errors.Is(err, ErrUnfinished) {
					t.Errorf("Open of an unfinished backup: %v, want ErrUnfinished", err)
				}
			})
		}
		return nil
	}, nil)
	if _, err := Backup(ctx, "store", "backup", tiny(p)); err != nil {
		t.Fatalf("Backup: %v", err)
	}
	if _, err := Verify(ctx, "backup", tiny(c.disk.process())); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if err := c.disk.mem.MkdirAll("store/"+unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	before := listFiles(t, c.disk.mem, "store")
	if _, err := Restore(ctx, "backup", "store", tiny(c.disk.process())); !errors.Is(err, ErrUnfinished) {
		t.Errorf("Restore over a store in which somebody made a folder: %v, want ErrUnfinished", err)
	}
	if after := listFiles(t, c.disk.mem, "store"); !slices.Equal(after, before) {
		t.Errorf("Restore left %v of %v", after, before)
	}
}
