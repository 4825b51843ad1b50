package charging_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

// page is one that watches topics, and has what it was told last of each.
type page struct {
	t          *testing.T
	ctx        context.Context
	connection *websocket.Conn
	documents  map[string]json.RawMessage
	changes    map[string]json.RawMessage
	errors     map[string]string
	positions  map[string]uint64
}

func (w *world) watch(t *testing.T, topics ...string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	connection, _, err := websocket.Dial(ctx, strings.Replace(w.url, "http", "ws", 1)+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	connection.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = connection.CloseNow() })
	p := &page{t, ctx, connection, map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]string{}, map[string]uint64{}}
	p.subscribe(topics...)
	return p
}

func (p *page) subscribe(topics ...string) {
	p.t.Helper()
	for _, topic := range topics {
		if err := p.connection.Write(p.ctx, websocket.MessageText, fmt.Appendf(nil, `{"subscribe":%q}`, topic)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// until reads until something is so.
func (p *page) until(what string, is func() bool) {
	p.t.Helper()
	for !is() {
		_, text, err := p.connection.Read(p.ctx)
		if err != nil {
			p.t.Fatalf("read in vain until %s: %v; documents %s, changes %s", what, err, p.documents, p.changes)
		}
		var m struct {
			Topic, Error     string
			Position         uint64
			Document, Change json.RawMessage
		}
		if err := json.Unmarshal(text, &m); err != nil {
			p.t.Fatal(err)
		}
		if m.Position < p.positions[m.Topic] {
			p.t.Fatalf("%s went back from %d: %s", m.Topic, p.positions[m.Topic], text)
		}
		p.positions[m.Topic] = m.Position
		switch {
		case m.Error != "":
			p.errors[m.Topic] = m.Error
		case m.Document != nil:
			p.documents[m.Topic] = m.Document
		default:
			p.changes[m.Topic] = m.Change
		}
	}
}

// latest is what a page was told, of the documents or the changes; the zero value when that
// is nothing.
func latest[D any](p *page, from map[string]json.RawMessage, topic string) (d D) {
	p.t.Helper()
	if text := from[topic]; text != nil {
		if err := json.Unmarshal(text, &d); err != nil {
			p.t.Fatal(err)
		}
	}
	return d
}

// Pages see what happens: the counts, the stations that change, the sessions, the curve as
// it grows, and what is in doubt.
func TestTopics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{CallTimeout: 100 * time.Millisecond})
	w.register("CP-1")
	w.tag("ANN")
	w.until("the station is known", func() bool {
		var f charging.FleetDocument
		w.must(http.MethodGet, "/fleet", nil, &f)
		return f.Stations == 1
	})
	p := w.watch(t, "charging-fleet", "charging-stations", "charging-station/CP-1", "charging-sessions", "charging-doubt", "charging-station/CP-9", "charging-transaction/CP-1-9", "charging-commands/x")
	p.until("all has come", func() bool { return len(p.documents) == 5 && len(p.errors) == 3 })
	if f := latest[charging.FleetDocument](p, p.documents, "charging-fleet"); f.Stations != 1 || f.Online != 0 || f.Connectors["Offline"] != 2 {
		t.Fatalf("the fleet is %+v", f)
	}
	silent := make(chan struct{})
	defer close(silent)
	b := w.connect("CP-1", map[string]func(ocpp.Request) (ocpp.Response, error){
		"UnlockConnector": func(ocpp.Request) (ocpp.Response, error) {
			<-silent
			return &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil
		},
	})
	b.boot()
	p.until("the station is there", func() bool {
		f := latest[charging.FleetDocument](p, p.changes, "charging-fleet")
		c := latest[charging.StationChange](p, p.changes, "charging-stations")
		d := latest[charging.StationDocument](p, p.documents, "charging-station/CP-1")
		return f.Online == 1 && f.Connectors["Available"] == 2 && c.ID == "CP-1" && c.Online && len(c.Connectors) == 3 && c.Connectors[2].Status == "Available" &&
			!c.LastSeen.IsZero() && d.Online && len(d.Connectors) == 3 && d.Connectors[2].Status == "Available" && !d.LastSeen.IsZero()
	})
	now := time.Now().UTC().Truncate(time.Second)
	conf := say(b, &v16.StartTransactionReq{ConnectorID: 1, IDTag: "ANN", MeterStart: 1000, Timestamp: now})
	key := fmt.Sprint("CP-1-", conf.TransactionID)
	p.until("the session runs", func() bool {
		d := latest[charging.TransactionDocument](p, p.changes, "charging-sessions")
		c := latest[charging.StationChange](p, p.changes, "charging-stations")
		return d.Key == key && d.State == "running" && c.Running == 1 && c.Connectors[1].Transaction == conf.TransactionID
	})
	p.subscribe("charging-transaction/" + key)
	say(b, &v16.MeterValuesReq{ConnectorID: 1, TransactionID: &conf.TransactionID, MeterValue: []v16.MeterValue{{
		Timestamp: now, SampledValue: []v16.SampledValue{{Value: "1200"}, {Value: "7000", Measurand: v16.MeasurandPowerActiveImport}},
	}}})
	p.until("the curve grows", func() bool {
		d := latest[charging.TransactionLive](p, p.documents, "charging-transaction/"+key)
		f := latest[charging.FleetDocument](p, p.changes, "charging-fleet")
		return d.EnergyWh == 200 && d.Point != nil && *d.Point.EnergyWh == 200 && *d.Point.PowerW == 7000 && f.PowerW == 7000 && f.Running == 1
	})
	say(b, &v16.StopTransactionReq{TransactionID: conf.TransactionID, MeterStop: 1300, Timestamp: now})
	p.until("the session is over", func() bool {
		d := latest[charging.TransactionDocument](p, p.changes, "charging-sessions")
		f := latest[charging.FleetDocument](p, p.changes, "charging-fleet")
		return d.Key == key && d.State == "stopped" && d.EnergyWh == 300 && f.Running == 0 && f.PowerW == 0
	})
	var asked charging.Asked
	w.must(http.MethodPost, "/stations/CP-1/commands/unlock", map[string]any{"connector": 1}, &asked)
	p.until("the command is in doubt", func() bool {
		d := latest[charging.CommandPage](p, p.documents, "charging-doubt")
		return len(d.Commands) == 1 && d.Commands[0].ID == asked.Command && d.Commands[0].InDoubt
	})
	p.subscribe("charging-commands/" + asked.Command)
	w.must(http.MethodPost, "/stations/CP-1/commands/"+asked.Command+"/settle", map[string]any{"happened": true}, nil)
	p.until("it is settled", func() bool {
		d := latest[charging.CommandDocument](p, p.documents, "charging-commands/"+asked.Command)
		doubt := latest[charging.CommandPage](p, p.documents, "charging-doubt")
		return d.State == "effective" && d.Settled && len(doubt.Commands) == 0
	})
}
