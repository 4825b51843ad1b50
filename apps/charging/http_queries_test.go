package charging_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// lived is a world with a station that has charged, and has a fault.
func lived(t *testing.T) (w *world, key string) {
	t.Helper()
	w = newWorld(t, charging.Config{})
	w.register("CP-1")
	w.tag("ANN")
	w.must(http.MethodPut, "/tariffs/default", map[string]any{"currency": "EUR", "perKWh": 50}, nil)
	b := w.connect("CP-1", nil)
	b.boot()
	now := time.Now().UTC().Truncate(time.Second)
	conf := say(b, &v16.StartTransactionReq{ConnectorID: 1, IDTag: "ANN", MeterStart: 0, Timestamp: now.Add(-time.Minute)})
	say(b, &v16.MeterValuesReq{ConnectorID: 1, TransactionID: &conf.TransactionID, MeterValue: []v16.MeterValue{{Timestamp: now, SampledValue: []v16.SampledValue{{Value: "900"}}}}})
	say(b, &v16.StopTransactionReq{TransactionID: conf.TransactionID, MeterStop: 1000, Timestamp: now})
	say(b, &v16.StatusNotificationReq{ConnectorID: 2, Status: v16.StatusFaulted, ErrorCode: v16.ErrorGroundFailure})
	w.until("it is priced", func() bool { return w.transaction("CP-1", conf.TransactionID).Cost != nil })
	return w, fmt.Sprint("CP-1-", conf.TransactionID)
}

// Every query answers, with lists that are never null.
func TestHTTPQueries(t *testing.T) {
	t.Parallel()
	w, key := lived(t)
	for _, path := range []string{
		"/fleet", "/stations", "/stations?connection=online&status=Faulted&faulted=true&text=cp&limit=1", "/stations/CP-1", "/stations/CP-1?version=2",
		"/stations/CP-1/events?limit=2", "/stations/CP-1/configuration", "/stations/CP-1/security-events",
		"/transactions", "/transactions?station=CP-1&idTag=ann&state=stopped&from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z", "/transactions/" + key,
		"/transactions/" + key + "/curve", "/transactions/" + key + "/events", "/commands", "/commands?station=CP-1&state=doubt",
		"/reservations", "/reservations?all=true&station=CP-1", "/unmatched-stops", "/faults", "/notices", "/id-tags", "/id-tags/ann",
		"/tariffs", "/tariffs/default", "/inbox", "/report", "/report?from=2026-03-01&to=2026-03-31", "/charge-details",
	} {
		var answer json.RawMessage
		if status := w.ask(http.MethodGet, path, nil, &answer); status != http.StatusOK || strings.Contains(string(answer), "null") {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	for path, want := range map[string]int{
		"/stations/CP-9": 404, "/stations/CP-1?version=999": 404, "/stations/CP-9/events": 404, "/transactions/CP-1-999999999": 404, "/commands/x": 404,
		"/id-tags/x": 404, "/tariffs/x": 404, "/stations?limit=0": 422, "/transactions?cursor=x": 422, "/transactions?state=x": 422, "/report?from=yesterday": 422,
		"/report?from=2020-01-01&to=2026-01-01": 409,
	} {
		var problem struct{ Type, Detail string }
		if got := w.ask(http.MethodGet, path, nil, &problem); got != want || problem.Type == "" || problem.Detail == "" {
			t.Errorf("%s: %d %+v, want %d", path, got, problem, want)
		}
	}
	var d charging.TransactionDocument
	if w.must(http.MethodGet, "/transactions/"+key, nil, &d); d.EnergyWh != 1000 || d.Cost.Total != 50 || d.State != "stopped" {
		t.Errorf("the transaction is %+v", d)
	}
	var faults charging.FaultPage
	if w.must(http.MethodGet, "/faults", nil, &faults); len(faults.Faults) != 1 || faults.Faults[0].Connector != 2 || !faults.Faults[0].Power {
		t.Errorf("the faults are %+v", faults)
	}
	var report charging.ReportDocument
	if w.must(http.MethodGet, "/report", nil, &report); report.EnergyWh != 1000 || report.Revenue["EUR"] != 50 || report.Transactions != 1 || len(report.Uptime) != 1 {
		t.Errorf("the report is %+v", report)
	}
}

// A station that somebody has changed is known to who asks with the position of the answer.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	for i := range 20 {
		id := fmt.Sprint("CP-", i)
		var answer charging.Answer
		w.must(http.MethodPost, "/stations", map[string]any{"id": id, "connectors": []any{map[string]any{"type": "Type2"}}}, &answer)
		var d charging.StationDocument
		w.must(http.MethodGet, fmt.Sprintf("/stations/%s?after=%d", id, answer.Position), nil, &d)
		var fleet charging.FleetDocument
		w.must(http.MethodGet, fmt.Sprintf("/fleet?after=%d", answer.Position), nil, &fleet)
		if d.ID != id || len(d.Connectors) != 1 || d.Connectors[0].Plug.Type != "Type2" || fleet.Stations != i+1 {
			t.Fatalf("it is %+v, and the fleet %+v", d, fleet)
		}
	}
}

// The charge detail records come as a file for a spreadsheet.
func TestHTTPExport(t *testing.T) {
	t.Parallel()
	w, _ := lived(t)
	response, err := w.client.Get(w.url + "/api/charging/charge-details.csv?from=2020-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/csv") || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "station,transaction,") || !strings.HasPrefix(lines[1], "CP-1,") {
		t.Errorf("%d %v\n%s", response.StatusCode, response.Header, text)
	}
}
