package readdb

import (
	"encoding/json"
	"fmt"
	"slices"
)

const (
	// MaxKey is how many bytes the key of a document may have.
	MaxKey = 1024

	// MaxValue is how many bytes a [Value] of an index may have, with some for
	// each of its parts.
	MaxValue = 1024
)

// Collection says how documents of one type are kept. It is made once, holds no
// documents, and is safe for concurrent use.
type Collection[D any] struct {
	name    string
	key     func(D) string
	indexes []Index[D]
	copy    func(D) (D, error)

	// The beginnings of the collection's keys within a space.
	documents, meta string
	places          []string // of the indexes

	names []byte // of the indexes, as JSON
}

// Index lets documents be found and ordered by values.
type Index[D any] struct {
	Name string

	// Values returns the values under which a document is found: a document with
	// several is there several times, one with none is not. It depends on the
	// document alone, and leaves it as it is.
	Values func(document D) []Value
}

// NewCollection returns a collection. key returns the key of a document, which
// depends on the document alone and stays the same as long as that exists. It panics
// where a name is missing or there twice, and where a D is not all in its JSON.
func NewCollection[D any](name string, key func(document D) string, indexes ...Index[D]) *Collection[D] {
	if name == "" || key == nil {
		panic(fmt.Sprintf("readdb: the collection %q lacks its name or its key", name))
	}
	c := &Collection[D]{
		name: name, key: key, indexes: indexes, copy: copier[D](),
		documents: string(appendText([]byte{keyDocument}, name)),
		meta:      string(appendText([]byte{keyMeta}, name)),
	}
	names := []string{}
	for _, x := range indexes {
		if x.Name == "" || x.Values == nil || slices.Contains(names, x.Name) {
			panic(fmt.Sprintf("readdb: the index %q of %q lacks its name or its values, or is there twice", x.Name, name))
		}
		names = append(names, x.Name)
		c.places = append(c.places, string(appendText(appendText([]byte{keyIndex}, name), x.Name)))
	}
	slices.Sort(names)
	c.names, _ = json.Marshal(names) // texts always have a JSON
	return c
}

// Name returns the collection's name.
func (c *Collection[D]) Name() string { return c.name }

// Get returns a document. It is the caller's: to change it changes nothing that is
// stored, nor what other calls return.
func (c *Collection[D]) Get(r Reader, key string) (document D, found bool, err error) {
	tx, ok := r.(*Tx)
	if !ok {
		document, _, found, err = c.read(r, r.kv(), key)
		return document, found, err
	}
	_, own, err := c.load(tx, key)
	if err != nil || !own.exists {
		return document, false, err
	}
	document, err = c.copied(own.value, key)
	return document, err == nil, err
}

// Put writes a document in place of the one with its key, if there is one. The Tx has
// a copy of it: the caller may go on changing the document.
func (c *Collection[D]) Put(tx *Tx, document D) error {
	key := c.key(document)
	if len(key) > MaxKey {
		return invalid("key", "of a document of collection %q has %d bytes; at most %d", c.name, len(key), MaxKey)
	}
	all, own, err := c.load(tx, key)
	if err != nil {
		return err
	}
	document, err = c.copied(document, key)
	if err != nil {
		return err
	}
	all.written = true
	own.value, own.exists, own.changed = document, true, true
	return nil
}

// Update changes a document where it is, which spares the copies of Get and Put. If
// there is none it returns false, and does not call change. The pointer is valid, and
// the Tx not to be used, until change returns; maps and slices that it puts into the
// document are the document's from then on. If change panics, or gives the document
// another key, the Tx cannot be committed.
func (c *Collection[D]) Update(tx *Tx, key string, change func(document *D)) (found bool, err error) {
	all, own, err := c.load(tx, key)
	if err != nil || !own.exists {
		return false, err
	}
	all.written = true
	own.changed = true
	tx.err = errUpdating
	change(&own.value)
	tx.err = nil
	if now := c.key(own.value); now != key {
		tx.err = invalid("key", "of document %q of collection %q was changed to %q", key, c.name, now)
	}
	return true, tx.err
}

// Delete removes a document, if it is there.
func (c *Collection[D]) Delete(tx *Tx, key string) error {
	_, own, err := c.load(tx, key)
	if err != nil || !own.exists {
		return err
	}
	var none D
	own.value, own.exists, own.changed = none, false, true
	return nil
}

// read returns a stored document and its JSON.
func (c *Collection[D]) read(r Reader, kv KVReader, key string) (document D, stored []byte, found bool, err error) {
	stored, found, err = kv.Get(r.home().key(c.documents, documentPlace(key)))
	if err != nil || !found {
		return document, nil, false, err
	}
	document, err = c.decode(r, key, stored)
	return document, stored, err == nil, err
}

func (c *Collection[D]) decode(r Reader, key string, stored []byte) (document D, err error) {
	if err := json.Unmarshal(stored, &document); err != nil {
		var none D
		return none, &DecodeError{r.home().name, c.name, key, err}
	}
	return document, nil
}

func (c *Collection[D]) copied(document D, key string) (D, error) {
	copied, err := c.copy(document)
	if err != nil {
		return copied, fmt.Errorf("readdb: copy document %q of collection %q: %w", key, c.name, err)
	}
	return copied, nil
}

// documentPlace is where a document is among those of its collection: its key as a
// value, so that one kind of range fits documents and indexes.
func documentPlace(key string) string { return Text(key).encoded + string(rune(endOfValue)) }

// entries returns the index entries of a document, in order.
func (c *Collection[D]) entries(document D, key string) ([]string, error) {
	var entries []string
	for i, x := range c.indexes {
		for _, v := range x.Values(document) {
			if len(v.encoded) > MaxValue {
				return nil, invalid("value", "of document %q of collection %q in index %q has %d bytes; at most %d",
					key, c.name, x.Name, len(v.encoded), MaxValue)
			}
			entry := append(append([]byte(c.places[i]), v.encoded...), endOfValue)
			entries = append(entries, string(appendText(entry, key)))
		}
	}
	slices.Sort(entries)
	return slices.Compact(entries), nil
}
