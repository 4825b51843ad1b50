package simulate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

func TestWhatHappensOfflineIsToldInOrder(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(30 * time.Second)
		must(t, r.Unplug(1))
		pass(time.Minute)
		r.heard()
		r.Disconnect(true)
		must(t, r.Tap(1, "BEN")) // unknown to the station
		pass(time.Second)
		check(t, "status for an unknown tag", r.Status(1), v16.StatusAvailable)
		for range 2 {
			must(t, r.PlugIn(1, simulate.Car{}))
			must(t, r.Tap(1, "ANNA")) // in the cache
			pass(150 * time.Second)
			must(t, r.Unplug(1))
		}
		check(t, "said meanwhile", actions(r.heard()), "")
		r.Restore()
		pass(time.Second)
		calls := r.heard()
		check(t, "said then", actions(calls, "StatusNotification"),
			"StartTransaction MeterValues MeterValues StopTransaction StartTransaction MeterValues MeterValues StopTransaction")
		check(t, "statuses: it is as it was", statuses(calls, 1), "")
		check(t, "the second transaction's ID in its values", *calls[5].(*v16.MeterValuesReq).TransactionID, 3)
		r.agrees()
	})
}

// A long time offline: meter values give way, starts and stops do not.
func TestOfflineQueueIsBounded(t *testing.T) {
	alone(t, simulate.StationOptions{Speed: 60}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{Capacity: 1e9}))
		must(t, r.Tap(1, "ANNA"))
		synctest.Wait()
		r.heard()
		r.Disconnect(false)
		pass(20 * time.Minute) // a sample each second
		must(t, r.Tap(1, "ANNA"))
		must(t, r.Unplug(1))
		must(t, r.Tap(1, "ANNA"))
		must(t, r.PlugIn(1, simulate.Car{}))
		check(t, "status with a full memory", r.Status(1), v16.StatusPreparing)
		r.Restore()
		pass(time.Minute)
		calls := actions(r.heard(), "StatusNotification", "Heartbeat")
		check(t, "meter values", strings.Count(calls, "MeterValues"), 1000)
		if !strings.HasSuffix(calls, " MeterValues StopTransaction") {
			t.Errorf("the end of what it said is %s", calls[len(calls)-100:])
		}
		r.agrees()
	})
}

func TestRefusedMessagesAreSentAgainByTheRules(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		call(t, r, &v16.ChangeConfigurationReq{Key: "TransactionMessageRetryInterval", Value: "30"})
		must(t, r.PlugIn(1, simulate.Car{}))
		r.refuses("StartTransaction", 2)
		must(t, r.Tap(1, "ANNA"))
		r.heard()
		pass(29 * time.Second)
		must(t, r.Unplug(1)) // waits behind the start
		check(t, "before the first repetition", actions(r.heard(), "StatusNotification"), "")
		pass(2 * time.Second) // refused a second time
		pass(58 * time.Second)
		check(t, "before the second repetition", actions(r.heard(), "StatusNotification"), "")
		pass(3 * time.Second)
		check(t, "after it", actions(r.heard(), "StatusNotification"), "StartTransaction StopTransaction")
		r.agrees()

		// Three attempts, and the station gives up: then it has no ID.
		must(t, r.PlugIn(1, simulate.Car{}))
		r.refuses("StartTransaction", 3)
		must(t, r.Tap(1, "BEN"))
		pass(91 * time.Second)
		must(t, r.Unplug(1))
		calls := r.heard()
		pass(time.Minute)
		calls = append(calls, r.heard()...)
		check(t, "said without a start", actions(calls, "StatusNotification", "Authorize"), "MeterValues StopTransaction")
		for _, q := range calls {
			if stop, ok := q.(*v16.StopTransactionReq); ok {
				check(t, "its ID", stop.TransactionID, -1)
			}
		}
		entry := r.Ledger()[1]
		if entry.ID != 0 || len(entry.Dropped) != 1 || entry.Dropped[0] != "StartTransaction" {
			t.Errorf("the ledger has %+v", entry)
		}
	})
}

func TestLostAnswerIsAskedForAgain(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(30 * time.Second)
		r.LoseAnswer()
		must(t, r.Unplug(1)) // two messages: a status, and the stop
		pass(time.Minute)
		r.agrees()

		must(t, r.PlugIn(1, simulate.Car{}))
		call(t, r, &v16.ChangeConfigurationReq{Key: "LocalPreAuthorize", Value: "true"})
		r.LoseAnswer()
		must(t, r.Tap(1, "ANNA")) // the cache has it
		pass(time.Minute)
		must(t, r.Unplug(1))
		synctest.Wait()
		check(t, "starts of the second transaction", r.transactions[1].starts, 2)
		r.agrees()
	})
}

func TestStationDoesWhatItCannotAnswer(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(12) {
		alone(t, simulate.StationOptions{Mischief: 1, Seed: seed}, nil, func(t *testing.T, r *rig) {
			must(t, r.PlugIn(1, simulate.Car{}))
			conn, ok := r.server.Conn("CP-1")
			if !ok {
				t.Fatal("the station is not connected")
			}
			began := time.Now()
			conf, err := v16.Call(t.Context(), conn, &v16.RemoteStartTransactionReq{IDTag: "ANNA"})
			took := time.Since(began)
			pass(time.Minute)
			charges := r.Status(1) == v16.StatusCharging
			switch {
			case err != nil:
				check(t, "obeyed though the answer is lost", charges, true)
				seen["lost"]++
			case conf.Status == v16.Rejected:
				check(t, "obeyed though refused", charges, false)
				seen["refused"]++
			default:
				check(t, "obeyed, late", charges && took >= time.Second, true)
				seen["slow"]++
			}
		})
	}
	check(t, "moods", len(seen), 3)
}

func TestWhatAModelCannotDo(t *testing.T) {
	small := model(t, "DC50")
	alone(t, simulate.StationOptions{Model: &small}, nil, func(t *testing.T, r *rig) {
		conn, _ := r.server.Conn("CP-1")
		for _, test := range []struct {
			request ocpp.Request
			code    ocpp.ErrorCode
		}{
			{&v16.GetLogReq{LogType: v16.DiagnosticsLog, Log: v16.LogParameters{RemoteLocation: "ftp://x/"}}, ocpp.NotImplemented},
		} {
			_, err := conn.Call(t.Context(), test.request)
			if e, ok := err.(*ocpp.CallError); !ok || e.Code != test.code {
				t.Errorf("%s: %v, want %s", test.request.Action(), err, test.code)
			}
		}
		check(t, "unlock without a lock", call(t, r, &v16.UnlockConnectorReq{ConnectorID: 1}).Status, v16.UnlockNotSupported)
		check(t, "list", call(t, r, &v16.GetLocalListVersionReq{}).ListVersion, -1)
		list := &v16.SendLocalListReq{ListVersion: 1, UpdateType: v16.UpdateFull}
		check(t, "sent list", call(t, r, list).Status, v16.UpdateNotSupported)
	})
	wall := model(t, "K7")
	alone(t, simulate.StationOptions{Model: &wall}, nil, func(t *testing.T, r *rig) {
		conn, _ := r.server.Conn("CP-1")
		for _, request := range []ocpp.Request{
			&v16.ReserveNowReq{ConnectorID: 1, IDTag: "ANNA", ReservationID: 1, ExpiryDate: time.Now().Add(time.Hour)},
			&v16.ClearChargingProfileReq{},
		} {
			_, err := conn.Call(t.Context(), request)
			if e, ok := err.(*ocpp.CallError); !ok || e.Code != ocpp.NotSupported {
				t.Errorf("%s: %v, want NotSupported", request.Action(), err)
			}
		}
	})
}

// An answer that never comes: the station makes a new connection, and tells again.
func TestSilentServerIsLeft(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		r.heard()
		hang := make(chan struct{})
		r.mu.Lock()
		r.hang = hang
		r.mu.Unlock()
		must(t, r.PlugIn(1, simulate.Car{}))
		pass(29 * time.Second)
		before, _ := r.server.Conn("CP-1")
		r.mu.Lock()
		r.hang = nil
		r.mu.Unlock()
		pass(5 * time.Second)
		if after, ok := r.server.Conn("CP-1"); !ok || after == before {
			t.Error("it has not made a new connection")
		}
		check(t, "statuses", statuses(r.heard(), 1), "Preparing")
		close(hang)
	})
}
