package filestore

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storetest"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// quiet is a logger for stores that are damaged on purpose.
var quiet = slog.New(slog.DiscardHandler)

// small makes everything happen early: segments end and the index moves to disk
// after a few events.
func small(fsys vfs.FS) *Options {
	return &Options{SegmentSize: 48 << 10, recentEvents: 200, Logger: quiet, fs: fsys}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	features := storetest.Features{Snapshots: true, Durable: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		folder := t.TempDir()
		return storetest.Storage{Open: func(ctx context.Context) (aether.Engine, error) {
			return Open(ctx, folder, nil)
		}}
	})
}

func TestConformanceOfSmallParts(t *testing.T) {
	t.Parallel()
	features := storetest.Features{Snapshots: true, Durable: true, PowerLoss: true, Small: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		var d atomic.Pointer[disk]
		d.Store(newDisk())
		return storetest.Storage{
			Open:      func(ctx context.Context) (aether.Engine, error) { return Open(ctx, "store", small(d.Load().process())) },
			LosePower: func() { d.Store(d.Load().losePower(t, 50, rand.Uint64())) },
		}
	})
}
