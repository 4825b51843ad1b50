package charging_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// A station is registered, comes, is started and stopped from the console, and what it has
// charged is billed.
func TestFirstSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	w.register("CP-1")
	w.tag("ANN")
	w.must(http.MethodPut, "/tariffs/default", map[string]any{"currency": "EUR", "perKWh": 50, "start": 100}, nil)

	starting := make(chan *v16.RemoteStartTransactionReq, 1)
	b := w.connect("CP-1", map[string]func(ocpp.Request) (ocpp.Response, error){
		"RemoteStartTransaction": func(r ocpp.Request) (ocpp.Response, error) {
			starting <- r.(*v16.RemoteStartTransactionReq)
			return &v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil
		},
		"RemoteStopTransaction": func(ocpp.Request) (ocpp.Response, error) {
			return &v16.RemoteStopTransactionConf{Status: v16.Accepted}, nil
		},
	})
	b.boot()
	var asked charging.Asked
	w.must(http.MethodPost, "/stations/CP-1/commands/remote-start", map[string]any{"connector": 1, "idTag": "ann"}, &asked)
	start := <-starting
	if start.IDTag != asked.IDTag || start.ConnectorID == nil || *start.ConnectorID != 1 {
		t.Fatalf("the station was asked %+v, the console says %+v", start, asked)
	}
	w.until("the command is accepted", func() bool { return w.command(asked.Command).State == "accepted" })
	began := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	conf := say(b, &v16.StartTransactionReq{ConnectorID: 1, IDTag: start.IDTag, MeterStart: 1000, Timestamp: began})
	if conf.IDTagInfo.Status != v16.AuthorizationAccepted || conf.TransactionID <= 0 {
		t.Fatalf("the start was answered %+v", conf)
	}
	w.until("the command is effective", func() bool {
		c := w.command(asked.Command)
		return c.State == "effective" && c.Started == conf.TransactionID
	})
	say(b, &v16.MeterValuesReq{ConnectorID: 1, TransactionID: &conf.TransactionID, MeterValue: []v16.MeterValue{{
		Timestamp: began.Add(time.Minute), SampledValue: []v16.SampledValue{{Value: "2500"}, {Value: "11", Measurand: v16.MeasurandPowerActiveImport, Unit: "kW"}},
	}}})
	w.until("the meter values are known", func() bool {
		d := w.transaction("CP-1", conf.TransactionID)
		return d.EnergyWh == 1500 && d.PowerW != nil && *d.PowerW == 11000 && d.State == "running" && d.Account == "ann"
	})
	w.must(http.MethodPost, "/stations/CP-1/commands/remote-stop", map[string]any{"transaction": conf.TransactionID}, &asked)
	w.until("the stop has come", func() bool { return len(b.got("RemoteStopTransaction")) == 1 })
	say(b, &v16.StopTransactionReq{TransactionID: conf.TransactionID, MeterStop: 11_000, Timestamp: began.Add(time.Hour), Reason: "Remote"})
	w.until("the session is priced", func() bool {
		d := w.transaction("CP-1", conf.TransactionID)
		return d.State == "stopped" && d.EnergyWh == 10_000 && d.Cost != nil && d.Cost.Total == 600
	})
	w.until("the stop is effective", func() bool { return w.command(asked.Command).State == "effective" })
}

func (w *world) command(id string) charging.CommandDocument {
	w.t.Helper()
	var d charging.CommandDocument
	w.ask(http.MethodGet, "/commands/"+id, nil, &d)
	return d
}

func (w *world) transaction(station string, number int) charging.TransactionDocument {
	w.t.Helper()
	var page charging.TransactionPage
	w.ask(http.MethodGet, "/transactions?station="+station, nil, &page)
	for _, d := range page.Transactions {
		if d.ID == number {
			return d
		}
	}
	return charging.TransactionDocument{}
}
