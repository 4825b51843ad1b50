package charging_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// desk is an operator's browser without JavaScript.
type desk struct{ *world }

// open follows a link, or sends a form that is given as pairs of name and value. It
// returns the page it ends at as it came, and where that is.
func (d desk) open(path string, form ...string) (status int, at *url.URL, page string) {
	d.t.Helper()
	position, err := d.store.GetLatestPosition(d.t.Context())
	if err == nil {
		err = d.charging.Wait(d.t.Context(), position) // the pages know what has happened
	}
	if err != nil {
		d.t.Fatal(err)
	}
	var response *http.Response
	if form == nil {
		response, err = d.client.Get(d.url + path)
	} else {
		values := url.Values{}
		for i := 0; i < len(form); i += 2 {
			values.Add(form[i], form[i+1])
		}
		response, err = d.client.PostForm(d.url+path, values)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	page = strings.ReplaceAll(string(body), "\u00a0", " ")
	if found := regexp.MustCompile(`<style|\sstyle=|<script>|\son[a-z]+=`).FindString(page); found != "" {
		d.t.Errorf("%s has %q, which the policy forbids", path, found)
	}
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="[^"]+"`).FindAllString(page, -1) {
		if ids[id] {
			d.t.Errorf("%s has%s twice", path, id)
		}
		ids[id] = true
	}
	return response.StatusCode, response.Request.URL, page
}

// words are what is to be read on a page.
func words(page string) string {
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "))
	return strings.Join(strings.Fields(text), " ")
}

// expect opens a page that has a status and some texts, in its words or in its HTML. One
// with an exclamation mark before it must not be there.
func (d desk) expect(status int, texts []string, path string, form ...string) (at *url.URL, page string) {
	d.t.Helper()
	got, at, page := d.open(path, form...)
	if got != status {
		d.t.Errorf("%s %q: %d, want %d: %s", path, form, got, status, words(page))
	}
	for _, want := range texts {
		unwanted, not := strings.CutPrefix(want, "!")
		if strings.Contains(words(page), unwanted) == not && strings.Contains(page, unwanted) == not {
			d.t.Errorf("%s %q: %q is there: %t\n%s", path, form, unwanted, not, words(page))
		}
	}
	return at, page
}

// obedient are answers that say yes.
func obedient() map[string]func(ocpp.Request) (ocpp.Response, error) {
	return map[string]func(ocpp.Request) (ocpp.Response, error){
		"RemoteStopTransaction": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.RemoteStopTransactionConf{Status: v16.Accepted}, nil
		},
		"ReserveNow": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.ReserveNowConf{Status: v16.ReservationAccepted}, nil
		},
		"CancelReservation": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.CancelReservationConf{Status: v16.Accepted}, nil
		},
		"SetChargingProfile": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.SetChargingProfileConf{Status: v16.ProfileAccepted}, nil
		},
		"ClearChargingProfile": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.ClearChargingProfileConf{Status: v16.ClearProfileAccepted}, nil
		},
		"GetCompositeSchedule": func(r ocpp.Request) (ocpp.Response, error) {
			connector := r.(*v16.GetCompositeScheduleReq).ConnectorID
			return &v16.GetCompositeScheduleConf{
				Status: v16.Accepted, ConnectorID: &connector, ScheduleStart: time.Now().UTC().Truncate(time.Second),
				ChargingSchedule: &v16.ChargingSchedule{ChargingRateUnit: v16.RateA, ChargingSchedulePeriod: []v16.ChargingSchedulePeriod{
					{StartPeriod: 0, Limit: 320}, {StartPeriod: 7200, Limit: 100},
				}},
			}, nil
		},
	}
}

// starting begins a transaction of a tag, some time ago.
func (b *box) starting(tag string, ago time.Duration) (number int, began time.Time) {
	b.t.Helper()
	began = time.Now().UTC().Add(-ago).Truncate(time.Second)
	conf := say(b, &v16.StartTransactionReq{ConnectorID: 1, IDTag: tag, MeterStart: 1000, Timestamp: began})
	return conf.TransactionID, began
}

func (b *box) measured(number int, at time.Time, wh, kw, soc, ampere, offered string) {
	b.t.Helper()
	say(b, &v16.MeterValuesReq{ConnectorID: 1, TransactionID: &number, MeterValue: []v16.MeterValue{{Timestamp: at, SampledValue: []v16.SampledValue{
		{Value: wh}, {Value: kw, Measurand: v16.MeasurandPowerActiveImport, Unit: "kW"}, {Value: soc, Measurand: v16.MeasurandSoC},
		{Value: ampere, Measurand: v16.MeasurandCurrentImport}, {Value: offered, Measurand: v16.MeasurandCurrentOffered},
	}}}})
}

func TestSessionPagesAreEmpty(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	for path, texts := range map[string][]string{
		"/sessions":      {"No session is running", "No session has ended"},
		"/id-tags":       {"There is no id tag yet"},
		"/id-tags/edit":  {"New id tag", `value="Accepted" checked`},
		"/tariffs":       {"There is no tariff yet"},
		"/tariffs/edit":  {"New tariff", `value="default"`},
		"/reservations":  {"There is no reservation"},
		"/unmatched":     {"No stop is without a transaction"},
		"/reports":       {"There is no station", "0 Wh in all"},
		"/id-tags?text=": {"There is no id tag yet"},
	} {
		d.expect(http.StatusOK, texts, "/charging"+path)
	}
	for _, path := range []string{"/sessions/CP-1-7", "/stations/CP-1/profiles", "/id-tags/edit?tag=NOBODY", "/tariffs/edit?id=none"} {
		d.expect(http.StatusNotFound, []string{"Not found"}, "/charging"+path)
	}
	for path, text := range map[string]string{
		"/sessions?from=x":                        "This is not a day",
		"/sessions?state=x":                       "There is no such state",
		"/sessions?from=2026-03-02&to=2026-03-01": "This is before the first day",
		"/reports?to=x":                           "This is not a day",
		"/reports?from=2020-01-01&to=2026-01-01":  "A report is of 1 to 400 days",
	} {
		d.expect(http.StatusUnprocessableEntity, []string{text}, "/charging"+path)
	}
}

func TestSessionPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	d := desk{w}
	const rude = "<i>ANN</i>"
	w.register("CP-1")
	w.must(http.MethodPost, "/id-tags", map[string]any{"idTag": rude, "status": "Accepted", "label": "<b>Ann</b>"}, nil)
	w.must(http.MethodPut, "/tariffs/default", map[string]any{"currency": "EUR", "perKWh": 50, "start": 100}, nil)
	b := w.connect("CP-1", obedient())
	b.boot()
	number, began := b.starting(rude, time.Hour)
	key := fmt.Sprintf("CP-1-%d", number)
	b.measured(number, began.Add(10*time.Minute), "2500", "11", "40", "16", "32")
	b.measured(number, began.Add(30*time.Minute), "6000", "9", "55", "13", "32")
	w.until("the readings are known", func() bool { return w.transaction("CP-1", number).EnergyWh == 5000 })

	d.expect(http.StatusOK, []string{
		"9.0 kW", "5.00 kWh", "55 %", "about €3.50", "Gap in the readings", "&lt;i&gt;ANN&lt;/i&gt;", "!" + rude, "/charging/sessions/" + key,
	}, "/charging/sessions")
	page := "/charging/sessions/" + key
	d.expect(http.StatusOK, []string{
		"Running", "Power, in kW", "Power from 9.0 kW to 11.0 kW, 9.0 kW last.", "Energy, in kWh", "State of charge, in %", "Current, in A",
		"Offered by the station: 32.0 A, at all times.", "For 15 min or longer the station told of no reading", "So far, about by the tariff default €3.50",
		"Stop the session", "!" + rude, `data-topics="charging-transaction/` + key + `"`,
	}, page)
	for filter, there := range map[string]bool{
		"station=CP-1": true, "station=CP-2": false, "idTag=" + url.QueryEscape(strings.ToLower(rude)): true, "idTag=BOB": false, "state=running": true,
		"state=stopped": false, "to=2020-01-01": false, "from=" + began.Format(time.DateOnly): true,
	} {
		want := key
		if !there {
			want = "!" + key
		}
		d.expect(http.StatusOK, []string{want}, "/charging/sessions?"+filter)
	}
	d.expect(http.StatusOK, []string{`state=running">1</a>`, "&lt;b&gt;Ann&lt;/b&gt;"}, "/charging/id-tags?text=ann")
	d.expect(http.StatusOK, []string{"No id tag is like that"}, "/charging/id-tags?text=bob")

	d.expect(http.StatusOK, []string{`value="TxProfile" selected`, `value="Relative" selected`, fmt.Sprintf(`value="%d" selected`, number)}, "/charging/stations/CP-1/profiles?session="+key)
	d.expect(http.StatusNotFound, nil, "/charging/stations/CP-1/profiles?session=CP-1-1")

	// It is stopped from the page, which leads to the command.
	at, _ := d.expect(http.StatusOK, nil, page+"/stop", "key", "one")
	if !strings.HasPrefix(at.Path, "/charging/commands/") {
		t.Errorf("the button to stop leads to %s", at)
	}
	again, _ := d.expect(http.StatusOK, nil, page+"/stop", "key", "one")
	w.until("the station is asked", func() bool { return len(b.got("RemoteStopTransaction")) > 0 })
	if at.Path != again.Path || len(b.got("RemoteStopTransaction")) != 1 {
		t.Errorf("the same form led to %s and %s; the station was asked %d times", at.Path, again.Path, len(b.got("RemoteStopTransaction")))
	}
	say(b, &v16.StopTransactionReq{TransactionID: number, MeterStop: 11_000, Timestamp: began.Add(time.Hour), Reason: "Remote"})
	w.until("the session is priced", func() bool { return w.transaction("CP-1", number).Cost != nil })
	d.expect(http.StatusOK, []string{"Ended", "Stopped remotely", "10.00 kWh at €0.50 a kWh", "In all by the tariff default €6.00", "!Stop the session"}, page)
	d.expect(http.StatusOK, []string{"No session is running", "€6.00", "Stopped remotely"}, "/charging/sessions")

	today := time.Now().UTC().Format(time.DateOnly)
	d.expect(http.StatusOK, []string{
		"10.00 kWh in all", "€6.00", "10.00 kWh, 1 session, €6.00", "The busiest hour is", "/charging/stations/CP-1",
		"/api/charging/charge-details.csv?from=" + today + "T00%3A00%3A00Z",
	}, "/charging/reports?from="+today+"&to="+today)
}

func TestSessionIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	d := desk{w}
	w.register("CP-1")
	w.tag("ANN")
	b := w.connect("CP-1", nil)
	b.boot()
	number, _ := b.starting("ANN", time.Minute)
	key := fmt.Sprintf("CP-1-%d", number)
	page := "/charging/sessions/" + key
	d.expect(http.StatusOK, []string{"Nothing was measured", "its station has no tariff"}, page)
	d.expect(http.StatusUnprocessableEntity, []string{"This is not the name of the session; it is " + key, `id="give-up" open`, `value="no"`}, page+"/abandon", "confirm", "no", "key", "one")
	at, _ := d.expect(http.StatusOK, []string{"You have given up the transaction", "Given up by an operator", "!Stop the session"}, page+"/abandon", "confirm", key, "key", "two")
	if at.Path != page {
		t.Errorf("giving up leads to %s", at)
	}
	d.expect(http.StatusOK, []string{"Given up", key}, "/charging/sessions?state=abandoned")
	d.expect(http.StatusNotFound, []string{"Not found"}, "/charging/sessions/CP-1-1/stop", "key", "four")

	// An end that nobody can tell the session of is assigned to it.
	say(b, &v16.StopTransactionReq{TransactionID: 1, MeterStop: 4000, Timestamp: time.Now().UTC(), Reason: "Local"})
	d.expect(http.StatusOK, []string{"1 stop without a transaction"}, "/charging/sessions")
	stop := []string{"stop", "CP-1-1", "station", "CP-1", "number", "1"}
	d.expect(http.StatusOK, []string{"names the transaction 1, which nobody knows", fmt.Sprintf(`<option value="%d">`, number)}, "/charging/unmatched")
	d.expect(http.StatusUnprocessableEntity, []string{"This is not a whole number", `value="x"`}, "/charging/unmatched", append(stop, "transaction", "x")...)
	d.expect(http.StatusNotFound, []string{"transaction 77"}, "/charging/unmatched", append(stop, "transaction", "77")...)
	d.expect(http.StatusOK, []string{"The stop now belongs to the transaction", "No stop is without a transaction"}, "/charging/unmatched", append(stop, "transaction", fmt.Sprint(number))...)
	d.expect(http.StatusOK, []string{"Assigned", page}, "/charging/unmatched?all=true")
	d.expect(http.StatusOK, []string{"Stopped at the station", "3.00 kWh"}, page)
}
