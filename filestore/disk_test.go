package filestore

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is a disk that can lose its power. Of what was not synced a loss leaves
// some pages and drops others, as Pebble's crashable file system has it.
//
// Beyond that it does what Linux does when a sync fails: the pages that could not
// be written count as written from then on. They can be read until the power
// goes, and no later sync writes them, unless they are written to again.
type disk struct {
	mem *vfs.MemFS

	mu      sync.Mutex
	dropped map[string]map[int64][]byte // by file and page: what the disk has in its place
}

const pageSize = 4096 // of vfs.MemFS.CrashClone too

func newDisk() *disk {
	return &disk{mem: vfs.NewCrashableMem(), dropped: make(map[string]map[int64][]byte)}
}

// losePower returns the disk as it is found when the power has come back. Of the
// pages that were not synced it has so many percent.
func (d *disk) losePower(t testing.TB, percent int, seed uint64) *disk {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newDisk()
	after.mem = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, seed))})
	for name, pages := range d.dropped {
		content, err := readFile(after.mem, name)
		if err != nil {
			continue // the file is gone too
		}
		for page, old := range pages {
			start := page * pageSize
			if start >= int64(len(content)) {
				continue
			}
			now := content[start:min(start+pageSize, int64(len(content)))]
			clear(now[copy(now, old):])
		}
		rewriteFile(t, after.mem, name, content)
	}
	return after
}

// copy returns a disk with the same content.
func (d *disk) copy(t testing.TB) *disk {
	t.Helper()
	return d.losePower(t, 100, 0)
}

// failSync notes that the pages of a file that were to be synced are dropped.
func (d *disk) failSync(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := readFile(d.mem, name)
	if err != nil {
		return // a folder: what is not synced is lost with the power anyway
	}
	synced, _ := readFile(d.mem.CrashClone(vfs.CrashCloneCfg{}), name)
	for start := 0; start < len(now); start += pageSize {
		end := min(start+pageSize, len(now))
		old := synced[min(start, len(synced)):min(end, len(synced))]
		if string(now[start:end]) == string(old) {
			continue
		}
		pages := d.dropped[name]
		if pages == nil {
			pages = make(map[int64][]byte)
			d.dropped[name] = pages
		}
		if page := int64(start / pageSize); pages[page] == nil {
			pages[page] = append([]byte{}, old...)
		}
	}
}

// written notes that pages are dirty, so the next sync writes them.
func (d *disk) written(name string, offset, length int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pages := d.dropped[name]
	for page := offset / pageSize; pages != nil && page*pageSize < offset+length; page++ {
		delete(pages, page)
	}
}

// replaced notes that a name stands for another file now.
func (d *disk) replaced(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dropped, name)
}

func (d *disk) renamed(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dropped, to)
	if pages, ok := d.dropped[from]; ok {
		d.dropped[to] = pages
		delete(d.dropped, from)
	}
}

// op is something that a process asks of the disk.
type op struct {
	kind string // "create", "write", "sync", "syncdir", "rename", "remove", "mkdir", "lock"
	path string

	// Of a write.
	offset int64
	size   int
}

func (o op) isSync() bool { return o.kind == "sync" || o.kind == "syncdir" }
func (o op) inLog() bool {
	return strings.HasSuffix(path.Dir(o.path), "/"+logFolder) || strings.HasSuffix(o.path, "/"+logFolder)
}
func (o op) inSnapshots() bool {
	return strings.Contains(o.path+"/", "/"+snapFolder+"/")
}
func (o op) inIndex() bool { return strings.Contains(o.path+"/", "/"+indexFolder+"/") }

// process is the file system as one process sees it: it can be killed, and what it
// asks for can be watched and refused.
type process struct {
	vfs.FS
	disk *disk // nil when it is no disk of that kind

	hooks atomic.Pointer[hooks]
	usage atomic.Pointer[vfs.DiskUsage]
	dead  atomic.Bool
	read  atomic.Int64 // bytes

	mu    sync.Mutex
	locks []io.Closer
}

// hooks are called before and after what changes files, at the same time by the
// writer, the indexer and Pebble.
type hooks struct {
	before func(op) error // its error is what the process gets, and nothing happens
	after  func(op)
}

// tornWrite is an error of before that lets so many bytes be written.
type tornWrite struct {
	bytes int
	error
}

func (t *tornWrite) Unwrap() error { return t.error }

// limit gives the disk so much space, as a hook of a process. Files may be written
// to where they have space already; what is beyond is written as far as it goes.
func (d *disk) limit(t testing.TB, bytes *atomic.Int64) func(op) error {
	return func(o op) error {
		if o.kind != "write" {
			return nil
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		var used, size int64
		for _, path := range listFiles(t, d.mem, "store") {
			info, err := d.mem.Stat(path)
			if err != nil {
				continue // removed meanwhile
			}
			used += info.Size()
			if path == o.path {
				size = info.Size()
			}
		}
		grow := max(0, o.offset+int64(o.size)-size)
		if free := max(0, bytes.Load()-used); grow > free {
			return &tornWrite{int(max(0, int64(o.size)-grow+free)), syscall.ENOSPC}
		}
		return nil
	}
}

// errKilled is what a killed process gets. Nothing it asks for happens any more.
var errKilled = errors.New("the process was killed")

func (d *disk) process() *process { return &process{FS: d.mem, disk: d} }

func (p *process) watch(before func(op) error, after func(op)) {
	if before == nil {
		before = func(op) error { return nil }
	}
	if after == nil {
		after = func(op) {}
	}
	p.hooks.Store(&hooks{before, after})
}

// kill ends the process, as far as the disk can tell.
func (p *process) kill() {
	p.dead.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, lock := range p.locks {
		_ = lock.Close()
	}
	p.locks = nil
}

// do does what is asked, if it may be. It is told how much of a write may be done
// before the error.
func (p *process) do(o op, f func() error) error {
	if p.dead.Load() {
		return errKilled
	}
	h := p.hooks.Load()
	if h != nil {
		if err := h.before(o); err != nil {
			if o.isSync() && p.disk != nil {
				p.disk.failSync(o.path)
			}
			return err
		}
	}
	if p.dead.Load() {
		return errKilled // by the hook
	}
	err := f()
	if h != nil && err == nil {
		h.after(o)
	}
	return err
}

func (p *process) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.do(op{kind: "create", path: name}, func() error {
		f, err = p.FS.Create(name, category)
		if p.disk != nil {
			p.disk.replaced(name)
		}
		return err
	})
	return p.file(name, f, err)
}

func (p *process) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &processFile{File: f, process: p, name: name}, nil
}

func (p *process) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if p.dead.Load() {
		return nil, errKilled
	}
	f, err := p.FS.Open(name, options...)
	return p.file(name, f, err)
}

func (p *process) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	if p.dead.Load() {
		return nil, errKilled
	}
	f, err := p.FS.OpenReadWrite(name, category, options...)
	return p.file(name, f, err)
}

func (p *process) OpenDir(name string) (vfs.File, error) {
	if p.dead.Load() {
		return nil, errKilled
	}
	f, err := p.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &processFile{File: f, process: p, name: name, isDir: true}, nil
}

func (p *process) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	err = p.do(op{kind: "create", path: to}, func() error {
		f, err = p.FS.ReuseForWrite(from, to, category)
		return err
	})
	return p.file(to, f, err)
}

func (p *process) Remove(name string) error {
	return p.do(op{kind: "remove", path: name}, func() error { return p.FS.Remove(name) })
}

func (p *process) RemoveAll(name string) error {
	return p.do(op{kind: "remove", path: name}, func() error { return p.FS.RemoveAll(name) })
}

func (p *process) Link(from, to string) error {
	return p.do(op{kind: "create", path: to}, func() error {
		if p.disk != nil {
			// vfs.MemFS locks the same lock twice here, and hangs if a clone is made in
			// between.
			p.disk.mu.Lock()
			defer p.disk.mu.Unlock()
		}
		return p.FS.Link(from, to)
	})
}

func (p *process) Rename(from, to string) error {
	return p.do(op{kind: "rename", path: to}, func() error {
		if p.disk != nil {
			p.disk.renamed(from, to)
		}
		return p.FS.Rename(from, to)
	})
}

func (p *process) MkdirAll(name string, mode os.FileMode) error {
	return p.do(op{kind: "mkdir", path: name}, func() error { return p.FS.MkdirAll(name, mode) })
}

func (p *process) Lock(name string) (lock io.Closer, err error) {
	err = p.do(op{kind: "lock", path: name}, func() error {
		lock, err = p.FS.Lock(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	once := &closeOnce{Closer: lock}
	p.locks = append(p.locks, once)
	return once, nil
}

func (p *process) GetDiskUsage(name string) (vfs.DiskUsage, error) {
	if usage := p.usage.Load(); usage != nil {
		return *usage, nil
	}
	return p.FS.GetDiskUsage(name)
}

func (p *process) Unwrap() vfs.FS { return p.FS }

// closeOnce is a lock that both its owner and kill may close.
type closeOnce struct {
	io.Closer
	closed atomic.Bool
}

func (c *closeOnce) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.Closer.Close()
}

// processFile is a file that a process has open.
type processFile struct {
	vfs.File
	process *process
	name    string
	isDir   bool
	end     int64 // where the next Write goes
}

func (f *processFile) ReadAt(b []byte, offset int64) (int, error) {
	if f.process.dead.Load() {
		return 0, errKilled
	}
	n, err := f.File.ReadAt(b, offset)
	f.process.read.Add(int64(n))
	return n, err
}

func (f *processFile) write(b []byte, offset int64, write func([]byte) (int, error)) (n int, err error) {
	p := f.process
	err = p.do(op{"write", f.name, offset, len(b)}, func() error {
		n, err = write(b)
		return err
	})
	if torn, ok := errors.AsType[*tornWrite](err); ok {
		n, _ = write(b[:min(torn.bytes, len(b))])
	}
	if p.disk != nil {
		p.disk.written(f.name, offset, int64(n))
	}
	return n, err
}

func (f *processFile) Write(b []byte) (int, error) {
	n, err := f.write(b, f.end, f.File.Write)
	f.end += int64(n)
	return n, err
}

func (f *processFile) WriteAt(b []byte, offset int64) (int, error) {
	return f.write(b, offset, func(b []byte) (int, error) { return f.File.WriteAt(b, offset) })
}

func (f *processFile) sync(sync func() error) error {
	kind := "sync"
	if f.isDir {
		kind = "syncdir"
	}
	return f.process.do(op{kind: kind, path: f.name}, sync)
}

func (f *processFile) Sync() error     { return f.sync(f.File.Sync) }
func (f *processFile) SyncData() error { return f.sync(f.File.SyncData) }

func readFile(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	b := make([]byte, info.Size())
	_, err = f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// rewriteFile puts other content into a file, or makes one.
func rewriteFile(t testing.TB, fsys vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(slices.Clone(content)); err != nil { // Write may change what it is given
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close(), syncFolder(fsys, fsys.PathDir(name))); err != nil {
		t.Fatal(err)
	}
}

// listFiles returns the paths of all files below a folder, in order.
func listFiles(t testing.TB, fsys vfs.FS, folder string) []string {
	t.Helper()
	names, err := fsys.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, name := range names {
		p := fsys.PathJoin(folder, name)
		info, err := fsys.Stat(p)
		if err != nil {
			continue // removed meanwhile
		}
		if info.IsDir() {
			paths = append(paths, listFiles(t, fsys, p)...)
		} else {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}
