package pool

import (
	"time"

	"github.com/aether-es/aether"
)

// Command is what a pool can be told. At is always the time by the server's clock.
type Command interface{ command() }

// The commands of promoters.
type (
	// Create makes a pool. Its rule has no version yet.
	Create struct {
		Name      string    `json:"name"`
		Capacity  int       `json:"capacity"`
		Rule      Rule      `json:"rule"`
		Currency  string    `json:"currency"`
		EventDate time.Time `json:"eventDate"`
		Payment   Payment   `json:"payment"`
		Room      *Room     `json:"room"`
		Secret    []byte    `json:"secret"`
		At        time.Time `json:"at"`
	}

	// ChangePricing has what is claimed from now on cost otherwise. Its rule has no
	// version.
	ChangePricing struct {
		Rule Rule `json:"rule"`
	}

	// Stop ends claims and purchases at once, and Resume lets them go on. Cancel ends
	// the sale for good; then all orders are refunded, by RefundSome.
	Stop struct {
		At time.Time `json:"at"`
	}
	Resume struct {
		At time.Time `json:"at"`
	}
	Cancel struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	}

	// Refund takes back what a claim has bought; of a cancelled pool RefundSome does so
	// for some claims, and for the rest when it comes again.
	Refund struct {
		Claim int       `json:"claim"`
		At    time.Time `json:"at"`
	}
	RefundSome struct {
		At time.Time `json:"at"`
	}

	// CheckIn lets the holder of a ticket in, once.
	CheckIn struct {
		Ticket int       `json:"ticket"`
		Claim  int       `json:"claim"`
		At     time.Time `json:"at"`
	}

	// CloseRoom lets everybody in the waiting room in, and everybody else.
	CloseRoom struct {
		At time.Time `json:"at"`
	}
)

// The commands of customers.
type (
	// ClaimTickets holds tickets for a customer, who has seen a price.
	ClaimTickets struct {
		Customer  string    `json:"customer"`
		Quantity  int       `json:"quantity"`
		PriceSeen int64     `json:"priceSeen"`
		At        time.Time `json:"at"`
	}

	// Buy buys the tickets of a claim, or begins to, where they are paid for online.
	// Method is how, in the words of the payment provider.
	Buy struct {
		Claim    int       `json:"claim"`
		Customer string    `json:"customer"`
		Method   string    `json:"method"`
		At       time.Time `json:"at"`
	}

	// GiveBack releases the tickets of a claim.
	GiveBack struct {
		Claim    int       `json:"claim"`
		Customer string    `json:"customer"`
		At       time.Time `json:"at"`
	}

	// JoinList waits for tickets of a pool that has none left, JoinRoom for the
	// beginning of a rush. Where some are left, fewer than somebody wants, these can be
	// claimed, and the rest be waited for.
	JoinList struct {
		Customer string    `json:"customer"`
		Quantity int       `json:"quantity"`
		At       time.Time `json:"at"`
	}
	LeaveList struct {
		Customer string    `json:"customer"`
		At       time.Time `json:"at"`
	}
	JoinRoom struct {
		Customer string    `json:"customer"`
		At       time.Time `json:"at"`
	}
)

// The commands of deadlines: a claim's time is over, the next of the waiting room are
// let in, the sale goes on.
type (
	Expire struct {
		Claim int       `json:"claim"`
		At    time.Time `json:"at"`
	}
	Admit struct {
		At time.Time `json:"at"`
	}

	// OfferSome makes offers to the waiting list of what came free while the sale was
	// stopped, where that was more than Resume could offer at once; and more when it comes
	// again.
	OfferSome struct {
		At time.Time `json:"at"`
	}
)

// Authorised and Declined tell how the payment provider has answered to the attempt of
// a claim. These are facts, and are never refused.
type (
	Authorised struct {
		Claim   int       `json:"claim"`
		Attempt int       `json:"attempt"`
		Payment string    `json:"payment"`
		Amount  int64     `json:"amount"`
		At      time.Time `json:"at"`
	}
	Declined struct {
		Claim   int       `json:"claim"`
		Attempt int       `json:"attempt"`
		Reason  string    `json:"reason"`
		At      time.Time `json:"at"`
	}
)

func (Create) command()        {}
func (ChangePricing) command() {}
func (Stop) command()          {}
func (Resume) command()        {}
func (Cancel) command()        {}
func (Refund) command()        {}
func (RefundSome) command()    {}
func (CheckIn) command()       {}
func (CloseRoom) command()     {}
func (ClaimTickets) command()  {}
func (Buy) command()           {}
func (GiveBack) command()      {}
func (JoinList) command()      {}
func (LeaveList) command()     {}
func (JoinRoom) command()      {}
func (Expire) command()        {}
func (Admit) command()         {}
func (OfferSome) command()     {}
func (Authorised) command()    {}
func (Declined) command()      {}

// The reasons of refusals.
const (
	SoldOut       = "sold-out"
	StoppedSales  = "sales-stopped"
	SalesEnded    = "sales-ended"
	PriceChanged  = "price-changed"
	ClaimExpired  = "claim-expired"
	LimitExceeded = "limit-exceeded"
	NameTaken     = "name-taken"
	NotYourClaim  = "not-your-claim"

	PoolExists    = "pool-exists"
	NoPool        = "no-pool"
	NoClaim       = "no-claim"
	IsCancelled   = "cancelled"
	BadName       = "bad-name"
	BadCapacity   = "bad-capacity"
	BadPrice      = "bad-price"
	BadCurrency   = "bad-currency"
	BadDate       = "bad-date"
	BadPayment    = "bad-payment"
	BadRoom       = "bad-room"
	BadQuantity   = "bad-quantity"
	BadCustomer   = "bad-customer"
	PaymentNeeded = "payment-method-needed"
	PaymentOpen   = "payment-open"
	NotDue        = "not-due"
	NotSold       = "not-sold"
	CheckedIn     = "checked-in"
	NotSoldOut    = "not-sold-out"
	ListFull      = "list-full"
	RoomFull      = "room-full"
	NotAdmitted   = "not-admitted"
	NoRoom        = "no-room"
)

// Decide says what happens because of a command.
func Decide(p *Pool, command Command) ([]Event, error) {
	if c, ok := command.(Create); ok {
		return create(p, c)
	}
	if !p.Exists() {
		return nil, aether.Refuse(NoPool, "there is no such pool")
	}
	switch c := command.(type) {
	case ClaimTickets:
		return p.claim(c)
	case Buy:
		return p.buy(c)
	case GiveBack:
		return p.giveBack(c)
	case Expire:
		return p.expire(c)
	case Authorised:
		return p.authorised(c)
	case Declined:
		return p.declined(c)
	case JoinList:
		return p.joinList(c)
	case LeaveList:
		return p.leaveList(c)
	case JoinRoom:
		return p.joinRoom(c)
	case Admit:
		return p.admit(c)
	}
	return p.promote(command)
}
