package charging

import (
	"net/http"
	"slices"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/internal/web"
)

// stationHead is the head of all pages of a station.
type stationHead struct {
	StationDocument
	tab string // the last part of the page's path
	now time.Time
}

// stationTabs are the pages of a station: the last part of the path, and what it is called.
var stationTabs = [][2]string{
	{"", "Overview"}, {"console", "Console"}, {"configuration", "Configuration"}, {"wire", "Wire log"}, {"history", "History"}, {"settings", "Settings"},
}

// path is that of a page of the station.
func (h *stationHead) path(tab string) string {
	if tab == "" {
		return stationURL(h.ID)
	}
	return stationURL(h.ID) + "/" + tab
}

// at describes a page of the station.
func (h *stationHead) at(title string) place {
	return place{title: h.ID + ", " + title, nav: pagesPath, topics: []string{topicStation + "/" + h.ID}, every: 15, styles: []string{"charging/station.css"}}
}

// stationHead returns the head of a page of a station. What it fails with is told already.
func (p *pages) stationHead(w http.ResponseWriter, r *http.Request, tab string) (stationHead, bool) {
	d, err := p.charging.Station(r.Context(), r.PathValue("station"), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return stationHead{}, false
	}
	return stationHead{d, tab, p.charging.now()}, true
}

// stationPage is the first page of a station.
type stationPage struct {
	stationHead
	strips   map[int]strip // by connector
	running  map[int]TransactionDocument
	commands []CommandDocument
	security []SecurityDocument
}

func (p *pages) station(w http.ResponseWriter, r *http.Request) {
	head, ok := p.stationHead(w, r, "")
	if !ok {
		return
	}
	d := stationPage{stationHead: head, running: map[int]TransactionDocument{}}
	ctx := r.Context()
	asked, err := p.charging.Commands(ctx, CommandFilter{Station: d.ID}, Page{Limit: 5})
	if err == nil {
		d.commands = asked.Commands
		d.strips, err = p.strips(ctx, &d.StationDocument, d.now)
	}
	if err == nil {
		var page SecurityPage
		page, err = p.charging.Security(ctx, d.ID, Page{Limit: 20})
		d.security = page.Events
	}
	for i := range d.Connectors {
		n := d.Connectors[i].Transaction
		if n == 0 || err != nil {
			continue
		}
		var t TransactionDocument
		if t, err = p.charging.Transaction(ctx, session.Key(d.ID, n), 0); err == nil {
			d.running[n] = t
		}
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, d.at("overview"), stationContent(&d))
}

// shown are the connectors, the station itself last, if it has anything to say.
func (d *StationDocument) shown() []ConnectorDocument {
	shown := slices.Clone(d.Connectors)
	slices.SortStableFunc(shown, func(a, b ConnectorDocument) int {
		switch {
		case a.ID == 0 && b.ID != 0:
			return 1
		case b.ID == 0 && a.ID != 0:
			return -1
		}
		return a.ID - b.ID
	})
	return shown
}

// aboutFacts are what a station tells of itself, as name, value pairs.
func (d *StationDocument) aboutFacts() [][2]string {
	a := &d.About
	facts := [][2]string{
		{"Vendor", a.Vendor}, {"Model", a.Model}, {"Serial number", a.Serial}, {"Charge box serial number", a.ChargeBoxSerial},
		{"Firmware", a.Firmware}, {"ICCID", a.ICCID}, {"IMSI", a.IMSI}, {"Meter type", a.MeterType}, {"Meter serial number", a.MeterSerial},
		{"Firmware update", d.Firmware}, {"Diagnostics upload", d.Diagnostics},
	}
	return slices.DeleteFunc(facts, func(f [2]string) bool { return f[1] == "" })
}
