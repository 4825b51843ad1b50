package ocpp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

var frames = []string{
	`[2,"19223201","BootNotification",{"chargePointVendor":"VendorX","chargePointModel":"SingleSocketCharger"}]`,
	`[2,"a","Heartbeat",{}]`,
	`[3,"19223201",{"status":"Accepted","currentTime":"2013-02-01T20:53:32.486Z","heartbeatInterval":300}]`,
	`[3,"ä","x"]`,
	`[4,"162376037","NotSupported","SendLocalList.req not implemented",{}]`,
	`[4,"1","GenericError","",{"a":[1,2,{"b":null}]}]`,
}

func TestFrames(t *testing.T) {
	for _, text := range frames {
		f, err := ocpp.ParseFrame([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(f.Append([]byte("x"))); got != "x"+text {
			t.Errorf("%s is written as %s", text, got)
		}
	}
}

func TestFramesAsTheyComeToo(t *testing.T) {
	for text, want := range map[string]string{
		" [ 2 , \"a\" , \"Heartbeat\" , null ] \n": `[2,"a","Heartbeat",{}]`,
		`[3,"a",null]`:                      `[3,"a",{}]`,
		`[4,"a","InternalError"]`:           `[4,"a","InternalError","",{}]`,
		`[4,"a","InternalError",null]`:      `[4,"a","InternalError","",{}]`,
		`[4,"a","InternalError",null,null]`: `[4,"a","InternalError","",{}]`,
		`[2,"` + strings.Repeat("ä", 36) + `","` + "\\u0041" + `uthorize",{}]`: `[2,"` + strings.Repeat("ä", 36) + `","Authorize",{}]`,
	} {
		f, err := ocpp.ParseFrame([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(f.Append(nil)); got != want {
			t.Errorf("%s is written as %s, want %s", text, got, want)
		}
	}
	long := ocpp.Frame{Type: ocpp.TypeCallError, ID: "a", Code: ocpp.GenericError, Description: strings.Repeat("ä", 300)}
	if got, want := string(long.Append(nil)), `[4,"a","GenericError","`+strings.Repeat("ä", 255)+`",{}]`; got != want {
		t.Errorf("a long description is written as %s", got)
	}
}

func TestNoFrames(t *testing.T) {
	long := strings.Repeat("x", 37)
	for _, test := range []struct {
		text   string
		kind   ocpp.MessageType
		id     string
		reason string
	}{
		{``, 0, "", "not a JSON array"},
		{`{}`, 0, "", "not a JSON array"},
		{`null`, 0, "", "0 elements"},
		{`[]`, 0, "", "0 elements"},
		{`[2]`, 0, "", "1 elements"},
		{`[2,"a","Heartbeat",{}`, 0, "", "not a JSON array"},
		{`[2,"a","Heartbeat",{}]x`, 0, "", "not a JSON array"},
		{"[2,\"\xff\",\"Heartbeat\",{}]", 0, "", "not valid UTF-8"},
		{`["2","a","Heartbeat",{}]`, 0, "", "no integer"},
		{`[2.0,"a","Heartbeat",{}]`, 0, "", "no integer"},
		{`[99999999999999999999,"a",{}]`, 0, "", "no integer"},
		{`[5,"a",{}]`, 5, "a", "unknown message type"},
		{`[-2,"a",{}]`, -2, "a", "unknown message type"},
		{`[2,7,"Heartbeat",{}]`, 2, "", "the message ID is no string"},
		{`[2,null,"Heartbeat",{}]`, 2, "", "the message ID is no string"},
		{`[2,"","Heartbeat",{}]`, 2, "", "1 to 36 characters"},
		{`[2,"` + long + `","Heartbeat",{}]`, 2, long, "1 to 36 characters"},
		{`[2,"` + strings.Repeat(long, 10) + `","Heartbeat",{}]`, 2, "", "1 to 36 characters"},
		{`[2,"a","Heartbeat"]`, 2, "a", "4 elements"},
		{`[2,"a","Heartbeat",{},{}]`, 2, "a", "4 elements"},
		{`[2,"a",7,{}]`, 2, "a", "the action is no string"},
		{`[3,"a"]`, 3, "a", "3 elements"},
		{`[3,"a",{},{}]`, 3, "a", "3 elements"},
		{`[4,"a"]`, 4, "a", "5 elements"},
		{`[4,"a",7,"",{}]`, 4, "a", "the error code is no string"},
		{`[4,"a","GenericError","",{},{}]`, 4, "a", "5 elements"},
	} {
		_, err := ocpp.ParseFrame([]byte(test.text))
		var e *ocpp.FrameError
		if !errors.As(err, &e) || e.Frame.Type != test.kind || e.Frame.ID != test.id || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s: %+v, want %v %q %s", test.text, err, test.kind, test.id, test.reason)
		}
	}
}

// What is a frame is written as one that is read as the same.
func FuzzParseFrame(f *testing.F) {
	for _, text := range frames {
		f.Add([]byte(text))
	}
	for _, text := range []string{
		``, `[]`, `[2]`, `[2,"a"]`, `[2,"a","b",{},1]`, `[[[[[[`, `[2,"\ud800","\u0000",{"a":1e999}]`, `[4,"a","b"]`, `[3,"a",null]`,
		`[2,"` + strings.Repeat("x", 300) + `","Heartbeat",{}]`, `[9223372036854775808,"a"]`, "[3,\"\x80\",{}]", strings.Repeat("[", 20000),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := ocpp.ParseFrame(data)
		if err != nil {
			if _, ok := err.(*ocpp.FrameError); !ok {
				t.Fatalf("%q: %T", data, err)
			}
			return
		}
		again, err := ocpp.ParseFrame(frame.Append(nil))
		if len([]rune(frame.Description)) > 255 {
			return // it was cut
		}
		if err != nil || string(again.Append(nil)) != string(frame.Append(nil)) {
			t.Fatalf("%q is written as %s, and that as %s, %v", data, frame.Append(nil), again.Append(nil), err)
		}
	})
}
