package charging

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
)

// reportsPage is the page of what happened in some days.
type reportsPage struct {
	ReportDocument
	span       web.Form
	connectors int // that there are now
	days       plot
	heat       [7][24]float64 // shares of the time
	beyond     time.Time      // the end of the last day, or now
	from       time.Time      // the first day
	counted    time.Time      // from when on there were stations in these days
}

func (p *pages) reports(w http.ResponseWriter, r *http.Request) {
	query := DaysQuery{From: r.URL.Query().Get("from"), To: r.URL.Query().Get("to")}
	now := p.charging.now()
	d := reportsPage{span: web.NewForm("from", query.From, "to", query.To)}
	if _, _, err := query.days(now); err != nil {
		readDay(&d.span, "from")
		readDay(&d.span, "to")
		query = DaysQuery{}
	}
	from, to, err := query.days(now)
	if err == nil {
		d.ReportDocument, err = p.charging.Report(r.Context(), from, to, web.After(r))
	}
	if refusal, ok := refused(err); ok && refusal.Reason == BadSpan {
		d.span.Wrong["to"] = web.Sentence(refusal.Message)
		from, to, err = (&DaysQuery{}).days(now)
		if err == nil {
			d.ReportDocument, err = p.charging.Report(r.Context(), from, to, 0)
		}
	}
	fleet, fleetErr := p.charging.Fleet(r.Context(), 0)
	if err = errors.Join(err, fleetErr); err != nil {
		p.problem(w, r, err)
		return
	}
	for _, n := range fleet.Connectors {
		d.connectors += n
	}
	if d.span.OK() {
		d.span.Values["from"], d.span.Values["to"] = d.From, d.To
	}
	d.from = from.UTC().Truncate(24 * time.Hour)
	d.beyond = to.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	if now.Before(d.beyond) {
		d.beyond = now
	}
	if d.counted, err = p.charging.firstRegistered(r.Context()); err != nil {
		p.problem(w, r, err)
		return
	}
	if d.counted.Before(d.from) {
		d.counted = d.from
	}
	d.share()
	d.drawDays()
	status := http.StatusOK
	if !d.span.OK() {
		status = http.StatusUnprocessableEntity
	}
	at := sessionsPlace("Reports", reportsPath)
	at.every = 60
	p.show(w, r, status, at, reportsContent(d))
}

// firstRegistered is when the first of the stations was registered, zero when there is none.
func (c *Charging) firstRegistered(ctx context.Context) (first time.Time, err error) {
	v, err := c.view(ctx, 0)
	if err != nil {
		return first, err
	}
	defer v.Close()
	for s, err := range stations.All(v, nil) {
		if err != nil {
			return first, err
		}
		if s.there() && (first.IsZero() || s.First.Before(first)) {
			first = s.First
		}
	}
	return first, nil
}

// share works out the part of each hour of the week in which connectors were charging.
func (d *reportsPage) share() {
	var there [7][24]float64 // seconds that there were, of one connector
	for at := d.counted; at.Before(d.beyond); {
		next := at.Truncate(time.Hour).Add(time.Hour)
		there[(int(at.Weekday())+6)%7][at.Hour()] += min(next.Sub(at), d.beyond.Sub(at)).Seconds()
		at = next
	}
	for day := range d.heat {
		for hour := range d.heat[day] {
			if all := there[day][hour] * float64(d.connectors); all > 0 {
				d.heat[day][hour] = min(float64(d.Heat[day][hour])/all, 1)
			}
		}
	}
}

// busy is the part of all the time in which connectors were charging.
func (d *reportsPage) busy() float64 {
	var charging int64
	for _, day := range d.Heat {
		for _, seconds := range day {
			charging += seconds
		}
	}
	if all := d.beyond.Sub(d.counted).Seconds() * float64(d.connectors); all > 0 {
		return min(float64(charging)/all, 1)
	}
	return 0
}

// busiest says which hour of the week is the busiest.
func (d *reportsPage) busiest() string {
	best, words := 0.0, ""
	for day := range d.heat {
		for hour, share := range d.heat[day] {
			if share > best {
				best, words = share, fmt.Sprintf("The busiest hour is %s, %02d:00 to %02d:00: %s of the connectors were charging.", weekdays()[day], hour, hour+1, shareWords(share))
			}
		}
	}
	return words
}

// drawDays draws the energy of each day; days without a session have none.
func (d *reportsPage) drawDays() {
	byDay := make(map[string]*DayDocument, len(d.Days))
	highest := 0
	for i := range d.Days {
		byDay[d.Days[i].Day] = &d.Days[i]
		highest = max(highest, d.Days[i].EnergyWh)
	}
	var all []DayDocument
	last, _ := time.Parse(time.DateOnly, d.To) // the report has made it
	for at := d.from; !at.After(last); at = at.AddDate(0, 0, 1) {
		day := DayDocument{Day: dayOf(at)}
		if known := byDay[day.Day]; known != nil {
			day = *known
		}
		all = append(all, day)
	}
	per, unit := 1000.0, "kWh"
	if highest >= 10_000_000 {
		per, unit = 1_000_000, "MWh"
	}
	d.days = plot{
		id: "days", alone: true, title: "Energy a day, in " + unit, scale: scaleOf(0, max(float64(highest)/per, 1)),
		across: []plotEnd{{text: d.From}, {text: all[len(all)/2].Day}, {text: d.To}}, columns: []string{"Day", "Energy", "Sessions", "Revenue"},
		about: fmt.Sprintf("%s in all, %s on the day with the most.", muchEnergy(d.EnergyWh), muchEnergy(highest)),
	}
	if len(all) < 3 {
		d.days.across = []plotEnd{{text: d.From}, {text: d.To}}
	}
	words := func(i int) string {
		return strings.Join([]string{muchEnergy(all[i].EnergyWh), count(all[i].Transactions, "session"), revenueWords(all[i].Revenue)}, ", ")
	}
	first := func(i int) plotEnd { return plotEnd{text: all[i].Day} }
	d.days.bars = barsOf(len(all), d.days.scale, func(i int) float64 { return float64(all[i].EnergyWh) / per }, first, words)
	each := plotWidth / float64(len(all))
	for i := range all {
		d.days.bands = append(d.days.bands, plotBand{x: each * float64(i), width: each, first: first(i), text: words(i)})
		if all[i].Transactions > 0 {
			d.days.rows = append(d.days.rows, plotRow{first(i), []string{energy(all[i].EnergyWh), figure(all[i].Transactions), revenueWords(all[i].Revenue)}})
		}
	}
	if len(d.days.rows) == 0 {
		d.days.columns = nil
	}
}

// muchEnergy is the energy of many sessions.
func muchEnergy(wh int) string {
	switch {
	case wh >= 10_000_000:
		return strconv.FormatFloat(float64(wh)/1_000_000, 'f', 1, 64) + "\u00a0MWh"
	case wh >= 100_000:
		return figure((wh+500)/1000) + "\u00a0kWh"
	}
	return energy(wh)
}

// revenueWords is revenue, by its currencies.
func revenueWords(revenue map[string]int) string {
	if len(revenue) == 0 {
		return "no revenue"
	}
	var words []string
	for _, currency := range slices.Sorted(maps.Keys(revenue)) {
		words = append(words, money.Format(int64(revenue[currency]), currency))
	}
	return strings.Join(words, " + ")
}

// shareWords is a share as a percentage, which is not said to be nothing or all unless it is.
func shareWords(share float64) string {
	switch {
	case share <= 0:
		return "0\u00a0%"
	case share >= 1:
		return "100\u00a0%"
	case share < 0.001:
		return "less than 0.1\u00a0%"
	case share < 0.1 || share > 0.99:
		return strconv.FormatFloat(min(share*100, 99.9), 'f', 1, 64) + "\u00a0%"
	}
	return percentage(share * 100)
}

// heatClass is one of the colours of the heat map: h0 is none of the time.
func heatClass(share, highest float64) string {
	if share <= 0 || highest <= 0 {
		return "h0"
	}
	return fmt.Sprintf("h%d", min(1+int(share/highest*5), 5))
}

// hottest is the greatest share of the heat map.
func (d *reportsPage) hottest() float64 {
	highest := 0.0
	for _, day := range d.heat {
		highest = max(highest, slices.Max(day[:]))
	}
	return highest
}

func weekdays() [7]string {
	return [7]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
}

// shownUptime is how many stations the page lists: the worst.
const shownUptime = 50

// download is the address of the charge detail records of the days.
func (d *reportsPage) download(path string, more ...string) string {
	to, _ := time.Parse(time.DateOnly, d.To) // the report has made it
	pairs := append([]string{"from", d.from.Format(time.RFC3339), "to", to.AddDate(0, 0, 1).Format(time.RFC3339)}, more...)
	return withQuery("/api/charging/"+path, pairs...)
}
