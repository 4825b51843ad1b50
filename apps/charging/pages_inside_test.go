package charging

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

func TestStripsShowWhatConnectorsDid(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	changed := func(minutes, connector int, before, status string, power bool) happening {
		return happening{kind: "ConnectorStatusChanged", at: ago(minutes), connector: connector, before: before, status: status, power: power}
	}
	strips := drawStrips([]happening{
		{kind: "StationCameOnline", at: ago(90)},
		changed(90, 1, "", station.Available, false),
		changed(50, 1, station.Available, station.Charging, false),
		changed(45, 1, station.Charging, station.Charging, false), // a warning, say
		{kind: "StationWentOffline", at: ago(30)},
		{kind: "StationCameOnline", at: ago(20)},
		changed(10, 1, station.Charging, station.Faulted, true),
		changed(5, 2, station.Reserved, station.Available, false), // older events are not known
	}, false, ago(60), ago(60), now)
	for connector, want := range map[int]string{
		1: "good 0-10, busy 10-30, away 30-40, busy 40-50, power 50-60",
		2: "warn 0-55, good 55-60",
	} {
		s := strips[connector]
		var got []string
		for _, span := range s.spans {
			got = append(got, span.kind()+" "+minutes(span.from.Sub(s.from))+"-"+minutes(span.to.Sub(s.from)))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("connector %d: %s, want %s", connector, text, want)
		}
	}
	s := strips[1]
	if want := "Charging 30\u00a0min, Available 10\u00a0min, offline 10\u00a0min, power fault 10\u00a0min"; s.summary(0) != want {
		t.Errorf("the summary is %q, want %q", s.summary(0), want)
	}
	if want := "Charging 30\u00a0min"; s.summary(1) != want {
		t.Errorf("the short summary is %q, want %q", s.summary(1), want)
	}
	if x := s.x(ago(30)); x != "500.0" {
		t.Errorf("the middle is at %s", x)
	}
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d.Minutes())) }

func TestStripsOfAStationThatIsYoungOrQuiet(t *testing.T) {
	p := newPast(t, 1)
	p.station("CP-1", station.Register{Connectors: 1, Admission: station.Accepted, First: 1, At: p.now})
	p.station("CP-1", station.Connected{Epoch: 1, At: p.now})
	p.station("CP-1", station.Status{Connector: 1, Condition: station.Condition{Status: station.Available, ErrorCode: station.NoError}, At: p.now})
	c := p.queries()
	d, err := c.Station(t.Context(), "CP-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	for passed, want := range map[time.Duration]time.Duration{
		time.Minute: time.Hour, 2 * time.Hour: 6 * time.Hour, 7 * time.Hour: 24 * time.Hour, 72 * time.Hour: 24 * time.Hour,
	} {
		strips, err := (&pages{charging: c}).strips(t.Context(), &d, d.Updated.Add(passed))
		if err != nil {
			t.Fatal(err)
		}
		s := strips[1]
		if s.to.Sub(s.from) != want || len(s.spans) != 1 || s.spans[0].kind() != "good" || s.spans[0].to.Sub(s.spans[0].from) != min(passed, want) {
			t.Errorf("after %s it shows %s, with %+v", passed, s.to.Sub(s.from), s.spans)
		}
	}
}

func TestExchangesRelateCallsAndAnswers(t *testing.T) {
	message := func(number uint64, sent bool, kind int, id, action, problem string) WireDocument {
		return WireDocument{Number: number, Sent: sent, Type: kind, ID: id, Action: action, Problem: problem, Elapsed: 3, Message: json.RawMessage(`[2,"a"]`)}
	}
	got := exchanges([]WireDocument{
		message(1, false, 2, "a", "Heartbeat", ""),
		message(2, true, 2, "a", "Reset", ""), // the same ID in the other direction
		message(3, true, 3, "a", "", ""),
		message(4, false, 4, "a", "", ""),
		message(5, false, 3, "z", "", "answers no call"),
		message(6, false, 0, "", "", "no frame"),
		message(7, false, 2, "b", "Heartbeat", ""),
		message(8, true, 3, "b", "", ""),
		message(9, false, 2, "b", "Heartbeat", ""), // an ID that was used before
		message(10, false, 3, "a", "", ""),         // a second answer
	})
	want := []string{
		"An answer: warn answers nothing that is here", "Heartbeat:  no answer yet", "Heartbeat: good answered after 3\u00a0ms", "A message: bad not as it must be",
		"An answer: bad not as it must be", "Reset: bad error after 3\u00a0ms", "Heartbeat: good answered after 3\u00a0ms",
	}
	if len(got) != len(want) {
		t.Fatalf("there are %d exchanges, want %d", len(got), len(want))
	}
	for i := range got {
		kind, text := got[i].outcome()
		if is := got[i].name() + ": " + kind + " " + text; is != want[i] {
			t.Errorf("exchange %d is %q, want %q", i, is, want[i])
		}
	}
	cut := WireDocument{Message: json.RawMessage(`"[2,\"a\" …"`)}
	if cut.read() != `[2,"a" …` {
		t.Errorf("a text is read as %s", cut.read())
	}
}

// TestEveryEventAndStateHasWords looks for words that are missing.
func TestEveryEventAndStateHasWords(t *testing.T) {
	for _, name := range station.Events().Types() {
		if words := eventWords(EventDocument{Type: name, Data: json.RawMessage(`{"id":"c1","action":"Reset","type":"Soft"}`)}); words == name || words == "" {
			t.Errorf("%s has no words", name)
		}
	}
	for _, state := range []station.State{
		station.IsRequested, station.IsSent, station.IsAccepted, station.IsRejected, station.IsNotSent, station.IsInDoubt, station.IsTimedOut,
		station.IsEffective, station.IsFailed, station.IsExpired,
	} {
		c := CommandDocument{Order: station.Order{Action: station.Reset}, State: state}
		about := c.stepAbout(StepDocument{State: state})
		if _, text := stateBadge(state); text == string(state) || stepTitle(state) == string(state) || about == "" || !strings.HasSuffix(about, ".") {
			t.Errorf("the state %s has no words", state)
		}
		if open := isOpen(state); open != (c.next() != "") {
			t.Errorf("what is next of %s: %q", state, c.next())
		}
	}
	by := (&CommandDocument{}).stepAbout(StepDocument{State: station.IsFailed, Detail: "settled by Ann"})
	if want := "An operator says that it did not happen (Ann)."; by != want {
		t.Errorf("%q, want %q", by, want)
	}
	cause := StepDocument{State: station.IsNotSent, Detail: "not done: ocpp: the station is not connected"}.cause()
	if want := "The station is not connected."; cause != want {
		t.Errorf("%q, want %q", cause, want)
	}
	for _, proof := range []string{
		"answer", "transaction-started", "transaction-stopped", "booted", "status-reserved", "status-availability", "status-reported", "firmware-status", "upload-status",
	} {
		if c := (CommandDocument{Proof: proof}); strings.Contains(c.proven(), proof+")") {
			t.Errorf("the proof %s has no words", proof)
		}
	}
}

func TestWordsAboutStations(t *testing.T) {
	skew := func(seconds float64) string { return (&StationDocument{Skew: &seconds}).skewed() }
	for got, want := range map[string]string{
		skew(4):                             "",
		skew(-5):                            "",
		skew(95):                            "Its clock is 1\u00a0min 35\u00a0s ahead of ours",
		skew(-7200):                         "Its clock is 2\u00a0h behind ours",
		(&StationDocument{}).skewed():       "",
		figure(1234567):                     "1\u202f234\u202f567",
		figure(-1000):                       "−1\u202f000",
		figure(999):                         "999",
		energy(999):                         "999\u00a0Wh",
		energy(22530):                       "22.53\u00a0kWh",
		power(999):                          "999\u00a0W",
		power(50000):                        "50.0\u00a0kW",
		lasting(26 * time.Hour):             "1\u00a0d 2\u00a0h",
		lasting(59 * time.Second):           "59\u00a0s",
		lasting(-time.Second):               "0\u00a0s",
		isAre(1, "key"):                     "1\u00a0key is",
		session.Key("CP-1", 7):              "CP-1-7",
		withQuery("/a", "b", "", "c", "d&"): "/a?c=d%26",
		plugWords(&ConnectorDocument{ID: 1, Plug: registry.Plug{Type: "CCS", Current: "DC", MaxPowerW: 50000}}): "CCS, DC, 50.0\u00a0kW",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, n := range []NoticeDocument{{Count: 3}, {Count: 3, Back: 1}, {Count: 3, Back: 3}} {
		if n.back() == "" {
			t.Errorf("%+v has no words", n)
		}
	}
}
