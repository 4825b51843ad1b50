package tickets

import (
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// The documents that commands and queries return and pages show. Their slices are never
// nil, so that JSON has [] and not null. Amounts are in minor units of a currency.

// PoolDocument is what everybody may know of a pool.
type PoolDocument struct {
	ID       string      `json:"id" doc:"How it is named in addresses."`
	Name     string      `json:"name"`
	Status   pool.Status `json:"status" enum:"open,stopped,cancelled" doc:"Whether tickets are sold."`
	Capacity int         `json:"capacity" doc:"How many tickets there are: held, sold and available ones."`

	Held      int `json:"held" doc:"Tickets that are in somebody's cart."`
	Sold      int `json:"sold"`
	Available int `json:"available"`

	Price     int64        `json:"price" doc:"Of a ticket at this moment, in minor units."`
	Moves     time.Time    `json:"moves,omitzero" doc:"When the price is another one if nothing happens until then, because the event comes near; missing when it stays."`
	Currency  string       `json:"currency" doc:"ISO 4217."`
	Rule      pool.Rule    `json:"rule" doc:"How the price follows from what is sold and from the time."`
	EventDate time.Time    `json:"eventDate" doc:"When the event begins, and the sale ends."`
	Payment   pool.Payment `json:"payment" enum:"free,door,online" doc:"How tickets are paid for."`

	Waiting int           `json:"waiting" doc:"How many customers are on the waiting list."`
	Room    *RoomDocument `json:"room,omitempty" doc:"The waiting room; missing when nobody has to wait before a claim."`
	Reason  string        `json:"reason,omitempty" doc:"Why the event was cancelled, in the words of the promoter."`

	Version  aether.Version  `json:"version" doc:"How many events it has."`
	Position aether.Position `json:"position" doc:"Of the last of them in the log."`
	Created  time.Time       `json:"created"`
	Updated  time.Time       `json:"updated"`
}

// RoomDocument is a waiting room. Customers with places up to Admitted may claim.
type RoomDocument struct {
	OpensAt   time.Time `json:"opensAt" doc:"Nobody is let in before."`
	PerMinute int       `json:"perMinute" doc:"How many are let in."`
	Last      int       `json:"last" doc:"The highest place that was given."`
	Admitted  int       `json:"admitted" doc:"The highest place that was let in."`
	Next      time.Time `json:"next,omitzero" doc:"When the next are let in, not earlier."`
}

// PoolPage is a page of the list of pools.
type PoolPage struct {
	Pools []PoolDocument `json:"pools" doc:"The one made last comes first."`
	Next  string         `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// ClaimState is how far a claim has come.
type ClaimState string

// The states of a claim.
const (
	ClaimHeld     ClaimState = "held"     // until a time
	ClaimPaying   ClaimState = "paying"   // the payment is under way
	ClaimSold     ClaimState = "sold"     // the tickets are its customer's
	ClaimReleased ClaimState = "released" // not held any more
	ClaimRefunded ClaimState = "refunded" // was sold, and was taken back
)

// ClaimDocument is a claim: the cart, then the order. Its customer sees the codes of its
// tickets.
type ClaimDocument struct {
	ID       string           `json:"id"`
	Pool     string           `json:"pool"`
	Name     string           `json:"name" doc:"Of the pool."`
	Event    time.Time        `json:"eventDate"`
	Customer string           `json:"customer,omitempty" doc:"The ID of its customer; only for promoters."`
	Topic    string           `json:"topic,omitempty" doc:"Of /live, where it tells its changes to those who know this name."`
	State    ClaimState       `json:"state" enum:"held,paying,sold,released,refunded"`
	Reason   string           `json:"reason,omitempty" doc:"Why it was released: expired, given-back, not-paid or cancelled."`
	Tickets  []TicketDocument `json:"tickets"`
	Price    int64            `json:"price" doc:"Of each ticket, in minor units. It does not change."`
	Amount   int64            `json:"amount" doc:"Of all of them."`
	Currency string           `json:"currency"`
	Rule     int              `json:"rule" doc:"The version of the rule that the price follows from."`
	Offered  bool             `json:"offered,omitempty" doc:"It is an offer to somebody on the waiting list."`
	Until    time.Time        `json:"until,omitzero" doc:"When the hold ends, or the payment is given up; while it is held or being paid for."`

	Declined string `json:"declined,omitempty" doc:"Why the last payment was declined, in the words of the provider."`
	Payment  string `json:"payment,omitempty" doc:"What became of the money: authorised, captured, refunding, refunded, cancelled where it was never taken, or failed."`

	Claimed  time.Time       `json:"claimed"`
	Bought   time.Time       `json:"bought,omitzero"`
	Ended    time.Time       `json:"ended,omitzero" doc:"When it was released or refunded."`
	Position aether.Position `json:"position" doc:"Of its last event in the log."`
}

// TicketDocument is a ticket of a claim.
type TicketDocument struct {
	Number    int       `json:"number"`
	Code      string    `json:"code,omitempty" doc:"What is shown at the door; of tickets that are sold, for their customer."`
	CheckedIn time.Time `json:"checkedIn,omitzero" doc:"When it was scanned."`
}

// CustomerDocument is what a customer has, and has had.
type CustomerDocument struct {
	Claims []ClaimDocument `json:"claims" doc:"The newest comes first."`
	Next   string          `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// OrderPage is a page of the orders of a pool: claims that were bought.
type OrderPage struct {
	Orders []ClaimDocument `json:"orders" doc:"The newest comes first."`
	Next   string          `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// WaitingDocument is somebody on the waiting list.
type WaitingDocument struct {
	Customer string    `json:"customer"`
	Quantity int       `json:"quantity" doc:"How many tickets they wait for."`
	Since    time.Time `json:"since"`
}

// WaitingPage is a page of a waiting list.
type WaitingPage struct {
	Waiting []WaitingDocument `json:"waiting" doc:"The first in line comes first."`
	Next    string            `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// PlaceDocument is where somebody stands: in the waiting room, on the waiting list.
type PlaceDocument struct {
	Place    int  `json:"place,omitempty" doc:"In the waiting room; 0 without one."`
	Ahead    int  `json:"ahead" doc:"How many are to be let in before."`
	Admitted bool `json:"admitted" doc:"Tickets may be claimed now."`
	Listed   bool `json:"listed" doc:"On the waiting list."`

	// InLine is counted as far as it is worth it.
	InLine int `json:"inLine,omitempty" doc:"Which on the waiting list, from 1; missing beyond the 1000th."`
}

// SalesDocument is how a sale went.
type SalesDocument struct {
	Pool     string       `json:"pool"`
	Currency string       `json:"currency"`
	Totals   Totals       `json:"totals"`
	Step     int          `json:"step" doc:"How many seconds a point covers. A point in which nothing happened is missing."`
	Points   []SalesPoint `json:"points" doc:"The oldest comes first."`
}

// Totals are counts since the sale began.
type Totals struct {
	Claims    int   `json:"claims" doc:"Carts."`
	Orders    int   `json:"orders" doc:"Carts that were bought."`
	Expired   int   `json:"expired" doc:"Carts whose time was over."`
	GivenBack int   `json:"givenBack" doc:"Carts that were given back."`
	NotPaid   int   `json:"notPaid" doc:"Carts whose payment had no outcome in time."`
	Declined  int   `json:"declined" doc:"Payments that were declined."`
	Voided    int   `json:"voided" doc:"Payments that were let go, for the tickets could not be sold any more."`
	Refunded  int   `json:"refunded" doc:"Orders that were taken back."`
	CheckedIn int   `json:"checkedIn" doc:"Tickets that were scanned at the door."`
	Revenue   int64 `json:"revenue" doc:"The prices of all tickets that were bought, in minor units."`
	Returned  int64 `json:"returned" doc:"Those of the tickets of refunded orders."`
}

// SalesPoint is what happened in some seconds, in tickets, and how things were at their
// end.
type SalesPoint struct {
	At       time.Time `json:"at" doc:"When it begins."`
	Claimed  int       `json:"claimed"`
	Bought   int       `json:"bought"`
	Released int       `json:"released"`
	Refunded int       `json:"refunded"`
	Revenue  int64     `json:"revenue" doc:"Of the tickets bought."`
	Held     int       `json:"held"`
	Sold     int       `json:"sold"`
	Price    int64     `json:"price"`
}

// SimulationDocument is what a rule would have earned.
type SimulationDocument struct {
	Orders    int               `json:"orders" doc:"How many were bought, and are counted."`
	Tickets   int               `json:"tickets"`
	Earned    int64             `json:"earned" doc:"What they have cost, in minor units."`
	WouldHave int64             `json:"wouldHave" doc:"What they would have cost by the rule, if the same customers had bought the same tickets at the same time."`
	Points    []SimulationPoint `json:"points" doc:"Both as they grew; at most 100 points."`
}

// SimulationPoint is how far two rules had come with so many tickets.
type SimulationPoint struct {
	At        time.Time `json:"at"`
	Tickets   int       `json:"tickets"`
	Price     int64     `json:"price" doc:"Of a ticket."`
	Simulated int64     `json:"simulated" doc:"Of a ticket, by the rule."`
	Earned    int64     `json:"earned"`
	WouldHave int64     `json:"wouldHave"`
}

// CommandDocument is the answer to a command.
type CommandDocument struct {
	ID       string          `json:"id" doc:"Of what it was about: the claim, else the pool."`
	Pool     string          `json:"pool" doc:"The ID of the pool."`
	Version  aether.Version  `json:"version" doc:"Of the pool after the command."`
	Position aether.Position `json:"position" doc:"Of the last event in the log; a query that has it as after knows what happened."`
	Repeated bool            `json:"repeated" doc:"An earlier command had the same key; this is its result."`
	Events   int             `json:"events" doc:"How many events it has led to; 0 when there was nothing to do."`
	Claim    *ClaimResult    `json:"claim,omitempty" doc:"Of commands about a claim: what has become of it."`
	Place    int             `json:"place,omitempty" doc:"In the waiting room."`
	Customer string          `json:"customer,omitempty" doc:"The ID of the customer, as it is in events. It follows from the customer's token, and proves nothing."`
}

// ClaimResult is what a command has made of a claim.
type ClaimResult struct {
	State   ClaimState `json:"state" enum:"held,paying,sold,released,refunded"`
	Tickets []int      `json:"tickets" doc:"Their numbers."`
	Price   int64      `json:"price,omitempty" doc:"Of each, in minor units."`
	Amount  int64      `json:"amount,omitempty" doc:"Of all of them."`
	Rule    int        `json:"rule,omitempty" doc:"The version of the rule that the price follows from."`
	Until   time.Time  `json:"until,omitzero" doc:"How long they are held, or the payment is waited for."`
}

// CaseDocument is money of which it is not known what became of it, or with which
// something has gone wrong.
type CaseDocument struct {
	ID       string    `json:"id" doc:"Of the effect, or of the payment and what was to be done with it."`
	Action   string    `json:"action" enum:"authorise,capture,cancel,refund" doc:"What was to be done."`
	State    string    `json:"state" enum:"in-doubt,failed" doc:"In doubt: it is not known whether it was done. Failed: nobody goes on with it; its ways say whether it may be tried again."`
	Pool     string    `json:"pool"`
	Claim    string    `json:"claim"`
	Payment  string    `json:"payment,omitempty" doc:"The provider's ID, as far as it is known."`
	Amount   int64     `json:"amount" doc:"In minor units."`
	Reason   string    `json:"reason" doc:"What is known of it."`
	Since    time.Time `json:"since"`
	Attempts int       `json:"attempts,omitempty" doc:"How often the provider was asked."`
	Ways     []string  `json:"ways" doc:"How it can be settled: look, done, not-done, again."`
}
