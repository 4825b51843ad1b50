package modeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"pgregory.net/rapid"
)

// poolBooks is what somebody finds who reads the events and nothing else.
type poolBooks struct {
	tickets  map[int]poolTicket // held or sold
	stopped  bool
	captured map[string]int64 // what the provider was told to take, by payment
	freed    map[string]bool  // and to let go or give back
}

type poolTicket struct {
	claim    int
	customer string
	price    int64
	sold     bool
}

// read notes an event, and fails where it cannot be true.
func (b *poolBooks) read(t *rapid.T, event pool.Event, capacity int) {
	switch e := event.(type) {
	case pool.SalesStopped:
		b.stopped = true
	case pool.SalesResumed:
		b.stopped = false
	case pool.PoolCancelled:
		b.stopped = true
	case pool.TicketClaimed:
		if _, taken := b.tickets[e.Ticket]; taken || e.Ticket < 1 || e.Ticket > capacity || b.stopped {
			t.Fatalf("%+v of %d, stopped: %v, taken: %v", e, capacity, b.stopped, taken)
		}
		b.tickets[e.Ticket] = poolTicket{e.Claim, e.Customer, e.Price, false}
		has := 0
		for _, other := range b.tickets {
			if other.customer == e.Customer {
				has++
			}
		}
		if has > pool.MaxTickets {
			t.Fatalf("%s has %d tickets", e.Customer, has)
		}
	case pool.TicketBought:
		held := b.tickets[e.Ticket]
		if held != (poolTicket{e.Claim, e.Customer, e.Price, false}) || b.stopped {
			t.Fatalf("%+v, but held is %+v, stopped: %v", e, held, b.stopped)
		}
		held.sold = true
		b.tickets[e.Ticket] = held
	case pool.ClaimReleased:
		b.free(t, e.Tickets, e.Claim, false)
	case pool.OrderRefunded:
		b.free(t, e.Tickets, e.Claim, true)
		if e.Payment != "" {
			b.freed[e.Payment] = true
		}
	case pool.PaymentAuthorised:
		b.captured[e.Payment] += e.Amount
	case pool.PaymentVoided:
		b.freed[e.Payment] = true
	}
}

func (b *poolBooks) free(t *rapid.T, tickets []int, claim int, sold bool) {
	for _, n := range tickets {
		if had := b.tickets[n]; had.claim != claim || had.sold != sold {
			t.Fatalf("ticket %d is given back by claim %d, but it is %+v", n, claim, had)
		}
		delete(b.tickets, n)
	}
}

// Random histories of a small pool: whatever is commanded in whatever order, the poolBooks
// agree with the pool after every event, and money with tickets in the end.
func TestPoolHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 8).Draw(t, "capacity")
		clock := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
		created := pool.PoolCreated{
			Name: "Jazz Night", Capacity: capacity, Currency: "EUR", EventDate: clock.AddDate(0, 1, 0),
			Payment: rapid.SampledFrom([]pool.Payment{pool.Door, pool.Online}).Draw(t, "payment"),
			Rule:    pool.Rule{Version: 1, Base: 5000, Rise: rapid.Int64Range(-3000, 3000).Draw(t, "rise")},
		}
		if rapid.Bool().Draw(t, "room") {
			created.Room = &pool.Room{OpensAt: clock.Add(time.Minute), PerMinute: rapid.IntRange(1, 100).Draw(t, "per minute")}
		}
		p := pool.Evolve(pool.Initial("pool/test"), created)
		b := &poolBooks{map[int]poolTicket{}, false, map[string]int64{}, map[string]bool{}}
		cancelled := false
		apply := func(events []pool.Event) {
			for i, event := range events {
				_, ends := event.(pool.PoolCancelled)
				cancelled = cancelled || ends
				p = pool.Evolve(p, event)
				b.read(t, event, capacity)
				if ends { // frees what is held without a word for each
					for n, ticket := range b.tickets {
						if c := p.Claims[ticket.claim]; c == nil {
							delete(b.tickets, n)
						}
					}
				}
				if void, ok := event.(pool.PaymentVoided); ok && cancelled && p.Claims[void.Claim] == nil {
					for n, ticket := range b.tickets {
						if ticket.claim == void.Claim {
							delete(b.tickets, n)
						}
					}
				}
				if declined, ok := event.(pool.PaymentDeclined); ok && cancelled && p.Claims[declined.Claim] == nil {
					for n, ticket := range b.tickets {
						if ticket.claim == declined.Claim {
							delete(b.tickets, n)
						}
					}
				}
				sold := 0
				for _, ticket := range b.tickets {
					if ticket.sold {
						sold++
					}
				}
				if p.Sold != sold || p.Held != len(b.tickets)-sold || p.Held+p.Sold+p.Available() != capacity || p.Available() < 0 {
					t.Fatalf("event %d of %+v: held %d, sold %d of %d, but the tickets are %v", i, events, p.Held, p.Sold, capacity, b.tickets)
				}
			}
		}
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			clock = clock.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "seconds")) * time.Second)
			command := anyPoolCommand(t, p, clock, step)
			before := p.Held
			events, err := pool.Decide(p, command)
			if err != nil && !errors.Is(err, aether.ErrRefused) || err != nil && events != nil {
				t.Fatalf("%+v: %v, %v", command, events, err)
			}
			if p.Held != before {
				t.Fatal("deciding has changed the pool")
			}
			apply(events)
			if p.Status == pool.Open && clock.Before(p.EventDate) && p.Waiting.Len() > 0 && p.Available() > 0 {
				t.Fatalf("after %+v %d tickets are free that nobody may claim, and nobody is offered: %d wait", command, p.Available(), p.Waiting.Len())
			}
			for number, c := range p.Claims {
				if most := c.Hold.Add(pool.Retry + pool.Paying); !c.IsSold() && c.Until.After(most) {
					t.Fatalf("after %+v claim %d is held until %v, %v after its hold", command, number, c.Until, c.Until.Sub(c.Hold))
				}
			}
		}
		settlePool(t, p, apply, clock)
		for _, c := range p.Claims {
			if !c.IsSold() {
				t.Fatalf("in the end there is a claim of %+v", c)
			}
			if c.Payment != "" && (b.captured[c.Payment] != c.Amount() || b.freed[c.Payment]) {
				t.Fatalf("%+v is sold, and %d is taken for it, freed: %v", c, b.captured[c.Payment], b.freed[c.Payment])
			}
		}
		for payment := range b.captured {
			if sold := slices.ContainsFunc(claimsOf(p), func(c *pool.Claim) bool { return c.Payment == payment }); sold == b.freed[payment] {
				t.Fatalf("%s: sold: %v, freed: %v", payment, sold, b.freed[payment])
			}
		}
		poolSnapshot(t, p)
	})
}

func claimsOf(p *pool.Pool) (all []*pool.Claim) {
	for _, c := range p.Claims {
		all = append(all, c)
	}
	return all
}

// settle lets all time pass and answers what the provider was asked.
func settlePool(t *rapid.T, p *pool.Pool, apply func([]pool.Event), clock time.Time) {
	clock = clock.Add(24 * time.Hour)
	for round := 0; ; round++ {
		if round > 100 {
			t.Fatal("there are always more offers")
		}
		var open []int
		for number, c := range p.Claims {
			if !c.IsSold() {
				open = append(open, number)
			}
		}
		slices.Sort(open)
		for _, number := range open {
			events, err := pool.Decide(p, pool.Expire{Claim: number, At: clock})
			if err != nil {
				t.Fatal(err)
			}
			apply(events)
		}
		if len(open) == 0 {
			break
		}
		clock = clock.Add(time.Hour)
	}
	if p.Status == pool.Cancelled {
		events, err := pool.Decide(p, pool.RefundSome{At: clock})
		if err != nil {
			t.Fatal(err)
		}
		apply(events)
		if p.Available() != p.Capacity {
			t.Fatalf("of a cancelled pool %d are held and %d sold", p.Held, p.Sold)
		}
	}
}

func anyPoolCommand(t *rapid.T, p *pool.Pool, at time.Time, step int) pool.Command {
	customer := rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve"}).Draw(t, "customer")
	claim := rapid.IntRange(1, max(1, p.LastClaim)).Draw(t, "claim")
	attempt := 1
	if c := p.Claims[claim]; c != nil {
		attempt = max(1, c.Attempts)
		if rapid.IntRange(0, 9).Draw(t, "stranger") > 0 {
			customer = c.Customer
		}
	}
	quantity := rapid.IntRange(1, 4).Draw(t, "quantity")
	switch rapid.IntRange(0, 31).Draw(t, "command") {
	case 0, 1, 2, 3, 4, 5:
		return pool.ClaimTickets{Customer: customer, Quantity: quantity, PriceSeen: p.Price(at) - rapid.Int64Range(-1, 1).Draw(t, "seen"), At: at}
	case 6, 7, 8, 9:
		return pool.Buy{Claim: claim, Customer: customer, Method: "card", At: at}
	case 10, 11:
		return pool.GiveBack{Claim: claim, Customer: customer, At: at}
	case 12, 13, 14:
		return pool.Expire{Claim: claim, At: at}
	case 15, 16, 17, 18:
		c := p.Claims[claim]
		if claim > p.LastClaim || c != nil && c.Attempts == 0 {
			return pool.Buy{Claim: claim, Customer: customer, Method: "card", At: at} // nothing was asked yet
		}
		amount := int64(5000)
		if c != nil {
			amount = c.Amount()
		}
		return pool.Authorised{Claim: claim, Attempt: attempt, Payment: fmt.Sprintf("pi_%d_%d", claim, attempt), Amount: amount, At: at}
	case 19:
		return pool.Declined{Claim: claim, Attempt: attempt, Reason: "no", At: at}
	case 20, 21:
		return pool.JoinList{Customer: customer, Quantity: quantity, At: at}
	case 22:
		return pool.LeaveList{Customer: customer, At: at}
	case 23:
		return pool.JoinRoom{Customer: customer, At: at}
	case 24:
		return pool.Admit{At: at}
	case 25:
		return pool.Refund{Claim: claim, At: at}
	case 26:
		return pool.Stop{At: at}
	case 27, 28:
		return pool.Resume{At: at}
	case 29:
		return pool.OfferSome{At: at}
	case 30:
		return pool.ChangePricing{Rule: pool.Rule{Base: 100 * int64(step)}}
	}
	if step > 30 {
		return pool.Cancel{Reason: "rain", At: at}
	}
	return pool.CheckIn{Ticket: quantity, Claim: claim, At: at}
}

// anyRule is a rule for prices, mostly one that moves.
func anyRule(t *rapid.T) pool.Rule {
	amount := func(name string, least int64) int64 { return rapid.Int64Range(least, 3000).Draw(t, name) }
	r := pool.Rule{
		Base: amount("base", 0), Rise: amount("rise", -3000), Drop: amount("drop", -3000), Before: rapid.IntRange(1, 2).Draw(t, "before"),
		Floor: rapid.SampledFrom([]int64{0, 0, 30, 50, 800}).Draw(t, "floor"), Ceiling: rapid.SampledFrom([]int64{0, 0, 40, 900, 2000}).Draw(t, "ceiling"),
		Round: rapid.SampledFrom([]int64{0, 1, 20, 50, 700}).Draw(t, "round"),
	}
	for percent := rapid.IntRange(1, 150).Draw(t, "first step"); percent <= 100; percent += rapid.IntRange(1, 100).Draw(t, "next step") {
		r.Steps = append(r.Steps, pool.Step{Percent: percent, Change: amount("change", -3000)})
	}
	return r
}

// A rule that passes has no price, at any time and whatever is sold, that cannot be paid
// online; and one knows exactly when the price moves with the time.
func TestPoolPrices(t *testing.T) {
	event := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		r, capacity := anyRule(t), rapid.IntRange(1, 30).Draw(t, "capacity")
		ok := r.Check(pool.Online, capacity) == nil
		for sold := range capacity + 1 {
			for minutes := range 130 {
				if p := r.Price(sold, capacity, event, event.Add(-time.Duration(minutes)*time.Minute)); ok && p > 0 && p < pool.MinOnline {
					t.Fatalf("%+v: the price is %d when %d of %d are sold, %d minutes before", r, p, sold, capacity, minutes)
				}
			}
		}
		sold := rapid.IntRange(0, capacity-1).Draw(t, "sold")
		at := event.Add(-time.Duration(rapid.IntRange(1, 3*3600*1000).Draw(t, "millis before")) * time.Millisecond)
		price := r.Price(sold, capacity, event, at)
		move, moves := r.Moves(sold, capacity, event, at)
		if !moves {
			move = event
		}
		for same := at; same.Before(move); same = same.Add(700 * time.Millisecond) {
			if p := r.Price(sold, capacity, event, same); p != price {
				t.Fatalf("%+v: at %v the price is %d, at %v already %d, and it is said to move at %v", r, at, price, same, p, move)
			}
		}
		if p := r.Price(sold, capacity, event, move.Add(-time.Microsecond)); p != price && moves {
			t.Fatalf("%+v: the price is %d before it moves at %v", r, p, move)
		}
		if p := r.Price(sold, capacity, event, move); p == price && moves {
			t.Fatalf("%+v: the price is still %d when it moves at %v", r, p, move)
		}
	})
}

// snapshot fails when the state is another one after its JSON.
func poolSnapshot(t *rapid.T, p *pool.Pool) {
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	back := pool.Initial("")
	if err := json.Unmarshal(data, back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || !reflect.DeepEqual(data, again) {
		t.Fatalf("the snapshot %s becomes %s, %v", data, again, err)
	}
}
