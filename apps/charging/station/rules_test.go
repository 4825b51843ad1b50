package station_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/station"
)

// While a command is open, one that collides with it is refused, and others are not.
func TestCollidingCommandsAreRefused(t *testing.T) {
	type o = station.Order
	data := json.RawMessage(`{}`)
	for _, test := range []struct{ open, same, other o }{
		{o{Action: station.UnlockConnector, Connector: 1}, o{Action: station.UnlockConnector, Connector: 1}, o{Action: station.UnlockConnector, Connector: 2}},
		{o{Action: station.Reset, Type: station.Hard}, o{Action: station.Reset, Type: station.Soft}, o{Action: station.ClearCache}},
		{o{Action: station.ChangeAvailability, Type: station.Operative}, o{Action: station.ChangeAvailability, Type: station.Operative},
			o{Action: station.ChangeAvailability, Type: station.Inoperative}},
		{o{Action: station.UpdateFirmware}, o{Action: station.UpdateFirmware}, o{Action: station.GetDiagnostics}},
		{o{Action: station.GetLog}, o{Action: station.GetLog}, o{Action: station.DataTransfer}},
		{o{Action: station.RemoteStop, Transaction: 1000}, o{Action: station.RemoteStop, Transaction: 1000}, o{Action: station.RemoteStart, Connector: 2, IDTag: "V"}},
		{o{Action: station.ReserveNow, Connector: 2, Reservation: 5}, o{Action: station.ReserveNow, Connector: 2, Reservation: 6, IDTag: "x", Expires: end},
			o{Action: station.ReserveNow, Reservation: 6, IDTag: "x", Expires: end}},
		{o{Action: station.CancelReservation, Reservation: 4}, o{Action: station.CancelReservation, Reservation: 4}, o{Action: station.ClearProfile}},
	} {
		on := given(t, started(), station.ReservationMade{Reservation: 4, Connector: 2, Until: now, Command: "c0", At: now}, requested(test.open))
		again, other := order(test.same), order(test.other)
		again.ID, other.ID, again.Data, other.Data = "c2", "c2", data, data
		if other.Action == station.RemoteStart {
			other.Data = nil
		}
		on.When(again).ThenRefused(station.AlreadyPending)
		on.When(other).Then(station.CommandRequested{ID: "c2", Order: test.other, Data: other.Data, By: "op", SendBy: now.Add(station.Sending), At: now})
	}
}

func TestOrdersThatAreNone(t *testing.T) {
	for _, test := range []struct {
		change func(*station.Request)
		reason string
	}{
		{func(r *station.Request) { r.ID = "" }, station.BadCommand},
		{func(r *station.Request) { r.ID = strings.Repeat("x", station.MaxID+1) }, station.BadCommand},
		{func(r *station.Request) { r.Data = json.RawMessage(`{`) }, station.BadCommand},
		{func(r *station.Request) { r.Data = json.RawMessage(`"` + strings.Repeat("x", station.MaxData) + `"`) }, station.BadCommand},
		{func(r *station.Request) { r.Account = strings.Repeat("x", station.MaxText+1) }, station.BadCommand},
		{func(r *station.Request) { r.Value = "\xff" }, station.BadCommand},
		{func(r *station.Request) { r.Connector = -1 }, station.NoConnector},
		{func(r *station.Request) { r.Reservation = 9 }, station.NoReservation},
		{func(r *station.Request) { r.Data = json.RawMessage(`[]`) }, station.BadProfile},
		{func(r *station.Request) { r.Order = station.Order{Action: station.ChangeConfiguration} }, station.BadCommand},
		{func(r *station.Request) {
			r.Order = station.Order{Action: station.ChangeAvailability, Connector: 9, Type: station.Operative}
		}, station.NoConnector},
		{func(r *station.Request) { r.Order = station.Order{Action: station.CancelReservation, Reservation: 9} }, station.NoReservation},
		{func(r *station.Request) { r.Order = station.Order{Action: station.ReserveNow, Reservation: -1} }, station.BadReservation},
		{func(r *station.Request) { r.Order = station.Order{Action: station.ReserveNow, Reservation: 1} }, station.BadIDTag},
		{func(r *station.Request) {
			r.Order = station.Order{Action: station.ReserveNow, Reservation: 1, Connector: 9, IDTag: "x", Expires: end}
		}, station.NoConnector},
	} {
		r := order(remote)
		test.change(&r)
		given(t).When(r).ThenRefused(test.reason)
	}
	given(t, started()).When(order(station.Order{Action: station.ReserveNow, Reservation: 1, Connector: 1, IDTag: "x", Expires: end})).ThenRefused(station.Occupied)
	given(t, started(), stopped()).When(station.Abandon{Transaction: 1000, At: end}).ThenRefused(station.NotRunning)
}

// What an operator has said of a reservation, and the station denies later.
func TestSettledReservations(t *testing.T) {
	reserve := station.Order{Action: station.ReserveNow, Connector: 1, IDTag: "ann", Reservation: 5, Expires: end}
	settle := station.Settle{ID: "c1", Happened: true, By: "eve", At: now}
	made := station.ReservationMade{Reservation: 5, Connector: 1, IDTag: "ann", Until: end, Command: "c1", At: now}
	gone := station.ReservationEnded{Reservation: 5, Connector: 1, Reason: station.Cancelled, At: now}
	on := given(t, requested(reserve), station.CommandTimedOut{ID: "c1", At: now}).When(settle).Then(station.CommandSettled(settle), made)
	on.When(no("Rejected")).Then(station.CommandRejected{ID: "c1", Answer: "Rejected", At: now}, gone)
	on.When(station.NotSent{ID: "c1", At: now}).Then(station.CommandNotSent{ID: "c1", At: now}, gone)
	other := made
	other.Command = "c0"
	// A start for a reservation is not the reservation.
	begin := station.Order{Action: station.RemoteStart, Connector: 1, IDTag: "ann", Reservation: 5}
	given(t, other, requested(begin), station.CommandTimedOut{ID: "c1", At: now}).When(settle).Then(station.CommandSettled(settle)).
		When(no("Rejected")).Then(station.CommandRejected{ID: "c1", Answer: "Rejected", At: now})
	given(t, other, requested(station.Order{Action: station.CancelReservation, Reservation: 5}), station.CommandTimedOut{ID: "c1", At: now}).
		When(settle).Then(station.CommandSettled(settle), gone)
}

// Settings that wait for a reset do not stand in its way, and there is an end to them.
func TestAcceptedCommandsWaitForTheResetInBoundedNumber(t *testing.T) {
	accept := func(id string, o station.Order, answer string, until time.Time) []station.Event {
		e := requested(o)
		e.ID = id
		return []station.Event{e, station.CommandAccepted{ID: id, Answer: answer, Until: until, At: now}}
	}
	reset := station.Order{Action: station.Reset, Type: station.Soft}
	setting := station.Order{Action: station.ChangeConfiguration, Key: "HeartbeatInterval", Value: "60"}
	// The oldest of all has a time by which it ends, so it is not the one that makes room.
	events := accept("trigger", station.Order{Action: station.TriggerMessage, Type: "StatusNotification"}, "Accepted", end)
	var proofs []station.Event
	for i := range station.MaxAccepted - 1 {
		id := fmt.Sprint("x", i)
		events = append(events, accept(id, setting, "RebootRequired", time.Time{})...)
		proofs = append(proofs, station.CommandEffective{ID: id, Proof: "booted", At: end})
	}
	full := given(t, events...)
	asked := full.When(order(reset)).Then(requested(reset))
	asked.When(yes("Accepted")).Then(accepted("Accepted", now.Add(station.Proving)), station.CommandExpired{ID: "x0", At: now}).
		When(station.Boot{About: about, Epoch: 8, MessageID: "b", At: end}).
		Then(append(append([]station.Event{station.StationBooted{About: about, Admission: station.Accepted, Epoch: 8, MessageID: "b", At: end}},
			proofs[1:]...), effective("booted", 0, end))...)
	// What its answer proves needs no room.
	unlock := station.Order{Action: station.UnlockConnector, Connector: 1}
	full.When(order(unlock)).Then(requested(unlock)).When(yes("Unlocked")).Then(accepted("Unlocked", time.Time{}), effective("answer", 0, now))
	// Where all have a time it is the oldest.
	var timed []station.Event
	for i := range station.MaxAccepted {
		timed = append(timed, accept(fmt.Sprint("x", i), station.Order{Action: station.TriggerMessage, Type: "StatusNotification"}, "Accepted", end)...)
	}
	given(t, append(timed, requested(reset))...).When(yes("Accepted")).
		Then(accepted("Accepted", now.Add(station.Proving)), station.CommandExpired{ID: "x0", At: now})
}

// A station whose boot is pending asks again and again on one connection; when it boots it
// connects again.
func TestBootThatIsNotAcceptedProvesCommandsToo(t *testing.T) {
	reset := station.Order{Action: station.Reset, Type: station.Hard}
	trigger := station.Order{Action: station.TriggerMessage, Type: "BootNotification"}
	boot := func(epoch int64, id string) station.Boot {
		return station.Boot{About: about, Epoch: epoch, MessageID: id, At: end}
	}
	booted := func(epoch int64, id string) station.StationBooted {
		return station.StationBooted{About: about, Admission: station.Pending, Epoch: epoch, MessageID: id, At: end}
	}
	on := func(o station.Order) *scenario {
		return aethertest.Given(t, decider(), []station.Event{
			station.StationRegistered{Connectors: 1, Admission: station.Pending, First: 1, At: now}, station.StationCameOnline{Epoch: 7, At: now},
			booted(7, "boot"), requested(o), accepted("Accepted", end),
		}...)
	}
	for _, o := range []station.Order{reset, trigger} {
		on(o).When(boot(7, "boot")).Then() // a repetition
		on(o).When(boot(8, "b")).Then(booted(8, "b"), effective("booted", 0, end)).When(boot(8, "b")).Then().When(boot(8, "b2")).Then()
	}
	on(reset).When(boot(7, "b")).Then()
	on(trigger).When(boot(7, "b")).Then(booted(7, "b"), effective("booted", 0, end)).When(boot(7, "b")).Then()
}

// The station shows a reservation of any connector where it likes, and need not name the
// one that a start uses.
func TestReservationOfAnyConnectorIsUsed(t *testing.T) {
	any := station.ReservationMade{Reservation: 5, IDTag: "ann", Until: end, Command: "c0", At: now}
	other := station.ReservationMade{Reservation: 6, Connector: 2, IDTag: "bob", Until: end, Command: "c0", At: now}
	on := given(t, other, any, changed(1, station.Reserved, station.Available, now), changed(2, station.Reserved, station.Available, now))
	begin := station.Order{Action: station.RemoteStart, IDTag: "ann", Reservation: 5}
	on.When(order(begin)).Then(requested(begin))
	begin.Connector = 1
	on.When(order(begin)).Then(requested(begin))
	begin.Connector = 2 // which is kept for somebody else
	on.When(order(begin)).ThenRefused(station.IsReserved)
	on.When(order(remote)).ThenRefused(station.IsReserved)
	late := order(station.Order{Action: station.RemoteStart, Connector: 1, IDTag: "ann", Reservation: 5})
	late.At = end
	on.When(late).ThenRefused(station.IsReserved)
	begin.IDTag, begin.Reservation, begin.Connector = "bob", 6, 1 // the one that is named is of connector 2
	on.When(order(begin)).ThenRefused(station.IsReserved)

	used := func(id, connector int) station.ReservationEnded {
		return station.ReservationEnded{Reservation: id, Connector: connector, Reason: station.Used, At: now}
	}
	on.When(start()).Then(started(), used(5, 0)).When(start()).Then()
	here := station.ReservationMade{Reservation: 7, Connector: 1, IDTag: "ANN", Until: end, Command: "c0", At: now}
	given(t, any, here).When(start()).Then(started(), used(7, 1)) // rather than any
	// Not by another tag, on another connector, or when its time is over.
	here.IDTag = "bob"
	given(t, here).When(start()).Then(started())
	here.IDTag, here.Connector = "ann", 2
	given(t, here).When(start()).Then(started())
	here.Connector, here.Until = 1, now
	given(t, here).When(start()).Then(started())
}

// A command in doubt that was for any connector ends when all were reported free after its
// time, also where that is no news.
func TestDoubtAboutAnyConnectorEndsWhenAllAreFree(t *testing.T) {
	begin := station.Order{Action: station.RemoteStart, IDTag: "VIRTUAL1"}
	reserve := station.Order{Action: station.ReserveNow, IDTag: "ann", Reservation: 5, Expires: end}
	failed := func(at time.Time) station.CommandFailed {
		return station.CommandFailed{ID: "c1", Reason: "all connectors are Available", At: at}
	}
	for _, test := range []struct {
		order       station.Order
		until, over time.Time
	}{{begin, untilStart, untilStart}, {reserve, time.Time{}, end}} { // the station may keep one until the reservation ends
		for _, doubt := range []station.Event{
			station.CommandInDoubt{ID: "c1", Until: test.until, At: now}, station.CommandTimedOut{ID: "c1", Until: test.until, At: now},
		} {
			over, later := test.over, test.over.Add(time.Minute)
			on := given(t, requested(test.order), doubt)
			on.When(reports(1, station.Available, "", over.Add(-1))).Then()
			one := on.When(reports(1, station.Available, "", over)).Then(changed(1, station.Available, station.Available, over))
			one.When(reports(1, station.Available, "", later)).Then()
			one.When(reports(0, station.Available, "", later)).Then(changed(0, station.Available, "", later))
			stateOf(t, one, doubtful(doubt))
			busy := one.When(reports(1, station.Preparing, "", later)).Then(changed(1, station.Preparing, station.Available, later))
			busy.When(reports(2, station.Available, "", later)).Then(changed(2, station.Available, station.Available, later))
			done := one.When(reports(2, station.Available, "", later)).
				Then(changed(2, station.Available, station.Available, later), failed(later))
			done.When(reports(2, station.Available, "", later)).Then()
		}
	}
	// A connector that was never reported is not known to be free.
	aethertest.Given(t, decider(), append(ready()[:4], requested(begin), station.CommandTimedOut{ID: "c1", Until: untilStart, At: now})...).
		When(reports(1, station.Available, "", end)).Then(changed(1, station.Available, station.Available, end)).
		When(reports(2, station.Available, "", end)).Then(changed(2, station.Available, "", end), failed(end)).
		When(order(remote)).ThenRefused(station.CommandExists)
	// Then another may start.
	next := order(remote)
	next.ID, next.IDTag = "c2", "VIRTUAL2"
	doubt := given(t, requested(begin), station.CommandTimedOut{ID: "c1", Until: untilStart, At: now})
	doubt.When(next).ThenRefused(station.AlreadyPending)
	doubt.When(reports(1, station.Available, "", end)).Then(changed(1, station.Available, station.Available, end)).
		When(reports(2, station.Available, "", end)).Then(changed(2, station.Available, station.Available, end), failed(end)).
		When(next).Then(station.CommandRequested{ID: "c2", Order: next.Order, By: "op", SendBy: now.Add(station.Sending), At: now})
}

func doubtful(e station.Event) station.State {
	if _, ok := e.(station.CommandInDoubt); ok {
		return station.IsInDoubt
	}
	return station.IsTimedOut
}
