package filestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// write takes in what was in memory, in one atomic and durable step: it makes a
// table of it, with the keys in order, and has Pebble adopt that. Passing the keys
// through Pebble's own memory would cost twice as much.
func (x *index) write(r *recent, id storeID, end place) error {
	err := x.fs.Guard(func() error { return x.adopt(r, id, end) })
	if err != nil {
		return indexError(err)
	}
	return nil
}

func (x *index) adopt(r *recent, id storeID, end place) error {
	path := x.options.FS.PathJoin(x.options.FS.PathDir(x.path), newTable)
	file, err := x.options.FS.Create(path, segmentCategory)
	if err != nil {
		return err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), x.options.MakeWriterOptions(0, x.db.TableFormat()))
	if err := x.writeTable(w, r, id, end); err != nil {
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := x.db.Ingest(context.Background(), []string{path}); err != nil {
		return fmt.Errorf("adopt %s: %w", path, err)
	}
	return nil
}

const newTable = "index.new"

func (x *index) writeTable(w *sstable.Writer, r *recent, id storeID, end place) error {
	namespaces := slices.Sorted(maps.Keys(r.namespaces))
	actors := make([][]string, len(namespaces))
	var buf []byte
	for i, namespace := range namespaces {
		n := r.namespaces[namespace]
		actors[i] = slices.Sorted(maps.Keys(n.actors))
		for _, actorID := range actors[i] {
			buf = binary.AppendUvarint(buf[:0], uint64(n.actors[actorID].latest()))
			if err := w.Set(textKey(keyActor, namespace, actorID), buf); err != nil {
				return err
			}
		}
	}
	events := slices.SortedFunc(maps.Keys(r.ids), eventKey.compare)
	var key []byte
	for _, event := range events {
		key = event.append(append(key[:0], keyEvent))
		buf = binary.AppendUvarint(buf[:0], uint64(r.ids[event]))
		if err := w.Set(key, buf); err != nil {
			return err
		}
	}
	for _, namespace := range namespaces {
		for _, m := range r.namespaces[namespace].marks {
			buf = encodePlaces(buf[:0], []place{m.place})
			if err := w.Set(numberKey(uint64(m.position), keyMark, namespace), buf); err != nil {
				return err
			}
		}
	}
	for _, namespace := range namespaces {
		buf = binary.AppendUvarint(buf[:0], uint64(r.namespaces[namespace].last))
		if err := w.Set(textKey(keyNamespace, namespace), buf); err != nil {
			return err
		}
	}
	buf = append(append(append(buf[:0], indexFormat), id[:]...), x.hash[:]...)
	buf = binary.BigEndian.AppendUint32(buf, end.segment)
	buf = binary.BigEndian.AppendUint32(buf, end.offset)
	if err := w.Set([]byte{keyProgress}, buf); err != nil {
		return err
	}
	for i, namespace := range namespaces {
		for _, actorID := range actors[i] {
			a := r.namespaces[namespace].actors[actorID]
			for j := 0; j < len(a.places); j += chunkEvents {
				buf = encodePlaces(buf[:0], a.places[j:min(j+chunkEvents, len(a.places))])
				if err := w.Set(numberKey(uint64(a.first)+uint64(j), keyPlaces, namespace, actorID), buf); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
