package charging

import (
	"encoding/base64"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// A report has the sums of the sessions that ended in its days, and the time that stations
// were there.
func TestReport(t *testing.T) {
	t.Parallel()
	histories(t, 8, 200, func(t *testing.T, p *past) {
		c := p.queries()
		for range 3 {
			from := spring.AddDate(0, 0, p.rng.IntN(4)-1)
			to := from.AddDate(0, 0, p.rng.IntN(5))
			got, err := c.Report(t.Context(), from, to, 0)
			if err != nil {
				t.Fatal(err)
			}
			if want := reported(t, c, p, from.Truncate(24*time.Hour), to.Truncate(24*time.Hour).AddDate(0, 0, 1)); !reflect.DeepEqual(got, want) {
				t.Fatalf("the report is\n%s\nwant\n%s", asJSON(t, got), asJSON(t, want))
			}
		}
	})
}

// reported is a report, made in another way: second by second.
func reported(t *testing.T, c *Charging, p *past, from, beyond time.Time) ReportDocument {
	t.Helper()
	d := ReportDocument{From: dayOf(from), To: dayOf(beyond.Add(-1)), Revenue: map[string]int{}, Days: []DayDocument{}, Uptime: []UptimeDocument{}}
	for day := from; day.Before(beyond); day = day.AddDate(0, 0, 1) {
		of := DayDocument{Day: dayOf(day), Revenue: map[string]int{}}
		for _, s := range allDetails(t, c) {
			if s.Stop.UTC().Truncate(24 * time.Hour).Equal(day) {
				of.EnergyWh += s.Energy
				of.Transactions++
				if s.Cost != nil && s.Cost.Total > 0 {
					of.Revenue[s.Currency] += int(s.Cost.Total)
					d.Revenue[s.Currency] += int(s.Cost.Total)
				}
			}
			first, last := max(s.Start.Unix(), day.Unix()), min(s.Stop.Unix(), day.AddDate(0, 0, 1).Unix())
			for second := first; second < last; second++ {
				d.Heat[(int(day.Weekday())+6)%7][(second-day.Unix())/3600]++
			}
		}
		if of.Transactions > 0 {
			d.Days = append(d.Days, of)
			d.EnergyWh += of.EnergyWh
			d.Transactions += of.Transactions
		}
	}
	if p.now.Before(beyond) {
		beyond = p.now
	}
	for _, id := range p.ids {
		d.Uptime = append(d.Uptime, p.uptime(t, id, from, beyond))
	}
	slices.SortStableFunc(d.Uptime, func(a, b UptimeDocument) int {
		switch {
		case a.Share < b.Share:
			return -1
		case a.Share > b.Share:
			return 1
		}
		return 0
	})
	return d
}

// uptime goes through the whole history of a station.
func (p *past) uptime(t *testing.T, id string, from, beyond time.Time) UptimeDocument {
	t.Helper()
	u := UptimeDocument{Station: id}
	var online, fault, asked time.Duration
	s := station.Initial("")
	var last time.Time
	until := func(at time.Time) {
		first, end := last, at
		if first.Before(from) {
			first = from
		}
		if beyond.Before(end) {
			end = beyond
		}
		if span := end.Sub(first); !last.IsZero() && span > 0 {
			asked += span
			if s.Online {
				online += span
			}
			for _, c := range s.Connectors {
				if c.Status == station.Faulted {
					fault += span
					break
				}
			}
		}
		last = at
	}
	for _, e := range p.saved {
		if e.ActorID != stationActor(id) {
			continue
		}
		event, err := p.events.stations.Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		until(e.Time)
		s = station.Evolve(s, event)
	}
	until(beyond)
	u.OnlineSeconds, u.FaultSeconds = int64(online/time.Second), int64(fault/time.Second)
	if asked > 0 {
		u.Share = float64(online) / float64(asked)
	}
	return u
}

func TestBadReport(t *testing.T) {
	t.Parallel()
	c := newPast(t, 1).queries()
	for _, to := range []time.Time{spring.AddDate(0, 0, -1), spring.AddDate(0, 0, MaxReport)} {
		if _, err := c.Report(t.Context(), spring, to, 0); !refusedFor(err, BadSpan) {
			t.Errorf("a report to %v: %v", to, err)
		}
	}
}

func refusedFor(err error, reason string) bool {
	refusal, ok := refused(err)
	return ok && refusal.Reason == reason
}

// Filters find what they should, in pages of any size, each document once.
func TestFiltersAndPages(t *testing.T) {
	t.Parallel()
	histories(t, 6, 250, func(t *testing.T, p *past) {
		c := p.queries()
		transactions := allTransactions(t, c, TransactionFilter{})
		for range 30 {
			var f TransactionFilter
			if p.chance(50) {
				f.Station = p.pick(p.ids...)
			}
			if p.chance(50) {
				f.IDTag = p.pick("ann", "BOB", "cid", "nobody")
			}
			if p.chance(50) {
				f.State = p.pick("running", "stopped", "abandoned")
			}
			if p.chance(40) {
				f.From, f.To = spring.Add(time.Duration(p.rng.IntN(48))*time.Hour), p.now.Add(-time.Duration(p.rng.IntN(10))*time.Hour)
			}
			var want []TransactionDocument
			for _, d := range transactions {
				began := d.StartedAt
				if !plausible(began, d.ToldAt) {
					began = d.ToldAt
				}
				inTime := (f.From.IsZero() || !began.Before(f.From)) && (f.To.IsZero() || began.Before(f.To))
				if inTime && (f.Station == "" || f.Station == d.Station) && (f.IDTag == "" || strings.EqualFold(f.IDTag, d.IDTag)) && (f.State == "" || f.State == d.State) {
					want = append(want, d)
				}
			}
			paged(t, p, want, func(page Page) ([]TransactionDocument, string, error) {
				d, err := c.Transactions(t.Context(), f, page)
				return d.Transactions, d.Next, err
			})
		}
		stations := allStations(t, c, StationFilter{})
		if len(stations) != len(p.ids) {
			t.Fatalf("there are %d stations", len(stations))
		}
		for range 30 {
			var f StationFilter
			if p.chance(40) {
				online := p.chance(50)
				f.Online = &online
			}
			if p.chance(40) {
				f.Status = p.pick("Charging", "Faulted", "Unknown", "Available")
			}
			f.Faulted, f.Text = p.chance(20), p.pick("", "", "cp-2", "m1", "LEFT", "nothing")
			var want []StationDocument
			for _, d := range stations {
				status := f.Status == "" || slices.ContainsFunc(d.Connectors, func(s ConnectorDocument) bool {
					return s.ID > 0 && (s.Status == f.Status || s.Status == "" && f.Status == "Unknown" && s.ID <= p.stations[d.ID].Count)
				})
				text := strings.Contains(strings.ToLower(d.ID+" "+d.About.Model+" "+d.Label), strings.ToLower(f.Text))
				if status && text && (f.Online == nil || *f.Online == d.Online) && (!f.Faulted || d.Faults > 0) {
					want = append(want, d)
				}
			}
			paged(t, p, want, func(page Page) ([]StationDocument, string, error) {
				d, err := c.Stations(t.Context(), f, page)
				return d.Stations, d.Next, err
			})
		}
		commands := all(t, func(page Page) ([]CommandDocument, string, error) {
			d, err := c.Commands(t.Context(), CommandFilter{}, page)
			return d.Commands, d.Next, err
		})
		for _, f := range []CommandFilter{{State: "open"}, {State: "doubt"}, {State: "rejected"}, {Station: "CP-1"}, {Station: "CP-2", State: "open"}, {Station: "CP-2", State: "effective"}} {
			var want []CommandDocument
			for _, d := range commands {
				of := station.Command{State: d.State}
				state := f.State == "" || f.State == string(d.State) || f.State == "open" && of.Open() || f.State == "doubt" && of.Unknown()
				if state && (f.Station == "" || f.Station == d.Station) {
					want = append(want, d)
				}
			}
			paged(t, p, want, func(page Page) ([]CommandDocument, string, error) {
				d, err := c.Commands(t.Context(), f, page)
				return d.Commands, d.Next, err
			})
		}
	})
}

// paged compares a list, taken in pages of random sizes, with what it should be.
func paged[D any](t *testing.T, p *past, want []D, list func(page Page) ([]D, string, error)) {
	t.Helper()
	var got []D
	page := Page{Limit: 1 + p.rng.IntN(6)}
	for {
		documents, next, err := list(page)
		if err != nil || len(documents) > page.Limit || next != "" && len(documents) != page.Limit {
			t.Fatalf("%d documents, next %q, %v", len(documents), next, err)
		}
		got = append(got, documents...)
		if next == "" {
			break
		}
		page.Cursor = next
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("the pages have\n%s\nwant\n%s", asJSON(t, got), asJSON(t, want))
	}
}

// A cursor that is none is an error, and so is one of another span.
func TestBadCursors(t *testing.T) {
	t.Parallel()
	p := newPast(t, 1)
	p.begin(1)
	c := p.queries()
	for _, cursor := range []string{"?", "YQ", placeCursor(spring.AddDate(1, 0, 0), "x"), base64.RawURLEncoding.EncodeToString([]byte("1.-1.x")), "OTk5OTk5OTk5OTk5OTk5OTk5LjAu"} {
		if _, err := c.Transactions(t.Context(), TransactionFilter{From: spring, To: spring.AddDate(0, 1, 0)}, Page{Cursor: cursor}); !errors.Is(err, readdb.ErrCursor) {
			t.Errorf("transactions behind %q: %v", cursor, err)
		}
	}
	for _, cursor := range []string{"?", "=="} {
		if _, err := c.Stations(t.Context(), StationFilter{}, Page{Cursor: cursor}); !errors.Is(err, readdb.ErrCursor) {
			t.Errorf("stations behind %q: %v", cursor, err)
		}
	}
}

// What is not there is refused for its reason; what has not come yet is behind.
func TestNotThere(t *testing.T) {
	t.Parallel()
	p := newPast(t, 1)
	p.begin(1)
	save(p, p.events.records, recordActor("CP-9"), registry.RecordEvent(registry.NoteChanged{Note: registry.Note{Label: "planned"}, At: p.now}))
	c := p.queries()
	ctx := t.Context()
	errs := map[string]error{}
	_, errs["CP-9 station "+station.NoStation] = c.Station(ctx, "CP-9", 0) // it is only noted
	_, errs["station "+station.NoStation] = c.Station(ctx, "CP-8", 0)
	_, errs["past "+station.NoStation] = c.StationAt(ctx, "CP-8", 1, 0)
	_, errs["bad ID "+station.NoStation] = c.StationAt(ctx, "\x00", 1, 0)
	_, errs["future "+NoVersion] = c.StationAt(ctx, "CP-1", 99, 0)
	_, errs["settings "+station.NoStation] = c.Settings(ctx, "CP-8", 0)
	_, errs["security "+station.NoStation] = c.Security(ctx, "CP-8", Page{})
	_, errs["history "+station.NoStation] = c.StationHistory(ctx, "", 0, 10)
	_, errs["transaction "+station.NoTransaction] = c.Transaction(ctx, "CP-1-1", 0)
	_, errs["curve "+station.NoTransaction] = c.Curve(ctx, "CP-1-1", 0)
	_, errs["its history "+station.NoTransaction] = c.TransactionHistory(ctx, "CP-1-1", 0, 10)
	_, errs["command "+station.NoCommand] = c.Command(ctx, "x", 0)
	_, errs["tag "+registry.NoIDTag] = c.IDTag(ctx, "x", 0)
	_, errs["tariff "+registry.NoTariff] = c.Tariff(ctx, "x", 0)
	for what, err := range errs {
		if !refusedFor(err, what[strings.LastIndexByte(what, ' ')+1:]) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.StationAt(ctx, "CP-1", 1, 1000); !errors.Is(err, projection.ErrBehind) {
		t.Errorf("a position to come: %v", err)
	}
	if d, err := c.StationAt(ctx, "CP-1", 1, aether.Position(p.number)); err != nil || d.Online || d.Version != 1 {
		t.Errorf("the first version is %+v, %v", d, err)
	}
	page, err := c.Stations(ctx, StationFilter{}, Page{})
	if err != nil || len(page.Stations) != 1 || page.Stations[0].Tariff != registry.DefaultTariff {
		t.Errorf("the stations are %+v, %v", page, err)
	}
	unready := newQueries(t, p.store, newMemory(t), p.now, 0)
	if _, err := unready.Fleet(ctx, 0); !errors.Is(err, projection.ErrNotReady) {
		t.Errorf("before it is made: %v", err)
	}
}

// The history is what was saved, the newest first, without the hashes of keys.
func TestHistory(t *testing.T) {
	t.Parallel()
	p := randomPast(t, 11, 100)
	c := p.queries()
	for _, actor := range []string{stationActor("CP-1"), session.Kind + "/" + p.keys[0]} {
		var got []string
		before := aether.Version(math.MaxInt64)
		for more := true; more; {
			list := c.StationHistory
			if aether.Kind(actor) == session.Kind {
				list = c.TransactionHistory
			}
			page, err := list(t.Context(), key(actor), before, 3)
			if err != nil || len(page.Events) == 0 {
				t.Fatal(page, err)
			}
			for _, e := range page.Events {
				got = append(got, e.Type)
				before = e.Version
			}
			more = page.More
		}
		var want []string
		for _, e := range slices.Backward(p.saved) {
			if e.ActorID == actor {
				want = append(want, e.Type)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the history of %s is %v, want %v", actor, got, want)
		}
	}
}
