package charging

import (
	"math"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/readdb"
)

// transactionRecord is a charging session. It is fed from two streams, of which either may
// be ahead: of its beginning and of its end, the session's word counts for more.
type transactionRecord struct {
	Key     string    `json:"key"`
	Station string    `json:"station"`
	ID      int       `json:"id"`
	First   time.Time `json:"first"` // when anything was told of it

	Start   *beginning `json:"start,omitempty"`
	Stop    *ending    `json:"stop,omitempty"`
	Abandon *ending    `json:"abandon,omitempty"`

	// What only the station knows.
	Command       string `json:"command,omitempty"`
	Authorisation string `json:"authorisation,omitempty"`

	// What only the session knows.
	Flags    []session.Flag `json:"flags,omitempty"`
	Tariff   string         `json:"tariff,omitempty"`
	Currency string         `json:"currency,omitempty"`
	Cost     *session.Cost  `json:"cost,omitempty"`

	// Newest has what was told last; its energy is what the register showed, its time the
	// greatest by the station's clock. Points counts those of the curve.
	Newest CurvePoint `json:"newest"`
	Points int        `json:"points,omitempty"`

	Version  aether.Version  `json:"version,omitempty"` // of the session
	Position aether.Position `json:"position"`
}

// beginning is how a transaction begins, ending how it ends: as the session has it, or as
// the station has.
type beginning struct {
	Session    bool      `json:"session,omitempty"`
	Connector  int       `json:"connector"`
	IDTag      string    `json:"idTag"`
	Account    string    `json:"account,omitempty"`
	MeterStart int       `json:"meterStart"`
	Time       time.Time `json:"time"` // by the station's clock
	Told       time.Time `json:"told"`
}

type ending struct {
	Session   bool      `json:"session,omitempty"`
	MeterStop *int      `json:"meterStop,omitempty"`
	Reason    string    `json:"reason"`
	Time      time.Time `json:"time,omitzero"` // by the station's clock; of an abandoned one none
	Told      time.Time `json:"told"`
}

// The states of transactions.
const (
	stateRunning   = "running"
	stateStopped   = "stopped"
	stateAbandoned = "abandoned"
)

// end is how it ended, nil while it runs.
func (t *transactionRecord) end() *ending {
	if t.Stop != nil {
		return t.Stop
	}
	return t.Abandon
}

func (t *transactionRecord) state() string {
	switch {
	case t.Stop != nil:
		return stateStopped
	case t.Abandon != nil:
		return stateAbandoned
	}
	return stateRunning
}

// runs says whether it has begun, and not ended.
func (t *transactionRecord) runs() bool { return t.Start != nil && t.end() == nil }

// energy is what it has used, in Wh, as far as is known.
func (t *transactionRecord) energy() int {
	if t.Start == nil {
		return 0
	}
	shows := float64(t.Start.MeterStart)
	if e := t.end(); e != nil && e.MeterStop != nil {
		shows = float64(*e.MeterStop)
	} else if t.Newest.EnergyWh != nil {
		shows = math.Round(*t.Newest.EnergyWh)
	}
	return max(int(shows)-t.Start.MeterStart, 0)
}

// plausible says whether a time by a station's clock may be right when it is told at a
// time by ours.
func plausible(t, at time.Time) bool {
	const unset = 2010 // clocks without a battery begin before it
	return t.Year() >= unset && !t.After(at.Add(session.Ahead))
}

// began is when it began: by the station's clock, unless that cannot be.
func (t *transactionRecord) began() time.Time {
	switch {
	case t.Start == nil:
		return t.First
	case plausible(t.Start.Time, t.Start.Told):
		return t.Start.Time
	}
	return t.Start.Told
}

// span is the time that counts, and whose clock it is by; the session has begun and ended.
func (t *transactionRecord) span() (start, stop time.Time, clock string) {
	e := t.end()
	start, stop, clock = t.Start.Time, e.Time, session.StationClock
	if t.Stop == nil {
		if stop = start; t.Newest.At.After(start) {
			stop = t.Newest.At
		}
	}
	if !plausible(start, t.Start.Told) || !plausible(stop, e.Told) || stop.Before(start) || stop.Sub(start) > session.Longest {
		start, stop, clock = t.Start.Told, e.Told, session.ServerClock
	}
	if stop.Before(start) { // the start was told last
		start = stop
	}
	return start, stop, clock
}

// counts says whether there is a charge detail record of it.
func (t *transactionRecord) counts() bool {
	return t.Start != nil && t.end() != nil && t.energy() <= session.MaxEnergy
}

// detail is the charge detail record, where it counts.
func (t *transactionRecord) detail() session.Detail {
	start, stop, clock := t.span()
	d := session.Detail{
		Station: t.Station, Transaction: t.ID, Connector: t.Start.Connector, IDTag: t.Start.IDTag, Account: t.Start.Account,
		Start: start, Stop: stop, Clock: clock, Seconds: int64(stop.Sub(start) / time.Second), MeterStart: t.Start.MeterStart,
		MeterStop: t.Start.MeterStart + t.energy(), Energy: t.energy(), Reason: t.end().Reason, Abandoned: t.Stop == nil,
		Tariff: t.Tariff, Currency: t.Currency, Cost: t.Cost, Flags: slices.Clone(t.Flags),
	}
	if m := t.end().MeterStop; m != nil {
		d.MeterStop = *m
	}
	return d
}

func (t *transactionRecord) facets() []readdb.Value {
	names := []string{ofAll, ofStation + t.Station}
	if t.runs() || t.end() != nil {
		names = append(names, ofState+t.state())
	}
	if t.Start != nil {
		tag := registry.TagKey(t.Start.IDTag)
		names = append(names, ofTag+tag)
		payer := tag // of a remote start the tag was made for it, and says nothing
		if t.Start.Account != "" {
			payer = registry.TagKey(t.Start.Account)
			names = append(names, ofTag+payer)
		}
		if t.runs() {
			names = append(names, ofRunning+payer)
		}
	}
	values := facets(t.began(), t.Key, names...)
	if t.counts() {
		_, stop, _ := t.span()
		values = append(values, facets(stop, t.Key, ofEnded)...)
	}
	return values
}

// mostPower is what a single transaction counts for at most, in W, so that one broken meter
// does not make the sum overflow.
const mostPower = 1e9

// tally is what the transaction counts for.
func (t *transactionRecord) tally() tally {
	if !t.runs() {
		return tally{}
	}
	counts := tally{Running: 1}
	if p := t.Newest.PowerW; p != nil {
		counts.MilliWatts = int64(math.Round(1000 * min(max(*p, -mostPower), mostPower)))
	}
	return counts
}

func (t *transactionRecord) document() TransactionDocument {
	d := TransactionDocument{
		Key: t.Key, ID: t.ID, Station: t.Station, Command: t.Command, Authorisation: t.Authorisation, State: t.state(), EnergyWh: t.energy(),
		SoC: t.Newest.SoC, LastReading: t.Newest.At, Tariff: t.Tariff, Currency: t.Currency, Cost: t.Cost,
		Flags: append([]session.Flag{}, t.Flags...), Version: t.Version, Position: t.Position,
	}
	if s := t.Start; s != nil {
		d.Connector, d.IDTag, d.Account, d.MeterStart, d.StartedAt, d.ToldAt = s.Connector, s.IDTag, s.Account, s.MeterStart, s.Time, s.Told
	}
	if e := t.end(); e != nil {
		d.MeterStop, d.StoppedAt, d.ToldStopAt, d.Reason = e.MeterStop, e.Time, e.Told, e.Reason
	} else {
		d.PowerW, d.CurrentA, d.OfferedA = t.Newest.PowerW, t.Newest.CurrentA, t.Newest.OfferedA
	}
	return d
}

// point is a point of the curve as it is shown: with the energy since the start.
func (t *transactionRecord) point(p CurvePoint) CurvePoint {
	if p.EnergyWh != nil && t.Start != nil {
		wh := max(*p.EnergyWh-float64(t.Start.MeterStart), 0)
		p.EnergyWh = &wh
	}
	return p
}
