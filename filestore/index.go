package filestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// index is the part of the index that is on disk, in Pebble without a write-ahead
// log: all of it follows from the log, so what is lost is made again. Its keys
// begin with a letter; texts within them end with a zero byte, which none of
// them contains:
//
//	a namespace actor            the actor's latest version
//	e eventKey                   the version of the event
//	m namespace position         where that event is; at least every markEvery bytes
//	n namespace                  the latest position
//	p                            format, the store's ID, the secret of the event keys, and
//	                             where the log was indexed up to
//	v namespace actor version    the places of up to chunkEvents events from that version on
//
// Positions and versions in keys are 8 bytes, big endian; in values, uvarints.
type index struct {
	db      *pebble.DB
	fs      *pebblefs.FS
	options *pebble.Options
	path    string
	hash    hashKey
}

const (
	keyActor     = 'a'
	keyEvent     = 'e'
	keyMark      = 'm'
	keyNamespace = 'n'
	keyProgress  = 'p'
	keyPlaces    = 'v'

	indexFormat = 1
	chunkEvents = 256
)

// pebbleOptions are those of the index and of the snapshots.
func pebbleOptions(fsys *pebblefs.FS, path string, logger *slog.Logger) *pebble.Options {
	log := pebblefs.NewLog(logger, "filestore: Pebble")
	options := &pebble.Options{
		FS:                          fsys,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                4 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       8,
		MaxOpenFiles:                512,
		Logger:                      log,
	}
	options.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { log.Report(slog.LevelWarn, path, err) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			damage := fmt.Errorf("%s: %w", info.Path, info.Details)
			fsys.NoteDamage(damage)
			log.Report(slog.LevelError, path, damage)
		},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression } // hashes and numbers
	}
	options.EnsureDefaults()
	return options
}

// openPebble opens or makes a Pebble.
func openPebble(path string, options *pebble.Options, files *pebblefs.FS, cache int64) (db *pebble.DB, err error) {
	blocks := pebble.NewCache(cache)
	options.Cache = blocks
	opened := make(chan *pebble.DB, 1)
	err = files.Guard(func() error {
		defer blocks.Unref()
		db, err := pebble.Open(path, options)
		opened <- db
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-opened, nil
}

func textKey(kind byte, texts ...string) []byte {
	n := 1 + 8
	for _, text := range texts {
		n += len(text) + 1
	}
	key := append(make([]byte, 0, n), kind)
	for _, text := range texts {
		key = append(append(key, text...), 0)
	}
	return key
}

func numberKey(number uint64, kind byte, texts ...string) []byte {
	return binary.BigEndian.AppendUint64(textKey(kind, texts...), number)
}

// past returns the first key after all that begin with prefix, whose last byte is
// not 255.
func past(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	end[len(end)-1]++
	return end
}

func lastNumber(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// getUvarint returns the number under a key, 0 when the key is not there.
func (x *index) getUvarint(key []byte) (uint64, error) {
	value, closer, err := x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, indexError(err)
	}
	number, _ := binary.Uvarint(value)
	return number, closer.Close()
}

func indexError(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("filestore: index: %w; close the store and open it again", err)
	}
	return fmt.Errorf("filestore: index: %w", err)
}

func (x *index) latestVersion(namespace, actorID string) (aether.Version, error) {
	v, err := x.getUvarint(textKey(keyActor, namespace, actorID))
	return aether.Version(v), err
}

func (x *index) eventVersion(key eventKey) (aether.Version, error) {
	v, err := x.getUvarint(key.append([]byte{keyEvent}))
	return aether.Version(v), err
}

// progress reads how far the log was indexed and the secret of the event keys. The
// place is zero when the index is new, of another format or of another store.
func (x *index) progress(id storeID) (place, error) {
	value, closer, err := x.db.Get([]byte{keyProgress})
	if errors.Is(err, pebble.ErrNotFound) {
		return place{}, nil
	}
	if err != nil {
		return place{}, indexError(err)
	}
	defer closer.Close()
	if len(value) != 1+16+16+8 || value[0] != indexFormat || storeID(value[1:17]) != id {
		return place{}, nil
	}
	x.hash = hashKey(value[17:33])
	return place{segment: binary.BigEndian.Uint32(value[33:]), offset: binary.BigEndian.Uint32(value[37:])}, nil
}

// encodePlaces appends for each place the difference of its segment to the one
// before, the difference of its offset if that is the same segment, else the
// offset, and its length.
func encodePlaces(b []byte, places []place) []byte {
	var former place
	for _, p := range places {
		b = binary.AppendUvarint(b, uint64(p.segment-former.segment))
		if p.segment != former.segment {
			former.offset = 0
		}
		b = binary.AppendUvarint(b, uint64(p.offset-former.offset))
		b = binary.AppendUvarint(b, uint64(p.length))
		former = p
	}
	return b
}

var errPlaces = errors.New("filestore: index: a list of places is damaged")

func decodePlaces(to []place, b []byte) ([]place, error) {
	var p place
	for len(b) > 0 {
		var numbers [3]uint64
		for i := range numbers {
			n, w := binary.Uvarint(b)
			if w <= 0 {
				return to, errPlaces
			}
			numbers[i], b = n, b[w:]
		}
		if numbers[0] != 0 {
			p.offset = 0
		}
		p.segment += uint32(numbers[0])
		p.offset += uint32(numbers[1])
		p.length = uint32(numbers[2])
		to = append(to, p)
	}
	return to, nil
}

// places appends the places of an actor's events from a version on: some of them,
// at least one if the index has any; more says that there may be others.
func (x *index) places(to []place, namespace, actorID string, from aether.Version) (places []place, more bool, err error) {
	prefix := textKey(keyPlaces, namespace, actorID)
	iter, err := x.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: past(prefix)})
	if err != nil {
		return to, false, indexError(err)
	}
	defer iter.Close()
	// The chunk that has the version begins at it or before it. The first chunk is
	// found without turning the iterator, which takes as long as a second search.
	if from <= 1 || from == math.MaxUint64 || !iter.SeekLT(numberKey(uint64(from)+1, keyPlaces, namespace, actorID)) {
		iter.First()
	}
	const enough = 4 * chunkEvents
	for ; iter.Valid() && len(to) < enough; iter.Next() {
		first := aether.Version(lastNumber(iter.Key()))
		start := len(to)
		if to, err = decodePlaces(to, iter.Value()); err != nil {
			return to, false, err
		}
		if first < from {
			skip := int(min(from-first, aether.Version(len(to)-start)))
			to = append(to[:start], to[start+skip:]...)
		}
	}
	if err := iter.Error(); err != nil {
		return to, false, indexError(err)
	}
	return to, iter.Valid(), nil
}

// markAt returns the last mark at or before a position.
func (x *index) markAt(namespace string, position aether.Position) (mark, bool, error) {
	return x.mark(namespace, func(iter *pebble.Iterator) bool {
		return iter.SeekLT(numberKey(uint64(position)+1, keyMark, namespace))
	})
}

// markFrom returns the first mark at or after a position.
func (x *index) markFrom(namespace string, position aether.Position) (mark, bool, error) {
	return x.mark(namespace, func(iter *pebble.Iterator) bool {
		return iter.SeekGE(numberKey(uint64(position), keyMark, namespace))
	})
}

func (x *index) mark(namespace string, seek func(*pebble.Iterator) bool) (mark, bool, error) {
	prefix := textKey(keyMark, namespace)
	iter, err := x.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: past(prefix)})
	if err != nil {
		return mark{}, false, indexError(err)
	}
	defer iter.Close()
	if !seek(iter) {
		if err := iter.Error(); err != nil {
			return mark{}, false, indexError(err)
		}
		return mark{}, false, nil
	}
	places, err := decodePlaces(nil, iter.Value())
	if err != nil || len(places) != 1 {
		return mark{}, false, errPlaces
	}
	return mark{aether.Position(lastNumber(iter.Key())), places[0]}, true, nil
}

// namespaces returns the latest position of each namespace.
func (x *index) namespaces() (map[string]aether.Position, error) {
	iter, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyNamespace}, UpperBound: []byte{keyNamespace + 1}})
	if err != nil {
		return nil, indexError(err)
	}
	defer iter.Close()
	latest := make(map[string]aether.Position)
	for iter.First(); iter.Valid(); iter.Next() {
		position, _ := binary.Uvarint(iter.Value())
		key := iter.Key()
		latest[string(key[1:len(key)-1])] = aether.Position(position)
	}
	if err := iter.Error(); err != nil {
		return nil, indexError(err)
	}
	return latest, nil
}

// actors returns up to limit actors of a kind, of all kinds when it is empty,
// whose IDs come after another, in order; more says that the limit was reached.
func (x *index) actors(namespace, kind, after string, limit int) (actors []aether.Actor, more bool, err error) {
	if strings.Contains(kind, "/") {
		return nil, false, nil // no kind has a slash
	}
	prefix := textKey(keyActor, namespace)
	lower, upper := prefix, past(prefix)
	if kind != "" {
		lower = append(append([]byte(nil), prefix...), kind+"/"...)
		upper = past(lower)
	}
	if after != "" {
		lower = past(textKey(keyActor, namespace, after))
	}
	iter, err := x.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, false, indexError(err)
	}
	defer iter.Close()
	for iter.First(); iter.Valid() && len(actors) < limit; iter.Next() {
		version, _ := binary.Uvarint(iter.Value())
		key := iter.Key()
		actors = append(actors, aether.Actor{ID: string(key[len(prefix) : len(key)-1]), Version: aether.Version(version)})
	}
	if err := iter.Error(); err != nil {
		return nil, false, indexError(err)
	}
	return actors, len(actors) == limit, nil
}
