package chaos

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is the network between two processes.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
	addr  string
}

// newLink runs a link from one address to another until the test ends.
func newLink(t *testing.T, from, to string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t: t, addr: from}
	l.proxy = toxiproxy.NewProxy(server, "link", from, to)
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.proxy.Stop)
	return l
}

// drop breaks the connections and lets none be made, until up is called.
func (l *link) drop() { l.proxy.Stop() }

func (l *link) up() {
	if err := l.proxy.Start(); err != nil {
		l.t.Errorf("a link does not come back: %v", err)
	}
}

// The directions of a link, as toxiproxy calls them.
const (
	toServer   = "upstream"
	fromServer = "downstream"
)

// hold lets nothing through in one direction until free is called, which breaks the
// connections.
func (l *link) hold(direction string) (free func()) {
	toxic, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(`{"name":"hold","type":"timeout","stream":"` + direction + `","attributes":{"timeout":0}}`))
	if err != nil {
		l.t.Error(err)
		return func() {}
	}
	return func() {
		if err := l.proxy.Toxics.RemoveToxic(context.Background(), toxic.Name); err != nil {
			l.t.Error(err)
		}
		l.drop()
		l.up()
	}
}

// peers are the links between the servers of a cluster, each from one to another.
type peers [][]*link

// newPeers returns what servers listen on for each other, and where each finds the others.
//
// NATS servers tell each other where they are: the host from which one has come, or by
// which it was found, and the port of the other. So the links have the port of the server
// at their end, on other loopback addresses, and no server finds a way around them. Where
// a machine has but one such address there are no links.
func newPeers(t *testing.T, size int) (listen []string, routes [][]string, links peers) {
	routes, links = make([][]string, size), make(peers, size)
	for to := range size {
		host, port, err := net.SplitHostPort(addresses.free(t))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "linux" {
			host = "127.0.0.2"
		}
		listen = append(listen, net.JoinHostPort(host, port))
		for from := range size {
			switch {
			case from == to:
			case runtime.GOOS == "linux":
				l := newLink(t, net.JoinHostPort(fmt.Sprint("127.0.0.", 11+from), port), listen[to])
				links[from] = append(links[from], l)
				links[to] = append(links[to], l)
				routes[from] = append(routes[from], l.addr)
			default:
				routes[from] = append(routes[from], listen[to])
			}
		}
	}
	return listen, routes, links
}
