package charging_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

// What stations do, and other systems get wrong. Each test has the name of the fact.

// hostile returns a world with the station CP-1, connected and booted.
func hostile(t *testing.T, answers map[string]func(ocpp.Request) (ocpp.Response, error)) (*world, *box) {
	t.Helper()
	t.Parallel()
	w := newWorld(t, charging.Config{CallTimeout: 300 * time.Millisecond})
	w.register("CP-1")
	w.tag("ANN")
	b := w.connect("CP-1", answers)
	b.boot()
	return w, b
}

// morning is two hours ago.
var morning = time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)

func at(minutes int) time.Time { return morning.Add(time.Duration(minutes) * time.Minute) }

func start(tag string, connector, meter int, when time.Time) *v16.StartTransactionReq {
	return &v16.StartTransactionReq{ConnectorID: connector, IDTag: tag, MeterStart: meter, Timestamp: when}
}

func stop(transaction, meter int, when time.Time) *v16.StopTransactionReq {
	return &v16.StopTransactionReq{TransactionID: transaction, MeterStop: meter, Timestamp: when}
}

func (w *world) station(id string) charging.StationDocument {
	w.t.Helper()
	var d charging.StationDocument
	w.until("the station is known", func() bool { return w.ask(http.MethodGet, "/stations/"+id, nil, &d) == http.StatusOK })
	return d
}

func (w *world) sessions(id string) []charging.TransactionDocument {
	w.t.Helper()
	var page charging.TransactionPage
	w.must(http.MethodGet, "/transactions?station="+id, nil, &page)
	return page.Transactions
}

// raw connects without the client half: to send what no client of ours sends.
func (w *world) raw(id string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return websocket.Dial(ctx, "ws"+strings.TrimPrefix(w.url, "http")+"/ocpp/"+id, &websocket.DialOptions{Subprotocols: protocols})
}

// exchange sends a frame and returns the next message.
func exchange(t *testing.T, conn *websocket.Conn, frame string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		t.Fatal(err)
	}
	_, data, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestUnknownIdentityIs404BeforeTheUpgradeAndGoesToTheInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	for _, id := range []string{"CP-9", "CP%209", "x%2Fy"} {
		if _, response, err := w.raw(id, "ocpp1.6"); err == nil || response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v", id, response, err)
		}
	}
	w.until("it is in the inbox", func() bool { return w.inbox() == "CP-9" })
	w.register("CP-9") // the operator accepts it
	w.connect("CP-9", nil).boot()
	w.until("the inbox is empty", func() bool { return w.inbox() == "" })
}

func (w *world) inbox() string {
	w.t.Helper()
	var page struct {
		Stations []struct {
			Identity, Remote string
		} `json:"stations"`
	}
	w.must(http.MethodGet, "/inbox", nil, &page)
	var ids []string
	for _, s := range page.Stations {
		ids = append(ids, s.Identity)
		if s.Remote != "127.0.0.1" {
			w.t.Errorf("%s has knocked from %q", s.Identity, s.Remote)
		}
	}
	return strings.Join(ids, " ")
}

func TestUnknownStationsAreAcceptedWhereTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{AcceptUnknown: true})
	w.connect("CP-9", nil).boot()
	w.until("it is online", func() bool { return w.station("CP-9").Online })
}

func TestNoCommonSubprotocolFinishesTheHandshakeAndCloses(t *testing.T) {
	w, _ := hostile(t, nil)
	conn, response, err := w.raw("CP-1", "ocpp2.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Sec-Websocket-Protocol"); got != "" {
		t.Errorf("the handshake has the subprotocol %q", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) == -1 {
		t.Errorf("it was not closed: %v", err)
	}
}

func TestPasswordIs401BeforeTheUpgradeAndGoodInBothForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	const password = "0123456789abcdefghij"
	w.must(http.MethodPost, "/stations", map[string]any{"id": "CP-1", "password": password}, nil)
	for _, wrong := range []string{"", "0123456789abcdefghik"} {
		_, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: wrong})
		if refused := (*ocpp.HandshakeError)(nil); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			t.Errorf("with %q: %v", wrong, err)
		}
	}
	for _, right := range []string{password, hex.EncodeToString([]byte(password))} {
		if _, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: right}); err != nil {
			t.Errorf("with %q: %v", right, err)
		}
	}
	for e, err := range w.store.ReadLog(t.Context(), 0, nil) {
		if err != nil || strings.Contains(string(e.Data), password) || strings.Contains(string(e.Data), hex.EncodeToString([]byte(password))) {
			t.Errorf("an event has the password: %s, %v", e.Data, err)
		}
	}
}

func TestCallsCross(t *testing.T) {
	var b *box
	w, b := hostile(t, map[string]func(ocpp.Request) (ocpp.Response, error){
		"UnlockConnector": func(ocpp.Request) (ocpp.Response, error) {
			b.status(1, v16.StatusFinishing) // before it answers
			return &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil
		},
	})
	var asked charging.Asked
	w.must(http.MethodPost, "/stations/CP-1/commands/unlock", map[string]any{"connector": 1}, &asked)
	w.until("it is unlocked", func() bool { return w.command(asked.Command).State == "effective" })
	if d := w.station("CP-1"); d.Connectors[1].Status != "Finishing" {
		t.Errorf("the connector is %+v", d.Connectors[1])
	}
}

func TestBadCallsGetTheRightErrorCodes(t *testing.T) {
	w, _ := hostile(t, nil)
	conn, _, err := w.raw("CP-1", "ocpp1.6")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for frame, code := range map[string]string{
		`[2,"1","Bogus",{}]`:                                              "NotImplemented",
		`[2,"2","UnlockConnector",{"connectorId":1}]`:                     "NotSupported",
		`[2,"3","Authorize",{}]`:                                          "OccurenceConstraintViolation",
		`[2,"4","Authorize",{"idTag":7}]`:                                 "TypeConstraintViolation",
		`[2,"5","Authorize",{"idTag":"` + strings.Repeat("x", 21) + `"}]`: "PropertyConstraintViolation",
		`[2,"6","Authorize",[]]`:                                          "FormationViolation",
	} {
		if got := exchange(t, conn, frame); !strings.HasPrefix(got, `[4,"`) || !strings.Contains(got, `"`+code+`"`) {
			t.Errorf("%s was answered %s, want %s", frame, got, code)
		}
	}
}

func TestCallBeforeBootAcceptanceIsASecurityErrorButFactsAreTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	w.register("CP-1")
	b := w.connect("CP-1", nil)
	if _, err := v16.Call(t.Context(), b.conn, &v16.AuthorizeReq{IDTag: "ANN"}); !isCallError(err, ocpp.SecurityError) {
		t.Errorf("Authorize: %v", err)
	}
	if conf := say(b, start("ANN", 1, 0, at(0))); conf.TransactionID <= 0 {
		t.Errorf("the start was answered %+v", conf)
	}
}

func TestPendingAndRejectedBoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	for _, admission := range []v16.RegistrationStatus{v16.RegistrationPending, v16.RegistrationRejected} {
		id := "CP-" + string(admission)
		w.must(http.MethodPost, "/stations", map[string]any{"id": id, "admission": admission}, nil)
		b := w.connect(id, nil)
		conf := say(b, &v16.BootNotificationReq{ChargePointVendor: "V", ChargePointModel: "M"})
		if conf.Status != admission || conf.Interval <= 0 {
			t.Errorf("%s: the boot was answered %+v", admission, conf)
		}
		w.until("it is online", func() bool { return w.station(id).Online })
		if status := w.ask(http.MethodPost, "/stations/"+id+"/commands/remote-start", map[string]any{"connector": 1}, nil); status != http.StatusConflict {
			t.Errorf("%s: a remote start was answered %d", admission, status)
		}
		w.must(http.MethodPost, "/stations/"+id+"/admission", map[string]any{"admission": "Accepted"}, nil)
		if conf := say(b, &v16.BootNotificationReq{ChargePointVendor: "V", ChargePointModel: "M"}); conf.Status != v16.RegistrationAccepted {
			t.Errorf("%s: the next boot was answered %+v", admission, conf)
		}
	}
}

func TestNewestConnectionWinsAndTheOldOnesEndSaysNothing(t *testing.T) {
	w, old := hostile(t, nil)
	newer := w.connect("CP-1", nil)
	if err := <-old.over; err == nil {
		t.Error("the old connection has no end")
	}
	say(newer, &v16.HeartbeatReq{}) // without a boot
	if d := w.station("CP-1"); !d.Online {
		t.Errorf("the station is offline: %+v", d)
	}
	var page charging.EventPage
	w.must(http.MethodGet, "/stations/CP-1/events?limit=100", nil, &page)
	for _, e := range page.Events {
		if e.Type == "StationWentOffline" {
			t.Errorf("it went offline: %s", e.Data)
		}
	}
	newer.pull()
	w.until("it is offline", func() bool { return !w.station("CP-1").Online })
}

func TestReconnectDoesNotImplyABoot(t *testing.T) {
	w, b := hostile(t, nil)
	b.pull()
	w.until("it is offline", func() bool { return !w.station("CP-1").Online })
	b = w.connect("CP-1", nil)
	if conf := say(b, &v16.AuthorizeReq{IDTag: "ann"}); conf.IDTagInfo.Status != v16.AuthorizationAccepted {
		t.Errorf("Authorize was answered %+v", conf)
	}
}

func TestStartIsAnsweredWithAnIDEvenWhenItIsRefused(t *testing.T) {
	w, b := hostile(t, nil)
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": "BOB", "status": "Blocked"}, nil)
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": "OLD", "status": "Accepted", "expires": at(0)}, nil)
	seen := make(map[int]bool)
	for i, tag := range []struct {
		id   string
		want v16.AuthorizationStatus
	}{{"BOB", v16.AuthorizationBlocked}, {"OLD", v16.AuthorizationExpired}, {"NOBODY", v16.AuthorizationInvalid}, {"ANN", v16.AuthorizationAccepted}} {
		conf := say(b, start(tag.id, 1, i, at(i)))
		if conf.IDTagInfo.Status != tag.want || conf.TransactionID <= 0 || seen[conf.TransactionID] {
			t.Errorf("the start of %s was answered %+v", tag.id, conf)
		}
		seen[conf.TransactionID] = true
	}
	// ANN has one that runs.
	if conf := say(b, start("ann", 2, 0, at(9))); conf.IDTagInfo.Status != v16.AuthorizationConcurrentTx || conf.TransactionID <= 0 {
		t.Errorf("a second start of one tag was answered %+v", conf)
	}
}

func TestAFactThatMakesNoSenseStillGetsAConf(t *testing.T) {
	w, _ := hostile(t, nil)
	conn, _, err := w.raw("CP-1", "ocpp1.6")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, frame := range []string{
		`[2,"a","StartTransaction",{"connectorId":99,"idTag":"` + strings.Repeat("x", 40) + `","meterStart":-5,"timestamp":"1970-01-01T00:00:00Z"}]`,
		`[2,"b","StopTransaction",{"transactionId":-1,"meterStop":1,"timestamp":"2099-01-01T00:00:00Z","reason":"Whatever"}]`,
		`[2,"c","StopTransaction",{"transactionId":424242,"meterStop":1,"timestamp":"2026-01-01T00:00:00"}]`,
		`[2,"d","MeterValues",{"connectorId":1,"transactionId":424242,"meterValue":[{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"20.5","measurand":"Temperature","unit":"Celcius"},{"value":"none"}]}]}]`,
		`[2,"e","MeterValues",{"connectorId":7,"meterValue":[]}]`,
		`[2,"f","StatusNotification",{"connectorId":1,"errorCode":"Exploded","status":"Melting"}]`,
	} {
		if got := exchange(t, conn, frame); !strings.HasPrefix(got, `[3,"`) {
			t.Errorf("%s was answered %s", frame, got)
		}
	}
}

func TestRetriedStartsAreOneTransactionWhateverTheirMessageIDs(t *testing.T) {
	w, b := hostile(t, nil)
	first := say(b, start("ANN", 1, 100, at(0)))
	for range 3 {
		if again := say(b, start("ANN", 1, 100, at(0))); again.TransactionID != first.TransactionID || again.IDTagInfo != first.IDTagInfo {
			t.Errorf("a retry was answered %+v, want %+v", again, first)
		}
	}
	conn, _, err := w.raw("CP-1", "ocpp1.6")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	frame := fmt.Sprintf(`[2,"same","StartTransaction",{"connectorId":2,"idTag":"ZOE","meterStart":7,"timestamp":%q}]`, at(1).Format(time.RFC3339))
	want := exchange(t, conn, frame)
	conn.CloseNow()
	w.restart() // what a server knows of retries is durable
	if conn, _, err = w.raw("CP-1", "ocpp1.6"); err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if got := exchange(t, conn, frame); got != want {
		t.Errorf("after a restart the same message was answered %s, want %s", got, want)
	}
	b = w.connect("CP-1", nil)
	if again := say(b, start("ANN", 1, 100, at(0))); again.TransactionID != first.TransactionID {
		t.Errorf("after a restart a retry was answered %+v, want %+v", again, first)
	}
	say(b, stop(first.TransactionID, 900, at(5)))
	say(b, stop(first.TransactionID, 900, at(5)))
	if again := say(b, start("ANN", 1, 100, at(0))); again.TransactionID != first.TransactionID {
		t.Errorf("after its end a retry was answered %+v, want %+v", again, first)
	}
	w.until("there are two sessions", func() bool {
		all := w.sessions("CP-1")
		return len(all) == 2 && w.transaction("CP-1", first.TransactionID).EnergyWh == 800
	})
}

func TestOfflineQueueIsReplayed(t *testing.T) {
	w, b := hostile(t, nil)
	for i := range 5 { // starts and stops of hours ago, in order
		conf := say(b, start(fmt.Sprint("TAG", i), 1, i*100, at(i*10)))
		say(b, &v16.MeterValuesReq{ConnectorID: 1, TransactionID: &conf.TransactionID, MeterValue: []v16.MeterValue{
			{Timestamp: at(i*10 + 1), SampledValue: []v16.SampledValue{{Value: fmt.Sprint(i*100 + 30)}}},
		}})
		say(b, stop(conf.TransactionID, i*100+50, at(i*10+5)))
	}
	w.until("all are there", func() bool {
		all := w.sessions("CP-1")
		for _, d := range all {
			if d.State != "stopped" || d.EnergyWh != 50 {
				return false
			}
		}
		return len(all) == 5
	})
}

func TestTransactionMinusOneIsMatchedByTheConnector(t *testing.T) {
	w, b := hostile(t, nil)
	one, two := say(b, start("ANN", 1, 100, at(0))), say(b, start("ZOE", 2, 200, at(0)))
	unknown := -1
	say(b, &v16.MeterValuesReq{ConnectorID: 2, TransactionID: &unknown, MeterValue: []v16.MeterValue{
		{Timestamp: at(3), SampledValue: []v16.SampledValue{{Value: "260"}}},
	}})
	say(b, stop(-1, 300, at(10)))
	w.until("the second has ended", func() bool { return w.transaction("CP-1", two.TransactionID).EnergyWh == 100 })
	if d := w.transaction("CP-1", one.TransactionID); d.State != "running" {
		t.Errorf("the first is %+v", d)
	}
	if d := w.transaction("CP-1", two.TransactionID); d.State != "stopped" || d.Reason != "Local" {
		t.Errorf("the second is %+v", d)
	}
}

func TestUnknownTransactionIsAnsweredAndKept(t *testing.T) {
	w, b := hostile(t, nil)
	for range 2 {
		say(b, stop(424242, 5000, at(10)))
	}
	type page struct {
		Stops []charging.UnmatchedDocument `json:"stops"`
	}
	var kept page
	w.until("the stop is kept, once", func() bool {
		kept = page{}
		w.must(http.MethodGet, "/unmatched-stops", nil, &kept)
		return len(kept.Stops) == 1 && kept.Stops[0].Transaction == 424242 && kept.Stops[0].MeterStop == 5000
	})
	conf := say(b, start("ANN", 1, 4000, at(0)))
	w.must(http.MethodPost, "/stations/CP-1/unmatched-stops/1/assign", map[string]any{"transaction": conf.TransactionID}, nil)
	w.until("it is assigned", func() bool { return w.transaction("CP-1", conf.TransactionID).EnergyWh == 1000 })
}

func TestWrongClocksAreKeptBesideOurs(t *testing.T) {
	w, b := hostile(t, nil)
	past := time.Date(1970, 1, 1, 0, 0, 30, 0, time.UTC)
	conf := say(b, start("ANN", 1, 0, past))
	say(b, stop(conf.TransactionID, 500, past.Add(time.Hour)))
	future := say(b, start("ANN", 1, 500, time.Now().AddDate(30, 0, 0).UTC().Truncate(time.Second)))
	say(b, stop(future.TransactionID, 600, past))
	w.until("both have ended", func() bool {
		return w.transaction("CP-1", conf.TransactionID).EnergyWh == 500 && w.transaction("CP-1", future.TransactionID).EnergyWh == 100
	})
	if d := w.transaction("CP-1", conf.TransactionID); !d.StartedAt.Equal(past) || time.Since(d.ToldAt) > time.Minute || len(d.Flags) == 0 {
		t.Errorf("the session is %+v", d)
	}
	b.status(1, v16.StatusAvailable)
	say(b, &v16.StatusNotificationReq{ConnectorID: 1, Status: v16.StatusPreparing, ErrorCode: v16.ErrorNoError, Timestamp: time.Now().Add(-time.Hour).UTC()})
	if d := w.station("CP-1"); d.Skew == nil || *d.Skew > -3500 || *d.Skew < -3700 {
		t.Errorf("its clock is ahead by %v", d.Skew)
	}
}

func TestConnectorZeroIsIndependentAndAWarningIsNoFault(t *testing.T) {
	w, b := hostile(t, nil)
	b.status(0, v16.StatusUnavailable)
	say(b, &v16.StatusNotificationReq{ConnectorID: 1, Status: v16.StatusAvailable, ErrorCode: "WeakSignal"})
	say(b, &v16.StatusNotificationReq{ConnectorID: 2, Status: v16.StatusFaulted, ErrorCode: "GroundFailure"})
	var d charging.StationDocument
	w.until("the fault is known", func() bool { d = w.station("CP-1"); return d.PowerFault })
	if d.Faults != 1 || d.Connectors[0].Status != "Unavailable" || d.Connectors[1].Status != "Available" || d.Connectors[1].ErrorCode != "WeakSignal" || !d.Connectors[2].Power {
		t.Errorf("the station is %+v", d)
	}
	b.status(2, v16.StatusAvailable)
	w.until("the fault is over", func() bool { d = w.station("CP-1"); return !d.PowerFault && d.Faults == 0 })
}

func TestConcurrentMessagesOfManyStationsDoNotLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{AcceptUnknown: true})
	var all sync.WaitGroup
	for i := range 20 {
		b := w.connect(fmt.Sprint("CP-", i), nil)
		all.Go(func() {
			b.boot()
			for n := range 20 {
				b.status(1+n%2, []v16.ChargePointStatus{v16.StatusPreparing, v16.StatusAvailable}[n%2])
			}
		})
	}
	all.Wait()
}
