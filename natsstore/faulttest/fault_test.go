// Package faulttest tests package natsstore through connections that break and servers
// that are restarted.
package faulttest

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/natsstore/internal/natsproc"
	"github.com/aether-es/aether/natsstore/internal/natstest"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/storetest"
)

func TestMain(m *testing.M) { os.Exit(natsproc.Main(m)) }

func TestConformanceThroughCuts(t *testing.T) {
	server := natstest.Server(t, t.TempDir(), natsserver.Options{LazySync: true})
	features := storetest.Features{Snapshots: true, Durable: true, Shared: true, Small: true}
	storetest.Run(t, features, func(t *testing.T) storetest.Storage {
		p := natstest.NewProxy(t, server.URL())
		cutting, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			natstest.Every(cutting, time.Second, func() { p.Cut(t) })
		}()
		t.Cleanup(func() { stop(); <-done })
		return natstest.Storage(t, func() string { return p.URL }, natsstore.Options{SyncAlways: true})
	})
}

// Connections are cut in the middle of batches.
func TestCuts(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t, t.TempDir(), natsserver.Options{LazySync: true})
	a, b := natstest.NewProxy(t, server.URL()), natstest.NewProxy(t, server.URL())
	natstest.UnderFaults(t, [2]string{a.URL, b.URL}, server.URL(), natsstore.Options{SyncAlways: true}, 4*time.Second, func(ctx context.Context, _ func() int) {
		natstest.Every(ctx, 100*time.Millisecond, func() {
			a.Cut(t)
			if rand.IntN(2) == 0 {
				b.Cut(t)
			}
		})
	})
}

// Answers are lost, and messages are held up, while the connections seem to be there.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	server := natstest.Server(t, t.TempDir(), natsserver.Options{LazySync: true})
	a, b := natstest.NewProxy(t, server.URL()), natstest.NewProxy(t, server.URL())
	natstest.UnderFaults(t, [2]string{a.URL, b.URL}, server.URL(), natsstore.Options{SyncAlways: true}, 6*time.Second, func(ctx context.Context, _ func() int) {
		natstest.Every(ctx, 300*time.Millisecond, func() {
			direction := []string{"downstream", "upstream"}[rand.IntN(2)]
			free := []*natstest.Proxy{a, b}[rand.IntN(2)].Hold(t, direction)
			natstest.Pause(ctx, rand.N(600*time.Millisecond))
			free()
		})
	})
}

// A server that is alone is stopped and started again.
func TestRestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server := natstest.Server(t, folder, natsserver.Options{})
	url := server.URL()
	natstest.UnderFaults(t, [2]string{url, url}, url, natsstore.Options{SyncAlways: true}, 5*time.Second, func(ctx context.Context, _ func() int) {
		for natstest.Pause(ctx, time.Second) {
			server.Shutdown()
			natstest.Pause(ctx, rand.N(300*time.Millisecond))
			server = natstest.Server(t, folder, natsserver.Options{Listen: strings.TrimPrefix(url, "nats://")})
		}
	})
}
