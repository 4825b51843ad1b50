package charging

import (
	"cmp"
	"context"
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/readdb"
)

// BadSpan is the reason of the refusal of a span of time that cannot be reported on.
const BadSpan = "bad-span"

// MaxReport is how many days a report has at most.
const MaxReport = 400

// Report returns what happened in some days, from the first to the last (UTC). What
// happened at the position after is known to it.
func (c *Charging) Report(ctx context.Context, from, to time.Time, after aether.Position) (ReportDocument, error) {
	from, to = from.UTC().Truncate(24*time.Hour), to.UTC().Truncate(24*time.Hour)
	d := ReportDocument{From: dayOf(from), To: dayOf(to), Revenue: map[string]int{}, Days: []DayDocument{}, Uptime: []UptimeDocument{}}
	if n := to.Sub(from)/(24*time.Hour) + 1; n < 1 || n > MaxReport {
		return d, aether.Refuse(BadSpan, "a report is of 1 to %d days; from %s to %s there are %d", MaxReport, d.From, d.To, max(n, 0))
	}
	v, err := c.view(ctx, after)
	if err != nil {
		return d, err
	}
	defer v.Close()
	for r, err := range days.All(v, &readdb.ListOptions{Range: readdb.Between(readdb.Text(d.From), readdb.Text(d.To+"\x00"))}) {
		if err != nil {
			return d, err
		}
		if err := d.add(r); err != nil {
			return d, err
		}
	}
	beyond := to.AddDate(0, 0, 1)
	if now := c.now(); now.Before(beyond) {
		beyond = now
	}
	for s, err := range stations.All(v, nil) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return d, err
		}
		if !s.there() {
			continue
		}
		u, err := uptime(v, &s, from, beyond)
		if err != nil {
			return d, err
		}
		d.Uptime = append(d.Uptime, u)
	}
	slices.SortStableFunc(d.Uptime, func(a, b UptimeDocument) int { return cmp.Compare(a.Share, b.Share) })
	return d, nil
}

// add adds a day to the report, if a session has ended on it, and its hours.
func (d *ReportDocument) add(r dayRecord) error {
	at, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return err
	}
	weekday := (int(at.Weekday()) + 6) % 7 // 0 is Monday
	for hour, seconds := range r.Hours {
		d.Heat[weekday][hour] += seconds
	}
	if r.Transactions == 0 {
		return nil
	}
	day := DayDocument{Day: r.Day, EnergyWh: r.EnergyWh, Transactions: r.Transactions, Revenue: map[string]int{}}
	for _, currency := range slices.Sorted(maps.Keys(r.Revenue)) {
		day.Revenue[currency] = int(r.Revenue[currency])
		d.Revenue[currency] += int(r.Revenue[currency])
	}
	d.EnergyWh += r.EnergyWh
	d.Transactions += r.Transactions
	d.Days = append(d.Days, day)
	return nil
}

// uptime returns how long a station was there, from a time on up to another.
func uptime(r readdb.Reader, s *stationRecord, from, beyond time.Time) (UptimeDocument, error) {
	u := UptimeDocument{Station: s.ID}
	if from.Before(s.First) {
		from = s.First
	}
	if !from.Before(beyond) {
		return u, nil
	}
	first, err := markAt(r, s, from)
	if err != nil {
		return u, err
	}
	last, err := markAt(r, s, beyond)
	if err != nil {
		return u, err
	}
	online, fault := last.until(beyond)
	before, beforeFault := first.until(from)
	online, fault = online-before, fault-beforeFault
	u.OnlineSeconds, u.FaultSeconds = int64(online/time.Second), int64(fault/time.Second)
	u.Share = float64(online) / float64(beyond.Sub(from))
	return u, nil
}

// markAt returns what was the case with a station at a time, which is not before its first.
func markAt(r readdb.Reader, s *stationRecord, at time.Time) (markRecord, error) {
	if !at.Before(s.Mark.At) {
		return s.Mark, nil
	}
	id := readdb.Text(s.ID)
	within := readdb.Between(readdb.Tuple(id), readdb.Tuple(id, readdb.Time(at.Add(1))))
	for m, err := range marks.All(r, &readdb.ListOptions{Index: byStation, Range: within, Reverse: true, Limit: 1}) {
		return m, err
	}
	return markRecord{}, nil
}

// details lists the charge detail records of the sessions that ended in a span of time.
func details(from, to time.Time) facet[transactionRecord] {
	return facet[transactionRecord]{
		name: ofEnded, from: from, to: to, oldest: true,
		place: func(t *transactionRecord) (time.Time, string) {
			_, stop, _ := t.span()
			return stop, t.Key
		},
	}
}

// Details returns a page of the charge detail records of the sessions that ended from a
// time on, up to another; zero is no bound. They are in the order of these ends.
func (c *Charging) Details(ctx context.Context, from, to time.Time, page Page) (DetailPage, error) {
	d := DetailPage{Details: []session.Detail{}}
	v, err := c.view(ctx, page.After)
	if err != nil {
		return d, err
	}
	defer v.Close()
	by := details(from, to)
	found, next, err := by.list(v, transactions, page)
	for i := range found {
		d.Details = append(d.Details, found[i].detail())
	}
	d.Next = next
	return d, err
}

// Export writes all charge detail records of a span of time as CSV, for a spreadsheet; see
// [Charging.Details].
func (c *Charging) Export(ctx context.Context, from, to time.Time, out io.Writer) error {
	v, err := c.view(ctx, 0)
	if err != nil {
		return err
	}
	defer v.Close()
	w := csv.NewWriter(out)
	if err := w.Write(session.Columns()); err != nil {
		return err
	}
	by := details(from, to)
	within, err := by.within("")
	if err != nil {
		return err
	}
	for t, err := range transactions.All(v, &readdb.ListOptions{Index: byFacet, Range: within}) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		d := t.detail()
		if err := w.Write(d.Row()); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
