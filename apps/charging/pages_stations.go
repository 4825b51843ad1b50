package charging

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// registerStations adds the pages of stations, what they are asked, faults and the inbox.
func (p *pages) registerStations(mux web.Mux) {
	mux.HandleFunc("GET "+pagesPath, p.fleet)
	mux.HandleFunc("GET "+registerPath, p.newStation)
	mux.HandleFunc("POST "+registerPath, p.registerStation)
	mux.HandleFunc("GET "+pagesPath+"/doubt", p.doubt)
	mux.HandleFunc("GET "+pagesPath+"/faults", p.faults)
	mux.HandleFunc("GET "+pagesPath+"/inbox", p.inbox)
	mux.HandleFunc("POST "+pagesPath+"/inbox", p.dismiss)

	mux.HandleFunc("GET "+pagesPath+"/commands/{command}", p.command)
	mux.HandleFunc("POST "+pagesPath+"/commands/{command}/settle", p.settle)
	mux.HandleFunc("POST "+pagesPath+"/commands/{command}/look", p.lookAfter)

	const station = pagesPath + "/stations/{station}"
	mux.HandleFunc("GET "+station, p.station)
	mux.HandleFunc("GET "+station+"/console", p.console)
	mux.HandleFunc("POST "+station+"/console/{ask}", p.askFromConsole)
	mux.HandleFunc("GET "+station+"/configuration", p.configuration)
	mux.HandleFunc("GET "+station+"/wire", p.wire)
	mux.HandleFunc("GET "+station+"/history", p.history)
	mux.HandleFunc("GET "+station+"/settings", p.stationSettings)
	mux.HandleFunc("POST "+station+"/settings/note", p.noteStation)
	mux.HandleFunc("POST "+station+"/settings/admission", p.admitStation)
	mux.HandleFunc("POST "+station+"/settings/credentials", p.changeCredentials)
}

const registerPath = pagesPath + "/register"

// stationsOnPage is how many stations the fleet shows at a time.
const stationsOnPage = 60

// fleetPage is the page of all stations.
type fleetPage struct {
	FleetDocument
	stations StationPage
	filter   fleetFilter
	cursor   string
	notices  []NoticeDocument // the ones to be seen
	connect  string           // the URL that stations connect to, with no identity
	simulate string           // the command that has stations simulated
	unknown  bool             // whoever connects is let in
	now      time.Time
}

// fleetFilter is the form that filters, as it was put in.
type fleetFilter struct{ text, online, status, faulted string }

func (f fleetFilter) filter() StationFilter {
	filter := StationFilter{Text: f.text, Status: f.status, Faulted: f.faulted != ""}
	switch f.online {
	case "yes", "no":
		online := f.online == "yes"
		filter.Online = &online
	}
	return filter
}

func (f fleetFilter) any() bool { return f != fleetFilter{} }

// path is that of the page with the filter.
func (f fleetFilter) path() string {
	return withQuery(pagesPath, "text", f.text, "online", f.online, "status", f.status, "faulted", f.faulted)
}

// with is the path of the page with one status only.
func (f fleetFilter) with(status string) string {
	if status == statusOffline {
		return withQuery(pagesPath, "online", "no")
	}
	return withQuery(pagesPath, "status", status, "online", "yes")
}

func (p *pages) fleet(w http.ResponseWriter, r *http.Request) {
	query, ctx := r.URL.Query(), r.Context()
	d := fleetPage{
		filter:  fleetFilter{query.Get("text"), query.Get("online"), query.Get("status"), query.Get("faulted")},
		cursor:  query.Get("cursor"),
		connect: p.connectURL(r), simulate: simulated(r), unknown: p.charging.config.AcceptUnknown, now: p.charging.now(),
	}
	page := paging(r)
	page.Limit = stationsOnPage
	var err error
	if d.FleetDocument, err = p.charging.Fleet(ctx, page.After); err != nil {
		p.problem(w, r, err)
		return
	}
	if d.stations, err = p.charging.Stations(ctx, d.filter.filter(), page); err != nil {
		p.problem(w, r, err)
		return
	}
	notices, err := p.charging.Notices(ctx, Page{Limit: 10})
	if err != nil {
		p.problem(w, r, err)
		return
	}
	d.notices = telling(notices.Notices, d.now)
	p.show(w, r, http.StatusOK, place{
		title: "Fleet", nav: pagesPath, topics: []string{topicFleet, topicStations}, every: 15,
	}, fleetContent(d))
}

// fewestTogether is how many stations go offline together before that says something: of
// less it may be chance.
const fewestTogether = 3

// telling are the notices that say something, of the last day.
func telling(notices []NoticeDocument, now time.Time) []NoticeDocument {
	return slices.DeleteFunc(notices, func(n NoticeDocument) bool { return n.Count < fewestTogether || now.Sub(n.Last) > 24*time.Hour })
}

// simulated is the command that has stations connect to this server.
func simulated(r *http.Request) string {
	command := "aether simulate stations --count 12"
	switch {
	case r.Host == "127.0.0.1:8080" || r.Host == "localhost:8080": // where it looks
	case r.TLS != nil:
		command += " --server https://" + r.Host
	default:
		command += " --server http://" + r.Host
	}
	return command
}

// connectURL is where stations connect, as the operator's browser has reached this server.
func (p *pages) connectURL(r *http.Request) string {
	scheme := "ws"
	if r.TLS != nil || p.charging.config.TLSInFront {
		scheme = "wss"
	}
	return scheme + "://" + r.Host + "/ocpp/"
}

// counted are the statuses of connectors with their numbers, the usual ones first.
func (d *fleetPage) counted() []statusCount {
	var counts []statusCount
	for status, n := range d.Connectors {
		if n > 0 {
			counts = append(counts, statusCount{status, n})
		}
	}
	slices.SortFunc(counts, func(a, b statusCount) int {
		return cmp.Or(cmp.Compare(statusPlace(a.status), statusPlace(b.status)), cmp.Compare(a.status, b.status))
	})
	return counts
}

type statusCount struct {
	status string
	n      int
}

// statuses are those of connectors, in the order in which people read them.
var statuses = []string{
	station.Available, station.Preparing, station.Charging, station.SuspendedEV, station.SuspendedEVSE, station.Finishing,
	station.Reserved, station.Unavailable, station.Faulted, statusUnknown, statusOffline,
}

func statusPlace(status string) int {
	if i := slices.Index(statuses, status); i >= 0 {
		return i
	}
	return len(statuses)
}
