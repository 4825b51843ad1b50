package v16_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// receiver returns a side that may be called with an action.
func receiver(a v16.Action) ocpp.Side {
	if a.ToCentralSystem {
		return ocpp.CentralSystem
	}
	return ocpp.ChargePoint
}

func TestActions(t *testing.T) {
	count := map[bool]int{}
	for _, a := range v16.Actions() {
		count[a.Security]++
		if a.NewRequest().Action() != a.Name {
			t.Errorf("%s has the request %T", a.Name, a.NewRequest())
		}
		if got, want := fmt.Sprintf("%T %T", a.NewRequest(), a.NewResponse()), fmt.Sprintf("*v16.%[1]sReq *v16.%[1]sConf", a.Name); got != want {
			t.Errorf("%s has %s, want %s", a.Name, got, want)
		}
		if both := a.ToCentralSystem && a.ToChargePoint; both != (a.Name == "DataTransfer") || !a.ToCentralSystem && !a.ToChargePoint {
			t.Errorf("%s goes to the central system: %v, to the charge point: %v", a.Name, a.ToCentralSystem, a.ToChargePoint)
		}
		if _, ok := v16.LookupAction(strings.ToLower(a.Name)); ok {
			t.Errorf("%s is found in small letters", a.Name)
		}
	}
	if count[false] != 28 || count[true] != 11 {
		t.Errorf("there are %d actions and %d of the security extension, want 28 and 11", count[false], count[true])
	}
}

func TestRoundTrip(t *testing.T) {
	m := v16.Messages{Strict: true}
	for _, a := range v16.Actions() {
		sample, ok := samples[a.Name]
		if !ok {
			t.Errorf("no samples for %s", a.Name)
		}
		for _, payload := range sample[0] {
			request, err := m.DecodeRequest(receiver(a), a.Name, []byte(payload))
			if err != nil {
				t.Errorf("%s %s: %v", a.Name, payload, err)
				continue
			}
			if got, err := m.EncodeRequest(receiver(a), request); err != nil || string(got) != payload {
				t.Errorf("%s %s\nis written as %s, %v", a.Name, payload, got, err)
			}
		}
		for _, payload := range sample[1] {
			response, err := m.DecodeResponse(a.NewRequest(), []byte(payload))
			if err != nil {
				t.Errorf("%s %s: %v", a.Name, payload, err)
				continue
			}
			if got, err := m.EncodeResponse(a.NewRequest(), response); err != nil || string(got) != payload {
				t.Errorf("%s %s\nis written as %s, %v", a.Name, payload, got, err)
			}
		}
	}
}

// wantError checks for a CallError with a code that names a place.
func wantError(t *testing.T, what string, err error, code ocpp.ErrorCode, place string) {
	t.Helper()
	var e *ocpp.CallError
	if !errors.As(err, &e) || e.Code != code || !strings.HasPrefix(e.Description, place) {
		t.Errorf("%s: %v, want %s: %s…", what, err, code, place)
	}
}

func TestViolations(t *testing.T) {
	const (
		property  = ocpp.PropertyConstraintViolation
		occurence = ocpp.OccurenceConstraintViolation
		kind      = ocpp.TypeConstraintViolation
		formation = ocpp.FormationViolation
	)
	const schedule = `"chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":1}]}`
	long := strings.Repeat("x", 21)
	for _, test := range []struct {
		action, payload string
		code            ocpp.ErrorCode
		place           string
	}{
		{"Authorize", `[]`, formation, "the payload"},
		{"Authorize", `"A"`, formation, "the payload"},
		{"Authorize", "{\"idTag\":\"\xff\"}", formation, "the payload"},
		{"Authorize", `{}`, occurence, "idTag is missing"},
		{"Authorize", ``, occurence, "idTag is missing"},
		{"Authorize", `null`, occurence, "idTag is missing"},
		{"Authorize", `{"idTag":null}`, occurence, "idTag is missing"},
		{"Authorize", `{"IDTAG":"A"}`, occurence, "idTag is missing"},
		{"Authorize", `{"idTag":12}`, kind, "idTag is not a string"},
		{"Authorize", `{"idTag":"` + long + `"}`, property, "idTag has more than 20 characters"},
		{"BootNotification", `{"chargePointVendor":"v"}`, occurence, "chargePointModel"},
		{"BootNotification", `{"chargePointModel":"m","chargePointVendor":"v","imsi":"` + long + `"}`, property, "imsi"},
		{"BootNotification", `{"chargePointModel":"m","chargePointVendor":["v"]}`, kind, "chargePointVendor"},
		{"ChangeAvailability", `{"connectorId":-1,"type":"Operative"}`, property, "connectorId is less than 0"},
		{"ChangeAvailability", `{"connectorId":1,"type":"operative"}`, property, "type is not a value"},
		{"ChangeAvailability", `{"connectorId":"1","type":"Operative"}`, kind, "connectorId is not an integer"},
		{"ChangeAvailability", `{"connectorId":1.5,"type":"Operative"}`, kind, "connectorId is not an integer"},
		{"ChangeAvailability", `{"connectorId":1,"type":5}`, kind, "type is not a string"},
		{"ChangeConfiguration", `{"key":"k","value":"` + strings.Repeat("x", 501) + `"}`, property, "value"},
		{"DataTransfer", `{"vendorId":"v","data":{"a":1}}`, kind, "data is not a string"},
		{"FirmwareStatusNotification", `{"status":"InstallRebooting"}`, property, "status"},
		{"GetConfiguration", `{"key":"HeartbeatInterval"}`, kind, "key is not an array"},
		{"GetConfiguration", `{"key":["a",1]}`, kind, "key[1] is not a string"},
		{"GetConfiguration", `{"key":["` + strings.Repeat("x", 51) + `"]}`, property, "key[0]"},
		{"GetDiagnostics", `{"location":"upload here"}`, property, "location is not a URI"},
		{"GetDiagnostics", `{"location":"ftp://a/","startTime":"yesterday"}`, property, "startTime is not a date"},
		{"GetDiagnostics", `{"location":"ftp://a/","startTime":1767225600}`, kind, "startTime"},
		{"GetLog", `{"logType":"SecurityLog","requestId":1,"log":"x"}`, kind, "log is not an object"},
		{"GetLog", `{"logType":"SecurityLog","requestId":1,"log":{}}`, occurence, "log.remoteLocation is missing"},
		{"MeterValues", `{"connectorId":1,"meterValue":[]}`, occurence, "meterValue is empty"},
		{"MeterValues", `{"connectorId":1,"meterValue":[{"timestamp":"2026-01-02T03:04:05Z","sampledValue":[{"value":1}]}]}`, kind, "meterValue[0].sampledValue[0].value"},
		{"MeterValues", `{"connectorId":1,"meterValue":[{"timestamp":"2026-01-02T03:04:05Z","sampledValue":[{"value":"1","unit":"Joule"}]}]}`, property, "meterValue[0].sampledValue[0].unit"},
		{"MeterValues", `{"connectorId":1,"meterValue":[7]}`, kind, "meterValue[0] is not an object"},
		{"RemoteStartTransaction", `{"idTag":"A","connectorId":0}`, property, "connectorId is less than 1"},
		{"RemoteStartTransaction", `{"idTag":"A","chargingProfile":{"chargingProfileId":1,"transactionId":42,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative",` + schedule + `}}`, occurence, "chargingProfile.transactionId"},
		{"RemoteStartTransaction", `{"idTag":"A","chargingProfile":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Relative",` + schedule + `}}`, property, "chargingProfile.chargingProfilePurpose"},
		{"SendLocalList", `{"listVersion":0,"updateType":"Full"}`, property, "listVersion"},
		{"SendLocalList", `{"listVersion":-1,"updateType":"Full"}`, property, "listVersion"},
		{"SendLocalList", `{"listVersion":1,"updateType":"Full","localAuthorizationList":[{"idTag":"A"}]}`, occurence, "localAuthorizationList[0].idTagInfo is missing"},
		{"SendLocalList", `{"listVersion":1,"updateType":"Differential","localAuthorizationList":[{"idTag":"A"},{"idTag":"a"}]}`, property, "localAuthorizationList[1].idTag is there twice"},
		{"SetChargingProfile", `{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,"transactionId":42,"stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative",` + schedule + `}}`, property, "csChargingProfiles.chargingProfilePurpose"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"ChargePointMaxProfile","chargingProfileKind":"Absolute",` + schedule + `}}`, property, "csChargingProfiles.chargingProfilePurpose"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"transactionId":42,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute",` + schedule + `}}`, occurence, "csChargingProfiles.transactionId"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":-1,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",` + schedule + `}}`, property, "csChargingProfiles.stackLevel"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","recurrencyKind":"Daily",` + schedule + `}}`, occurence, "csChargingProfiles.recurrencyKind"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"kW","chargingSchedulePeriod":[{"startPeriod":0,"limit":1}]}}}`, property, "csChargingProfiles.chargingSchedule.chargingRateUnit"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":5,"limit":1}]}}}`, property, "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].startPeriod"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":1},{"startPeriod":0,"limit":2}]}}}`, property, "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[1].startPeriod"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16.25}]}}}`, property, "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit has more than one digit"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":"16"}]}}}`, kind, "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit is not a number"},
		{"SetChargingProfile", `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":1,"numberPhases":4}]}}}`, property, "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].numberPhases"},
		{"StartTransaction", `{"connectorId":0,"idTag":"A","meterStart":0,"timestamp":"2026-01-02T03:04:05Z"}`, property, "connectorId is less than 1"},
		{"StatusNotification", `{"connectorId":0,"errorCode":"NoError","status":"Charging"}`, property, "status is not one of connector 0"},
		{"StopTransaction", `{"timestamp":"2026-01-02T03:04:05Z","transactionId":1}`, occurence, "meterStop is missing"},
		{"TriggerMessage", `{"requestedMessage":"LogStatusNotification"}`, property, "requestedMessage"},
		{"UnlockConnector", `{"connectorId":0}`, property, "connectorId is less than 1"},
	} {
		a, _ := v16.LookupAction(test.action)
		request, err := v16.Messages{Strict: true}.DecodeRequest(receiver(a), test.action, []byte(test.payload))
		wantError(t, test.action+" "+test.payload, err, test.code, test.place)
		if request != nil {
			t.Errorf("%s %s comes with a request", test.action, test.payload)
		}
	}

	conf := &v16.GetConfigurationReq{}
	_, err := v16.Messages{}.DecodeResponse(conf, []byte(`{"configurationKey":[{"key":"a","readonly":"false"}]}`))
	wantError(t, "GetConfiguration.conf", err, kind, "configurationKey[0].readonly is not a boolean")
	_, err = v16.Messages{}.DecodeResponse(&v16.BootNotificationReq{}, []byte(`{"currentTime":"2026-01-02T03:04:05Z","interval":1.5,"status":"Accepted"}`))
	wantError(t, "BootNotification.conf", err, kind, "interval is not an integer")
}

func TestUnknownFieldsAreTolerated(t *testing.T) {
	request, err := v16.Messages{Strict: true}.DecodeRequest(ocpp.CentralSystem, "Authorize", []byte(`{"idTag":"A","customData":{"x":[1]}}`))
	if err != nil || request.(*v16.AuthorizeReq).IDTag != "A" {
		t.Errorf("%+v, %v", request, err)
	}
}

func TestUnknownActionIsNotImplementedAndForeignDirectionNotSupported(t *testing.T) {
	m := v16.Messages{}
	for _, action := range []string{"", "Boot", "authorize", "NotifyReport"} {
		_, err := m.DecodeRequest(ocpp.CentralSystem, action, nil)
		wantError(t, action, err, ocpp.NotImplemented, "")
	}
	_, err := m.DecodeRequest(ocpp.CentralSystem, "Reset", []byte(`{"type":"Hard"}`))
	wantError(t, "Reset", err, ocpp.NotSupported, "Reset is not for the central system")
	_, err = m.DecodeRequest(ocpp.ChargePoint, "Heartbeat", nil)
	wantError(t, "Heartbeat", err, ocpp.NotSupported, "Heartbeat is not for the charge point")
	_, err = m.EncodeRequest(ocpp.ChargePoint, &v16.HeartbeatReq{})
	wantError(t, "Heartbeat", err, ocpp.NotSupported, "Heartbeat")
}

func TestWhatViolatesTheStandardIsNotWritten(t *testing.T) {
	m := v16.Messages{}
	for place, request := range map[string]ocpp.Request{
		"idTag":                            &v16.RemoteStartTransactionReq{IDTag: strings.Repeat("x", 21)},
		"type is missing":                  &v16.ResetReq{},
		"type is not a value":              &v16.ResetReq{Type: "Gentle"},
		"connectorId":                      &v16.UnlockConnectorReq{},
		"expiryDate is missing":            &v16.ReserveNowReq{IDTag: "A"},
		"key is not valid UTF-8":           &v16.ChangeConfigurationReq{Key: "\xff"},
		"csChargingProfiles.transactionId": profileRequest(v16.PurposeTxProfile),
		"csChargingProfiles.chargingSchedule.chargingSchedulePeriod is empty": &v16.SetChargingProfileReq{CSChargingProfiles: v16.ChargingProfile{
			ChargingProfilePurpose: v16.PurposeTxDefaultProfile, ChargingProfileKind: v16.KindAbsolute,
			ChargingSchedule: v16.ChargingSchedule{ChargingRateUnit: v16.RateA},
		}},
	} {
		_, err := m.EncodeRequest(ocpp.ChargePoint, request)
		code := ocpp.PropertyConstraintViolation
		if strings.Contains(place, "missing") || strings.Contains(place, "empty") || strings.Contains(place, "transactionId") {
			code = ocpp.OccurenceConstraintViolation
		}
		wantError(t, place, err, code, place)
	}
	for place, response := range map[string]ocpp.Response{
		"transactionId is less than 1": &v16.StartTransactionConf{IDTagInfo: v16.IDTagInfo{Status: v16.AuthorizationInvalid}},
		"idTagInfo.status is missing":  &v16.StartTransactionConf{TransactionID: 1},
	} {
		_, err := m.EncodeResponse(&v16.StartTransactionReq{}, response)
		if err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%v, want %s", err, place)
		}
	}
	for _, response := range []ocpp.Response{nil, "x", &v16.HeartbeatConf{}, v16.ResetConf{Status: v16.Accepted}} {
		if _, err := m.EncodeResponse(&v16.ResetReq{}, response); err == nil {
			t.Errorf("a Reset is answered with %#v", response)
		}
	}
}

func profileRequest(purpose v16.ChargingProfilePurpose) *v16.SetChargingProfileReq {
	return &v16.SetChargingProfileReq{ConnectorID: 1, CSChargingProfiles: v16.ChargingProfile{
		ChargingProfilePurpose: purpose, ChargingProfileKind: v16.KindRelative,
		ChargingSchedule: v16.ChargingSchedule{ChargingRateUnit: v16.RateA, ChargingSchedulePeriod: []v16.ChargingSchedulePeriod{{Limit: 160}}},
	}}
}

type caller struct {
	answer ocpp.Response
	err    error
}

func (c caller) Call(context.Context, ocpp.Request) (ocpp.Response, error) { return c.answer, c.err }

func TestCall(t *testing.T) {
	conf, err := v16.Call(t.Context(), caller{answer: &v16.ResetConf{Status: v16.Rejected}}, &v16.ResetReq{Type: v16.ResetHard})
	if err != nil || conf.Status != v16.Rejected {
		t.Errorf("%+v, %v", conf, err)
	}
	if _, err := v16.Call(t.Context(), caller{err: ocpp.ErrOffline}, &v16.ResetReq{}); !errors.Is(err, ocpp.ErrOffline) {
		t.Errorf("%v", err)
	}
}
