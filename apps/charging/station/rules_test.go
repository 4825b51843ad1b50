package station_test

import (
	"encoding/json"
	"strings"
	"testing"

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
