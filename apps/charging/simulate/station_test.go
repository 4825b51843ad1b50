package simulate_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

func TestBootAndHeartbeat(t *testing.T) {
	alone(t, simulate.StationOptions{Skew: -time.Hour}, nil, func(t *testing.T, r *rig) {
		calls := r.heard()
		check(t, "calls", actions(calls), "BootNotification StatusNotification StatusNotification SecurityEventNotification")
		check(t, "connector 0", statuses(calls, 0), "Available")
		check(t, "connector 1", statuses(calls, 1), "Available")
		if at := calls[1].(*v16.StatusNotificationReq).Timestamp; time.Since(at).Abs() > time.Second {
			t.Errorf("the clock was not set: %v", at)
		}
		pass(901 * time.Second)
		check(t, "calls in a quarter of an hour", actions(r.heard()), "Heartbeat Heartbeat Heartbeat")
	})
}

func TestBootIsRetriedAtTheInterval(t *testing.T) {
	prepare := func(c *central) {
		c.boots, c.interval = []v16.RegistrationStatus{v16.RegistrationPending, v16.RegistrationRejected}, 40
		c.refuse["BootNotification"] = 1
	}
	alone(t, simulate.StationOptions{}, prepare, func(t *testing.T, r *rig) {
		check(t, "at first", actions(r.heard()), "") // refused
		pass(31 * time.Second)
		check(t, "after the refusal", actions(r.heard()), "BootNotification")
		check(t, "a start while pending", call(t, r, &v16.RemoteStartTransactionReq{IDTag: "ANNA"}).Status, v16.Rejected)
		check(t, "configuration while pending", call(t, r, &v16.ChangeConfigurationReq{Key: "ConnectionTimeOut", Value: "30"}).Status, v16.ConfigurationAccepted)
		call(t, r, &v16.TriggerMessageReq{RequestedMessage: v16.TriggerHeartbeat})
		check(t, "a trigger while pending", actions(r.heard()), "Heartbeat")
		pass(35 * time.Second)
		check(t, "before the interval is over", actions(r.heard()), "")
		pass(2 * time.Second)
		check(t, "the second time", actions(r.heard()), "BootNotification")
		if r.Online() {
			t.Error("it is online though it was rejected")
		}
		pass(41 * time.Second)
		check(t, "the third time", actions(r.heard(), "SecurityEventNotification"), "BootNotification StatusNotification StatusNotification")
		if !r.Online() {
			t.Error("it is not online")
		}
	})
}

func TestSessionOfAnACStation(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		r.heard()
		must(t, r.PlugIn(1, simulate.Car{Capacity: 40_000, SoC: 50, Target: 80}))
		pass(10 * time.Second)
		must(t, r.Tap(1, "ANNA"))
		pass(2 * time.Hour)
		check(t, "status of a full car", r.Status(1), v16.StatusSuspendedEV)
		must(t, r.Tap(1, "ANNA"))
		pass(time.Minute)
		must(t, r.Unplug(1))
		check(t, "statuses", statuses(r.heard(), 1), "Preparing Charging SuspendedEV Finishing Available")
		tx := r.tx()
		energy := *tx.MeterStop - tx.MeterStart
		if energy < 13_300 || energy > 13_500 { // 12 kWh in the battery, with a loss of a tenth
			t.Errorf("it has charged %d Wh", energy)
		}
		check(t, "reason", tx.reason, v16.ReasonLocal)
		r.agrees()

		check(t, "samples", len(tx.values), 120)
		first, last := sampled(tx.values[0]), sampled(tx.values[119])
		check(t, "power", first["Power.Active.Import"], 11_000)
		check(t, "energy of a minute", int(first["Energy.Active.Import.Register"])-tx.MeterStart, 183)
		check(t, "current of a phase", first["Current.Import L3"], 15.9)
		check(t, "current offered", first["Current.Offered"], 31.9)
		if v := first["Voltage L1-N"]; v < 225 || v > 235 {
			t.Errorf("the voltage is %v", v)
		}
		if _, ok := first["SoC"]; ok {
			t.Error("an AC station knows the state of charge")
		}
		check(t, "power of a full car", last["Power.Active.Import"], 0)
		check(t, "last register", int(last["Energy.Active.Import.Register"]), *tx.MeterStop)
	})
}

// sampled has the values of a sample by measurand and phase.
func sampled(q v16.MeterValuesReq) map[string]float64 {
	values := map[string]float64{}
	for _, v := range q.MeterValue[0].SampledValue {
		name := string(v.Measurand)
		if v.Phase != "" {
			name += " " + string(v.Phase)
		}
		values[name], _ = strconv.ParseFloat(v.Value, 64)
	}
	return values
}

func TestSessionOfADCStationTapers(t *testing.T) {
	fast := model(t, "Fast 150")
	alone(t, simulate.StationOptions{Model: &fast, Speed: 60}, nil, func(t *testing.T, r *rig) {
		must(t, r.Tap(2, "ANNA"))
		synctest.Wait()
		check(t, "status before the car", r.Status(2), v16.StatusPreparing)
		must(t, r.PlugIn(2, simulate.Car{Capacity: 80_000, SoC: 20, DC: 200_000}))
		check(t, "power", r.Power(), 150_000)
		pass(time.Minute) // an hour for the car
		tx := r.tx()
		before, soc := 200_000.0, 20.0
		for i, q := range tx.values {
			v := sampled(q)
			power := v["Power.Active.Import"]
			if power > before || v["SoC"] < soc || v["SoC"] > 100 {
				t.Errorf("sample %d: %v W at %v %%", i, power, v["SoC"])
			}
			if v["SoC"] < 80 && power != 150_000 || v["SoC"] > 90 && power > 90_000 {
				t.Errorf("sample %d: %v W at %v %%", i, power, v["SoC"])
			}
			if gap := q.MeterValue[0].Timestamp.Sub(tx.StartedAt); gap != time.Duration(i+1)*time.Second {
				t.Errorf("sample %d is of %v after the start: an interval of a minute is a second at this speed", i, gap)
			}
			before, soc = power, v["SoC"]
		}
		if soc < 95 {
			t.Errorf("after an hour it is at %v %%", soc)
		}
		must(t, r.Unplug(2))
		r.agrees()
		check(t, "reason", tx.reason, v16.ReasonEVDisconnected)
	})
}

func model(t *testing.T, name string) simulate.Model {
	t.Helper()
	for _, m := range simulate.Models() {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("there is no model %q", name)
	return simulate.Model{}
}

func TestWhoMayCharge(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "STRANGER"))
		pass(time.Second)
		check(t, "status with a stranger", r.Status(1), v16.StatusPreparing)
		must(t, r.Tap(1, "ANNA"))
		pass(time.Minute)
		check(t, "status with a customer", r.Status(1), v16.StatusCharging)
		must(t, r.Tap(1, "BEN"))
		pass(time.Second)
		check(t, "status when another one taps", r.Status(1), v16.StatusCharging)
		must(t, r.Tap(1, "CARL"))
		pass(time.Second)
		check(t, "status when one of the family taps", r.Status(1), v16.StatusFinishing)
		r.agrees()
		must(t, r.Unplug(1))

		// Nobody comes: the tap is forgotten.
		must(t, r.Tap(1, "BEN"))
		pass(59 * time.Second)
		check(t, "status before the time is over", r.Status(1), v16.StatusPreparing)
		pass(2 * time.Second)
		check(t, "status after it", r.Status(1), v16.StatusAvailable)

		// Blocked meanwhile: the central system says so when it starts.
		r.Disconnect(false)
		r.mu.Lock()
		r.tags["BEN"] = v16.IDTagInfo{Status: v16.AuthorizationBlocked}
		r.mu.Unlock()
		must(t, r.Tap(1, "BEN")) // in the cache
		must(t, r.PlugIn(1, simulate.Car{}))
		pass(time.Minute)
		check(t, "status offline", r.Status(1), v16.StatusCharging)
		r.Restore()
		pass(time.Minute)
		check(t, "status when it is known", r.Status(1), v16.StatusFinishing)
		check(t, "reason", r.Ledger()[1].Reason, v16.ReasonDeAuthorized)
		r.agrees()
	})
}

func TestWrongHands(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		if err := r.PlugIn(2, simulate.Car{}); err == nil {
			t.Error("a connector that it does not have takes a car")
		}
		if err := r.Unplug(1); err == nil {
			t.Error("a car is taken away that is not there")
		}
		must(t, r.PlugIn(1, simulate.Car{}))
		if err := r.PlugIn(1, simulate.Car{}); err == nil {
			t.Error("two cars are plugged in")
		}
	})
}

func TestPlugPulledDuringAReboot(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		r.Reboot()
		pass(time.Second)
		r.PullPlug()
		pass(time.Hour)
		if r.Online() {
			t.Error("it is online without power")
		}
		r.Restore()
		pass(time.Minute)
		if !r.Online() {
			t.Error("it is not online with power")
		}
	})
}

func TestFaultsOfPowerEndTheTransaction(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(10 * time.Minute)
		r.heard()
		must(t, r.Fault(1, v16.ErrorGroundFailure))
		pass(time.Minute)
		check(t, "power", r.Power(), 0)
		must(t, r.Repair(1))
		check(t, "statuses", statuses(r.heard(), 1), "Faulted(GroundFailure) Finishing")
		r.agrees()
		must(t, r.Fault(0, v16.ErrorPowerMeterFailure))
		check(t, "status of the station", statuses(r.heard(), 0), "Faulted(PowerMeterFailure)")
	})
}

func TestPulledPlug(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(10 * time.Minute)
		r.heard()
		r.PullPlug()
		lost := time.Now()
		synctest.Wait()
		if _, ok := r.server.Conn("CP-1"); !ok {
			t.Error("the central system is told of it")
		}
		pass(5 * time.Minute)
		if _, ok := r.server.Conn("CP-1"); ok {
			t.Error("the central system never notices")
		}
		check(t, "said meanwhile", actions(r.heard()), "")
		r.Restore()
		pass(time.Minute)
		check(t, "said then", actions(r.heard(), "StatusNotification", "SecurityEventNotification"), "BootNotification StopTransaction")
		tx := r.tx()
		check(t, "reason", tx.reason, v16.ReasonPowerLoss)
		if d := tx.StoppedAt.Sub(lost); d.Abs() > time.Second {
			t.Errorf("it stopped %v after the loss of power", d)
		}
		check(t, "energy of ten minutes", *tx.MeterStop-tx.MeterStart, 1833)
		r.agrees()
	})
}
