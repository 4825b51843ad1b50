package station_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/schema/schematest"
)

func TestRegister(t *testing.T) {
	register := station.Register{Connectors: 2, Admission: station.Accepted, First: 1000, At: now}
	none := aethertest.Given(t, decider())
	none.When(register).Then(station.StationRegistered(register)).When(register).ThenRefused(station.StationExists)
	none.When(order(remote)).ThenRefused(station.NoStation)
	none.When(station.Admit{Admission: station.Accepted, At: now}).ThenRefused(station.NoStation)
	for reason, change := range map[string]func(*station.Register){
		station.BadAdmission: func(r *station.Register) { r.Admission = "Maybe" },
		station.BadStation:   func(r *station.Register) { r.Connectors = station.MaxConnectors + 1 },
	} {
		bad := register
		change(&bad)
		none.When(bad).ThenRefused(reason)
	}
	register.First = 0
	none.When(register).ThenRefused(station.BadStation)
	given(t).When(station.Admit{Admission: "Maybe"}).ThenRefused(station.BadAdmission)
	given(t).When(station.Admit{Admission: station.Accepted}).Then()
}

// What a station may send without end is not kept without end.
func TestStateIsBounded(t *testing.T) {
	s := station.Initial("station/test")
	tell := func(m station.Message) {
		t.Helper()
		events, err := station.Decide(s, m)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		for _, e := range events {
			s = station.Evolve(s, e)
		}
	}
	for _, e := range ready() {
		s = station.Evolve(s, e)
	}
	long := strings.Repeat("ü", 1000)
	for i := range 500 {
		at := now.Add(time.Duration(i) * time.Minute)
		tell(station.Start{Connector: i, IDTag: long, MeterStart: i, Timestamp: at, MessageID: fmt.Sprint(i), At: at})
		tell(station.Stop{Transaction: 1000 + i, MeterStop: i, Timestamp: at, At: at})
		tell(station.Stop{Transaction: 90_000 + i, MeterStop: i, Timestamp: at, At: at})
		tell(reports(i, station.Faulted, long, at))
		tell(station.Request{ID: fmt.Sprint(i), Order: station.Order{Action: station.ClearCache}, At: at})
		tell(station.NotSent{ID: fmt.Sprint(i), At: at})
	}
	var settings []station.Setting
	for i := range 2 * station.MaxKeys {
		settings = append(settings, station.Setting{Key: fmt.Sprint("key", i)})
	}
	for range 3 {
		tell(station.Configured{Settings: settings, At: now})
	}
	if len(s.Transactions) != station.RememberedTransactions || len(s.Unmatched) != station.RememberedStops ||
		len(s.Commands) != station.RememberedCommands || len(s.Connectors) > station.MaxConnectors+1 || len(s.Configuration) != station.MaxKeys {
		t.Errorf("%d transactions, %d stops, %d commands, %d connectors, %d keys are kept",
			len(s.Transactions), len(s.Unmatched), len(s.Commands), len(s.Connectors), len(s.Configuration))
	}
	if got := len(s.Connectors[7].ErrorCode); got != station.MaxText {
		t.Errorf("%d bytes of a text are kept", got)
	}
	// A transaction that runs is kept, however many come after it.
	if first := s.Transactions[0]; first.ID != 1000+500-station.RememberedTransactions {
		t.Errorf("the first that is kept is %+v", first)
	}
}

func TestRunningTransactionIsNotForgotten(t *testing.T) {
	s := station.Initial("station/test")
	s = station.Evolve(s, started())
	for i := range 2 * station.RememberedTransactions {
		e, end := started(), stopped()
		e.Transaction, e.Connector, end.Transaction = 1001+i, 2, 1001+i
		s = station.Evolve(station.Evolve(s, e), end)
	}
	if found := s.Transaction(1000); found == nil || s.Running(1) != found || len(s.Transactions) != station.RememberedTransactions+1 {
		t.Errorf("of %d transactions, the one that runs is %+v", len(s.Transactions), found)
	}
}

// What the station's actor is told can be sent to it as JSON.
func TestMessagesKeepAllTheySayInJSON(t *testing.T) {
	value := "120"
	data := json.RawMessage(`{"a":1}`)
	request := order(station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "a", Account: "b", Transaction: 2, Reservation: 3,
		Expires: end, Type: "t", Key: "k", Value: "v", Version: 4})
	request.Data = data
	for _, m := range []station.Message{
		station.Boot{About: about, Interval: 60, Epoch: 7, MessageID: "m", At: now},
		station.Status{Connector: 1, Condition: station.Condition{Status: "s", ErrorCode: "e", Info: "i", VendorID: "v", VendorErrorCode: "c"}, Timestamp: now, At: end},
		start(), stop(), request,
		station.Answered{ID: "c1", Accepted: true, Answer: "a", Detail: "d", Data: data, At: now},
		station.Configured{Settings: []station.Setting{{Key: "k", Value: &value, Readonly: true}}, Unknown: []string{"u"}, At: now},
	} {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(m))
		if err := json.Unmarshal(data, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), m) {
			t.Errorf("%s becomes %+v, %v", data, back.Elem(), err)
		}
	}
}

func TestEventForms(t *testing.T) {
	value := "120"
	full := station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "VIRTUAL1", Account: "ann", Transaction: 1000, Reservation: 5,
		Expires: end, Type: station.Hard, Key: "HeartbeatInterval", Value: value, Version: 3}
	data := json.RawMessage(`{"a":1}`)
	schematest.Golden(t, station.Events(), "testdata/events", []station.Event{
		station.StationRegistered{Connectors: 2, Admission: station.Accepted, First: 1000, At: now},
		station.AdmissionChanged{Admission: station.Pending, At: now},
		station.StationBooted{About: station.About{Vendor: "ACME", Model: "Two", Serial: "S1", ChargeBoxSerial: "B1", Firmware: "1.2",
			ICCID: "89", IMSI: "26", MeterType: "M", MeterSerial: "M1"}, Admission: station.Accepted, Interval: 300, Epoch: 7, MessageID: "m", At: now},
		station.StationCameOnline{Epoch: 7, Remote: "192.0.2.1:5000", At: now},
		station.StationWentOffline{Epoch: 7, Reason: station.Silent, Heard: now, At: end},
		station.ConnectorStatusChanged{Connector: 1, Condition: station.Condition{Status: station.Faulted, ErrorCode: "GroundFailure",
			Info: "i", VendorID: "v", VendorErrorCode: "e"}, Before: station.Available, StationTime: now, At: now},
		station.ConnectorFaulted{Connector: 1, ErrorCode: "GroundFailure", Power: true, Info: "i", VendorErrorCode: "e", At: now},
		station.ConnectorRecovered{Connector: 1, ErrorCode: "GroundFailure", Power: true, Since: now, At: end},
		station.FirmwareStatusChanged{Status: "Installed", At: now},
		station.DiagnosticsStatusChanged{Status: "Uploaded", At: now},
		station.SecurityEventReported{Type: "FirmwareUpdated", Info: "i", StationTime: now, At: now},
		station.ConfigurationReported{Settings: []station.Setting{{Key: "ConnectionTimeOut", Value: &value, Readonly: true}},
			Unknown: []string{"X"}, Dropped: 1, At: now},
		station.TransactionStarted{Transaction: 1000, Connector: 1, IDTag: "VIRTUAL1", MeterStart: 500, Authorisation: "Accepted",
			Command: "c1", Account: "ann", Reservation: 5, StationTime: now, MessageID: "m1", At: now},
		stopped(),
		station.TransactionAbandoned{Transaction: 1000, Connector: 1, Reason: station.Superseded, At: now},
		station.StopUnmatched{Number: 1, Transaction: -1, Connector: 1, IDTag: "Ann", MeterStop: 7500, Reason: "Local",
			Why: station.Ambiguous, StationTime: now, MessageID: "m", At: now},
		station.UnmatchedStopUsed{Number: 1, Transaction: 1000, At: now},
		station.ReservationMade{Reservation: 5, Connector: 1, IDTag: "ann", Until: end, Command: "c1", At: now},
		station.ReservationEnded{Reservation: 5, Connector: 1, Reason: station.Used, At: now},
		station.CommandRequested{ID: "c1", Order: full, Data: data, By: "op", SendBy: now, At: now},
		station.CommandSent{ID: "c1", At: now},
		station.CommandAccepted{ID: "c1", Answer: "Accepted", Data: data, Until: end, At: now},
		station.CommandRejected{ID: "c1", Answer: "Rejected", Detail: "d", At: now},
		station.CommandNotSent{ID: "c1", Detail: "d", At: now},
		station.CommandInDoubt{ID: "c1", Detail: "d", Until: end, At: now},
		station.CommandTimedOut{ID: "c1", Until: end, At: now},
		station.CommandEffective{ID: "c1", Proof: "transaction-started", Transaction: 1000, At: now},
		station.CommandFailed{ID: "c1", Reason: "UploadFailed", At: now},
		station.CommandExpired{ID: "c1", At: now},
		station.CommandSettled{ID: "c1", Happened: true, By: "eve", At: now},
	})
}
