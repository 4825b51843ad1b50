package charging_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

func TestStationPagesAreEmpty(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	for path, texts := range map[string][]string{
		"/charging": {"No station is registered yet", "ws" + strings.TrimPrefix(d.url, "http") + "/ocpp/ its identity",
			"aether simulate stations --count 12 --server " + d.url, `href="/charging/register"`},
		"/charging?online=yes": {"No station is like that", "Show all 0 stations"},
		"/charging/register":   {"Register a station", "The default tariff", "0: nothing, whoever has the identity is let in"},
		"/charging/doubt":      {"Nothing is in doubt"},
		"/charging/faults":     {"Nothing is faulted", "None that is over"},
		"/charging/inbox":      {"Nobody unknown has knocked"},
	} {
		d.expect(200, append(texts, `aria-current="page"`), path)
	}
	for _, path := range []string{
		"/charging/stations/CP-9", "/charging/stations/CP-9/console", "/charging/stations/CP-9/configuration", "/charging/stations/CP-9/wire",
		"/charging/stations/CP-9/history", "/charging/stations/CP-9/settings", "/charging/commands/none",
	} {
		d.expect(404, []string{"There is no such", "All stations"}, path)
	}
}

// registration are the inputs of a new station, with others as they are given.
func registration(more ...string) []string {
	return append([]string{"connectors", "2", "type", "Type2", "current", "AC", "power", "22", "admission", "Accepted", "profile", "0"}, more...)
}

func TestRegisterForm(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	for _, c := range []struct {
		status int
		form   []string
		texts  []string
	}{
		{422, registration(), []string{"An identity has 1 to 48 printable characters"}},
		{422, registration("id", "a b"), []string{"without spaces and slashes", `value="a b"`}},
		{422, []string{"id", "CP-1", "connectors", "many", "power", "fast", "profile", "0"}, []string{"This is not a whole number.", "This is not a power in kW"}},
		{422, []string{"id", "CP-1", "connectors", "51", "profile", "0"}, []string{"A station has 1 to 50 connectors."}},
		{409, registration("id", "CP-1", "password", "short"), []string{"!short"}},
		{409, []string{"id", "CP-1", "connectors", "1", "admission", "Perhaps", "profile", "0"}, []string{"Refused"}},
	} {
		d.expect(c.status, append(c.texts, `class="notice error"`), "/charging/register", c.form...)
	}
	d.expect(200, []string{"No station is registered yet"}, "/charging")

	// The same form twice, as by a double click, is one station.
	for range 2 {
		at, _ := d.expect(200, []string{
			"The station is registered", "CP-1", "Car park <b>left</b>", "Never connected", "Type2, AC, 22.0 kW", "It has never connected", "!<b>left",
		}, "/charging/register", registration("key", "once", "id", "CP-1", "label", "Car park <b>left</b>", "password", "0123456789abcdef")...)
		if at.Path != "/charging/stations/CP-1" {
			t.Errorf("it ends at %s", at)
		}
	}
	d.expect(200, []string{"0 of 1", "Never connected"}, "/charging")
	d.expect(200, []string{"It has a password."}, "/charging/stations/CP-1/settings")
}

// booted is a world with a station that has told all it can, as badly as it can.
func booted(t *testing.T, config charging.Config, answers map[string]func(ocpp.Request) (ocpp.Response, error)) (desk, *box) {
	t.Helper()
	d := desk{newWorld(t, config)}
	d.register("CP-1")
	b := d.connect("CP-1", answers)
	say(b, &v16.BootNotificationReq{ChargePointVendor: "<script>alert(1)", ChargePointModel: "Duo & Co", FirmwareVersion: "1.2"})
	for connector := range 3 {
		b.status(connector, v16.StatusAvailable)
	}
	return d, b
}

func TestStationPages(t *testing.T) {
	t.Parallel()
	const station = "/charging/stations/CP-1"
	d, b := booted(t, charging.Config{}, nil)
	d.tag("ANN")
	number, began := b.starting("ANN", time.Minute)
	b.measured(number, began.Add(30*time.Second), "1500", "11", "40", "16", "32")
	b.status(1, v16.StatusCharging)
	say(b, &v16.StatusNotificationReq{
		ConnectorID: 2, Status: v16.StatusFaulted, ErrorCode: v16.ErrorGroundFailure, Info: "<script>alert(2)</script>", VendorErrorCode: "E<17>",
		Timestamp: time.Now().UTC().Add(-95 * time.Second),
	})
	say(b, &v16.SecurityEventNotificationReq{Type: "InvalidFirmwareSignature", Timestamp: time.Now().UTC(), TechInfo: "<img src=x>"})

	d.expect(200, []string{
		"1 of 1", "11.0 kW drawn", "1 station with a power fault.", "1 Charging", "1 Faulted", "Power fault: GroundFailure on connector 2",
		"1 session running", "Its clock is 1 min 35 s behind ours", "Online", `data-topics="charging-fleet charging-stations"`,
	}, "/charging")
	d.expect(200, []string{"CP-1"}, "/charging?text=duo+%26&online=yes&status=Charging&faulted=yes")
	d.expect(200, []string{"No station is like that", "Show all 1 station"}, "/charging?status=Reserved")

	d.expect(200, []string{
		"Connector 1 Charging", "runs: 500 Wh, 11.0 kW, 40 % charged", fmt.Sprintf("/charging/sessions/CP-1-%d", number),
		"Power fault: GroundFailure", "It says <script>alert(2)</script>", "Code E<17>", "power fault", `role="img" aria-label="Connector`,
		"Vendor <script>alert(1)", "Model Duo & Co", "InvalidFirmwareSignature <img src=x>", "!<img", "It was asked nothing yet",
		"/charging/stations/CP-1/console?ask=remote-stop&amp;transaction=", `data-topics="charging-station/CP-1"`,
	}, station)
	d.expect(200, []string{"Open", "CP-1 , connector 2", "Power fault: GroundFailure", "<script>alert(2)</script>"}, "/charging/faults")
	d.expect(200, []string{"It has not told its configuration"}, station+"/configuration")

	_, wire := d.expect(200, []string{
		"BootNotification answered after", "StartTransaction", "The station asks", "We answer", `"chargePointVendor": "<script>alert(1)"`,
		`data-topics="charging-station/CP-1 charging-wire/CP-1"`, "charging/wire.js",
	}, station+"/wire")
	if strings.Index(wire, "SecurityEventNotification") > strings.Index(wire, "BootNotification") {
		t.Error("the newest exchange is not the first")
	}

	// An end of the fault is history.
	b.status(2, v16.StatusAvailable)
	d.expect(200, []string{"Nothing is faulted", "CP-1 , connector 2 GroundFailure (power)"}, "/charging/faults")
	d.expect(200, []string{"!Power fault"}, station)

	// The past is shown as the past, from the first byte on.
	var now struct{ Version int }
	d.must(http.MethodGet, "/stations/CP-1", nil, &now)
	d.expect(200, []string{fmt.Sprintf("This is now, version %d", now.Version), "Connector 2 Available", "Session", "Connector 2 has a power fault: GroundFailure"}, station+"/history")
	d.expect(200, []string{
		fmt.Sprintf("This is the past: version 4 of %d", now.Version), "As it was at version 4", "Connector 1 Not reported", "0 sessions running", `value="4"`,
		"!As it is",
	}, station+"/history?version=4")
	d.expect(200, []string{"This is now"}, station+"/history?version=99999")

	// It goes, and is what it was last.
	b.pull()
	d.until("the station is offline", func() bool {
		var s struct{ Online bool }
		d.must(http.MethodGet, "/stations/CP-1", nil, &s)
		return !s.Online
	})
	d.expect(200, []string{"0 of 1", "Offline", "its connection was closed", "last: Charging"}, "/charging")
}

func TestStationSettingsForms(t *testing.T) {
	t.Parallel()
	const settings = "/charging/stations/CP-1/settings"
	d, _ := booted(t, charging.Config{}, nil)
	d.expect(200, []string{"What you note about it", "It has no password.", `name="plug-2-power"`}, settings)

	d.expect(200, []string{"You have changed what is noted", `value="Left"`, `value="CCS"`, `value="3.7"`},
		settings+"/note", "label", "Left", "plug-1-type", "CCS", "plug-1-current", "DC", "plug-1-power", "3.7", "plug-2-type", "Type2")
	d.expect(422, []string{"This is not a power in kW", "See the fields that are marked."}, settings+"/note", "plug-2-power", "-1")
	d.expect(409, []string{"Refused", "A label has at most 200 bytes"}, settings+"/note", "label", strings.Repeat("x", 201))

	d.expect(200, []string{"It counts from the next boot on", `value="Pending" checked`}, settings+"/admission", "admission", "Pending")
	d.expect(409, []string{"Refused"}, settings+"/admission", "admission", "Perhaps")

	d.expect(422, []string{"Choose what it must show."}, settings+"/credentials", "key", "k")
	d.expect(409, []string{"class=\"wrong\""}, settings+"/credentials", "profile", "1", "password", "short")
	_, page := d.expect(200, []string{"You have changed what the station must show", "It has a password."}, settings+"/credentials", "profile", "1", "password", "0123456789abcdef")
	if strings.Contains(page, "0123456789abcdef") {
		t.Error("the password is on the page")
	}
	d.expect(409, []string{"A security profile is never lowered", `id="wrong-profile"`}, settings+"/credentials", "profile", "0")
}

func TestInboxPage(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	for _, id := range []string{"CP-7", "<i>&-8"} {
		if _, err := d.dial(id, nil, nil); err == nil {
			t.Fatal("an unknown station was let in")
		}
	}
	d.until("both are in the inbox", func() bool {
		var inbox struct{ Stations []any }
		d.must(http.MethodGet, "/inbox", nil, &inbox)
		return len(inbox.Stations) == 2
	})
	d.expect(200, []string{"CP-7", "<i>&-8", "!<i>&-8</h2>", "register?id=CP-7", "They were refused"}, "/charging/inbox")
	d.expect(200, []string{`value="CP-7"`}, "/charging/register?id=CP-7")
	d.expect(200, []string{"You have dismissed the station", "!CP-7", "<i>&-8"}, "/charging/inbox", "station", "CP-7")
	d.expect(404, []string{"Not found"}, "/charging/inbox", "station", "CP-7")
	id := "<i>&-8"
	at, _ := d.expect(200, []string{"The station is registered"}, "/charging/register", registration("id", id)...)
	if want := "/charging/stations/" + id; at.Path != want {
		t.Errorf("it ends at %s", at.Path)
	}
	d.expect(200, []string{"Nobody unknown has knocked"}, "/charging/inbox")
	d.expect(200, []string{id, "Console"}, "/charging/stations/"+url.PathEscape(id)+"/console")
}

func TestMassDisconnectionIsOnTheFleetPage(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	var boxes []*box
	for i := range 3 {
		id := fmt.Sprintf("CP-%d", i+1)
		d.register(id)
		b := d.connect(id, nil)
		b.boot()
		boxes = append(boxes, b)
	}
	for _, b := range boxes {
		b.pull()
	}
	d.until("all are offline", func() bool {
		var fleet struct{ Online int }
		d.must(http.MethodGet, "/fleet", nil, &fleet)
		return fleet.Online == 0
	})
	d.expect(200, []string{"3 stations went offline", "None of them is back."}, "/charging")
	d.connect("CP-2", nil)
	d.until("one is back", func() bool {
		var fleet struct{ Online int }
		d.must(http.MethodGet, "/fleet", nil, &fleet)
		return fleet.Online == 1
	})
	d.expect(200, []string{"Back: 1. Still away: 2."}, "/charging")
}
