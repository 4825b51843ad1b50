package pool

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

// Left are the facts of a refusal because of what is left.
type Left struct {
	Available int `json:"available"`
}

// NewPrice are the facts of a refusal because a ticket costs more by now.
type NewPrice struct {
	Price    int64  `json:"price"`
	Currency string `json:"currency"`
}

// Limit are the facts of a refusal because a customer has so many tickets already.
type Limit struct {
	Has int `json:"has"` // held and bought
	Max int `json:"max"`
}

// stopped says why nothing may be sold, nil when it may.
func (p *Pool) stopped() error {
	switch p.Status {
	case Cancelled:
		return aether.Refuse(IsCancelled, "the event was cancelled")
	case Stopped:
		return aether.Refuse(StoppedSales, "the sale was stopped by the promoter")
	}
	return nil
}

// selling says why nothing is sold at a time, nil when it is.
func (p *Pool) selling(at time.Time) error {
	if err := p.stopped(); err != nil {
		return err
	}
	if !at.Before(p.EventDate) {
		return aether.Refuse(SalesEnded, "the event has begun, so nothing is sold any more")
	}
	return nil
}

func (p *Pool) claim(c ClaimTickets) ([]Event, error) {
	if err := p.selling(c.At); err != nil {
		return nil, err
	}
	if err := checkRequest(c.Customer, c.Quantity); err != nil {
		return nil, err
	}
	if err := p.admitted(c.Customer); err != nil {
		return nil, err
	}
	if has := p.Customers[c.Customer]; has+c.Quantity > MaxTickets {
		return nil, &aether.Refusal{Reason: LimitExceeded, Facts: Limit{has, MaxTickets},
			Message: fmt.Sprintf("at most %d tickets for each customer; you have %d", MaxTickets, has)}
	}
	if left := p.free(); left < c.Quantity {
		message := fmt.Sprintf("only %s left", countTickets(left))
		if left == 0 {
			message = "all tickets are held or sold"
		}
		return nil, &aether.Refusal{Reason: SoldOut, Message: message, Facts: Left{left}}
	}
	price := p.Price(c.At)
	if price > c.PriceSeen {
		return nil, &aether.Refusal{Reason: PriceChanged, Facts: NewPrice{price, p.Currency},
			Message: "the price has risen since you saw it"}
	}
	d := p.draw()
	return d.claim(TicketClaimed{Customer: c.Customer, Price: price, Until: c.At.Add(Hold), At: c.At}, c.Quantity), nil
}

func countTickets(n int) string {
	if n == 1 {
		return "1 ticket is"
	}
	return fmt.Sprintf("%d tickets are", n)
}

// checkRequest refuses what no pool would give anybody.
func checkRequest(customer string, quantity int) error {
	if !validText(customer, MaxCustomer) {
		return aether.Refuse(BadCustomer, "a customer's ID has 1 to %d bytes of printable text", MaxCustomer)
	}
	if quantity < 1 || quantity > MaxTickets {
		return aether.Refuse(BadQuantity, "from 1 to %d tickets at a time; these are %d", MaxTickets, quantity)
	}
	return nil
}

func validText(text string, longest int) bool {
	return strings.TrimSpace(text) != "" && len(text) <= longest && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// drawer gives out ticket and claim numbers as the pool will when the events have
// happened, without changing it.
type drawer struct {
	pool      *Pool
	free      []int
	given     int
	lastClaim int
}

func (p *Pool) draw() *drawer {
	return &drawer{p, p.Free[:len(p.Free):len(p.Free)], p.Given, p.LastClaim}
}

// claim returns the events of a new claim; available tickets there must be.
func (d *drawer) claim(e TicketClaimed, quantity int) []Event {
	d.lastClaim++
	e.Claim, e.Rule = d.lastClaim, d.pool.Rule.Version
	events := make([]Event, quantity)
	for i := range events {
		if n := len(d.free); n > 0 {
			e.Ticket, d.free = d.free[n-1], d.free[:n-1:n-1]
		} else {
			d.given++
			e.Ticket = d.given
		}
		events[i] = e
	}
	return events
}

// own returns a claim for its customer.
func (p *Pool) own(number int, customer string) (*Claim, error) {
	c := p.Claims[number]
	switch {
	case number < 1 || number > p.LastClaim:
		return nil, aether.Refuse(NoClaim, "there is no such claim")
	case c == nil:
		return nil, aether.Refuse(ClaimExpired, "the tickets are not held any more")
	case c.Customer != customer:
		return nil, aether.Refuse(NotYourClaim, "these tickets are held for somebody else")
	}
	return c, nil
}

func (p *Pool) buy(c Buy) ([]Event, error) {
	claim, err := p.own(c.Claim, c.Customer)
	if err != nil {
		return nil, err
	}
	if claim.IsSold() || claim.Paying {
		return nil, nil // a second click
	}
	if err := p.selling(c.At); err != nil {
		return nil, err
	}
	if !c.At.Before(claim.Until) {
		return nil, aether.Refuse(ClaimExpired, "the tickets were held until %s", claim.Until.UTC().Format(time.TimeOnly))
	}
	if p.Payment != Online || claim.Amount() == 0 {
		return claim.sold(c.Claim, c.At), nil
	}
	if !validMethod(c.Method) {
		return nil, aether.Refuse(PaymentNeeded, "say how you pay: the provider's name of a payment method, of 1 to 200 letters, digits and underscores")
	}
	return []Event{PaymentStarted{
		Claim: c.Claim, Attempt: claim.Attempts + 1, Method: c.Method, Amount: claim.Amount(), Until: c.At.Add(Paying), At: c.At,
	}}, nil
}

// validMethod says whether something can be the name of a payment method. Names begin with
// a letter, so that the number of a card is none, and does not get into an event.
func validMethod(name string) bool {
	letter := func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	for i, r := range name {
		if !letter(r) && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= 200
}

// sold returns the purchase of all tickets of a claim.
func (c *Claim) sold(number int, at time.Time) []Event {
	var events []Event
	for _, ticket := range c.Tickets {
		events = append(events, TicketBought{Ticket: ticket, Claim: number, Customer: c.Customer, Price: c.Price, At: at})
	}
	return events
}

func (p *Pool) giveBack(c GiveBack) ([]Event, error) {
	claim, err := p.own(c.Claim, c.Customer)
	switch {
	case err != nil:
		return nil, err
	case claim.Paying:
		return nil, aether.Refuse(PaymentOpen, "the payment is under way")
	case claim.IsSold():
		return nil, aether.Refuse(NotSold, "these tickets are bought; ask the promoter for a refund")
	}
	return p.release(c.Claim, claim, GivenBack, c.At), nil
}

func (p *Pool) expire(c Expire) ([]Event, error) {
	claim := p.Claims[c.Claim]
	switch {
	case claim == nil || claim.IsSold():
		return nil, nil
	case c.At.Before(claim.Until):
		return nil, aether.Refuse(NotDue, "the claim is held until %v", claim.Until)
	case claim.Paying:
		return p.release(c.Claim, claim, NotPaid, c.At), nil
	}
	return p.release(c.Claim, claim, Expired, c.At), nil
}

// release gives the tickets of a claim back, to the waiting list first.
func (p *Pool) release(number int, claim *Claim, reason string, at time.Time) []Event {
	events := []Event{ClaimReleased{Claim: number, Customer: claim.Customer, Tickets: claim.Tickets, Reason: reason, At: at}}
	return append(events, p.offers(claim.Tickets, 0, at)...)
}
