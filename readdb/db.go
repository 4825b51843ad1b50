package readdb

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"sync"
)

// The keys of a read DB; texts in them are encoded by appendText, values as they are:
//
//	f                                              the format
//	s space c                                      the checkpoint
//	s space d collection value                     a document, by its key as a Text
//	s space i collection index value key           the key of a document with the value
//	s space m collection                           the names of the indexes
const (
	keyFormat     = 'f'
	keySpace      = 's'
	keyCheckpoint = 'c'
	keyDocument   = 'd'
	keyIndex      = 'i'
	keyMeta       = 'm'

	format = "1"
)

// DB is a read DB. It is safe for concurrent use.
type DB struct {
	kv KV

	mu     sync.Mutex
	spaces map[string]*changes
}

// changes counts those of a space, so that a Tx notices others.
type changes struct {
	mu    sync.Mutex // held while a Tx is written
	count uint64     // guarded by mu
}

// New returns the read DB that a KV holds. A KV holds one, and only one DB may use it
// at a time. It is an [ErrDamaged] if something else is in it.
func New(kv KV) (*DB, error) {
	stored, found, err := kv.Get([]byte{keyFormat})
	if err != nil {
		return nil, err
	}
	if !found {
		for _, err := range kv.Scan(nil, nil, false) {
			if err == nil {
				err = &DamageError{"the read DB", errors.New("it has no format")}
			}
			return nil, err
		}
		if err := kv.Write([]Change{{Op: Put, Key: []byte{keyFormat}, Value: []byte(format)}}); err != nil {
			return nil, err
		}
	} else if string(stored) != format {
		return nil, &DamageError{"the read DB", fmt.Errorf("it has format %q, the program knows %q", stored, format)}
	}
	return &DB{kv: kv, spaces: make(map[string]*changes)}, nil
}

// Close closes the KV.
func (db *DB) Close() error { return db.kv.Close() }

// Space returns the space of that name, any text: by custom the name and version of
// a projection, "rover@2". It comes into being with the first commit.
func (db *DB) Space(name string) *Space {
	db.mu.Lock()
	defer db.mu.Unlock()
	c := db.spaces[name]
	if c == nil {
		c = &changes{}
		db.spaces[name] = c
	}
	return &Space{db: db, name: name, prefix: appendText([]byte{keySpace}, name), changes: c}
}

// Spaces returns the names of the spaces that exist, in order.
func (db *DB) Spaces() ([]string, error) {
	view, err := db.kv.View()
	if err != nil {
		return nil, err
	}
	defer view.Close()
	var names []string
	for from, more := []byte{keySpace}, true; more; {
		more = false
		// The first key of a space, then the first one after the space.
		for pair, err := range view.Scan(from, []byte{keySpace + 1}, false) {
			if err != nil {
				return nil, err
			}
			name, _, ok := cutText(pair.Key[1:])
			if !ok {
				return nil, &DamageError{"the read DB", fmt.Errorf("it has the key %q", pair.Key)}
			}
			names = append(names, name)
			from, more = past(appendText([]byte{keySpace}, name)), true
			break
		}
	}
	return names, nil
}

// Reader is what documents are read from: a [*Space], where each read sees the latest
// moment; a [*View], where all see the same one; or a [*Tx], which sees its own
// changes, too.
type Reader interface {
	// Checkpoint returns what was committed with the documents; nil when nothing was.
	Checkpoint() ([]byte, error)

	home() *Space
	kv() KVReader
	pin() (KVView, error) // one moment, for a listing
}

// Space holds the documents of one version of a projection, and their checkpoint. It
// is safe for concurrent use.
type Space struct {
	db      *DB
	name    string
	prefix  []byte
	changes *changes
}

// Name returns the space's name.
func (s *Space) Name() string { return s.name }

// Checkpoint returns what was committed last; nil when nothing was.
func (s *Space) Checkpoint() ([]byte, error) { return checkpoint(s) }

// Drop removes everything in the space. A Tx that has begun before fails.
func (s *Space) Drop() error {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	if err := s.db.kv.Write([]Change{{Op: DeleteRange, Key: s.prefix, To: past(s.prefix)}}); err != nil {
		return err
	}
	s.changes.count++
	return nil
}

// View returns the space as it is now. It must be closed, for it holds on to what is
// replaced meanwhile.
func (s *Space) View() (*View, error) {
	view, err := s.db.kv.View()
	if err != nil {
		return nil, err
	}
	return &View{space: s, view: view}, nil
}

// Begin begins to change the space.
func (s *Space) Begin() *Tx {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	return &Tx{space: s, count: s.changes.count, collections: make(map[string]txCollection)}
}

func (s *Space) home() *Space         { return s }
func (s *Space) kv() KVReader         { return s.db.kv }
func (s *Space) pin() (KVView, error) { return s.db.kv.View() }

// key returns a key of the space.
func (s *Space) key(parts ...string) []byte {
	n := len(s.prefix)
	for _, part := range parts {
		n += len(part)
	}
	key := append(make([]byte, 0, n), s.prefix...)
	for _, part := range parts {
		key = append(key, part...)
	}
	return key
}

func (s *Space) damage(reason string, args ...any) error {
	return &DamageError{fmt.Sprintf("space %q", s.name), fmt.Errorf(reason, args...)}
}

func checkpoint(r Reader) ([]byte, error) {
	value, found, err := r.kv().Get(r.home().key(string(rune(keyCheckpoint))))
	if err != nil || !found {
		return nil, err
	}
	return append([]byte{}, value...), nil
}

// View is a space at one moment. It is safe for concurrent use.
type View struct {
	space *Space
	view  KVView
}

// Checkpoint returns that of the moment; nil when nothing was committed before it.
func (v *View) Checkpoint() ([]byte, error) { return checkpoint(v) }

// Close ends the view; whoever reads from it then gets [ErrClosed].
func (v *View) Close() error { return v.view.Close() }

// Raw yields everything that is stored in the space, in order, with keys that do not
// depend on the space's name: to compare what should be equal, or to hash it. The
// slices may be used until the loop goes on, and not be changed.
func (v *View) Raw() iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		for pair, err := range v.view.Scan(v.space.prefix, past(v.space.prefix), false) {
			pair.Key = bytes.TrimPrefix(pair.Key, v.space.prefix)
			if !yield(pair, err) {
				return
			}
		}
	}
}

func (v *View) home() *Space         { return v.space }
func (v *View) kv() KVReader         { return v.view }
func (v *View) pin() (KVView, error) { return unclosable{v.view}, nil }

// unclosable is a view that belongs to somebody else.
type unclosable struct{ KVView }

func (unclosable) Close() error { return nil }
