package charging_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// types returns the types of the events of a station, the oldest first.
func (w *world) types(id string) []string {
	w.t.Helper()
	var types []string
	for e, err := range w.store.GetEvents(w.t.Context(), "station/"+id, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		types = append(types, e.Type)
	}
	return types
}

func count(types []string, name string) int {
	n := 0
	for _, t := range types {
		if t == name {
			n++
		}
	}
	return n
}

// A station that says nothing for too long is offline, and online again with the next thing
// it says; heartbeats are in no stream.
func TestSilence(t *testing.T) {
	t.Parallel()
	clock := aethertest.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	w := newWorld(t, charging.Config{Silence: 10 * time.Minute, Clock: clock})
	w.register("CP-1")
	b := w.connect("CP-1", nil)
	b.boot()
	before := len(w.types("CP-1"))
	for range 20 { // any message counts
		clock.Advance(6 * time.Minute)
		say(b, &v16.HeartbeatReq{})
	}
	if n := len(w.types("CP-1")); n != before {
		t.Errorf("heartbeats have led to %d events", n-before)
	}
	heard := clock.Now()
	clock.Advance(10 * time.Minute)
	w.until("it is silent", func() bool { d := w.station("CP-1"); return !d.Online && d.Why == "silent" })
	if d := w.station("CP-1"); !d.LastSeen.Equal(heard) {
		t.Errorf("it was seen at %v, want %v", d.LastSeen, heard)
	}
	say(b, &v16.HeartbeatReq{})
	w.until("it is back", func() bool { return w.station("CP-1").Online })
}

// What was online when the server ended has some time to come back; what does not come is
// offline then, although nobody has heard it go.
func TestGraceAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{Grace: 700 * time.Millisecond})
	w.register("CP-1")
	w.register("CP-2")
	b, gone := w.connect("CP-1", nil), w.connect("CP-2", nil)
	b.boot()
	gone.boot()
	w.stop()
	for _, id := range []string{"CP-1", "CP-2"} {
		if n := count(w.types(id), "StationWentOffline"); n != 0 {
			t.Errorf("the end of the server made %s offline", id)
		}
	}
	w.restart()
	w.connect("CP-1", nil)
	w.until("the one that is gone is offline", func() bool { return !w.station("CP-2").Online })
	if !w.station("CP-1").Online || count(w.types("CP-1"), "StationWentOffline") != 0 {
		t.Errorf("the one that came back was offline: %v", w.types("CP-1"))
	}
}

// Many that go at once are one notice.
func TestMassDisconnectionIsOneNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{AcceptUnknown: true})
	var all []*box
	for _, id := range []string{"CP-1", "CP-2", "CP-3", "CP-4"} {
		all = append(all, w.connect(id, nil))
	}
	for _, b := range all {
		b.pull()
	}
	w.until("there is one notice", func() bool {
		var page charging.NoticePage
		w.must(http.MethodGet, "/notices", nil, &page)
		return len(page.Notices) == 1 && page.Notices[0].Count == 4
	})
}

// Where another node has the stations, and commands do not travel, they are refused at once
// with the reason; so is a station, which is to come again.
func TestAnotherNodeHasTheStations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	other := &world{t: t, store: w.store, leases: w.leases}
	other.start("127.0.0.1:0")
	var problem struct{ Type, Detail string }
	if status := other.ask(http.MethodPost, "/stations", map[string]any{"id": "CP-1"}, &problem); status != http.StatusServiceUnavailable || !strings.Contains(problem.Detail, "Another node has the stations") {
		t.Errorf("a command was answered %d, %+v", status, problem)
	}
	_, err := other.dial("CP-1", nil, nil)
	if refused := (*ocpp.HandshakeError)(nil); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || refused.RetryAfter == 0 {
		t.Errorf("a station: %v", err)
	}
	w.stop()
	w.until("the other one has them", other.charging.Serving)
	other.register("CP-1")
	other.connect("CP-1", nil).boot()
}
