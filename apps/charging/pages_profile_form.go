package charging

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/internal/web"
)

// A charging profile as it is put in, and as OCPP writes it (7.8, 7.13, 7.14).
type (
	ocppProfile struct {
		ID          int          `json:"chargingProfileId"`
		Transaction *int         `json:"transactionId,omitempty"`
		StackLevel  int          `json:"stackLevel"`
		Purpose     string       `json:"chargingProfilePurpose"`
		Kind        string       `json:"chargingProfileKind"`
		Recurrency  string       `json:"recurrencyKind,omitempty"`
		ValidFrom   string       `json:"validFrom,omitempty"`
		ValidTo     string       `json:"validTo,omitempty"`
		Schedule    ocppSchedule `json:"chargingSchedule"`
	}
	ocppSchedule struct {
		Duration *int         `json:"duration,omitempty"` // seconds
		Start    string       `json:"startSchedule,omitempty"`
		Unit     string       `json:"chargingRateUnit"`
		Periods  []ocppPeriod `json:"chargingSchedulePeriod"`
	}
	ocppPeriod struct {
		Start  int     `json:"startPeriod"` // seconds
		Limit  float64 `json:"limit"`
		Phases *int    `json:"numberPhases,omitempty"`
	}
)

// mostPeriods is how many periods the form has at most; stations often take fewer. So many
// rows are there at first.
const (
	mostPeriods  = 24
	leastPeriods = 4
)

func periodField(name string, i int) string { return fmt.Sprintf("period-%s-%d", name, i) }

func periodFields() []string { return []string{"from", "limit", "phases"} }

const (
	profileFrom  = "valid-from"
	profileTo    = "valid-to"
	profileStart = "start"
)

func profileFields() []string {
	names := []string{
		"connector", "purpose", "stack", "id", "transaction", "kind", "recurrency", "unit", "hours", "do",
		profileFrom, web.InZone(profileFrom), profileTo, web.InZone(profileTo), profileStart, web.InZone(profileStart),
	}
	for i := range mostPeriods {
		for _, name := range periodFields() {
			names = append(names, periodField(name, i))
		}
	}
	return names
}

// hasPeriod says whether anything was put in for a period.
func hasPeriod(f *web.Form, i int) bool {
	for _, name := range periodFields() {
		if f.Values[periodField(name, i)] != "" {
			return true
		}
	}
	return false
}

// shownPeriods is how many rows the form has: those with something in them, and some more.
func shownPeriods(f *web.Form) int {
	rows := 0
	for i := range mostPeriods {
		if hasPeriod(f, i) {
			rows = i + 1
		}
	}
	return min(max(rows+2, leastPeriods), mostPeriods)
}

// readProfile returns the profile that was put in, and for which connector. What is wrong
// with it is said at its fields.
func readProfile(f *web.Form) (p ocppProfile, connector int) {
	connector = notNegative(f, "connector")
	p = ocppProfile{
		ID: f.Number("id"), StackLevel: notNegative(f, "stack"), Purpose: f.Values["purpose"], Kind: f.Values["kind"],
		Schedule: ocppSchedule{Unit: f.Values["unit"]},
	}
	switch v16.ChargingProfilePurpose(p.Purpose) {
	case v16.PurposeChargePointMaxProfile:
		if connector != 0 {
			f.Wrong["connector"] = "A limit for the whole station is for connector 0."
		}
	case v16.PurposeTxProfile:
		if connector == 0 {
			f.Wrong["connector"] = "A profile of a session is for the connector of that: 1, 2 and so on."
		}
		if f.Values["transaction"] != "" {
			number := f.Number("transaction")
			p.Transaction = &number
		}
	}
	switch v16.ChargingProfileKind(p.Kind) {
	case v16.KindRecurring:
		p.Recurrency = cmp.Or(f.Values["recurrency"], string(v16.RecurrencyDaily))
	case v16.KindRelative:
		if f.Values[profileStart] != "" {
			f.Wrong[profileStart] = "It begins when charging begins: leave this empty."
		}
	}
	if v16.ChargingProfileKind(p.Kind) != v16.KindRelative {
		at := readOptional(f, profileStart)
		if at.IsZero() && f.Wrong[profileStart] == "" {
			f.Wrong[profileStart] = "Say from when on the periods are counted."
		}
		p.Schedule.Start = ocppTime(at)
	}
	from, to := readOptional(f, profileFrom), readOptional(f, profileTo)
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		f.Wrong[profileTo] = "This is not after the beginning."
	}
	p.ValidFrom, p.ValidTo = ocppTime(from), ocppTime(to)
	if f.Values["hours"] != "" {
		if n := f.Number("hours"); n < 1 || n > 24*366 {
			f.Wrong["hours"] = "These are 1 to 8784 hours; empty is without an end."
		} else {
			seconds := n * 3600
			p.Schedule.Duration = &seconds
		}
	}
	p.Schedule.Periods = readPeriods(f)
	return p, connector
}

func notNegative(f *web.Form, name string) int {
	n := f.Number(name)
	if f.Wrong[name] == "" && n < 0 {
		f.Wrong[name] = "This is 0 or more."
	}
	return n
}

// readPeriods returns the rows with something in them.
func readPeriods(f *web.Form) []ocppPeriod {
	var periods []ocppPeriod
	for i := range mostPeriods {
		if !hasPeriod(f, i) {
			continue
		}
		from, limit, phases := periodField("from", i), periodField("limit", i), periodField("phases", i)
		minutes, ok := readClock(f.Values[from])
		p := ocppPeriod{Start: minutes * 60}
		switch {
		case !ok:
			f.Wrong[from] = "A time is like 2:30."
		case len(periods) == 0 && p.Start != 0:
			f.Wrong[from] = "The first one is from 0:00."
		case len(periods) > 0 && p.Start <= periods[len(periods)-1].Start:
			f.Wrong[from] = "This is not after the one above."
		}
		number, err := strconv.ParseFloat(strings.Replace(f.Values[limit], ",", ".", 1), 64)
		if err != nil || !(number >= 0 && number <= 10_000_000) {
			f.Wrong[limit] = "A limit is 0 or more."
		}
		p.Limit = math.Round(number*10) / 10 // OCPP has one digit
		if f.Values[phases] != "" {
			if n := f.Number(phases); n < 1 || n > 3 {
				f.Wrong[phases] = "1 to 3."
			} else {
				p.Phases = &n
			}
		}
		periods = append(periods, p)
	}
	if len(periods) == 0 {
		f.Wrong[periodField("from", 0)] = "A profile has a period at least."
	}
	return periods
}

// values are the inputs that the profile is made of, as pairs of name and value.
func (p *ocppProfile) values(connector int) []string {
	values := []string{
		"connector", strconv.Itoa(connector), "purpose", p.Purpose, "stack", strconv.Itoa(p.StackLevel), "id", strconv.Itoa(p.ID),
		"kind", p.Kind, "recurrency", p.Recurrency, "unit", p.Schedule.Unit, profileFrom, inputMoment(parseMoment(p.ValidFrom)),
		profileTo, inputMoment(parseMoment(p.ValidTo)), profileStart, inputMoment(parseMoment(p.Schedule.Start)),
	}
	if p.Transaction != nil {
		values = append(values, "transaction", strconv.Itoa(*p.Transaction))
	}
	if p.Schedule.Duration != nil {
		values = append(values, "hours", strconv.Itoa(*p.Schedule.Duration/3600))
	}
	for i, period := range p.Schedule.Periods[:min(len(p.Schedule.Periods), mostPeriods)] {
		values = append(values, periodField("from", i), afterStart(period.Start), periodField("limit", i), strconv.FormatFloat(period.Limit, 'f', -1, 64))
		if period.Phases != nil {
			values = append(values, periodField("phases", i), strconv.Itoa(*period.Phases))
		}
	}
	return values
}

// afterStart is a time since the start of a schedule, as 2:30.
func afterStart(seconds int) string { return fmt.Sprintf("%d:%02d", seconds/3600, seconds/60%60) }

func ocppTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// parseMoment is the reverse; what is no time is zero.
func parseMoment(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at.UTC()
}

// steps are the limits of a schedule, and how many seconds it is drawn for.
func (s *ocppSchedule) steps() (steps []limitStep, seconds int) {
	for _, p := range s.Periods {
		step := limitStep{from: p.Start, limit: p.Limit}
		if p.Phases != nil {
			step.phases = *p.Phases
		}
		steps = append(steps, step)
	}
	slices.SortStableFunc(steps, func(a, b limitStep) int { return cmp.Compare(a.from, b.from) })
	last := steps[len(steps)-1].from
	seconds = last + max(last/4, 3600) // the last one goes on
	if s.Duration != nil {
		seconds = *s.Duration
	}
	return steps, max(seconds, 60)
}

// profileSteps are the limits that were put in so far, if they can be drawn.
func profileSteps(f *web.Form) (steps []limitStep, seconds int) {
	tried := web.NewForm()
	for name, value := range f.Values {
		tried.Values[name] = value
	}
	s := ocppSchedule{Periods: readPeriods(&tried)}
	if !tried.OK() {
		return nil, 0
	}
	if n, err := strconv.Atoi(f.Values["hours"]); err == nil && n > 0 && n <= 24*366 {
		duration := n * 3600
		s.Duration = &duration
	}
	steps, seconds = s.steps()
	if v16.ChargingProfileKind(f.Values["kind"]) == v16.KindRecurring && s.Duration == nil {
		seconds = 24 * 3600
		if v16.RecurrencyKind(f.Values["recurrency"]) == v16.RecurrencyWeekly {
			seconds *= 7
		}
	}
	return steps, seconds
}

// atOfDay is the start that was put in, zero where there is none.
func atOfDay(f *web.Form) time.Time {
	at, _ := time.Parse("2006-01-02T15:04", f.Values[profileStart])
	return at
}

// drawLimits draws the limits of a schedule. Where its start is known the axis has moments.
func drawLimits(id, title string, steps []limitStep, seconds int, unit string, start time.Time) *plot {
	words := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) + "\u00a0A a phase" }
	per, name := 1.0, "amperes a phase"
	if v16.ChargingRateUnit(unit) == v16.RateW {
		words, per, name = power, 1000, "kW"
	}
	highest := 0.0
	for _, s := range steps {
		highest = max(highest, s.limit)
	}
	at := func(second int) plotEnd {
		if start.IsZero() {
			return plotEnd{text: afterStart(second)}
		}
		return plotEnd{at: start.Add(time.Duration(second) * time.Second)}
	}
	c := plot{
		id: id, title: title + ", in " + name, scale: scaleOf(0, highest/per), columns: []string{"From", "Limit", "Phases"},
		across: []plotEnd{at(0), {text: "after " + lasting(time.Duration(seconds/2)*time.Second)}, at(seconds)},
	}
	if start.IsZero() {
		c.across[1] = at(seconds / 2)
	}
	drawn := make([]limitStep, len(steps))
	for i, s := range steps {
		drawn[i] = limitStep{from: s.from, limit: s.limit / per}
		to := seconds
		if i+1 < len(steps) {
			to = min(steps[i+1].from, seconds)
		}
		phases := "3"
		if s.phases > 0 {
			phases = strconv.Itoa(s.phases)
		}
		c.rows = append(c.rows, plotRow{at(s.from), []string{words(s.limit), phases}})
		if s.from < seconds {
			x := plotWidth * float64(s.from) / float64(seconds)
			c.bands = append(c.bands, plotBand{x: x, width: plotWidth*float64(to)/float64(seconds) - x, first: at(s.from), text: words(s.limit)})
		}
	}
	c.lines = []plotLine{{name: "Limit", class: "line-a", path: limits(drawn, seconds, c.scale)}}
	c.about = limitWords(steps, words)
	return &c
}

// limitWords say what the limits are.
func limitWords(steps []limitStep, words func(float64) string) string {
	if len(steps) == 1 {
		return "At most " + words(steps[0].limit) + ", all the time."
	}
	lowest, highest := steps[0].limit, steps[0].limit
	for _, s := range steps {
		lowest, highest = min(lowest, s.limit), max(highest, s.limit)
	}
	return fmt.Sprintf("%s, from %s to %s.", count(len(steps), "period"), words(lowest), words(highest))
}
