package charging

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// configurationPage is the page of a station's configuration.
type configurationPage struct {
	stationHead
	SettingsDocument
	drifted int
}

func (p *pages) configuration(w http.ResponseWriter, r *http.Request) {
	head, ok := p.stationHead(w, r, "configuration")
	if !ok {
		return
	}
	d := configurationPage{stationHead: head}
	var err error
	if d.SettingsDocument, err = p.charging.Settings(r.Context(), head.ID, 0); err != nil {
		p.problem(w, r, err)
		return
	}
	for i := range d.Settings {
		if d.Settings[i].Drift {
			d.drifted++
		}
	}
	p.show(w, r, http.StatusOK, d.at("configuration"), configurationContent(&d))
}

// changeURL is the form of the console that changes a key.
func (d *configurationPage) changeURL(s *SettingDocument) string {
	if s.Key == "AuthorizationKey" { // a secret, which is in no command
		return d.path("settings") + "#credentials"
	}
	value := ""
	if s.Value != nil {
		value = *s.Value
	}
	return withQuery(d.path("console"), "ask", "change-configuration", "key", s.Key, "value", value) + "#ask-change-configuration"
}

// historyPage is the page of what happened to a station.
type historyPage struct {
	stationHead
	past   StationDocument // as of the version
	latest aether.Version
	events EventPage
	before aether.Version
}

func (d *historyPage) isPast() bool { return d.past.Version < d.latest }

// versionURL is the page as of a version.
func (d *historyPage) versionURL(v aether.Version) string {
	return withQuery(d.path("history"), "version", strconv.FormatUint(uint64(v), 10))
}

// eventsOnPage is how many events the history shows at a time.
const eventsOnPage = 50

func (p *pages) history(w http.ResponseWriter, r *http.Request) {
	head, ok := p.stationHead(w, r, "history")
	if !ok {
		return
	}
	query, ctx := r.URL.Query(), r.Context()
	wanted, _ := strconv.ParseUint(query.Get("version"), 10, 63) // what is no version is passed over
	before, _ := strconv.ParseUint(query.Get("before"), 10, 63)
	d := historyPage{stationHead: head, past: head.StationDocument, latest: head.Version, before: aether.Version(before)}
	var err error
	if v := aether.Version(wanted); v > 0 && v < d.latest {
		if d.past, err = p.charging.StationAt(ctx, d.ID, v, 0); err != nil {
			p.problem(w, r, err)
			return
		}
		if d.before == 0 {
			d.before = min(v+eventsOnPage/2, d.latest+1) // so that it is on the page
		}
	}
	if d.events, err = p.charging.StationHistory(ctx, d.ID, d.before, eventsOnPage); err != nil {
		p.problem(w, r, err)
		return
	}
	at := d.at("history")
	at.scripts = []string{"charging/history.js"}
	p.show(w, r, http.StatusOK, at, historyContent(&d))
}

// oldest is the version of the last event on the page.
func (d *historyPage) oldest() string {
	if n := len(d.events.Events); n > 0 {
		return strconv.FormatUint(uint64(d.events.Events[n-1].Version), 10)
	}
	return ""
}

// stationSettingsPage is the page of what operators say about a station.
type stationSettingsPage struct {
	stationHead
	note, admission, credentials web.Form
	tariffs                      []web.Option
}

func (p *pages) stationSettings(w http.ResponseWriter, r *http.Request) {
	p.showSettings(w, r, http.StatusOK, nil, nil, nil)
}

// showSettings shows the page, with a form that failed in place of what is known.
func (p *pages) showSettings(w http.ResponseWriter, r *http.Request, status int, note, admission, credentials *web.Form) {
	head, ok := p.stationHead(w, r, "settings")
	if !ok {
		return
	}
	tariffs, err := p.tariffOptions(r)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	d := stationSettingsPage{stationHead: head, tariffs: tariffs, note: head.noteForm()}
	d.admission = web.NewForm("admission", string(head.Admission))
	d.credentials = web.NewForm("profile", strconv.Itoa(head.Profile))
	for to, from := range map[*web.Form]*web.Form{&d.note: note, &d.admission: admission, &d.credentials: credentials} {
		if from != nil {
			*to = *from
		}
	}
	at := d.at("settings")
	at.topics = nil // it is a page of forms
	p.show(w, r, status, at, settingsContent(&d))
}

// noteForm has what is noted about the station.
func (h *stationHead) noteForm() web.Form {
	f := web.NewForm("label", h.Label, "address", h.Address, "tariff", h.Tariff)
	if h.Tariff == registry.DefaultTariff {
		f.Values["tariff"] = ""
	}
	for _, c := range h.Connectors {
		if c.ID > 0 {
			f.Values[plugField(c.ID, "type")], f.Values[plugField(c.ID, "current")] = c.Plug.Type, c.Plug.Current
			f.Values[plugField(c.ID, "power")] = inKilowatts(c.Plug.MaxPowerW)
		}
	}
	return f
}

func plugField(connector int, what string) string { return fmt.Sprintf("plug-%d-%s", connector, what) }

// plugged is the number of the last connector that is known.
func (d *StationDocument) plugged() int {
	last := 0
	for _, c := range d.Connectors {
		last = max(last, c.ID)
	}
	return last
}

func (p *pages) noteStation(w http.ResponseWriter, r *http.Request) {
	head, ok := p.stationHead(w, r, "settings")
	if !ok {
		return
	}
	names := []string{"label", "address", "tariff"}
	for n := 1; n <= head.plugged(); n++ {
		names = append(names, plugField(n, "type"), plugField(n, "current"), plugField(n, "power"))
	}
	f := web.ReadForm(w, r, names...)
	note := registry.Note{Label: f.Values["label"], Address: f.Values["address"], Tariff: f.Values["tariff"]}
	for n := 1; n <= head.plugged() && f.Failure == ""; n++ {
		note.Connectors = append(note.Connectors, registry.Plug{
			Type: f.Values[plugField(n, "type")], Current: f.Values[plugField(n, "current")], MaxPowerW: kilowatts(&f, plugField(n, "power")),
		})
	}
	if !f.OK() {
		p.showSettings(w, r, http.StatusUnprocessableEntity, &f, nil, nil)
		return
	}
	var a Answer
	if err := p.charging.send(r.Context(), recordActor(head.ID), ChangeNote, note, f.Command(), &a); err != nil {
		p.showSettings(w, r, fail(&f, err, nil), &f, nil, nil)
		return
	}
	web.Done(w, r, head.path("settings"), a.Position, "noted")
}

func (p *pages) admitStation(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("station")
	f := web.ReadForm(w, r, "admission")
	if !f.OK() {
		p.showSettings(w, r, http.StatusUnprocessableEntity, nil, &f, nil)
		return
	}
	var a Answer
	err := p.charging.send(r.Context(), stationActor(id), AdmitStation, station.Admit{Admission: station.Admission(f.Values["admission"])}, f.Command(), &a)
	if err != nil {
		p.showSettings(w, r, fail(&f, err, nil), nil, &f, nil)
		return
	}
	web.Done(w, r, stationURL(id)+"/settings", a.Position, "admitted")
}

func (p *pages) changeCredentials(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("station")
	f := web.ReadForm(w, r, "profile", "password", "tell")
	profile, err := strconv.Atoi(f.Values["profile"])
	if f.Failure == "" && err != nil {
		f.Wrong["profile"] = "Choose what it must show."
	}
	if !f.OK() {
		p.showSettings(w, r, http.StatusUnprocessableEntity, nil, nil, &f)
		return
	}
	tell := f.Values["tell"] == "on"
	credentials := Credentials{Profile: profile, Key: f.Values["password"], Tell: tell}
	var asked Asked
	if err := p.charging.send(r.Context(), stationActor(id), ChangeKey, credentials, f.Command(), &asked); err != nil {
		field := "profile"
		if f.Values["password"] != "" {
			field = "password"
		}
		status := fail(&f, err, map[string]string{registry.BadCredentials: field})
		p.showSettings(w, r, status, nil, nil, &f)
		return
	}
	if tell {
		http.Redirect(w, r, withQuery(commandURL(asked.Command), "after", fmt.Sprint(asked.Position)), http.StatusSeeOther)
		return
	}
	web.Done(w, r, stationURL(id)+"/settings", asked.Position, "credentials")
}
