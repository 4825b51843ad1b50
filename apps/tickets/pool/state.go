package pool

import (
	"slices"
	"time"
)

// Pool is the state of a pool. It has no Status before it is created.
type Pool struct {
	Status    Status    `json:"status"`
	Name      string    `json:"name"`
	Capacity  int       `json:"capacity"`
	Rule      Rule      `json:"rule"`
	Currency  string    `json:"currency"`
	EventDate time.Time `json:"eventDate"`
	Payment   Payment   `json:"payment"`
	Secret    []byte    `json:"secret"`

	// Given is the highest number that a ticket was given, Free are those below it
	// that came back; the last of them is given next.
	Given int   `json:"given"`
	Free  []int `json:"free"`
	Held  int   `json:"held"`
	Sold  int   `json:"sold"`

	// Claims are those that hold or have bought tickets, by their numbers; LastClaim is
	// the highest that was ever given.
	Claims    map[int]*Claim `json:"claims"`
	LastClaim int            `json:"lastClaim"`

	// Customers has how many tickets each holds and has bought.
	Customers map[string]int `json:"customers"`

	// CheckedIn has the tickets that were scanned, and when.
	CheckedIn map[int]time.Time `json:"checkedIn"`

	// RefundedThrough is the highest claim that was refunded because the pool is
	// cancelled; Refunded says that these were all.
	RefundedThrough int  `json:"refundedThrough,omitempty"`
	Refunded        bool `json:"refunded,omitempty"`

	// Waiting is the waiting list. While somebody is on it and tickets are sold, none is
	// available: what comes free is offered at once.
	Waiting *Line `json:"waiting"`

	// Room is nil when there is no waiting room, or none any more.
	Room *RoomState `json:"room,omitempty"`
}

// Claim is tickets of one customer.
type Claim struct {
	Customer string    `json:"customer"`
	Tickets  []int     `json:"tickets"`
	Price    int64     `json:"price"` // of each
	Until    time.Time `json:"until"` // when the hold ends, or the payment is given up
	Hold     time.Time `json:"hold"`  // when the hold would end without a payment
	Paying   bool      `json:"paying,omitempty"`
	Attempts int       `json:"attempts,omitempty"` // payments started
	Bought   int       `json:"bought,omitempty"`   // how many of the tickets, from the first
	Payment  string    `json:"payment,omitempty"`  // the provider's ID of the one authorised
}

// Amount is what all tickets of the claim cost.
func (c *Claim) Amount() int64 { return c.Price * int64(len(c.Tickets)) }

// IsSold says whether its tickets are bought.
func (c *Claim) IsSold() bool { return c.Bought > 0 && c.Bought == len(c.Tickets) }

// RoomState is a waiting room.
type RoomState struct {
	Room
	Places   map[string]int `json:"places"`   // of the customers
	Last     int            `json:"last"`     // the highest place that was given
	Admitted int            `json:"admitted"` // the highest place that was let in
	Next     time.Time      `json:"next"`     // when the next are let in, not earlier
}

// Initial returns the state of a pool that was not created yet.
func Initial(string) *Pool {
	return &Pool{Claims: map[int]*Claim{}, Customers: map[string]int{}, CheckedIn: map[int]time.Time{}, Waiting: newLine()}
}

// Exists says whether the pool was created.
func (p *Pool) Exists() bool { return p.Status != "" }

// Available is how many tickets are neither held nor sold.
func (p *Pool) Available() int { return p.Capacity - p.Held - p.Sold }

// Price is what a ticket costs at a time.
func (p *Pool) Price(at time.Time) int64 {
	return p.Rule.Price(p.Sold, p.Capacity, p.EventDate, at)
}

// Evolve returns the pool after an event. It changes the one it is given.
func Evolve(p *Pool, event Event) *Pool {
	switch e := event.(type) {
	case PoolCreated:
		p.Status, p.Name, p.Capacity, p.Rule, p.Currency = Open, e.Name, e.Capacity, e.Rule, e.Currency
		p.EventDate, p.Payment, p.Secret = e.EventDate, e.Payment, e.Secret
		if e.Room != nil {
			p.Room = &RoomState{Room: *e.Room, Places: map[string]int{}}
		}
	case PricingChanged:
		p.Rule = e.Rule
	case SalesStopped:
		p.Status = Stopped
	case SalesResumed:
		p.Status = Open
	case PoolCancelled:
		p.cancelled()
	case TicketClaimed:
		p.claimed(e)
	case TicketBought:
		if c := p.Claims[e.Claim]; c != nil {
			c.Bought++
			c.Paying = false
			p.Held--
			p.Sold++
		}
	case ClaimReleased:
		p.released(e.Claim)
	case PaymentStarted:
		if c := p.Claims[e.Claim]; c != nil {
			c.Paying, c.Attempts, c.Until = true, e.Attempt, e.Until
		}
	case PaymentAuthorised:
		if c := p.Claims[e.Claim]; c != nil {
			c.Payment = e.Payment
		}
	case PaymentDeclined:
		p.unfrozen(e.Claim, e.Attempt, e.Until)
	case PaymentVoided:
		p.unfrozen(e.Claim, e.Attempt, e.Until)
	case OrderRefunded:
		p.refunded(e)
	case RefundsCompleted:
		p.Refunded = true
	case TicketCheckedIn:
		p.CheckedIn[e.Ticket] = e.At
	default:
		p.waited(event)
	}
	return p
}

// waited is the part of Evolve for those who wait.
func (p *Pool) waited(event Event) {
	switch e := event.(type) {
	case WaitingListJoined:
		p.Waiting.join(Waiting{e.Customer, e.Quantity})
	case WaitingListLeft:
		p.Waiting.leave(e.Customer)
	case RoomJoined:
		if p.Room != nil {
			p.Room.Places[e.Customer], p.Room.Last = e.Place, e.Place
			if !e.Next.IsZero() {
				p.Room.Next = e.Next
			}
		}
	case CustomersAdmitted:
		if p.Room != nil {
			p.Room.Admitted, p.Room.Next = e.Through, e.Next
		}
	case RoomClosed:
		p.Room = nil
	}
}

func (p *Pool) claimed(e TicketClaimed) {
	if e.Ticket > p.Given {
		p.Given = e.Ticket
	} else if i := len(p.Free) - 1; i >= 0 && p.Free[i] == e.Ticket {
		p.Free = p.Free[:i]
	}
	c := p.Claims[e.Claim]
	if c == nil {
		c = &Claim{Customer: e.Customer, Price: e.Price, Until: e.Until, Hold: e.Until}
		p.Claims[e.Claim], p.LastClaim = c, e.Claim
		if e.Offered {
			p.Waiting.leave(e.Customer)
		}
	}
	c.Tickets = append(c.Tickets, e.Ticket)
	p.Held++
	p.Customers[e.Customer]++
}

// released gives the tickets of a claim that is not sold back.
func (p *Pool) released(number int) {
	c := p.Claims[number]
	if c == nil || c.Bought > 0 {
		return
	}
	p.Held -= len(c.Tickets)
	p.dropped(number, c)
}

func (p *Pool) refunded(e OrderRefunded) {
	c := p.Claims[e.Claim]
	if c == nil || !c.IsSold() {
		return
	}
	p.Sold -= len(c.Tickets)
	if p.Status == Cancelled {
		p.RefundedThrough = max(p.RefundedThrough, e.Claim)
	}
	for _, ticket := range c.Tickets {
		delete(p.CheckedIn, ticket)
	}
	p.dropped(e.Claim, c)
}

// dropped forgets a claim whose tickets are free now.
func (p *Pool) dropped(number int, c *Claim) {
	p.Free = append(p.Free, c.Tickets...)
	if p.Customers[c.Customer] -= len(c.Tickets); p.Customers[c.Customer] <= 0 {
		delete(p.Customers, c.Customer)
	}
	delete(p.Claims, number)
}

// cancelled frees what is held; what is being paid for waits for the provider's answer.
func (p *Pool) cancelled() {
	p.Status = Cancelled
	var held []int
	for number, c := range p.Claims {
		if c.Bought == 0 && !c.Paying {
			held = append(held, number)
		}
	}
	slices.Sort(held) // the same order each time
	for _, number := range held {
		p.released(number)
	}
	p.Waiting, p.Room = newLine(), nil
}

// unfrozen ends a payment that has bought nothing.
func (p *Pool) unfrozen(number, attempt int, until time.Time) {
	c := p.Claims[number]
	if c == nil || !c.Paying || c.Attempts != attempt {
		return
	}
	c.Paying, c.Until = false, until
	if p.Status == Cancelled {
		p.released(number)
	}
}
