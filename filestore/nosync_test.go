package filestore

import (
	"context"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storetest"
)

// A store that does not sync keeps all promises but that of the loss of power.
func TestConformanceWithoutSync(t *testing.T) {
	t.Parallel()
	features := storetest.Features{Snapshots: true, Durable: true, Small: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		folder := t.TempDir()
		return storetest.Storage{Open: func(ctx context.Context) (aether.Engine, error) {
			return Open(ctx, folder, &Options{NoSync: true, SegmentSize: 48 << 10, recentEvents: 200, Logger: quiet})
		}}
	})
}
