// Package natstest has what the tests of natsstore share: servers and engines with names
// of their own.
package natstest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/natsstore/internal/natsproc"
	"github.com/aether-es/aether/natsstore/natsserver"
	"github.com/aether-es/aether/storetest"
)

// Quiet is a logger for what is broken on purpose.
var Quiet = slog.New(slog.DiscardHandler)

// Prefix gives a test names of its own.
func Prefix() string { return fmt.Sprintf("t%x", rand.Uint64()) }

// Server runs a server until the test ends.
func Server(t testing.TB, dir string, options natsserver.Options) *natsproc.Server {
	t.Helper()
	server, err := natsproc.Start(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	return server
}

// Cluster runs three servers until the test ends.
func Cluster(t testing.TB, options natsserver.Options) *natsproc.Cluster {
	t.Helper()
	cluster, err := natsproc.StartCluster(t.TempDir(), 3, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Shutdown)
	return cluster
}

// Node is a Store with a connection of its own.
type Node struct {
	*natsstore.Store
	Conn *natsstore.Conn
	free func()
}

// Close closes both.
func (n Node) Close() error {
	err := n.Store.Close()
	n.Conn.Close()
	if n.free != nil {
		n.free()
	}
	return err
}

// Open opens a Store over a connection of its own.
func Open(ctx context.Context, url, dir string, conn natsstore.ConnOptions, options natsstore.Options) (Node, error) {
	if conn.Logger == nil {
		conn.Logger = Quiet
	}
	c, err := natsstore.Connect(ctx, url, &conn)
	if err != nil {
		return Node{}, err
	}
	store, err := natsstore.Open(ctx, c, dir, &options)
	if err != nil {
		c.Close()
		return Node{}, err
	}
	return Node{Store: store, Conn: c}, nil
}

// Storage is one for the suite. What is opened gets a folder that was used before, if
// there is one that is free.
func Storage(t *testing.T, url func() string, options natsstore.Options) storetest.Storage {
	prefix, folder := Prefix(), t.TempDir()
	var mu sync.Mutex
	used := make(map[int]bool)
	return storetest.Storage{Open: func(ctx context.Context) (aether.Engine, error) {
		mu.Lock()
		defer mu.Unlock()
		i := 0
		for used[i] {
			i++
		}
		n, err := Open(ctx, url(), filepath.Join(folder, fmt.Sprint(i)), natsstore.ConnOptions{Prefix: prefix}, options)
		if err != nil {
			return nil, err
		}
		used[i] = true
		n.free = func() {
			mu.Lock()
			defer mu.Unlock()
			delete(used, i)
		}
		return n, nil
	}}
}
