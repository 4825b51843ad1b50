// Package pool is the domain of limited ticket pools, as pure functions: what may be
// commanded, what happens, and what is then the case.
//
// A pool has tickets of the numbers 1 to its capacity. Each is available, held by a
// claim, or sold:
//
//	available ─ claim, offer ─► held ─ buy ─► sold
//	    ▲                        │            │
//	    └──── expire, release ───┴── refund ──┘
//
// All of it is in one stream, so that every claim, purchase, price and stop has its
// place before or after every other one.
//
//	pool.go       the events
//	state.go      what is the case after them
//	decide.go     the commands, and which events they lead to
//	claim.go      of customers: claim, buy, give back
//	payment.go    what the payment provider has answered
//	promoter.go   of promoters: create, prices, stop, cancel, refund
//	waiting.go    the waiting list of a sold-out pool, the waiting room before a rush
//	line.go       the waiting list as it is kept
//	pricing.go    the price of a ticket
package pool

import (
	"time"

	"github.com/aether-es/aether/schema"
)

// Kind is the kind of the actors: a pool.
const Kind = "pool"

// The limits of a pool and of a customer.
const (
	MaxCapacity = 1_000_000
	MaxTickets  = 4       // of a customer in a pool, held and sold, however many orders
	MaxName     = 120     // bytes of a pool's name
	MaxCustomer = 100     // bytes of a customer's ID
	MaxWaiting  = 100_000 // entries of a waiting list, and of a waiting room at a time
	MaxPlaces   = 200_000 // that a waiting room gives in all, one to a customer: they are kept until it is closed
)

// How long things take. A claim that is not bought has ended Hold, or Offer, and Retry
// and Paying after it was made, however many payments were tried.
const (
	Hold    = 10 * time.Minute // that a claim holds its tickets
	Paying  = 15 * time.Minute // from the start of a payment until it is given up
	Retry   = 2 * time.Minute  // that another payment may begin after one was declined, also after the hold
	Offer   = 30 * time.Minute // that tickets are held for somebody on the waiting list
	Advance = 5 * time.Second  // between two admissions from the waiting room
)

// Payment is how a pool is paid for.
type Payment string

// The ways to pay.
const (
	Free   Payment = "free"   // not at all: every price is 0
	Door   Payment = "door"   // at the door
	Online Payment = "online" // to a payment provider, before tickets are sold
)

// Status is what a pool's sale is.
type Status string

// The states of a sale.
const (
	Open      Status = "open"
	Stopped   Status = "stopped"
	Cancelled Status = "cancelled"
)

// Event is what can happen to a pool. Times are those of the server's clock.
type Event interface{ pool() }

// PoolCreated is the first event of every pool.
type PoolCreated struct {
	Name      string    `json:"name"`
	Capacity  int       `json:"capacity"`
	Rule      Rule      `json:"rule"`
	Currency  string    `json:"currency"` // ISO 4217
	EventDate time.Time `json:"eventDate"`
	Payment   Payment   `json:"payment"`
	Room      *Room     `json:"room,omitempty"` // nil when there is no waiting room

	// Secret makes the codes of tickets, and nobody else learns it.
	Secret []byte `json:"secret"`
}

// Room says how a waiting room lets customers in, in the order in which they came.
type Room struct {
	OpensAt   time.Time `json:"opensAt"`   // nobody is let in before
	PerMinute int       `json:"perMinute"` // how many are let in
}

// PricingChanged has the rule for what is claimed from now on.
type PricingChanged struct {
	Rule Rule `json:"rule"`
}

// SalesStopped ends all claims and purchases at once, until SalesResumed.
type SalesStopped struct {
	At time.Time `json:"at"`
}

// SalesResumed lets claims and purchases go on.
type SalesResumed struct {
	At time.Time `json:"at"`
}

// PoolCancelled ends the sale for good: what is held is free, what is sold will be
// refunded.
type PoolCancelled struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// TicketClaimed holds a ticket for a customer, until a time. Price and rule are those
// of the whole claim, and stay.
type TicketClaimed struct {
	Ticket   int       `json:"ticket"`
	Claim    int       `json:"claim"` // its number: 1, 2, 3 … in the pool
	Customer string    `json:"customer"`
	Price    int64     `json:"price"` // of this ticket, in minor units
	Rule     int       `json:"rule"`  // the version of the rule
	Until    time.Time `json:"until"`
	Offered  bool      `json:"offered,omitempty"` // to the first of the waiting list
	At       time.Time `json:"at"`
}

// TicketBought sells a ticket that was held.
type TicketBought struct {
	Ticket   int       `json:"ticket"`
	Claim    int       `json:"claim"`
	Customer string    `json:"customer"`
	Price    int64     `json:"price"`
	At       time.Time `json:"at"`
}

// ClaimReleased gives the tickets of a claim that were not bought back to the pool.
type ClaimReleased struct {
	Claim    int       `json:"claim"`
	Customer string    `json:"customer"`
	Tickets  []int     `json:"tickets"`
	Reason   string    `json:"reason"` // Expired, GivenBack or NotPaid
	At       time.Time `json:"at"`
}

// Why a claim was released.
const (
	Expired   = "expired"    // its time was over
	GivenBack = "given-back" // by its customer
	NotPaid   = "not-paid"   // the payment had no outcome in time
)

// PaymentStarted freezes a claim while its payment is authorised; at the latest until
// a time.
type PaymentStarted struct {
	Claim   int       `json:"claim"`
	Attempt int       `json:"attempt"` // 1, 2, 3 … of the claim
	Method  string    `json:"method"`  // how the customer pays, in the words of the provider
	Amount  int64     `json:"amount"`  // of all its tickets, in minor units
	Until   time.Time `json:"until"`
	At      time.Time `json:"at"`
}

// PaymentAuthorised says that the amount is reserved at the provider; the tickets are
// bought with the same save. The amount is to be captured.
type PaymentAuthorised struct {
	Claim   int       `json:"claim"`
	Attempt int       `json:"attempt"`
	Payment string    `json:"payment"` // the provider's ID
	Amount  int64     `json:"amount"`
	At      time.Time `json:"at"`
}

// PaymentDeclined says that the provider said no; the tickets are held on, until a
// time.
type PaymentDeclined struct {
	Claim   int       `json:"claim"`
	Attempt int       `json:"attempt"`
	Reason  string    `json:"reason"`
	Until   time.Time `json:"until"`
	At      time.Time `json:"at"`
}

// PaymentVoided says that an amount was authorised for tickets that are not sold: the
// sale was stopped meanwhile, or the answer came too late. The authorisation is to be
// cancelled. A claim that is held still is so, until a time.
type PaymentVoided struct {
	Claim   int       `json:"claim"`
	Attempt int       `json:"attempt"`
	Payment string    `json:"payment"`
	Amount  int64     `json:"amount"`
	Reason  string    `json:"reason"` // the reason of the refusal
	Until   time.Time `json:"until,omitzero"`
	At      time.Time `json:"at"`
}

// OrderRefunded takes back what a claim has bought: the money is to be given back, if
// there was any, and the tickets are available again.
type OrderRefunded struct {
	Claim    int       `json:"claim"`
	Customer string    `json:"customer"`
	Tickets  []int     `json:"tickets"`
	Payment  string    `json:"payment,omitempty"`
	Amount   int64     `json:"amount"`
	At       time.Time `json:"at"`
}

// RefundsCompleted says that nothing of a cancelled pool is sold any more.
type RefundsCompleted struct {
	At time.Time `json:"at"`
}

// TicketCheckedIn says that the holder of a ticket came in.
type TicketCheckedIn struct {
	Ticket int       `json:"ticket"`
	Claim  int       `json:"claim"`
	At     time.Time `json:"at"`
}

// WaitingListJoined puts a customer at the end of the list.
type WaitingListJoined struct {
	Customer string    `json:"customer"`
	Quantity int       `json:"quantity"`
	At       time.Time `json:"at"`
}

// WaitingListLeft takes a customer from the list.
type WaitingListLeft struct {
	Customer string    `json:"customer"`
	At       time.Time `json:"at"`
}

// RoomJoined gives a customer a place in the waiting room.
type RoomJoined struct {
	Customer string    `json:"customer"`
	Place    int       `json:"place"` // 1, 2, 3 … in the pool
	At       time.Time `json:"at"`

	// Next is when somebody is let in, where nobody else waits.
	Next time.Time `json:"next,omitzero"`
}

// CustomersAdmitted lets in those of the room up to a place. Waiting are still so many,
// and the next of them are let in at Next, not earlier.
type CustomersAdmitted struct {
	Through int       `json:"through"`
	Waiting int       `json:"waiting"`
	Next    time.Time `json:"next"`
	At      time.Time `json:"at"`
}

// RoomClosed lets everybody in, with or without a place.
type RoomClosed struct {
	At time.Time `json:"at"`
}

func (PoolCreated) pool()       {}
func (PricingChanged) pool()    {}
func (SalesStopped) pool()      {}
func (SalesResumed) pool()      {}
func (PoolCancelled) pool()     {}
func (TicketClaimed) pool()     {}
func (TicketBought) pool()      {}
func (ClaimReleased) pool()     {}
func (PaymentStarted) pool()    {}
func (PaymentAuthorised) pool() {}
func (PaymentDeclined) pool()   {}
func (PaymentVoided) pool()     {}
func (OrderRefunded) pool()     {}
func (RefundsCompleted) pool()  {}
func (TicketCheckedIn) pool()   {}
func (WaitingListJoined) pool() {}
func (WaitingListLeft) pool()   {}
func (RoomJoined) pool()        {}
func (CustomersAdmitted) pool() {}
func (RoomClosed) pool()        {}

// Events returns the registry of the events.
func Events() *schema.Registry[Event] {
	return schema.New[Event](
		schema.Type[PoolCreated]("PoolCreated"),
		schema.Type[PricingChanged]("PricingChanged"),
		schema.Type[SalesStopped]("SalesStopped"),
		schema.Type[SalesResumed]("SalesResumed"),
		schema.Type[PoolCancelled]("PoolCancelled"),
		schema.Type[TicketClaimed]("TicketClaimed"),
		schema.Type[TicketBought]("TicketBought"),
		schema.Type[ClaimReleased]("ClaimReleased"),
		schema.Type[PaymentStarted]("PaymentStarted"),
		schema.Type[PaymentAuthorised]("PaymentAuthorised"),
		schema.Type[PaymentDeclined]("PaymentDeclined"),
		schema.Type[PaymentVoided]("PaymentVoided"),
		schema.Type[OrderRefunded]("OrderRefunded"),
		schema.Type[RefundsCompleted]("RefundsCompleted"),
		schema.Type[TicketCheckedIn]("TicketCheckedIn"),
		schema.Type[WaitingListJoined]("WaitingListJoined"),
		schema.Type[WaitingListLeft]("WaitingListLeft"),
		schema.Type[RoomJoined]("RoomJoined"),
		schema.Type[CustomersAdmitted]("CustomersAdmitted"),
		schema.Type[RoomClosed]("RoomClosed"),
	)
}
