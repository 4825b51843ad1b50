package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/readdb"
)

// TestCharging runs the tests of the pages of charging, as TestPages does those of others.
func TestCharging(t *testing.T) {
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *browser)
	}{
		{"session from the console", testConsole},
		{"plug pulled", testPlugPulled},
		{"in doubt", testInDoubt},
		{"accessible", testChargingAccessible},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, b)
		})
	}
}

// depot is a server with the charging system in memory.
type depot struct {
	t       *testing.T
	address string
}

func newDepot(t *testing.T) *depot {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	system, err := charging.New(node.Alone(store, "test", db, logger), charging.Config{SoleWriter: true, CallTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: store, Namespace: "test", Version: "test", Logger: logger}, system)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error("the server: ", err)
		}
	})
	d := &depot{t: t, address: listener.Addr().String()}
	d.send("PUT", "/api/charging/tariffs/default", `{"currency":"EUR","perKWh":49,"start":35}`)
	d.send("POST", "/api/charging/id-tags", `{"idTag":"ANN","status":"Accepted","label":"Ann"}`)
	return d
}

func (d *depot) url(path string) string { return "http://" + d.address + path }

// send sends a command, and again while the server begins.
func (d *depot) send(method, path, body string) {
	d.t.Helper()
	for {
		r, err := http.NewRequestWithContext(d.t.Context(), method, d.url(path), bytes.NewReader([]byte(body)))
		if err != nil {
			d.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			d.t.Fatal(err)
		}
		var problem struct{ Detail string }
		_ = json.NewDecoder(response.Body).Decode(&problem)
		_ = response.Body.Close()
		switch {
		case response.StatusCode < 300:
			return
		case response.StatusCode != http.StatusServiceUnavailable:
			d.t.Fatalf("%s %s: %s: %s", method, path, response.Status, problem.Detail)
		}
	}
}

// plugIn registers a station and switches it on.
func (d *depot) plugIn(id string, options simulate.StationOptions) *simulate.Station {
	d.t.Helper()
	d.send("POST", "/api/charging/stations", `{"id":"`+id+`","label":"Car park","connectors":[{"type":"Type2","current":"AC","maxPowerW":11000}]}`)
	options.Speed, options.MinBackoff = 60, 100*time.Millisecond
	s := simulate.NewStation("ws://"+d.address+"/ocpp", id, &options)
	ctx, off := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Run(ctx) // until it is switched off
	}()
	d.t.Cleanup(func() { off(); <-over })
	return s
}

// watch opens a page, and waits until it is live.
func (d *depot) watch(w *window, path string) {
	w.visit(d.url(path))
	w.live()
}

const remoteStart = "#ask-remote-start"

// A session is started and stopped from the console; what became of each command is shown,
// and what the session draws comes in by itself.
func testConsole(t *testing.T, b *browser) {
	d := newDepot(t)
	station := d.plugIn("CP-1", simulate.StationOptions{})
	w := b.open(t, "operator")
	d.watch(w, "/charging")
	w.wait(`document.querySelector("#fleet-list").textContent.includes("Available")`)
	if err := station.PlugIn(1, simulate.Car{SoC: 20}); err != nil {
		t.Fatal(err)
	}
	w.wait(`document.querySelector("#fleet-list").textContent.includes("Preparing")`)
	d.watch(w, "/charging/stations/CP-1/console")
	w.click(remoteStart + " summary")
	w.follow(click(remoteStart + " form button"))
	w.wait(`document.querySelector("#sent .lifecycle-card").textContent.includes("Has happened")`)
	d.watch(w, "/charging/sessions")
	w.wait(`document.querySelector("#running a[href^='/charging/sessions/']") !== null`)
	w.follow(click("#running a[href^='/charging/sessions/']"))
	w.live()
	w.wait(`/[1-9][0-9.]*\s*kW(?!h)/.test(document.querySelector("#figures").textContent)`)
	w.follow(click("#control form button.stop"))
	w.wait(`document.querySelector("#lifecycle").textContent.includes("Has happened")`)
	d.watch(w, "/charging/sessions")
	w.wait(`document.querySelector("#ended a[href^='/charging/sessions/']") !== null`)
}

// What goes is seen to go, and what breaks to break, without anybody asking.
func testPlugPulled(t *testing.T, b *browser) {
	d := newDepot(t)
	station := d.plugIn("CP-1", simulate.StationOptions{})
	w := b.open(t, "operator")
	d.watch(w, "/charging")
	w.wait(`document.querySelector("#fleet-list").textContent.includes("Online")`)
	if err := station.Fault(1, v16.ErrorGroundFailure); err != nil {
		t.Fatal(err)
	}
	w.wait(`/Power fault/i.test(document.querySelector("#fleet-list").textContent)`)
	station.Disconnect(false)
	w.wait(`document.querySelector("#fleet-list").textContent.includes("Offline")`)
	station.Restore()
	w.wait(`document.querySelector("#fleet-list").textContent.includes("Online")`)
}

// A command that nobody answers is in doubt, says so, and an operator settles it.
func testInDoubt(t *testing.T, b *browser) {
	d := newDepot(t)
	station := d.plugIn("CP-1", simulate.StationOptions{})
	w := b.open(t, "operator")
	d.watch(w, "/charging/stations/CP-1/console")
	station.LoseAnswer()
	w.click("#ask-unlock summary")
	w.follow(click("#ask-unlock form button"))
	w.wait(`document.querySelector("#sent .lifecycle-card form button[name=happened][value=yes]") !== null`)
	d.watch(w, "/charging/doubt")
	w.wait(`document.querySelectorAll("#doubt-list article").length === 1`)
	w.follow(click("#doubt-list button[name=happened][value=no]"))
	w.wait(`document.querySelectorAll("#doubt-list article").length === 0`)
}

// testChargingAccessible looks at the pages: axe-core finds nothing, and nothing is wider
// than the window.
func testChargingAccessible(t *testing.T, b *browser) {
	axe := readAxe(t)
	empty, full := newDepot(t), newDepot(t)
	station := full.plugIn("CP-1", simulate.StationOptions{})
	first := b.open(t, "first")
	full.watch(first, "/charging")
	first.wait(`document.querySelector("#fleet-list").textContent.includes("Available")`)
	if err := station.PlugIn(1, simulate.Car{SoC: 20}); err != nil {
		t.Fatal(err)
	}
	if err := station.Tap(1, "ANN"); err != nil {
		t.Fatal(err)
	}
	full.watch(first, "/charging/sessions")
	first.wait(`document.querySelector("#running a[href^='/charging/sessions/']") !== null`)
	session := ""
	first.eval(`new URL(document.querySelector("#running a[href^='/charging/sessions/']").href).pathname`, &session)
	sights := []sight{
		{name: "charging-fleet", path: "/charging", until: connected},
		{name: "charging-station", path: "/charging/stations/CP-1", until: connected},
		{name: "charging-console", path: "/charging/stations/CP-1/console", until: connected},
		{name: "charging-configuration", path: "/charging/stations/CP-1/configuration", until: connected},
		{name: "charging-wire", path: "/charging/stations/CP-1/wire", until: connected},
		{name: "charging-history", path: "/charging/stations/CP-1/history", until: connected},
		{name: "charging-settings", path: "/charging/stations/CP-1/settings"},
		{name: "charging-profiles", path: "/charging/stations/CP-1/profiles"},
		{name: "charging-sessions", path: "/charging/sessions", until: connected},
		{name: "charging-session", path: session, until: connected},
		{name: "charging-tags", path: "/charging/id-tags"},
		{name: "charging-tariffs", path: "/charging/tariffs"},
		{name: "charging-reports", path: "/charging/reports"},
	}
	for _, look := range looks {
		if look.name != "phone" && look.name != "wide-dark" {
			continue
		}
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			w := b.open(t, look.name)
			w.look(look)
			for _, path := range []string{"", "/sessions", "/doubt", "/faults", "/inbox", "/reservations", "/unmatched", "/reports"} {
				w.visit(empty.url("/charging" + path))
				w.examine(look, sight{name: "charging-empty-" + strings.TrimPrefix(path, "/")}, axe)
			}
			for _, s := range sights {
				w.visit(full.url(s.path))
				w.examine(look, s, axe)
			}
		})
	}
}
