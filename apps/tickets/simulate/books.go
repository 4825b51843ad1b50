package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// books are kept of a pool by its events, one after the other, and object to what must
// not happen. They know nothing of how the server comes to its events.
type books struct {
	id       string
	created  bool
	status   pool.Status
	capacity int
	held     int
	sold     int
	version  aether.Version
	position aether.Position // of the last event of the pool

	hands     map[int]int      // tickets that are held or sold, and their claims
	claims    map[int]*claim   // all there ever were
	customers map[string]int   // how many tickets each has
	carts     map[string]int   // how many claims each has made
	history   []counts         // at each version, from 1
	payments  map[string]*paid // by the provider's ID

	problems []string
}

// claim is what the events say of one.
type claim struct {
	customer string
	tickets  []int
	price    int64
	offered  bool
	paying   bool
	bought   int
	payment  string // that it was bought with

	claimedAt, startedAt, boughtAt, releasedAt, refundedAt aether.Version // 0 when it did not happen
}

func (c *claim) isHeld() bool  { return c.bought == 0 && c.releasedAt == 0 }
func (c *claim) isSold() bool  { return c.bought > 0 && c.refundedAt == 0 }
func (c *claim) amount() int64 { return c.price * int64(len(c.tickets)) }

func newBooks(id string) *books {
	return &books{
		id: id, hands: map[int]int{}, claims: map[int]*claim{}, customers: map[string]int{}, carts: map[string]int{}, payments: map[string]*paid{},
	}
}

func (b *books) wrong(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf("version %d: ", b.version)+fmt.Sprintf(format, args...))
}

// apply enters an event of the pool.
func (b *books) apply(version aether.Version, event pool.Event) {
	if version != b.version+1 {
		b.wrong("the next event has version %d", version)
	}
	b.version = version
	switch e := event.(type) {
	case pool.PoolCreated:
		b.created, b.status, b.capacity = true, pool.Open, e.Capacity
	case pool.SalesStopped:
		b.status = pool.Stopped
	case pool.SalesResumed:
		b.status = pool.Open
	case pool.PoolCancelled:
		b.status = pool.Cancelled
		for number, c := range b.claims {
			if c.isHeld() && !c.paying {
				b.release(number)
			}
		}
	case pool.TicketClaimed:
		b.claimed(e)
	case pool.TicketBought:
		b.bought(e)
	case pool.ClaimReleased:
		if c := b.claims[e.Claim]; c == nil || !c.isHeld() || !slices.Equal(c.tickets, e.Tickets) || c.customer != e.Customer {
			b.wrong("claim %d gives back %v, and has %+v", e.Claim, e.Tickets, c)
			return
		}
		b.release(e.Claim)
	case pool.OrderRefunded:
		b.refunded(e)
	default:
		b.paid(event)
	}
	if b.held < 0 || b.sold < 0 || b.held+b.sold > b.capacity || b.held+b.sold != len(b.hands) {
		b.wrong("%d are held and %d sold of %d, and %d have somebody", b.held, b.sold, b.capacity, len(b.hands))
	}
	b.history = append(b.history, counts{b.held, b.sold, b.capacity - len(b.hands), b.capacity})
}

func (b *books) claimed(e pool.TicketClaimed) {
	if b.status != pool.Open {
		b.wrong("ticket %d is claimed, and the sale is %s", e.Ticket, b.status)
	}
	if other, taken := b.hands[e.Ticket]; taken || e.Ticket < 1 || e.Ticket > b.capacity {
		b.wrong("ticket %d of %d is claimed by claim %d, and claim %d has it", e.Ticket, b.capacity, e.Claim, other)
	}
	c := b.claims[e.Claim]
	if c == nil {
		c = &claim{customer: e.Customer, price: e.Price, offered: e.Offered, claimedAt: b.version}
		b.claims[e.Claim] = c
		if !e.Offered {
			b.carts[e.Customer]++
		}
	}
	if c.customer != e.Customer || c.price != e.Price || !c.isHeld() {
		b.wrong("ticket %d comes to claim %d with %+v, which is %+v", e.Ticket, e.Claim, e, c)
	}
	c.tickets = append(c.tickets, e.Ticket)
	b.hands[e.Ticket] = e.Claim
	b.held++
	if b.customers[e.Customer]++; b.customers[e.Customer] > pool.MaxTickets {
		b.wrong("%s has %d tickets", e.Customer, b.customers[e.Customer])
	}
}

func (b *books) bought(e pool.TicketBought) {
	if b.status != pool.Open {
		b.wrong("ticket %d is bought, and the sale is %s", e.Ticket, b.status)
	}
	c := b.claims[e.Claim]
	if c == nil || b.hands[e.Ticket] != e.Claim || c.releasedAt != 0 || c.refundedAt != 0 || c.bought == len(c.tickets) || c.customer != e.Customer || c.price != e.Price {
		b.wrong("ticket %d is bought by %+v, and claim %d has it, which is %+v", e.Ticket, e, b.hands[e.Ticket], c)
		return
	}
	c.bought++
	c.paying, c.boughtAt = false, b.version
	b.held--
	b.sold++
}

func (b *books) refunded(e pool.OrderRefunded) {
	c := b.claims[e.Claim]
	if c == nil || !c.isSold() || !slices.Equal(c.tickets, e.Tickets) || c.payment != e.Payment || c.payment != "" && c.amount() != e.Amount {
		b.wrong("%+v is refunded, which is %+v", e, c)
		return
	}
	c.refundedAt = b.version
	b.sold -= len(c.tickets)
	b.empty(c)
	if p := b.payments[c.payment]; p != nil {
		p.want[tickets.Refund] = true
	}
}

// release takes the tickets of a claim that is not bought out of its hands.
func (b *books) release(number int) {
	c := b.claims[number]
	c.releasedAt, c.paying = b.version, false
	b.held -= len(c.tickets)
	b.empty(c)
}

func (b *books) empty(c *claim) {
	for _, ticket := range c.tickets {
		delete(b.hands, ticket)
	}
	if b.customers[c.customer] -= len(c.tickets); b.customers[c.customer] < 0 {
		b.wrong("%s has %d tickets", c.customer, b.customers[c.customer])
	}
}

// number returns the number of a claim of the pool by its ID, 0 when it is of another.
func (b *books) number(claim string) int {
	var n int
	rest, ok := strings.CutPrefix(claim, b.id+"-")
	if _, err := fmt.Sscanf(rest, "%d", &n); !ok || err != nil || fmt.Sprint(n) != rest {
		return 0
	}
	return n
}

// check holds what a customer was told against the books.
func (b *books) check(a acknowledged) string {
	c := b.claims[b.number(a.claim)]
	if c == nil || c.customer != a.customer {
		return fmt.Sprintf("%s was told of claim %s, which is not in the events: %+v", a.customer, a.claim, c)
	}
	at := map[tickets.ClaimState]aether.Version{
		tickets.ClaimHeld: c.claimedAt, tickets.ClaimPaying: c.startedAt, tickets.ClaimSold: c.boughtAt, tickets.ClaimReleased: c.releasedAt,
	}[a.state]
	if at == 0 || at > a.version || a.state != tickets.ClaimPaying && !slices.Equal(a.tickets, c.tickets) {
		return fmt.Sprintf("%s was told at version %d that claim %s with the tickets %v is %s, and the events say %+v", a.customer, a.version, a.claim, a.tickets, a.state, c)
	}
	return ""
}
