package station_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
)

// untilStart is when a remote start of now must have become a transaction.
var untilStart = now.Add(station.ConnectionTimeOut + station.Margin)

func accepted(answer string, until time.Time) station.CommandAccepted {
	return station.CommandAccepted{ID: "c1", Answer: answer, Until: until, At: now}
}

func yes(answer string) station.Answered {
	return station.Answered{ID: "c1", Accepted: true, Answer: answer, At: now}
}

func no(answer string) station.Answered {
	return station.Answered{ID: "c1", Answer: answer, At: now}
}

func TestRemoteStartIsEffectiveWithTheTransactionThatHasItsTag(t *testing.T) {
	asked := given(t).When(order(remote)).Then(requested(remote))
	asked.When(order(remote)).Then() // the same request
	sent := asked.When(station.Sent{ID: "c1", At: now}).Then(station.CommandSent{ID: "c1", At: now})
	ok := sent.When(yes("Accepted")).Then(accepted("Accepted", untilStart))
	stateOf(t, ok, station.IsAccepted) // which means "will try"
	done := ok.When(remotely()).Then(remotelyStarted(), effective("transaction-started", 1000, now))
	stateOf(t, done, station.IsEffective)
	done.When(remotely()).Then()
	// The tag is for one transaction.
	again, e := remotely(), remotelyStarted()
	again.Timestamp, again.MessageID = end, "m9"
	e.Transaction, e.Command, e.Account, e.Authorisation, e.StationTime, e.MessageID = 1001, "", "", "Invalid", end, "m9"
	done.When(again).Then(station.TransactionAbandoned{Transaction: 1000, Connector: 1, Reason: station.Superseded, At: now}, e)
	// Somebody else who starts first is no proof.
	ok.When(start()).Then(started())
}

func TestRemoteStartAcceptedAndNothingHappened(t *testing.T) {
	ok := given(t, requested(remote), accepted("Accepted", untilStart))
	ok.When(station.ExpireCommand{ID: "c1", At: untilStart.Add(-1)}).ThenRefused(station.NotDue)
	expired := ok.When(station.ExpireCommand{ID: "c1", At: untilStart}).Then(station.CommandExpired{ID: "c1", At: untilStart})
	expired.When(station.ExpireCommand{ID: "c1", At: end}).Then()
	stateOf(t, expired, station.IsExpired)
	// It happened after all.
	stateOf(t, expired.When(remotely()).Then(remotelyStarted(), effective("transaction-started", 1000, now)), station.IsEffective)
	// The time is the station's own, where it has told it.
	value := "30"
	given(t, station.ConfigurationReported{Settings: []station.Setting{{Key: "ConnectionTimeOut", Value: &value}}, At: now}, requested(remote)).
		When(yes("Accepted")).Then(accepted("Accepted", now.Add(30*time.Second+station.Margin)))
}

func TestCommandWithoutAnswerIsUnknownNotFailed(t *testing.T) {
	for name, unknown := range map[string]station.Event{
		"time-out": station.CommandTimedOut{ID: "c1", Until: untilStart, At: now},
		"killed":   station.CommandInDoubt{ID: "c1", Detail: "killed", Until: untilStart, At: now},
	} {
		var told station.Message = station.InDoubt{ID: "c1", Detail: "killed", At: now}
		if name == "time-out" {
			told = station.TimedOut{ID: "c1", At: now}
		}
		sent := given(t, requested(remote), station.CommandSent{ID: "c1", At: now})
		open := sent.When(told).Then(unknown)
		open.When(told).Then()
		open.When(station.ExpireCommand{ID: "c1", At: end}).Then() // only what was accepted expires
		next := order(remote)
		next.ID, next.IDTag = "c2", "VIRTUAL2"
		open.When(next).ThenRefused(station.AlreadyPending)

		// Its late answer settles it, and so does what the station reports.
		open.When(yes("Accepted")).Then(accepted("Accepted", untilStart))
		open.When(no("Rejected")).Then(station.CommandRejected{ID: "c1", Answer: "Rejected", At: now})
		open.When(station.NotSent{ID: "c1", At: now}).Then(station.CommandNotSent{ID: "c1", At: now})
		open.When(remotely()).Then(remotelyStarted(), effective("transaction-started", 1000, now))
		open.When(reports(1, station.Available, "", untilStart.Add(-1))).Then()
		free := open.When(reports(1, station.Available, "", untilStart)).
			Then(station.CommandFailed{ID: "c1", Reason: "connector 1 is Available", At: untilStart})
		free.When(next).Then(station.CommandRequested{ID: "c2", Order: next.Order, By: "op", SendBy: now.Add(station.Sending), At: now})
	}
}

func TestOperatorSettlesWhatIsInDoubt(t *testing.T) {
	unlock := station.Order{Action: station.UnlockConnector, Connector: 1}
	settle := func(happened bool) station.Settle {
		return station.Settle{ID: "c1", Happened: happened, By: "eve", At: end}
	}
	asked := given(t, requested(unlock))
	asked.When(settle(true)).ThenRefused(station.NotInDoubt)
	doubt := asked.When(station.InDoubt{ID: "c1", At: now}).Then(station.CommandInDoubt{ID: "c1", At: now})
	doubt.When(station.Settle{ID: "c9", At: end}).ThenRefused(station.NoCommand)
	done := doubt.When(settle(true)).Then(station.CommandSettled(settle(true)))
	stateOf(t, done, station.IsEffective)
	done.When(settle(true)).Then()
	done.When(settle(false)).ThenRefused(station.NotInDoubt)
	// The station's word counts for more, whenever it comes.
	stateOf(t, done.When(no("UnlockFailed")).Then(station.CommandRejected{ID: "c1", Answer: "UnlockFailed", At: now}), station.IsRejected)
	done.When(yes("Unlocked")).Then()
	failed := doubt.When(settle(false)).Then(station.CommandSettled(settle(false)))
	stateOf(t, failed, station.IsFailed)
	stateOf(t, failed.When(yes("Unlocked")).Then(accepted("Unlocked", time.Time{}), effective("answer", 0, now)), station.IsEffective)
}

// Every outcome is taken in every order and any number of times, and the surest stays.
func TestOutcomesAreNeverRefused(t *testing.T) {
	facts := []station.Message{
		station.Sent{ID: "c1", At: now}, yes("Accepted"), no("Rejected"), station.NotSent{ID: "c1", At: now},
		station.InDoubt{ID: "c1", At: now}, station.TimedOut{ID: "c1", At: now}, remotely(),
	}
	var walk func(s *scenario, depth int, proven bool)
	walk = func(s *scenario, depth int, proven bool) {
		for i, fact := range facts {
			state := station.Initial("")
			s.State(func(now *station.Station) { state = now })
			events, err := station.Decide(state, fact)
			if err != nil {
				t.Fatalf("%+v: %v", fact, err)
			}
			next := s.When(fact).Then(events...)
			now := proven || i == len(facts)-1
			next.State(func(s *station.Station) {
				if c := s.Command("c1"); (c.State == station.IsEffective) != now {
					t.Fatalf("after %+v it is %s, proven: %t", fact, c.State, now)
				}
			})
			next.When(fact).Then() // told twice
			if depth > 1 {
				walk(next, depth-1, now)
			}
		}
	}
	walk(given(t, requested(remote)), 3, false)
	// Who said that nothing was sent was wrong when there is an answer.
	unsent := given(t, requested(remote), station.CommandNotSent{ID: "c1", At: now})
	unsent.When(yes("Accepted")).Then(accepted("Accepted", untilStart))
	unsent.When(no("Rejected")).Then(station.CommandRejected{ID: "c1", Answer: "Rejected", At: now})
	for _, fact := range facts[:6] {
		given(t).When(fact).Then() // of a command that nobody knows
	}
}

func TestRemoteStartIsRefused(t *testing.T) {
	on := func(o station.Order, reason string, events ...station.Event) {
		t.Helper()
		given(t, events...).When(order(o)).ThenRefused(reason)
	}
	any := remote
	any.Connector = 0
	for _, o := range []station.Order{remote, any} {
		on(o, station.IsFaulted, changed(1, station.Faulted, "", now), changed(2, station.Faulted, "", now))
		on(o, station.IsUnavailable, changed(1, station.Unavailable, "", now), changed(2, station.Unavailable, "", now))
		on(o, station.Occupied, changed(1, station.SuspendedEV, "", now), changed(2, station.Charging, "", now))
		on(o, station.IsReserved, changed(1, station.Reserved, "", now), changed(2, station.Reserved, "", now))
		on(o, station.IsOffline, station.StationWentOffline{Epoch: 7, Reason: station.Silent, At: now})
		pending := requested(station.Order{Action: station.RemoteStart, Connector: 1, IDTag: "V0"})
		pending.ID = "c0"
		on(o, station.AlreadyPending, pending)
		pending.Connector = 0
		on(o, station.AlreadyPending, pending)
	}
	given(t, changed(1, station.Faulted, "", now)).When(order(any)).Then(requested(any)) // the other is free
	on(remote, station.Occupied, started())
	far := remote
	far.Connector = 3
	on(far, station.NoConnector)
	for _, tag := range []string{"", strings.Repeat("x", 21), "a\n"} {
		bad := remote
		bad.IDTag = tag
		on(bad, station.BadIDTag)
	}
	used := remote
	used.IDTag = "ann"
	on(used, station.IDTagUsed, started(), stopped())
	for _, status := range []string{station.Preparing, station.Finishing} {
		given(t, changed(1, status, "", now)).When(order(remote)).Then(requested(remote))
	}
	// The same ID with another order.
	given(t, requested(remote)).When(order(any)).ThenRefused(station.CommandExists)
}

func TestAtMostSoManyOpenCommands(t *testing.T) {
	var events []station.Event
	for i := range station.MaxOpen {
		e := requested(station.Order{Action: station.ClearCache})
		e.ID = fmt.Sprint("x", i)
		events = append(events, e)
	}
	full := given(t, events...)
	full.When(order(remote)).ThenRefused(station.TooMany)
	full.When(station.NotSent{ID: "x3", At: now}).Then(station.CommandNotSent{ID: "x3", At: now}).When(order(remote)).Then(requested(remote))
}

func TestRemoteStopIsEffectiveWithTheEndOfTheTransaction(t *testing.T) {
	o := station.Order{Action: station.RemoteStop, Transaction: 1000}
	running := given(t, started())
	given(t).When(order(o)).ThenRefused(station.NoTransaction)
	given(t, started(), stopped()).When(order(o)).ThenRefused(station.NotRunning)
	asked := running.When(order(o)).Then(requested(o))
	twice := order(o)
	twice.ID = "c2"
	asked.When(twice).ThenRefused(station.AlreadyPending)
	asked.When(yes("Accepted")).Then(accepted("Accepted", now.Add(station.Proving))).
		When(stop()).Then(stopped(), effective("transaction-stopped", 0, end))
	// The end may be told before the answer.
	sent := asked.When(station.Sent{ID: "c1", At: now}).Then(station.CommandSent{ID: "c1", At: now})
	sent.When(stop()).Then(stopped(), effective("transaction-stopped", 0, end)).When(yes("Accepted")).Then()
}

func TestUnlockIsProvenByItsAnswer(t *testing.T) {
	o := station.Order{Action: station.UnlockConnector, Connector: 1}
	asked := given(t, started()).When(order(o)).Then(requested(o))
	asked.When(yes("Unlocked")).Then(accepted("Unlocked", time.Time{}), effective("answer", 0, now))
	for _, answer := range []string{"UnlockFailed", "NotSupported"} {
		asked.When(no(answer)).Then(station.CommandRejected{ID: "c1", Answer: answer, At: now})
	}
	o.Connector = 0
	given(t).When(order(o)).ThenRefused(station.NoConnector)
}

func TestReserveNowWithTheSameIDReplaces(t *testing.T) {
	o := station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "ann", Reservation: 5, Expires: end}
	made := station.ReservationMade{Reservation: 5, Connector: 1, IDTag: "ann", Until: end, Command: "c1", At: now}
	reserved := given(t).When(order(o)).Then(requested(o)).
		When(yes("Accepted")).Then(accepted("Accepted", now.Add(station.Proving)), made).
		When(reports(1, station.Reserved, "", now)).Then(changed(1, station.Reserved, station.Available, now), effective("status-reserved", 0, now))
	reserved.When(order(remote)).ThenRefused(station.CommandExists)
	other := order(o)
	other.ID, other.Reservation = "c2", 6
	reserved.When(other).ThenRefused(station.IsReserved)
	other.Reservation, other.Expires = 5, end.Add(time.Hour)
	e := station.CommandRequested{ID: "c2", Order: other.Order, By: "op", SendBy: now.Add(station.Sending), At: now}
	again := made
	again.Command, again.Until = "c2", end.Add(time.Hour)
	replaced := reserved.When(other).Then(e).When(station.Answered{ID: "c2", Accepted: true, Answer: "Accepted", At: now}).Then(
		station.CommandAccepted{ID: "c2", Answer: "Accepted", Until: now.Add(station.Proving), At: now}, again,
		station.CommandEffective{ID: "c2", Proof: "answer", At: now}) // no other status will come
	replaced.State(func(s *station.Station) {
		if len(s.Reservations) != 1 {
			t.Errorf("reservations: %+v", s.Reservations)
		}
	})
	// Only its own tag starts there.
	begin := order(remote)
	begin.ID = "c3"
	replaced.When(begin).ThenRefused(station.IsReserved)
	begin.Reservation = 5
	replaced.When(begin).ThenRefused(station.BadIDTag)
	begin.IDTag = "ann"
	replaced.When(begin).Then(station.CommandRequested{ID: "c3", Order: begin.Order, By: "op", SendBy: now.Add(station.Sending), At: now})
	// It ends by its use, its time or a cancellation.
	used, us := start(), started()
	used.Reservation, us.Reservation = 5, 5
	reserved.When(used).Then(us, station.ReservationEnded{Reservation: 5, Connector: 1, Reason: station.Used, At: now})
	reserved.When(station.ExpireReservation{Reservation: 5, At: now}).ThenRefused(station.NotDue)
	reserved.When(station.ExpireReservation{Reservation: 5, At: end}).
		Then(station.ReservationEnded{Reservation: 5, Connector: 1, Reason: station.Expired, At: end}).
		When(station.ExpireReservation{Reservation: 5, At: end}).Then()
	cancel := station.Request{ID: "c4", Order: station.Order{Action: station.CancelReservation, Reservation: 5}, At: now}
	reserved.When(cancel).Then(station.CommandRequested{ID: "c4", Order: cancel.Order, SendBy: now.Add(station.Sending), At: now}).
		When(station.Answered{ID: "c4", Accepted: true, Answer: "Accepted", At: now}).Then(
		station.CommandAccepted{ID: "c4", Answer: "Accepted", At: now},
		station.ReservationEnded{Reservation: 5, Connector: 1, Reason: station.Cancelled, At: now},
		station.CommandEffective{ID: "c4", Proof: "answer", At: now})
}

func TestReserveIsRefusedAndProvenByTheStatus(t *testing.T) {
	o := station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "ann", Reservation: 5, Expires: end}
	for status, reason := range map[string]string{station.Faulted: station.IsFaulted, station.Unavailable: station.IsUnavailable,
		station.Charging: station.Occupied, station.Preparing: station.Occupied, station.Reserved: station.IsReserved} {
		given(t, changed(1, status, "", now)).When(order(o)).ThenRefused(reason)
	}
	past := o
	past.Expires = now
	given(t).When(order(past)).ThenRefused(station.BadReservation)
	for _, before := range []station.Event{ // the status may come before the answer
		station.CommandInDoubt{ID: "c1", Until: now.Add(station.Proving), At: now}, station.CommandSent{ID: "c1", At: now},
	} {
		given(t, requested(o), before).When(reports(1, station.Reserved, "", now)).Then(changed(1, station.Reserved, station.Available, now),
			station.ReservationMade{Reservation: 5, Connector: 1, IDTag: "ann", Until: end, Command: "c1", At: now}, effective("status-reserved", 0, now)).
			When(yes("Accepted")).Then()
	}
}

func TestResetIsEffectiveWithTheBoot(t *testing.T) {
	o := station.Order{Action: station.Reset, Type: station.Hard}
	boot := station.Boot{About: about, Epoch: 8, MessageID: "b", At: end}
	booted := station.StationBooted{About: about, Admission: station.Accepted, Epoch: 8, MessageID: "b", At: end}
	asked := given(t).When(order(o)).Then(requested(o))
	asked.When(boot).Then(booted) // by itself: nothing was sent yet
	for _, s := range []*scenario{
		asked.When(yes("Accepted")).Then(accepted("Accepted", now.Add(station.Proving))),
		asked.When(station.TimedOut{ID: "c1", At: now}).Then(station.CommandTimedOut{ID: "c1", Until: now.Add(station.Proving), At: now}),
	} {
		s.When(boot).Then(booted, effective("booted", 0, end))
	}
	o.Type = "Firm"
	given(t).When(order(o)).ThenRefused(station.BadCommand)
}

func TestChangeAvailabilityMayBeScheduled(t *testing.T) {
	o := station.Order{Action: station.ChangeAvailability, Connector: 1, Type: station.Inoperative}
	asked := given(t, started(), changed(1, station.Charging, "", now)).When(order(o)).Then(requested(o))
	scheduled := asked.When(yes("Scheduled")).Then(accepted("Scheduled", time.Time{}))
	scheduled.When(station.ExpireCommand{ID: "c1", At: end.AddDate(0, 0, 1)}).Then() // a transaction may take long
	scheduled.When(reports(1, station.Unavailable, "", end)).
		Then(changed(1, station.Unavailable, station.Charging, end), effective("status-availability", 0, end))
	// One that it has already needs no other report.
	o.Type = station.Operative
	given(t).When(order(o)).Then(requested(o)).
		When(yes("Accepted")).Then(accepted("Accepted", now.Add(station.Proving)), effective("answer", 0, now))
}

func TestLocalListVersionIsNever0OrMinus1(t *testing.T) {
	for _, version := range []int{0, -1} {
		given(t).When(order(station.Order{Action: station.SendLocalList, Version: version})).ThenRefused(station.BadVersion)
	}
	o := station.Order{Action: station.SendLocalList, Version: 3}
	given(t).When(order(o)).Then(requested(o)).When(yes("Accepted")).Then(accepted("Accepted", time.Time{}), effective("answer", 0, now)).
		State(func(s *station.Station) {
			if s.LocalList != 3 {
				t.Errorf("the list has version %d", s.LocalList)
			}
		})
}

func TestTxProfileNeedsATransactionExceptInARemoteStart(t *testing.T) {
	profile := func(o station.Order, data string) station.Request {
		r := order(o)
		r.Data = json.RawMessage(data)
		return r
	}
	set := station.Order{Action: station.SetChargingProfile, Connector: 1}
	on := given(t, started())
	on.When(profile(set, `{"chargingProfilePurpose":"TxProfile"}`)).ThenRefused(station.BadProfile)
	on.When(profile(set, `{"chargingProfilePurpose":"TxProfile","transactionId":9}`)).ThenRefused(station.NotRunning)
	on.When(profile(set, `{"chargingProfilePurpose":"TxProfile","transactionId":"x"}`)).ThenRefused(station.BadProfile)
	e := requested(set)
	e.Data = json.RawMessage(`{"chargingProfilePurpose":"TxProfile","transactionId":1000}`)
	on.When(profile(set, ` {"chargingProfilePurpose":"TxProfile", "transactionId":1000}`)).Then(e)
	set.Connector = 2
	on.When(profile(set, `{"chargingProfilePurpose":"TxProfile","transactionId":1000}`)).ThenRefused(station.BadProfile)
	e = requested(set)
	e.Data = json.RawMessage(`{"chargingProfilePurpose":"TxDefaultProfile"}`)
	on.When(profile(set, `{"chargingProfilePurpose":"TxDefaultProfile"}`)).Then(e)
	given(t).When(profile(remote, `{"chargingProfilePurpose":"TxProfile","transactionId":1}`)).ThenRefused(station.BadProfile)
	given(t).When(profile(remote, `{"chargingProfilePurpose":"TxDefaultProfile"}`)).ThenRefused(station.BadProfile)
	e = requested(remote)
	e.Data = json.RawMessage(`{"chargingProfilePurpose":"TxProfile"}`)
	given(t).When(profile(remote, `{"chargingProfilePurpose":"TxProfile"}`)).Then(e)
}

func TestConfigurationIsChangedByItsAnswerOrTheNextBoot(t *testing.T) {
	o := station.Order{Action: station.ChangeConfiguration, Key: "HeartbeatInterval", Value: "60"}
	asked := given(t).When(order(o)).Then(requested(o))
	asked.When(yes("Accepted")).Then(accepted("Accepted", time.Time{}), effective("answer", 0, now))
	asked.When(yes("RebootRequired")).Then(accepted("RebootRequired", time.Time{})).
		When(station.Boot{About: about, Epoch: 8, MessageID: "b", At: end}).
		Then(station.StationBooted{About: about, Admission: station.Accepted, Epoch: 8, MessageID: "b", At: end}, effective("booted", 0, end)).
		State(func(s *station.Station) {
			if v := s.Configuration["HeartbeatInterval"].Value; v == nil || *v != "60" {
				t.Errorf("the configuration is %+v", s.Configuration)
			}
		})
	key := station.Order{Action: station.ChangeConfiguration, Key: "authorizationkey", Value: "0123"}
	given(t).When(order(key)).ThenRefused(station.SecretValue)
	key.Value = ""
	given(t).When(order(key)).Then(requested(key))
}

func TestWorkIsProvenByItsStatus(t *testing.T) {
	for action, status := range map[string][2]string{
		station.UpdateFirmware: {"Installed", "InstallationFailed"}, station.GetDiagnostics: {"Uploaded", "UploadFailed"},
	} {
		o := station.Order{Action: action}
		given(t).When(order(o)).ThenRefused(station.BadCommand) // without its data
		on := given(t, requested(o), accepted("", now.Add(station.Working)))
		for i, s := range status {
			var told station.Message = station.Firmware{Status: s, At: end}
			var e station.Event = station.FirmwareStatusChanged{Status: s, At: end}
			proof := "firmware-status"
			if action == station.GetDiagnostics {
				told, e, proof = station.Diagnostics{Status: s, At: end}, station.DiagnosticsStatusChanged{Status: s, At: end}, "upload-status"
			}
			if i == 0 {
				on.When(told).Then(e, effective(proof, 0, end))
			} else {
				on.When(told).Then(e, station.CommandFailed{ID: "c1", Reason: s, At: end})
			}
		}
	}
}

func TestTriggeredStatusIsEffectiveAlsoWhenItRepeats(t *testing.T) {
	o := station.Order{Action: station.TriggerMessage, Type: "StatusNotification", Connector: 1}
	given(t, requested(o), accepted("Accepted", end)).When(reports(2, station.Available, "", now)).Then().
		When(reports(1, station.Available, "", now)).Then(effective("status-reported", 0, now))
	given(t).When(order(station.Order{Action: station.TriggerMessage})).ThenRefused(station.BadCommand)
	given(t).When(order(station.Order{Action: "Explode"})).ThenRefused(station.BadCommand)
}
