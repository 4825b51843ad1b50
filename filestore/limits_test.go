package filestore

import (
	"math"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The largest event there may be, in the namespace with the longest name, fits a
// record: what is acknowledged can be read, now and after reopening.
func TestLargestRecord(t *testing.T) {
	disk := vfs.NewMem()
	ctx := t.Context()
	name := strings.Repeat("n", aether.MaxNameLength)
	e := aether.Event{ActorID: "a/1", Version: 1, Type: "T", Metadata: aether.Metadata{CorrelationID: strings.Repeat("c", 200)}}
	const id = 36
	e.Data = []byte(`"` + strings.Repeat("x", aether.MaxEventSize-e.Size()-id-2) + `"`)
	for round := range 2 {
		store, err := Open(ctx, "store", &Options{fs: disk, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		events, err := store.Namespace(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if _, err := events.SaveEvents(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for got, err := range events.GetEvents(ctx, e.ActorID, 0) {
			if err != nil || len(got.Data) != len(e.Data) {
				t.Fatalf("round %d: %d bytes of data, %v", round, len(got.Data), err)
			}
			n++
		}
		if n != 1 {
			t.Fatalf("round %d: %d events", round, n)
		}
		// A version that no actor has reached is a version without events.
		for _, after := range []aether.Version{2, math.MaxInt64, 1 << 63, math.MaxUint64 - 1, math.MaxUint64} {
			for _, err := range events.GetEvents(ctx, e.ActorID, after) {
				t.Errorf("round %d: something after version %d: %v", round, after, err)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
