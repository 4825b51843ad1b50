package charging

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

// online is a past with some stations that are there and in order.
func online(t *testing.T, ids ...string) *past {
	t.Helper()
	p := newPast(t, 1)
	for _, id := range ids {
		p.station(id, station.Register{Connectors: 2, Admission: station.Accepted, First: 1, At: p.now})
		p.station(id, station.Connected{Epoch: 1, At: p.now})
		p.station(id, station.Boot{Epoch: 1, At: p.now})
	}
	return p
}

func (p *past) after(d time.Duration) time.Time {
	p.now = p.now.Add(d)
	return p.now
}

// Stations that go offline one soon after another are in one notice, which counts those
// that come back; a station alone is none.
func TestNotices(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("CP-%02d", i))
	}
	p := online(t, ids...)
	leave := func(id string, after time.Duration) {
		p.station(id, station.Disconnected{Epoch: p.stations[id].Epoch, Reason: station.Closed, At: p.after(after)})
	}
	come := func(id string) {
		p.station(id, station.Connected{Epoch: p.stations[id].Epoch + 1, At: p.after(time.Second)})
	}
	leave("CP-00", time.Hour) // alone
	come("CP-00")
	first := p.after(time.Hour)
	for _, id := range ids {
		leave(id, NoticeWindow/2)
	}
	for _, id := range ids[:3] {
		come(id)
	}
	leave("CP-01", 0) // again
	come("CP-01")
	leave("CP-02", 0) // again, and stays away
	last := p.now
	come("CP-03")
	come("CP-03") // is no news
	leave("CP-03", time.Hour)
	for _, id := range []string{"CP-05", "CP-06"} {
		come(id)
	}
	for _, id := range []string{"CP-05", "CP-06"} {
		p.station(id, station.Disconnected{Epoch: 2, Reason: station.Silent, At: p.after(NoticeWindow)})
		leave(id, 0) // is away already
	}
	d, err := p.queries().Notices(t.Context(), Page{})
	if err != nil || len(d.Notices) != 2 || d.Notices[0].Count != 2 || d.Notices[0].Back != 0 {
		t.Fatalf("the notices are %+v, %v", d, err)
	}
	n := d.Notices[1]
	if n.Count != 60 || n.Back != 5 || len(n.Stations) != 50 || n.Stations[0] != "CP-00" || !n.First.Equal(first.Add(NoticeWindow/2)) || !n.Last.Equal(last) {
		t.Errorf("the notice is %+v", n)
	}
}

// A fault lasts until the connector recovers, or has another one.
func TestFaults(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1", "CP-2")
	report := func(id string, connector int, status, code string) {
		p.station(id, station.Status{Connector: connector, Condition: station.Condition{Status: status, ErrorCode: code}, At: p.after(time.Minute)})
	}
	report("CP-1", 1, station.Faulted, "GroundFailure")
	report("CP-1", 1, station.Faulted, "OtherError")
	report("CP-1", 1, station.Available, station.NoError)
	report("CP-2", 2, station.Faulted, "OverVoltage")
	c := p.queries()
	open, err := c.Faults(t.Context(), "", false, Page{})
	if err != nil || len(open.Faults) != 1 || open.Faults[0].Station != "CP-2" || !open.Faults[0].Power || open.Faults[0].Connector != 2 {
		t.Errorf("what lasts is %+v, %v", open, err)
	}
	ever, err := c.Faults(t.Context(), "CP-1", true, Page{})
	if err != nil || len(ever.Faults) != 2 {
		t.Fatalf("what has been is %+v, %v", ever, err)
	}
	for i, code := range []string{"OtherError", "GroundFailure"} {
		if f := ever.Faults[i]; f.ErrorCode != code || f.Until.Sub(f.Since) != time.Minute {
			t.Errorf("fault %d is %+v", i, f)
		}
	}
	for id, want := range map[string]bool{"CP-1": false, "CP-2": true} {
		d, err := c.Station(t.Context(), id, 0)
		if err != nil || d.PowerFault != want || d.Faults > 0 != want {
			t.Errorf("%s is %+v, %v", id, d, err)
		}
	}
}

// What a station was told to be is compared with what it says that it is.
func TestSettings(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	report := func(key, value string) {
		p.station("CP-1", station.Configured{Settings: []station.Setting{{Key: key, Value: &value}}, Unknown: []string{"Other", "HeartbeatInterval"}, At: p.after(time.Minute)})
	}
	change := func(id, key, value, answer string) {
		p.station("CP-1", station.Request{ID: id, Order: station.Order{Action: station.ChangeConfiguration, Key: key, Value: value}, At: p.now})
		p.station("CP-1", station.Answered{ID: id, Accepted: answer != "Rejected", Answer: answer, At: p.now})
	}
	get := func(key string) SettingDocument {
		t.Helper()
		d, err := p.queries().Settings(t.Context(), "CP-1", 0)
		i := slices.IndexFunc(d.Settings, func(s SettingDocument) bool { return s.Key == key })
		if err != nil || i < 0 || !slices.IsSortedFunc(d.Settings, func(a, b SettingDocument) int { return strings.Compare(a.Key, b.Key) }) {
			t.Fatalf("the settings are %+v, %v", d, err)
		}
		return d.Settings[i]
	}
	report("MeterInterval", "60")
	change("c1", "MeterInterval", "30", "Rejected")
	if s := get("MeterInterval"); s.Wanted != nil || s.Drift || *s.Value != "60" {
		t.Errorf("refused, it is %+v", s)
	}
	change("c2", "MeterInterval", "30", "Accepted")
	if s := get("MeterInterval"); *s.Wanted != "30" || s.Drift || *s.Value != "30" {
		t.Errorf("changed, it is %+v", s)
	}
	report("MeterInterval", "60")
	if s := get("MeterInterval"); *s.Wanted != "30" || !s.Drift || *s.Value != "60" {
		t.Errorf("changed back by somebody, it is %+v", s)
	}
	change("c3", "Zone", "5", "RebootRequired")
	if s := get("Zone"); !s.Reboot {
		t.Errorf("before the boot it is %+v", s)
	}
	p.station("CP-1", station.Boot{Epoch: 1, MessageID: "2", At: p.after(time.Minute)})
	if s := get("Zone"); s.Reboot || *s.Wanted != "5" {
		t.Errorf("after the boot it is %+v", s)
	}
	change("c4", "AuthorizationKey", "", "Accepted")
	report("HeartbeatInterval", "9")
	d, err := p.queries().Settings(t.Context(), "CP-1", 0)
	if err != nil || len(d.Settings) != 3 || !slices.Equal(d.Unknown, []string{"HeartbeatInterval", "Other"}) {
		t.Errorf("the settings are %+v, %v", d, err)
	}
}

// A command has all that became of it.
func TestCommandDocuments(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	p.station("CP-1", station.Request{ID: "k1", Order: station.Order{Action: station.SendLocalList, Version: 7}, Data: []byte(`{"a":[1]}`), By: "op", At: p.now})
	p.station("CP-1", station.Sent{ID: "k1", At: p.after(time.Second)})
	p.station("CP-1", station.TimedOut{ID: "k1", At: p.after(time.Second)})
	c := p.queries()
	d, err := c.Command(t.Context(), "k1", 0)
	if err != nil || d.State != station.IsTimedOut || !d.Open || !d.InDoubt || d.Version != 7 || string(d.Data) != `{"a":[1]}` || d.By != "op" {
		t.Errorf("in doubt it is %+v, %v", d, err)
	}
	if f, err := c.Fleet(t.Context(), 0); err != nil || f.InDoubt != 1 {
		t.Errorf("the fleet is %+v, %v", f, err)
	}
	p.station("CP-1", station.Settle{ID: "k1", Happened: false, By: "bob", At: p.after(time.Second)})
	p.station("CP-1", station.Answered{ID: "k1", Accepted: true, Answer: "Accepted", Data: []byte(`{"b":2}`), At: p.after(time.Second)})
	c = p.queries()
	d, err = c.Command(t.Context(), "k1", 0)
	var steps []station.State
	for _, s := range d.Steps {
		steps = append(steps, s.State)
	}
	want := []station.State{station.IsRequested, station.IsSent, station.IsTimedOut, station.IsFailed, station.IsAccepted, station.IsEffective}
	if err != nil || !slices.Equal(steps, want) || d.Steps[3].Detail != "settled by bob" || d.Settled || d.Open || d.InDoubt || string(d.Result) != `{"b":2}` || d.Proof != "answer" {
		t.Errorf("at last it is %+v, %v", d, err)
	}
	s, err := c.Station(t.Context(), "CP-1", 0)
	if err != nil || s.LocalList != 7 || s.Version != d.StationVersion {
		t.Errorf("the station is %+v, %v", s, err)
	}
}

// reading is a raw one.
func reading(at time.Time, samples ...session.Raw) session.RawReading {
	return session.RawReading{Time: at, Samples: samples}
}

func wh(value int) session.Raw { return session.Raw{Value: strconv.Itoa(value)} }

// A curve that gets long is thinned: its beginning and its end stay.
func TestLongCurve(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	p.station("CP-1", station.Start{Connector: 1, IDTag: "ann", MeterStart: 1000, Timestamp: p.now, At: p.now})
	const told = 4*MaxCurve + 1 // with the last one it is too long
	for i := range told {
		p.session("CP-1-1", session.Record{Readings: []session.RawReading{reading(p.after(time.Minute), wh(1000+i))}, At: p.now})
	}
	p.tellSessions(1)
	c := p.queries()
	d, err := c.Curve(t.Context(), "CP-1-1", 0)
	n := len(d.Points)
	if err != nil || n > MaxCurve || n < MaxCurve/2 || *d.Points[0].EnergyWh != 0 || *d.Points[n-1].EnergyWh != told-1 || !d.Points[n-1].At.Equal(p.now) {
		t.Fatalf("the curve has %d points: %+v, %v", n, d, err)
	}
	for i := 1; i < n; i++ {
		if !d.Points[i].At.After(d.Points[i-1].At) {
			t.Fatalf("point %d is not after the one before: %+v", i, d.Points[i-1:i+1])
		}
	}
	if r, err := c.Transaction(t.Context(), "CP-1-1", 0); err != nil || r.EnergyWh != told-1 || r.State != "running" {
		t.Errorf("the transaction is %+v, %v", r, err)
	}
}

// A point has what was measured of the outlet, in the unit that it is in.
func TestCurvePoints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		samples []session.Raw
		want    string
	}{
		{"energy", []session.Raw{{Value: "1.5", Unit: "kWh"}}, "energy 500"},
		{"of the grid", []session.Raw{{Value: "1500", Location: "Inlet"}}, ""},
		{"power", []session.Raw{{Value: "7.4", Unit: "kW", Measurand: session.Power}}, "power 7400"},
		{"power of phases", []session.Raw{{Value: "100", Measurand: session.Power, Phase: "L1"}, {Value: "200.5", Measurand: session.Power, Phase: "L2"}}, "power 300.5"},
		{"power and its phases", []session.Raw{{Value: "100", Measurand: session.Power, Phase: "L1"}, {Value: "290", Measurand: session.Power}}, "power 290"},
		{"current of phases", []session.Raw{{Value: "10", Measurand: session.Current, Phase: "L1"}, {Value: "16", Measurand: session.Current, Phase: "L2"}, {Value: "3", Measurand: session.Current, Phase: "N"}}, "current 16"},
		{"voltage of phases", []session.Raw{{Value: "230", Measurand: "Voltage", Phase: "L1-N"}, {Value: "400", Measurand: "Voltage", Phase: "L1-L2"}}, "voltage 230"},
		{"offered", []session.Raw{{Value: "32", Measurand: session.CurrentOffered}}, "offered 32"},
		{"state of charge", []session.Raw{{Value: "80", Measurand: session.StateOfCharge, Location: "EV"}}, "soc 80"},
		{"impossible charge", []session.Raw{{Value: "180", Measurand: session.StateOfCharge}}, ""},
		{"temperature", []session.Raw{{Value: "20", Measurand: "Temperature"}}, ""},
		{"a signed block", []session.Raw{{Value: "AFE0", Format: "SignedData"}}, ""},
	} {
		p := online(t, "CP-1")
		p.station("CP-1", station.Start{Connector: 1, IDTag: "ann", MeterStart: 1000, Timestamp: p.now, At: p.now})
		p.session("CP-1-1", session.Record{Readings: []session.RawReading{reading(p.now, test.samples...)}, At: p.now})
		d, err := p.queries().Curve(t.Context(), "CP-1-1", 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, point := range d.Points {
			for name, v := range map[string]*float64{"energy": point.EnergyWh, "power": point.PowerW, "soc": point.SoC, "current": point.CurrentA, "offered": point.OfferedA, "voltage": point.VoltageV} {
				if v != nil {
					got += fmt.Sprint(name, " ", *v)
				}
			}
		}
		if got != test.want {
			t.Errorf("%s: the point has %q, want %q", test.name, got, test.want)
		}
	}
}

// A station that does not know what time it is has a curve by our clock.
func TestCurveOfAWrongClock(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	boot := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	p.station("CP-1", station.Start{Connector: 1, IDTag: "ann", MeterStart: 0, Timestamp: boot, At: p.now})
	p.tellSessions(1)
	begun := p.now
	for i := range 3 {
		p.session("CP-1-1", session.Record{Readings: []session.RawReading{reading(boot.Add(time.Duration(i)*time.Minute), wh(100*i), session.Raw{Value: "500", Measurand: session.Power})}, At: p.after(time.Minute)})
	}
	c := p.queries()
	d, err := c.Curve(t.Context(), "CP-1-1", 0)
	if err != nil || len(d.Points) != 3 || !d.Points[0].At.Equal(begun.Add(time.Minute)) || *d.Points[2].EnergyWh != 200 {
		t.Errorf("the curve is %+v, %v", d, err)
	}
	r, err := c.Transaction(t.Context(), "CP-1-1", 0)
	if err != nil || *r.PowerW != 500 || r.EnergyWh != 200 || !r.LastReading.IsZero() || !slices.Contains(r.Flags, session.ClockSkew) {
		t.Errorf("the transaction is %+v, %v", r, err)
	}
	if f, err := c.Fleet(t.Context(), 0); err != nil || f.PowerW != 500 || f.Running != 1 {
		t.Errorf("the fleet is %+v, %v", f, err)
	}
}

// A meter that shows nonsense does not make a sum overflow.
func TestPowerIsBounded(t *testing.T) {
	t.Parallel()
	huge, low := 1e300, -1e300
	for _, power := range []*float64{&huge, &low} {
		r := transactionRecord{Start: &beginning{}, Newest: CurvePoint{PowerW: power}}
		if got := math.Abs(float64(r.tally().MilliWatts)); got != 1000*mostPower {
			t.Errorf("%v W count for %v mW", *power, got)
		}
	}
}

// What strangers have written is no formula in a spreadsheet.
func TestExport(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	for i, tag := range []string{"=1+1", "@SUM(A1)", `a,"b`, "+7"} {
		p.station("CP-1", station.Start{Connector: 1, IDTag: tag, MeterStart: 0, Timestamp: p.now, At: p.now})
		p.station("CP-1", station.Stop{Transaction: i + 1, MeterStop: 100 * i, Timestamp: p.after(time.Hour), Reason: "-x", At: p.now})
	}
	p.tellSessions(100)
	c := p.queries()
	var out bytes.Buffer
	if err := c.Export(t.Context(), spring, p.now, &out); err != nil { // the last one ends at the end of the span, and is not in it
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 4 || !slices.Equal(rows[0], session.Columns()) {
		t.Fatalf("the rows are %q, %v", rows, err)
	}
	for i, tag := range []string{"'=1+1", "'@SUM(A1)", `a,"b`} {
		if row := rows[i+1]; row[3] != tag || row[12] != "'-x" || row[11] != strconv.Itoa(100*i) {
			t.Errorf("row %d is %q", i, row)
		}
	}
}

// The lists of what waits for an operator have what is not over, and all of it when asked.
func TestPending(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1", "CP-2")
	for i, id := range []string{"CP-1", "CP-2"} {
		p.station(id, station.Request{ID: fmt.Sprint("r", i), Order: station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "bob", Reservation: 5, Expires: p.now.Add(time.Hour)}, At: p.now})
		p.station(id, station.Answered{ID: fmt.Sprint("r", i), Accepted: true, Answer: "Accepted", At: p.now})
		p.station(id, station.Stop{Transaction: -1, IDTag: "eve", MeterStop: 9, Timestamp: p.now, At: p.now})
	}
	if d, err := p.queries().Station(t.Context(), "CP-1", 0); err != nil || d.Connectors[0].Reservation != 5 || d.Connectors[1].Reservation != 0 {
		t.Errorf("the station is %+v, %v", d, err)
	}
	p.station("CP-1", station.ExpireReservation{Reservation: 5, At: p.after(time.Hour)})
	p.station("CP-1", station.Start{Connector: 2, IDTag: "bob", Timestamp: p.now, At: p.now})
	p.station("CP-1", station.Assign{Number: 1, Transaction: 1, At: p.now})
	c := p.queries()
	for _, test := range []struct {
		id   string
		all  bool
		want string
	}{{"", false, "CP-2"}, {"CP-1", false, ""}, {"CP-1", true, "CP-1"}, {"", true, "CP-2 CP-1"}} {
		r, err := c.Reservations(t.Context(), test.id, test.all, Page{})
		var of, ended []string
		for _, d := range r.Reservations {
			of, ended = append(of, d.Station), append(ended, d.Ended)
		}
		if strings.Join(of, " ") != test.want || err != nil || test.id == "CP-1" && test.all && ended[0] != station.Expired {
			t.Errorf("the reservations of %+v are %+v, %v", test, r, err)
		}
		u, err := c.Unmatched(t.Context(), test.id, test.all, Page{})
		of = nil
		for _, d := range u.Stops {
			of = append(of, d.Station)
		}
		if strings.Join(of, " ") != test.want || err != nil || test.id == "CP-1" && test.all && u.Stops[0].Used != 1 {
			t.Errorf("the stops of %+v are %+v, %v", test, u, err)
		}
	}
}

// Id tags are of any case; they count the transactions that run.
func TestIDTags(t *testing.T) {
	t.Parallel()
	p := online(t, "CP-1")
	for _, tag := range []string{"ANN", "bob"} {
		save(p, p.events.tags, registry.IDTagKind+"/"+registry.TagKey(tag), registry.IDTagEvent(registry.IDTagSet{Tag: registry.Tag{IDTag: tag, Status: registry.Accepted}, At: p.now}))
	}
	p.station("CP-1", station.Start{Connector: 1, IDTag: "Ann", Timestamp: p.now, At: p.now})
	p.station("CP-1", station.Start{Connector: 2, IDTag: "ANN", Timestamp: p.now, At: p.now})
	p.station("CP-1", station.Stop{Transaction: 2, Timestamp: p.now, At: p.now})
	c := p.queries()
	d, err := c.IDTags(t.Context(), Page{Limit: 1})
	if err != nil || len(d.IDTags) != 1 || d.IDTags[0].IDTag != "ANN" || d.IDTags[0].Running != 1 || d.Next == "" {
		t.Fatalf("the first is %+v, %v", d, err)
	}
	if d, err = c.IDTags(t.Context(), Page{Limit: 1, Cursor: d.Next}); err != nil || len(d.IDTags) != 1 || d.IDTags[0].IDTag != "bob" || d.Next != "" {
		t.Errorf("the second is %+v, %v", d, err)
	}
	if tag, err := c.IDTag(t.Context(), "aNN", 0); err != nil || tag.Running != 1 || tag.Version != 1 {
		t.Errorf("ann is %+v, %v", tag, err)
	}
}
