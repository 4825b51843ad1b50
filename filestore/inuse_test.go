package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// waitOpen returns when a child has opened the store.
func (v *victim) waitOpen(t testing.TB) {
	t.Helper()
	select {
	case <-v.open:
	case <-v.ended:
		t.Fatalf("the process ended: %s", &v.stderr)
	}
}

func expectInUse(t testing.TB, folder string) {
	t.Helper()
	s, err := Open(context.Background(), folder, childOptions())
	if !errors.Is(err, ErrInUse) {
		t.Errorf("Open(%q): %v, want ErrInUse", folder, err)
	}
	if s != nil {
		_ = s.Close()
	}
}

func TestSecondProcess(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "store")
	v := startChild(t, "hold", folder, 1)
	v.waitOpen(t)
	for range 3 { // to have tried changes nothing
		expectInUse(t, folder)
	}
	r, err := OpenReadOnly(context.Background(), folder, childOptions())
	if err != nil {
		t.Errorf("OpenReadOnly while another process has the store: %v", err)
	} else if err := r.Close(); err != nil {
		t.Error(err)
	}
	expectInUse(t, folder)
	v.kill(t)
	s := openTest(t, folder, childOptions())
	defer s.Close()

	// The other way round: the child cannot open what this process has.
	v = startChild(t, "refused", folder, 1)
	<-v.ended
	if err := v.cmd.Wait(); err != nil {
		t.Errorf("the second process: %v: %s", err, &v.stderr)
	}
}

// One process has the store twice, under any of its names.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	folder := filepath.Join(parent, "store")
	link := filepath.Join(parent, "link")
	s := openTest(t, folder, childOptions())
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(working, folder)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{folder, folder + "/", folder + "/../store", relative, "./" + relative, link, link + "/."}
	for _, name := range names {
		expectInUse(t, name)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		s := openTest(t, name, childOptions())
		n, err := s.Namespace(context.Background(), "a")
		if err != nil {
			t.Fatal(err)
		}
		latest, err := n.GetLatestVersion(context.Background(), "room/1")
		if err != nil {
			t.Fatal(err)
		}
		versions := map[string]aether.Version{"room/1": latest}
		if _, err := n.SaveEvents(context.Background(), newSave("a", aether.NewID(), versions, 10, "room/1")...); err != nil {
			t.Fatal(err)
		}
		expectInUse(t, folder)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); !errors.Is(err, aether.ErrClosed) {
			t.Errorf("the second Close: %v", err)
		}
	}
	s = openTest(t, folder, childOptions())
	if logs := checkStore(t, s, nil); len(logs["a"]) != len(names) {
		t.Errorf("%d events were saved under %d names of the folder", len(logs["a"]), len(names))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A relative folder stays the same one when the process goes elsewhere.
func TestRelativeFolder(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	s := openTest(t, "store", childOptions())
	t.Chdir(t.TempDir())
	l := &ledger{}
	runWriters(t, s, newRandom(t), "elsewhere", 1, 60, 3000, l)
	checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	s = openTest(t, filepath.Join(folder, "store"), childOptions())
	checkStore(t, s, l.list())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What is in the way of a folder is an error that tells it, and nothing is left
// locked.
func TestFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, name := range []string{file, filepath.Join(file, "store"), filepath.Join(file, "a", "store")} {
		told := file + " is a file, where a store needs a folder"
		if _, err := Open(ctx, name, childOptions()); err == nil || errors.Is(err, ErrInUse) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), told) {
			t.Errorf("Open(%q): %v", name, err)
		}
		if _, err := OpenReadOnly(ctx, name, childOptions()); !errors.Is(err, ErrNotFound) {
			t.Errorf("OpenReadOnly(%q): %v, want ErrNotFound", name, err)
		}
		if _, err := Verify(ctx, name, childOptions()); !errors.Is(err, ErrNotFound) {
			t.Errorf("Verify(%q): %v, want ErrNotFound", name, err)
		}
		if _, err := Restore(ctx, name, filepath.Join(parent, "restored"), childOptions()); !errors.Is(err, ErrNotFound) {
			t.Errorf("Restore(%q): %v, want ErrNotFound", name, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	folder := filepath.Join(parent, "store")
	if s, err := Open(ctx, folder, childOptions()); err == nil {
		_ = s.Close()
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a cancelled context: %v", err)
	}
	s := openTest(t, folder, childOptions())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// begunFS is a file system on which somebody else begins a store at a moment.
type begunFS struct {
	vfs.FS
	begin func(path string)
}

func (f begunFS) Stat(path string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(path)
	f.begin(path) // what it does is not in the answer
	return info, err
}

// Whoever opens a folder in which somebody begins a store at that moment is told that it
// is in use, not that it is damaged.
func TestBegunMeanwhile(t *testing.T) {
	t.Parallel()
	p := newDisk().process()
	var first *Store
	options := tiny(p)
	options.fs = begunFS{p, func(path string) {
		if first == nil && path == "store/"+logFolder {
			first = openTest(t, "store", tiny(p))
		}
	}}
	if s, err := Open(t.Context(), "store", options); !errors.Is(err, ErrInUse) {
		t.Errorf("Open: %v, %v; want ErrInUse", s, err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}
