package session_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/schema/schematest"
)

type scenario = aethertest.Scenario[*session.Session, session.Command, session.Event]

func given(t *testing.T, events ...session.Event) *scenario {
	t.Helper()
	return aethertest.Given(t, actor.Decider[*session.Session, session.Command, session.Event]{
		Kind: session.Kind, Events: session.Events(), Initial: session.Initial, Decide: session.Decide, Evolve: session.Evolve,
		Snapshots: actor.JSONSnapshots[*session.Session](1),
	}, events...)
}

var (
	now = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	end = now.Add(time.Hour)
)

func start() session.Start {
	return session.Start{Station: "CP-1", Transaction: 1000, Connector: 1, IDTag: "ann", MeterStart: 500, Timestamp: now, At: now}
}

func started() session.SessionStarted {
	return session.SessionStarted{Station: "CP-1", Transaction: 1000, Connector: 1, IDTag: "ann", MeterStart: 500, StationTime: now, At: now}
}

func stop() session.Stop {
	return session.Stop{MeterStop: 7500, Timestamp: end, At: end}
}

func stopped() session.SessionStopped {
	return session.SessionStopped{MeterStop: 7500, Energy: 7000, Reason: "Local", StationTime: end, At: end}
}

// at is a reading of the energy register.
func at(t time.Time, wh int) session.RawReading {
	return session.RawReading{Time: t, Samples: []session.Raw{{Value: fmt.Sprint(wh)}}}
}

func read(t time.Time, wh int) session.Reading {
	return session.Reading{Time: t, Samples: []session.Sample{{Measurand: session.EnergyRegister, Value: float64(wh), Unit: "Wh"}}}
}

func recorded(at time.Time, flags []session.Flag, readings ...session.Reading) session.MeterValuesRecorded {
	return session.MeterValuesRecorded{Readings: readings, Flags: flags, At: at}
}

func minutes(n int) time.Time { return now.Add(time.Duration(n) * time.Minute) }

func TestMeterValuesAreRecordedOnce(t *testing.T) {
	first := session.Record{Readings: []session.RawReading{at(minutes(5), 1000)}, At: minutes(5)}
	both := session.Record{Readings: []session.RawReading{at(minutes(5), 1000), at(minutes(10), 2000)}, At: minutes(10)}
	given(t, started()).
		When(first).Then(recorded(minutes(5), nil, read(minutes(5), 1000))).
		When(first).Then().
		When(both).Then(recorded(minutes(10), nil, read(minutes(10), 2000))). // what is new
		When(both).Then().
		When(session.Record{Readings: []session.RawReading{at(minutes(15), 2500), at(minutes(15), 2500)}, At: minutes(15)}).
		Then(recorded(minutes(15), nil, read(minutes(15), 2500))).
		State(func(s *session.Session) {
			if s.Readings != 3 || len(s.Points) != 3 || !s.Last.Equal(minutes(15)) {
				t.Errorf("%+v", s)
			}
		})
	// Also before anybody has told of the beginning, and after the end.
	given(t).When(first).Then(recorded(minutes(5), nil, read(minutes(5), 1000))).When(start()).Then(started())
	given(t, started(), stopped()).When(first).Then(recorded(minutes(5), nil, read(minutes(5), 1000)))
}

func TestStartAndStopAreTakenOnceInAnyOrder(t *testing.T) {
	done := given(t).When(start()).Then(started()).When(start()).Then().When(stop()).Then(stopped())
	other := stop()
	other.MeterStop = 9999
	done.When(other).Then() // the first counts
	e := stopped()
	e.Energy, e.Flags = 0, []session.Flag{session.NoStart}
	reversed := given(t).When(stop()).Then(e).When(start()).Then(started())
	reversed.State(func(s *session.Session) {
		if d, err := s.Detail(); err != nil || d.Energy != 7000 || len(d.Flags) != 0 {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func TestValuesThatComeWithTheStop(t *testing.T) {
	s := stop()
	s.Readings = []session.RawReading{at(minutes(5), 1000), at(end, 7500)}
	given(t, started(), recorded(minutes(5), nil, read(minutes(5), 1000))).
		When(s).Then(recorded(end, []session.Flag{session.Gap}, read(end, 7500)), stopped()).When(s).Then()
}

func TestGapsSkewAndMetersThatGoBackwardsAreFlagged(t *testing.T) {
	record := func(at time.Time, readings ...session.RawReading) session.Record {
		return session.Record{Readings: readings, At: at}
	}
	on := given(t, started())
	on.When(record(minutes(16), at(minutes(16), 1000))).Then(recorded(minutes(16), []session.Flag{session.Gap}, read(minutes(16), 1000)))
	on.When(record(minutes(9), at(minutes(3), 1000))).Then(recorded(minutes(9), []session.Flag{session.Late}, read(minutes(3), 1000)))
	on.When(record(minutes(1), at(minutes(1), 400))).Then(recorded(minutes(1), []session.Flag{session.MeterBackwards}, read(minutes(1), 400)))
	for _, clock := range []time.Time{time.Unix(60, 0).UTC(), minutes(60), {}} { // 1970, ahead, none
		on.When(record(minutes(1), at(clock, 600))).Then(recorded(minutes(1), []session.Flag{session.ClockSkew}, read(clock, 600))).
			State(func(s *session.Session) {
				if len(s.Points) != 0 || !slices.Equal(s.Flags, []session.Flag{session.ClockSkew}) {
					t.Errorf("%+v", s)
				}
			})
	}
	back, e := stop(), stopped()
	back.MeterStop, e.MeterStop, e.Energy, e.Flags = 499, 499, 0, []session.Flag{session.MeterBackwards}
	on.When(back).Then(e)
	early, e := stop(), stopped()
	early.Timestamp, e.StationTime, e.Flags = minutes(-1), minutes(-1), []session.Flag{session.Late, session.ClockSkew}
	on.When(early).Then(e)
	huge, e := stop(), stopped()
	huge.MeterStop = session.MaxEnergy + 501
	e.MeterStop, e.Energy, e.Flags = huge.MeterStop, session.MaxEnergy+1, []session.Flag{session.MeterImplausible}
	on.When(huge).Then(e).When(session.Price{Tariff: flat, Zone: time.UTC}).ThenRefused(session.BadMeter)
	late := start()
	late.MeterStart = 8000
	first := started()
	first.MeterStart, first.Flags = 8000, []session.Flag{session.MeterBackwards}
	given(t, stopped()).When(late).Then(first)
}

func TestAbandonedSessionHasItsLastReading(t *testing.T) {
	abandon := session.Abandon{Reason: "superseded", At: end}
	e := session.SessionAbandoned{MeterStop: 3000, Energy: 2500, Reason: "superseded", At: end}
	done := given(t, started(), recorded(minutes(10), nil, read(minutes(10), 3000))).When(abandon).Then(e).When(abandon).Then()
	done.State(func(s *session.Session) {
		if d, err := s.Detail(); err != nil || d.Energy != 2500 || !d.Stop.Equal(minutes(10)) || !d.Abandoned || d.Cost != nil {
			t.Errorf("%+v, %v", d, err)
		}
	})
	price := session.Price{Tariff: flat, Zone: time.UTC, At: end}
	priced := session.SessionPriced{Tariff: "flat", Currency: "EUR", Zone: "UTC", Start: now, Stop: minutes(10), Clock: session.StationClock, Energy: 2500, At: end,
		Cost: session.Cost{Start: 100, Total: 245, Lines: []session.Line{{Rate: flat.Rate, Energy: 2500, Seconds: 600, EnergyCost: 125, TimeCost: 20}}}}
	// Its end is told after all: it has another price.
	whole := priced
	whole.Stop, whole.Energy = end, 7000
	whole.Cost = session.Cost{Start: 100, Total: 570, Lines: []session.Line{{Rate: flat.Rate, Energy: 7000, Seconds: 3600, EnergyCost: 350, TimeCost: 120}}}
	done.When(price).Then(priced).When(price).Then().When(stop()).Then(stopped()).When(price).Then(whole)
	given(t, stopped()).When(abandon).Then()
}

func TestPrice(t *testing.T) {
	price := session.Price{Tariff: flat, Zone: time.UTC, At: end}
	given(t, stopped()).When(price).ThenRefused(session.NotStarted)
	given(t, started()).When(price).ThenRefused(session.NotStopped)
	bad := price
	bad.Tariff.Currency = "euro"
	given(t, started(), stopped()).When(bad).ThenRefused(session.BadTariff)
	bad = price
	bad.Zone = nil
	given(t, started(), stopped()).When(bad).ThenRefused(session.BadTariff)
	other := price
	other.Tariff.ID = "other"
	e := session.SessionPriced{Tariff: "flat", Currency: "EUR", Zone: "UTC", Start: now, Stop: end, Clock: session.StationClock, Energy: 7000, At: end,
		Cost: session.Cost{Start: 100, Total: 570, Lines: []session.Line{{Rate: flat.Rate, Energy: 7000, Seconds: 3600, EnergyCost: 350, TimeCost: 120}}}}
	given(t, started(), stopped()).When(price).Then(e).When(price).Then().When(other).ThenRefused(session.IsPriced)
}

// Who was not let in and got nothing pays nothing, but what was used is paid.
func TestPriceOfASessionThatWasNotAccepted(t *testing.T) {
	price := session.Price{Tariff: flat, Zone: time.UTC, At: end}
	hour := session.Line{Rate: flat.Rate, Seconds: 3600, TimeCost: 120}
	metered := session.Line{Rate: flat.Rate, Energy: 10, Seconds: 3600, EnergyCost: 1, TimeCost: 120}
	for _, test := range []struct {
		authorisation string
		energy        int
		want          session.Cost
	}{
		{"Blocked", 0, session.Cost{}},
		{"ConcurrentTx", 0, session.Cost{}},
		{"Invalid", 10, session.Cost{Start: 100, Total: 221, Lines: []session.Line{metered}}},
		{"Accepted", 0, session.Cost{Start: 100, Total: 220, Lines: []session.Line{hour}}},
		{"", 0, session.Cost{Start: 100, Total: 220, Lines: []session.Line{hour}}}, // an event without the field
	} {
		s, e, z := start(), started(), stopped()
		s.Authorisation, e.Authorisation = test.authorisation, test.authorisation
		z.MeterStop, z.Energy = 500+test.energy, test.energy
		over := stop()
		over.MeterStop = z.MeterStop
		given(t).When(s).Then(e).When(over).Then(z).When(price).Then(session.SessionPriced{Tariff: "flat", Currency: "EUR", Zone: "UTC",
			Start: now, Stop: end, Clock: session.StationClock, Energy: test.energy, Cost: test.want, At: end}).
			When(price).Then().State(func(s *session.Session) {
			if d, err := s.Detail(); err != nil || d.Cost == nil || d.Cost.Total != test.want.Total {
				t.Errorf("%+v: %+v, %v", test, d, err)
			}
		})
	}
}

// A clock that cannot be right is not what a customer pays by.
func TestPriceByTheServersClock(t *testing.T) {
	for name, clock := range map[string][2]time.Time{
		"1970":               {time.Unix(60, 0).UTC(), time.Unix(3660, 0).UTC()},
		"set on the way":     {time.Unix(60, 0).UTC(), end},
		"ahead":              {end.AddDate(1, 0, 0), end.AddDate(1, 0, 1)},
		"backwards":          {end, now},
		"longer than a year": {now.AddDate(-2, 0, 0), end},
	} {
		a, z := started(), stopped()
		a.StationTime, z.StationTime = clock[0], clock[1]
		given(t, a, z).State(func(s *session.Session) {
			if d, err := s.Detail(); err != nil || d.Clock != session.ServerClock || d.Seconds != 3600 || d.Energy != 7000 {
				t.Errorf("%s: %+v, %v", name, d, err)
			}
		})
	}
	// A local time marked as UTC has the right length all the same.
	a, z := started(), stopped()
	a.StationTime, z.StationTime = now.Add(-time.Hour), end.Add(-time.Hour)
	given(t, a, z).State(func(s *session.Session) {
		if d, err := s.Detail(); err != nil || d.Clock != session.StationClock || d.Seconds != 3600 {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func TestManyReadingsAreBounded(t *testing.T) {
	s := session.Initial("")
	const all = session.MaxSeen + 100
	for i := range all {
		events, err := session.Decide(s, session.Record{Readings: []session.RawReading{at(now.Add(time.Duration(i)*time.Second), 500+i)}, At: now.Add(24 * time.Hour)})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		s = session.Evolve(s, events[0])
	}
	if len(s.Seen) != session.MaxSeen || len(s.Points) > session.MaxPoints || s.Readings != all {
		t.Errorf("%d sums and %d points of %d readings are kept", len(s.Seen), len(s.Points), s.Readings)
	}
	if last := s.Points[len(s.Points)-1]; last.Wh != 500+all-1 {
		t.Errorf("the last point is %+v", last)
	}
	// One message with too many, and one with too long ones: what is left out is counted,
	// and the event can be saved (which When checks).
	var many, long []session.RawReading
	for i := range session.MaxReadings + 1 {
		many = append(many, at(minutes(i), 500+i))
		long = append(long, session.RawReading{Time: minutes(i), Samples: []session.Raw{{Format: "SignedData", Value: strings.Repeat("\x01", 2500)}}})
	}
	for _, test := range []struct {
		readings []session.RawReading
		dropped  int
	}{{many, 1}, {long, session.MaxReadings + 1 - 47}} {
		record := session.Record{Readings: test.readings, At: now.AddDate(0, 0, 1)}
		events, _ := session.Decide(session.Initial(""), record)
		e := events[0].(session.MeterValuesRecorded)
		if e.Dropped != test.dropped || len(e.Readings) != session.MaxReadings {
			t.Errorf("%d readings, %d values dropped", len(e.Readings), e.Dropped)
		}
		if again, _ := session.Decide(session.Evolve(session.Initial(""), e), record); len(again) != 0 {
			t.Errorf("told again, %d readings are new", len(again[0].(session.MeterValuesRecorded).Readings))
		}
		given(t).When(record).Then(events...)
	}
}

func TestDetailHasCSVAndJSON(t *testing.T) {
	first := started()
	first.IDTag, first.Account = "=HYPERLINK(1)", "ann"
	priced := session.SessionPriced{Tariff: "flat", Currency: "EUR", Start: now, Stop: end, Cost: session.Cost{Total: 570}}
	given(t, first, recorded(minutes(20), []session.Flag{session.Gap}, read(minutes(20), 600)), stopped(), priced).State(func(s *session.Session) {
		d, err := s.Detail()
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"CP-1", "1000", "1", "'=HYPERLINK(1)", "ann", "2026-11-21T20:00:00Z", "2026-11-21T21:00:00Z", "station", "3600",
			"500", "7500", "7000", "Local", "false", "flat", "EUR", "570", "gap"}
		if row := d.Row(); !reflect.DeepEqual(row, want) || len(session.Columns()) != len(row) {
			t.Errorf("the row is  %q\nthe columns are %q", row, session.Columns())
		}
	})
}

func TestEventForms(t *testing.T) {
	a, z := started(), stopped()
	a.Account, a.Flags = "ann", []session.Flag{session.ClockSkew}
	z.IDTag, z.Flags = "ann", []session.Flag{session.MeterBackwards}
	refused := a // as events are that have this field
	refused.Authorisation = "Blocked"
	schematest.Golden(t, session.Events(), "testdata/events", []session.Event{
		a, refused, z,
		session.MeterValuesRecorded{Readings: []session.Reading{{Time: now, Samples: []session.Sample{
			{Measurand: session.Power, Value: 11000.5, Unit: "W", Phase: "L1", Context: "Transaction.Begin", Location: "EV", Signed: "ff"}}}},
			Unreadable: 1, Dropped: 2, Flags: []session.Flag{session.Gap}, At: now},
		session.SessionAbandoned{MeterStop: 3000, Energy: 2500, Reason: "superseded", At: now},
		session.SessionPriced{Tariff: "flat", Currency: "EUR", Zone: "Europe/Berlin", Start: now, Stop: end, Clock: session.StationClock, Energy: 7000,
			Cost: session.Cost{Start: 100, Total: 570, Lines: []session.Line{{Band: "night", Rate: flat.Rate, Energy: 7000, Seconds: 3600,
				EnergyCost: 350, TimeCost: 120}}}, At: end},
	})
}
