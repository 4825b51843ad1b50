package simulate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// Report is what a rush was like, and what the audit has found. Amounts are in minor
// units.
type Report struct {
	Pool      string  `json:"pool"`
	Customers int     `json:"customers"`
	Seconds   float64 `json:"seconds"`
	Requests  int     `json:"requests"` // that were answered
	PerSecond float64 `json:"per_second"`

	Steps      []Step         `json:"steps"`
	Refusals   map[string]int `json:"refusals"`   // by reason
	Unanswered map[string]int `json:"unanswered"` // attempts, which were made again; by why
	Repeated   int            `json:"repeated"`   // commands that came again, and had the first answer

	Status    pool.Status    `json:"status"`
	Capacity  int            `json:"capacity"`
	Sold      int            `json:"sold"`
	Held      int            `json:"held"`
	Available int            `json:"available"`
	Claims    int            `json:"claims"`
	Orders    int            `json:"orders"`
	Events    int            `json:"events"`
	Version   aether.Version `json:"version"`

	SoldOnline int64        `json:"sold_online"` // what the tickets cost that are sold and paid for online
	Ledger     *paysim.Sums `json:"ledger"`      // of the pool; null without one

	// Problems are what the audit objects to: there should be none.
	Problems []string `json:"problems"`
}

// Step is what was measured of one kind of requests.
type Step struct {
	Name     string  `json:"name"`
	Answered int     `json:"answered"`
	Refused  int     `json:"refused"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
}

// measured puts what a client has measured into the report.
func (r *Report) measured(c *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Refusals, r.Unanswered = maps.Clone(c.refusals), maps.Clone(c.unanswers)
	for _, name := range slices.Sorted(maps.Keys(c.steps)) {
		s := c.steps[name]
		slices.Sort(s.took)
		at := func(share float64) float64 {
			if len(s.took) == 0 {
				return 0
			}
			return float64(s.took[int(share*float64(len(s.took)-1))]) / float64(time.Millisecond)
		}
		r.Requests += len(s.took)
		r.Steps = append(r.Steps, Step{name, s.answered, s.refused, at(0.5), at(0.99), at(1)})
	}
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Requests) / r.Seconds
	}
}

// tell puts what an audit has found into the report.
func (a *auditor) tell(r *Report) {
	b := a.books
	r.Status, r.Capacity, r.Sold, r.Held, r.Available = b.status, b.capacity, b.sold, b.held, b.capacity-b.held-b.sold
	r.Claims, r.Events, r.Version, r.Repeated = len(b.claims), a.events, b.version, a.log.repeated
	for _, c := range b.claims {
		if c.bought > 0 {
			r.Orders++
		}
	}
	r.SoldOnline, _ = b.soldFor()
	r.Ledger = a.money
	r.Problems = append([]string{}, a.problems...)
}

// shown is how many problems a text has.
const shown = 20

// Write writes the report as text.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	if r.Customers > 0 {
		fmt.Fprintf(&b, "%d customers in %.1f s: %d requests, %.0f/s\n\n", r.Customers, r.Seconds, r.Requests, r.PerSecond)
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "request\tanswered\trefused\tp50 ms\tp99 ms\tmax ms\t")
		for _, s := range r.Steps {
			fmt.Fprintf(table, "%s\t%d\t%d\t%.1f\t%.1f\t%.1f\t\n", s.Name, s.Answered, s.Refused, s.P50, s.P99, s.Max)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\nrefused:       %s\nnot answered:  %s\nsent again:    %d had the first answer\n", listed(r.Refusals), listed(r.Unanswered), r.Repeated)
	}
	fmt.Fprintf(&b, "pool:          %s, %s: %d sold + %d held + %d available = %d\n", r.Pool, r.Status, r.Sold, r.Held, r.Available, r.Capacity)
	fmt.Fprintf(&b, "claims:        %d, of which %d were bought; %d events\n", r.Claims, r.Orders, r.Events)
	fmt.Fprintf(&b, "money:         the tickets sold online cost %d\n", r.SoldOnline)
	if l := r.Ledger; l != nil {
		fmt.Fprintf(&b, "ledger:        %d authorised, %d captured, %d released, %d refunded\n", l.Authorised, l.Captured, l.Released, l.Refunded)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(&b, "audit:         holds")
	}
	for i, problem := range r.Problems {
		if i == shown {
			fmt.Fprintf(&b, "audit:         and %d more\n", len(r.Problems)-shown)
			break
		}
		fmt.Fprintf(&b, "audit:         %s\n", problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listed writes counts, the highest first.
func listed(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(x, y string) int { return cmp.Or(counts[y]-counts[x], strings.Compare(x, y)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}
