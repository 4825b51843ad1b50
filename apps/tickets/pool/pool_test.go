package pool_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/schema/schematest"
)

func decider() actor.Decider[*pool.Pool, pool.Command, pool.Event] {
	return actor.Decider[*pool.Pool, pool.Command, pool.Event]{
		Kind: pool.Kind, Events: pool.Events(), Initial: pool.Initial, Decide: pool.Decide, Evolve: pool.Evolve,
		Snapshots: actor.JSONSnapshots[*pool.Pool](1),
	}
}

var (
	now    = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	jazz   = now.AddDate(0, 1, 0) // when the event is
	secret = []byte("0123456789abcdef")
)

// created is a pool of 10 tickets for 50.00.
func created(payment pool.Payment) pool.PoolCreated {
	base := int64(5000)
	if payment == pool.Free {
		base = 0
	}
	return pool.PoolCreated{Name: "Jazz Night", Capacity: 10, Rule: pool.Rule{Version: 1, Base: base}, Currency: "EUR",
		EventDate: jazz, Payment: payment, Secret: secret}
}

// claimed are the events of a claim of the tickets, at now.
func claimed(claim int, customer string, price int64, tickets ...int) []pool.Event {
	var events []pool.Event
	for _, n := range tickets {
		events = append(events, pool.TicketClaimed{Ticket: n, Claim: claim, Customer: customer, Price: price, Rule: 1, Until: now.Add(pool.Hold), At: now})
	}
	return events
}

func bought(claim int, customer string, price int64, tickets ...int) []pool.Event {
	var events []pool.Event
	for _, n := range tickets {
		events = append(events, pool.TicketBought{Ticket: n, Claim: claim, Customer: customer, Price: price, At: now})
	}
	return events
}

func all(parts ...any) []pool.Event {
	var events []pool.Event
	for _, part := range parts {
		switch part := part.(type) {
		case []pool.Event:
			events = append(events, part...)
		case pool.Event:
			events = append(events, part)
		}
	}
	return events
}

func given(t *testing.T, parts ...any) *aethertest.Scenario[*pool.Pool, pool.Command, pool.Event] {
	return aethertest.Given(t, decider(), all(parts...)...)
}

func TestCreate(t *testing.T) {
	good := pool.Create{Name: "Jazz Night", Capacity: 10, Rule: pool.Rule{Base: 5000}, Currency: "EUR", EventDate: jazz, Payment: pool.Online, Secret: secret, At: now}
	given(t).When(good).Then(created(pool.Online)).When(good).ThenRefused(pool.PoolExists)
	for reason, bad := range map[string]func(c *pool.Create){
		pool.BadName:     func(c *pool.Create) { c.Name = " \n" },
		pool.BadCapacity: func(c *pool.Create) { c.Capacity = pool.MaxCapacity + 1 },
		pool.BadCurrency: func(c *pool.Create) { c.Currency = "eur" },
		pool.BadDate:     func(c *pool.Create) { c.EventDate = now },
		pool.BadPayment:  func(c *pool.Create) { c.Payment = "gold" },
		pool.BadPrice:    func(c *pool.Create) { c.Rule.Base = -1 },
		pool.BadRoom:     func(c *pool.Create) { c.Room = &pool.Room{OpensAt: now} },
	} {
		c := good
		bad(&c)
		given(t).When(c).ThenRefused(reason)
	}
}

func TestClaim(t *testing.T) {
	ann := pool.ClaimTickets{Customer: "ann", Quantity: 2, PriceSeen: 5000, At: now}
	given(t).When(ann).ThenRefused(pool.NoPool)
	open := given(t, created(pool.Door))
	two := open.When(ann).Then(claimed(1, "ann", 5000, 1, 2)...)
	three := ann
	three.Quantity = 3
	two.When(three).ThenRefused(pool.LimitExceeded)
	two.When(ann).Then(claimed(2, "ann", 5000, 3, 4)...)
	bob := pool.ClaimTickets{Customer: "bob", Quantity: 4, PriceSeen: 5000, At: now}
	eight := two.When(bob).Then(claimed(2, "bob", 5000, 3, 4, 5, 6)...)
	cid := bob
	cid.Customer = "cid"
	eight.When(cid).Then(claimed(3, "cid", 5000, 7, 8, 9, 10)...).When(pool.ClaimTickets{Customer: "dan", Quantity: 1, PriceSeen: 5000, At: now}).ThenRefused(pool.SoldOut)
	dear := ann
	dear.PriceSeen = 4999
	open.When(dear).ThenRefused(pool.PriceChanged)
	dear.PriceSeen = 9999 // the price has fallen: the lower is paid
	open.When(dear).Then(claimed(1, "ann", 5000, 1, 2)...)
	late := ann
	late.At = jazz
	open.When(late).ThenRefused(pool.SalesEnded)
	for _, n := range []int{-1, 0, 5} {
		open.When(pool.ClaimTickets{Customer: "ann", Quantity: n, PriceSeen: 5000, At: now}).ThenRefused(pool.BadQuantity)
	}
	for _, name := range []string{"", "\x00", strings.Repeat("x", 101)} {
		open.When(pool.ClaimTickets{Customer: name, Quantity: 1, PriceSeen: 5000, At: now}).ThenRefused(pool.BadCustomer)
	}
}

func TestBuy(t *testing.T) {
	held := given(t, created(pool.Door), claimed(1, "ann", 5000, 1, 2))
	buy := pool.Buy{Claim: 1, Customer: "ann", At: now}
	held.When(buy).Then(bought(1, "ann", 5000, 1, 2)...).When(buy).Then()
	held.When(pool.Buy{Claim: 1, Customer: "bob", At: now}).ThenRefused(pool.NotYourClaim)
	held.When(pool.Buy{Claim: 2, Customer: "ann", At: now}).ThenRefused(pool.NoClaim)
	end := now.Add(pool.Hold)
	held.When(pool.Buy{Claim: 1, Customer: "ann", At: end}).ThenRefused(pool.ClaimExpired)
	held.When(pool.Expire{Claim: 1, At: end.Add(-1)}).ThenRefused(pool.NotDue)
	gone := held.When(pool.Expire{Claim: 1, At: end}).Then(pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1, 2}, Reason: pool.Expired, At: end})
	gone.When(pool.Expire{Claim: 1, At: end}).Then()
	gone.When(buy).ThenRefused(pool.ClaimExpired)
	gone.State(func(p *pool.Pool) {
		if p.Available() != 10 || len(p.Customers) != 0 {
			t.Errorf("after the hold %d tickets are available, and %v have some", p.Available(), p.Customers)
		}
	})
	held.When(pool.GiveBack{Claim: 1, Customer: "ann", At: now}).
		Then(pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1, 2}, Reason: pool.GivenBack, At: now})
}

// After a stop no claim and no purchase of an open cart succeeds.
func TestStop(t *testing.T) {
	stopped := given(t, created(pool.Door), claimed(1, "ann", 5000, 1), pool.SalesStopped{At: now})
	stopped.When(pool.ClaimTickets{Customer: "bob", Quantity: 1, PriceSeen: 5000, At: now}).ThenRefused(pool.StoppedSales)
	stopped.When(pool.Buy{Claim: 1, Customer: "ann", At: now}).ThenRefused(pool.StoppedSales)
	stopped.When(pool.Stop{At: now}).Then()
	stopped.When(pool.Resume{At: now}).Then(pool.SalesResumed{At: now}).
		When(pool.Buy{Claim: 1, Customer: "ann", At: now}).Then(bought(1, "ann", 5000, 1)...)
	cancelled := stopped.When(pool.Cancel{Reason: "rain", At: now}).Then(pool.PoolCancelled{Reason: "rain", At: now})
	cancelled.When(pool.Buy{Claim: 1, Customer: "ann", At: now}).ThenRefused(pool.ClaimExpired)
	cancelled.When(pool.Resume{At: now}).ThenRefused(pool.IsCancelled)
	cancelled.When(pool.RefundSome{At: now}).Then(pool.RefundsCompleted{At: now}).When(pool.RefundSome{At: now}).Then()
}

func TestPayment(t *testing.T) {
	end := now.Add(pool.Paying)
	started := pool.PaymentStarted{Claim: 1, Attempt: 1, Method: "card", Amount: 10000, Until: end, At: now}
	held := given(t, created(pool.Online), claimed(1, "ann", 5000, 1, 2))
	held.When(pool.Buy{Claim: 1, Customer: "ann", At: now}).ThenRefused(pool.PaymentNeeded)
	buy := pool.Buy{Claim: 1, Customer: "ann", Method: "card", At: now}
	paying := held.When(buy).Then(started)
	paying.When(buy).Then() // a second click
	paying.When(pool.GiveBack{Claim: 1, Customer: "ann", At: now}).ThenRefused(pool.PaymentOpen)
	paying.When(pool.Expire{Claim: 1, At: now.Add(pool.Hold)}).ThenRefused(pool.NotDue) // frozen

	yes := pool.Authorised{Claim: 1, Attempt: 1, Payment: "pi_1", Amount: 10000, At: now}
	authorised := pool.PaymentAuthorised{Claim: 1, Attempt: 1, Payment: "pi_1", Amount: 10000, At: now}
	sold := paying.When(yes).Then(all(authorised, bought(1, "ann", 5000, 1, 2))...)
	sold.When(yes).Then()
	refunded := pool.OrderRefunded{Claim: 1, Customer: "ann", Tickets: []int{1, 2}, Payment: "pi_1", Amount: 10000, At: now}
	sold.When(pool.Refund{Claim: 1, At: now}).Then(refunded).When(pool.Refund{Claim: 1, At: now}).ThenRefused(pool.NotSold)
	cancelled := sold.When(pool.Cancel{At: now}).Then(pool.PoolCancelled{At: now})
	cancelled.When(pool.Refund{Claim: 1, At: now}).ThenRefused(pool.IsCancelled)
	cancelled.When(pool.RefundSome{At: now}).Then(refunded, pool.RefundsCompleted{At: now})

	declined := pool.PaymentDeclined{Claim: 1, Attempt: 1, Reason: "no money", Until: now.Add(pool.Hold), At: now}
	again := paying.When(pool.Declined{Claim: 1, Attempt: 1, Reason: "no money", At: now}).Then(declined)
	second := started
	second.Attempt = 2
	again.When(buy).Then(second)
	late := now.Add(pool.Hold + time.Minute)
	declined.Until, declined.At = now.Add(pool.Hold+pool.Retry), late
	paying.When(pool.Declined{Claim: 1, Attempt: 1, Reason: "no money", At: late}).Then(declined)

	// Nothing is sold after a stop, whatever the provider says; the money is freed.
	void := pool.PaymentVoided{Claim: 1, Attempt: 1, Payment: "pi_1", Amount: 10000, Reason: pool.StoppedSales, Until: now.Add(pool.Hold), At: now}
	paying.When(pool.Stop{At: now}).Then(pool.SalesStopped{At: now}).When(yes).Then(void)
	// Nor after the payment was given up.
	void.Reason, void.Until = pool.ClaimExpired, time.Time{}
	paying.When(pool.Expire{Claim: 1, At: end}).
		Then(pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1, 2}, Reason: pool.NotPaid, At: end}).
		When(yes).Then(void).
		When(pool.Declined{Claim: 1, Attempt: 1, At: now}).Then()
	void.Reason, void.Until = pool.IsCancelled, now.Add(pool.Hold)
	paying.When(pool.Cancel{At: now}).Then(pool.PoolCancelled{At: now}).When(yes).Then(void).
		State(func(p *pool.Pool) {
			if p.Held != 0 || p.Available() != 10 {
				t.Errorf("after all, %d are held", p.Held)
			}
		})
}

func TestCheckIn(t *testing.T) {
	sold := given(t, created(pool.Door), claimed(1, "ann", 5000, 1, 2), bought(1, "ann", 5000, 1, 2))
	scan := pool.CheckIn{Ticket: 2, Claim: 1, At: now}
	used := sold.When(scan).Then(pool.TicketCheckedIn{Ticket: 2, Claim: 1, At: now})
	used.When(scan).ThenRefused(pool.CheckedIn)
	used.When(pool.Refund{Claim: 1, At: now}).ThenRefused(pool.CheckedIn)
	sold.When(pool.CheckIn{Ticket: 3, Claim: 1, At: now}).ThenRefused(pool.NotSold)
}

func TestWaitingList(t *testing.T) {
	small := created(pool.Door)
	small.Capacity = 2
	soldOut := given(t, small, claimed(1, "ann", 5000, 1, 2))
	join := pool.JoinList{Customer: "bob", Quantity: 1, At: now}
	given(t, created(pool.Door)).When(join).ThenRefused(pool.NotSoldOut)
	// Who wants more than there is does not keep it from the others.
	one := given(t, small, claimed(1, "ann", 5000, 1))
	one.When(pool.JoinList{Customer: "bob", Quantity: 2, At: now}).ThenRefused(pool.NotSoldOut)
	one.When(pool.ClaimTickets{Customer: "cid", Quantity: 1, PriceSeen: 5000, At: now}).Then(claimed(2, "cid", 5000, 2)...)
	listed := soldOut.When(join).Then(pool.WaitingListJoined(join))
	listed.When(join).Then()
	listed.When(pool.LeaveList{Customer: "bob", At: now}).Then(pool.WaitingListLeft{Customer: "bob", At: now})
	cid := pool.JoinList{Customer: "cid", Quantity: 4, At: now}
	two := listed.When(cid).Then(pool.WaitingListJoined(cid))
	offer := func(claim, ticket int, customer string) pool.TicketClaimed {
		return pool.TicketClaimed{Ticket: ticket, Claim: claim, Customer: customer, Price: 5000, Rule: 1, Until: now.Add(pool.Offer), Offered: true, At: now}
	}
	released := pool.ClaimReleased{Claim: 1, Customer: "ann", Tickets: []int{1, 2}, Reason: pool.GivenBack, At: now}
	two.When(pool.GiveBack{Claim: 1, Customer: "ann", At: now}).Then(released, offer(2, 2, "bob"), offer(3, 1, "cid")).
		State(func(p *pool.Pool) {
			if p.Waiting.Len() != 0 {
				t.Errorf("%d wait still", p.Waiting.Len())
			}
		})
	// What comes free while the sale is stopped goes to the list when it goes on.
	two.When(pool.Stop{At: now}).Then(pool.SalesStopped{At: now}).
		When(pool.GiveBack{Claim: 1, Customer: "ann", At: now}).Then(released).
		When(pool.Resume{At: now}).Then(pool.SalesResumed{At: now}, offer(2, 2, "bob"), offer(3, 1, "cid")).
		When(pool.OfferSome{At: now}).Then()
}

// refusal is the reason of a refusal, "" when an error is none.
func refusal(err error) string {
	if r, ok := errors.AsType[*aether.Refusal](err); ok {
		return r.Reason
	}
	return ""
}

// step carries out a command, which is to succeed.
func step(t *testing.T, p *pool.Pool, c pool.Command) (*pool.Pool, int) {
	t.Helper()
	events, err := pool.Decide(p, c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	for _, e := range events {
		p = pool.Evolve(p, e)
	}
	return p, len(events)
}

// waitingFor is a sold-out pool for which so many wait, each for one ticket.
func waitingFor(t *testing.T, capacity, customers int) *pool.Pool {
	t.Helper()
	large := created(pool.Door)
	large.Capacity = capacity
	p := pool.Evolve(pool.Initial("pool/x"), large)
	for n := range capacity {
		p, _ = step(t, p, pool.ClaimTickets{Customer: fmt.Sprint("has-", n), Quantity: 1, PriceSeen: 5000, At: now})
	}
	for n := range customers {
		p, _ = step(t, p, pool.JoinList{Customer: fmt.Sprint("waits-", n), Quantity: 1, At: now})
	}
	return p
}

// A full list is as quick to join and to leave as a short one. With a search through it
// this takes minutes.
func TestLongList(t *testing.T) {
	p := waitingFor(t, 1, pool.MaxWaiting)
	if _, err := pool.Decide(p, pool.JoinList{Customer: "zoe", Quantity: 1, At: now}); refusal(err) != pool.ListFull {
		t.Errorf("on a full list: %v", err)
	}
	for n := pool.MaxWaiting - 1; n >= 0; n-- {
		p, _ = step(t, p, pool.LeaveList{Customer: fmt.Sprint("waits-", n), At: now})
	}
	if n := p.Waiting.Len(); n != 0 {
		t.Errorf("%d wait still", n)
	}
}

// What one save has no place for is offered next.
func TestManyOffers(t *testing.T) {
	const many = 300
	p := waitingFor(t, many, many)
	p, _ = step(t, p, pool.Stop{At: now})
	for n := range many {
		p, _ = step(t, p, pool.GiveBack{Claim: n + 1, Customer: fmt.Sprint("has-", n), At: now})
	}
	p, resumed := step(t, p, pool.Resume{At: now})
	if p.Waiting.Len() == 0 || resumed > 1000 {
		t.Fatalf("%d wait after %d events", p.Waiting.Len(), resumed)
	}
	p, _ = step(t, p, pool.OfferSome{At: now})
	if p.Waiting.Len() != 0 || p.Available() != 0 || p.Claims[many+1].Customer != "waits-0" {
		t.Errorf("%d wait and %d are available", p.Waiting.Len(), p.Available())
	}
}

// However often a payment is tried, its tickets come back.
func TestTriesEnd(t *testing.T) {
	p := pool.Evolve(pool.Initial("pool/x"), created(pool.Online))
	p, _ = step(t, p, pool.ClaimTickets{Customer: "ann", Quantity: 2, PriceSeen: 5000, At: now})
	latest, tries := now.Add(pool.Hold+pool.Retry+pool.Paying), 0
	for at := now; ; at = at.Add(10 * time.Second) {
		events, err := pool.Decide(p, pool.Buy{Claim: 1, Customer: "ann", Method: "card", At: at})
		if err != nil {
			if refusal(err) != pool.ClaimExpired || tries < 10 {
				t.Errorf("after %d tries: %v", tries, err)
			}
			break
		}
		if tries++; tries > 1000 {
			t.Fatalf("held until %v, after %d tries", p.Claims[1].Until, tries)
		}
		p = pool.Evolve(p, events[0])
		p, _ = step(t, p, pool.Declined{Claim: 1, Attempt: tries, Reason: "no money", At: at.Add(5 * time.Second)})
		if until := p.Claims[1].Until; until.After(latest) {
			t.Fatalf("held until %v", until)
		}
	}
	p, _ = step(t, p, pool.Expire{Claim: 1, At: latest})
	if p.Available() != p.Capacity {
		t.Errorf("%d are available", p.Available())
	}
}

func TestWaitingRoom(t *testing.T) {
	opens := now.Add(time.Hour)
	rush := created(pool.Door)
	rush.Room = &pool.Room{OpensAt: opens, PerMinute: 20} // one each three seconds
	closed := given(t, rush)
	claim := pool.ClaimTickets{Customer: "ann", Quantity: 1, PriceSeen: 5000, At: opens}
	closed.When(claim).ThenRefused(pool.NotAdmitted)
	ann, bob := pool.JoinRoom{Customer: "ann", At: now}, pool.JoinRoom{Customer: "bob", At: now}
	both := closed.When(ann).Then(pool.RoomJoined{Customer: "ann", Place: 1, At: now, Next: opens}).
		When(bob).Then(pool.RoomJoined{Customer: "bob", Place: 2, At: now})
	both.When(ann).Then()
	both.When(pool.Admit{At: now}).ThenRefused(pool.NotDue)
	one := both.When(pool.Admit{At: opens}).Then(pool.CustomersAdmitted{Through: 1, Waiting: 1, Next: opens.Add(3 * time.Second), At: opens})
	one.When(claim).Then(pool.TicketClaimed{Ticket: 1, Claim: 1, Customer: "ann", Price: 5000, Rule: 1, Until: opens.Add(pool.Hold), At: opens})
	claim.Customer = "bob"
	one.When(claim).ThenRefused(pool.NotAdmitted)
	later := opens.Add(3 * time.Second)
	none := one.When(pool.Admit{At: later}).Then(pool.CustomersAdmitted{Through: 2, Next: later.Add(3 * time.Second), At: later})
	none.When(pool.Admit{At: later.Add(time.Hour)}).Then()
	none.When(pool.JoinRoom{Customer: "cid", At: later}).Then(pool.RoomJoined{Customer: "cid", Place: 3, At: later, Next: later.Add(3 * time.Second)})
	one.When(pool.CloseRoom{At: opens}).Then(pool.RoomClosed{At: opens}).When(claim).Then(
		pool.TicketClaimed{Ticket: 1, Claim: 1, Customer: "bob", Price: 5000, Rule: 1, Until: opens.Add(pool.Hold), At: opens})
}

func TestEventFiles(t *testing.T) {
	rule := pool.Rule{Version: 2, Base: 5000, Rise: 2000, Steps: []pool.Step{{Percent: 50, Change: 500}}, Drop: 1000, Before: 48,
		Floor: 4000, Ceiling: 9000, Round: 50}
	full := created(pool.Online)
	full.Room = &pool.Room{OpensAt: now, PerMinute: 600}
	schematest.Golden(t, pool.Events(), "testdata/events", []pool.Event{
		full,
		pool.PricingChanged{Rule: rule},
		pool.SalesStopped{At: now},
		pool.SalesResumed{At: now},
		pool.PoolCancelled{Reason: "rain", At: now},
		pool.TicketClaimed{Ticket: 3, Claim: 2, Customer: "ann", Price: 5000, Rule: 1, Until: jazz, Offered: true, At: now},
		pool.TicketBought{Ticket: 3, Claim: 2, Customer: "ann", Price: 5000, At: now},
		pool.ClaimReleased{Claim: 2, Customer: "ann", Tickets: []int{3, 4}, Reason: pool.Expired, At: now},
		pool.PaymentStarted{Claim: 2, Attempt: 1, Method: "pm_card", Amount: 10000, Until: jazz, At: now},
		pool.PaymentAuthorised{Claim: 2, Attempt: 1, Payment: "pi_1", Amount: 10000, At: now},
		pool.PaymentDeclined{Claim: 2, Attempt: 1, Reason: "card_declined", Until: jazz, At: now},
		pool.PaymentVoided{Claim: 2, Attempt: 1, Payment: "pi_1", Amount: 10000, Reason: pool.StoppedSales, Until: jazz, At: now},
		pool.OrderRefunded{Claim: 2, Customer: "ann", Tickets: []int{3, 4}, Payment: "pi_1", Amount: 10000, At: now},
		pool.RefundsCompleted{At: now},
		pool.TicketCheckedIn{Ticket: 3, Claim: 2, At: now},
		pool.WaitingListJoined{Customer: "bob", Quantity: 2, At: now},
		pool.WaitingListLeft{Customer: "bob", At: now},
		pool.RoomJoined{Customer: "bob", Place: 7, At: now, Next: jazz},
		pool.CustomersAdmitted{Through: 7, Waiting: 1, Next: jazz, At: now},
		pool.RoomClosed{At: now},
	})
}
