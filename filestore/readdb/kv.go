package readdb

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/aether-es/aether/readdb"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// ErrInUse: another process, or another KV of this one, has the folder open.
	ErrInUse = errors.New("readdb: in use")

	// ErrStopped: a write to the disk failed, or the folder is gone, so nothing more is
	// written until it is opened again. Reads go on, and may see the write that failed
	// until then. The error wraps the cause.
	ErrStopped = errors.New("readdb: stopped, open it again")
)

// Options are those of [Open]. The zero value works.
type Options struct {
	// CacheSize is how many bytes of what was read are kept in memory; 0 stands
	// for 32 MB.
	CacheSize int64

	// Logger is told what goes wrong in the background; nil stands for
	// slog.Default().
	Logger *slog.Logger

	fs       vfs.FS        // nil for the real one
	memTable uint64        // how many bytes are collected in memory; 0 for 4 MB
	patience time.Duration // how long Close may take; 0 for 30 s
}

// KV is a read DB in a folder. It is safe for concurrent use.
type KV struct {
	folder  string
	options Options
	unlock  func() error
	fence   *pebblefs.FS
	log     *pebblefs.Log

	// mu is held for reading by each step of a read, and for writing by Close, which
	// ends what is still open.
	mu     sync.RWMutex
	db     *pebble.DB
	closed bool

	ends endings

	// closing are snapshots. To close one may wait for a sync, and after a failure for
	// ever, so nobody waits for it but Close.
	closing sync.WaitGroup
}

var _ readdb.KV = (*KV)(nil)

// endings are what Close has to end: iterators and views.
type endings struct {
	mu   sync.Mutex
	open map[interface{ Close() error }]struct{}
}

func (e *endings) add(c interface{ Close() error }) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open[c] = struct{}{}
}

// end closes what was added, and returns false when it was closed before.
func (e *endings) end(c interface{ Close() error }) (ended bool, err error) {
	e.mu.Lock()
	_, ended = e.open[c]
	delete(e.open, c)
	e.mu.Unlock()
	if ended {
		err = c.Close()
	}
	return ended, err
}

// take returns what is open, for the caller to close.
func (e *endings) take() (open map[interface{ Close() error }]struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	open, e.open = e.open, nil
	return open
}

// recover makes an error of a panic, with which Pebble meets a file that is gone.
func (kv *KV) recover(err *error) {
	if r := recover(); r != nil {
		cause := fmt.Errorf("%v", r)
		kv.damaged(cause)
		*err = kv.damage(cause)
	}
}

// Get returns the value of a key.
func (kv *KV) Get(key []byte) (value []byte, found bool, err error) {
	kv.mu.RLock()
	defer kv.mu.RUnlock()
	if kv.closed {
		return nil, false, readdb.ErrClosed
	}
	return kv.get(kv.db, key)
}

func (kv *KV) get(r pebble.Reader, key []byte) (value []byte, found bool, err error) {
	defer kv.recover(&err)
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, kv.readError(err)
	}
	defer closer.Close()
	return bytes.Clone(value), true, nil
}

// Scan yields what lies between two keys.
func (kv *KV) Scan(from, to []byte, reverse bool) iter.Seq2[readdb.Pair, error] {
	return func(yield func(readdb.Pair, error) bool) {
		kv.mu.RLock()
		if kv.closed {
			kv.mu.RUnlock()
			yield(readdb.Pair{}, readdb.ErrClosed)
			return
		}
		iterator, err := kv.newIter(kv.db, from, to)
		kv.mu.RUnlock()
		kv.scan(iterator, err, reverse, func() bool { return kv.closed }, yield)
	}
}

// newIter is called with mu held.
func (kv *KV) newIter(r pebble.Reader, from, to []byte) (*pebble.Iterator, error) {
	iterator, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, kv.readError(err)
	}
	kv.ends.add(iterator)
	return iterator, nil
}

// scan yields what an iterator has; ended is called with mu held.
func (kv *KV) scan(iterator *pebble.Iterator, err error, reverse bool, ended func() bool, yield func(readdb.Pair, error) bool) {
	if err != nil {
		yield(readdb.Pair{}, err)
		return
	}
	defer func() {
		kv.mu.RLock()
		defer kv.mu.RUnlock()
		_, _ = kv.ends.end(iterator)
	}()
	move, next := iterator.First, iterator.Next
	if reverse {
		move, next = iterator.Last, iterator.Prev
	}
	// A copy, for Close may take from under the caller what belongs to the iterator.
	var copied readdb.Pair
	step := func() (pair readdb.Pair, more bool, err error) {
		kv.mu.RLock()
		defer kv.mu.RUnlock()
		defer kv.recover(&err)
		if ended() {
			return pair, false, readdb.ErrClosed
		}
		if move() {
			value, err := iterator.ValueAndErr()
			if err != nil {
				return pair, false, kv.readError(err)
			}
			copied.Key = append(copied.Key[:0], iterator.Key()...)
			copied.Value = append(copied.Value[:0], value...)
			return copied, true, nil
		}
		if err := iterator.Error(); err != nil {
			return pair, false, kv.readError(err)
		}
		return pair, false, nil
	}
	for {
		pair, more, err := step()
		if err != nil {
			yield(readdb.Pair{}, err)
			return
		}
		if !more || !yield(pair, nil) {
			return
		}
		move = next
	}
}

// View returns the latest moment. While it is open, what is replaced stays on disk.
func (kv *KV) View() (readdb.KVView, error) {
	kv.mu.RLock()
	defer kv.mu.RUnlock()
	if kv.closed {
		return nil, readdb.ErrClosed
	}
	v := &view{kv: kv, snapshot: kv.db.NewSnapshot()}
	kv.ends.add(v.snapshot)
	return v, nil
}

type view struct {
	kv       *KV
	mu       sync.RWMutex // held for reading by each step of a read; after KV.mu
	snapshot *pebble.Snapshot
	closed   bool
}

func (v *view) ended() bool { return v.closed || v.kv.closed }

// lock keeps the view from being closed.
func (v *view) lock() (unlock func()) {
	v.kv.mu.RLock()
	v.mu.RLock()
	return func() {
		v.mu.RUnlock()
		v.kv.mu.RUnlock()
	}
}

func (v *view) Get(key []byte) (value []byte, found bool, err error) {
	defer v.lock()()
	if v.ended() {
		return nil, false, readdb.ErrClosed
	}
	return v.kv.get(v.snapshot, key)
}

func (v *view) Scan(from, to []byte, reverse bool) iter.Seq2[readdb.Pair, error] {
	return func(yield func(readdb.Pair, error) bool) {
		iterator, err := v.iterator(from, to)
		v.kv.scan(iterator, err, reverse, v.ended, yield)
	}
}

func (v *view) iterator(from, to []byte) (*pebble.Iterator, error) {
	defer v.lock()()
	if v.ended() {
		return nil, readdb.ErrClosed
	}
	return v.kv.newIter(v.snapshot, from, to)
}

func (v *view) Close() error {
	v.kv.mu.RLock()
	defer v.kv.mu.RUnlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended() {
		return readdb.ErrClosed
	}
	v.closed = true
	v.kv.closing.Go(func() { _, _ = v.kv.ends.end(v.snapshot) })
	return nil
}

// Write makes the changes. It does not wait for the disk, except where that cannot
// keep up.
func (kv *KV) Write(changes []readdb.Change) error {
	kv.mu.RLock()
	defer kv.mu.RUnlock()
	if kv.closed {
		return readdb.ErrClosed
	}
	if err := kv.fence.Err(); err != nil {
		return kv.stopped(err)
	}
	batch := kv.db.NewBatch()
	for _, c := range changes {
		var err error
		switch c.Op {
		case readdb.Put:
			err = batch.Set(c.Key, c.Value, nil)
		case readdb.Delete:
			err = batch.Delete(c.Key, nil)
		case readdb.DeleteRange:
			from := c.Key
			if len(from) == 0 {
				from = []byte{0} // the least key; Pebble forgets a range that begins with none
			}
			if bytes.Compare(from, c.To) < 0 {
				err = batch.DeleteRange(from, c.To, nil)
			}
		}
		if err != nil {
			return fmt.Errorf("readdb: write %s: %w", kv.folder, err)
		}
	}
	if err := kv.fence.Guard(func() error { return batch.Commit(pebble.NoSync) }); err != nil {
		return kv.stopped(err)
	}
	return batch.Close()
}
