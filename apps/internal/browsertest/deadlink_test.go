package browsertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// link carries connections to a server, until it dies as a network does that a phone
// has left: nothing is carried any more, and nobody is told.
type link struct {
	listener net.Listener
	to       string

	mu     sync.Mutex
	refuse bool          // new connections
	dead   chan struct{} // closed for those that are dead
	conns  []net.Conn
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, to: to, dead: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { l.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.mu.Unlock()
		running.Wait()
	})
	return l
}

func (l *link) url(path string) string { return "http://" + l.listener.Addr().String() + path }

// die kills the connections there are, and has new ones refused.
func (l *link) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.dead)
	l.dead, l.refuse = make(chan struct{}), true
}

// heal lets new connections in.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = false
}

// carry carries a connection to its end, which nobody hears of if it died before.
func (l *link) carry(from net.Conn) {
	l.mu.Lock()
	dead, refuse := l.dead, l.refuse
	l.mu.Unlock()
	to, err := net.Dial("tcp", l.to)
	if err != nil || refuse {
		_ = from.Close()
		if err == nil {
			_ = to.Close()
		}
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, from, to)
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { pipe(to, from, dead) })
	pipe(from, to, dead)
	both.Wait()
}

// pipe carries what comes until it ends, or dies: then it swallows it.
func pipe(to, from net.Conn, dead <-chan struct{}) {
	_, _ = io.Copy(writer(func(p []byte) (int, error) {
		select {
		case <-dead:
			return len(p), nil
		default:
			return to.Write(p)
		}
	}), from)
	select {
	case <-dead:
	default:
		_ = to.Close()
	}
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// The network changes, and the connection of the page is one no more, which nobody
// tells it: it finds out, says so, and finds its way back.
func testDeadLink(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	link := newLink(t, world.address)
	wakes := map[string]string{
		"online":     `dispatchEvent(new Event("online"))`,
		"seen again": `document.dispatchEvent(new Event("visibilitychange"))`,
	}
	var windows []*window
	for name := range wakes {
		w := b.open(t, name)
		w.visit(link.url("/rover/mars"))
		w.known(3)
		windows = append(windows, w)
	}
	link.die()
	world.post("/mars/rovers/ann/moves", `{"moves":"R"}`)
	for _, w := range windows {
		w.eval(wakes[w.name], nil)
	}
	for _, w := range windows {
		w.texts("[data-connection]", "Offline")
	}
	link.heal()
	for _, w := range windows {
		w.known(4)
	}
	world.post("/mars/rovers/ann/moves", `{"moves":"R"}`)
	for _, w := range windows {
		w.known(5)
		w.forgive(`.*WebSocket connection to 'ws://.*/live' failed: .*`)
		w.forgive(`network: Failed to load resource: net::ERR_.*`)
	}
}
