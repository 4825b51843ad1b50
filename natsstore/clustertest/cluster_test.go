// Package clustertest tests package natsstore on three servers, each of which has every
// stream.
package clustertest

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/natsstore/internal/natsproc"
	"github.com/aether-es/aether/natsstore/internal/natstest"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/storetest"
)

func TestMain(m *testing.M) { os.Exit(natsproc.Main(m)) }

// Each engine is connected to another server.
func TestConformance(t *testing.T) {
	urls := natstest.Cluster(t, natsserver.Options{LazySync: true}).URLs()
	var next atomic.Int64
	url := func() string { return urls[next.Add(1)%3] }
	features := storetest.Features{Snapshots: true, Durable: true, Shared: true, Small: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		return natstest.Storage(t, url, natsstore.Options{Replicas: 3, SyncAlways: true})
	})
}

// One server after the other is stopped and started again, the leader among them. The next
// one's turn comes when the cluster saves again.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	cluster := natstest.Cluster(t, natsserver.Options{LazySync: true})
	urls := cluster.URLs()
	all := strings.Join(urls, ",")
	natstest.UnderFaults(t, [2]string{all, all}, all, natsstore.Options{Replicas: 3, SyncAlways: true}, 10*time.Second, func(ctx context.Context, acknowledged func() int) {
		for i := 0; ctx.Err() == nil; i = (i + 1) % 3 {
			if err := cluster.Restart(i); err != nil {
				t.Error(err)
				return
			}
			for before := acknowledged(); acknowledged() == before && natstest.Pause(ctx, 100*time.Millisecond); {
			}
			natstest.Pause(ctx, time.Second)
		}
	})
}
