// Package payment takes money for tickets through a payment provider.
//
// A [Provider] reserves an amount, and takes it or lets it go later. [Stripe] is one,
// through Stripe's own client; package paysim speaks the same language for tests and
// demonstrations.
//
// # The call that must not be made twice
//
// Each call has a key. A call with the key and the arguments of an earlier one is
// answered with the first answer, so after an error that is an [ErrUnknown] the same
// call is to be made again. The provider remembers keys for a day at least. Whoever
// comes later, or is told the same server error again and again, which is remembered
// too, asks [Provider.Find] what became of it.
//
// An error that is an [ErrNotDone] says that this call has done nothing, and says
// nothing about one before it. In the words of package effect it is a NotDone. An
// [ErrRejected] does not get better by itself and is for a person to see.
package payment

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Provider holds money for us. It is safe for concurrent use. Every method may be
// called again with the same key and arguments, and has one effect then.
type Provider interface {
	// Authorise reserves an amount, which is to be captured or cancelled. A decline is
	// an answer and not an error: Declined, with the Reason; it has no ID where the
	// method of payment does not even exist. The answer to a call that is repeated is
	// the first one, whatever has become of the payment since.
	Authorise(ctx context.Context, key string, a Authorisation) (Payment, error)

	// Capture takes an amount of what is authorised, and lets the rest go.
	Capture(ctx context.Context, key, payment string, amount int64) (Payment, error)

	// Cancel lets go what is authorised. A payment that was cancelled before, or never
	// authorised, is cancelled then. One that is captured is not: see [Error.Now].
	Cancel(ctx context.Context, key, payment string) (Payment, error)

	// Refund gives back an amount of what was captured. How much was given back is in
	// the answer; of a payment that was refunded before, all of it is.
	Refund(ctx context.Context, key, payment string, amount int64) (Payment, error)

	// Find looks a payment up by our reference. A provider may know a payment only some
	// time after its call, a minute or more: until then "false" says nothing.
	Find(ctx context.Context, reference string) (Payment, bool, error)

	// Get returns a payment as it is now.
	Get(ctx context.Context, payment string) (Payment, error)
}

// Authorisation is what is to be reserved.
type Authorisation struct {
	Amount      int64  // in minor units, more than 0
	Currency    string // ISO 4217: "EUR"
	Method      string // how the customer pays, in the words of the provider: "pm_card_visa"
	Reference   string // ours, by which it can be found: "pool/x claim 12 attempt 1"
	Description string // for people; optional
}

// Limits of what the provider takes.
const (
	MaxAmount      = 99_999_999 // minor units
	MaxReference   = 500        // bytes
	MaxDescription = 1000       // bytes
	MaxMethod      = 200        // bytes
)

func (a *Authorisation) check() error {
	if err := checkAmount(a.Amount); err != nil {
		return err
	}
	if len(a.Currency) != 3 || strings.ContainsFunc(a.Currency, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' }) {
		return fmt.Errorf("the currency is %q; it should be a code of three letters, like EUR", a.Currency)
	}
	for _, text := range []struct {
		name, text  string
		least, most int
	}{
		{"method", a.Method, 1, MaxMethod},
		{"reference", a.Reference, 1, MaxReference},
		{"description", a.Description, 0, MaxDescription},
	} {
		if n := len(text.text); n < text.least || n > text.most {
			return fmt.Errorf("the %s has %d bytes; it should have %d to %d", text.name, n, text.least, text.most)
		}
	}
	return nil
}

func checkAmount(amount int64) error {
	if amount < 1 || amount > MaxAmount {
		return fmt.Errorf("the amount is %d; it should be 1 to %d minor units", amount, MaxAmount)
	}
	return nil
}

// Payment is what the provider knows of an amount.
type Payment struct {
	ID        string `json:"id"`
	Status    Status `json:"status"`
	Amount    int64  `json:"amount"`             // that was to be authorised
	Captured  int64  `json:"captured,omitempty"` // what of it was taken
	Refunded  int64  `json:"refunded,omitempty"` // what of that was given back
	Reason    string `json:"reason,omitempty"`   // why it was declined, in the words of the provider
	Reference string `json:"reference,omitempty"`
}

// Status is how far a payment has come.
type Status string

// The states of a payment.
const (
	Authorised Status = "authorised" // reserved: to be captured or cancelled
	Captured   Status = "captured"   // we have it, but for what is Refunded
	Refunded   Status = "refunded"   // all that was captured is given back
	Cancelled  Status = "cancelled"  // let go, nothing was captured
	Declined   Status = "declined"   // nothing was reserved
	Processing Status = "processing" // the provider does not know yet: Get tells later
)

// HoldsMoney says whether something of the customer's is reserved or taken, or may be.
func (s Status) HoldsMoney() bool { return s == Authorised || s == Captured || s == Processing }

// The classes of errors. All errors of a Provider are an [Error], and of one of the
// first two classes; the others are ErrNotDone too.
var (
	// ErrUnknown: nobody knows whether it happened. Make the same call with the same
	// key again.
	ErrUnknown = errors.New("payment: not known whether it happened")

	// ErrNotDone: this call has done nothing, and will not.
	ErrNotDone = errors.New("payment: not done")

	// ErrRejected: the provider has understood the call and does not do it. It is of no
	// use to make it again.
	ErrRejected = errors.New("payment: rejected")

	// ErrNoPayment: there is no such payment. It is ErrRejected, too.
	ErrNoPayment = errors.New("payment: no such payment")

	// ErrKeyReused: the key belongs to a call with other arguments, which is a mistake
	// of the program. It is ErrRejected, too.
	ErrKeyReused = errors.New("payment: key of another call")
)

// Error tells what went wrong with a call.
type Error struct {
	Op      string // "capture"
	Subject string // the ID of the payment, or the reference
	Code    string // the provider's, "" if it has given none
	Request string // how the provider calls the request, for its support
	Now     Status // of the payment, where that is why the provider does not do it

	class    error
	answered bool // by the provider
	err      error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("payment: %s %s: %v", e.Op, e.Subject, e.err)
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	if e.Request != "" {
		text += ", request " + e.Request
	}
	if e.Now != "" {
		text += "; the payment is " + string(e.Now)
	}
	switch e.class {
	case ErrUnknown:
		return text + "; it may have happened: make the same call with the same key again"
	case ErrNotDone:
		return text + "; nothing has happened: it can be tried again"
	}
	return text + "; nothing has happened"
}

// Is makes the error one of its classes.
func (e *Error) Is(target error) bool {
	switch target {
	case e.class:
		return true
	case ErrNotDone:
		return e.class != ErrUnknown
	case ErrRejected:
		return e.class == ErrNoPayment || e.class == ErrKeyReused
	}
	return false
}

// Unwrap returns what the client says.
func (e *Error) Unwrap() error { return e.err }
