package pool

import (
	"math"
	"sort"
	"time"

	"github.com/aether-es/aether"
)

// Rule says what a ticket costs. It looks at how much is sold and at how near the
// event is, and at nothing else; amounts are in minor units of the currency.
//
//	price = clamp(round(Base + Rise·sold + Σ Steps − Drop·time), Floor, Ceiling)
//
// Here sold is the part of the tickets that is sold, from 0 to 1, and time the part
// that is over of the Before that ends with the event. Rise·sold and Drop·time are each
// rounded to a whole minor unit, halves up, and then the sum to a multiple of Round,
// halves up.
type Rule struct {
	// Version is 1 for the rule that the pool was created with, and one more with each
	// change.
	Version int `json:"version"`

	Base int64 `json:"base"`

	// Rise is how much more the last ticket costs than the first; Steps are added
	// where so much is sold. Both may be used.
	Rise  int64  `json:"rise,omitempty"`
	Steps []Step `json:"steps,omitempty"` // with rising percentages

	// Drop is how much less a ticket costs at the beginning of the event than before
	// the last Before hours.
	Drop   int64 `json:"drop,omitempty"`
	Before int   `json:"before,omitempty"` // hours

	Floor   int64 `json:"floor,omitempty"`
	Ceiling int64 `json:"ceiling,omitempty"` // none when 0
	Round   int64 `json:"round,omitempty"`   // 1 when 0
}

// Step changes the price once some percents of the tickets are sold.
type Step struct {
	Percent int   `json:"percent"` // 1 to 100
	Change  int64 `json:"change"`
}

// The limits of a rule.
const (
	MaxAmount = 1_000_000_000 // minor units
	MaxSteps  = 20
	MaxBefore = 10 * 366 * 24 // hours

	// What can be paid online: a ticket for not less, MaxTickets of them for not more. The
	// payment provider takes no other amounts.
	MinOnline = 50
	MaxOnline = 99_999_999
)

// Price is what a ticket costs when so many of all are sold, at a time.
func (r *Rule) Price(sold, capacity int, eventDate, at time.Time) int64 {
	price := r.Base
	if capacity > 0 {
		price += divide(r.Rise*int64(sold), int64(capacity))
	}
	for _, s := range r.Steps {
		if int64(sold)*100 >= int64(s.Percent)*int64(capacity) {
			price += s.Change
		}
	}
	price -= r.dropped(eventDate, at)
	if round := r.Round; round > 1 {
		price = divide(price, round) * round
	}
	price = max(price, r.Floor)
	if r.Ceiling > 0 {
		price = min(price, r.Ceiling)
	}
	return price
}

// dropped is how much less it costs because the event is near.
func (r *Rule) dropped(eventDate, at time.Time) int64 {
	if r.Before == 0 {
		return 0
	}
	all := int64(r.Before) * 3600
	left := int64(eventDate.Sub(at) / time.Second) // at most some 292 years
	return divide(r.Drop*(all-min(max(left, 0), all)), all)
}

// Moves returns when the price is another one next because of the time alone, if it is
// before the event. At the event nothing is sold any more.
func (r *Rule) Moves(sold, capacity int, eventDate, at time.Time) (time.Time, bool) {
	if r.Drop == 0 || !at.Before(eventDate) {
		return time.Time{}, false
	}
	price := r.Price(sold, capacity, eventDate, at)
	left := int(eventDate.Sub(at) / time.Second)
	// With the time the price goes one way, and changes with the seconds that are left.
	passed := sort.Search(left, func(i int) bool {
		return r.Price(sold, capacity, eventDate, eventDate.Add(-time.Duration(left-1-i)*time.Second)) != price
	})
	if passed == left {
		return time.Time{}, false
	}
	return eventDate.Add(-time.Duration(left-passed)*time.Second + time.Microsecond), true
}

// divide rounds to the nearest, halves up; b is positive.
func divide(a, b int64) int64 {
	quotient, rest := a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	if rest >= b-rest {
		quotient++
	}
	return quotient
}

// bounds returns the lowest and the highest price that there may be.
func (r *Rule) bounds(capacity int) (low, high int64) {
	sold := []int{0, capacity} // between these and the steps it goes one way
	for _, s := range r.Steps {
		first := (s.Percent*capacity + 99) / 100
		sold = append(sold, max(first-1, 0), first)
	}
	var event time.Time
	low = math.MaxInt64
	for _, n := range sold {
		for _, before := range []int{r.Before, 0} {
			price := r.Price(n, capacity, event, event.Add(-time.Duration(before)*time.Hour))
			low, high = min(low, price), max(high, price)
		}
	}
	return low, high
}

// online says what is wrong with the prices that there may be, where a provider is to
// take them. There may be free tickets among the others where no price lies between.
func (r *Rule) online(capacity int) error {
	low, high := r.bounds(capacity)
	leaps := low == 0 && r.Round >= MinOnline && (r.Ceiling == 0 || r.Ceiling >= MinOnline)
	switch {
	case high > MaxOnline/MaxTickets:
		return aether.Refuse(BadPrice, "the price can rise to %d minor units; to be paid online it is at most %d, so set a ceiling", high, MaxOnline/MaxTickets)
	case low < MinOnline && high > 0 && !leaps:
		return aether.Refuse(BadPrice, "the price can fall to %d minor units; to be paid online it is at least %d, so set a floor", low, MinOnline)
	}
	return nil
}

func (r *Rule) empty() bool {
	return r.Base == 0 && r.Rise == 0 && len(r.Steps) == 0 && r.Drop == 0 && r.Before == 0 && r.Floor == 0 && r.Ceiling == 0 && r.Round == 0
}

// Check says what is wrong with a rule for a pool of so many tickets, which are paid for in
// this way.
func (r *Rule) Check(payment Payment, capacity int) error {
	amount := func(field string, n, least int64) error {
		if n < least || n > MaxAmount {
			return aether.Refuse(BadPrice, "%s is from %d to %d minor units; this is %d", field, least, MaxAmount, n)
		}
		return nil
	}
	for _, err := range []error{
		amount("base", r.Base, 0), amount("rise", r.Rise, -MaxAmount), amount("drop", r.Drop, -MaxAmount),
		amount("floor", r.Floor, 0), amount("ceiling", r.Ceiling, 0), amount("round", r.Round, 0),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case payment == Free && !r.empty():
		return aether.Refuse(BadPrice, "a pool that is free has no prices: leave out all that would change them")
	case r.Ceiling > 0 && r.Floor > r.Ceiling:
		return aether.Refuse(BadPrice, "the floor, %d, is above the ceiling, %d", r.Floor, r.Ceiling)
	case r.Before < 0 || r.Before > MaxBefore || r.Drop != 0 && r.Before == 0:
		return aether.Refuse(BadPrice, "before is from 1 to %d hours where there is a drop; this is %d", MaxBefore, r.Before)
	case len(r.Steps) > MaxSteps:
		return aether.Refuse(BadPrice, "a rule has at most %d steps; these are %d", MaxSteps, len(r.Steps))
	}
	last := 0
	for _, s := range r.Steps {
		if s.Percent <= last || s.Percent > 100 {
			return aether.Refuse(BadPrice, "the percentages of the steps rise, from 1 to 100; %d comes after %d", s.Percent, last)
		}
		if err := amount("the change of a step", s.Change, -MaxAmount); err != nil {
			return err
		}
		last = s.Percent
	}
	if payment == Online {
		return r.online(capacity)
	}
	return nil
}
