package charging

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
)

// transaction changes a transaction, which is there from then on, and what it counts for.
func (a *applier) transaction(key string, change func(t *transactionRecord)) error {
	t, found, err := transactions.Get(a.tx, key)
	if err != nil {
		return err
	}
	if !found {
		dash := strings.LastIndexByte(key, '-')
		number, err := strconv.Atoi(key[dash+1:])
		if dash < 1 || err != nil {
			return fmt.Errorf("charging: %q is the key of no transaction", key)
		}
		t = transactionRecord{Key: key, Station: key[:dash], ID: number, First: a.time}
	}
	before, share := t.tally(), t.share()
	t.Position = a.position
	change(&t)
	if err := transactions.Put(a.tx, t); err != nil {
		return err
	}
	if err := a.counted(before, t.tally()); err != nil {
		return err
	}
	return a.shared(share, t.share())
}

// session applies what happened to a session.
func (a *applier) session(event session.Event) error {
	if e, ok := event.(session.MeterValuesRecorded); ok {
		return a.metered(e)
	}
	return a.transaction(a.id, func(t *transactionRecord) {
		t.Version = a.version
		switch e := event.(type) {
		case session.SessionStarted:
			t.Start = &beginning{true, e.Connector, e.IDTag, e.Account, e.MeterStart, e.StationTime, e.At}
			t.Flags = slices.DeleteFunc(t.Flags, func(f session.Flag) bool { return f == session.NoStart })
			t.flag(e.Flags)
		case session.SessionStopped:
			t.Stop = &ending{true, &e.MeterStop, e.Reason, e.StationTime, e.At}
			t.Tariff, t.Currency, t.Cost = "", "", nil
			t.flag(e.Flags)
		case session.SessionAbandoned:
			t.Abandon = &ending{true, &e.MeterStop, e.Reason, time.Time{}, e.At}
		case session.SessionPriced:
			t.Tariff, t.Currency, t.Cost = e.Tariff, e.Currency, &e.Cost
		}
	})
}

// flag notes flags, each once.
func (t *transactionRecord) flag(flags []session.Flag) {
	for _, f := range flags {
		if !slices.Contains(t.Flags, f) {
			t.Flags = append(t.Flags, f)
		}
	}
}

// metered applies meter values: each reading is a point of the curve.
func (a *applier) metered(e session.MeterValuesRecorded) error {
	t, _, err := transactions.Get(a.tx, a.id)
	if err != nil {
		return err
	}
	count, newest := t.Points, t.Newest
	for _, r := range e.Readings {
		p, known := measured(r)
		sure := plausible(r.Time, e.At)
		if !sure {
			p.At = e.At // the station does not know what time it is
		}
		if !sure || !p.At.Before(newest.At) {
			newest.take(p)
		}
		if sure && p.At.After(newest.At) {
			newest.At = p.At
		}
		if !known {
			continue
		}
		found, err := points.Update(a.tx, pointKey(a.id, p.At), func(stored *pointRecord) { stored.take(p) })
		if err == nil && !found {
			count++
			err = points.Put(a.tx, pointRecord{a.id, p})
		}
		if err == nil && count > MaxCurve {
			count, err = a.thin(a.id)
		}
		if err != nil {
			return err
		}
	}
	return a.transaction(a.id, func(t *transactionRecord) {
		t.Version, t.Points, t.Newest = a.version, count, newest
		t.flag(e.Flags)
	})
}

// take takes over what another point has.
func (p *CurvePoint) take(other CurvePoint) {
	for _, field := range []struct{ to, from **float64 }{
		{&p.EnergyWh, &other.EnergyWh}, {&p.PowerW, &other.PowerW}, {&p.SoC, &other.SoC},
		{&p.CurrentA, &other.CurrentA}, {&p.OfferedA, &other.OfferedA}, {&p.VoltageV, &other.VoltageV},
	} {
		if *field.from != nil {
			*field.to = *field.from
		}
	}
}

// measured is what a reading says of the whole outlet; known says whether that is anything.
// The energy is what the register showed. Where only the phases were measured, power is
// their sum, current the strongest, and voltage the highest between a phase and neutral.
func measured(r session.Reading) (p CurvePoint, known bool) {
	p.At = r.Time
	type value struct {
		to      **float64
		unit    string
		outlet  bool // it is about the outlet, and not about the vehicle or the grid
		phases  func(a, b float64) float64
		largest float64
	}
	sum := func(a, b float64) float64 { return a + b }
	values := map[string]value{
		session.EnergyRegister: {to: &p.EnergyWh, unit: "Wh", outlet: true, largest: 1e12},
		session.Power:          {to: &p.PowerW, unit: "W", outlet: true, phases: sum, largest: 1e12},
		session.StateOfCharge:  {to: &p.SoC, unit: "Percent", largest: 100},
		session.Current:        {to: &p.CurrentA, unit: "A", outlet: true, phases: math.Max, largest: 1e9},
		session.CurrentOffered: {to: &p.OfferedA, unit: "A", phases: math.Max, largest: 1e9},
		"Voltage":              {to: &p.VoltageV, unit: "V", outlet: true, phases: math.Max, largest: 1e9},
	}
	phases := make(map[string]float64)
	for _, s := range r.Samples {
		v, ok := values[s.Measurand]
		if !ok || s.Unit != v.unit || s.Signed != "" || v.outlet && s.Location != "" || math.Abs(s.Value) > v.largest {
			continue
		}
		switch {
		case s.Phase == "":
			*v.to = &s.Value
			known = true
		case v.phases != nil && (strings.HasSuffix(s.Phase, "-N") || len(s.Phase) == 2):
			if former, ok := phases[s.Measurand]; ok {
				s.Value = math.Round(1000*v.phases(former, s.Value)) / 1000
			}
			phases[s.Measurand] = s.Value
		}
	}
	for measurand, value := range phases {
		if to := values[measurand].to; *to == nil {
			*to = &value
			known = true
		}
	}
	return p, known
}

// share is what a session has in the reports; the zero share is nothing.
type share struct {
	start, stop time.Time
	energy      int
	currency    string
	revenue     int64
}

func (t *transactionRecord) share() share {
	if !t.counts() {
		return share{}
	}
	s := share{energy: t.energy()}
	s.start, s.stop, _ = t.span()
	if t.Cost != nil {
		s.currency, s.revenue = t.Currency, t.Cost.Total
	}
	return s
}

// shared takes note of what a session had in the reports, and has now.
func (a *applier) shared(before, now share) error {
	if reflect.DeepEqual(before, now) {
		return nil
	}
	if err := a.report(before, -1); err != nil {
		return err
	}
	return a.report(now, 1)
}

// dayOf is the day of a time.
func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// report adds a share to its days so many times.
func (a *applier) report(s share, times int) error {
	if s.stop.IsZero() {
		return nil
	}
	err := a.day(dayOf(s.stop), func(d *dayRecord) {
		d.EnergyWh += times * s.energy
		d.Transactions += times
		if s.currency == "" {
			return
		}
		if d.Revenue == nil {
			d.Revenue = make(map[string]int64)
		}
		if d.Revenue[s.currency] += int64(times) * s.revenue; d.Revenue[s.currency] == 0 {
			delete(d.Revenue, s.currency)
		}
	})
	const hour, perDay = 3600, 24 * 3600
	from, to := s.start.Unix(), s.stop.Unix()
	for from < to && err == nil {
		midnight := (from/perDay + 1) * perDay // a time that counts is after 1970
		err = a.day(dayOf(time.Unix(from, 0)), func(d *dayRecord) {
			for from < min(to, midnight) {
				next := min(to, (from/hour+1)*hour)
				d.Hours[from%perDay/hour] += int64(times) * (next - from)
				from = next
			}
		})
	}
	return err
}

// day changes a day, which is there from then on.
func (a *applier) day(day string, change func(d *dayRecord)) error {
	found, err := days.Update(a.tx, day, change)
	if err != nil || found {
		return err
	}
	d := dayRecord{Day: day}
	change(&d)
	return days.Put(a.tx, d)
}
