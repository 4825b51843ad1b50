package natsstore_test

import (
	"testing"

	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/natsstore/internal/natstest"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/storetest"
)

// The suite through breaking connections is in faulttest, that on three servers in
// clustertest.
func TestConformance(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t, t.TempDir(), natsserver.Options{LazySync: true})
	features := storetest.Features{Snapshots: true, Durable: true, Shared: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		return natstest.Storage(t, server.URL, natsstore.Options{SyncAlways: true})
	})
}
