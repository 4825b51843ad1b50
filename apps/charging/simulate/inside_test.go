package simulate

import (
	"strings"
	"testing"
	"time"
)

// A ledger that is full forgets the oldest transaction that is settled, and the audit
// says how many it has not seen.
func TestLedgerIsBounded(t *testing.T) {
	b := &book{limit: 3}
	at := time.Unix(1_000_000, 0)
	var theirs []transactionDocument
	for i := range 5 {
		e := b.begin(Entry{ID: i + 1, Connector: 1, IDTag: "ANNA", MeterStart: 100 * i, StartedAt: at})
		e.MeterStop, e.StoppedAt = 100*i+50, at
		b.settled(e)
		theirs = append(theirs, transactionDocument{
			ID: transactionID(nameOf(e)), Connector: 1, IDTag: "ANNA", MeterStart: 100 * i, MeterStop: &e.MeterStop, StartedAt: at, StoppedAt: &at,
		})
	}
	entries := b.copy()
	if len(entries) != 3 || entries[0].ID != 3 || b.dropped != 2 {
		t.Fatalf("the ledger has %+v, and has dropped %d", entries, b.dropped)
	}
	found := compare("CP-1", entries, b.dropped, theirs, nil)
	if len(found.problems) > 0 || found.transactions != 3 || found.forgotten != 2 || found.energy != 150 {
		t.Errorf("the audit finds %+v", found)
	}
	if found := compare("CP-1", entries, 0, theirs, nil); len(found.problems) != 2 {
		t.Errorf("without a word of what was forgotten it finds %q", found.problems)
	}
	known := map[transactionID]bool{"1": true, "2": true}
	if found := compare("CP-1", entries, 0, theirs, known); len(found.problems) != 0 {
		t.Errorf("with those of before it finds %q", found.problems)
	}

	// One that is not settled stays.
	b = &book{limit: 1}
	b.begin(Entry{ID: 1})
	b.begin(Entry{ID: 2})
	if len(b.entries) != 2 || b.dropped != 0 {
		t.Errorf("the ledger has %d entries, and has dropped %d", len(b.entries), b.dropped)
	}
}

// A transaction without an ID is found by what it is, once.
func TestCompareWithoutID(t *testing.T) {
	at, stop := time.Unix(1_000_000, 0), 70
	e := Entry{Connector: 2, IDTag: "Anna", MeterStart: 50, MeterStop: stop, StartedAt: at, StoppedAt: at, Settled: true}
	one := transactionDocument{ID: "7", Connector: 2, IDTag: "ANNA", MeterStart: 50, MeterStop: &stop, StartedAt: at}
	if found := compare("CP-1", []Entry{e}, 0, []transactionDocument{one}, nil); len(found.problems) != 0 {
		t.Errorf("it finds %q", found.problems)
	}
	double := one
	double.ID = "8"
	found := compare("CP-1", []Entry{e}, 0, []transactionDocument{one, double}, nil)
	if len(found.problems) != 1 || !strings.Contains(found.problems[0], "a transaction 8 of ANNA on connector 2, from 50 Wh, that the station never had, or had once") {
		t.Errorf("of a double it finds %q", found.problems)
	}
	e.Dropped = []string{"StartTransaction"}
	found = compare("CP-1", []Entry{e}, 0, nil, nil)
	if len(found.problems) != 2 || !strings.Contains(found.problems[0], "refused [StartTransaction] until the station gave up") || !strings.Contains(found.problems[1], "does not have it") {
		t.Errorf("of one that was refused it finds %q", found.problems)
	}
}

// The timer fires for what comes first, also when that has changed.
func TestAgenda(t *testing.T) {
	var a agenda
	var done []string
	note := func(what string) func() { return func() { done = append(done, what) } }
	a.after(-time.Second, note("second"))
	last := a.after(time.Hour, note("never"))
	a.after(-2*time.Second, note("first"))
	a.after(-time.Second, func() {
		done = append(done, "third")
		a.after(-time.Minute, note("fourth"))
	})
	a.run()
	if got := strings.Join(done, " "); got != "first second third fourth" {
		t.Errorf("done was %s", got)
	}
	a.drop(last)
	a.drop(last)
	if len(a.jobs) != 0 {
		t.Errorf("%d jobs are left", len(a.jobs))
	}
}
