package tickets

import (
	"fmt"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// projection makes the read model.
func (r registries) projection() projection.Projection {
	return projection.Projection{Name: Name, Version: 1, Apply: func(tx *readdb.Tx, e integration.Event) error {
		if aether.Kind(e.Subject) == PaymentKind {
			return r.applyPayment(tx, e)
		}
		version, event, err := decodeMoment(r.pools, e)
		if err != nil {
			return err
		}
		a := applier{tx: tx, pool: poolID(e.Subject), position: e.Position}
		if created, ok := event.(pool.PoolCreated); ok {
			return a.created(created, version, e.Time)
		}
		found, err := pools.Update(tx, a.pool, func(p *poolRecord) {
			p.Version, p.Position, p.Updated = version, e.Position, e.Time
			a.record = p.copy()
		})
		if err == nil && !found {
			err = fmt.Errorf("pool %q was not created", a.pool)
		}
		if err != nil {
			return err
		}
		if err := a.apply(event, e.Time); err != nil {
			return err
		}
		_, err = pools.Update(tx, a.pool, func(p *poolRecord) { *p = a.record })
		return err
	}}
}

// copy returns a record that shares nothing which changes.
func (p *poolRecord) copy() poolRecord {
	other := *p
	if p.Room != nil {
		other.Room = new(RoomDocument)
		*other.Room = *p.Room
	}
	return other
}

// applier applies one event of a pool.
type applier struct {
	tx       *readdb.Tx
	pool     string
	position aether.Position
	record   poolRecord // of the pool, which is written afterwards
}

func (a *applier) created(e pool.PoolCreated, version aether.Version, at time.Time) error {
	p := poolRecord{
		ID: a.pool, Name: e.Name, Status: pool.Open, Capacity: e.Capacity, Currency: e.Currency, Rule: e.Rule,
		EventDate: e.EventDate, Payment: e.Payment, Version: version, First: a.position, Position: a.position, Created: at, Updated: at,
	}
	if e.Room != nil {
		p.Room = &RoomDocument{OpensAt: e.Room.OpensAt, PerMinute: e.Room.PerMinute}
	}
	return pools.Put(a.tx, p)
}

// apply changes the documents because of an event.
func (a *applier) apply(event pool.Event, at time.Time) error {
	p := &a.record
	switch e := event.(type) {
	case pool.TicketClaimed:
		return a.claimed(e)
	case pool.TicketBought:
		return a.bought(e)
	case pool.ClaimReleased:
		return a.released(e)
	case pool.OrderRefunded:
		return a.refunded(e)
	case pool.TicketCheckedIn:
		return a.checkedIn(e)
	case pool.PricingChanged:
		p.Rule = e.Rule
		return a.point(at, SalesPoint{})
	case pool.SalesStopped:
		p.Status = pool.Stopped
		return a.point(e.At, SalesPoint{})
	case pool.SalesResumed:
		p.Status = pool.Open
		return a.point(e.At, SalesPoint{})
	case pool.PoolCancelled:
		p.Status, p.Reason, p.Held, p.Waiting, p.Room = pool.Cancelled, e.Reason, p.Paying, 0, nil
		return a.point(e.At, SalesPoint{})
	case pool.PaymentStarted, pool.PaymentAuthorised, pool.PaymentDeclined, pool.PaymentVoided:
		return a.paid(event)
	}
	return a.waited(event)
}

// claim changes a claim.
func (a *applier) claim(number int, change func(c *claimRecord)) error {
	found, err := claims.Update(a.tx, claimID(a.pool, number), func(c *claimRecord) {
		c.Position = a.position
		change(c)
	})
	if err == nil && !found {
		err = fmt.Errorf("claim %d of pool %q is not there", number, a.pool)
	}
	return err
}

func (a *applier) claimed(e pool.TicketClaimed) error {
	p := &a.record
	found, err := claims.Update(a.tx, claimID(a.pool, e.Claim), func(c *claimRecord) {
		c.Tickets, c.Position = append(c.Tickets, e.Ticket), a.position
	})
	if err == nil && !found {
		p.Totals.Claims++
		if e.Offered {
			err = a.unlist(e.Customer)
		}
		if err == nil {
			err = claims.Put(a.tx, claimRecord{
				Pool: a.pool, Number: e.Claim, Customer: e.Customer, State: ClaimHeld, Tickets: []int{e.Ticket}, Price: e.Price, Rule: e.Rule,
				Offered: e.Offered, Until: e.Until, Before: p.Sold, Claimed: e.At, First: a.position, Position: a.position,
			})
		}
	}
	if err != nil {
		return err
	}
	p.Held++
	return a.point(e.At, SalesPoint{Claimed: 1})
}

func (a *applier) bought(e pool.TicketBought) error {
	p := &a.record
	err := a.claim(e.Claim, func(c *claimRecord) {
		if c.State != ClaimSold {
			c.State, c.Bought, c.Declined = ClaimSold, e.At, ""
			p.Totals.Orders++
		}
	})
	p.Held--
	p.Sold++
	p.Totals.Revenue += e.Price
	if err != nil {
		return err
	}
	return a.point(e.At, SalesPoint{Bought: 1, Revenue: e.Price})
}

func (a *applier) released(e pool.ClaimReleased) error {
	p := &a.record
	err := a.claim(e.Claim, func(c *claimRecord) {
		a.unfreeze(c)
		c.State, c.Reason, c.Ended = ClaimReleased, e.Reason, e.At
	})
	p.Held -= len(e.Tickets)
	switch e.Reason {
	case pool.Expired:
		p.Totals.Expired++
	case pool.GivenBack:
		p.Totals.GivenBack++
	case pool.NotPaid:
		p.Totals.NotPaid++
	}
	if err != nil {
		return err
	}
	return a.point(e.At, SalesPoint{Released: len(e.Tickets)})
}

func (a *applier) refunded(e pool.OrderRefunded) error {
	p := &a.record
	err := a.claim(e.Claim, func(c *claimRecord) {
		c.State, c.Ended = ClaimRefunded, e.At
		p.Totals.Returned += c.Price * int64(len(e.Tickets))
		if e.Payment != "" {
			c.Money = MoneyRefunding
		}
	})
	p.Sold -= len(e.Tickets)
	p.Totals.Refunded++
	if err == nil && e.Payment != "" {
		_, err = moneys.Update(a.tx, e.Payment, func(m *moneyRecord) { m.State, m.Updated = MoneyRefunding, e.At })
	}
	if err != nil {
		return err
	}
	return a.point(e.At, SalesPoint{Refunded: len(e.Tickets)})
}

func (a *applier) checkedIn(e pool.TicketCheckedIn) error {
	a.record.Totals.CheckedIn++
	return a.claim(e.Claim, func(c *claimRecord) {
		if c.Scans == nil {
			c.Scans = make([]time.Time, len(c.Tickets))
		}
		if i := slices.Index(c.Tickets, e.Ticket); i >= 0 {
			c.Scans[i] = e.At
		}
	})
}

// unfreeze notes that nobody waits for the payment of a claim any more.
func (a *applier) unfreeze(c *claimRecord) bool {
	if c.State != ClaimPaying {
		return false
	}
	a.record.Paying -= len(c.Tickets)
	c.State = ClaimHeld
	return true
}

// paid applies what the provider was asked, and has answered.
func (a *applier) paid(event pool.Event) error {
	p := &a.record
	switch e := event.(type) {
	case pool.PaymentStarted:
		return a.claim(e.Claim, func(c *claimRecord) {
			c.State, c.Attempt, c.Until, c.Declined = ClaimPaying, e.Attempt, e.Until, ""
			p.Paying += len(c.Tickets)
		})
	case pool.PaymentAuthorised:
		err := a.claim(e.Claim, func(c *claimRecord) {
			a.unfreeze(c) // it is bought with the same save
			c.Payment, c.Money = e.Payment, MoneyAuthorised
		})
		if err != nil {
			return err
		}
		return moneys.Put(a.tx, moneyRecord{ID: e.Payment, Pool: a.pool, Claim: e.Claim, Amount: e.Amount, State: MoneyAuthorised, Updated: e.At})
	case pool.PaymentDeclined:
		p.Totals.Declined++
		return a.claim(e.Claim, func(c *claimRecord) { a.notPaid(c, e.Attempt, e.Reason, e.Until, e.At) })
	case pool.PaymentVoided:
		p.Totals.Voided++
		if err := a.claim(e.Claim, func(c *claimRecord) { a.notPaid(c, e.Attempt, "", e.Until, e.At) }); err != nil {
			return err
		}
		return moneys.Put(a.tx, moneyRecord{ID: e.Payment, Pool: a.pool, Claim: e.Claim, Amount: e.Amount, State: MoneyVoided, Updated: e.At})
	}
	return nil
}

// notPaid has a claim held on, if its pool is not cancelled.
func (a *applier) notPaid(c *claimRecord, attempt int, declined string, until, at time.Time) {
	if c.Attempt != attempt || !a.unfreeze(c) {
		return
	}
	c.Until, c.Declined = until, declined
	if a.record.Status == pool.Cancelled {
		a.record.Held -= len(c.Tickets)
		c.State, c.Reason, c.Ended = ClaimReleased, pool.IsCancelled, at
	}
}

// waited is the part of apply for those who wait.
func (a *applier) waited(event pool.Event) error {
	p := &a.record
	switch e := event.(type) {
	case pool.WaitingListJoined:
		p.Waiting++
		return waitings.Put(a.tx, waitingRecord{Pool: a.pool, Customer: e.Customer, Quantity: e.Quantity, First: a.position, Since: e.At})
	case pool.WaitingListLeft:
		return a.unlist(e.Customer)
	case pool.RoomJoined:
		if p.Room != nil {
			p.Room.Last = e.Place
			if !e.Next.IsZero() {
				p.Room.Next = e.Next
			}
		}
		return places.Put(a.tx, placeRecord{Pool: a.pool, Customer: e.Customer, Place: e.Place})
	case pool.CustomersAdmitted:
		if p.Room != nil {
			p.Room.Admitted, p.Room.Next = e.Through, e.Next
		}
	case pool.RoomClosed:
		p.Room = nil
	}
	return nil
}

func (a *applier) unlist(customer string) error {
	key := member(a.pool, customer)
	_, found, err := waitings.Get(a.tx, key)
	if err != nil || !found {
		return err
	}
	a.record.Waiting--
	return waitings.Delete(a.tx, key)
}

// point adds to what happened at a time.
func (a *applier) point(at time.Time, more SalesPoint) error {
	p := &a.record
	for _, step := range steps() {
		begin := at.UTC().Truncate(time.Duration(step) * time.Second)
		add := func(to *SalesPoint) {
			to.Claimed, to.Bought, to.Released = to.Claimed+more.Claimed, to.Bought+more.Bought, to.Released+more.Released
			to.Refunded, to.Revenue = to.Refunded+more.Refunded, to.Revenue+more.Revenue
			to.Held, to.Sold, to.Price = p.Held, p.Sold, p.price(at)
		}
		found, err := points.Update(a.tx, pointKey(a.pool, step, begin), func(r *pointRecord) { add(&r.SalesPoint) })
		if err == nil && !found {
			r := pointRecord{Pool: a.pool, Step: step, SalesPoint: SalesPoint{At: begin}}
			add(&r.SalesPoint)
			err = points.Put(a.tx, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applyPayment applies what became of money.
func (r registries) applyPayment(tx *readdb.Tx, e integration.Event) error {
	_, event, err := decodeMoment(r.payments, e)
	if err != nil {
		return err
	}
	id := e.Subject[len(PaymentKind)+1:]
	var claim string
	var state string
	_, err = moneys.Update(tx, id, func(m *moneyRecord) {
		m.apply(event, e.Time)
		claim, state = claimID(m.Pool, m.Claim), m.State
	})
	if err != nil || claim == "" {
		return err
	}
	_, err = claims.Update(tx, claim, func(c *claimRecord) {
		if c.Payment == id {
			c.Money, c.Position = state, e.Position
		}
	})
	return err
}

func (m *moneyRecord) apply(event PaymentEvent, at time.Time) {
	m.Updated = at
	switch e := event.(type) {
	case PaymentCaptured:
		if m.State == MoneyAuthorised || m.State == MoneyFailed {
			m.State = MoneyCaptured
		}
	case PaymentCancelled:
		m.State, m.Failed = MoneyCancelled, nil
	case PaymentRefunded:
		if _, returned := m.Failed[Refund]; !returned { // which is told before, perhaps
			m.State = MoneyRefunded
		}
	case PaymentFailed:
		if m.Failed == nil {
			m.Failed = make(map[Action]PaymentFailed)
		}
		m.Failed[e.Action], m.State = e, MoneyFailed
	case PaymentRetried:
		delete(m.Failed, e.Action)
	case PaymentSettled:
		delete(m.Failed, e.Action)
		m.State = settledStates()[e.Action]
	}
	if len(m.Failed) == 0 {
		m.Failed = nil
	}
}

// settledStates are the states of payments after what was to be done with them.
func settledStates() map[Action]string {
	return map[Action]string{Capture: MoneyCaptured, Cancel: MoneyCancelled, Refund: MoneyRefunded}
}
