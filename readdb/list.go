package readdb

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

const (
	// DefaultLimit is how many documents a page has unless the options say so.
	DefaultLimit = 50

	// MaxLimit is how many documents a page may have.
	MaxLimit = 1000
)

// ListOptions say which documents to list, in which order. The zero value stands for
// all of them, by their keys.
type ListOptions struct {
	// Index is the name of the index to go by; empty for the keys, as [Text].
	// Documents with equal values are in the order of their keys.
	Index string

	// Range is the part of the index.
	Range Range

	// After is the Next of the page before; empty for the beginning. With other
	// Index, Range or Reverse it is an [ErrCursor]; another space is fine.
	After string

	// Limit is how many documents to list at most, up to [MaxLimit]; 0 stands for
	// [DefaultLimit], in [Collection.All] for all.
	Limit int

	// Reverse begins at the end.
	Reverse bool
}

// Page is a part of a listing.
type Page[D any] struct {
	Documents []D

	// Next is the cursor to list what comes after the page; empty when nothing does.
	// It stays good when documents come and go, and when the program restarts. A
	// document that has the same value and key all the while is on one page exactly.
	Next string
}

// List returns a page of documents, all as they were at one moment. They are the
// caller's.
func (c *Collection[D]) List(r Reader, options *ListOptions) (Page[D], error) {
	o := optionsOf(options)
	o.Limit = cmp.Or(o.Limit, DefaultLimit)
	if o.Limit < 0 || o.Limit > MaxLimit {
		return Page[D]{}, invalid("limit", "is %d; it goes from 1 to %d", o.Limit, MaxLimit)
	}
	l, err := c.listing(o)
	if err != nil {
		return Page[D]{}, err
	}
	var page Page[D]
	var last string
	for item, err := range l.items(r) {
		if err != nil {
			return Page[D]{}, err
		}
		if len(page.Documents) == o.Limit {
			page.Next = encodeCursor(l.name, []byte(last))
			break
		}
		document, found, err := item.document()
		if err != nil {
			return Page[D]{}, err
		}
		if found {
			page.Documents, last = append(page.Documents, document), item.place
		}
	}
	return page, nil
}

// All yields the documents of a listing, all as they were when the loop began. In a
// loop over a [Tx] it is open whether changes that the loop makes are seen.
func (c *Collection[D]) All(r Reader, options *ListOptions) iter.Seq2[D, error] {
	return func(yield func(D, error) bool) {
		fail := func(err error) {
			var none D
			yield(none, err)
		}
		o := optionsOf(options)
		if o.Limit < 0 {
			fail(invalid("limit", "is %d", o.Limit))
			return
		}
		l, err := c.listing(o)
		if err != nil {
			fail(err)
			return
		}
		n := 0
		for item, err := range l.items(r) {
			var document D
			found := false
			if err == nil {
				document, found, err = item.document()
			}
			if err != nil {
				fail(err)
				return
			}
			if !found {
				continue
			}
			if n++; !yield(document, nil) || n == o.Limit {
				return
			}
		}
	}
}

func optionsOf(options *ListOptions) ListOptions {
	if options == nil {
		return ListOptions{}
	}
	return *options
}

// listing is what options stand for.
type listing[D any] struct {
	collection *Collection[D]
	index      bool // not by key
	prefix     string
	name       []byte // what makes it another listing

	from, to string // to is empty where there is no end
	reverse  bool
}

func (c *Collection[D]) listing(o ListOptions) (*listing[D], error) {
	l := &listing[D]{collection: c, prefix: c.documents, from: o.Range.from, to: o.Range.to, reverse: o.Reverse}
	if o.Range.wrong != "" {
		return nil, invalid("range", "%s", o.Range.wrong)
	}
	if o.Index != "" {
		i := slices.IndexFunc(c.indexes, func(x Index[D]) bool { return x.Name == o.Index })
		if i < 0 {
			return nil, invalid("index", "%q is none of collection %q", o.Index, c.name)
		}
		l.index, l.prefix = true, c.places[i]
	}
	l.name = appendText(appendText(appendText([]byte(nil), l.prefix), l.from), l.to)
	if l.reverse {
		l.name = append(l.name, 'r')
	}
	if o.After == "" {
		return l, nil
	}
	after, err := decodeCursor(l.name, o.After)
	if err != nil {
		return nil, err
	}
	place := string(after)
	if place < l.from || l.to != "" && place >= l.to {
		return nil, ErrCursor
	}
	if l.reverse {
		l.to = place
	} else {
		l.from = place + "\x00"
	}
	return l, nil
}

// item is a place in a listing with the document that is there.
type item[D any] struct {
	place    string
	document func() (D, bool, error)
}

// items yields what lies in the listing, at one moment.
func (l *listing[D]) items(r Reader) iter.Seq2[item[D], error] {
	return func(yield func(item[D], error) bool) {
		c := l.collection
		var own []item[D]
		var mine map[string]bool
		if tx, ok := r.(*Tx); ok {
			var err error
			if own, mine, err = l.own(tx); err != nil {
				yield(item[D]{}, err)
				return
			}
		}
		view, err := r.pin()
		if err != nil {
			yield(item[D]{}, err)
			return
		}
		defer view.Close()

		prefix := r.home().key(l.prefix)
		from, to := append(prefix[:len(prefix):len(prefix)], l.from...), past(prefix)
		if l.to != "" {
			to = append(prefix[:len(prefix):len(prefix)], l.to...)
		}
		for pair, err := range view.Scan(from, to, l.reverse) {
			if err != nil {
				yield(item[D]{}, err)
				return
			}
			it := item[D]{place: string(pair.Key[len(prefix):])}
			key, ok := string(pair.Value), it.place != ""
			if ok && !l.index {
				key, _, ok = cutText(it.place[1:])
			}
			if !ok {
				yield(item[D]{}, r.home().damage("it has the key %q", pair.Key))
				return
			}
			if mine[key] {
				continue
			}
			for len(own) > 0 && (own[0].place < it.place) != l.reverse {
				if !yield(own[0], nil) {
					return
				}
				own = own[1:]
			}
			it.document = func() (D, bool, error) { // called before the loop goes on
				if !l.index {
					document, err := c.decode(r, key, pair.Value)
					return document, err == nil, err
				}
				document, _, found, err := c.read(r, view, key)
				if err == nil && !found {
					err = r.home().damage("an index of collection %q has document %q, which is not there", c.name, key)
				}
				return document, found, err
			}
			if !yield(it, nil) {
				return
			}
		}
		for _, it := range own {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// own returns what a Tx adds to a listing, in its order, and the keys of the documents
// whose stored places do not count.
func (l *listing[D]) own(tx *Tx) (items []item[D], mine map[string]bool, err error) {
	c := l.collection
	all, err := c.in(tx)
	if err != nil {
		return nil, nil, err
	}
	mine = make(map[string]bool)
	for key, own := range all.documents {
		if !own.changed {
			continue
		}
		mine[key] = true
		if !own.exists {
			continue
		}
		places := []string{l.prefix + documentPlace(key)}
		if l.index {
			if places, err = c.entries(own.value, key); err != nil {
				return nil, nil, err
			}
		}
		document := func() (D, bool, error) {
			if !own.exists {
				var none D
				return none, false, nil
			}
			document, err := c.copied(own.value, key)
			return document, err == nil, err
		}
		for _, place := range places {
			place, ok := strings.CutPrefix(place, l.prefix)
			if ok && place >= l.from && (l.to == "" || place < l.to) {
				items = append(items, item[D]{place, document})
			}
		}
	}
	slices.SortFunc(items, func(a, b item[D]) int {
		if l.reverse {
			a, b = b, a
		}
		return strings.Compare(a.place, b.place)
	})
	return items, mine, nil
}
