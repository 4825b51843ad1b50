package pgstore

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// proxy is a network between a store and its server that can be made bad.
type proxy struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
	dsn   string
}

func newProxy(t testing.TB, dsn string) *proxy {
	t.Helper()
	target, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{t: t, proxy: toxiproxy.NewProxy(server, "postgres", "127.0.0.1:0", target.Host)}
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Stop)
	target.Host = p.proxy.Listen
	p.dsn = target.String()
	return p
}

// The directions of a toxic.
const (
	toServer = "upstream"
	toClient = "downstream"
)

// spoil adds a toxic to all connections, those that are there and those to come.
func (p *proxy) spoil(direction, kind string, attributes map[string]int) {
	p.t.Helper()
	text, err := json.Marshal(map[string]any{"name": direction + kind, "type": kind, "stream": direction, "attributes": attributes})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(string(text))); err != nil {
		p.t.Errorf("adding toxic %s: %v", text, err)
	}
}

// heal removes all toxics. Connections that were silenced are cut.
func (p *proxy) heal() { p.proxy.Toxics.ResetToxics(context.Background()) }

// cut ends all connections. New ones can be made right after it.
func (p *proxy) cut() {
	p.proxy.Stop()
	if err := p.proxy.Start(); err != nil {
		p.t.Errorf("starting the proxy again: %v", err)
	}
}
