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
	"github.com/aether-es/aether/apps/charging/station"
)

const console = "/charging/stations/CP-1/console"

// asks sends a form of the console, and returns the ID of the command.
func (d desk) asks(ask string, form ...string) (id string, at *url.URL) {
	d.t.Helper()
	at, _ = d.expect(200, []string{"What became of it", "Requested", `id="ask-` + ask + `" open`}, console+"/"+ask, append([]string{"key", ask}, form...)...)
	id = at.Query().Get("command")
	if at.Path != console || id == "" {
		d.t.Fatalf("%s ends at %s", ask, at)
	}
	return id, at
}

func TestConsoleShowsTheLifeOfARemoteStart(t *testing.T) {
	t.Parallel()
	d, b := booted(t, charging.Config{}, map[string]func(ocpp.Request) (ocpp.Response, error){
		"RemoteStartTransaction": always(&v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil),
	})
	d.tag("ANN")
	d.expect(200, []string{"It was asked nothing yet", `name="remote-start-connector"`, `id="ask-remote-start"`, "!What became of it"}, console)
	_, page := d.expect(200, []string{`id="ask-remote-start" open`}, console+"?ask=remote-start&connector=2")
	if !strings.Contains(page, `<option value="2" selected>`) {
		t.Error("connector 2 is not chosen")
	}

	// Sent twice it is one command.
	id, at := d.asks("remote-start", "remote-start-connector", "1", "remote-start-tag", "ANN")
	if again, _ := d.asks("remote-start", "remote-start-connector", "1", "remote-start-tag", "ANN"); again != id {
		t.Errorf("sent twice it is the commands %s and %s", id, again)
	}
	d.reaches(id, station.IsAccepted)
	d.expect(200, []string{"Start a session on connector 1, for ANN", "Accepted, not proven", "The station will try.", "Until then nothing has started.", "It has time until"}, at.RequestURI())
	d.expect(200, []string{"Sent", "The station is being asked, once.", "RemoteStartTransaction connector: 1", `data-topics="charging-commands/` + id}, "/charging/commands/"+id)

	started := say(b, &v16.StartTransactionReq{
		ConnectorID: 1, IDTag: b.got("RemoteStartTransaction")[0].(*v16.RemoteStartTransactionReq).IDTag, Timestamp: time.Now().UTC(),
	})
	d.reaches(id, station.IsEffective)
	d.expect(200, []string{
		"Has happened", fmt.Sprintf("Proof: session %d has started.", started.TransactionID), fmt.Sprintf("/charging/sessions/CP-1-%d", started.TransactionID), "!Next:",
	}, "/charging/commands/"+id)
	d.expect(200, []string{"Start a session on connector 1, for ANN", "Has happened"}, "/charging/stations/CP-1")
	if n := len(b.got("RemoteStartTransaction")); n != 1 {
		t.Errorf("the station was asked %d times", n)
	}
	d.expect(409, []string{"Refused", fmt.Sprintf("ransaction %d runs on connector 1", started.TransactionID), `id="ask-remote-start" open`},
		console+"/remote-start", "remote-start-connector", "1")
}

func TestConsoleFormsAreChecked(t *testing.T) {
	t.Parallel()
	d, b := booted(t, charging.Config{}, nil)
	for _, c := range []struct {
		status int
		ask    string
		form   []string
		texts  []string
	}{
		{422, "remote-stop", []string{"key", "k"}, []string{"This is missing.", "See the fields that are marked."}},
		{422, "remote-stop", []string{"remote-stop-transaction", "x"}, []string{"This is not a whole number of 0 or more.", `value="x"`}},
		{409, "remote-stop", []string{"remote-stop-transaction", "7"}, []string{"Refused"}},
		{422, "reserve", []string{"reserve-connector", "1", "reserve-tag", "ANN", "reserve-until", "soon"}, []string{"This is not a date with a time"}},
		{409, "reserve", []string{"reserve-connector", "1", "reserve-tag", "ANN", "reserve-until", "2020-01-01T00:00"}, []string{"ends in the future"}},
		{409, "remote-start", []string{"remote-start-connector", "1", "remote-start-tag", "NOBODY"}, []string{"may not charge"}},
		{422, "message", []string{"message-action", "InstallCertificate", "message-fields", "{"}, []string{"This is no JSON object"}},
		{409, "message", []string{"message-action", "Nonsense", "message-fields", "{}"}, []string{"Refused", "not one of OCPP 1.6"}},
		{409, "change-configuration", []string{"change-configuration-key", "AuthorizationKey", "change-configuration-value", "0123456789abcdef"}, []string{"Refused"}},
		{404, "nothing", []string{"key", "k"}, []string{"Not found"}},
	} {
		d.expect(c.status, c.texts, console+"/"+c.ask, c.form...)
	}
	for _, action := range []string{"RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "InstallCertificate", "ChangeConfiguration"} {
		if got := b.got(action); len(got) != 0 {
			t.Errorf("the station was asked %v", got)
		}
	}
	b.pull()
	d.until("the station is offline", func() bool {
		var s struct{ Online bool }
		d.must(http.MethodGet, "/stations/CP-1", nil, &s)
		return !s.Online
	})
	d.expect(200, []string{"The station is offline", "it is not kept for later"}, console)
	d.expect(409, []string{"The station is offline; ask again when it is back."}, console+"/clear-cache", "key", "k")
}

// TestEveryFormOfTheConsoleIsSent sends each form, of which some have the same content, and
// looks at what the station gets.
func TestEveryFormOfTheConsoleIsSent(t *testing.T) {
	t.Parallel()
	d, b := booted(t, charging.Config{}, nil) // it knows none of them, and says so
	until := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04")
	for _, c := range []struct {
		ask, action, said string
		form              []string
	}{
		{"unlock", "UnlockConnector", "Unlock connector 2", []string{"connector", "2"}},
		{"reserve", "ReserveNow", "Reserve connector 1 for ANN", []string{"connector", "1", "tag", "ANN", "parent", "FAMILY", "until", until}},
		{"change-availability", "ChangeAvailability", "Take the station out of service", []string{"connector", "0", "type", "Inoperative"}},
		{"trigger-message", "TriggerMessage", "Send a MeterValues of connector 1", []string{"message", "MeterValues", "connector", "1"}},
		{"trigger-message", "ExtendedTriggerMessage", "Send a LogStatusNotification", []string{"message", "LogStatusNotification+", "connector", "0"}},
		{"reset", "Reset", "Restart, hard", []string{"type", "Hard"}},
		{"get-configuration", "GetConfiguration", "Tell the configuration", []string{"keys", "HeartbeatInterval, Other"}},
		{"change-configuration", "ChangeConfiguration", "Change HeartbeatInterval to 60", []string{"key", "HeartbeatInterval", "value", "60"}},
		{"send-local-list", "SendLocalList", "Take the list of id tags, version 1", nil},
		{"get-local-list-version", "GetLocalListVersion", "Tell the version of the list", nil},
		{"clear-cache", "ClearCache", "Clear the cache of id tags", nil},
		{"update-firmware", "UpdateFirmware", "Update the firmware", []string{"location", "https://example.com/fw", "from", until, "retries", "2"}},
		{"diagnostics", "GetDiagnostics", "Upload diagnostics", []string{"location", "ftp://example.com/"}},
		{"get-log", "GetLog", "Upload a log", []string{"type", "SecurityLog", "location", "ftp://example.com/", "retries", "1"}},
		{"data-transfer", "DataTransfer", "DataTransfer", []string{"vendor", "volt", "message", "m", "data", "<b>"}},
		{"message", "GetInstalledCertificateIds", "GetInstalledCertificateIds", []string{"action", "GetInstalledCertificateIds", "fields", `{"certificateType": "CentralSystemRootCertificate"}`}},
	} {
		var form []string
		for i := 0; i < len(c.form); i += 2 {
			form = append(form, c.ask+"-"+c.form[i], c.form[i+1])
		}
		id, at := d.asks(c.ask, form...)
		d.reaches(id, station.IsRejected)
		d.expect(200, []string{c.said, "Rejected", "The station says no: NotSupported"}, at.RequestURI())
		if got := b.got(c.action); len(got) != 1 {
			t.Errorf("%s was sent %d times", c.action, len(got))
		}
	}
	if got := b.got("GetConfiguration")[0].(*v16.GetConfigurationReq); len(got.Key) != 2 {
		t.Errorf("it was asked for the keys %q", got.Key)
	}
}

func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	interval, drifted := "300", "900"
	d, _ := booted(t, charging.Config{}, map[string]func(ocpp.Request) (ocpp.Response, error){
		"ChangeConfiguration": always(&v16.ChangeConfigurationConf{Status: "Accepted"}, nil),
		"GetConfiguration": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.GetConfigurationConf{
				ConfigurationKey: []v16.KeyValue{{Key: "HeartbeatInterval", Value: &drifted}, {Key: "NumberOfConnectors", Readonly: true, Value: &interval}, {Key: "AuthorizationKey"}},
				UnknownKey:       []string{"<u>Nonsense"},
			}, nil
		},
	})
	id, _ := d.asks("change-configuration", "change-configuration-key", "HeartbeatInterval", "change-configuration-value", interval)
	d.reaches(id, station.IsEffective)
	id, _ = d.asks("get-configuration")
	d.reaches(id, station.IsEffective)
	d.expect(200, []string{
		"1 key is not what the station was told", "HeartbeatInterval 900 Drift it was told 300", "read only", "does not know: <u>Nonsense", "!<u>",
		"ask=change-configuration&amp;key=HeartbeatInterval&amp;value=900", "/settings#credentials",
	}, "/charging/stations/CP-1/configuration")
	d.expect(200, []string{`value="900"`, `id="ask-change-configuration" open`}, console+"?ask=change-configuration&key=HeartbeatInterval&value=900")
}

func TestDoubtIsSettledOnThePages(t *testing.T) {
	t.Parallel()
	silent := make(chan struct{})
	d, b := booted(t, charging.Config{CallTimeout: 50 * time.Millisecond}, map[string]func(ocpp.Request) (ocpp.Response, error){
		"UnlockConnector": func(ocpp.Request) (ocpp.Response, error) {
			<-silent
			return nil, ocpp.Errorf(ocpp.InternalError, "the test is over")
		},
		"TriggerMessage": always(&v16.TriggerMessageConf{Status: "Accepted"}, nil),
	})
	id, at := d.asks("unlock", "unlock-connector", "2")
	d.reaches(id, station.IsTimedOut)
	d.expect(200, []string{"No answer, in doubt", "Nobody knows whether it does it, so it is not sent again.", "It did not happen"}, at.RequestURI())
	_, page := d.expect(200, []string{"Unlock connector 2", "Ask the station", "It happened", `data-topics="charging-doubt"`, `data-count="inDoubt">1<`}, "/charging/doubt")
	if strings.Contains(page, "Nothing is in doubt") {
		t.Error("it is said that nothing is in doubt")
	}
	command := "/charging/commands/" + id
	d.expect(422, []string{"Say whether it happened or not."}, command+"/settle", "back", "doubt")
	d.expect(422, []string{"Say whether it happened or not."}, command+"/settle", "happened", "perhaps")
	d.expect(404, []string{"Not found"}, "/charging/commands/none/settle", "happened", "yes")

	back, _ := d.expect(200, []string{"The station is asked for its status", "Unlock connector 2"}, command+"/look", "back", "doubt", "key", "look")
	if back.Path != "/charging/doubt" {
		t.Errorf("it ends at %s", back)
	}
	back, _ = d.expect(200, []string{"It is settled, by your word", "Nothing is in doubt"}, command+"/settle", "back", "doubt", "happened", "yes")
	if back.Path != "/charging/doubt" {
		t.Errorf("it ends at %s", back)
	}
	d.expect(200, []string{"Has happened", "An operator says that it happened."}, command)
	d.expect(409, []string{"Refused", "The command is not in doubt"}, command+"/settle", "happened", "no")
	close(silent) // its answer is late, and it has another question to answer
	d.until("the station was asked for its status", func() bool { return len(b.got("TriggerMessage")) == 1 })
	d.reaches(id, station.IsRejected)
	d.expect(200, []string{"An operator says that it happened.", "The station says no: InternalError"}, command)
	if n := len(b.got("UnlockConnector")); n != 1 {
		t.Errorf("it was asked %d times to unlock", n)
	}
}
