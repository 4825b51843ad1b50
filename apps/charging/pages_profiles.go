package charging

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// profilesPage is the page of the charging profiles of a station: one is put in, drawn and
// sent; those it has are cleared; and it is asked what all of them together allow.
type profilesPage struct {
	StationDocument
	profile  web.Form
	clear    web.Form
	ask      web.Form
	rows     int
	drawing  *plot // of what was put in
	schedule *scheduleAnswer
	running  []TransactionDocument
	sent     []CommandDocument // lately
}

func profilesURL(id string) string { return stationURL(id) + "/profiles" }

// profileForms are those of the page: as they are at first, or as one was sent.
type profileForms struct{ profile, clear, ask web.Form }

func newProfileForms() profileForms {
	return profileForms{
		profile: web.NewForm("connector", "0", "purpose", string(v16.PurposeTxDefaultProfile), "stack", "0", "id", "1",
			"kind", string(v16.KindRecurring), "recurrency", string(v16.RecurrencyDaily), "unit", string(v16.RateA)),
		clear: web.NewForm(),
		ask:   web.NewForm("connector", "1", "hours", "24", "unit", ""),
	}
}

func (p *pages) profiles(w http.ResponseWriter, r *http.Request) {
	forms := newProfileForms()
	if from := r.URL.Query().Get("from"); from != "" { // begin with one that was sent
		d, err := p.charging.Command(r.Context(), from, 0)
		if err != nil {
			p.problem(w, r, err)
			return
		}
		var sent ocppProfile
		if d.Action == station.SetChargingProfile && json.Unmarshal(d.Data, &sent) == nil {
			forms.profile = web.NewForm(sent.values(d.Connector)...)
		}
	}
	if key := r.URL.Query().Get("session"); key != "" { // one for it
		d, err := p.charging.Transaction(r.Context(), key, 0)
		if err != nil {
			p.problem(w, r, err)
			return
		}
		v := forms.profile.Values
		v["purpose"], v["kind"] = string(v16.PurposeTxProfile), string(v16.KindRelative)
		v["connector"], v["transaction"] = strconv.Itoa(d.Connector), strconv.Itoa(d.ID)
	}
	p.showProfiles(w, r, http.StatusOK, forms)
}

func (p *pages) showProfiles(w http.ResponseWriter, r *http.Request, status int, forms profileForms) {
	d := profilesPage{profile: forms.profile, clear: forms.clear, ask: forms.ask}
	topics, err := d.read(r.Context(), p.charging, r)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	at := sessionsPlace("Charging profiles of "+d.ID, pagesPath, topics...)
	p.show(w, r, status, at, profilesContent(d))
}

// read reads what the page shows, and returns the topics that it follows.
func (d *profilesPage) read(ctx context.Context, c *Charging, r *http.Request) (topics []string, err error) {
	if d.StationDocument, err = c.Station(ctx, r.PathValue("id"), web.After(r)); err != nil {
		return nil, err
	}
	topics = []string{topicStation + "/" + d.ID}
	if id := r.URL.Query().Get("command"); id != "" {
		asked, err := c.Command(ctx, id, 0)
		if err != nil {
			return nil, err
		}
		if asked.Action == station.GetSchedule && asked.Station == d.ID {
			d.schedule = answeredSchedule(asked)
			topics = append(topics, topicCommands+"/"+id)
		}
	}
	running, err := c.Transactions(ctx, TransactionFilter{Station: d.ID, State: stateRunning}, Page{})
	if err != nil {
		return nil, err
	}
	d.running = running.Transactions
	lately, err := c.Commands(ctx, CommandFilter{Station: d.ID}, Page{Limit: lookedAt})
	if err != nil {
		return nil, err
	}
	for _, sent := range lately.Commands {
		if (sent.Action == station.SetChargingProfile || sent.Action == station.ClearProfile) && len(d.sent) < mostSent {
			d.sent = append(d.sent, sent)
		}
	}
	if put, seconds := profileSteps(&d.profile); len(put) > 0 {
		d.drawing = drawLimits("profile", "The limit over time", put, seconds, d.profile.Values["unit"], atOfDay(&d.profile))
	}
	d.rows = shownPeriods(&d.profile)
	return topics, nil
}

// The commands that are looked at for those about profiles, and how many of these are shown.
const (
	lookedAt = 100
	mostSent = 8
)

// setProfile sends a profile; with "try" it is only drawn.
func (p *pages) setProfile(w http.ResponseWriter, r *http.Request) {
	forms := newProfileForms()
	f := web.ReadForm(w, r, profileFields()...)
	options := f.Command()
	profile, connector := readProfile(&f)
	forms.profile = f
	switch {
	case !f.OK():
		p.showProfiles(w, r, http.StatusUnprocessableEntity, forms)
		return
	case f.Values["do"] == "try":
		p.showProfiles(w, r, http.StatusOK, forms)
		return
	}
	data, err := json.Marshal(profile)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	var asked Asked
	body := profileBody{Connector: connector, Profile: data}
	if err := p.charging.send(r.Context(), stationActor(r.PathValue("id")), AskStation, body.order(), options, &asked); err != nil {
		status := fail(&forms.profile, err, nil)
		p.showProfiles(w, r, status, forms)
		return
	}
	p.toCommand(w, r, &asked)
}

// clearProfiles has the station forget profiles: those that all that was put in is true of.
func (p *pages) clearProfiles(w http.ResponseWriter, r *http.Request) {
	forms := newProfileForms()
	f := web.ReadForm(w, r, "clear-id", "clear-connector", "clear-purpose", "clear-stack", "clear-all")
	options := f.Command()
	body := clearProfileBody{Purpose: f.Values["clear-purpose"]}
	for name, to := range map[string]**int{"clear-id": &body.ID, "clear-connector": &body.Connector, "clear-stack": &body.StackLevel} {
		if f.Values[name] != "" {
			n := f.Number(name)
			*to = &n
		}
	}
	if body == (clearProfileBody{}) && f.Values["clear-all"] != "on" && f.OK() {
		f.Wrong["clear-all"] = "Say which ones, or tick that all are meant."
	}
	forms.clear = f
	if !f.OK() {
		p.showProfiles(w, r, http.StatusUnprocessableEntity, forms)
		return
	}
	var asked Asked
	if err := p.charging.send(r.Context(), stationActor(r.PathValue("id")), AskStation, body.order(), options, &asked); err != nil {
		status := fail(&forms.clear, err, nil)
		p.showProfiles(w, r, status, forms)
		return
	}
	p.toCommand(w, r, &asked)
}

// askSchedule asks the station what all its profiles together allow. The answer is drawn on
// the same page.
func (p *pages) askSchedule(w http.ResponseWriter, r *http.Request) {
	forms := newProfileForms()
	f := web.ReadForm(w, r, "ask-connector", "ask-hours", "ask-unit")
	options := f.Command()
	body := scheduleBody{Connector: f.Number("ask-connector"), Unit: f.Values["ask-unit"], Duration: f.Number("ask-hours") * 3600}
	if f.OK() && (body.Duration < 3600 || body.Duration > 7*24*3600) {
		f.Wrong["ask-hours"] = "These are 1 to 168 hours."
	}
	forms.ask = web.Form{Key: f.Key, Wrong: f.Wrong, Title: f.Title, Failure: f.Failure, Values: map[string]string{
		"connector": f.Values["ask-connector"], "hours": f.Values["ask-hours"], "unit": f.Values["ask-unit"],
	}}
	if !f.OK() {
		p.showProfiles(w, r, http.StatusUnprocessableEntity, forms)
		return
	}
	var asked Asked
	id := r.PathValue("id")
	if err := p.charging.send(r.Context(), stationActor(id), AskStation, body.order(), options, &asked); err != nil {
		status := fail(&f, err, nil)
		forms.ask.Title, forms.ask.Failure = f.Title, f.Failure
		p.showProfiles(w, r, status, forms)
		return
	}
	http.Redirect(w, r, withQuery(profilesURL(id), "command", asked.Command, "after", strconv.FormatUint(uint64(asked.Position), 10))+"#schedule", http.StatusSeeOther)
}

// scheduleAnswer is what a station has answered to the question for its schedule.
type scheduleAnswer struct {
	CommandDocument
	drawing *plot
}

func answeredSchedule(d CommandDocument) *scheduleAnswer {
	a := scheduleAnswer{CommandDocument: d}
	var result struct {
		Start    string       `json:"scheduleStart"`
		Schedule ocppSchedule `json:"chargingSchedule"`
	}
	if json.Unmarshal(d.Result, &result) != nil || len(result.Schedule.Periods) == 0 {
		return &a
	}
	steps, seconds := result.Schedule.steps()
	var asked struct {
		Duration int `json:"duration"`
	}
	if json.Unmarshal(d.Data, &asked) == nil && asked.Duration > seconds {
		seconds = asked.Duration
	}
	a.drawing = drawLimits("schedule-plot", "What it allows", steps, seconds, result.Schedule.Unit, parseMoment(result.Start))
	return &a
}
