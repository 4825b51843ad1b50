package charging

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// consoleAsk is a form of the console: one thing that a station can be asked. Its path is
// that of the same in the API, as far as it is there.
type consoleAsk struct {
	path, group  string
	title, about string
	button       string
	stop         bool // what goes on is broken off
	fields       []consoleField
	order        func(f askForm) Ask
}

// consoleField is an input of it.
type consoleField struct {
	name, label, hint string
	kind              fieldKind
	options           []web.Option // of a choice
	initial           string
	optional          bool
}

// fieldKind is what kind of input a field is.
type fieldKind int

const (
	ofText      fieldKind = iota
	ofNumber              // a whole number
	ofConnector           // one of the connectors
	ofAny                 // a connector, or 0 with the meaning of the hint
	ofSession             // a session that runs
	ofChoice
	ofMoment
	ofLines
)

// askForm is a form of the console as it was sent.
type askForm struct {
	*web.Form
	path string
	now  time.Time
}

// input is the name of a field among those of all forms.
func (f askForm) input(name string) string { return f.path + "-" + name }

func (f askForm) text(name string) string { return f.Values[f.input(name)] }

// number is 0 where nothing was put in: [consoleAsk.check] has said so where it must.
func (f askForm) number(name string) int {
	n, _ := strconv.Atoi(f.text(name)) // checked before
	return n
}

// object is the JSON object that was put in, nil for nothing.
func (f askForm) object(name string) json.RawMessage {
	text := f.text(name)
	if text == "" {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		f.Wrong[f.input(name)] = "This is no JSON object: " + err.Error() + "."
	}
	return json.RawMessage(text)
}

func (f askForm) moment(name string) time.Time { return f.Form.Moment(f.input(name)) }

// words are the words of an input, which are apart by spaces, commas or lines.
func (f askForm) words(name string) []string {
	return strings.FieldsFunc(f.text(name), func(r rune) bool { return strings.ContainsRune(" ,\r\n\t", r) })
}

// data is a message of OCPP: those of its fields that are not empty.
func data(pairs ...any) json.RawMessage {
	fields := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		switch value := pairs[i+1].(type) {
		case string:
			if value == "" {
				continue
			}
		case int:
			if value == 0 {
				continue
			}
		}
		fields[pairs[i].(string)] = pairs[i+1]
	}
	encoded, _ := json.Marshal(fields) // of texts, numbers and times: it does not fail
	return encoded
}

// names are the inputs of the form.
func (a *consoleAsk) names() []string {
	var names []string
	for _, field := range a.fields {
		name := a.path + "-" + field.name
		names = append(names, name)
		if field.kind == ofMoment {
			names = append(names, web.InZone(name))
		}
	}
	return names
}

// check says what is wrong with the inputs, as far as that can be seen without the station.
func (a *consoleAsk) check(f askForm) {
	for _, field := range a.fields {
		name, text := f.input(field.name), f.text(field.name)
		if text == "" {
			if !field.optional {
				f.Wrong[name] = "This is missing."
			}
			continue
		}
		switch field.kind {
		case ofNumber, ofConnector, ofAny, ofSession:
			if n, err := strconv.Atoi(text); err != nil || n < 0 {
				f.Wrong[name] = "This is not a whole number of 0 or more."
			}
		}
	}
}

// The groups of the console.
const (
	groupSessions = "Sessions"
	groupKept     = "Reservations"
	groupStation  = "Station"
	groupSettings = "Configuration and id tags"
	groupWork     = "Software and logs"
	groupOther    = "Anything else"
)

var consoleGroups = []string{groupSessions, groupKept, groupStation, groupSettings, groupWork, groupOther}

var (
	retriesField = consoleField{name: "retries", label: "Retries", kind: ofNumber, optional: true}
	uploadField  = consoleField{name: "location", label: "Where to", hint: "The URL of a folder, as ftp://user:password@host/path."}
)

// consoleAsks are all forms of the console. Charging profiles have pages of their own.
var consoleAsks = []consoleAsk{
	{
		path: "remote-start", group: groupSessions, title: "Start a session", button: "Start",
		about: "Accepted means that the station will try. The proof is the session that follows, when a car is plugged in.",
		fields: []consoleField{
			{name: "connector", label: "Connector", kind: ofAny, hint: "any of them", initial: "0"},
			{name: "tag", label: "For which id tag", hint: "It must be one that may charge. Empty: for nobody in particular.", optional: true},
			{name: "reservation", label: "Reservation", kind: ofNumber, hint: "Its number, where the start is for one; the id tag is then that of the reservation.", optional: true},
		},
		order: func(f askForm) Ask {
			return remoteStartBody{Connector: f.number("connector"), IDTag: f.text("tag"), Reservation: f.number("reservation")}.order()
		},
	},
	{
		path: "remote-stop", group: groupSessions, title: "Stop a session", button: "Stop", stop: true,
		about:  "The proof is the end that the station tells, with the meter's value.",
		fields: []consoleField{{name: "transaction", label: "Session", kind: ofSession}},
		order:  func(f askForm) Ask { return remoteStopBody{Transaction: f.number("transaction")}.order() },
	},
	{
		path: "unlock", group: groupSessions, title: "Unlock a connector", button: "Unlock", stop: true,
		about:  "The lock of the cable is released. A session on it ends first.",
		fields: []consoleField{{name: "connector", label: "Connector", kind: ofConnector}},
		order:  func(f askForm) Ask { return connectorBody{f.number("connector")}.order() },
	},
	{
		path: "reserve", group: groupKept, title: "Reserve a connector", button: "Reserve",
		about: "The station keeps it for the id tag until the time is over.",
		fields: []consoleField{
			{name: "connector", label: "Connector", kind: ofAny, hint: "any of them, where the station can do so", initial: "1"},
			{name: "tag", label: "For which id tag"},
			{name: "parent", label: "Parent id tag", hint: "Whoever has the same parent may use it, too.", optional: true},
			{name: "until", label: "Until", kind: ofMoment},
		},
		order: func(f askForm) Ask {
			return reserveBody{Connector: f.number("connector"), IDTag: f.text("tag"), Parent: f.text("parent"), Until: f.moment("until")}.order()
		},
	},
	{
		path: "cancel-reservation", group: groupKept, title: "Cancel a reservation", button: "Cancel it",
		about:  "The connector is free again for everybody.",
		fields: []consoleField{{name: "reservation", label: "Number of the reservation", kind: ofNumber}},
		order:  func(f askForm) Ask { return cancelBody{f.number("reservation")}.order() },
	},
	{
		path: "change-availability", group: groupStation, title: "Take out of service, or back", button: "Change it",
		about: "During a session the station does it when that has ended. It stays so when the station restarts.",
		fields: []consoleField{
			{name: "connector", label: "Connector", kind: ofAny, hint: "the station with all of its connectors", initial: "0"},
			{name: "type", label: "It is to be", kind: ofChoice, initial: station.Inoperative, options: []web.Option{
				{Value: station.Inoperative, Label: "Out of service"}, {Value: station.Operative, Label: "In service"},
			}},
		},
		order: func(f askForm) Ask { return availabilityBody{f.number("connector"), f.text("type")}.order() },
	},
	{
		path: "trigger-message", group: groupStation, title: "Have it send a message", button: "Ask for it",
		about: "To see how things are now: what it sends is in the wire log, and counts as any report.",
		fields: []consoleField{
			{name: "message", label: "Message", kind: ofChoice, initial: "StatusNotification", options: triggered},
			{name: "connector", label: "Connector", kind: ofAny, hint: "all of them, where that makes sense", initial: "0"},
		},
		order: func(f askForm) Ask {
			message, extended := strings.CutSuffix(f.text("message"), extendedMark)
			return triggerBody{Message: message, Connector: f.number("connector"), Extended: extended}.order()
		},
	},
	{
		path: "reset", group: groupStation, title: "Restart it", button: "Restart", stop: true,
		about: "The proof is its next boot. Sessions that run are stopped.",
		fields: []consoleField{{name: "type", label: "How", kind: ofChoice, initial: station.Soft, options: []web.Option{
			{Value: station.Soft, Label: "Softly: it ends what it does first"}, {Value: station.Hard, Label: "Hard: at once, as by its power"},
		}}},
		order: func(f askForm) Ask { return resetBody{f.text("type")}.order() },
	},
	{
		path: "get-configuration", group: groupSettings, title: "Ask for its configuration", button: "Ask",
		about:  "What it answers is on the page of its configuration.",
		fields: []consoleField{{name: "keys", label: "Keys", hint: "Empty: all of them.", optional: true}},
		order:  func(f askForm) Ask { return configurationBody{f.words("keys")}.order() },
	},
	{
		path: "change-configuration", group: groupSettings, title: "Change its configuration", button: "Change it",
		about:  "Some keys count after a restart only: the station then says so. For its password see its settings.",
		fields: []consoleField{{name: "key", label: "Key", hint: "As HeartbeatInterval."}, {name: "value", label: "Value", optional: true}},
		order:  func(f askForm) Ask { return configureBody{f.text("key"), f.text("value")}.order() },
	},
	{
		path: "send-local-list", group: groupSettings, title: "Send it the list of id tags", button: "Send",
		about:  "By this list it decides when it is offline. The list that it has is replaced.",
		fields: []consoleField{{name: "tags", label: "Which id tags", hint: "Empty: all of them.", kind: ofLines, optional: true}},
		order:  func(f askForm) Ask { return localListBody{f.words("tags")}.order() },
	},
	{
		path: "get-local-list-version", group: groupSettings, title: "Ask which list of id tags it has", button: "Ask",
		about: "Its answer has the version of the list; 0 is none, −1 that it knows no such lists.",
		order: func(askForm) Ask { return listVersionBody{}.order() },
	},
	{
		path: "clear-cache", group: groupSettings, title: "Clear its cache of id tags", button: "Clear",
		about: "It forgets whom it has let charge, and asks again.",
		order: func(askForm) Ask { return clearCacheBody{}.order() },
	},
	{
		path: "update-firmware", group: groupWork, title: "Update its firmware", button: "Update",
		about: "The proof is the end of the installation that it tells.",
		fields: []consoleField{
			{name: "location", label: "Where from", hint: "The URL of the firmware."},
			{name: "from", label: "Not before", kind: ofMoment}, retriesField,
		},
		order: func(f askForm) Ask {
			return Ask{Order: station.Order{Action: station.UpdateFirmware}, Data: data(
				"location", f.text("location"), "retrieveDate", f.moment("from"), "retries", f.number("retries"))}
		},
	},
	{
		path: "diagnostics", group: groupWork, title: "Have it upload diagnostics", button: "Upload",
		about:  "The proof is the end of the upload that it tells.",
		fields: []consoleField{uploadField, retriesField},
		order: func(f askForm) Ask {
			return Ask{Order: station.Order{Action: station.GetDiagnostics}, Data: data("location", f.text("location"), "retries", f.number("retries"))}
		},
	},
	{
		path: "get-log", group: groupWork, title: "Have it upload a log", button: "Upload",
		about: "Of the security extension: older stations do not know it.",
		fields: []consoleField{
			{name: "type", label: "Which", kind: ofChoice, initial: "SecurityLog", options: []web.Option{{Value: "SecurityLog", Label: "Security log"}, {Value: "DiagnosticsLog", Label: "Diagnostics log"}}},
			uploadField, retriesField,
		},
		order: func(f askForm) Ask {
			fields := map[string]any{"logType": f.text("type"), "requestId": f.now.Unix() & (1<<31 - 1), "log": map[string]string{"remoteLocation": f.text("location")}}
			if n := f.number("retries"); n > 0 {
				fields["retries"] = n
			}
			encoded, _ := json.Marshal(fields) // of texts and numbers: it does not fail
			return Ask{Order: station.Order{Action: station.GetLog}, Data: encoded}
		},
	},
	{
		path: "data-transfer", group: groupOther, title: "Send what a vendor has defined", button: "Send",
		about: "A DataTransfer: what it means is the vendor's.",
		fields: []consoleField{
			{name: "vendor", label: "Vendor ID"}, {name: "message", label: "Message ID", optional: true}, {name: "data", label: "Data", kind: ofLines, optional: true},
		},
		order: func(f askForm) Ask {
			return Ask{Order: station.Order{Action: station.DataTransfer}, Data: data("vendorId", f.text("vendor"), "messageId", f.text("message"), "data", f.text("data"))}
		},
	},
	{
		path: "message", group: groupOther, title: "Send another message", button: "Send",
		about: "Signed firmware and certificates, of the security extension, with the fields that OCPP has for them.",
		fields: []consoleField{
			{name: "action", label: "Message", kind: ofChoice, initial: station.GetCertificates, options: otherMessages},
			{name: "fields", label: "Its fields, as a JSON object", kind: ofLines, initial: `{"certificateType": "CentralSystemRootCertificate"}`},
		},
		order: func(f askForm) Ask {
			return Ask{Order: station.Order{Action: f.text("action")}, Data: f.object("fields")}
		},
	},
}

// extendedMark ends the value of a message that is triggered by the security extension.
const extendedMark = "+"

var triggered = []web.Option{
	{Value: "StatusNotification", Label: "StatusNotification: how its connectors are"},
	{Value: "MeterValues", Label: "MeterValues: what they measure"},
	{Value: "BootNotification", Label: "BootNotification: what it is"},
	{Value: "Heartbeat", Label: "Heartbeat: that it is there"},
	{Value: "FirmwareStatusNotification", Label: "FirmwareStatusNotification: how far an update is"},
	{Value: "DiagnosticsStatusNotification", Label: "DiagnosticsStatusNotification: how far an upload is"},
	{Value: "LogStatusNotification" + extendedMark, Label: "LogStatusNotification (security extension)"},
	{Value: "SignChargePointCertificate" + extendedMark, Label: "SignChargePointCertificate (security extension)"},
}

var otherMessages = []web.Option{
	{Value: station.GetCertificates, Label: station.GetCertificates}, {Value: station.InstallCertificate, Label: station.InstallCertificate},
	{Value: station.DeleteCertificate, Label: station.DeleteCertificate}, {Value: station.CertificateSigned, Label: station.CertificateSigned},
	{Value: station.SignedFirmware, Label: station.SignedFirmware},
}

func askOf(path string) *consoleAsk {
	for i := range consoleAsks {
		if consoleAsks[i].path == path {
			return &consoleAsks[i]
		}
	}
	return nil
}

// choices are what can be chosen in a field, nil where something is put in.
func (c *consolePage) choices(field *consoleField) []web.Option {
	var options []web.Option
	switch field.kind {
	case ofChoice:
		return field.options
	case ofAny:
		options = append(options, web.Option{Value: "0", Label: "0: " + field.hint})
	case ofSession:
		for i := range c.Connectors {
			if n := c.Connectors[i]; n.Transaction != 0 {
				options = append(options, web.Option{Value: strconv.Itoa(n.Transaction), Label: fmt.Sprintf("%d, on connector %d", n.Transaction, n.ID)})
			}
		}
		return options // nil without any: then a number is put in
	case ofConnector:
	default:
		return nil
	}
	for i := range c.Connectors {
		if n := &c.Connectors[i]; n.ID > 0 {
			_, text := n.pill(c.Online)
			options = append(options, web.Option{Value: strconv.Itoa(n.ID), Label: fmt.Sprintf("%d, %s", n.ID, text)})
		}
	}
	if len(c.Connectors) == 0 { // it has not told of any: it has one at least
		options = append(options, web.Option{Value: "1", Label: "1"})
	}
	return options
}
