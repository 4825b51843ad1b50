package readdb

import (
	"bytes"
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"
)

// Memory is a [KV] in memory, for tests, and for read DBs that are small enough to
// be made again at every start.
//
// It is a treap whose nodes never change, so a view is the root of its moment, and
// a reader takes no lock.
type Memory struct {
	writing sync.Mutex // held by Write and Close
	root    atomic.Pointer[node]
	closed  atomic.Bool
	seed    maphash.Seed // so that nobody can choose keys that make the tree deep
}

var _ KV = (*Memory)(nil)

// NewMemory returns an empty KV.
func NewMemory() *Memory { return &Memory{seed: maphash.MakeSeed()} }

// Get returns the value of a key.
func (m *Memory) Get(key []byte) (value []byte, found bool, err error) {
	return m.now().Get(key)
}

// Scan yields what lies between two keys.
func (m *Memory) Scan(from, to []byte, reverse bool) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) { m.now().Scan(from, to, reverse)(yield) }
}

// View returns the latest moment. Until it is closed it keeps that in memory.
func (m *Memory) View() (KVView, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	return m.now(), nil
}

func (m *Memory) now() *memoryView { return &memoryView{memory: m, root: m.root.Load()} }

// Write makes the changes.
func (m *Memory) Write(changes []Change) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	if m.closed.Load() {
		return ErrClosed
	}
	root := m.root.Load()
	for _, c := range changes {
		switch c.Op {
		case Put:
			root = root.put(&node{key: c.Key, value: c.Value, priority: maphash.Bytes(m.seed, c.Key)})
		case Delete:
			root = root.delete(c.Key)
		case DeleteRange:
			if bytes.Compare(c.Key, c.To) < 0 {
				before, rest := root.split(c.Key)
				_, after := rest.split(c.To)
				root = merge(before, after)
			}
		}
	}
	m.root.Store(root)
	return nil
}

// Close drops everything.
func (m *Memory) Close() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	if m.closed.Swap(true) {
		return ErrClosed
	}
	m.root.Store(nil)
	return nil
}

type memoryView struct {
	memory *Memory
	root   *node
	closed atomic.Bool
}

func (v *memoryView) ready() error {
	if v.closed.Load() || v.memory.closed.Load() {
		return ErrClosed
	}
	return nil
}

func (v *memoryView) Close() error {
	if v.closed.Swap(true) || v.memory.closed.Load() {
		return ErrClosed
	}
	return nil
}

func (v *memoryView) Get(key []byte) (value []byte, found bool, err error) {
	if err := v.ready(); err != nil {
		return nil, false, err
	}
	for n := v.root; n != nil; {
		switch order := bytes.Compare(key, n.key); {
		case order < 0:
			n = n.left
		case order > 0:
			n = n.right
		default:
			return n.value, true, nil
		}
	}
	return nil, false, nil
}

func (v *memoryView) Scan(from, to []byte, reverse bool) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		if err := v.ready(); err != nil {
			yield(Pair{}, err)
			return
		}
		v.root.scan(from, to, reverse, func(n *node) bool {
			if err := v.ready(); err != nil {
				yield(Pair{}, err)
				return false
			}
			return yield(Pair{n.key, n.value}, nil)
		})
	}
}

// node is a tree, ordered by the keys; no node has a higher priority than the one
// above it, which makes the tree as deep as a random one. An empty tree is nil.
type node struct {
	left, right *node
	key, value  []byte
	priority    uint64
}

// with returns a copy with other trees below it.
func (n *node) with(left, right *node) *node {
	return &node{left, right, n.key, n.value, n.priority}
}

// put returns the tree with a node, in place of that of the same key.
func (n *node) put(added *node) *node {
	if n == nil {
		return added
	}
	// Equal keys have equal priorities, so a node that is there is found.
	if added.priority > n.priority {
		left, right := n.split(added.key)
		return added.with(left, right)
	}
	switch order := bytes.Compare(added.key, n.key); {
	case order < 0:
		return n.with(n.left.put(added), n.right)
	case order > 0:
		return n.with(n.left, n.right.put(added))
	}
	return added.with(n.left, n.right)
}

// delete returns the tree without a key.
func (n *node) delete(key []byte) *node {
	if n == nil {
		return nil
	}
	switch order := bytes.Compare(key, n.key); {
	case order < 0:
		return n.with(n.left.delete(key), n.right)
	case order > 0:
		return n.with(n.left, n.right.delete(key))
	}
	return merge(n.left, n.right)
}

// split returns what lies before a key, and the rest.
func (n *node) split(key []byte) (before, rest *node) {
	if n == nil {
		return nil, nil
	}
	if bytes.Compare(n.key, key) < 0 {
		before, rest = n.right.split(key)
		return n.with(n.left, before), rest
	}
	before, rest = n.left.split(key)
	return before, n.with(rest, n.right)
}

// merge joins two trees; all keys of the first are less than those of the second.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		return a.with(a.left, merge(a.right, b))
	}
	return b.with(merge(a, b.left), b.right)
}

// scan visits the nodes between two keys until visit returns false.
func (n *node) scan(from, to []byte, reverse bool, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	begun := from == nil || bytes.Compare(n.key, from) >= 0
	ended := to != nil && bytes.Compare(n.key, to) >= 0
	left := func() bool { return !begun || n.left.scan(from, to, reverse, visit) }
	right := func() bool { return ended || n.right.scan(from, to, reverse, visit) }
	self := func() bool { return !begun || ended || visit(n) }
	if reverse {
		return right() && self() && left()
	}
	return left() && self() && right()
}
