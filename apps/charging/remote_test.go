package charging_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/station"
)

type answers = map[string]func(ocpp.Request) (ocpp.Response, error)

// always answers each call so.
func always(response ocpp.Response, err error) func(ocpp.Request) (ocpp.Response, error) {
	return func(ocpp.Request) (ocpp.Response, error) { return response, err }
}

// order has a station asked for something.
func (w *world) order(command string, body any, headers ...string) charging.Asked {
	w.t.Helper()
	var asked charging.Asked
	w.must(http.MethodPost, "/stations/CP-1/commands/"+command, body, &asked, headers...)
	return asked
}

// reaches waits until a command has a state.
func (w *world) reaches(id string, state station.State) charging.CommandDocument {
	w.t.Helper()
	var d charging.CommandDocument
	w.until("the command is "+string(state), func() bool { d = w.command(id); return d.State == state })
	return d
}

func TestAcceptedRemoteStartIsAPromiseAndOnlyItsOwnTagProvesIt(t *testing.T) {
	w, b := hostile(t, answers{"RemoteStartTransaction": always(&v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil)})
	asked := w.order("remote-start", map[string]any{"connector": 1})
	if d := w.reaches(asked.Command, station.IsAccepted); d.Until.IsZero() || !d.Open {
		t.Errorf("the command is %+v", d)
	}
	// Somebody else starts on the other connector, with a tag of their own.
	say(b, start("ANN", 2, 0, at(0)))
	if d := w.command(asked.Command); d.State != station.IsAccepted {
		t.Errorf("the command is %+v", d)
	}
	conf := say(b, start(strings.ToLower(asked.IDTag), 1, 0, at(1)))
	if d := w.reaches(asked.Command, station.IsEffective); d.Started != conf.TransactionID || conf.IDTagInfo.Status != v16.AuthorizationAccepted {
		t.Errorf("the command is %+v, the start was answered %+v", d, conf)
	}
	// The tag is good for nothing else.
	if conf := say(b, &v16.AuthorizeReq{IDTag: asked.IDTag}); conf.IDTagInfo.Status != v16.AuthorizationAccepted {
		t.Errorf("to stop with: %+v", conf)
	}
	say(b, stop(conf.TransactionID, 10, at(2)))
	if conf := say(b, &v16.AuthorizeReq{IDTag: asked.IDTag}); conf.IDTagInfo.Status != v16.AuthorizationInvalid {
		t.Errorf("afterwards: %+v", conf)
	}
}

func TestRemoteStartForATagThatMayNotChargeIsRefusedBeforeTheStationIsAsked(t *testing.T) {
	w, b := hostile(t, answers{})
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/remote-start", map[string]any{"connector": 1, "idTag": "NOBODY"}, nil); status != http.StatusConflict {
		t.Errorf("it was answered %d", status)
	}
	if len(b.got("RemoteStartTransaction")) != 0 {
		t.Error("the station was asked")
	}
}

func TestUnansweredIsUnknownAndTheLateAnswerCounts(t *testing.T) {
	answer := make(chan struct{})
	w, b := hostile(t, answers{"UnlockConnector": func(ocpp.Request) (ocpp.Response, error) {
		<-answer
		return &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil
	}})
	asked := w.order("unlock", map[string]any{"connector": 1})
	if d := w.reaches(asked.Command, station.IsTimedOut); !d.InDoubt || !d.Open {
		t.Errorf("the command is %+v", d)
	}
	// What is in doubt is not asked again by anybody before it is settled.
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/unlock", map[string]any{"connector": 1}, nil); status != http.StatusConflict {
		t.Errorf("a second one was answered %d", status)
	}
	close(answer)
	w.reaches(asked.Command, station.IsEffective)
	if n := len(b.got("UnlockConnector")); n != 1 {
		t.Errorf("the station was asked %d times", n)
	}
}

func TestInDoubtIsSettledByTheStationsOwnReport(t *testing.T) {
	block := make(chan struct{})
	w, b := hostile(t, answers{"RemoteStartTransaction": func(ocpp.Request) (ocpp.Response, error) { <-block; return nil, nil }})
	defer close(block)
	asked := w.order("remote-start", map[string]any{"connector": 1})
	w.until("the station was asked", func() bool { return len(b.got("RemoteStartTransaction")) == 1 })
	b.pull()
	if d := w.reaches(asked.Command, station.IsInDoubt); !d.InDoubt {
		t.Errorf("the command is %+v", d)
	}
	b2 := w.connect("CP-1", answers{})
	conf := say(b2, start(asked.IDTag, 1, 0, at(0)))
	if d := w.reaches(asked.Command, station.IsEffective); d.Started != conf.TransactionID {
		t.Errorf("the command is %+v", d)
	}
	if n := len(b2.got("RemoteStartTransaction")); n != 0 {
		t.Errorf("it was asked %d times more", n)
	}
}

func TestInDoubtIsSettledByAnOperator(t *testing.T) {
	block := make(chan struct{})
	w, b := hostile(t, answers{"Reset": func(ocpp.Request) (ocpp.Response, error) { <-block; return nil, nil }})
	defer close(block)
	asked := w.order("reset", map[string]any{"type": "Soft"})
	settle := "/stations/CP-1/commands/" + asked.Command + "/settle"
	w.until("the station was asked", func() bool { return len(b.got("Reset")) == 1 })
	w.reaches(asked.Command, station.IsTimedOut)
	w.must(http.MethodPost, settle, map[string]any{"happened": false}, nil)
	if d := w.reaches(asked.Command, station.IsFailed); !d.Settled || d.Open {
		t.Errorf("the command is %+v", d)
	}
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/nothing/settle", map[string]any{"happened": true}, nil); status != http.StatusNotFound {
		t.Errorf("to settle what is not there was answered %d", status)
	}
}

func TestOfflineStationsAreNotAskedLater(t *testing.T) {
	w, b := hostile(t, answers{})
	b.pull()
	w.until("it is offline", func() bool { return !w.station("CP-1").Online })
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/reset", map[string]any{"type": "Soft"}, nil); status != http.StatusConflict {
		t.Errorf("it was answered %d", status)
	}
	b = w.connect("CP-1", answers{"Reset": always(&v16.ResetConf{Status: v16.Accepted}, nil)})
	say(b, &v16.HeartbeatReq{})
	if n := len(b.got("Reset")); n != 0 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestAnswersAreTakenForWhatTheyAre(t *testing.T) {
	w, b := hostile(t, answers{})
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	profile := map[string]any{"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative",
		"chargingSchedule": map[string]any{"chargingRateUnit": "A", "chargingSchedulePeriod": []any{map[string]any{"startPeriod": 0, "limit": 16}}}}
	for _, c := range []struct {
		command, action string
		body            any
		response        ocpp.Response
		err             error
		want            station.State
	}{
		{"unlock", "UnlockConnector", map[string]any{"connector": 1}, &v16.UnlockConnectorConf{Status: "UnlockFailed"}, nil, station.IsRejected},
		{"unlock", "UnlockConnector", map[string]any{"connector": 1}, &v16.UnlockConnectorConf{Status: "NotSupported"}, nil, station.IsRejected},
		{"unlock", "UnlockConnector", map[string]any{"connector": 1}, nil, ocpp.Errorf(ocpp.InternalError, "the lock is stuck"), station.IsRejected},
		{"unlock", "UnlockConnector", map[string]any{"connector": 1}, &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil, station.IsEffective},
		{"change-availability", "ChangeAvailability", map[string]any{"connector": 1, "type": "Inoperative"}, &v16.ChangeAvailabilityConf{Status: v16.AvailabilityScheduled}, nil, station.IsAccepted},
		{"change-configuration", "ChangeConfiguration", map[string]any{"key": "X", "value": "1"}, &v16.ChangeConfigurationConf{Status: "RebootRequired"}, nil, station.IsAccepted},
		{"clear-cache", "ClearCache", map[string]any{}, &v16.ClearCacheConf{Status: v16.Accepted}, nil, station.IsEffective},
		{"set-charging-profile", "SetChargingProfile", map[string]any{"connector": 0, "chargingProfile": profile}, &v16.SetChargingProfileConf{Status: "Accepted"}, nil, station.IsEffective},
		{"get-local-list-version", "GetLocalListVersion", map[string]any{}, &v16.GetLocalListVersionConf{ListVersion: 3}, nil, station.IsEffective},
		{"send-local-list", "SendLocalList", map[string]any{}, &v16.SendLocalListConf{Status: "VersionMismatch"}, nil, station.IsRejected},
		{"send-local-list", "SendLocalList", map[string]any{"idTags": []string{"ann"}}, &v16.SendLocalListConf{Status: "Accepted"}, nil, station.IsEffective},
		{"reserve", "ReserveNow", map[string]any{"connector": 1, "idTag": "ANN", "until": until, "reservation": 7}, &v16.ReserveNowConf{Status: "Accepted"}, nil, station.IsAccepted},
		{"get-composite-schedule", "GetCompositeSchedule", map[string]any{"connector": 1, "duration": 60}, &v16.GetCompositeScheduleConf{Status: v16.Rejected}, nil, station.IsRejected},
		{"data-transfer", "DataTransfer", map[string]any{"vendorId": "volt"}, &v16.DataTransferConf{Status: "UnknownVendorId"}, nil, station.IsRejected},
		{"diagnostics", "GetDiagnostics", map[string]any{"location": "ftp://example.com/"}, &v16.GetDiagnosticsConf{}, nil, station.IsAccepted},
		{"get-log", "GetLog", map[string]any{"logType": "SecurityLog", "requestId": 1, "log": map[string]any{"remoteLocation": "ftp://example.com/"}}, &v16.GetLogConf{Status: "Accepted"}, nil, station.IsAccepted},
		{"installed-certificates", "GetInstalledCertificateIds", map[string]any{"certificateType": "CentralSystemRootCertificate"}, &v16.GetInstalledCertificateIdsConf{Status: "NotFound"}, nil, station.IsRejected},
	} {
		b.mu.Lock()
		b.answers[c.action] = always(c.response, c.err)
		b.mu.Unlock()
		w.reaches(w.order(c.command, c.body).Command, c.want)
	}
	for _, r := range b.got("SendLocalList") {
		if list := r.(*v16.SendLocalListReq); list.ListVersion < 1 {
			t.Errorf("a local list has the version %d", list.ListVersion)
		}
	}
	// The same number replaces the reservation.
	say(b, &v16.StatusNotificationReq{ConnectorID: 1, Status: v16.StatusReserved, ErrorCode: v16.ErrorNoError})
	w.reaches(w.order("reserve", map[string]any{"connector": 1, "idTag": "ZOE", "until": until, "reservation": 7}).Command, station.IsEffective)
}

func TestWhatViolatesTheStandardIsNotSent(t *testing.T) {
	w, b := hostile(t, answers{})
	say(b, start("ANN", 1, 0, at(0)))
	tx := map[string]any{"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
		"chargingSchedule": map[string]any{"chargingRateUnit": "A", "chargingSchedulePeriod": []any{map[string]any{"startPeriod": 0, "limit": 16}}}}
	with := func(field string, value any) map[string]any {
		m := map[string]any{field: value}
		for k, v := range tx {
			m[k] = v
		}
		return m
	}
	for command, body := range map[string]any{
		"set-charging-profile": map[string]any{"connector": 1, "chargingProfile": tx},
		"remote-start":         map[string]any{"connector": 2, "chargingProfile": with("transactionId", 7)},
		"update-firmware":      map[string]any{"location": "ftp://example.com/"},
		"trigger-message":      map[string]any{"message": "Nonsense"},
		"change-configuration": map[string]any{"key": "AuthorizationKey", "value": "0123456789abcdef"},
	} {
		if status := w.ask(http.MethodPost, "/stations/CP-1/commands/"+command, body, nil); status != http.StatusConflict {
			t.Errorf("%s was answered %d", command, status)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.received) != 0 {
		t.Errorf("the station was sent %+v", b.received)
	}
}

func TestRepeatedCommandsAreOne(t *testing.T) {
	w, b := hostile(t, answers{"RemoteStartTransaction": always(&v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil)})
	first := w.order("remote-start", map[string]any{"connector": 1}, "Idempotency-Key", "a")
	w.reaches(first.Command, station.IsAccepted)
	if again := w.order("remote-start", map[string]any{"connector": 1}, "Idempotency-Key", "a"); !again.Repeated || again.Command != first.Command || again.IDTag != first.IDTag {
		t.Errorf("again it was answered %+v, first %+v", again, first)
	}
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/remote-start", map[string]any{"connector": 2}, nil, "Idempotency-Key", "a"); status != http.StatusConflict {
		t.Errorf("the key with another command was answered %d", status)
	}
	if n := len(b.got("RemoteStartTransaction")); n != 1 {
		t.Errorf("the station was asked %d times", n)
	}
}

func TestANewPasswordIsToldAndNoEventHasIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{CallTimeout: time.Second})
	const old, young = "0123456789abcdefghij", "ABCDEFGHIJ0123456789"
	w.must(http.MethodPost, "/stations", map[string]any{"id": "CP-1", "password": old}, nil)
	b, err := w.dial("CP-1", answers{"ChangeConfiguration": always(&v16.ChangeConfigurationConf{Status: "Accepted"}, nil)}, &ocpp.ClientOptions{Password: old})
	if err != nil {
		t.Fatal(err)
	}
	b.boot()
	var told charging.Asked
	w.must(http.MethodPost, "/stations/CP-1/credentials", map[string]any{"profile": 1, "password": young, "tell": true}, &told)
	w.reaches(told.Command, station.IsEffective)
	w.until("the old one is good no more", func() bool {
		other, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: old})
		if err == nil {
			other.pull()
		}
		return err != nil
	})
	if _, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: young}); err != nil {
		t.Errorf("with the new one: %v", err)
	}
	if calls := string(mustJSON(t, b.got("ChangeConfiguration"))); !strings.Contains(strings.ToLower(calls), "4142434445464748494a30313233343536373839") {
		t.Errorf("the station was told %s", calls)
	}
	for e, err := range w.store.ReadLog(t.Context(), 0, nil) {
		if text := strings.ToLower(string(e.Data)); err != nil || strings.Contains(text, strings.ToLower(young)) || strings.Contains(text, "4142434445464748") {
			t.Errorf("an event has the password: %s, %v", e.Data, err)
		}
	}
	var wire charging.WireLog
	w.must(http.MethodGet, "/stations/CP-1/wire", nil, &wire)
	if log := string(mustJSON(t, wire)); len(wire.Messages) == 0 || strings.Contains(strings.ToLower(log), "4142434445464748") {
		t.Errorf("the wire log has the password: %s", log)
	}
}

func TestConfigurationIsAskedAndDriftIsSeen(t *testing.T) {
	value := "300"
	w, b := hostile(t, answers{
		"GetConfiguration": func(ocpp.Request) (ocpp.Response, error) {
			key := "0123456789abcdef"
			return &v16.GetConfigurationConf{ConfigurationKey: []v16.KeyValue{{Key: "HeartbeatInterval", Value: &value}, {Key: "AuthorizationKey", Value: &key}}}, nil
		},
		"ChangeConfiguration": always(&v16.ChangeConfigurationConf{Status: "Accepted"}, nil),
	})
	w.reaches(w.order("change-configuration", map[string]any{"key": "HeartbeatInterval", "value": "60"}).Command, station.IsEffective)
	w.reaches(w.order("get-configuration", map[string]any{}).Command, station.IsEffective)
	_ = b
	w.until("the drift is seen", func() bool {
		var d charging.SettingsDocument
		w.must(http.MethodGet, "/stations/CP-1/configuration", nil, &d)
		for _, s := range d.Settings {
			if s.Key == "AuthorizationKey" && s.Value != nil {
				t.Errorf("the configuration shows the password %q", *s.Value)
			}
			if s.Key == "HeartbeatInterval" && s.Drift && s.Value != nil && *s.Value == "300" && s.Wanted != nil && *s.Wanted == "60" {
				return true
			}
		}
		return false
	})
	for e, err := range w.store.ReadLog(t.Context(), 0, nil) {
		if err != nil || strings.Contains(string(e.Data), "0123456789abcdef") {
			t.Errorf("an event has the password: %s, %v", e.Data, err)
		}
	}
}
