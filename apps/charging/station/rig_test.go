package station_test

import (
	"testing"
	"time"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/station"
)

type (
	decision = actor.Decider[*station.Station, station.Message, station.Event]
	scenario = aethertest.Scenario[*station.Station, station.Message, station.Event]
)

func decider() decision {
	return decision{
		Kind: station.Kind, Events: station.Events(), Initial: station.Initial, Decide: station.Decide, Evolve: station.Evolve,
		Snapshots: actor.JSONSnapshots[*station.Station](1),
	}
}

var (
	now   = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	about = station.About{Vendor: "ACME", Model: "Two", Firmware: "1.2"}
)

// registered, online and accepted: two connectors, both available.
func ready(more ...station.Event) []station.Event {
	return append([]station.Event{
		station.StationRegistered{Connectors: 2, Admission: station.Accepted, First: 1000, At: now},
		station.StationCameOnline{Epoch: 7, At: now},
		station.StationBooted{About: about, Admission: station.Accepted, Interval: 300, Epoch: 7, MessageID: "boot", At: now},
		changed(1, station.Available, "", now),
		changed(2, station.Available, "", now),
	}, more...)
}

func given(t *testing.T, events ...station.Event) *scenario {
	t.Helper()
	return aethertest.Given(t, decider(), ready(events...)...)
}

func changed(connector int, status, before string, at time.Time) station.ConnectorStatusChanged {
	return station.ConnectorStatusChanged{Connector: connector, Condition: condition(status, station.NoError), Before: before, StationTime: at, At: at}
}

func condition(status, code string) station.Condition {
	return station.Condition{Status: status, ErrorCode: code}
}

func reports(connector int, status, code string, at time.Time) station.Status {
	return station.Status{Connector: connector, Condition: condition(status, code), Timestamp: at, At: at}
}

// start and started are of the transaction 1000 on connector 1, stop and stopped its end.
func start() station.Start {
	return station.Start{Connector: 1, IDTag: "Ann", MeterStart: 500, Authorisation: "Accepted", Timestamp: now, MessageID: "m1", At: now}
}

func started() station.TransactionStarted {
	return station.TransactionStarted{Transaction: 1000, Connector: 1, IDTag: "Ann", MeterStart: 500, Authorisation: "Accepted",
		StationTime: now, MessageID: "m1", At: now}
}

var end = now.Add(time.Hour)

func stop() station.Stop {
	return station.Stop{Transaction: 1000, IDTag: "Ann", MeterStop: 7500, Timestamp: end, MessageID: "m2", At: end}
}

func stopped() station.TransactionStopped {
	return station.TransactionStopped{Transaction: 1000, Connector: 1, IDTag: "Ann", MeterStop: 7500, Reason: "Local", By: station.ByID,
		StationTime: end, MessageID: "m2", At: end}
}

// order is a request with the ID c1, requested its event.
func order(o station.Order) station.Request {
	return station.Request{ID: "c1", Order: o, By: "op", At: now}
}

func requested(o station.Order) station.CommandRequested {
	return station.CommandRequested{ID: "c1", Order: o, By: "op", SendBy: now.Add(station.Sending), At: now}
}

var remote = station.Order{Action: station.RemoteStart, Connector: 1, IDTag: "VIRTUAL1", Account: "ann"}

// remotely is the transaction that the remote start leads to.
func remotely() station.Start {
	s := start()
	s.IDTag, s.Authorisation = "virtual1", "Invalid" // no rule for id tags knows it
	return s
}

func remotelyStarted() station.TransactionStarted {
	e := started()
	e.IDTag, e.Command, e.Account = "virtual1", "c1", "ann"
	return e
}

func effective(proof string, transaction int, at time.Time) station.CommandEffective {
	return station.CommandEffective{ID: "c1", Proof: proof, Transaction: transaction, At: at}
}

func stateOf(t *testing.T, s *scenario, want station.State) {
	t.Helper()
	s.State(func(s *station.Station) {
		if c := s.Command("c1"); c == nil || c.State != want {
			t.Errorf("the command is %+v, want %s", c, want)
		}
	})
}
