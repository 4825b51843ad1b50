package natstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy is a way to a server that can be cut, and stopped in one direction.
type Proxy struct {
	proxy *toxiproxy.Proxy
	URL   string
}

// NewProxy runs a proxy to a server until the test ends.
func NewProxy(t testing.TB, url string) *Proxy {
	t.Helper()
	metrics := toxiproxy.NewMetricsContainer(nil)
	server := toxiproxy.NewServer(metrics, zerolog.Nop())
	p := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", strings.TrimPrefix(url, "nats://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return &Proxy{p, "nats://" + p.Listen}
}

// Cut breaks every connection; others can be made at once.
func (p *Proxy) Cut(t testing.TB) {
	p.proxy.Stop()
	if err := p.proxy.Start(); err != nil {
		t.Error(err)
	}
}

// Hold lets nothing through in one direction ("downstream" is from the server), until
// free is called, which breaks the connections.
func (p *Proxy) Hold(t testing.TB, direction string) (free func()) {
	toxic, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":"hold","type":"timeout","stream":%q,"attributes":{"timeout":0}}`, direction)))
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return func() {
		if err := p.proxy.Toxics.RemoveToxic(context.Background(), toxic.Name); err != nil {
			t.Error(err)
		}
		p.Cut(t)
	}
}

// Every calls a function again and again, about so often, until ctx ends.
func Every(ctx context.Context, d time.Duration, f func()) {
	for Pause(ctx, d/2+rand.N(d)) {
		f()
	}
}

// Pause waits, and says whether ctx has not ended before.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
