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

// Whom a remote start is for has one transaction at a time as well, wherever it was started;
// one that came to nothing is none.
func TestRemoteStartsCountForTheirTag(t *testing.T) {
	accept := false
	w, b := hostile(t, nil)
	b.answers = answers{"RemoteStartTransaction": func(ocpp.Request) (ocpp.Response, error) {
		if accept {
			return &v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil
		}
		return &v16.RemoteStartTransactionConf{Status: v16.Rejected}, nil
	}}
	ann := map[string]any{"connector": 1, "idTag": "ANN"}
	w.reaches(w.order("remote-start", ann).Command, station.IsRejected)
	b.mu.Lock()
	accept = true
	b.mu.Unlock()
	asked := w.order("remote-start", ann)
	w.reaches(asked.Command, station.IsAccepted)
	other := map[string]any{"connector": 2, "idTag": "ANN"}
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/remote-start", other, nil); status != http.StatusConflict {
		t.Errorf("a second one at the same time was answered %d", status)
	}
	conf := say(b, start(asked.IDTag, 1, 0, at(0)))
	w.reaches(asked.Command, station.IsEffective)
	card := say(b, start("ANN", 2, 0, at(1)))
	if card.IDTagInfo.Status != v16.AuthorizationConcurrentTx {
		t.Errorf("with the card on top: %+v", card)
	}
	for _, number := range []int{card.TransactionID, conf.TransactionID} {
		say(b, stop(number, 10, at(2)))
		w.until("it has ended", func() bool { return w.transaction("CP-1", number).State == "stopped" })
	}
	if card := say(b, start("ANN", 2, 5, at(3))); card.IDTagInfo.Status != v16.AuthorizationAccepted {
		t.Errorf("afterwards with the card: %+v", card)
	}
}

// Of two starts of one tag at the same moment one is the second.
func TestTwoStartsAtOnce(t *testing.T) {
	w, b := hostile(t, nil)
	w.register("CP-2")
	other := w.connect("CP-2", nil)
	other.boot()
	both := make(chan v16.AuthorizationStatus, 2)
	for _, b := range []*box{b, other} {
		go func() { both <- say(b, start("ANN", 1, 0, at(0))).IDTagInfo.Status }()
	}
	if first, second := <-both, <-both; (first == v16.AuthorizationAccepted) == (second == v16.AuthorizationAccepted) {
		t.Errorf("they were answered %s and %s", first, second)
	}
}

// A station is told of which group a tag is, also of one that was made for a remote start, and
// that a start is repeated changes nothing about it.
func TestGroupsOfTags(t *testing.T) {
	w, b := hostile(t, answers{"RemoteStartTransaction": always(&v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil)})
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": "EVE", "status": "Accepted", "parent": "FAMILY", "expires": until}, nil)
	asked := w.order("remote-start", map[string]any{"connector": 1, "idTag": "EVE"})
	w.reaches(asked.Command, station.IsAccepted)
	conf := say(b, start(asked.IDTag, 1, 0, at(0)))
	if conf.IDTagInfo.ParentIDTag != "FAMILY" {
		t.Errorf("the remote start was answered %+v", conf.IDTagInfo)
	}
	end := stop(conf.TransactionID, 10, at(5))
	end.IDTag = asked.IDTag
	if info := say(b, end).IDTagInfo; info == nil || info.Status != v16.AuthorizationAccepted || info.ParentIDTag != "FAMILY" {
		t.Errorf("its end was answered %+v", info)
	}
	w.until("it has ended", func() bool { return w.transaction("CP-1", conf.TransactionID).State == "stopped" })
	first := say(b, start("eve", 2, 0, at(6)))
	if again := say(b, start("eve", 2, 0, at(6))); again.IDTagInfo != first.IDTagInfo || first.IDTagInfo.Status != v16.AuthorizationAccepted || first.IDTagInfo.ParentIDTag != "FAMILY" {
		t.Errorf("a start was answered %+v, and then %+v", first.IDTagInfo, again.IDTagInfo)
	}
}

// Values that are of no transaction say nothing about a stop without a number.
func TestValuesOfTheClockDoNotSayWhichTransactionEnds(t *testing.T) {
	w, b := hostile(t, nil)
	one, two := say(b, start("ANN", 1, 100, at(0))), say(b, start("BERT", 2, 100, at(0)))
	say(b, &v16.MeterValuesReq{ConnectorID: 1, MeterValue: []v16.MeterValue{{Timestamp: at(3), SampledValue: []v16.SampledValue{{Value: "160", Context: v16.ContextSampleClock}}}}})
	end := stop(-1, 300, at(10))
	end.IDTag = "BERT"
	say(b, end)
	w.until("that of the tag has ended", func() bool { return w.transaction("CP-1", two.TransactionID).State == "stopped" })
	if d := w.transaction("CP-1", one.TransactionID); d.State != "running" {
		t.Errorf("the other is %+v", d)
	}
}

// A list of id tags has what they may do in general, and may be empty.
func TestLocalLists(t *testing.T) {
	w, b := hostile(t, answers{"SendLocalList": always(&v16.SendLocalListConf{Status: "Accepted"}, nil)})
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": "FIRM", "status": "Blocked"}, nil)
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": "EVE", "status": "Accepted", "parent": "FIRM"}, nil)
	w.reaches(w.order("send-local-list", map[string]any{"idTags": []string{"EVE", "ANN"}}).Command, station.IsEffective)
	w.reaches(w.order("send-local-list", map[string]any{"idTags": []string{}}).Command, station.IsEffective)
	sent := b.got("SendLocalList")
	first, second := sent[0].(*v16.SendLocalListReq), sent[1].(*v16.SendLocalListReq)
	if l := first.LocalAuthorizationList; len(l) != 2 || l[0].IDTag != "ANN" || l[1].IDTagInfo.Status != v16.AuthorizationBlocked {
		t.Errorf("the first list is %+v", l)
	}
	if len(second.LocalAuthorizationList) != 0 || second.ListVersion <= first.ListVersion {
		t.Errorf("the second list is %+v", second)
	}
}

// A key that comes with something else is refused, whatever is different about it.
func TestKeysAreOfOneOrder(t *testing.T) {
	w, _ := hostile(t, answers{"Reset": always(&v16.ResetConf{Status: v16.Rejected}, nil)})
	first := w.order("reset", map[string]any{"type": "Soft"}, "Idempotency-Key", "a")
	w.reaches(first.Command, station.IsRejected)
	if status := w.ask(http.MethodPost, "/stations/CP-1/commands/reset", map[string]any{"type": "Hard"}, nil, "Idempotency-Key", "a"); status != http.StatusConflict {
		t.Errorf("another reset with the key was answered %d", status)
	}
}

func TestTheAuthorizationKeyIsNotSetLikeOthers(t *testing.T) {
	w, b := hostile(t, answers{"ChangeConfiguration": always(&v16.ChangeConfigurationConf{Status: "Accepted"}, nil)})
	for _, value := range []string{"", "0123456789abcdef"} {
		body := map[string]any{"key": "authorizationkey", "value": value}
		if status := w.ask(http.MethodPost, "/stations/CP-1/commands/change-configuration", body, nil); status != http.StatusConflict {
			t.Errorf("%q was answered %d", value, status)
		}
	}
	w.reaches(w.order("change-configuration", map[string]any{"key": "Banner", "value": ""}).Command, station.IsEffective)
	if n := len(b.got("ChangeConfiguration")); n != 1 {
		t.Errorf("the station was told %d things", n)
	}
}

func TestWhatIsRefusedAtRegistrationLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	bad := map[string]any{"id": "CP-1", "profile": 3, "connectors": []any{map[string]any{"current": "both"}}}
	if status := w.ask(http.MethodPost, "/stations", bad, nil); status < 400 {
		t.Fatalf("it was answered %d", status)
	}
	for e, err := range w.store.ReadLog(t.Context(), 0, nil) {
		if err != nil || strings.HasPrefix(e.ActorID, "station") {
			t.Errorf("it has led to %+v, %v", e, err)
		}
	}
	w.register("CP-1")
	w.connect("CP-1", nil).boot()
}

// Passwords in addresses are for the station: the API, other systems and the wire log do not
// have them.
func TestPasswordsInAddressesAreNotShown(t *testing.T) {
	w, b := hostile(t, answers{"GetDiagnostics": always(&v16.GetDiagnosticsConf{}, nil)})
	asked := w.order("diagnostics", map[string]any{"location": "ftp://ann:s3cret@example.com/logs"})
	w.reaches(asked.Command, station.IsAccepted)
	if r := b.got("GetDiagnostics")[0].(*v16.GetDiagnosticsReq); !strings.Contains(r.Location, "s3cret") {
		t.Errorf("the station was told %q", r.Location)
	}
	for _, path := range []string{"/commands/" + asked.Command, "/stations/CP-1/events?limit=100", "/stations/CP-1/wire"} {
		var answer any
		w.must(http.MethodGet, path, nil, &answer)
		if text := strings.ToLower(strings.TrimSpace(string(mustJSON(t, answer)))); strings.Contains(text, "s3cret") || !strings.Contains(text, "example.com") {
			t.Errorf("%s shows %s", path, text)
		}
	}
}
