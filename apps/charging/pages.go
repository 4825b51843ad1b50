package charging

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/a-h/templ"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

//go:embed static
var static embed.FS

// System describes the charging system to the pages.
func System() web.System {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return web.System{
		Name: Name, Title: "Charging", Path: pagesPath, Home: "All stations", Static: files,
		About: "Charging stations that connect with OCPP: what they do, what they were asked, and what became of that.",
		Steps: []string{
			"Open Charging: stations, their connectors and faults, as they report them.",
			"Open one, and start a session from its console.",
			"Watch the command: accepted is a promise, the transaction is the proof.",
			"See the session's power and energy as they come in.",
		},
	}
}

// pages are the pages of operators: pages*.go and pages*.templ.
type pages struct {
	site     *web.Site
	charging *Charging
}

func newPages(site *web.Site, c *Charging) *pages { return &pages{site, c} }

// pagesPath is where all pages are; the fleet is the first.
const pagesPath = "/charging"

func (p *pages) register(mux web.Mux) {
	p.registerStations(mux)
	p.registerSessions(mux)
}

// place is a page: where it is, and what it follows.
type place struct {
	title   string
	nav     string   // the path of the link in the navigation that is marked
	topics  []string // live topics: whenever one changes, the regions marked data-live are fetched again
	every   int      // seconds, after which they are fetched again in any case; 0 for never
	scripts []string // more modules, as "charging/wire.js"
	styles  []string
}

// show answers with a page: the content below the navigation, which counts what waits for an
// operator. What was just done is said above it.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, at place, content templ.Component) {
	fleet, err := p.charging.Fleet(r.Context(), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	page := web.Page{
		Title: at.title, Path: pagesPath, Live: true, System: Name,
		Scripts: append([]string{"charging/charging.js"}, at.scripts...), Styles: append([]string{"charging/charging.css"}, at.styles...),
	}
	p.site.Render(w, r, status, page, chargingPage(at, fleet, justDone(r), content))
}

// problem answers with the page of an error.
func (p *pages) problem(w http.ResponseWriter, r *http.Request, err error) {
	p.site.Problem(w, r, err, notThere...)
}

// notThere are the reasons of refusals that mean "there is no such thing".
var notThere = []string{
	station.NoStation, station.NoCommand, station.NoTransaction, station.NoReservation, station.NoStop,
	registry.NoIDTag, registry.NoTariff, registry.NotInInbox,
}

// fail keeps in the form why a command failed: at the field that a refusal is about, by its
// reason, or at its head. It returns the status to answer with.
func fail(f *web.Form, err error, fields map[string]string) int {
	status := f.Fail(err, notThere...)
	if refusal, ok := refused(err); ok && fields[refusal.Reason] != "" {
		f.Wrong[fields[refusal.Reason]] = web.Sentence(refusal.Message)
		f.Title, f.Failure = "", ""
	}
	return status
}

// paging is the part of a list that a page shows.
func paging(r *http.Request) Page {
	return Page{Cursor: r.URL.Query().Get("cursor"), After: web.After(r)}
}

// justDone is what was done before a page is shown.
func justDone(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	return saidOf(r.URL.Query().Get("done"))
}

// withQuery is a path with a query of name, value pairs; those without a value are left out.
func withQuery(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// The paths of pages.

func stationURL(id string) string { return pagesPath + "/stations/" + url.PathEscape(id) }

func commandURL(id string) string { return pagesPath + "/commands/" + url.PathEscape(id) }

// sessionURL is the page of a transaction, by its key.
func sessionURL(key string) string { return pagesPath + "/sessions/" + url.PathEscape(key) }
