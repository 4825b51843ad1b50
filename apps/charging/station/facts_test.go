package station_test

import (
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/station"
)

func TestOldConnectionsEndDoesNotMarkTheNewOneOffline(t *testing.T) {
	closed := func(epoch int64) station.Disconnected {
		return station.Disconnected{Epoch: epoch, Reason: station.Closed, At: now}
	}
	both := given(t).When(station.Connected{Epoch: 9, At: now}).Then(station.StationCameOnline{Epoch: 9, At: now})
	both.When(closed(7)).Then()
	both.When(station.Connected{Epoch: 7, At: now}).Then() // told late
	off := both.When(closed(9)).Then(station.StationWentOffline{Epoch: 9, Reason: station.Closed, At: now})
	off.When(closed(9)).Then()
	off.When(station.Connected{Epoch: 9, At: now}).Then() // its end was told first
	off.When(station.Connected{Epoch: 10, At: now}).Then(station.StationCameOnline{Epoch: 10, At: now})
	// The end of one that nobody has told of is the end of all before, and is remembered.
	given(t).When(closed(8)).Then(station.StationWentOffline{Epoch: 8, Reason: station.Closed, At: now}).
		When(station.Connected{Epoch: 8, At: now}).Then()
}

func TestSilentConnectionMayBeHeardAgain(t *testing.T) {
	silent := station.Disconnected{Epoch: 7, Reason: station.Silent, Heard: now.Add(-time.Minute), At: now}
	given(t).When(silent).
		Then(station.StationWentOffline{Epoch: 7, Reason: station.Silent, Heard: now.Add(-time.Minute), At: now}).
		When(silent).Then().
		When(station.Connected{Epoch: 7, At: now}).Then(station.StationCameOnline{Epoch: 7, At: now}).
		When(station.Connected{Epoch: 7, At: now}).Then()
}

func TestReconnectDoesNotImplyABoot(t *testing.T) {
	back := given(t, station.StationWentOffline{Epoch: 7, Reason: station.Closed, At: now}, station.StationCameOnline{Epoch: 8, At: now})
	back.When(order(remote)).Then(requested(remote))
}

func TestBootIsAnsweredAsTheStationIsAdmitted(t *testing.T) {
	boot := station.Boot{About: about, Interval: 60, Epoch: 7, MessageID: "b", At: now}
	booted := func(a station.Admission) station.StationBooted {
		return station.StationBooted{About: about, Admission: a, Interval: 60, Epoch: 7, MessageID: "b", At: now}
	}
	unknown := aethertest.Given(t, decider()).When(boot).Then(booted(station.Rejected))
	boot.MessageID = "b2"
	unknown.When(boot).Then() // it asks again and again
	known := aethertest.Given(t, decider(), []station.Event{
		station.StationRegistered{Connectors: 1, Admission: station.Pending, First: 1, At: now}, station.StationCameOnline{Epoch: 7, At: now},
	}...)
	boot.MessageID = "b"
	pending := known.When(boot).Then(booted(station.Pending))
	pending.When(order(remote)).ThenRefused(station.NotAccepted)
	pending.When(order(station.Order{Action: station.RemoteStop, Transaction: 1})).ThenRefused(station.NotAccepted)
	get := station.Order{Action: station.GetConfiguration}
	pending.When(order(get)).Then(requested(get))
	// An operator's yes counts from the next boot on, since the station does not know it yet.
	admitted := pending.When(station.Admit{Admission: station.Accepted, At: now}).Then(station.AdmissionChanged{Admission: station.Accepted, At: now})
	admitted.When(order(remote)).ThenRefused(station.NotAccepted)
	accepted := admitted.When(boot).Then(booted(station.Accepted))
	accepted.When(boot).Then() // the same message again
	accepted.When(order(remote)).Then(requested(remote))
	boot.MessageID = "b3" // an accepted one has really started again
	again := booted(station.Accepted)
	again.MessageID = "b3"
	accepted.When(boot).Then(again)
}

func TestStationThatHasNotBootedHereCanOnlyBeAskedToSo(t *testing.T) {
	on := aethertest.Given(t, decider(), ready()[:2]...)
	on.When(order(station.Order{Action: station.ClearCache})).ThenRefused(station.NotAccepted)
	trigger := station.Order{Action: station.TriggerMessage, Type: "BootNotification"}
	on.When(order(trigger)).Then(requested(trigger))
}

func TestStatusThatRepeatsIsNoEvent(t *testing.T) {
	given(t).When(reports(1, station.Preparing, "", end)).Then(changed(1, station.Preparing, station.Available, end)).
		When(reports(1, station.Preparing, station.NoError, end.Add(time.Hour))).Then()
}

func TestConnector0IsIndependentOfTheConnectors(t *testing.T) {
	e := station.ConnectorStatusChanged{Connector: 0, Condition: condition(station.Faulted, "OtherError"), StationTime: now, At: now}
	given(t).When(reports(0, station.Faulted, "OtherError", now)).
		Then(e, station.ConnectorFaulted{Connector: 0, ErrorCode: "OtherError", At: now}).
		State(func(s *station.Station) {
			if s.Connectors[1].Status != station.Available || len(s.PowerFaults()) != 0 {
				t.Errorf("connector 1 is %+v", s.Connectors[1])
			}
		}).
		When(order(remote)).Then(requested(remote))
}

func TestErrorCodeWithoutFaultedIsAWarning(t *testing.T) {
	e := station.ConnectorStatusChanged{Connector: 1, Condition: condition(station.Available, "HighTemperature"), Before: station.Available, StationTime: now, At: now}
	if !e.Warning() {
		t.Error("it is no warning")
	}
	given(t).When(reports(1, station.Available, "HighTemperature", now)).Then(e).When(order(remote)).Then(requested(remote))
}

func TestPowerFaultsAreDistinct(t *testing.T) {
	for _, code := range []string{"GroundFailure", "OverCurrentFailure", "OverVoltage", "UnderVoltage", "PowerMeterFailure", "PowerSwitchFailure"} {
		e := station.ConnectorStatusChanged{Connector: 2, Condition: condition(station.Faulted, code), Before: station.Available, StationTime: now, At: now}
		faulted := given(t).When(reports(2, station.Faulted, code, now)).
			Then(e, station.ConnectorFaulted{Connector: 2, ErrorCode: code, Power: true, At: now})
		faulted.State(func(s *station.Station) {
			if got := s.PowerFaults(); len(got) != 1 || got[0] != 2 {
				t.Errorf("with %s, the power faults are %v", code, got)
			}
		})
		here := remote
		here.Connector = 2
		faulted.When(order(here)).ThenRefused(station.IsFaulted)
		faulted.When(order(remote)).Then(requested(remote)) // the other connector works
		faulted.When(reports(2, station.Faulted, code, end)).Then()
		faulted.When(reports(2, station.Available, station.NoError, end)).Then(changed(2, station.Available, station.Faulted, end),
			station.ConnectorRecovered{Connector: 2, ErrorCode: code, Power: true, Since: now, At: end}).
			When(order(here)).Then(requested(here))
	}
	if station.PowerFault("HighTemperature") || station.PowerFault(station.NoError) {
		t.Error("these are no power faults")
	}
}

func TestStartHasAUniquePositiveIDAlsoWhenItIsRefused(t *testing.T) {
	no, e := start(), started()
	no.IDTag, no.Authorisation, no.Connector = "stranger", "Invalid", 99 // nor is there such a connector
	e.IDTag, e.Authorisation, e.Connector = "stranger", "Invalid", 99
	second := started()
	second.Transaction = 1001
	given(t).When(no).Then(e).When(start()).Then(second)
	// Nor does it matter that nobody has registered the station.
	e.Transaction = 1
	aethertest.Given(t, decider()).When(no).Then(e)
}

func TestRepeatedStartHasTheSameID(t *testing.T) {
	on := given(t, started())
	for name, change := range map[string]func(*station.Start){
		"the same message":                    func(*station.Start) {},
		"a new message":                       func(s *station.Start) { s.MessageID = "m99" },
		"the same message by a clock set now": func(s *station.Start) { s.Timestamp = end },
		"the tag in another case":             func(s *station.Start) { s.IDTag, s.MessageID = "ANN", "m99" },
		"another answer about the tag":        func(s *station.Start) { s.Authorisation, s.At = "Blocked", end },
	} {
		again := start()
		change(&again)
		on.When(again).Then().State(func(s *station.Station) {
			if found := s.Started(again); found == nil || found.ID != 1000 || found.Authorisation != "Accepted" {
				t.Errorf("%s: %+v", name, found)
			}
		})
		// Also when the transaction has ended meanwhile, unless only the message is the same.
		if again.Timestamp.Equal(now) {
			on.When(stop()).Then(stopped()).When(again).Then()
			if again.Key() != start().Key() {
				t.Errorf("%s: its key is %s", name, again.Key())
			}
		}
	}
	// A station that has booted counts its messages from 1 again.
	next, e := start(), started()
	next.Timestamp, next.MeterStart = end, 7500
	e.Transaction, e.StationTime, e.MeterStart = 1001, end, 7500
	on.When(stop()).Then(stopped()).When(next).Then(e)
	if next.Key() == start().Key() {
		t.Error("two starts have one key")
	}
	// So the same ID is no repetition where the transaction before has used nothing.
	unused, se := stop(), stopped()
	unused.MeterStop, se.MeterStop = 500, 500
	next.MeterStart, e.MeterStart = 500, 500
	on.When(unused).Then(se).When(next).Then(e)
}

func TestRepeatedStopIsNoEvent(t *testing.T) {
	done := given(t, started()).When(stop()).Then(stopped())
	again := stop()
	done.When(again).Then()
	again.MessageID = "m99"
	done.When(again).Then()
	again.MessageID, again.Timestamp = "m2", end.Add(time.Hour)
	done.When(again).Then()
	// One that says something else is kept.
	again.MessageID, again.MeterStop = "m100", 8000
	kept := station.StopUnmatched{Number: 1, Transaction: 1000, IDTag: "Ann", MeterStop: 8000, Reason: "Local", Why: station.StoppedAlready,
		StationTime: end.Add(time.Hour), MessageID: "m100", At: end}
	done.When(again).Then(kept).When(again).Then()
}

func TestStopWithoutReasonIsLocal(t *testing.T) {
	s, e := stop(), stopped()
	given(t, started()).When(s).Then(e)
	s.Reason, e.Reason = "EVDisconnected", "EVDisconnected"
	given(t, started()).When(s).Then(e)
}

func TestStopOfAnUnknownTransactionIsKept(t *testing.T) {
	s := stop()
	s.Transaction = 4711
	kept := station.StopUnmatched{Number: 1, Transaction: 4711, IDTag: "Ann", MeterStop: 7500, Reason: "Local",
		Why: station.UnknownTransaction, StationTime: end, MessageID: "m2", At: end}
	on := given(t, started()).When(s).Then(kept)
	on.When(s).Then()
	on.State(func(s *station.Station) {
		if s.Running(1) == nil {
			t.Error("it has ended a transaction of another ID")
		}
	})
	byOperator := stopped()
	byOperator.By = station.ByOperator
	on.When(station.Assign{Number: 1, Transaction: 1000, At: end}).
		Then(station.UnmatchedStopUsed{Number: 1, Transaction: 1000, At: end}, byOperator).
		When(station.Assign{Number: 1, Transaction: 1000, At: end}).ThenRefused(station.NotRunning)
	on.When(station.Assign{Number: 2, Transaction: 1000, At: end}).ThenRefused(station.NoStop)
	on.When(station.Assign{Number: 1, Transaction: 1, At: end}).ThenRefused(station.NoTransaction)
}

func TestTransactionIDMinus1IsMatchedByConnector(t *testing.T) {
	second := started()
	second.Transaction, second.Connector, second.MeterStart, second.MessageID = 1001, 2, 300, "m9"
	s, e := stop(), stopped()
	s.Transaction, e.By = station.NoID, station.ByConnector
	one := given(t, started()).When(s).Then(e)
	one.When(s).Then() // told again
	s.MessageID = "m77"
	one.When(s).Then()

	// Of two that may be meant the caller's connector decides, else nobody.
	both := given(t, started(), second)
	s.Connector, s.MessageID = 1, "m2"
	both.When(s).Then(e)
	s.Connector = 0
	kept := station.StopUnmatched{Number: 1, Transaction: -1, IDTag: "Ann", MeterStop: 7500, Reason: "Local", Why: station.Ambiguous,
		StationTime: end, MessageID: "m2", At: end}
	both.When(s).Then(kept)
	// Its tag must fit the transaction on that connector; one without a tag fits any.
	s.Connector, s.IDTag = 1, "bob"
	other := kept
	other.Connector, other.IDTag = 1, "bob"
	both.When(s).Then(other).When(s).Then()
	s.IDTag = ""
	untagged := e
	untagged.IDTag = ""
	both.When(s).Then(untagged)
	s.Connector, s.IDTag = 0, "Ann"
	// One of a tag that runs nowhere ends nobody else's transaction.
	s.IDTag, kept.IDTag, kept.Why = "bob", "bob", station.UnknownTransaction
	given(t, started()).When(s).Then(kept)
	// Nor does one with less energy than the transaction began with.
	s = stop()
	s.Transaction, s.MeterStop = station.NoID, 499
	kept.IDTag, kept.MeterStop = "Ann", 499
	given(t, started()).When(s).Then(kept)

	// Nor one that is older than the transaction, as far as the clock was set.
	s = stop()
	s.Transaction, s.Timestamp = station.NoID, now.Add(-time.Minute)
	kept.MeterStop, kept.StationTime = 7500, now.Add(-time.Minute)
	given(t, started()).When(s).Then(kept)
	s.Timestamp, e.StationTime = time.Unix(5, 0).UTC(), time.Unix(5, 0).UTC()
	given(t, started()).When(s).Then(e)

	both.State(func(s *station.Station) {
		if got := s.Metered(station.NoID, 2); got == nil || got.ID != 1001 {
			t.Errorf("meter values without an ID are of %+v", got)
		}
		if got := s.Metered(1000, 2); got == nil || got.ID != 1000 {
			t.Errorf("meter values of 1000 are of %+v", got)
		}
		if got := s.Metered(4711, 2); got != nil {
			t.Errorf("meter values of an unknown transaction are of %+v", got)
		}
	})
}

func TestStopBeforeItsStart(t *testing.T) {
	s, e := stop(), stopped()
	s.Transaction, e.By, e.At = station.NoID, station.ByConnector, now
	kept := station.StopUnmatched{Number: 1, Transaction: -1, IDTag: "Ann", MeterStop: 7500, Reason: "Local", Why: station.UnknownTransaction,
		StationTime: end, MessageID: "m2", At: end}
	given(t).When(s).Then(kept).
		When(start()).Then(started(), station.UnmatchedStopUsed{Number: 1, Transaction: 1000, At: now}, e).
		When(s).Then().When(start()).Then()
	// Of two ends that may be its own, an operator chooses.
	second, other := s, kept
	second.MeterStop, second.Timestamp, second.MessageID = 9000, end.Add(time.Hour), "m3"
	other.Number, other.MeterStop, other.StationTime, other.MessageID = 2, 9000, end.Add(time.Hour), "m3"
	assigned := stopped()
	assigned.By = station.ByOperator
	given(t).When(s).Then(kept).When(second).Then(other).When(start()).Then(started()).
		When(station.Assign{Number: 1, Transaction: 1000, At: end}).
		Then(station.UnmatchedStopUsed{Number: 1, Transaction: 1000, At: end}, assigned)
}

func TestNextStartAbandonsATransactionWhoseStopWasLost(t *testing.T) {
	next, e := start(), started()
	next.IDTag, next.MeterStart, next.Timestamp, next.MessageID = "bob", 9000, end, "m5"
	e.Transaction, e.IDTag, e.MeterStart, e.StationTime, e.MessageID = 1001, "bob", 9000, end, "m5"
	both := given(t, started()).When(next).
		Then(station.TransactionAbandoned{Transaction: 1000, Connector: 1, Reason: station.Superseded, At: now}, e)
	both.When(stop()).Then(stopped()) // it was not lost after all
	ghost := given(t, started()).When(station.Abandon{Transaction: 1000, At: end}).
		Then(station.TransactionAbandoned{Transaction: 1000, Connector: 1, Reason: station.ByOperator, At: end})
	ghost.When(station.Abandon{Transaction: 1000, At: end}).Then()
	ghost.When(station.Abandon{Transaction: 1, At: end}).ThenRefused(station.NoTransaction)
	ghost.When(order(remote)).Then(requested(remote))
}

func TestClocksOf1970AndOfTheFutureAreKept(t *testing.T) {
	for _, clock := range []time.Time{time.Unix(30, 0), now.AddDate(70, 0, 0), now.Add(2 * time.Hour), {}} {
		s, e := start(), started()
		s.Timestamp, e.StationTime = clock, clock.UTC()
		st, se := stop(), stopped()
		st.Timestamp, se.StationTime = clock, clock.UTC()
		given(t).When(s).Then(e).When(s).Then().When(st).Then(se).When(st).Then()
	}
	// A year that cannot be written is none.
	s, e := start(), started()
	s.Timestamp, e.StationTime = time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), time.Time{}
	given(t).When(s).Then(e)
}

func TestOtherReportsAreEventsOnce(t *testing.T) {
	security := station.Security{Type: "FirmwareUpdated", Info: "x", Timestamp: now, At: now}
	value, secret := "120", "0123456789abcdef"
	configured := station.Configured{Settings: []station.Setting{
		{Key: "HeartbeatInterval", Value: &value}, {Key: "AuthorizationKey", Value: &secret}}, At: now}
	given(t).
		When(station.Firmware{Status: "Downloading", At: now}).Then(station.FirmwareStatusChanged{Status: "Downloading", At: now}).
		When(station.Firmware{Status: "Downloading", At: end}).Then().
		When(station.Diagnostics{Status: "Uploading", At: now}).Then(station.DiagnosticsStatusChanged{Status: "Uploading", At: now}).
		When(station.Diagnostics{Status: "Uploading", At: end}).Then().
		When(security).Then(station.SecurityEventReported{Type: "FirmwareUpdated", Info: "x", StationTime: now, At: now}).
		When(security).Then().
		When(configured).Then(station.ConfigurationReported{At: now, Settings: []station.Setting{ // without the secret
		{Key: "AuthorizationKey"}, {Key: "HeartbeatInterval", Value: &value}}}).
		When(configured).Then()
}
