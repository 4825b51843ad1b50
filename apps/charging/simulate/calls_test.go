package simulate_test

import (
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

func ptr[T any](v T) *T { return &v }

func TestRemoteStartAndStop(t *testing.T) {
	twin := model(t, "Twin 22")
	alone(t, simulate.StationOptions{Model: &twin}, nil, func(t *testing.T, r *rig) {
		start := func(connector *int, tag string) v16.GenericStatus {
			return call(t, r, &v16.RemoteStartTransactionReq{ConnectorID: connector, IDTag: tag}).Status
		}
		check(t, "a connector that is not there", start(ptr(3), "V-1"), v16.Rejected)
		must(t, r.PlugIn(2, simulate.Car{}))
		check(t, "start anywhere", start(nil, "V-1"), v16.Accepted)
		check(t, "the one with the car", r.Status(2), v16.StatusCharging)
		check(t, "a virtual tag", r.tx().IDTag, "V-1")
		check(t, "start on an occupied one", start(ptr(2), "V-2"), v16.Rejected)
		check(t, "start without a car", start(ptr(1), "V-3"), v16.Accepted)
		check(t, "it waits for one", r.Status(1), v16.StatusPreparing)
		check(t, "nobody else may", start(ptr(1), "V-4"), v16.Rejected)
		must(t, r.PlugIn(1, simulate.Car{}))
		pass(time.Second)
		check(t, "the car has come", r.Status(1), v16.StatusCharging)

		check(t, "stop of another transaction", call(t, r, &v16.RemoteStopTransactionReq{TransactionID: 99}).Status, v16.Rejected)
		check(t, "stop", call(t, r, &v16.RemoteStopTransactionReq{TransactionID: 1}).Status, v16.Accepted)
		check(t, "status then", r.Status(2), v16.StatusFinishing)
		check(t, "reason", r.Ledger()[0].Reason, v16.ReasonRemote)
		check(t, "unlock", call(t, r, &v16.UnlockConnectorReq{ConnectorID: 1}).Status, v16.Unlocked)
		check(t, "reason of an unlock", r.Ledger()[1].Reason, v16.ReasonUnlockCommand)
		r.agrees()
		must(t, r.Unplug(1))

		call(t, r, &v16.ChangeConfigurationReq{Key: "authorizeremotetxrequests", Value: "TRUE"})
		check(t, "a stranger", start(ptr(1), "STRANGER"), v16.Accepted)
		check(t, "is not let in", r.Status(1), v16.StatusAvailable)
	})
}

func TestReservations(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		reserve := func(id int, tag, parent string, d time.Duration) v16.ReservationStatus {
			return call(t, r, &v16.ReserveNowReq{ConnectorID: 1, IDTag: tag, ParentIDTag: parent, ReservationID: id, ExpiryDate: time.Now().Add(d)}).Status
		}
		r.heard()
		check(t, "reserve", reserve(7, "BEN", "", time.Hour), v16.ReservationAccepted)
		check(t, "another one", reserve(8, "ANNA", "", time.Hour), v16.ReservationOccupied)
		check(t, "the same again", reserve(7, "BEN", "FAMILY", 10*time.Minute), v16.ReservationAccepted)
		check(t, "cancel another one", call(t, r, &v16.CancelReservationReq{ReservationID: 8}).Status, v16.Rejected)
		must(t, r.Tap(1, "STRANGER"))
		check(t, "remote start for another", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "DORA"}).Status, v16.Rejected)
		pass(10 * time.Minute)
		check(t, "statuses until it expires", statuses(r.heard(), 1), "Reserved Preparing Reserved Available")

		check(t, "reserve for a family", reserve(9, "BEN", "FAMILY", time.Hour), v16.ReservationAccepted)
		must(t, r.Tap(1, "CARL"))
		must(t, r.PlugIn(1, simulate.Car{}))
		pass(time.Second)
		check(t, "status", r.Status(1), v16.StatusCharging)
		for _, q := range r.heard() {
			if start, ok := q.(*v16.StartTransactionReq); ok && (start.ReservationID == nil || *start.ReservationID != 9) {
				t.Errorf("the start does not name the reservation: %+v", start)
			}
		}
		check(t, "occupied", reserve(10, "BEN", "", time.Hour), v16.ReservationOccupied)
		check(t, "it is used", call(t, r, &v16.CancelReservationReq{ReservationID: 9}).Status, v16.Rejected)
		check(t, "in the past", reserve(10, "BEN", "", -time.Hour), v16.ReservationRejected)
	})
}

// A reservation of connector 0 keeps the last one that is free.
func TestReservationOfAnyConnector(t *testing.T) {
	twin := model(t, "Twin 22")
	alone(t, simulate.StationOptions{Model: &twin}, nil, func(t *testing.T, r *rig) {
		reserve := func(connector, id int) v16.ReservationStatus {
			return call(t, r, &v16.ReserveNowReq{ConnectorID: connector, IDTag: "BEN", ReservationID: id, ExpiryDate: time.Now().Add(time.Hour)}).Status
		}
		check(t, "reserve any", reserve(0, 1), v16.ReservationAccepted)
		check(t, "reserve any again", reserve(0, 2), v16.ReservationOccupied)
		must(t, r.Tap(1, "ANNA"))
		must(t, r.PlugIn(1, simulate.Car{}))
		pass(time.Second)
		check(t, "the first", r.Status(1), v16.StatusCharging)
		check(t, "somebody else at the last", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "ANNA"}).Status, v16.Rejected)
		check(t, "the last for whom it is", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "BEN"}).Status, v16.Accepted)
		must(t, r.PlugIn(2, simulate.Car{}))
		pass(time.Second)
		check(t, "the second", r.Status(2), v16.StatusCharging)
		check(t, "reserve one", reserve(2, 3), v16.ReservationOccupied)
		must(t, r.Unplug(1))
		call(t, r, &v16.ChangeAvailabilityReq{ConnectorID: 1, Type: v16.Inoperative})
		check(t, "reserve one out of service", reserve(1, 4), v16.ReservationUnavailable)
		call(t, r, &v16.ChangeAvailabilityReq{ConnectorID: 1, Type: v16.Operative})
		must(t, r.Unplug(2))
		check(t, "reserve any, with two that are free", reserve(0, 5), v16.ReservationAccepted)
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "BEN"))
		pass(time.Second)
		for _, q := range r.heard() {
			if start, ok := q.(*v16.StartTransactionReq); ok && start.IDTag == "BEN" && start.ReservationID == nil {
				t.Errorf("a start of who has reserved does not name the reservation: %+v", start)
			}
		}
		must(t, r.Fault(1, v16.ErrorGroundFailure))
		check(t, "reserve a broken one", reserve(1, 4), v16.ReservationFaulted)
	})
}

func TestStopHasTheValuesThatWereAskedFor(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		call(t, r, &v16.ChangeConfigurationReq{Key: "StopTxnSampledData", Value: "Energy.Active.Import.Register"})
		call(t, r, &v16.ChangeConfigurationReq{Key: "MeterValueSampleInterval", Value: "0"})
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(10 * time.Minute)
		must(t, r.Unplug(1))
		calls := r.heard()
		check(t, "said", actions(calls[len(calls)-2:]), "StopTransaction StatusNotification")
		stop := calls[len(calls)-2].(*v16.StopTransactionReq)
		if len(stop.TransactionData) != 2 {
			t.Fatalf("the stop has %+v", stop.TransactionData)
		}
		begin, end := stop.TransactionData[0].SampledValue[0], stop.TransactionData[1].SampledValue[0]
		check(t, "begin", begin.Context, v16.ContextTransactionBegin)
		check(t, "begin", begin.Value, strconv.Itoa(r.tx().MeterStart))
		check(t, "end", end.Context, v16.ContextTransactionEnd)
		check(t, "end", end.Value, strconv.Itoa(stop.MeterStop))
	})
}

func TestProfileThatRecurs(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		began := time.Now()
		night := v16.ChargingProfile{ChargingProfileID: 1, ChargingProfilePurpose: v16.PurposeTxDefaultProfile, ChargingProfileKind: v16.KindRecurring,
			RecurrencyKind: v16.RecurrencyDaily, ChargingSchedule: v16.ChargingSchedule{
				ChargingRateUnit: v16.RateW, StartSchedule: began, Duration: ptr(3600), ChargingSchedulePeriod: []v16.ChargingSchedulePeriod{{Limit: 50_000}},
			}}
		call(t, r, &v16.ChangeConfigurationReq{Key: "MeterValueSampleInterval", Value: "600"})
		call(t, r, &v16.SetChargingProfileReq{ConnectorID: 1, CSChargingProfiles: night})
		must(t, r.PlugIn(1, simulate.Car{Capacity: 1e7}))
		must(t, r.Tap(1, "ANNA"))
		for _, test := range []struct {
			at   time.Duration
			want float64
		}{{30 * time.Minute, 5_000}, {2 * time.Hour, 11_000}, {24*time.Hour + 30*time.Minute, 5_000}, {26 * time.Hour, 11_000}} {
			pass(time.Until(began.Add(test.at)))
			check(t, "power after "+test.at.String(), r.Power(), test.want)
		}
		conf := call(t, r, &v16.GetCompositeScheduleReq{ConnectorID: 0, Duration: 2 * 86400, ChargingRateUnit: v16.RateA})
		var turns []int
		for _, p := range conf.ChargingSchedule.ChargingSchedulePeriod {
			turns = append(turns, (p.StartPeriod+1799)/3600, int(p.Limit))
		}
		if want := []int{0, 319, 22, 72, 23, 319, 46, 72, 47, 319}; !slices.Equal(turns, want) {
			t.Errorf("the hours and limits are %v, want %v", turns, want)
		}
	})
}

func TestAvailability(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		change := func(connector int, kind v16.AvailabilityType) v16.AvailabilityStatus {
			return call(t, r, &v16.ChangeAvailabilityReq{ConnectorID: connector, Type: kind}).Status
		}
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(time.Second)
		r.heard()
		check(t, "during a transaction", change(0, v16.Inoperative), v16.AvailabilityScheduled)
		must(t, r.Tap(1, "ANNA"))
		pass(time.Second)
		must(t, r.Unplug(1))
		calls := r.heard()
		check(t, "statuses of the connector", statuses(calls, 1), "Finishing Unavailable")
		check(t, "statuses of the station", statuses(calls, 0), "Unavailable")
		check(t, "remote start", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "ANNA"}).Status, v16.Rejected)
		r.Reboot()
		pass(time.Minute)
		check(t, "statuses after a reboot", statuses(r.heard(), 1), "Unavailable")
		check(t, "back", change(0, v16.Operative), v16.AvailabilityAccepted)
		calls = r.heard()
		check(t, "statuses of both", statuses(calls, 0)+" "+statuses(calls, 1), "Available Available")
		check(t, "a connector that is not there", change(2, v16.Inoperative), v16.AvailabilityRejected)
	})
}

func TestConfiguration(t *testing.T) {
	alone(t, simulate.StationOptions{}, func(c *central) { c.interval = 200 }, func(t *testing.T, r *rig) {
		told := call(t, r, &v16.GetConfigurationReq{Key: []string{"HeartbeatInterval"}})
		check(t, "interval of the boot", *told.ConfigurationKey[0].Value, "200")
		for _, test := range []struct {
			key, value string
			want       v16.ConfigurationStatus
		}{
			{"HeartbeatInterval", "60", v16.ConfigurationAccepted},
			{"HeartbeatInterval", "soon", v16.ConfigurationRejected},
			{"NumberOfConnectors", "4", v16.ConfigurationRejected},
			{"Colour", "red", v16.ConfigurationNotSupported},
			{"WebSocketPingInterval", "30", v16.ConfigurationRebootRequired},
			{"MeterValuesSampledData", "Voltage,RPM", v16.ConfigurationRejected},
			{"MeterValuesSampledData", "Voltage", v16.ConfigurationAccepted},
			{"LocalPreAuthorize", "maybe", v16.ConfigurationRejected},
			{"AuthorizationKey", "short", v16.ConfigurationRejected},
		} {
			check(t, test.key, call(t, r, &v16.ChangeConfigurationReq{Key: test.key, Value: test.value}).Status, test.want)
		}
		conf := call(t, r, &v16.GetConfigurationReq{Key: []string{"heartbeatInterval", "NumberOfConnectors", "AuthorizationKey", "Colour"}})
		values := map[string]string{}
		for _, k := range conf.ConfigurationKey {
			values[k.Key] = "none"
			if k.Value != nil {
				values[k.Key] = *k.Value
			}
		}
		if values["HeartbeatInterval"] != "60" || values["NumberOfConnectors"] != "1" || values["AuthorizationKey"] != "none" || !slices.Equal(conf.UnknownKey, []string{"Colour"}) {
			t.Errorf("the configuration is %v, unknown %v", values, conf.UnknownKey)
		}
		if all := call(t, r, &v16.GetConfigurationReq{}).ConfigurationKey; len(all) < 30 {
			t.Errorf("there are %d keys", len(all))
		}
		r.heard()
		pass(150 * time.Second)
		check(t, "heartbeats", actions(r.heard()), "Heartbeat Heartbeat")
		check(t, "data transfer", call(t, r, &v16.DataTransferReq{VendorID: "x"}).Status, v16.DataTransferUnknownVendorID)

		r.mu.Lock()
		r.passwords["CP-1"] = "0123456789abcdef"
		r.mu.Unlock()
		call(t, r, &v16.ChangeConfigurationReq{Key: "AuthorizationKey", Value: "0123456789abcdef"})
		if conn, ok := r.server.Conn("CP-1"); !ok || conn.Peer().Profile != 1 {
			t.Error("it has not come back with its new key")
		}
	})
}

func TestLocalListAndCache(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		accepted := &v16.IDTagInfo{Status: v16.AuthorizationAccepted}
		send := func(version int, kind v16.UpdateType, list ...v16.AuthorizationData) v16.UpdateStatus {
			return call(t, r, &v16.SendLocalListReq{ListVersion: version, UpdateType: kind, LocalAuthorizationList: list}).Status
		}
		check(t, "version of none", call(t, r, &v16.GetLocalListVersionReq{}).ListVersion, 0)
		check(t, "full", send(5, v16.UpdateFull, v16.AuthorizationData{IDTag: "LOCAL", IDTagInfo: accepted}), v16.UpdateAccepted)
		check(t, "an old change", send(5, v16.UpdateDifferential), v16.UpdateVersionMismatch)
		check(t, "a change", send(6, v16.UpdateDifferential, v16.AuthorizationData{IDTag: "OTHER", IDTagInfo: accepted}), v16.UpdateAccepted)
		check(t, "version", call(t, r, &v16.GetLocalListVersionReq{}).ListVersion, 6)
		r.Disconnect(false)
		for _, tag := range []string{"local", "OTHER"} {
			must(t, r.Tap(1, tag))
			check(t, tag+" offline", r.Status(1), v16.StatusPreparing)
			pass(2 * time.Minute)
		}
		r.Restore()
		pass(time.Minute)
		check(t, "clear cache", call(t, r, &v16.ClearCacheReq{}).Status, v16.Accepted)
	})
}

func TestReset(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		for i, test := range []struct {
			kind   v16.ResetType
			reason v16.Reason
			want   string
		}{
			{v16.ResetSoft, v16.ReasonSoftReset, "StopTransaction BootNotification SecurityEventNotification"},
			{v16.ResetHard, v16.ReasonHardReset, "BootNotification SecurityEventNotification StopTransaction"},
		} {
			must(t, r.PlugIn(1, simulate.Car{}))
			must(t, r.Tap(1, "ANNA"))
			pass(10 * time.Second)
			r.heard()
			check(t, "answer", call(t, r, &v16.ResetReq{Type: test.kind}).Status, v16.Accepted)
			pass(2 * time.Minute)
			got := actions(r.heard(), "StatusNotification")
			if got != test.want && got != "BootNotification StopTransaction SecurityEventNotification" {
				t.Errorf("%s reset: %s, want %s", test.kind, got, test.want)
			}
			check(t, "reason", r.Ledger()[i].Reason, test.reason)
			must(t, r.Unplug(1))
		}
		r.agrees()
	})
}

func TestTriggers(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		r.heard()
		for what, want := range map[v16.MessageTrigger]string{
			v16.TriggerBootNotification:              "BootNotification StatusNotification StatusNotification",
			v16.TriggerStatusNotification:            "StatusNotification StatusNotification",
			v16.TriggerMeterValues:                   "MeterValues",
			v16.TriggerHeartbeat:                     "Heartbeat",
			v16.TriggerFirmwareStatusNotification:    "FirmwareStatusNotification",
			v16.TriggerDiagnosticsStatusNotification: "DiagnosticsStatusNotification",
		} {
			check(t, "answer", call(t, r, &v16.TriggerMessageReq{RequestedMessage: what}).Status, v16.TriggerAccepted)
			check(t, "a trigger of "+string(what), actions(r.heard()), want)
		}
		check(t, "a connector that is not there", call(t, r, &v16.TriggerMessageReq{RequestedMessage: v16.TriggerMeterValues, ConnectorID: ptr(2)}).Status, v16.TriggerRejected)
	})
}

func TestChargingProfilesBindThePower(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		set := func(connector int, p v16.ChargingProfile) v16.ChargingProfileStatus {
			return call(t, r, &v16.SetChargingProfileReq{ConnectorID: connector, CSChargingProfiles: p}).Status
		}
		profile := func(id, level int, purpose v16.ChargingProfilePurpose, unit v16.ChargingRateUnit, limits ...float64) v16.ChargingProfile {
			p := v16.ChargingProfile{ChargingProfileID: id, StackLevel: level, ChargingProfilePurpose: purpose, ChargingProfileKind: v16.KindAbsolute}
			p.ChargingSchedule = v16.ChargingSchedule{ChargingRateUnit: unit, StartSchedule: time.Now()}
			for i, limit := range limits {
				p.ChargingSchedule.ChargingSchedulePeriod = append(p.ChargingSchedule.ChargingSchedulePeriod,
					v16.ChargingSchedulePeriod{StartPeriod: i * 600, Limit: v16.DecimalOf(limit)})
			}
			return p
		}
		must(t, r.PlugIn(1, simulate.Car{Capacity: 100_000}))
		must(t, r.Tap(1, "ANNA"))
		pass(time.Second)
		check(t, "power without a profile", r.Power(), 11_000)
		check(t, "default", set(0, profile(1, 0, v16.PurposeTxDefaultProfile, v16.RateA, 10, 0)), v16.ProfileAccepted)
		check(t, "power with 10 A", r.Power(), 6_900)
		pass(11 * time.Minute)
		check(t, "status with nothing", r.Status(1), v16.StatusSuspendedEVSE)
		check(t, "of no transaction", set(1, func() v16.ChargingProfile {
			p := profile(2, 0, v16.PurposeTxProfile, v16.RateW, 8_000)
			p.TransactionID = ptr(99)
			return p
		}()), v16.ProfileRejected)
		p := profile(2, 0, v16.PurposeTxProfile, v16.RateW, 8_000)
		p.TransactionID = ptr(1)
		check(t, "of the transaction", set(1, p), v16.ProfileAccepted)
		check(t, "power with 8 kW", r.Power(), 8_000)
		check(t, "for the station", set(0, profile(3, 1, v16.PurposeChargePointMaxProfile, v16.RateW, 5_000, 6_000)), v16.ProfileAccepted)
		check(t, "power with 5 kW for all", r.Power(), 5_000)
		conf := call(t, r, &v16.GetCompositeScheduleReq{ConnectorID: 1, Duration: 3600})
		periods := conf.ChargingSchedule.ChargingSchedulePeriod
		if conf.Status != v16.Accepted || len(periods) != 2 || periods[0].Limit.Float64() != 5_000 || periods[1].Limit.Float64() != 6_000 || periods[1].StartPeriod < 580 || periods[1].StartPeriod > 600 {
			t.Errorf("the composite schedule is %+v, %+v", conf, periods)
		}
		check(t, "clear", call(t, r, &v16.ClearChargingProfileReq{ID: ptr(3)}).Status, v16.ClearProfileAccepted)
		check(t, "power again", r.Power(), 8_000)
		check(t, "clear again", call(t, r, &v16.ClearChargingProfileReq{ID: ptr(3)}).Status, v16.ClearProfileUnknown)
		check(t, "too high a level", set(0, profile(4, 11, v16.PurposeTxDefaultProfile, v16.RateW, 1)), v16.ProfileRejected)
		must(t, r.Unplug(1))
		synctest.Wait()

		// A profile that comes with a remote start goes with its transaction.
		q := profile(5, 0, v16.PurposeTxProfile, v16.RateW, 7_000)
		q.ChargingProfileKind, q.ChargingSchedule.StartSchedule = v16.KindRelative, time.Time{}
		check(t, "clear all", call(t, r, &v16.ClearChargingProfileReq{}).Status, v16.ClearProfileAccepted)
		must(t, r.PlugIn(1, simulate.Car{}))
		check(t, "remote start", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "V-1", ChargingProfile: &q}).Status, v16.Accepted)
		check(t, "power with its profile", r.Power(), 7_000)
		must(t, r.Unplug(1))
		check(t, "it is gone", call(t, r, &v16.ClearChargingProfileReq{}).Status, v16.ClearProfileUnknown)
	})
}
