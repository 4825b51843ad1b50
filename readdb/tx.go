package readdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Tx changes a space: it collects what is written for a batch of events, and Commit
// writes all of it at once. What it reads has its own changes. Documents stay decoded
// in it, and each one is read and written once, however often it changes. All
// documents that were touched are in memory until then.
//
// It is used by one goroutine at a time. One that is not committed is simply left;
// it holds on to nothing. Of several on a space at the same time the first to be
// committed wins, the others get [ErrConflict].
type Tx struct {
	space       *Space
	count       uint64 // the changes of the space when it began
	collections map[string]txCollection
	err         error // why it cannot be used
}

var errUpdating = errors.New("readdb: the Tx is in an Update, or one of it panicked")

// txCollection is a txDocuments of any type.
type txCollection interface {
	// changes appends what is to be written.
	changes(tx *Tx, changes []Change) ([]Change, error)
}

// txDocuments are the documents of a collection that a Tx has touched.
type txDocuments[D any] struct {
	collection *Collection[D]
	documents  map[string]*txDocument[D]
	named      bool // the names of the indexes are stored
	written    bool // something was put
}

type txDocument[D any] struct {
	value   D
	exists  bool
	changed bool

	stored  []byte   // what was there when the Tx began; nil for nothing
	entries []string // of that
}

// Space returns the space that the Tx changes.
func (tx *Tx) Space() *Space { return tx.space }

// Checkpoint returns that of the latest commit; nil when there was none.
func (tx *Tx) Checkpoint() ([]byte, error) { return checkpoint(tx) }

func (tx *Tx) home() *Space         { return tx.space }
func (tx *Tx) kv() KVReader         { return tx.space.db.kv }
func (tx *Tx) pin() (KVView, error) { return tx.space.db.kv.View() }

// Commit writes the changes and the checkpoint, any bytes that say how far the events
// were applied. It ends the Tx, also where it fails; then nothing was written, and
// the batch is to be applied again by another one.
func (tx *Tx) Commit(checkpoint []byte) error {
	if tx.err != nil {
		return tx.err
	}
	tx.err = ErrDone
	var changes []Change
	var err error
	for _, name := range slices.Sorted(maps.Keys(tx.collections)) {
		if changes, err = tx.collections[name].changes(tx, changes); err != nil {
			return err
		}
	}
	tx.collections = nil
	changes = append(changes, Change{Op: Put, Key: tx.space.key(string(rune(keyCheckpoint))), Value: bytes.Clone(checkpoint)})

	s := tx.space.changes
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count != tx.count {
		return fmt.Errorf("%w: %q", ErrConflict, tx.space.name)
	}
	if err := tx.space.db.kv.Write(changes); err != nil {
		return err
	}
	s.count++
	return nil
}

// in returns the collection's part of a Tx.
func (c *Collection[D]) in(tx *Tx) (*txDocuments[D], error) {
	if tx.err != nil {
		return nil, tx.err
	}
	if part := tx.collections[c.name]; part != nil {
		all, ok := part.(*txDocuments[D])
		if !ok || all.collection != c {
			return nil, invalid("collection", "%q is another one than that which the Tx has used by this name", c.name)
		}
		return all, nil
	}
	stored, found, err := tx.kv().Get(tx.space.key(c.meta))
	if err != nil {
		return nil, err
	}
	if found && !bytes.Equal(stored, c.names) {
		return nil, c.mismatch(tx.space, stored)
	}
	all := &txDocuments[D]{collection: c, documents: make(map[string]*txDocument[D]), named: found}
	tx.collections[c.name] = all
	return all, nil
}

func (c *Collection[D]) mismatch(space *Space, stored []byte) error {
	err := &MismatchError{Space: space.name, Collection: c.name}
	if json.Unmarshal(stored, &err.Stored) != nil || json.Unmarshal(c.names, &err.Known) != nil {
		return space.damage("the names of the indexes of collection %q are %q", c.name, stored)
	}
	return err
}

// load returns what a Tx has of a document, after reading it if need be.
func (c *Collection[D]) load(tx *Tx, key string) (*txDocuments[D], *txDocument[D], error) {
	all, err := c.in(tx)
	if err != nil {
		return nil, nil, err
	}
	if own := all.documents[key]; own != nil {
		return all, own, nil
	}
	own := &txDocument[D]{}
	if own.value, own.stored, own.exists, err = c.read(tx, tx.kv(), key); err != nil {
		return nil, nil, err
	}
	if own.exists {
		// Now, for the value is changed where it is.
		if own.entries, err = c.entries(own.value, key); err != nil {
			return nil, nil, err
		}
	}
	all.documents[key] = own
	return all, own, nil
}

func (all *txDocuments[D]) changes(tx *Tx, changes []Change) ([]Change, error) {
	c := all.collection
	if all.written && !all.named {
		changes = append(changes, Change{Op: Put, Key: tx.space.key(c.meta), Value: c.names})
	}
	for key, own := range all.documents {
		if !own.changed {
			continue
		}
		var stored []byte
		var entries []string
		if own.exists {
			var err error
			if stored, err = json.Marshal(own.value); err != nil {
				return nil, fmt.Errorf("readdb: encode document %q of collection %q: %w", key, c.name, err)
			}
			if bytes.Equal(stored, own.stored) {
				continue
			}
			if entries, err = c.storedEntries(tx, key, stored); err != nil {
				return nil, err
			}
		}
		place := tx.space.key(c.documents, documentPlace(key))
		if own.exists {
			changes = append(changes, Change{Op: Put, Key: place, Value: stored})
		} else if own.stored != nil {
			changes = append(changes, Change{Op: Delete, Key: place})
		}
		changes = appendEntries(changes, tx.space, Delete, nil, own.entries, entries)
		changes = appendEntries(changes, tx.space, Put, []byte(key), entries, own.entries)
	}
	return changes, nil
}

// storedEntries returns the index entries of a document as it will be read: JSON
// replaces what is not UTF-8, for one, and what is read must lead to the same entries,
// or they would stay behind.
func (c *Collection[D]) storedEntries(tx *Tx, key string, stored []byte) ([]string, error) {
	document, err := c.decode(tx, key, stored)
	if err != nil {
		return nil, err
	}
	if now := c.key(document); now != key {
		return nil, invalid("key", "%q of a document of collection %q is %q once it was stored", key, c.name, now)
	}
	return c.entries(document, key)
}

// appendEntries appends a change for each entry that is not among the others.
func appendEntries(changes []Change, space *Space, op Op, value []byte, entries, others []string) []Change {
	for _, entry := range entries {
		if _, found := slices.BinarySearch(others, entry); !found {
			changes = append(changes, Change{Op: op, Key: space.key(entry), Value: value})
		}
	}
	return changes
}
