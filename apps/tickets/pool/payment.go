package pool

import (
	"time"

	"github.com/aether-es/aether"
)

// attempt returns the claim that waits for the outcome of an attempt to pay, nil when
// none does any more.
func (p *Pool) attempt(number, attempt int) *Claim {
	if c := p.Claims[number]; c != nil && c.Paying && c.Attempts == attempt {
		return c
	}
	return nil
}

// authorised sells the tickets, if they may still be sold.
func (p *Pool) authorised(c Authorised) ([]Event, error) {
	claim := p.attempt(c.Claim, c.Attempt)
	void := PaymentVoided{Claim: c.Claim, Attempt: c.Attempt, Payment: c.Payment, Amount: c.Amount, At: c.At}
	if claim == nil {
		if sold := p.Claims[c.Claim]; sold != nil && sold.Payment == c.Payment {
			return nil, nil // told twice
		}
		void.Reason = ClaimExpired
		return []Event{void}, nil
	}
	if err := p.stopped(); err != nil {
		void.Reason, void.Until = reason(err), claim.again(c.At)
		return []Event{void}, nil
	}
	events := []Event{PaymentAuthorised{Claim: c.Claim, Attempt: c.Attempt, Payment: c.Payment, Amount: c.Amount, At: c.At}}
	return append(events, claim.sold(c.Claim, c.At)...), nil
}

func (p *Pool) declined(c Declined) ([]Event, error) {
	claim := p.attempt(c.Claim, c.Attempt)
	if claim == nil {
		return nil, nil
	}
	return []Event{PaymentDeclined{
		Claim: c.Claim, Attempt: c.Attempt, Reason: c.Reason, Until: claim.again(c.At), At: c.At,
	}}, nil
}

// again is until when a claim is held after a payment that has bought nothing. However
// often somebody tries, the last time to begin is Retry after the end of the hold.
func (c *Claim) again(at time.Time) time.Time {
	if at.After(c.Hold) {
		at = c.Hold
	}
	return later(c.Hold, at.Add(Retry))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func reason(err error) string {
	if r, ok := err.(*aether.Refusal); ok {
		return r.Reason
	}
	return err.Error()
}
