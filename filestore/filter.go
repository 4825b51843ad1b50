package filestore

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// filter tells of most events that the index on disk does not have them, without
// asking it: every event that is saved is looked for there, and hardly any is
// found. It is a Bloom filter in blocks of one cache line, in which a key has one
// bit in each of the 8 words (Putze, Sanders, Singler: Cache-, Hash- and
// Space-Efficient Bloom Filters, 2007). At 12 bits a key about one key in a
// hundred passes that is not there.
//
// It is made in memory after the store was opened, in the background, and passes
// everything until it is complete. It holds maxFiltered events, in parts that are
// each twice as large as the one before; when it is full it passes everything again.
// It keeps its parts then, some 95 MiB, though they are of no more use: somebody
// may be in the middle of asking them.
//
// Only one goroutine may add; any number may ask.
type filter struct {
	parts    atomic.Pointer[[]*filterPart]
	complete atomic.Bool
	full     bool
}

type filterPart struct {
	blocks [][8]atomic.Uint64
	room   int
}

const (
	firstFilterPart = 1 << 20 // events
	maxFiltered     = 63 << 20
	bitsPerEvent    = 12
)

// mayHave says whether an event may be in the index.
func (f *filter) mayHave(key eventKey) bool {
	if !f.complete.Load() {
		return true
	}
	for _, part := range *f.parts.Load() {
		if part.has(key) {
			return true
		}
	}
	return false
}

// add puts in an event.
func (f *filter) add(key eventKey) {
	parts := f.parts.Load()
	n := len(*parts)
	if f.full {
		return
	}
	if n == 0 || (*parts)[n-1].room == 0 {
		size := firstFilterPart << n
		if size > maxFiltered {
			f.full = true
			f.complete.Store(false)
			return
		}
		part := &filterPart{blocks: make([][8]atomic.Uint64, size*bitsPerEvent/512), room: size}
		grown := append(append([]*filterPart(nil), *parts...), part)
		f.parts.Store(&grown)
		parts, n = &grown, n+1
	}
	part := (*parts)[n-1]
	part.room--
	block := part.block(key)
	for i := range block {
		block[i].Or(1 << (key.lo >> (6 * i) & 63))
	}
}

func (p *filterPart) block(key eventKey) *[8]atomic.Uint64 {
	return &p.blocks[key.hi%uint64(len(p.blocks))]
}

func (p *filterPart) has(key eventKey) bool {
	block := p.block(key)
	for i := range block {
		if block[i].Load()&(1<<(key.lo>>(6*i)&63)) == 0 {
			return false
		}
	}
	return true
}

// filling puts the events of an index into a filter, step by step.
type filling struct {
	filter *filter
	iter   *pebble.Iterator
}

func (f *filter) fill(db *pebble.DB) (*filling, error) {
	f.parts.Store(&[]*filterPart{})
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyEvent}, UpperBound: []byte{keyEvent + 1}})
	if err != nil {
		return nil, indexError(err)
	}
	iter.First()
	return &filling{f, iter}, nil
}

// step puts in some events, and says whether there are more.
func (g *filling) step() (bool, error) {
	for range 10_000 {
		if !g.iter.Valid() {
			if err := g.iter.Close(); err != nil {
				return false, indexError(err)
			}
			g.filter.complete.Store(!g.filter.full)
			return false, nil
		}
		g.filter.add(decodeEventKey(g.iter.Key()[1:]))
		g.iter.Next()
	}
	return true, nil
}
