package simulate

import (
	"fmt"
	"strings"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// paid is a payment that was authorised, as the events tell of it.
type paid struct {
	claim   int
	amount  int64
	want    map[tickets.Action]bool   // what is to be done with it
	done    map[tickets.Action]bool   // what the provider has done
	failed  map[tickets.Action]string // what it has not, and why; an operator sees to it
	settled map[tickets.Action]bool   // what an operator has seen to
}

// paid is the part of apply for payments.
func (b *books) paid(event pool.Event) {
	switch e := event.(type) {
	case pool.PaymentStarted:
		c := b.claims[e.Claim]
		if c == nil || !c.isHeld() || c.paying || c.amount() != e.Amount {
			b.wrong("a payment of %d begins for claim %d, which is %+v", e.Amount, e.Claim, c)
			return
		}
		c.paying = true
		if c.startedAt == 0 {
			c.startedAt = b.version
		}
	case pool.PaymentAuthorised:
		c := b.claims[e.Claim]
		if c == nil || !c.paying || c.payment != "" || c.amount() != e.Amount {
			b.wrong("payment %s of %d is for claim %d, which is %+v", e.Payment, e.Amount, e.Claim, c)
			return
		}
		c.payment = e.Payment
		b.payment(e.Payment, e.Claim, e.Amount).want[tickets.Capture] = true
	case pool.PaymentDeclined:
		b.unpaid(e.Claim)
	case pool.PaymentVoided:
		b.payment(e.Payment, e.Claim, e.Amount).want[tickets.Cancel] = true
		if !e.Until.IsZero() {
			b.unpaid(e.Claim)
		}
	}
}

// unpaid ends a payment that has bought nothing.
func (b *books) unpaid(number int) {
	c := b.claims[number]
	if c == nil || !c.isHeld() || !c.paying {
		b.wrong("a payment ends for claim %d, which is %+v", number, c)
		return
	}
	c.paying = false
	if b.status == pool.Cancelled {
		b.release(number)
	}
}

// payment returns a payment that the pool knows by now.
func (b *books) payment(id string, claim int, amount int64) *paid {
	p := b.payments[id]
	if p == nil {
		p = &paid{
			claim: claim, amount: amount, want: map[tickets.Action]bool{}, done: map[tickets.Action]bool{},
			failed: map[tickets.Action]string{}, settled: map[tickets.Action]bool{},
		}
		b.payments[id] = p
	}
	if p.claim != claim || p.amount != amount {
		b.wrong("payment %s is of %d for claim %d, and of %d for claim %d", id, p.amount, p.claim, amount, claim)
	}
	return p
}

// moved enters an event of a payment.
func (b *books) moved(id string, event tickets.PaymentEvent) {
	p := b.payments[id]
	if p == nil {
		b.wrong("payment %s has %+v, and nothing was authorised", id, event)
		return
	}
	fact := func(o tickets.Order, action tickets.Action) {
		if p.amount != o.Amount || p.claim != o.Claim || !p.want[action] {
			b.wrong("payment %s has the %s of %+v, and is %+v", id, action, o, p)
		}
		p.done[action] = true
	}
	switch e := event.(type) {
	case tickets.PaymentCaptured:
		fact(e.Order, tickets.Capture)
	case tickets.PaymentCancelled:
		if p.want[tickets.Refund] && !p.done[tickets.Capture] { // let go, instead of captured and refunded
			p.want = map[tickets.Action]bool{tickets.Cancel: true}
		}
		fact(e.Order, tickets.Cancel)
	case tickets.PaymentRefunded:
		fact(e.Order, tickets.Refund)
	case tickets.PaymentFailed:
		p.failed[e.Action] = e.Reason
	case tickets.PaymentRetried:
		delete(p.failed, e.Action)
	case tickets.PaymentSettled:
		delete(p.failed, e.Action)
		p.settled[e.Action] = true
	}
}

// mine says whether an event of a payment is of the pool: those tell so, but for
// notices, which say nothing about money.
func mine(id string, event tickets.PaymentEvent) bool {
	var o tickets.Order
	switch e := event.(type) {
	case tickets.PaymentCaptured:
		o = e.Order
	case tickets.PaymentCancelled:
		o = e.Order
	case tickets.PaymentRefunded:
		o = e.Order
	case tickets.PaymentFailed:
		o = e.Order
	case tickets.PaymentRetried:
		o = e.Order
	case tickets.PaymentSettled:
		o = e.Order
	}
	return o.Pool == id
}

// waiting returns what is under way still: payments to be authorised, captured,
// cancelled or given back, and orders to be refunded.
func (b *books) waiting() []string {
	var open []string
	for number, c := range b.claims {
		if c.paying {
			open = append(open, fmt.Sprintf("claim %d is being paid for", number))
		}
		if b.status == pool.Cancelled && c.isSold() {
			open = append(open, fmt.Sprintf("claim %d is to be refunded, as the pool is cancelled", number))
		}
	}
	for id, p := range b.payments {
		for action := range p.want {
			if !p.done[action] && !p.settled[action] {
				open = append(open, strings.TrimSpace(fmt.Sprintf("payment %s of claim %d waits for its %s %s", id, p.claim, action, p.failed[action])))
			}
		}
	}
	return open
}

// soldFor is what the tickets that are sold cost, those that are paid for online and
// those that are not.
func (b *books) soldFor() (online, other int64) {
	for _, c := range b.claims {
		switch {
		case !c.isSold():
		case c.payment != "":
			online += c.amount()
		default:
			other += c.amount()
		}
	}
	return online, other
}

// agree holds the ledger of the provider against the books, and returns the sums of what
// is in it of the pool.
func (b *books) agree(l *paysim.Ledger) (sums paysim.Sums, problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	seen := map[string]bool{}
	byHand := false
	for i := range l.Payments {
		entry := &l.Payments[i]
		of, _, _ := strings.Cut(entry.Reference, " ")
		if b.number(of) == 0 {
			continue
		}
		seen[entry.ID] = true
		sums.Authorised += entry.Authorised
		sums.Captured += entry.Captured
		sums.Released += entry.Released
		sums.Refunded += entry.Refunded
		if held := entry.Authorised - entry.Captured - entry.Released; held != 0 {
			wrong("%d of payment %s for %s is reserved still", held, entry.ID, entry.Reference)
		}
		p := b.payments[entry.ID]
		switch {
		case p == nil && entry.Captured > 0:
			wrong("payment %s for %s is captured, and not in the events", entry.ID, entry.Reference)
		case p == nil: // declined, or let go
		case len(p.settled) > 0:
			byHand = true
		case entry.Authorised != p.amount || p.claim != b.number(of) || entry.Captured != p.sum(tickets.Capture) || entry.Refunded != p.sum(tickets.Refund):
			wrong("payment %s for %s is %+v at the provider, and the events say %+v", entry.ID, entry.Reference, entry.Sums, p)
		}
	}
	for id, p := range b.payments {
		if !seen[id] {
			wrong("payment %s is %+v, and the provider does not know it", id, p)
		}
	}
	if online, _ := b.soldFor(); !byHand && online != sums.Captured-sums.Refunded {
		wrong("the tickets that are sold cost %d, and %d are captured of which %d are refunded", online, sums.Captured, sums.Refunded)
	}
	return sums, problems
}

// sum is how much is to be captured or refunded.
func (p *paid) sum(action tickets.Action) int64 {
	if p.want[action] {
		return p.amount
	}
	return 0
}
