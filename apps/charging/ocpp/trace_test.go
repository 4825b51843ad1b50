package ocpp_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

func TestWireLogRelatesAnswersToCalls(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		done := r.call(t.Context(), reset)
		id, _ := r.asked()
		pause(2 * time.Second)
		r.say(heartbeat, `[3,"`+id+`",{"status":"Accepted"}]`)
		r.ended(done)
		r.hears(heartbeatOK)
		want := []ocpp.Wire{
			{Sent: true, Type: ocpp.TypeCall, ID: id, Action: "Reset", Message: []byte(`[2,"` + id + `","Reset",{"type":"Soft"}]`)},
			{Type: ocpp.TypeCall, ID: "h1", Action: "Heartbeat", Message: []byte(heartbeat)},
			{Type: ocpp.TypeCallResult, ID: id, Action: "Reset", Elapsed: 2 * time.Second, Message: []byte(`[3,"` + id + `",{"status":"Accepted"}]`)},
			{Sent: true, Type: ocpp.TypeCallResult, ID: "h1", Action: "Heartbeat", Message: []byte(heartbeatOK)},
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.wires) != len(want) {
			t.Fatalf("the log is %+v", r.wires)
		}
		found := 0
		for _, w := range want {
			for _, got := range r.wires {
				if got.Sent == w.Sent && got.Type == w.Type && got.ID == w.ID && got.Action == w.Action && got.Elapsed == w.Elapsed &&
					got.Problem == "" && string(got.Message) == string(w.Message) && !got.Time.IsZero() {
					found++
				}
			}
		}
		if found != len(want) {
			t.Errorf("the log is %+v\nwant %+v", r.wires, want)
		}
	})
}

func TestCredentialsAreNeverLogged(t *testing.T) {
	const secret = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		ask := func(request ocpp.Request, answer string) {
			done := r.call(t.Context(), request)
			id, _ := r.asked()
			r.say(strings.ReplaceAll(answer, "ID", id))
			<-done
		}
		ask(&v16.ChangeConfigurationReq{Key: v16.KeyAuthorizationKey, Value: secret}, `[3,"ID",{"status":"Accepted"}]`)
		ask(&v16.ChangeConfigurationReq{Key: "authorizationkey", Value: secret}, `[3,"ID",{"status":"Accepted"}]`)
		ask(&v16.ChangeConfigurationReq{Key: v16.KeyAuthorizationKey, Value: secret}, `[4,"ID","InternalError","`+secret+` is not good: `+strings.ToLower(secret)+`",{"was":"`+secret+`"}]`)
		ask(&v16.GetConfigurationReq{}, `[3,"ID",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"`+secret+`"},{"key":"A","readonly":true,"value":"seen"}]}]`)
		ask(&v16.GetConfigurationReq{}, `[3,"ID",{"configurationKey":[{"value":"`+secret+`","\u006bey":"\u0041uthorizationKey"}]}]`)
		ask(&v16.GetDiagnosticsReq{Location: "ftp://user:" + secret + "@example.com/logs"}, `[3,"ID",{}]`)
		notSent(t, r.ended(r.call(t.Context(), &v16.GetDiagnosticsReq{Location: "ftp://user:" + secret + "@exa mple.com:x/"})), nil)
		r.say(`[2,"d1","DataTransfer",{"vendorId":"v","data":"{\"AuthorizationKey\":\"` + secret + `\"}"}]`)
		r.say(`[2,"d2","DataTransfer",{"vendorId":"v","AuthorizationKey":"` + secret + `"`)
		r.say(`[2,"d3","DataTransfer",{"vendorId":"v","data":"https://u:` + secret + `@[::1/"}]`)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		all := ""
		for _, w := range r.wires {
			all += string(w.Message) + " " + w.Problem + "\n"
		}
		if strings.Contains(strings.ToLower(all), strings.ToLower(secret)) {
			t.Errorf("the log has the key:\n%s", all)
		}
		for _, want := range []string{
			`"ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]`, `{"key":"A","readonly":true,"value":"seen"}`,
			`{"location":"ftp://***@example.com/logs"}`, "(withheld", `"InternalError","*** is not good: ***"`,
		} {
			if !strings.Contains(all, want) {
				t.Errorf("the log lacks %s:\n%s", want, all)
			}
		}
	})
}
