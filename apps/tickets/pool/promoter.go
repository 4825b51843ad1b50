package pool

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
)

// Since are the facts of a refusal because of what happened earlier.
type Since struct {
	At time.Time `json:"at"`
}

func create(p *Pool, c Create) ([]Event, error) {
	switch {
	case p.Exists():
		return nil, aether.Refuse(PoolExists, "the pool is there already")
	case !validText(c.Name, MaxName):
		return nil, aether.Refuse(BadName, "a name has 1 to %d bytes of printable text", MaxName)
	case c.Capacity < 1 || c.Capacity > MaxCapacity:
		return nil, aether.Refuse(BadCapacity, "a pool has 1 to %d tickets; these are %d", MaxCapacity, c.Capacity)
	case !validCurrency(c.Currency):
		return nil, aether.Refuse(BadCurrency, "a currency has three capital letters, as EUR; %q has not", c.Currency)
	case !c.EventDate.After(c.At):
		return nil, aether.Refuse(BadDate, "the event must be in the future; %s is not", c.EventDate.UTC().Format(time.RFC3339))
	case c.EventDate.After(c.At.AddDate(10, 0, 0)):
		return nil, aether.Refuse(BadDate, "the event must be within ten years; %s is not", c.EventDate.UTC().Format(time.RFC3339))
	case c.Payment != Free && c.Payment != Door && c.Payment != Online:
		return nil, aether.Refuse(BadPayment, "payment is %q, %q or %q; this is %q", Free, Door, Online, c.Payment)
	case c.Room != nil && (c.Room.PerMinute < 1 || c.Room.PerMinute > 1_000_000 || !c.Room.OpensAt.Before(c.EventDate)):
		return nil, aether.Refuse(BadRoom, "a waiting room opens before the event, and lets in 1 to 1,000,000 customers a minute")
	}
	if err := c.Rule.Check(c.Payment, c.Capacity); err != nil {
		return nil, err
	}
	c.Rule.Version = 1
	return []Event{PoolCreated{
		Name: c.Name, Capacity: c.Capacity, Rule: c.Rule, Currency: c.Currency,
		EventDate: c.EventDate, Payment: c.Payment, Room: c.Room, Secret: c.Secret,
	}}, nil
}

func validCurrency(c string) bool {
	return len(c) == 3 && strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// promote decides the commands of promoters about a pool that exists.
func (p *Pool) promote(command Command) ([]Event, error) {
	if p.Status == Cancelled {
		switch command.(type) {
		case Cancel:
			return nil, nil
		case ChangePricing, Stop, Resume, CloseRoom:
			return nil, aether.Refuse(IsCancelled, "the event was cancelled")
		}
	}
	switch c := command.(type) {
	case ChangePricing:
		if err := c.Rule.Check(p.Payment, p.Capacity); err != nil {
			return nil, err
		}
		c.Rule.Version = p.Rule.Version + 1
		return []Event{PricingChanged{c.Rule}}, nil
	case Stop:
		if p.Status == Stopped {
			return nil, nil
		}
		return []Event{SalesStopped{c.At}}, nil
	case Resume:
		if p.Status == Open {
			return nil, nil
		}
		return p.resume(c), nil
	case Cancel:
		return []Event{PoolCancelled{c.Reason, c.At}}, nil
	case OfferSome:
		return p.offers(nil, 0, c.At), nil
	case Refund:
		return p.refund(c)
	case RefundSome:
		return p.refundSome(c)
	case CheckIn:
		return p.checkIn(c)
	case CloseRoom:
		if p.Room == nil {
			return nil, nil
		}
		return []Event{RoomClosed{c.At}}, nil
	}
	return nil, aether.Refuse("unknown-command", "a pool knows no %T", command)
}

// resume lets the sale go on, and offers what came free meanwhile.
func (p *Pool) resume(c Resume) []Event {
	open := *p
	open.Status = Open
	return append([]Event{SalesResumed{c.At}}, open.offers(nil, 0, c.At)...)
}

func (c *Claim) refunded(number int, at time.Time) OrderRefunded {
	amount := c.Amount()
	if c.Payment == "" {
		amount = 0 // nobody has paid
	}
	return OrderRefunded{Claim: number, Customer: c.Customer, Tickets: c.Tickets, Payment: c.Payment, Amount: amount, At: at}
}

func (p *Pool) refund(c Refund) ([]Event, error) {
	if p.Status == Cancelled { // in the order of the claims, by RefundSome
		return nil, aether.Refuse(IsCancelled, "the event was cancelled, so every order is refunded anyway")
	}
	claim := p.Claims[c.Claim]
	if claim == nil || !claim.IsSold() {
		return nil, aether.Refuse(NotSold, "claim %d has bought nothing, or was refunded already", c.Claim)
	}
	for _, ticket := range claim.Tickets {
		if at, in := p.CheckedIn[ticket]; in {
			return nil, &aether.Refusal{Reason: CheckedIn, Facts: Since{at}, Message: fmt.Sprintf("ticket %d has been used", ticket)}
		}
	}
	return append([]Event{claim.refunded(c.Claim, c.At)}, p.offers(claim.Tickets, len(claim.Tickets), c.At)...), nil
}

// together is how many orders RefundSome refunds, and to how many customers OfferSome
// makes an offer: with up to four tickets each, and what goes before, they fit into one
// save, which has at most 1,000 events.
const together = 249

func (p *Pool) refundSome(c RefundSome) ([]Event, error) {
	if p.Status != Cancelled {
		return nil, aether.Refuse(NotDue, "the pool is not cancelled")
	}
	if p.Refunded {
		return nil, nil
	}
	var events []Event
	for number := p.RefundedThrough + 1; number <= p.LastClaim; number++ {
		if claim := p.Claims[number]; claim != nil && claim.IsSold() {
			if len(events) == together {
				return events, nil
			}
			events = append(events, claim.refunded(number, c.At))
		}
	}
	return append(events, RefundsCompleted{c.At}), nil
}

func (p *Pool) checkIn(c CheckIn) ([]Event, error) {
	claim := p.Claims[c.Claim]
	if claim == nil || !claim.IsSold() || !slices.Contains(claim.Tickets, c.Ticket) {
		return nil, aether.Refuse(NotSold, "this is no ticket of this pool, or it was refunded")
	}
	if at, in := p.CheckedIn[c.Ticket]; in {
		return nil, &aether.Refusal{Reason: CheckedIn, Facts: Since{at}, Message: "this ticket was scanned at " + at.UTC().Format(time.TimeOnly) + " UTC"}
	}
	return []Event{TicketCheckedIn{Ticket: c.Ticket, Claim: c.Claim, At: c.At}}, nil
}
