package charging

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// sessionPage is the page of a session.
type sessionPage struct {
	TransactionDocument
	now    time.Time
	online bool // its station
	soFar  *costSoFar
	plots  []plot
	table  []plotRow // all that the charts have
	all    int       // readings
	stop   web.Form
	giveUp web.Form
}

func (p *pages) session(w http.ResponseWriter, r *http.Request) {
	p.showSession(w, r, http.StatusOK, web.NewForm(), web.NewForm())
}

func (p *pages) showSession(w http.ResponseWriter, r *http.Request, status int, stop, giveUp web.Form) {
	s := sessionPage{now: p.charging.now(), stop: stop, giveUp: giveUp}
	if err := p.readSession(r.Context(), &s, r); err != nil {
		p.problem(w, r, err)
		return
	}
	at := sessionsPlace("Session "+s.Key, sessionsPath, topicTransaction+"/"+s.Key)
	if s.State == stateRunning {
		at.every = 30 // how long it has taken
	}
	p.show(w, r, status, at, sessionContent(s))
}

// readSession reads what the page shows.
func (p *pages) readSession(ctx context.Context, s *sessionPage, r *http.Request) (err error) {
	if s.TransactionDocument, err = p.charging.Transaction(ctx, r.PathValue("key"), web.After(r)); err != nil {
		return err
	}
	at, err := p.charging.Station(ctx, s.Station, 0)
	if _, missing := refused(err); err != nil && !missing {
		return err
	}
	s.online = at.Online
	if s.State == stateRunning {
		costs, err := p.charging.soFar(ctx, []TransactionDocument{s.TransactionDocument}, s.now)
		if err != nil {
			return err
		}
		if cost, priced := costs[s.Key]; priced {
			s.soFar = &cost
		}
	}
	curve, err := p.charging.Curve(ctx, s.Key, 0)
	s.draw(curve.Points)
	return err
}

// where says at which connector the session is, and how it stands.
func (s *sessionPage) where() string {
	text := ""
	if s.Connector > 0 {
		text = ", connector " + strconv.Itoa(s.Connector)
	}
	switch {
	case s.State != stateRunning:
		text += ". " + web.Sentence(s.ending())
	case !s.online:
		text += ". The station is offline: what it tells later will count."
	}
	return text
}

// measurement is something that a station measures during a session.
type measurement struct {
	id, title, name string
	lines           []series
	whole           bool // the axis begins with 0
}

// series is one line of a chart.
type series struct {
	name, class string
	value       func(p *CurvePoint) *float64
	words       func(n float64) string
	per         float64 // what is drawn is in units of so much
}

// measurements are those that have a chart, in their order.
func measurements() []measurement {
	return []measurement{
		{"power", "Power, in kW", "power", []series{{"Power", "line-a", func(p *CurvePoint) *float64 { return p.PowerW }, power, 1000}}, true},
		{"energy", "Energy, in kWh", "energy", []series{{"Energy", "line-a", func(p *CurvePoint) *float64 { return p.EnergyWh }, energyOf, 1000}}, true},
		{"soc", "State of charge, in %", "state of charge", []series{{"Charge", "line-a", func(p *CurvePoint) *float64 { return p.SoC }, percentage, 1}}, false},
		{"current", "Current, in A", "current", []series{
			{"Offered by the station", "line-b", func(p *CurvePoint) *float64 { return p.OfferedA }, ampere, 1},
			{"Drawn by the car", "line-a", func(p *CurvePoint) *float64 { return p.CurrentA }, ampere, 1},
		}, true},
	}
}

// draw makes the charts: of each measurement that there is anything of.
func (s *sessionPage) draw(points []CurvePoint) {
	var counted []CurvePoint // those with a time that can be
	for _, p := range points {
		if plausible(p.At, s.now) {
			counted = append(counted, p)
		}
	}
	s.all = len(counted)
	if len(counted) == 0 {
		return
	}
	axis := timeAxis{counted[0].At, counted[len(counted)-1].At}
	if began := s.began(); began.Before(axis.from) && axis.from.Sub(began) < session.GapAfter {
		axis.from = began
	}
	groups := axis.groups(counted)
	for _, m := range measurements() {
		if c, drawn := m.plot(axis, counted, groups); drawn {
			s.plots = append(s.plots, c)
		}
	}
	for _, g := range groups {
		s.table = append(s.table, plotRow{plotEnd{at: g.At}, []string{
			orDash(g.PowerW, power), orDash(g.EnergyWh, energyOf), orDash(g.SoC, percentage), orDash(g.CurrentA, ampere), orDash(g.OfferedA, ampere),
		}})
	}
}

// plot draws a measurement, false when there is nothing of it.
func (m *measurement) plot(axis timeAxis, points []CurvePoint, groups []curveGroup) (plot, bool) {
	c := plot{id: m.id, title: m.title, across: axis.ends()}
	low, high, drawn := 0.0, 0.0, false
	for _, l := range m.lines {
		from, to, last, any := l.extent(points)
		if !any {
			continue
		}
		if c.about != "" {
			c.about += " "
		}
		if from == to {
			c.about += fmt.Sprintf("%s: %s, at all times.", l.name, l.words(from))
		} else {
			c.about += fmt.Sprintf("%s from %s to %s, %s last.", l.name, l.words(from), l.words(to), l.words(last))
		}
		if !drawn {
			low, high = from/l.per, to/l.per
		}
		low, high, drawn = min(low, from/l.per), max(high, to/l.per), true
		c.lines = append(c.lines, plotLine{name: l.name, class: l.class})
	}
	if !drawn {
		return c, false
	}
	if m.whole {
		low = min(low, 0)
	}
	c.scale = scaleOf(low, high)
	drawing := 0
	for _, l := range m.lines {
		if _, _, _, any := l.extent(points); any {
			c.lines[drawing].path = axis.path(points, c.scale, l.scaled)
			drawing++
		}
	}
	for _, g := range groups {
		if text := m.words(&g.CurvePoint); text != "" {
			from := axis.x(g.from)
			c.bands = append(c.bands, plotBand{x: from, width: axis.x(g.to) - from, first: plotEnd{at: g.At}, text: text})
		}
	}
	return c, true
}

// words are the values of a point.
func (m *measurement) words(p *CurvePoint) string {
	text := ""
	for _, l := range m.lines {
		n := l.value(p)
		if n == nil {
			continue
		}
		if text != "" {
			text += ", "
		}
		if len(m.lines) > 1 {
			text += l.name + " "
		}
		text += l.words(*n)
	}
	return text
}

// scaled is the value as it is drawn.
func (l *series) scaled(p *CurvePoint) *float64 {
	n := l.value(p)
	if n == nil {
		return nil
	}
	drawn := *n / l.per
	return &drawn
}

// extent is the least value, the greatest and the last.
func (l *series) extent(points []CurvePoint) (low, high, last float64, any bool) {
	for i := range points {
		n := l.value(&points[i])
		if n == nil {
			continue
		}
		if !any {
			low, high = *n, *n
		}
		low, high, last, any = min(low, *n), max(high, *n), *n, true
	}
	return low, high, last, any
}

// stopSession has the station asked to end it. What becomes of that is on the page of the
// command.
func (p *pages) stopSession(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r)
	d, err := p.charging.Transaction(r.Context(), r.PathValue("key"), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	var asked Asked
	if f.OK() {
		ask := Ask{Order: station.Order{Action: station.RemoteStop, Transaction: d.ID}}
		if err := p.charging.send(r.Context(), stationActor(d.Station), AskStation, ask, f.Command(), &asked); err != nil {
			p.showSession(w, r, fail(&f, err, nil), f, web.NewForm())
			return
		}
		p.toCommand(w, r, &asked)
		return
	}
	p.showSession(w, r, http.StatusUnprocessableEntity, f, web.NewForm())
}

// toCommand leads to the page of a command that a station is asked with.
func (p *pages) toCommand(w http.ResponseWriter, r *http.Request, asked *Asked) {
	http.Redirect(w, r, withQuery(commandURL(asked.Command), "after", fmt.Sprint(asked.Position)), http.StatusSeeOther)
}

// abandonSession closes it in the books alone.
func (p *pages) abandonSession(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "confirm")
	d, err := p.charging.Transaction(r.Context(), r.PathValue("key"), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	if f.OK() && f.Values["confirm"] != d.Key {
		f.Wrong["confirm"] = "This is not the name of the session; it is " + d.Key + "."
	}
	if !f.OK() {
		p.showSession(w, r, http.StatusUnprocessableEntity, web.NewForm(), f)
		return
	}
	var a Answer
	if err := p.charging.send(r.Context(), stationActor(d.Station), Abandon, station.Abandon{Transaction: d.ID}, f.Command(), &a); err != nil {
		p.showSession(w, r, fail(&f, err, nil), web.NewForm(), f)
		return
	}
	web.Done(w, r, sessionURL(d.Key), a.Position, "abandoned")
}
