package tickets

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/readdb"
)

// maxPoints is how many points the history of a sale has, about: then they cover more
// time each.
const maxPoints = 720

// Sales returns how the sale of a pool went, in points that are as fine as they may be.
// For after see [Tickets.Pool].
func (t *Tickets) Sales(ctx context.Context, id string, after aether.Position) (SalesDocument, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return SalesDocument{}, err
	}
	defer v.Close()
	p, err := getPool(v, id)
	if err != nil {
		return SalesDocument{}, err
	}
	d := SalesDocument{Pool: id, Currency: p.Currency, Totals: p.Totals, Points: []SalesPoint{}}
	for _, d.Step = range steps() {
		within := readdb.ListOptions{Range: readdb.Prefix(readdb.Text(pointPrefix(id, d.Step))), Limit: maxPoints + 1}
		d.Points = d.Points[:0]
		for r, err := range points.All(v, &within) {
			if err != nil {
				return d, err
			}
			d.Points = append(d.Points, r.SalesPoint)
		}
		if len(d.Points) <= maxPoints {
			return d, nil
		}
	}
	err = d.coarse(v)
	return d, err
}

// coarse puts the points of the last step together, since there are too many of them.
func (d *SalesDocument) coarse(v *readdb.View) error {
	last := d.Step
	all := readdb.ListOptions{Range: readdb.Prefix(readdb.Text(pointPrefix(d.Pool, last)))}
	var days []SalesPoint
	d.Step = 24 * 3600
	for r, err := range points.All(v, &all) {
		if err != nil {
			return err
		}
		day := r.At.Truncate(time.Duration(d.Step) * time.Second)
		if n := len(days); n > 0 && days[n-1].At.Equal(day) {
			days[n-1].add(r.SalesPoint)
			continue
		}
		r.At = day
		days = append(days, r.SalesPoint)
	}
	d.Points = days
	return nil
}

// add makes one point of two, of which the other is the later one.
func (p *SalesPoint) add(later SalesPoint) {
	p.Claimed, p.Bought, p.Released = p.Claimed+later.Claimed, p.Bought+later.Bought, p.Released+later.Released
	p.Refunded, p.Revenue = p.Refunded+later.Refunded, p.Revenue+later.Revenue
	p.Held, p.Sold, p.Price = later.Held, later.Sold, later.Price
}

// orders calls do with each claim of a pool that was bought, in the order in which they
// were made.
func (t *Tickets) orders(ctx context.Context, id string, do func(p *poolRecord, c *claimRecord) error) error {
	v, err := t.view(ctx, 0)
	if err != nil {
		return err
	}
	defer v.Close()
	p, err := getPool(v, id)
	if err != nil {
		return err
	}
	for c, err := range claims.All(v, &readdb.ListOptions{Index: byOrder, Range: readdb.Under(readdb.Tuple(readdb.Text(id)))}) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = do(&p, &c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxSimulated is how many points a simulation has at most.
const maxSimulated = 100

// Simulate returns what a rule would have earned over the history of a sale: from the
// same customers, with the same tickets at the same time. Whether they would have paid
// more, or others would have come for less, nobody knows.
func (t *Tickets) Simulate(ctx context.Context, id string, rule pool.Rule) (SimulationDocument, error) {
	created, err := t.origin(ctx, id)
	if err != nil {
		return SimulationDocument{}, err
	}
	if err := rule.Check(created.Payment, created.Capacity); err != nil {
		return SimulationDocument{}, err
	}
	d := SimulationDocument{Points: []SimulationPoint{}}
	every := 1 // how many orders lie between two points
	var last SimulationPoint
	err = t.orders(ctx, id, func(p *poolRecord, c *claimRecord) error {
		if c.State == ClaimRefunded {
			return nil
		}
		price := rule.Price(c.Before, p.Capacity, p.EventDate, c.Claimed)
		d.Orders++
		d.Tickets += len(c.Tickets)
		d.Earned += c.Price * int64(len(c.Tickets))
		d.WouldHave += price * int64(len(c.Tickets))
		last = SimulationPoint{c.Claimed, d.Tickets, c.Price, price, d.Earned, d.WouldHave}
		if d.Orders%every != 0 {
			return nil
		}
		if d.Points = append(d.Points, last); len(d.Points) == maxSimulated {
			for i := range maxSimulated / 2 {
				d.Points[i] = d.Points[2*i+1]
			}
			d.Points, every = d.Points[:maxSimulated/2], 2*every
		}
		return nil
	})
	if n := len(d.Points); d.Orders > 0 && (n == 0 || d.Points[n-1] != last) {
		d.Points = append(d.Points, last)
	}
	return d, err
}

// Export writes the orders of a pool as CSV, for a spreadsheet.
func (t *Tickets) Export(ctx context.Context, id string, to io.Writer) error {
	w := csv.NewWriter(to)
	err := w.Write([]string{"order", "customer", "state", "tickets", "price", "amount", "currency", "claimed", "bought", "ended", "payment", "money", "checked in"})
	if err != nil {
		return err
	}
	err = t.orders(ctx, id, func(p *poolRecord, c *claimRecord) error {
		d := order(c, p)
		var numbers []string
		scanned := 0
		for _, ticket := range d.Tickets {
			numbers = append(numbers, strconv.Itoa(ticket.Number))
			if !ticket.CheckedIn.IsZero() {
				scanned++
			}
		}
		return w.Write([]string{
			d.ID, plain(d.Customer), string(d.State), strings.Join(numbers, " "), strconv.FormatInt(d.Price, 10), strconv.FormatInt(d.Amount, 10), d.Currency,
			stamp(d.Claimed), stamp(d.Bought), stamp(d.Ended), plain(c.Payment), d.Payment, strconv.Itoa(scanned),
		})
	})
	w.Flush()
	if err != nil {
		return err
	}
	return w.Error()
}

// plain keeps a spreadsheet from taking what somebody else has written for a formula.
func plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
