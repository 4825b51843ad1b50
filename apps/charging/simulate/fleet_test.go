package simulate_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

// run has a fleet live in a bubble, and returns its report.
func run(t *testing.T, c *central, options simulate.Options) *simulate.Report {
	t.Helper()
	options.URL, options.Dial, options.Prefix = "http://central", c.net.dial, cmp.Or(options.Prefix, "CP-")
	report, err := simulate.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestFleetThatIsCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		var lines []simulate.Status
		r := run(t, c, simulate.Options{Count: 6, Seed: 1, Speed: 60, For: 3*time.Minute + time.Second, Calm: true, Every: time.Minute,
			Progress: func(s simulate.Status) { lines = append(lines, s) }})
		if len(r.Problems) > 0 || r.Transactions < 8 || r.Stopped != r.Transactions || r.EnergyWh < 100_000 || r.Failures > 0 || r.Refused > 0 || r.Connects != 6 {
			t.Errorf("the report is %+v", r)
		}
		if len(lines) < 3 || lines[2].Connected != 6 || lines[2].Charging == 0 || lines[2].PowerW == 0 || lines[2].CallsPerSecond == 0 {
			t.Errorf("the progress is %+v", lines)
		}
		check(t, "password", len(c.passwords["CP-1"]), 20)
	})
}

// The same seed is the same life, in all that drivers do.
func TestLifeIsReproducible(t *testing.T) {
	live := func(seed uint64) (books []string) {
		synctest.Test(t, func(t *testing.T) {
			c := newCentral(t)
			defer c.serve(t.Context())()
			began := time.Now()
			run(t, c, simulate.Options{Count: 3, Seed: seed, Speed: 60, For: 2 * time.Minute, Calm: true})
			for _, tx := range c.transactions {
				books = append(books, fmt.Sprint(tx.Station, tx.Connector, tx.IDTag, tx.MeterStart, *tx.MeterStop, tx.reason, tx.StartedAt.Sub(began), tx.StoppedAt.Sub(began)))
			}
		})
		slices.Sort(books)
		return books
	}
	first, second, other := live(5), live(5), live(6)
	if len(first) < 3 || !slices.Equal(first, second) || slices.Equal(first, other) {
		t.Errorf("the books are\n%q\n%q\nand of another seed\n%q", first, second, other)
	}
}

// Everything breaks, and the audit holds; the same seed does the same again. The second
// run meets stations that are there, with transactions that are not its own.
func TestFleetOfBadLuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		options := simulate.Options{Count: 8, Seed: 3, Speed: 1000, For: 45 * time.Second, Settle: 2 * time.Minute}
		first := run(t, c, options)
		if len(first.Problems) > 0 || first.Transactions < 40 || first.Connects < 12 || first.Undelivered > 0 {
			t.Errorf("the report is %+v", first)
		}
		reasons, doubled := map[v16.Reason]int{}, 0
		for _, tx := range c.transactions {
			reasons[tx.reason]++
			if tx.starts > 1 {
				doubled++
			}
		}
		for _, reason := range []v16.Reason{v16.ReasonLocal, v16.ReasonEVDisconnected, v16.ReasonOther, v16.ReasonPowerLoss, v16.ReasonReboot} {
			if reasons[reason] == 0 {
				t.Errorf("no transaction ended with %s: %v", reason, reasons)
			}
		}
		if doubled == 0 {
			t.Error("no start was told twice")
		}
		second := run(t, c, options)
		if len(second.Problems) > 0 || second.Transactions < first.Transactions*9/10 || second.Transactions > first.Transactions*11/10 {
			t.Errorf("the second report is %+v", second)
		}
	})
}

// The audit finds what a central system gets wrong.
func TestAuditFindsLies(t *testing.T) {
	for _, test := range []struct {
		lie  func(tx *transaction)
		want string
	}{
		{func(tx *transaction) { tx.MeterStart++ }, "the meter at the start is"},
		{func(tx *transaction) { tx.MeterStop = ptr(*tx.MeterStop + 1) }, "the meter at the stop is"},
		{func(tx *transaction) { tx.MeterStop, tx.StoppedAt = nil, nil }, "for the station and not known for the server"},
		{func(tx *transaction) { tx.IDTag = "X" }, "the ID tag is"},
		{func(tx *transaction) { tx.StartedAt = tx.StartedAt.Add(time.Hour) }, "the start is"},
		{func(tx *transaction) { tx.ID += 1000 }, "the server does not have it"},
		{func(tx *transaction) { tx.ID += 1000 }, "that the station never had, or had once"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCentral(t)
			defer c.serve(t.Context())()
			c.lie = test.lie
			r := run(t, c, simulate.Options{Count: 1, Seed: 1, Speed: 60, For: 90 * time.Second, Calm: true})
			if !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, test.want) }) {
				t.Errorf("the problems are %q, want one with %q", r.Problems, test.want)
			}
		})
	}
}

// What the server does not take is a problem too, though nothing contradicts it.
func TestAuditOfWhatIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		c.refuses("StopTransaction", 1000)
		r := run(t, c, simulate.Options{Count: 1, Seed: 1, Speed: 60, For: 2 * time.Minute, Calm: true, Settle: time.Second})
		if r.Undelivered == 0 || len(r.Problems) == 0 || r.Refused == 0 {
			t.Errorf("the report is %+v", r)
		}
	})
}

// A fleet whose stations never came in has nothing that could be wrong, which is wrong.
func TestFleetThatIsNeverThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		reach := true // what the probe at the registration does
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			if !reach {
				return nil, net.ErrClosed
			}
			return c.net.dial(ctx, network, address)
		}
		f, err := simulate.NewFleet(simulate.Options{URL: "http://central", Dial: dial, Prefix: "CP-", Count: 3, Settle: time.Second})
		must(t, err)
		must(t, f.Register(t.Context()))
		reach = false
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_ = f.Live(ctx) // until then
		reach = true
		r, err := f.Audit(t.Context())
		must(t, err)
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "3 of 3 stations were never connected, CP-1 among them") {
			t.Errorf("the problems are %q", r.Problems)
		}
	})
}

func TestFleetThatIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		options := simulate.Options{Count: 1, Seed: 1, For: time.Second}
		run(t, c, options)
		options.URL, options.Dial, options.Prefix, options.Seed = "http://central", c.net.dial, "CP-", 2
		if _, err := simulate.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "CP-1 is not let in: it was registered with another password") {
			t.Errorf("another seed: %v", err)
		}
		for _, wrong := range []simulate.Options{{URL: "http://x"}, {URL: "x", Count: 1}, {URL: "http://x", Count: 1, Speed: -1}, {URL: "http://x", Count: 1, Prefix: "A-VERY-LONG-PREFIX-"}} {
			if _, err := simulate.Run(t.Context(), wrong); err == nil {
				t.Errorf("%+v is taken", wrong)
			}
		}
	})
}

// For a remote start somebody comes with a car.
func TestRemoteStartBringsADriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		f, err := simulate.NewFleet(simulate.Options{URL: "http://central", Dial: c.net.dial, Prefix: "CP-", Count: 2, Speed: 10, Calm: true})
		must(t, err)
		must(t, f.Register(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- f.Live(ctx) }()
		pass(time.Second)
		r := &rig{c, f.Stations()[0]}
		check(t, "status before", r.Status(1), v16.StatusAvailable)
		check(t, "answer", call(t, r, &v16.RemoteStartTransactionReq{ConnectorID: ptr(1), IDTag: "V-1"}).Status, v16.Accepted)
		pass(10 * time.Second)
		check(t, "status then", r.Status(1), v16.StatusCharging)
		check(t, "tag", c.tx().IDTag, "V-1")
		pass(20 * time.Minute)
		f.Settle(ctx)
		report, err := f.Audit(ctx)
		if err != nil || len(report.Problems) > 0 || report.Transactions < 3 {
			t.Errorf("%+v, %v", report, err)
		}
		if line := f.Status().String(); !strings.HasPrefix(line, "2 connected, 0 charging with 0 kW, 0 faulted, 0 offline, 0 queued, ") {
			t.Errorf("the line is %s", line)
		}
		cancel()
		check(t, "Live", <-over, context.Canceled)
	})
}

// The end of ctx ends the lives and not the audit.
func TestFleetThatIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		defer c.serve(t.Context())()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		r, err := simulate.Run(ctx, simulate.Options{URL: "http://central", Dial: c.net.dial, Prefix: "CP-", Count: 2, Speed: 60, Calm: true})
		if err != nil || r.Transactions == 0 || len(r.Problems) > 0 {
			t.Errorf("%+v, %v", r, err)
		}
		var text strings.Builder
		must(t, r.Write(&text))
		if want := fmt.Sprintf("transactions:  %d, of which %d have ended", r.Transactions, r.Stopped); !strings.Contains(text.String(), want) || !strings.Contains(text.String(), "audit:         holds") {
			t.Errorf("the report is %s", text.String())
		}
	})
}
