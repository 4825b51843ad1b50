package charging

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// histories runs a test with some random histories.
func histories(t *testing.T, runs, steps int, test func(t *testing.T, p *past)) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range runs {
		test(t, randomPast(t, seed+uint64(run), steps))
		if t.Failed() {
			t.Fatalf("seed %d", seed+uint64(run))
		}
	}
}

// contents is all that is in a read DB.
func contents(t *testing.T, db *readdb.DB) string {
	t.Helper()
	names, err := db.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range names {
		view, err := db.Space(name).View()
		if err != nil {
			t.Fatal(err)
		}
		for pair, err := range view.Raw() {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %q %q\n", name, pair.Key, pair.Value)
		}
		if err := view.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// The read DB that came bit by bit is, byte for byte, the one that is made at once.
func TestReadDBIsMadeAgain(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range 4 {
		p := newPast(t, seed+uint64(run))
		p.begin(4)
		db := newMemory(t)
		for range 30 {
			for range p.rng.IntN(20) {
				p.step()
			}
			project(t, newQueries(t, p.store, db, p.now, 1+p.rng.IntN(10)))
		}
		again := newMemory(t)
		project(t, newQueries(t, p.store, again, p.now, 1000))
		got, want := strings.Split(contents(t, db), "\n"), strings.Split(contents(t, again), "\n")
		if len(want) < 100 || len(got) != len(want) {
			t.Fatalf("there are %d lines, and then %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("it was\n%s\nand is\n%s", got[i], want[i])
			}
		}
	}
}

// all returns every document of a list.
func all[D any](t *testing.T, list func(page Page) ([]D, string, error)) (found []D) {
	t.Helper()
	page := Page{Limit: 500}
	for {
		documents, next, err := list(page)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, documents...)
		if next == "" {
			return found
		}
		page.Cursor = next
	}
}

func allStations(t *testing.T, c *Charging, filter StationFilter) []StationDocument {
	t.Helper()
	return all(t, func(page Page) ([]StationDocument, string, error) {
		d, err := c.Stations(t.Context(), filter, page)
		return d.Stations, d.Next, err
	})
}

func allTransactions(t *testing.T, c *Charging, filter TransactionFilter) []TransactionDocument {
	t.Helper()
	return all(t, func(page Page) ([]TransactionDocument, string, error) {
		d, err := c.Transactions(t.Context(), filter, page)
		return d.Transactions, d.Next, err
	})
}

func allDetails(t *testing.T, c *Charging) []session.Detail {
	t.Helper()
	return all(t, func(page Page) ([]session.Detail, string, error) {
		d, err := c.Details(t.Context(), time.Time{}, time.Time{}, page)
		return d.Details, d.Next, err
	})
}

// The counts of the fleet, which are kept as it goes, are those of all stations.
func TestFleetCounts(t *testing.T) {
	t.Parallel()
	histories(t, 12, 250, func(t *testing.T, p *past) {
		c := p.queries()
		want := FleetDocument{Connectors: map[string]int{}, Inbox: len(p.inbox)}
		for _, s := range allStations(t, c, StationFilter{}) {
			want.Stations++
			if s.Online {
				want.Online++
			}
			if s.Faults > 0 {
				want.Faulted++
			}
			if s.PowerFault {
				want.PowerFault++
			}
			want.Running += s.Running
			for n := range p.stations[s.ID].Connectors {
				if n > 0 && n > p.stations[s.ID].Count {
					want.Connectors[counted(s, n)]++
				}
			}
			for n := 1; n <= p.stations[s.ID].Count; n++ {
				want.Connectors[counted(s, n)]++
			}
		}
		for _, x := range allTransactions(t, c, TransactionFilter{State: "running"}) {
			if x.PowerW != nil {
				want.PowerW += *x.PowerW
			}
		}
		for _, s := range p.stations {
			for _, command := range s.Commands {
				if command.Unknown() {
					want.InDoubt++
				}
			}
		}
		if got, err := c.Fleet(t.Context(), 0); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("the fleet is\n%+v, %v\nwant\n%+v", got, err, want)
		}
	})
}

// counted is as what a connector counts.
func counted(s StationDocument, connector int) string {
	i := slices.IndexFunc(s.Connectors, func(c ConnectorDocument) bool { return c.ID == connector })
	switch {
	case !s.Online:
		return "Offline"
	case s.Connectors[i].Status == "":
		return "Unknown"
	}
	return s.Connectors[i].Status
}

// A station of the read model is what its events make it, also as it was at any version.
func TestStationsAreWhatTheirEventsSay(t *testing.T) {
	t.Parallel()
	histories(t, 8, 150, func(t *testing.T, p *past) {
		c := p.queries()
		for _, id := range p.ids {
			now, err := c.Station(t.Context(), id, 0)
			if err != nil {
				t.Fatal(err)
			}
			then, err := c.StationAt(t.Context(), id, now.Version, 0)
			now.Position, now.Updated, then.Position, then.Updated = 0, time.Time{}, 0, time.Time{}
			if err != nil || !reflect.DeepEqual(now, then) {
				t.Fatalf("%s is\n%+v\nand by its events, %v,\n%+v", id, now, err, then)
			}
			for _, s := range now.Connectors {
				if running := p.stations[id].Running(s.ID); s.Transaction > 0 != (running != nil) {
					t.Fatalf("%s: on connector %d runs %d, and by its events %+v", id, s.ID, s.Transaction, running)
				}
			}
		}
		// Half of the history, made into a read model of its own.
		half := newPast(t, 1)
		for _, e := range p.saved[:len(p.saved)/2] {
			e.Position = 0
			if _, err := half.store.SaveEvents(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		h := newQueries(t, half.store, newMemory(t), p.now, 0)
		project(t, h)
		for _, want := range allStations(t, h, StationFilter{}) {
			got, err := c.StationAt(t.Context(), want.ID, want.Version, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range []*StationDocument{&got, &want} { // what an operator says is as it is now
				d.Label, d.Position, d.Updated = "", 0, time.Time{}
				for i := range d.Connectors {
					d.Connectors[i].Plug = registry.Plug{}
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s at version %d was\n%+v\nand by its events\n%+v", want.ID, want.Version, want, got)
			}
		}
	})
}

// The charge detail records are those of the sessions.
func TestDetailsAreThoseOfTheSessions(t *testing.T) {
	t.Parallel()
	histories(t, 12, 250, func(t *testing.T, p *past) {
		c := p.queries()
		want := map[string]string{}
		for key, s := range p.sessions {
			if d, err := s.Detail(); err == nil {
				want[key] = asJSON(t, d)
			}
		}
		last, got := time.Time{}, allDetails(t, c)
		for _, d := range got {
			key := session.Key(d.Station, d.Transaction)
			if asJSON(t, d) != want[key] {
				t.Fatalf("%s is\n%s\nand by its events\n%s", key, asJSON(t, d), want[key])
			}
			if d.Stop.Before(last) {
				t.Fatalf("%s comes after %v", asJSON(t, d), last)
			}
			last = d.Stop
		}
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("there are %d, want %d", len(got), len(want))
		}
	})
}

func asJSON(t *testing.T, d any) string {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What a session tells may come at any time after its station has begun it: the read model
// is the same.
func TestStreamsInAnyOrder(t *testing.T) {
	t.Parallel()
	histories(t, 10, 200, func(t *testing.T, p *past) {
		want := said(t, p.queries(), p)
		for range 3 {
			other := newPast(t, 1)
			other.now = p.now
			for _, e := range shuffled(p) {
				e.Position = 0
				if _, err := other.store.SaveEvents(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			if got := said(t, other.queries(), p); got != want {
				t.Fatalf("it was\n%s\nand in another order is\n%s", want, got)
			}
		}
	})
}

// shuffled is the same history with the events of sessions at other places: in their order,
// and after the station has told that the transaction is there.
func shuffled(p *past) []aether.Event {
	type placed struct {
		aether.Event
		place float64
	}
	begun := map[string]int{}
	var events []placed
	of := map[string][]aether.Event{}
	for i, e := range p.saved {
		if e.Kind() == session.Kind {
			of[e.ActorID] = append(of[e.ActorID], e)
			continue
		}
		events = append(events, placed{e, float64(i)})
		if e.Type == "TransactionStarted" {
			value, _ := p.events.stations.Decode(e)
			begun[sessionActor(key(e.ActorID), value.(station.TransactionStarted).Transaction)] = i
		}
	}
	for _, key := range p.keys {
		actorID := session.Kind + "/" + key
		places := make([]float64, len(of[actorID]))
		for i := range places {
			places[i] = float64(begun[actorID]) + 0.01 + rand.Float64()*float64(len(p.saved)-begun[actorID])
		}
		slices.Sort(places)
		for i, e := range of[actorID] {
			events = append(events, placed{e, places[i]})
		}
	}
	slices.SortStableFunc(events, func(a, b placed) int {
		switch {
		case a.place < b.place:
			return -1
		case a.place > b.place:
			return 1
		}
		return 0
	})
	sorted := make([]aether.Event, len(events))
	for i, e := range events {
		sorted[i] = e.Event
	}
	return sorted
}

// said is all that queries say of transactions, and of the sums of them.
func said(t *testing.T, c *Charging, p *past) string {
	t.Helper()
	var b strings.Builder
	for _, d := range allTransactions(t, c, TransactionFilter{}) {
		d.Position = 0
		curve, err := c.Curve(t.Context(), d.Key, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, asJSON(t, d), asJSON(t, curve))
	}
	fleet, err := c.Fleet(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	report, err := c.Report(t.Context(), spring, p.now, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&b, asJSON(t, fleet), asJSON(t, report))
	return b.String()
}
