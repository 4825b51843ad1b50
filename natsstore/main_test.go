package natsstore

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether/natsstore/internal/natsproc"
	"github.com/aether-es/aether/natsstore/natsserver"
)

// quiet is a logger for what is broken on purpose.
var quiet = slog.New(slog.DiscardHandler)

// shared are the servers that the tests of this process use together, each with names of
// its own. They are started when they are needed first.
var shared struct {
	folder string
	mu     sync.Mutex
	server *natsproc.Server
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "natsstore")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a folder of the system's
	shared.folder = folder
	code := natsproc.Main(m)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Shutdown()
	}
	return code
}

// sharedServer is a server that syncs as NATS does by default: none is killed.
func sharedServer(t testing.TB) *natsproc.Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		var err error
		if shared.server, err = natsproc.Start(filepath.Join(shared.folder, "server"), natsserver.Options{LazySync: true}); err != nil {
			t.Fatal(err)
		}
	}
	return shared.server
}

// startServer runs a server of the test's own.
func startServer(t testing.TB, dir string, options natsserver.Options) *natsproc.Server {
	t.Helper()
	server, err := natsproc.Start(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	return server
}

var prefixes atomic.Int64

// freshPrefix gives a test names of its own.
func freshPrefix() string { return fmt.Sprintf("t%d", prefixes.Add(1)) }

// connect connects to a server until the test ends.
func connect(t testing.TB, url string, options ConnOptions) *Conn {
	t.Helper()
	if options.Logger == nil {
		options.Logger = quiet
	}
	if options.Prefix == "" {
		options.Prefix = freshPrefix()
	}
	conn, err := Connect(context.Background(), url, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// node is a Store with a connection of its own.
type node struct{ *Store }

func (n node) Close() error {
	err := n.Store.Close()
	n.conn.Close()
	return err
}

// openNode opens a Store over a connection of its own.
func openNode(ctx context.Context, url, dir string, conn ConnOptions, options Options) (node, error) {
	if conn.Logger == nil {
		conn.Logger = quiet
	}
	c, err := Connect(ctx, url, &conn)
	if err != nil {
		return node{}, err
	}
	store, err := Open(ctx, c, dir, &options)
	if err != nil {
		c.Close()
		return node{}, err
	}
	return node{store}, nil
}
