package tickets

import (
	"maps"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/schema"
)

// What became of the money that was authorised is in a stream for each payment, so that
// money and tickets can be audited. These streams have facts, and what an operator does
// about those that went wrong.

// PaymentKind is the kind of the actors: a payment, by the provider's ID.
const PaymentKind = "payment"

// Action is what is done with a payment once it is authorised.
type Action string

// The actions.
const (
	Capture Action = "capture"
	Cancel  Action = "cancel"
	Refund  Action = "refund"
)

// PaymentEvent is what can happen to a payment that was authorised.
type PaymentEvent interface{ payment() }

// Order says what a payment is for.
type Order struct {
	Pool   string `json:"pool"`
	Claim  int    `json:"claim"`
	Amount int64  `json:"amount"` // in minor units
}

// The events of a payment. The first three say that the provider has done it.
type (
	PaymentCaptured struct {
		Order
		At time.Time `json:"at"`
	}
	PaymentCancelled struct {
		Order
		At time.Time `json:"at"`
	}
	PaymentRefunded struct {
		Order
		At time.Time `json:"at"`
	}

	// PaymentFailed says that the provider has not done it, for certain, and is not asked
	// again unless an operator wants it. A refund that has Returned was done, but did not
	// arrive: the money is here again, and is to be given back in another way.
	PaymentFailed struct {
		Order
		Action   Action    `json:"action"`
		Reason   string    `json:"reason"`
		Returned bool      `json:"returned,omitempty"`
		At       time.Time `json:"at"`
	}

	// PaymentRetried has the provider asked again, PaymentSettled says that an operator has
	// seen to it in another way.
	PaymentRetried struct {
		Order
		Action Action    `json:"action"`
		By     string    `json:"by"`
		At     time.Time `json:"at"`
	}
	PaymentSettled struct {
		Order
		Action Action    `json:"action"`
		By     string    `json:"by"`
		Note   string    `json:"note"`
		At     time.Time `json:"at"`
	}

	// PaymentNotified says that the provider has told something of its own accord, and that
	// it was asked what became of the payment where nobody knew.
	PaymentNotified struct {
		Type string    `json:"type"` // in the words of the provider
		At   time.Time `json:"at"`
	}
)

func (PaymentCaptured) payment()  {}
func (PaymentCancelled) payment() {}
func (PaymentRefunded) payment()  {}
func (PaymentFailed) payment()    {}
func (PaymentRetried) payment()   {}
func (PaymentSettled) payment()   {}
func (PaymentNotified) payment()  {}

// PaymentEvents returns the registry of the events.
func PaymentEvents() *schema.Registry[PaymentEvent] {
	return schema.New[PaymentEvent](
		schema.Type[PaymentCaptured]("PaymentCaptured"),
		schema.Type[PaymentCancelled]("PaymentCancelled"),
		schema.Type[PaymentRefunded]("PaymentRefunded"),
		schema.Type[PaymentFailed]("PaymentFailed"),
		schema.Type[PaymentRetried](retriedType),
		schema.Type[PaymentSettled]("PaymentSettled"),
		schema.Type[PaymentNotified]("PaymentNotified"),
	)
}

const retriedType = "PaymentRetried"

// paymentState is which actions have failed and are still open.
type paymentState map[Action]PaymentFailed

// paymentCommand is what a payment can be told: a fact, which is the event itself, or
// what an operator wants.
type paymentCommand interface{ paymentCommand() }

type (
	paymentFact struct{ event PaymentEvent }

	retryPayment struct {
		action Action
		by     string
		at     time.Time
	}
	settlePayment struct {
		action   Action
		by, note string
		at       time.Time
	}

	// notifyPayment is what the provider has told; returned is not nil when that is that a
	// refund did not arrive.
	notifyPayment struct {
		kind     string
		returned *PaymentFailed
		at       time.Time
	}
)

func (paymentFact) paymentCommand()   {}
func (notifyPayment) paymentCommand() {}
func (retryPayment) paymentCommand()  {}
func (settlePayment) paymentCommand() {}

// NotOpen is the reason of the refusal to settle what is settled, or was never open.
const NotOpen = "not-open"

var errNotOpen = aether.Refuse(NotOpen, "this case is not open, or not any more")

// RefundReturned is the reason of the refusal to refund once more what came back.
const RefundReturned = "refund-returned"

func paymentDecider() actor.Decider[paymentState, paymentCommand, PaymentEvent] {
	return actor.Decider[paymentState, paymentCommand, PaymentEvent]{
		Kind: PaymentKind, Events: PaymentEvents(),
		Initial: func(string) paymentState { return nil },
		Decide:  decidePayment,
		Evolve:  evolvePayment,
	}
}

func decidePayment(open paymentState, command paymentCommand) ([]PaymentEvent, error) {
	switch c := command.(type) {
	case paymentFact:
		return []PaymentEvent{c.event}, nil
	case retryPayment:
		if failed, ok := open[c.action]; ok {
			if failed.Returned {
				return nil, aether.Refuse(RefundReturned, "the refund did not arrive, and would not again: give the money back in another way, and say that it is done")
			}
			return []PaymentEvent{PaymentRetried{failed.Order, c.action, c.by, c.at}}, nil
		}
	case notifyPayment:
		events := []PaymentEvent{PaymentNotified{Type: c.kind, At: c.at}}
		if c.returned != nil {
			events = append(events, *c.returned)
		}
		return events, nil
	case settlePayment:
		if failed, ok := open[c.action]; ok {
			return []PaymentEvent{PaymentSettled{failed.Order, c.action, c.by, c.note, c.at}}, nil
		}
	}
	return nil, errNotOpen
}

func evolvePayment(open paymentState, event PaymentEvent) paymentState {
	next := maps.Clone(open)
	switch e := event.(type) {
	case PaymentFailed:
		if next == nil {
			next = paymentState{}
		}
		next[e.Action] = e
	case PaymentCancelled: // there is nothing left to be done about it
		return nil
	case PaymentRetried:
		delete(next, e.Action)
	case PaymentSettled:
		delete(next, e.Action)
	}
	return next
}

func paymentActor(id string) string { return PaymentKind + "/" + id }
