package memstore_test

import (
	"context"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Features{Snapshots: true}, func(*testing.T) storetest.Storage {
		return storetest.Storage{Open: func(context.Context) (aether.Engine, error) { return memstore.New(), nil }}
	})
}
