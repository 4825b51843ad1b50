package v16_test

import (
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// hostile are payloads that are meant to do harm.
var hostile = []string{
	``, `null`, `{}`, `[]`, `""`, `0`, `{`, `{"a":{"a":{"a":{"a":{}}}}}`, "{\"idTag\":\"\xff\"}", `{"idTag":"\u0000\ud800"}`,
	`{"connectorId":1e400,"idTag":{},"meterStart":-9223372036854775809,"timestamp":true}`,
	`{"connectorId":1,"transactionId":1e-400,"meterValue":[[],{},null,1,{"timestamp":null,"sampledValue":{"value":[]}}]}`,
	`{"connectorId":1,"csChargingProfiles":{"chargingSchedule":{"chargingSchedulePeriod":[{"startPeriod":0,"limit":1e30},{"limit":-0.0e-30}]}}}`,
	`{"key":["AuthorizationKey",null,{}],"configurationKey":[{"key":"k","readonly":null,"value":[]}]}`,
	`{"status":"Accepted","status":"Rejected","Status":1}`,
	`{"location":"://%zz","retrieveDate":"9999-12-31T23:59:59-23:59","expiryDate":"0000-01-01T00:00:00Z"}`,
}

// What can be read without a violation can be written, and read again as the same. What
// a lenient reading takes, a strict one takes too or refuses with the same violation.
func FuzzMessages(f *testing.F) {
	actions := v16.Actions()
	for i, a := range actions {
		for _, payload := range samples[a.Name][0] {
			f.Add(i, false, []byte(payload))
		}
		for _, payload := range samples[a.Name][1] {
			f.Add(i, true, []byte(payload))
		}
		for _, payload := range hostile {
			f.Add(i, false, []byte(payload))
			f.Add(i, true, []byte(payload))
		}
	}
	f.Fuzz(func(t *testing.T, i int, response bool, payload []byte) {
		if i < 0 || i >= len(actions) {
			return
		}
		a, strict := actions[i], v16.Messages{Strict: true}
		again := func(text []byte) (any, []byte, error) {
			if response {
				r, err := strict.DecodeResponse(a.NewRequest(), text)
				if err != nil {
					return nil, nil, err
				}
				written, err := strict.EncodeResponse(a.NewRequest(), r)
				return r, written, err
			}
			r, err := strict.DecodeRequest(receiver(a), a.Name, text)
			if err != nil {
				return nil, nil, err
			}
			written, err := strict.EncodeRequest(receiver(a), r)
			return r, written, err
		}
		read, first, err := again(payload)
		if !response {
			_, lenient := v16.Messages{}.DecodeRequest(receiver(a), a.Name, payload)
			if (lenient == nil) != (read != nil) {
				t.Fatalf("%s %q: strict reading: %v, lenient: %v", a.Name, payload, err, lenient)
			}
		}
		if err != nil {
			if _, ok := err.(*ocpp.CallError); !ok {
				t.Fatalf("%s %q: %T", a.Name, payload, err)
			}
			return // refused, or not to be written: what is written is checked for more
		}
		if _, second, err := again(first); err != nil || string(second) != string(first) {
			t.Fatalf("%s %q is written as %s, and that as %s, %v", a.Name, payload, first, second, err)
		}
	})
}
