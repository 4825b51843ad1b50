package session_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/session"
)

// flat is 1.00 to begin with, 0.50 a kWh and 0.02 a minute.
var flat = session.Tariff{ID: "flat", Currency: "EUR", Start: 100, Rate: session.Rate{PerKWh: 50, PerMinute: 2}}

// night is cheaper from 22:00 to 6:00.
var night = session.Tariff{ID: "night", Currency: "EUR", Rate: session.Rate{PerKWh: 60},
	Bands: []session.Band{{Name: "night", From: 22 * 60, To: 6 * 60, Rate: session.Rate{PerKWh: 20}}}}

func TestCharge(t *testing.T) {
	usage := func(from time.Time, length time.Duration, wh int, points ...session.Point) session.Usage {
		return session.Usage{Start: from, Stop: from.Add(length), MeterStart: 500, Energy: wh, Points: points}
	}
	day := func(clock string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", "2026-11-21 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	dayRate, nightRate := night.Rate, night.Bands[0].Rate
	for _, test := range []struct {
		name   string
		tariff session.Tariff
		usage  session.Usage
		want   session.Cost
	}{
		{"flat", flat, usage(now, time.Hour, 7000),
			session.Cost{Start: 100, Total: 570, Lines: []session.Line{{Rate: flat.Rate, Energy: 7000, Seconds: 3600, EnergyCost: 350, TimeCost: 120}}}},
		{"nothing used", flat, usage(now, 0, 0), session.Cost{Start: 100, Total: 100}},
		{"no time", flat, usage(now, 0, 1000),
			session.Cost{Start: 100, Total: 150, Lines: []session.Line{{Rate: flat.Rate, Energy: 1000, EnergyCost: 50}}}},
		{"negative energy is none", flat, usage(now, time.Minute, -5),
			session.Cost{Start: 100, Total: 102, Lines: []session.Line{{Rate: flat.Rate, Seconds: 60, TimeCost: 2}}}},
		{"halves are rounded up", flat, usage(now, 15*time.Second, 10), // 0.5 of each
			session.Cost{Start: 100, Total: 102, Lines: []session.Line{{Rate: flat.Rate, Energy: 10, Seconds: 15, EnergyCost: 1, TimeCost: 1}}}},
		{"less than half is nothing", flat, usage(now, 14*time.Second, 9),
			session.Cost{Start: 100, Total: 100, Lines: []session.Line{{Rate: flat.Rate, Energy: 9, Seconds: 14}}}},
		{"energy flows evenly into two bands", night, usage(day("21:30"), time.Hour, 2001),
			session.Cost{Total: 80, Lines: []session.Line{
				{Rate: dayRate, Energy: 1001, Seconds: 1800, EnergyCost: 60},
				{Band: "night", Rate: nightRate, Energy: 1000, Seconds: 1800, EnergyCost: 20}}}},
		{"the meter says when it flowed", night, usage(day("21:30"), time.Hour, 2000, session.Point{At: day("22:00"), Wh: 2300}),
			session.Cost{Total: 112, Lines: []session.Line{
				{Rate: dayRate, Energy: 1800, Seconds: 1800, EnergyCost: 108},
				{Band: "night", Rate: nightRate, Energy: 200, Seconds: 1800, EnergyCost: 4}}}},
		{"points that cannot be do not count", night, usage(day("21:30"), time.Hour, 2000, session.Point{At: day("21:00"), Wh: 600},
			session.Point{At: day("22:00"), Wh: 9000}, session.Point{At: day("22:10"), Wh: 100}, session.Point{At: day("23:00"), Wh: 600}),
			session.Cost{Total: 80, Lines: []session.Line{
				{Rate: dayRate, Energy: 1000, Seconds: 1800, EnergyCost: 60},
				{Band: "night", Rate: nightRate, Energy: 1000, Seconds: 1800, EnergyCost: 20}}}},
		{"a band over midnight", night, usage(day("23:30"), time.Hour, 1000),
			session.Cost{Total: 20, Lines: []session.Line{{Band: "night", Rate: nightRate, Energy: 1000, Seconds: 3600, EnergyCost: 20}}}},
		{"in the middle of a minute", night, usage(day("21:59").Add(30*time.Second), time.Minute, 60),
			session.Cost{Total: 3, Lines: []session.Line{
				{Rate: dayRate, Energy: 30, Seconds: 30, EnergyCost: 2},
				{Band: "night", Rate: nightRate, Energy: 30, Seconds: 30, EnergyCost: 1}}}},
	} {
		if got := session.Charge(test.tariff, test.usage, time.UTC); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

// In the night in which the clocks are set, an hour comes twice or not at all.
func TestChargeWhenTheClocksChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	two := session.Tariff{ID: "two", Currency: "EUR", Bands: []session.Band{
		{Name: "two", From: 120, To: 180, Rate: session.Rate{PerMinute: 60}}}} // 2:00 to 3:00
	for day, hours := range map[string]int64{"2026-10-24": 1, "2026-10-25": 2, "2026-03-29": 0} {
		midnight, err := time.ParseInLocation(time.DateOnly, day, berlin)
		if err != nil {
			t.Fatal(err)
		}
		cost := session.Charge(two, session.Usage{Start: midnight.UTC(), Stop: midnight.UTC().Add(12 * time.Hour)}, berlin)
		if cost.Total != hours*3600 {
			t.Errorf("on %s the second hour costs %d, want %d", day, cost.Total, hours*3600)
		}
	}
}

// However it is divided, all energy and all time are on the bill once, and the total is
// the sum of its lines.
func TestChargeAddsUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		tariff := session.Tariff{ID: "t", Currency: "EUR", Start: rng.Int64N(500), Rate: session.Rate{PerKWh: rng.Int64N(100), PerMinute: rng.Int64N(20)}}
		for range rng.IntN(5) {
			tariff.Bands = append(tariff.Bands, session.Band{Name: "b", From: rng.IntN(720), To: 720 + rng.IntN(720), Rate: session.Rate{PerKWh: rng.Int64N(100), PerMinute: rng.Int64N(20)}})
		}
		if err := tariff.Check(); err != nil {
			t.Fatal(err)
		}
		u := session.Usage{Start: now.Add(time.Duration(rng.IntN(86400)) * time.Second), MeterStart: rng.IntN(1e6), Energy: rng.IntN(100_000)}
		seconds := rng.IntN(2 * 86400)
		u.Stop = u.Start.Add(time.Duration(seconds) * time.Second)
		for at, wh := 0, 0; at < seconds; at, wh = at+1+rng.IntN(4000), wh+rng.IntN(5000) {
			u.Points = append(u.Points, session.Point{At: u.Start.Add(time.Duration(at) * time.Second), Wh: u.MeterStart + wh})
		}
		cost := session.Charge(tariff, u, time.UTC)
		energy, time, total := int64(0), int64(0), cost.Start
		for _, l := range cost.Lines {
			if l.Energy < 0 || l.Seconds < 0 {
				t.Fatalf("%+v", l)
			}
			energy, time, total = energy+l.Energy, time+l.Seconds, total+l.EnergyCost+l.TimeCost
		}
		if energy != int64(u.Energy) || time != int64(seconds) || total != cost.Total {
			t.Fatalf("%+v of %+v: %d Wh, %d s, %d in all", cost, u, energy, time, total)
		}
	}
}

func TestTariffCheck(t *testing.T) {
	for name, change := range map[string]func(*session.Tariff){
		"no ID":                 func(t *session.Tariff) { t.ID = "" },
		"currency":              func(t *session.Tariff) { t.Currency = "EURO" },
		"negative":              func(t *session.Tariff) { t.PerKWh = -1 },
		"too much":              func(t *session.Tariff) { t.Start = session.MaxAmount + 1 },
		"band without a name":   func(t *session.Tariff) { t.Bands = []session.Band{{From: 0, To: 60}} },
		"band of no minutes":    func(t *session.Tariff) { t.Bands = []session.Band{{Name: "b", From: 60, To: 60}} },
		"band after the day":    func(t *session.Tariff) { t.Bands = []session.Band{{Name: "b", From: 1440, To: 60}} },
		"band with a bad price": func(t *session.Tariff) { t.Bands = []session.Band{{Name: "b", To: 60, Rate: session.Rate{PerKWh: -1}}} },
		"too many bands":        func(t *session.Tariff) { t.Bands = make([]session.Band, session.MaxBands+1) },
	} {
		tariff := flat
		change(&tariff)
		if tariff.Check() == nil {
			t.Errorf("%s: there is nothing wrong", name)
		}
	}
	if err := night.Check(); err != nil {
		t.Error(err)
	}
}
