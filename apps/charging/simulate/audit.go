package simulate

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// audited is what was found out about a station.
type audited struct {
	transactions, stopped, undelivered, forgotten int

	energy   int // in Wh
	problems []string
}

// Audit compares what the stations believe with what the central system says. What it
// finds is in the report; the error says why there is none.
func (f *Fleet) Audit(ctx context.Context) (*Report, error) {
	defer f.client.http.CloseIdleConnections()
	var mu sync.Mutex
	var sum audited
	end := time.Now().Add(f.o.Settle)
	err := each(ctx, len(f.stations), func(ctx context.Context, i int) error {
		found, err := f.auditOne(ctx, f.stations[i], f.before[i], end)
		mu.Lock()
		defer mu.Unlock()
		sum.transactions += found.transactions
		sum.stopped += found.stopped
		sum.undelivered += found.undelivered
		sum.forgotten += found.forgotten
		sum.energy += found.energy
		sum.problems = append(sum.problems, found.problems...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the audit: %w", err)
	}
	// One that was never there has nothing that could be wrong.
	if absent := f.neverConnected(); len(absent) > 0 {
		sum.problems = append(sum.problems, fmt.Sprintf("%d of %d stations were never connected, %s among them: is another one of that name, or are stations served elsewhere?",
			len(absent), len(f.stations), absent[0]))
	}
	return f.report(sum), nil
}

// enoughToConnect is how long a station tries at least before it counts that it never came in,
// unless no other did.
const enoughToConnect = 10 * time.Second

// neverConnected returns the stations that were switched on, and never let in.
func (f *Fleet) neverConnected() []string {
	var absent []string
	tried, all := false, true
	for _, s := range f.stations {
		s.mu.Lock()
		if s.letIn {
			all = false
		} else if !s.since.IsZero() {
			absent = append(absent, s.id)
			tried = tried || time.Since(s.since) >= enoughToConnect
		}
		s.mu.Unlock()
	}
	if !tried && !all {
		return nil
	}
	return absent
}

// auditOne asks again while there is something wrong, since queries may be behind what
// has been answered.
func (f *Fleet) auditOne(ctx context.Context, s *Station, before map[transactionID]bool, end time.Time) (audited, error) {
	for failures := 1; ; failures++ {
		theirs, err := f.client.transactions(ctx, s.id)
		if err != nil {
			return audited{}, err
		}
		s.mu.Lock()
		entries, dropped := s.ledger.copy(), s.ledger.dropped
		s.mu.Unlock()
		found := compare(s.id, entries, dropped, theirs, before)
		if len(found.problems) == 0 || !time.Now().Before(end) {
			return found, nil
		}
		if err := backoff.Wait(ctx, backoff.After(failures, 50*time.Millisecond, 2*time.Second)); err != nil {
			return found, err
		}
	}
}

// compare holds the entries of a station against the transactions that the central
// system has of it: each is there exactly once, with the right values, and nothing else.
// Transactions of before do not count; of a ledger that has dropped entries those do not
// that are older than what is left.
func compare(station string, entries []Entry, dropped int, theirs []transactionDocument, before map[transactionID]bool) audited {
	found := audited{forgotten: dropped}
	problem := func(e *Entry, format string, args ...any) {
		found.problems = append(found.problems, fmt.Sprintf("%s: the transaction %s of %s on connector %d, from %d Wh: %s",
			station, nameOf(e), e.IDTag, e.Connector, e.MeterStart, fmt.Sprintf(format, args...)))
	}
	rest := make([]transactionDocument, 0, len(theirs))
	for _, t := range theirs {
		if !before[t.ID] {
			rest = append(rest, t)
		}
	}
	oldest := map[int]int{} // the lowest meter value of each connector
	for i := range entries {
		e := &entries[i]
		if at, ok := oldest[e.Connector]; !ok || e.MeterStart < at {
			oldest[e.Connector] = e.MeterStart
		}
		found.transactions++
		if e.Stopped() {
			found.stopped++
			found.energy += e.MeterStop - e.MeterStart
		}
		if !e.Settled {
			found.undelivered++
			problem(e, "the server has not taken all that the station has to say about it")
		}
		if len(e.Dropped) > 0 {
			problem(e, "the server has refused %v until the station gave up", e.Dropped)
		}
		at := match(e, rest)
		if at < 0 {
			problem(e, "the server does not have it")
			continue
		}
		for _, difference := range differences(e, &rest[at]) {
			problem(e, "%s", difference)
		}
		rest = append(rest[:at], rest[at+1:]...)
	}
	for _, t := range rest {
		if least, ok := oldest[t.Connector]; dropped > 0 && (!ok || t.MeterStart < least) {
			continue
		}
		found.problems = append(found.problems, fmt.Sprintf("%s: the server has a transaction %s of %s on connector %d, from %d Wh, that the station never had, or had once",
			station, t.ID, t.IDTag, t.Connector, t.MeterStart))
	}
	return found
}

func nameOf(e *Entry) string {
	if e.ID == 0 {
		return "without an ID"
	}
	return strconv.Itoa(e.ID)
}

// match finds the transaction that an entry is about, -1 for none: by its ID, or by what
// it is, where the station has none.
func match(e *Entry, theirs []transactionDocument) int {
	for i, t := range theirs {
		if e.ID != 0 && string(t.ID) == strconv.Itoa(e.ID) {
			return i
		}
		if e.ID == 0 && t.Connector == e.Connector && sameTag(t.IDTag, e.IDTag) && t.MeterStart == e.MeterStart {
			return i
		}
	}
	return -1
}

// clockTolerance is by how much times may differ that the clocks agree about.
const clockTolerance = 5 * time.Second

func differences(e *Entry, t *transactionDocument) []string {
	var all []string
	differ := func(what string, ours, theirs any) {
		all = append(all, fmt.Sprintf("%s is %v for the station and %v for the server", what, ours, theirs))
	}
	if t.Connector != e.Connector {
		differ("the connector", e.Connector, t.Connector)
	}
	if !sameTag(t.IDTag, e.IDTag) {
		differ("the ID tag", e.IDTag, t.IDTag)
	}
	if t.MeterStart != e.MeterStart {
		differ("the meter at the start", e.MeterStart, t.MeterStart)
	}
	if d := t.StartedAt.Sub(e.StartedAt); !e.Skewed && (d > clockTolerance || d < -clockTolerance) {
		differ("the start", e.StartedAt.UTC().Format(time.RFC3339), t.StartedAt.UTC().Format(time.RFC3339))
	}
	switch {
	case !e.Stopped() && t.MeterStop != nil:
		differ("the meter at the stop", "not known", *t.MeterStop)
	case e.Stopped() && e.Settled && t.MeterStop == nil:
		differ("the meter at the stop", e.MeterStop, "not known")
	case e.Stopped() && t.MeterStop != nil && *t.MeterStop != e.MeterStop:
		differ("the meter at the stop", e.MeterStop, *t.MeterStop)
	case e.Stopped() && t.EnergyWh != nil && *t.EnergyWh != float64(e.MeterStop-e.MeterStart):
		differ("the energy", e.MeterStop-e.MeterStart, *t.EnergyWh)
	}
	return all
}

// each does something for the numbers below n, some of them at a time. The first error
// ends it.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, concurrent) {
		workers.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
