package tickets

import (
	"fmt"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/readdb"
)

// What the read DB keeps is in pieces, so that an event changes few bytes, however large
// a pool is.
var (
	pools = readdb.NewCollection("pools", func(p poolRecord) string { return p.ID },
		readdb.Index[poolRecord]{Name: byCreated, Values: func(p poolRecord) []readdb.Value {
			return []readdb.Value{readdb.Int(int64(p.First))}
		}})

	claims = readdb.NewCollection("claims", func(c claimRecord) string { return claimID(c.Pool, c.Number) },
		readdb.Index[claimRecord]{Name: byCustomer, Values: func(c claimRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(c.Customer), readdb.Int(int64(c.First)))}
		}},
		readdb.Index[claimRecord]{Name: byOrder, Values: func(c claimRecord) []readdb.Value {
			if c.Bought.IsZero() {
				return nil
			}
			return []readdb.Value{readdb.Tuple(readdb.Text(c.Pool), readdb.Int(int64(c.Number)))}
		}})

	waitings = readdb.NewCollection("waiting", func(w waitingRecord) string { return member(w.Pool, w.Customer) },
		readdb.Index[waitingRecord]{Name: byLine, Values: func(w waitingRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(w.Pool), readdb.Int(int64(w.First)))}
		}},
		readdb.Index[waitingRecord]{Name: byCustomer, Values: func(w waitingRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(w.Customer), readdb.Int(int64(w.First)))}
		}})

	places = readdb.NewCollection("places", func(p placeRecord) string { return member(p.Pool, p.Customer) })

	points = readdb.NewCollection("points", func(p pointRecord) string { return pointKey(p.Pool, p.Step, p.At) })

	moneys = readdb.NewCollection("payments", func(m moneyRecord) string { return m.ID },
		readdb.Index[moneyRecord]{Name: byOpen, Values: func(m moneyRecord) []readdb.Value {
			if len(m.Failed) == 0 {
				return nil
			}
			return []readdb.Value{readdb.Time(m.Updated)}
		}})
)

// The names of the indexes.
const (
	byCreated  = "created"  // lists the pools in the order in which they were made
	byCustomer = "customer" // lists the claims of a customer, or what they wait for, in order
	byOrder    = "order"    // lists the claims of a pool that were bought, by their numbers
	byLine     = "line"     // lists who waits for tickets of a pool, in order
	byOpen     = "open"     // lists the payments with which something has gone wrong
)

// poolRecord is a pool.
type poolRecord struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Status    pool.Status   `json:"status"`
	Capacity  int           `json:"capacity"`
	Held      int           `json:"held"`
	Paying    int           `json:"paying"` // of those that are held: that are being paid for
	Sold      int           `json:"sold"`
	Currency  string        `json:"currency"`
	Rule      pool.Rule     `json:"rule"`
	EventDate time.Time     `json:"eventDate"`
	Payment   pool.Payment  `json:"payment"`
	Waiting   int           `json:"waiting"`
	Room      *RoomDocument `json:"room,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Totals    Totals        `json:"totals"`

	Version  aether.Version  `json:"version"`
	First    aether.Position `json:"first"` // of its events
	Position aether.Position `json:"position"`
	Created  time.Time       `json:"created"`
	Updated  time.Time       `json:"updated"`
}

// document is what everybody may know of it, at a time.
func (p *poolRecord) document(now time.Time) PoolDocument {
	var moves time.Time
	if p.Status != pool.Cancelled {
		moves, _ = p.Rule.Moves(p.Sold, p.Capacity, p.EventDate, now)
	}
	return PoolDocument{
		ID: p.ID, Name: p.Name, Status: p.Status, Capacity: p.Capacity,
		Held: p.Held, Sold: p.Sold, Available: p.Capacity - p.Held - p.Sold,
		Price: p.price(now), Moves: moves, Currency: p.Currency, Rule: p.Rule, EventDate: p.EventDate, Payment: p.Payment,
		Waiting: p.Waiting, Room: p.Room, Reason: p.Reason,
		Version: p.Version, Position: p.Position, Created: p.Created, Updated: p.Updated,
	}
}

func (p *poolRecord) price(at time.Time) int64 {
	return p.Rule.Price(p.Sold, p.Capacity, p.EventDate, at)
}

// claimRecord is a claim. One that is held when its pool is cancelled stays as it is
// here: it is seen as released.
type claimRecord struct {
	Pool     string      `json:"pool"`
	Number   int         `json:"number"`
	Customer string      `json:"customer"`
	State    ClaimState  `json:"state"`
	Reason   string      `json:"reason,omitempty"`
	Tickets  []int       `json:"tickets"`
	Scans    []time.Time `json:"scans,omitempty"` // of the tickets; empty when none was scanned
	Price    int64       `json:"price"`
	Rule     int         `json:"rule"`
	Offered  bool        `json:"offered,omitempty"`
	Until    time.Time   `json:"until"`
	Before   int         `json:"before"` // how many tickets were sold when it was made
	Attempt  int         `json:"attempt,omitempty"`
	Declined string      `json:"declined,omitempty"`
	Payment  string      `json:"payment,omitempty"` // the provider's ID
	Money    string      `json:"money,omitempty"`   // what became of it

	Claimed  time.Time       `json:"claimed"`
	Bought   time.Time       `json:"bought,omitzero"`
	Ended    time.Time       `json:"ended,omitzero"`
	First    aether.Position `json:"first"`
	Position aether.Position `json:"position"`
}

// What becomes of the money of a claim.
const (
	MoneyAuthorised = "authorised"
	MoneyCaptured   = "captured"
	MoneyVoided     = "voided" // is to be let go
	MoneyCancelled  = "cancelled"
	MoneyRefunding  = "refunding"
	MoneyRefunded   = "refunded"
	MoneyFailed     = "failed" // somebody must see to it
)

// document is the claim as its pool is.
func (c *claimRecord) document(p *poolRecord) ClaimDocument {
	d := ClaimDocument{
		ID: claimID(c.Pool, c.Number), Topic: topicOf(claimID(c.Pool, c.Number), c.Customer), Pool: c.Pool, Name: p.Name, Event: p.EventDate,
		State: c.State, Reason: c.Reason, Tickets: make([]TicketDocument, len(c.Tickets)),
		Price: c.Price, Amount: c.Price * int64(len(c.Tickets)), Currency: p.Currency, Rule: c.Rule, Offered: c.Offered,
		Declined: c.Declined, Payment: c.Money, Claimed: c.Claimed, Bought: c.Bought, Ended: c.Ended, Position: c.Position,
	}
	for i, n := range c.Tickets {
		d.Tickets[i].Number = n
		if len(c.Scans) > i {
			d.Tickets[i].CheckedIn = c.Scans[i]
		}
	}
	switch {
	case c.State == ClaimHeld && p.Status == pool.Cancelled:
		d.State, d.Reason, d.Ended, d.Position = ClaimReleased, pool.IsCancelled, p.Updated, max(p.Position, c.Position)
	case c.State == ClaimHeld || c.State == ClaimPaying:
		d.Until = c.Until
	}
	return d
}

// waitingRecord is somebody on a waiting list, placeRecord in a waiting room.
type waitingRecord struct {
	Pool     string          `json:"pool"`
	Customer string          `json:"customer"`
	Quantity int             `json:"quantity"`
	First    aether.Position `json:"first"`
	Since    time.Time       `json:"since"`
}

type placeRecord struct {
	Pool     string `json:"pool"`
	Customer string `json:"customer"`
	Place    int    `json:"place"`
}

func member(pool, customer string) string { return pool + "/" + customer }

// pointRecord is what happened in some seconds of a sale.
type pointRecord struct {
	Pool string `json:"pool"`
	Step int    `json:"step"` // seconds
	SalesPoint
}

// steps are how long the points are, in seconds: a rush is looked at by the second, a
// sale of months by the hour.
func steps() []int { return []int{1, 60, 3600} }

func pointKey(pool string, step int, at time.Time) string {
	return fmt.Sprintf("%s%012d", pointPrefix(pool, step), at.Unix())
}

func pointPrefix(pool string, step int) string { return fmt.Sprintf("%s/%d/", pool, step) }

// moneyRecord is a payment that was authorised.
type moneyRecord struct {
	ID      string                   `json:"id"`
	Pool    string                   `json:"pool"`
	Claim   int                      `json:"claim"`
	Amount  int64                    `json:"amount"`
	State   string                   `json:"state"`
	Failed  map[Action]PaymentFailed `json:"failed,omitempty"` // what somebody must see to
	Updated time.Time                `json:"updated"`
}
