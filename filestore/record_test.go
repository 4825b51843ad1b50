package filestore

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func someEvents() []aether.Event {
	full := aether.Event{
		ID: "e-1", ActorID: "room/1", Version: 7, Type: "Opened", Schema: 3, Data: []byte(`{"a":1}`),
		Metadata: aether.Metadata{CorrelationID: "c", CausationID: "d", Traceparent: "t"},
		Time:     time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC),
	}
	bare := aether.Event{ID: "x", ActorID: "a/b", Version: 1, Type: "T", Schema: 1, Data: []byte("0"), Time: time.UnixMicro(-1).UTC()}
	long := full
	long.ID, long.Type = strings.Repeat("i", aether.MaxNameLength), strings.Repeat("t", aether.MaxNameLength)
	long.Data = []byte(`"` + strings.Repeat("x", 500) + `"`)
	return []aether.Event{full, bare, long}
}

// Any bytes may be where a record should be: those of a damaged file, and those of
// somebody who knows how to make a checksum. Whatever is decoded is encoded to the
// same bytes.
func FuzzRecord(f *testing.F) {
	for i, e := range someEvents() {
		b := appendRecord(nil, "namespace", &e, i)
		finishRecord(b, aether.Position(i+1), 100*i)
		f.Add(b, true)
		f.Add(b[:len(b)-1], false)
		f.Add(append(b, b...), true)
	}
	f.Add(appendSeal(nil, 12, 34), true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		b = bytes.Clone(b)
		if length := 0; mend && len(b) >= headLength {
			if length = int(binary.LittleEndian.Uint32(b)); length < headLength || length > len(b) {
				length = len(b)
				binary.LittleEndian.PutUint32(b, uint32(length))
			}
			binary.LittleEndian.PutUint32(b[offsetCRC:], crc32.Checksum(b[offsetChecked:length], castagnoli))
		}
		r, err := checkRecord(b)
		if err != nil {
			if !isBroken(err) || r != nil {
				t.Fatalf("%d bytes are a record of %d, and %v", len(b), len(r), err)
			}
			return
		}
		if len(r) > len(b) || !bytes.Equal(r, b[:len(r)]) {
			t.Fatalf("the record has %d of %d bytes", len(r), len(b))
		}
		if r.isSeal() {
			_, _ = r.sealEvents(), r.sealSum()
			return
		}
		namespace, actorID, id, eventType := r.names()
		e, err := r.event(&slab{})
		if err != nil {
			return
		}
		if e.ActorID != string(actorID) || e.ID != string(id) || e.Type != string(eventType) || !bytes.Equal(r.namespace(), namespace) {
			t.Fatalf("the event is %+v, but the names are %q %q %q %q", e, namespace, actorID, id, eventType)
		}
		again := appendRecord(nil, string(namespace), &e, r.more())
		finishRecord(again, r.position(), r.back())
		other, err := record(again).event(&slab{})
		if err != nil || !reflect.DeepEqual(other, e) {
			t.Fatalf("encoded and decoded again the event is %+v, %v; it was %+v", other, err, e)
		}
	})
}

func TestRecord(t *testing.T) {
	t.Parallel()
	for i, e := range someEvents() {
		b := appendRecord([]byte("before"), "namespace", &e, 5)[len("before"):]
		finishRecord(b, 9, 77)
		r, err := checkRecord(append(b, "after"...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.event(&slab{})
		e.Position = 9
		if err != nil || !reflect.DeepEqual(got, e) || r.back() != 77 || r.more() != 5 || string(r.namespace()) != "namespace" || r.isSeal() {
			t.Errorf("event %d comes back as %+v, %v; it was %+v", i, got, err, e)
		}
		if size := e.Size() + len("namespace") + recordOverhead; len(b) > size {
			t.Errorf("the record of event %d has %d bytes, more than the %d that were thought enough", i, len(b), size)
		}
		for cut := range min(len(b), 1000) {
			if _, err := checkRecord(b[:cut]); !isBroken(err) {
				t.Fatalf("%d of %d bytes: %v", cut, len(b), err)
			}
		}
	}
	seal := appendSeal(nil, 12, 34)
	if r, err := checkRecord(seal); err != nil || !r.isSeal() || r.sealEvents() != 12 || r.sealSum() != 34 || len(r) != sealLength {
		t.Errorf("the seal comes back as %v, %v", r, err)
	}
}
