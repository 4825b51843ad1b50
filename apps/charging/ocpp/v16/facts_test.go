package v16_test

import (
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// tolerated reads a fact that violates the standard and returns it.
func tolerated[R ocpp.Request](t *testing.T, action, payload string) (r R) {
	t.Helper()
	request, err := v16.Messages{}.DecodeRequest(ocpp.CentralSystem, action, []byte(payload))
	if err == nil {
		t.Errorf("%s %s: no violation", action, payload)
	}
	if request == nil {
		t.Fatalf("%s %s is refused: %v", action, payload, err)
	}
	if refused, err := (v16.Messages{Strict: true}).DecodeRequest(ocpp.CentralSystem, action, []byte(payload)); refused != nil || err == nil {
		t.Errorf("%s %s: strict reading does not refuse it", action, payload)
	}
	return request.(R)
}

const startOK = `"connectorId":1,"meterStart":10,"timestamp":"2026-01-02T03:04:05Z"`

func TestSanityFailureOfATransactionStillGetsARequestToAnswer(t *testing.T) {
	long := strings.Repeat("x", 25)
	if r := tolerated[*v16.StartTransactionReq](t, "StartTransaction", `{`+startOK+`,"idTag":"`+long+`"}`); r.IDTag != long {
		t.Errorf("the tag is %q", r.IDTag)
	}
	if r := tolerated[*v16.StartTransactionReq](t, "StartTransaction", `{"connectorId":0,"idTag":"A","meterStart":10.9,"timestamp":""}`); r.MeterStart != 10 || !r.Timestamp.IsZero() || r.IDTag != "A" {
		t.Errorf("%+v", r)
	}
	if r := tolerated[*v16.StartTransactionReq](t, "StartTransaction", `{`+startOK+`,"idTag":1234,"reservationId":"seven"}`); r.IDTag != "1234" || r.ReservationID != nil {
		t.Errorf("%+v", r)
	}
	if r := tolerated[*v16.StopTransactionReq](t, "StopTransaction", `{"meterStop":"20","timestamp":"x","transactionId":42.0,"reason":"Bored","transactionData":"none"}`); r.MeterStop != 20 || r.TransactionID != 42 || r.Reason != "Bored" {
		t.Errorf("%+v", r)
	}
}

func TestMeterValuesWithABadSampleKeepTheOthers(t *testing.T) {
	r := tolerated[*v16.MeterValuesReq](t, "MeterValues", `{"connectorId":1,"meterValue":[
		{"timestamp":"2026-01-02T03:04:05Z","sampledValue":[{"value":12.5},{"unit":"Wh"},7,{"value":"13","unit":"Joule"}]},
		{"sampledValue":[{"value":"1"}]},
		{"timestamp":"2026-01-02T03:05:05Z","sampledValue":[]}]}`)
	if len(r.MeterValue) != 2 || len(r.MeterValue[0].SampledValue) != 2 || r.MeterValue[0].SampledValue[0].Value != "12.5" || r.MeterValue[0].SampledValue[1].Unit != "Joule" {
		t.Errorf("%+v", r.MeterValue)
	}
}

func TestStatusNotificationWithTooMuchInfoIsServed(t *testing.T) {
	r := tolerated[*v16.StatusNotificationReq](t, "StatusNotification", `{"connectorId":1,"errorCode":"Fuse","info":"`+strings.Repeat("x", 60)+`","status":"Faulted"}`)
	if r.Status != v16.StatusFaulted || len(r.Info) != 60 || r.ErrorCode != "Fuse" {
		t.Errorf("%+v", r)
	}
}

func TestFactWithoutWhatItMustHaveIsRefused(t *testing.T) {
	for payload, code := range map[string]ocpp.ErrorCode{
		`{` + startOK + `}`:                        ocpp.OccurenceConstraintViolation,
		`{` + startOK + `,"idTag":{}}`:             ocpp.TypeConstraintViolation,
		`{"idTag":"A","meterStart":"ten","x":1}`:   ocpp.OccurenceConstraintViolation,
		`{"connectorId":[],"idTag":"` + "A" + `"}`: ocpp.TypeConstraintViolation,
		`[]`: ocpp.FormationViolation,
	} {
		request, err := v16.Messages{}.DecodeRequest(ocpp.CentralSystem, "StartTransaction", []byte(payload))
		if request != nil {
			t.Errorf("%s is served", payload)
		}
		wantError(t, payload, err, code, "")
	}
}

func TestTransactionIDMinusOneIsValid(t *testing.T) {
	m := v16.Messages{Strict: true}
	meter, err := m.DecodeRequest(ocpp.CentralSystem, "MeterValues", []byte(`{"connectorId":1,"transactionId":-1,"meterValue":[{"timestamp":"2026-01-02T03:04:05Z","sampledValue":[{"value":"1"}]}]}`))
	if err != nil || *meter.(*v16.MeterValuesReq).TransactionID != -1 {
		t.Errorf("%+v, %v", meter, err)
	}
	stop, err := m.DecodeRequest(ocpp.CentralSystem, "StopTransaction", []byte(`{"meterStop":1,"timestamp":"2026-01-02T03:04:05Z","transactionId":-1}`))
	if err != nil || stop.(*v16.StopTransactionReq).TransactionID != -1 {
		t.Errorf("%+v, %v", stop, err)
	}
}

func TestStartTransactionConfCarriesATransactionIDAndIDTagInfoEvenWhenRefusing(t *testing.T) {
	start, m := &v16.StartTransactionReq{}, v16.Messages{}
	got, err := m.EncodeResponse(start, &v16.StartTransactionConf{TransactionID: 42, IDTagInfo: v16.IDTagInfo{Status: v16.AuthorizationBlocked}})
	if err != nil || string(got) != `{"idTagInfo":{"status":"Blocked"},"transactionId":42}` {
		t.Errorf("%s, %v", got, err)
	}
	for _, id := range []int{0, -1} {
		if got, err := m.EncodeResponse(start, &v16.StartTransactionConf{TransactionID: id, IDTagInfo: v16.IDTagInfo{Status: v16.AuthorizationBlocked}}); err == nil {
			t.Errorf("%s is sent", got)
		}
	}
	if got, err := m.EncodeResponse(start, &v16.StartTransactionConf{TransactionID: 42}); err == nil {
		t.Errorf("%s is sent", got)
	}
}

func TestConnectorZeroIsAvailableUnavailableOrFaultedOnly(t *testing.T) {
	for _, status := range strings.Fields("Available Preparing Charging SuspendedEVSE SuspendedEV Finishing Reserved Unavailable Faulted") {
		_, err := v16.Messages{Strict: true}.DecodeRequest(ocpp.CentralSystem, "StatusNotification", []byte(`{"connectorId":0,"errorCode":"NoError","status":"`+status+`"}`))
		if own := strings.Contains("Available Unavailable Faulted", status); (err == nil) != own {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestLocalListVersionIsNeverZeroOrMinusOne(t *testing.T) {
	for version, allowed := range map[int]bool{-1: false, 0: false, 1: true} {
		if _, err := (v16.Messages{}).EncodeRequest(ocpp.ChargePoint, &v16.SendLocalListReq{ListVersion: version, UpdateType: v16.UpdateFull}); (err == nil) != allowed {
			t.Errorf("%d: %v", version, err)
		}
	}
}

func TestTxProfileNeedsATransactionIDExceptInARemoteStartWhereItIsNotAllowed(t *testing.T) {
	m, id := v16.Messages{}, 42
	set := profileRequest(v16.PurposeTxProfile)
	remote := &v16.RemoteStartTransactionReq{IDTag: "A", ChargingProfile: &set.CSChargingProfiles}
	_, err := m.EncodeRequest(ocpp.ChargePoint, set)
	wantError(t, "SetChargingProfile without", err, ocpp.OccurenceConstraintViolation, "csChargingProfiles.transactionId")
	if _, err := m.EncodeRequest(ocpp.ChargePoint, remote); err != nil {
		t.Errorf("RemoteStartTransaction without: %v", err)
	}
	set.CSChargingProfiles.TransactionID = &id
	if _, err := m.EncodeRequest(ocpp.ChargePoint, set); err != nil {
		t.Errorf("SetChargingProfile with: %v", err)
	}
	_, err = m.EncodeRequest(ocpp.ChargePoint, remote)
	wantError(t, "RemoteStartTransaction with", err, ocpp.OccurenceConstraintViolation, "chargingProfile.transactionId")
}

func TestAbsentReasonMeansLocal(t *testing.T) {
	stop := v16.StopTransactionReq{}
	if got := stop.ReasonOrDefault(); got != v16.ReasonLocal {
		t.Errorf("it is %q", got)
	}
	stop.Reason = v16.ReasonPowerLoss
	if got := stop.ReasonOrDefault(); got != v16.ReasonPowerLoss {
		t.Errorf("it is %q", got)
	}
}

func TestUnitCelciusIsAccepted(t *testing.T) {
	r, err := v16.Messages{Strict: true}.DecodeRequest(ocpp.CentralSystem, "MeterValues", []byte(`{"connectorId":1,"meterValue":[{"timestamp":"2026-01-02T03:04:05Z","sampledValue":[{"value":"21","unit":"Celcius"}]}]}`))
	if err != nil || r.(*v16.MeterValuesReq).MeterValue[0].SampledValue[0].Unit != v16.UnitCelsius {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDefaultsOfASampledValue(t *testing.T) {
	var v v16.SampledValue
	if v.ContextOrDefault() != v16.ContextSamplePeriodic || v.FormatOrDefault() != v16.FormatRaw || v.LocationOrDefault() != v16.LocationOutlet ||
		v.MeasurandOrDefault() != v16.MeasurandEnergyActiveImportRegister || v.UnitOrDefault() != v16.UnitWh {
		t.Errorf("%q %q %q %q %q", v.ContextOrDefault(), v.FormatOrDefault(), v.LocationOrDefault(), v.MeasurandOrDefault(), v.UnitOrDefault())
	}
	v.Measurand = v16.MeasurandFrequency
	if got := v.UnitOrDefault(); got != "" {
		t.Errorf("a frequency is in %q", got)
	}
}

func TestErrorCodeWithoutFaultedIsAWarning(t *testing.T) {
	for _, test := range []struct {
		code    v16.ChargePointErrorCode
		status  v16.ChargePointStatus
		warning bool
	}{
		{v16.ErrorWeakSignal, v16.StatusCharging, true},
		{v16.ErrorWeakSignal, v16.StatusFaulted, false},
		{v16.ErrorNoError, v16.StatusCharging, false},
	} {
		if r := (v16.StatusNotificationReq{ErrorCode: test.code, Status: test.status}); r.Warning() != test.warning {
			t.Errorf("%+v: %v", r, r.Warning())
		}
	}
}

func TestPowerFaults(t *testing.T) {
	faults := "GroundFailure OverCurrentFailure OverVoltage UnderVoltage PowerMeterFailure PowerSwitchFailure"
	for _, code := range strings.Fields(faults + " ConnectorLockFailure EVCommunicationError HighTemperature InternalError NoError OtherError ReaderFailure ResetFailure WeakSignal LocalListConflict") {
		if got := v16.ChargePointErrorCode(code).PowerFault(); got != strings.Contains(faults, code) {
			t.Errorf("%s: %v", code, got)
		}
	}
}
