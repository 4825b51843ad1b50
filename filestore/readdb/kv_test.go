package readdb

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aether-es/aether/readdb"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tiny has the options of a read DB that goes to disk often.
func tiny(fsys vfs.FS) *Options {
	return &Options{fs: fsys, memTable: 32 << 10, CacheSize: 1, Logger: slog.New(slog.DiscardHandler)}
}

func openTest(t testing.TB, dir string, options *Options) *KV {
	t.Helper()
	kv, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

func closeTest(t testing.TB, kv *KV) {
	t.Helper()
	if err := kv.Close(); err != nil {
		t.Error(err)
	}
}

func TestCheckKV(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		if err := readdb.CheckKV(openTest(t, "db", tiny(vfs.NewMem())), seed, 700); err != nil {
			t.Error(err)
		}
	}
	if err := readdb.CheckKV(openTest(t, t.TempDir(), nil), 0, 500); err != nil {
		t.Error(err)
	}
}

// writeMoment writes what tells the number of the write wherever it is read: some
// keys that are always there, others of which every tenth write removes some.
func writeMoment(kv *KV, i int) error {
	var changes []readdb.Change
	if i%10 == 0 {
		changes = append(changes, readdb.Change{Op: readdb.DeleteRange, Key: []byte("doc"), To: []byte("doc3")})
	}
	size := 100
	if i%17 == 0 {
		size = 4 << 10 // more than fits what Pebble collects in memory
	}
	for k := range 20 {
		value := fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte{byte(i + k)}, size))
		changes = append(changes, readdb.Change{Op: readdb.Put, Key: fmt.Appendf(nil, "doc%d", k), Value: value})
	}
	changes = append(changes,
		readdb.Change{Op: readdb.Put, Key: fmt.Appendf(nil, "log%09d", i), Value: fmt.Append(nil, i)},
		readdb.Change{Op: readdb.Put, Key: []byte("checkpoint"), Value: fmt.Append(nil, i)})
	return kv.Write(changes)
}

// momentOf says after which write a KV is, 0 for none; it is an error if it is after
// none or after different ones.
func momentOf(kv readdb.KVReader) (moment int, err error) {
	value, found, err := kv.Get([]byte("checkpoint"))
	if err != nil {
		return 0, err
	}
	if found {
		if _, err := fmt.Sscan(string(value), &moment); err != nil {
			return 0, err
		}
	}
	documents, lines := 0, 0
	for pair, err := range kv.Scan(nil, nil, false) {
		if err != nil {
			return 0, err
		}
		switch key := string(pair.Key); {
		case key == "checkpoint":
		case strings.HasPrefix(key, "doc"):
			documents++
			if got, _, _ := strings.Cut(string(pair.Value), " "); got != fmt.Sprint(moment) {
				return 0, fmt.Errorf("%s is of write %s, the checkpoint of %d", key, got, moment)
			}
		case key == fmt.Sprintf("log%09d", lines+1):
			lines++
		default:
			return 0, fmt.Errorf("key %q after %d lines", key, lines)
		}
	}
	if lines != moment || documents != 20 && moment > 0 || documents > 0 && moment == 0 {
		return 0, fmt.Errorf("%d documents and %d lines at checkpoint %d", documents, lines, moment)
	}
	return moment, nil
}

// The power goes at any time: what is left is one earlier moment, and never one
// before the latest that was there after an earlier loss.
func TestCrash(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewCrashableMem()
	moment, most := 0, 0
	for life := range 6 {
		kv := openTest(t, "db", tiny(disk))
		var err error
		if moment, err = momentOf(kv); err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		stop, done := make(chan struct{}), make(chan struct{})
		var written atomic.Int64
		written.Store(int64(moment))
		go func() {
			defer close(done)
			for i := moment + 1; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := writeMoment(kv, i); err != nil {
					t.Errorf("write %d: %v", i, err)
					return
				}
				written.Store(int64(i))
			}
		}()
		var pictures []*vfs.MemFS
		for range 5 {
			for at := written.Load() + int64(random.IntN(40)); written.Load() < at; {
				select {
				case <-done:
					t.Fatal("the writer ended")
				default:
					runtime.Gosched()
				}
			}
			pictures = append(pictures, disk.CrashClone(vfs.CrashCloneCfg{
				UnsyncedDataPercent: []int{0, 50, 100}[random.IntN(3)], RNG: random,
			}))
		}
		close(stop)
		<-done
		closeTest(t, kv)
		for i, picture := range pictures {
			kv := openTest(t, "db", tiny(picture))
			got, err := momentOf(kv)
			if err != nil || got < moment || got > int(written.Load()) {
				t.Errorf("life %d, picture %d: after write %d, %v; want from %d to %d", life, i, got, err, moment, written.Load())
			}
			if got > moment {
				most++
			}
			closeTest(t, kv)
		}
		// Go on where one of them left off, or after Close.
		if life%3 > 0 {
			disk = pictures[random.IntN(len(pictures))].CrashClone(vfs.CrashCloneCfg{})
			continue
		}
		kv = openTest(t, "db", tiny(disk.CrashClone(vfs.CrashCloneCfg{})))
		if got, err := momentOf(kv); err != nil || got != int(written.Load()) {
			t.Errorf("life %d: after Close at write %d, %v; want %d", life, got, err, written.Load())
		}
		closeTest(t, kv)
	}
	if most == 0 {
		t.Error("nothing came to the disk before Close: the test proves nothing")
	}
}

// Every file of a closed read DB is damaged in some places: it is noticed, or what is
// there is a moment that was.
func TestDamage(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	disk := vfs.NewMem()
	last := 0
	for range 2 {
		kv := openTest(t, "db", tiny(disk))
		for range 60 {
			last++
			if err := writeMoment(kv, last); err != nil {
				t.Fatal(err)
			}
		}
		closeTest(t, kv)
	}
	files, err := disk.List("db/" + filesName)
	if err != nil {
		t.Fatal(err)
	}
	noticed := make(map[string]int)
	for _, name := range files {
		name := "db/" + filesName + "/" + name
		content := readFile(t, disk, name)
		for n := range 15 {
			damaged := bytes.Clone(content)
			what := fmt.Sprintf("without %s", name)
			switch {
			case n == 0:
				damaged = nil
			case n < 4:
				damaged = damaged[:random.IntN(len(damaged)+1)]
				what = fmt.Sprintf("with %d of %d bytes of %s", len(damaged), len(content), name)
			case len(content) > 0:
				at := random.IntN(len(content))
				damaged[at] ^= byte(1 + random.IntN(255))
				what = fmt.Sprintf("with another byte %d of %s", at, name)
			}
			copied := vfs.NewMem()
			if _, err := vfs.Clone(disk, copied, "db", "db"); err != nil {
				t.Fatal(err)
			}
			if err := copied.Remove(name); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				writeFile(t, copied, name, damaged)
			}
			if expectDamage(t, copied, what, last) {
				noticed[path.Ext(name)]++
			}
		}
	}
	if noticed[".sst"] < 5 {
		t.Errorf("damage was noticed so often: %v", noticed)
	}
}

// expectDamage returns whether damage was noticed.
func expectDamage(t *testing.T, fsys vfs.FS, what string, last int) bool {
	t.Helper()
	kv, err := Open("db", tiny(fsys))
	var moment int
	if err == nil {
		if moment, err = momentOf(kv); errors.Is(err, readdb.ErrDamaged) {
			if err := kv.Write(nil); !errors.Is(err, readdb.ErrDamaged) {
				t.Errorf("%s: Write: %v", what, err)
			}
		}
		if err := kv.Close(); err != nil {
			t.Logf("%s: Close: %v", what, err)
		}
	}
	switch {
	case err == nil && moment > last:
		t.Errorf("%s: at write %d", what, moment)
	case err != nil && !errors.Is(err, readdb.ErrDamaged):
		t.Errorf("%s: %v", what, err)
	}
	if err == nil {
		return false
	}
	if err := remove(fsys, "db"); err != nil {
		t.Errorf("%s: remove: %v", what, err)
	}
	kv = openTest(t, "db", tiny(fsys))
	if moment, err := momentOf(kv); err != nil || moment != 0 {
		t.Errorf("%s, removed: at write %d, %v", what, moment, err)
	}
	closeTest(t, kv)
	return true
}

// A disk that fails stops the writes, and nothing else; opened again it goes on from
// an earlier moment.
func TestFailure(t *testing.T) {
	t.Parallel()
	for after := range 20 {
		disk := &failingFS{FS: vfs.NewMem()}
		disk.left.Store(1 << 40)
		kv := openTest(t, "db", tiny(disk))
		disk.left.Store(int64(after * 3))
		i := 0
		var err error
		for ; err == nil; i++ {
			err = writeMoment(kv, i+1)
		}
		if !errors.Is(err, ErrStopped) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write: %v", err)
		}
		view, err := kv.View()
		if err != nil {
			t.Fatal(err)
		}
		// The write that failed may be there in memory.
		if moment, err := momentOf(view); err != nil || moment < i-1 {
			t.Errorf("after the failure at write %d: %d, %v", i, moment, err)
		}
		if _, found, err := kv.Get([]byte("checkpoint")); err != nil || !found && i > 1 {
			t.Errorf("Get after the failure at write %d: %v, %v", i, found, err)
		}
		if err := view.Close(); err != nil {
			t.Error(err)
		}
		if err := kv.Close(); !errors.Is(err, ErrStopped) {
			t.Errorf("Close: %v", err)
		}
		disk.left.Store(1 << 40)
		kv = openTest(t, "db", tiny(disk))
		moment, err := momentOf(kv)
		if err == nil {
			err = writeMoment(kv, moment+1)
		}
		if err != nil || moment > i {
			t.Errorf("opened again after a failure at write %d: %d, %v", i, moment, err)
		}
		closeTest(t, kv)
	}
}

// failingFS is full after some writes.
type failingFS struct {
	vfs.FS
	left atomic.Int64
}

func (f *failingFS) Unwrap() vfs.FS { return f.FS }

func (f *failingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return &failingFile{file, f}, err
}

type failingFile struct {
	vfs.File
	fs *failingFS
}

func (f *failingFile) Write(b []byte) (int, error) {
	if f.fs.left.Add(-1) < 0 {
		return 0, &fs.PathError{Op: "write", Path: "file", Err: syscall.ENOSPC}
	}
	return f.File.Write(b)
}

func (f *failingFile) Sync() error {
	if f.fs.left.Add(-1) < 0 {
		return syscall.ENOSPC
	}
	return f.File.Sync()
}

func (f *failingFile) SyncData() error { return f.Sync() }

func readFile(t testing.TB, fsys vfs.FS, name string) []byte {
	t.Helper()
	file, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(file); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t testing.TB, fsys vfs.FS, name string, content []byte) {
	t.Helper()
	file, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

const childVariable = "READDB_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		kv, err := Open(dir, nil)
		if err != nil {
			fmt.Println(err)
			if errors.Is(err, ErrInUse) {
				os.Exit(3)
			}
			os.Exit(1)
		}
		fmt.Println(kv.Close())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "db")
	link := filepath.Join(t.TempDir(), "link")
	kv := openTest(t, dir, nil)
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	child := func() int {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Logf("%s", out)
			return exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	}
	for _, name := range []string{dir, dir + "/.", link} {
		if _, err := Open(name, nil); !errors.Is(err, ErrInUse) {
			t.Errorf("Open(%q): %v", name, err)
		}
		if err := Remove(name); !errors.Is(err, ErrInUse) {
			t.Errorf("Remove(%q): %v", name, err)
		}
	}
	if code := child(); code != 3 {
		t.Errorf("a second process ended with %d", code)
	}
	if err := kv.Write([]readdb.Change{{Key: []byte("a"), Value: []byte("b")}}); err != nil {
		t.Error(err)
	}
	closeTest(t, kv)
	if code := child(); code != 0 {
		t.Errorf("a second process after Close ended with %d", code)
	}
	// Only what is the read DB's is removed.
	other := filepath.Join(dir, "events")
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Remove(link); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	kv = openTest(t, dir, nil)
	if _, found, err := kv.Get([]byte("a")); found || err != nil {
		t.Errorf("after Remove: %v, %v", found, err)
	}
	closeTest(t, kv)
	if err := Remove(filepath.Join(dir, "nowhere")); err != nil {
		t.Error(err)
	}
	if _, err := Open(other, nil); err == nil || errors.Is(err, ErrInUse) || errors.Is(err, readdb.ErrDamaged) {
		t.Errorf("Open of a file: %v", err)
	}
}

// Close ends what others are doing with ErrClosed.
func TestCloseWhileInUse(t *testing.T) {
	t.Parallel()
	for range 20 {
		kv := openTest(t, "db", tiny(vfs.NewMem()))
		for i := range 20 {
			if err := writeMoment(kv, i+1); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					view, err := kv.View()
					if err == nil {
						_, err = momentOf(view)
						_ = view.Close()
					}
					if n == 0 {
						begun <- struct{}{}
					}
					if err != nil {
						if !errors.Is(err, readdb.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		for range 4 {
			<-begun
		}
		closeTest(t, kv)
		wg.Wait()
	}
}
