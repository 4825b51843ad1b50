package charging

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/internal/web"
)

// registerSessions adds the pages of sessions, id tags, tariffs, reservations, charging
// profiles and reports.
func (p *pages) registerSessions(mux web.Mux) {
	mux.HandleFunc("GET "+sessionsPath, p.sessions)
	mux.HandleFunc("GET "+sessionsPath+"/{key}", p.session)
	mux.HandleFunc("POST "+sessionsPath+"/{key}/stop", p.stopSession)
	mux.HandleFunc("POST "+sessionsPath+"/{key}/abandon", p.abandonSession)
	mux.HandleFunc("GET "+tagsPath, p.tags)
	mux.HandleFunc("GET "+tagsPath+"/edit", p.editTag)
	mux.HandleFunc("POST "+tagsPath+"/edit", p.setTag)
	mux.HandleFunc("POST "+tagsPath, p.changeTag)
	mux.HandleFunc("GET "+tariffsPath, p.tariffs)
	mux.HandleFunc("GET "+tariffsPath+"/edit", p.editTariff)
	mux.HandleFunc("POST "+tariffsPath+"/edit", p.setTariff)
	mux.HandleFunc("POST "+tariffsPath, p.removeTariff)
	mux.HandleFunc("GET "+reservationsPath, p.reservations)
	mux.HandleFunc("POST "+reservationsPath, p.reserve)
	mux.HandleFunc("POST "+reservationsPath+"/cancel", p.cancelReservation)
	mux.HandleFunc("GET "+unmatchedPath, p.unmatched)
	mux.HandleFunc("POST "+unmatchedPath, p.assign)
	mux.HandleFunc("GET "+pagesPath+"/stations/{id}/profiles", p.profiles)
	mux.HandleFunc("POST "+pagesPath+"/stations/{id}/profiles", p.setProfile)
	mux.HandleFunc("POST "+pagesPath+"/stations/{id}/profiles/clear", p.clearProfiles)
	mux.HandleFunc("POST "+pagesPath+"/stations/{id}/profiles/schedule", p.askSchedule)
	mux.HandleFunc("GET "+reportsPath, p.reports)
}

const (
	sessionsPath     = pagesPath + "/sessions"
	tagsPath         = pagesPath + "/id-tags"
	tariffsPath      = pagesPath + "/tariffs"
	reservationsPath = pagesPath + "/reservations"
	unmatchedPath    = pagesPath + "/unmatched"
	reportsPath      = pagesPath + "/reports"
)

// sessionsPlace is a page of those, marked in the navigation.
func sessionsPlace(title, nav string, topics ...string) place {
	return place{
		title: title, nav: nav, topics: topics, scripts: []string{"charging/sessions.js"}, styles: []string{"charging/sessions.css"},
	}
}

// sessionsPage is the page of the list of sessions: those that run, and those that ended.
type sessionsPage struct {
	filter    web.Form
	filtered  bool // by anything
	first     bool // the page with the newest
	cursor    string
	running   TransactionPage
	ended     TransactionPage
	costs     map[string]costSoFar // of those that run, by their keys
	unmatched string               // how many stops have no transaction; "" for none
	now       time.Time
}

const sessionsOnPage = 25

// sessionFields are the inputs of the filter.
func sessionFields() []string { return []string{"station", "idTag", "state", "from", "to"} }

func (p *pages) sessions(w http.ResponseWriter, r *http.Request) {
	s := sessionsPage{filter: web.NewForm(), cursor: r.URL.Query().Get("cursor"), now: p.charging.now()}
	for _, name := range sessionFields() {
		s.filter.Values[name] = r.URL.Query().Get(name)
		s.filtered = s.filtered || s.filter.Values[name] != ""
	}
	s.first = s.cursor == ""
	filter := s.read()
	page := paging(r)
	page.Limit = sessionsOnPage
	at, status := sessionsPlace("Sessions", sessionsPath, topicSessions), http.StatusOK
	at.every = 30 // how long they have taken
	if s.filter.OK() {
		if err := p.listSessions(r.Context(), &s, filter, page); err != nil {
			p.problem(w, r, err)
			return
		}
	} else {
		status, at.topics, at.every = http.StatusUnprocessableEntity, nil, 0
	}
	p.show(w, r, status, at, sessionsContent(s))
}

// listSessions reads what the page shows.
func (p *pages) listSessions(ctx context.Context, s *sessionsPage, filter TransactionFilter, page Page) (err error) {
	if filter.State == "" || filter.State == stateRunning {
		running, of := filter, page
		running.State = stateRunning
		if filter.State == "" {
			of.Cursor = "" // that is of those that ended
		}
		if s.first || filter.State == stateRunning {
			if s.running, err = p.charging.Transactions(ctx, running, of); err != nil {
				return err
			}
		}
		if s.costs, err = p.charging.soFar(ctx, s.running.Transactions, s.now); err != nil {
			return err
		}
	}
	if filter.State != stateRunning {
		if s.ended, err = p.charging.endedTransactions(ctx, filter, page); err != nil {
			return err
		}
	}
	stops, err := p.charging.Unmatched(ctx, "", false, Page{})
	switch n := len(stops.Stops); {
	case stops.Next != "":
		s.unmatched = fmt.Sprintf("More than %d stops without a transaction", n)
	case n > 0:
		s.unmatched = count(n, "stop") + " without a transaction"
	}
	return err
}

// read returns the filter that was put in. What is wrong with it is said at its fields.
func (s *sessionsPage) read() TransactionFilter {
	v := s.filter.Values
	filter := TransactionFilter{Station: v["station"], IDTag: v["idTag"], State: v["state"]}
	switch v["state"] {
	case "", stateRunning, stateStopped, stateAbandoned:
	default:
		filter.State = ""
		s.filter.Wrong["state"] = "There is no such state."
	}
	filter.From, _ = readDay(&s.filter, "from")
	if to, ok := readDay(&s.filter, "to"); ok {
		filter.To = to.AddDate(0, 0, 1)
	}
	if !filter.To.IsZero() && !filter.From.Before(filter.To) {
		s.filter.Wrong["to"] = "This is before the first day."
	}
	return filter
}

// readDay returns an input that is a day, false when it is empty or none.
func readDay(f *web.Form, name string) (time.Time, bool) {
	if f.Values[name] == "" {
		return time.Time{}, false
	}
	day, err := time.Parse(time.DateOnly, f.Values[name])
	if err != nil {
		f.Wrong[name] = "This is not a day; one is like 2030-05-17."
	}
	return day, err == nil
}

// address is that of the list with its filter, without the place in it.
func (s *sessionsPage) address() string {
	var pairs []string
	for _, name := range sessionFields() {
		pairs = append(pairs, name, s.filter.Values[name])
	}
	return withQuery(sessionsPath, pairs...)
}

// endedTransactions is [Charging.Transactions] of those that do not run any more.
func (c *Charging) endedTransactions(ctx context.Context, filter TransactionFilter, page Page) (TransactionPage, error) {
	d := TransactionPage{Transactions: []TransactionDocument{}}
	v, err := c.view(ctx, page.After)
	if err != nil {
		return d, err
	}
	defer v.Close()
	by := filter.facet()
	by.match = func(t *transactionRecord) bool { return t.end() != nil && filter.match(t) }
	found, next, err := by.list(v, transactions, page)
	for i := range found {
		d.Transactions = append(d.Transactions, found[i].document())
	}
	d.Next = next
	return d, err
}

// began is when the session began: by the station's clock, unless that cannot be.
func (d *TransactionDocument) began() time.Time {
	if plausible(d.StartedAt, d.ToldAt) {
		return d.StartedAt
	}
	return d.ToldAt
}

// lasted is how long it took, or has taken so far.
func (d *TransactionDocument) lasted(now time.Time) time.Duration {
	switch {
	case d.ToldAt.IsZero(): // nobody has told of its beginning
		return 0
	case d.State == stateRunning:
		return now.Sub(d.began())
	case plausible(d.StoppedAt, d.ToldStopAt) && !d.StoppedAt.Before(d.began()):
		return d.StoppedAt.Sub(d.began())
	case d.State == stateAbandoned:
		return d.LastReading.Sub(d.began()) // nothing is known of the rest
	}
	return d.ToldStopAt.Sub(d.ToldAt)
}

// costSoFar is what a session that runs would cost if it ended now, by the tariff that its
// station has now. Without a tariff it has no price.
type costSoFar struct {
	session.Cost
	tariff, currency string
}

// longestSoFar is how long a session may have run to be priced while it runs: one that has
// for longer was forgotten, or its clock is wrong.
const longestSoFar = 14 * 24 * time.Hour

// soFar prices sessions that run, by their keys.
func (c *Charging) soFar(ctx context.Context, running []TransactionDocument, now time.Time) (map[string]costSoFar, error) {
	costs := make(map[string]costSoFar)
	if len(running) == 0 {
		return costs, nil
	}
	all, err := c.Tariffs(ctx, 0)
	if err != nil {
		return nil, err
	}
	tariffs := make(map[string]registry.Zoned, len(all.Tariffs))
	for _, t := range all.Tariffs {
		tariffs[t.ID] = t.Zoned
	}
	of := make(map[string]string) // tariff by station
	for i := range running {
		d := &running[i]
		name, known := of[d.Station]
		if !known {
			s, err := c.Station(ctx, d.Station, 0)
			if _, missing := refused(err); err != nil && !missing {
				return nil, err
			}
			name = s.Tariff
			of[d.Station] = name
		}
		t, found := tariffs[name]
		if !found {
			t, found = tariffs[registry.DefaultTariff]
		}
		zone, err := t.Location()
		if !found || err != nil || d.ToldAt.IsZero() || d.EnergyWh > session.MaxEnergy {
			continue
		}
		usage := session.Usage{Start: d.began(), Stop: now, MeterStart: d.MeterStart, Energy: d.EnergyWh}
		if usage.Stop.Before(usage.Start) {
			usage.Stop = usage.Start
		}
		if usage.Stop.Sub(usage.Start) > longestSoFar {
			continue
		}
		if len(t.Bands) > 0 { // so that it matters when the energy came
			curve, err := c.Curve(ctx, d.Key, 0)
			if err != nil {
				return nil, err
			}
			usage.Points = meterPoints(curve.Points, d.MeterStart)
		}
		costs[d.Key] = costSoFar{session.Charge(t.Tariff, usage, zone), t.ID, t.Currency}
	}
	return costs, nil
}

// meterPoints is the part of a curve that bills are made of.
func meterPoints(curve []CurvePoint, meterStart int) []session.Point {
	var points []session.Point
	for _, p := range curve {
		if p.EnergyWh != nil {
			points = append(points, session.Point{At: p.At, Wh: meterStart + int(*p.EnergyWh)})
		}
	}
	return points
}
