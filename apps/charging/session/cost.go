package session

import (
	"strings"
	"time"

	"github.com/aether-es/aether"
)

// Tariff says what a session costs; amounts are in minor units of the currency.
//
//	cost = Start + Σ over the bands (Wh·PerKWh/1000 + seconds·PerMinute/60)
//
// Each of the two products of each band is one line of the bill and is rounded once, to a
// whole minor unit, halves up; the total is the sum of what the bill shows.
type Tariff struct {
	ID       string `json:"id"`
	Currency string `json:"currency"` // ISO 4217
	Start    int64  `json:"start,omitempty"`
	Rate
	Bands []Band `json:"bands,omitempty"` // where the time of day matters; of several the first
}

// Rate is the price of energy and of time.
type Rate struct {
	PerKWh    int64 `json:"perKWh"`
	PerMinute int64 `json:"perMinute"`
}

// Band is the rate of some minutes of each day, from 0 to 1440: From is the first of them,
// To the first after it. One with To before From goes over midnight.
type Band struct {
	Name string `json:"name"`
	From int    `json:"from"`
	To   int    `json:"to"`
	Rate
}

func (b *Band) has(minute int) bool {
	if b.From < b.To {
		return b.From <= minute && minute < b.To
	}
	return b.From <= minute || minute < b.To
}

// The limits of a tariff.
const (
	MaxBands  = 24
	MaxAmount = 1_000_000 // minor units, of each price
)

// Usage is what is to be paid for. Points are the curve of the meter, by which the energy
// is divided between the bands; where there are none it flows evenly.
type Usage struct {
	Start, Stop time.Time
	MeterStart  int // Wh
	Energy      int // Wh
	Points      []Point

	clock string
}

// Cost is what a session costs, in minor units.
type Cost struct {
	Start int64  `json:"start"`
	Lines []Line `json:"lines"`
	Total int64  `json:"total"`
}

// Line is the part of one band.
type Line struct {
	Band string `json:"band,omitempty"` // "" is the time outside of all bands
	Rate
	Energy     int64 `json:"energy"` // Wh
	Seconds    int64 `json:"seconds"`
	EnergyCost int64 `json:"energyCost"`
	TimeCost   int64 `json:"timeCost"`
}

// Charge returns what a usage costs by a tariff that [Tariff.Check] approves of, in a time
// zone. Parts of a second do not count. Energy that is negative is none.
func Charge(t Tariff, u Usage, zone *time.Location) Cost {
	lines := make([]Line, len(t.Bands)+1) // the first is outside of all bands
	lines[0].Rate = t.Rate
	for i, b := range t.Bands {
		lines[i+1].Band, lines[i+1].Rate = b.Name, b.Rate
	}
	seconds := max(int64(u.Stop.Sub(u.Start)/time.Second), 0)
	curve := newCurve(u, seconds)
	var used int64
	for from := int64(0); ; {
		at := u.Start.Add(time.Duration(from) * time.Second).In(zone)
		to := seconds
		if len(t.Bands) > 0 { // minute by minute, so that no change of the clocks matters
			to = min(seconds, from+60-int64(at.Second()))
		}
		line := &lines[t.band(at.Hour()*60+at.Minute())]
		until := curve.at(to)
		line.Seconds += to - from
		line.Energy += until - used
		used = until
		if from = to; from >= seconds {
			break
		}
	}
	cost := Cost{Start: t.Start, Total: t.Start}
	for _, l := range lines {
		if l.Seconds == 0 && l.Energy == 0 {
			continue
		}
		l.EnergyCost, l.TimeCost = divide(l.Energy*l.PerKWh, 1000), divide(l.Seconds*l.PerMinute, 60)
		cost.Total += l.EnergyCost + l.TimeCost
		cost.Lines = append(cost.Lines, l)
	}
	return cost
}

// band returns the place of the line for a minute of the day.
func (t *Tariff) band(minute int) int {
	for i := range t.Bands {
		if t.Bands[i].has(minute) {
			return i + 1
		}
	}
	return 0
}

// curve is the energy used since the start, by seconds, rising from 0 to all of it.
type curve struct {
	seconds, wh []int64
	last        int // where the former question was answered; questions rise
}

func newCurve(u Usage, seconds int64) *curve {
	energy := max(int64(u.Energy), 0)
	c := &curve{seconds: []int64{0}, wh: []int64{0}}
	for _, p := range u.Points {
		second, wh := int64(p.At.Sub(u.Start)/time.Second), int64(p.Wh-u.MeterStart)
		if n := len(c.wh) - 1; second > c.seconds[n] && second < seconds && wh >= c.wh[n] && wh <= energy {
			c.seconds, c.wh = append(c.seconds, second), append(c.wh, wh)
		}
	}
	c.seconds, c.wh = append(c.seconds, seconds), append(c.wh, energy)
	return c
}

// at returns the energy used until a second.
func (c *curve) at(second int64) int64 {
	for c.last+2 < len(c.seconds) && second > c.seconds[c.last+1] {
		c.last++
	}
	from, to := c.last, c.last+1
	span := c.seconds[to] - c.seconds[from]
	if span <= 0 || second >= c.seconds[to] {
		return c.wh[to]
	}
	return c.wh[from] + divide((c.wh[to]-c.wh[from])*(second-c.seconds[from]), span)
}

// divide rounds to the nearest, halves up; neither is negative, and b is not 0.
func divide(a, b int64) int64 {
	quotient, rest := a/b, a%b
	if rest >= b-rest {
		quotient++
	}
	return quotient
}

// Check says what is wrong with a tariff.
func (t *Tariff) Check() error {
	if t.ID == "" || len(t.ID) > MaxText {
		return aether.Refuse(BadTariff, "a tariff's ID has 1 to %d bytes", MaxText)
	}
	if len(t.Currency) != 3 || strings.Trim(t.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return aether.Refuse(BadTariff, "a currency has three capital letters, as EUR; %q has not", t.Currency)
	}
	if len(t.Bands) > MaxBands {
		return aether.Refuse(BadTariff, "a tariff has at most %d bands; these are %d", MaxBands, len(t.Bands))
	}
	amounts := []int64{t.Start, t.PerKWh, t.PerMinute}
	for _, b := range t.Bands {
		if b.Name == "" || len(b.Name) > MaxText {
			return aether.Refuse(BadTariff, "a band's name has 1 to %d bytes", MaxText)
		}
		if b.From < 0 || b.From >= 1440 || b.To < 0 || b.To > 1440 || b.From == b.To {
			return aether.Refuse(BadTariff, "the band %s is from minute %d to %d of the day; these are 0 to 1440, and not the same",
				b.Name, b.From, b.To)
		}
		amounts = append(amounts, b.PerKWh, b.PerMinute)
	}
	for _, amount := range amounts {
		if amount < 0 || amount > MaxAmount {
			return aether.Refuse(BadTariff, "prices are from 0 to %d minor units; this is %d", MaxAmount, amount)
		}
	}
	return nil
}
