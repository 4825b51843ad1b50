package tickets

import (
	"context"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/readdb"
)

// catchUp is how long a query waits at most for what its caller has just done.
const catchUp = 5 * time.Second

// view returns the documents of a moment, at which what happened at a position is known;
// it waits for that, for a while, and fails with [projection.ErrBehind]. The caller
// closes it.
func (t *Tickets) view(ctx context.Context, after aether.Position) (*readdb.View, error) {
	if after != 0 {
		ctx, cancel := context.WithTimeout(ctx, catchUp)
		defer cancel()
		if err := t.projector.Wait(ctx, after); err != nil {
			return nil, err
		}
	}
	if err := t.projector.Ready(); err != nil {
		return nil, err
	}
	return t.projector.Space().View()
}

// getPool returns a pool of the read model.
func getPool(r readdb.Reader, id string) (poolRecord, error) {
	p, found, err := pools.Get(r, id)
	if err == nil && !found {
		err = errNoPool
	}
	return p, err
}

// Pools returns a page of the pools, those first that were made last.
func (t *Tickets) Pools(ctx context.Context, cursor string, limit int) (PoolPage, error) {
	v, err := t.view(ctx, 0)
	if err != nil {
		return PoolPage{}, err
	}
	defer v.Close()
	return t.listPools(v, cursor, limit)
}

func (t *Tickets) listPools(r readdb.Reader, cursor string, limit int) (PoolPage, error) {
	page, err := pools.List(r, &readdb.ListOptions{Index: byCreated, Reverse: true, After: cursor, Limit: limit})
	d := PoolPage{Pools: make([]PoolDocument, len(page.Documents)), Next: page.Next}
	for i := range page.Documents {
		d.Pools[i] = page.Documents[i].document(t.now())
	}
	return d, err
}

// Pool returns a pool. What happened at the position after is known to it.
func (t *Tickets) Pool(ctx context.Context, id string, after aether.Position) (PoolDocument, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return PoolDocument{}, err
	}
	defer v.Close()
	p, err := getPool(v, id)
	if err != nil {
		return PoolDocument{}, err
	}
	return p.document(t.now()), nil
}

// Claim returns a claim. With the ID of its customer it has the codes of its tickets; with
// another one it is refused. For after see [Tickets.Pool].
func (t *Tickets) Claim(ctx context.Context, id, customer string, after aether.Position) (ClaimDocument, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return ClaimDocument{}, err
	}
	defer v.Close()
	c, found, err := claims.Get(v, id)
	if err != nil {
		return ClaimDocument{}, err
	}
	if !found {
		return ClaimDocument{}, errNoClaim
	}
	if customer != "" && customer != c.Customer {
		return ClaimDocument{}, aether.Refuse(pool.NotYourClaim, "these tickets are held for somebody else")
	}
	p, err := getPool(v, c.Pool)
	if err != nil {
		return ClaimDocument{}, err
	}
	d := c.document(&p)
	if customer != "" {
		err = t.code(ctx, &d, c.Number)
	}
	return d, err
}

// code puts the codes into a claim that is sold.
func (t *Tickets) code(ctx context.Context, d *ClaimDocument, number int) error {
	if d.State != ClaimSold {
		return nil
	}
	created, err := t.origin(ctx, d.Pool)
	if err != nil {
		return err
	}
	for i := range d.Tickets {
		d.Tickets[i].Code = ticketCode(created.Secret, d.Pool, d.Tickets[i].Number, number)
	}
	return nil
}

// Customer returns a page of what a customer has, the newest first, with the codes of
// tickets. For after see [Tickets.Pool].
func (t *Tickets) Customer(ctx context.Context, customer, cursor string, limit int, after aether.Position) (CustomerDocument, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return CustomerDocument{}, err
	}
	defer v.Close()
	page, err := claims.List(v, &readdb.ListOptions{
		Index: byCustomer, Range: readdb.Under(readdb.Tuple(readdb.Text(customer))), Reverse: true, After: cursor, Limit: limit,
	})
	if err != nil {
		return CustomerDocument{}, err
	}
	d := CustomerDocument{Claims: []ClaimDocument{}, Next: page.Next}
	for i := range page.Documents {
		c := &page.Documents[i]
		p, err := getPool(v, c.Pool)
		if err != nil {
			return d, err
		}
		claim := c.document(&p)
		if err := t.code(ctx, &claim, c.Number); err != nil {
			return d, err
		}
		d.Claims = append(d.Claims, claim)
	}
	return d, nil
}

// Orders returns a page of the claims of a pool that were bought, the newest first. For
// after see [Tickets.Pool].
func (t *Tickets) Orders(ctx context.Context, id, cursor string, limit int, after aether.Position) (OrderPage, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return OrderPage{}, err
	}
	defer v.Close()
	p, err := getPool(v, id)
	if err != nil {
		return OrderPage{}, err
	}
	page, err := claims.List(v, &readdb.ListOptions{
		Index: byOrder, Range: readdb.Under(readdb.Tuple(readdb.Text(id))), Reverse: true, After: cursor, Limit: limit,
	})
	d := OrderPage{Orders: []ClaimDocument{}, Next: page.Next}
	for i := range page.Documents {
		d.Orders = append(d.Orders, order(&page.Documents[i], &p))
	}
	return d, err
}

// order is a claim as promoters see it.
func order(c *claimRecord, p *poolRecord) ClaimDocument {
	d := c.document(p)
	d.Customer = c.Customer
	return d
}

// Waiting returns a page of the waiting list of a pool, the first in line first. For
// after see [Tickets.Pool].
func (t *Tickets) Waiting(ctx context.Context, id, cursor string, limit int, after aether.Position) (WaitingPage, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return WaitingPage{}, err
	}
	defer v.Close()
	d := WaitingPage{Waiting: []WaitingDocument{}}
	p, err := getPool(v, id)
	if err != nil || p.Status == pool.Cancelled {
		return d, err
	}
	page, err := waitings.List(v, &readdb.ListOptions{Index: byLine, Range: readdb.Under(readdb.Tuple(readdb.Text(id))), After: cursor, Limit: limit})
	for _, w := range page.Documents {
		d.Waiting = append(d.Waiting, WaitingDocument{w.Customer, w.Quantity, w.Since})
	}
	d.Next = page.Next
	return d, err
}

// countedLine is how far a waiting list is counted for one of those on it.
const countedLine = 1000

// Place returns where a customer stands in the waiting room and on the waiting list of a
// pool. For after see [Tickets.Pool].
func (t *Tickets) Place(ctx context.Context, id, customer string, after aether.Position) (PlaceDocument, error) {
	v, err := t.view(ctx, after)
	if err != nil {
		return PlaceDocument{}, err
	}
	defer v.Close()
	p, err := getPool(v, id)
	if err != nil {
		return PlaceDocument{}, err
	}
	d := PlaceDocument{Admitted: p.Status != pool.Cancelled}
	if p.Room != nil {
		place, _, err := places.Get(v, member(id, customer))
		if err != nil {
			return PlaceDocument{}, err
		}
		d.Place, d.Admitted = place.Place, place.Place > 0 && place.Place <= p.Room.Admitted
		if d.Place > 0 && !d.Admitted {
			d.Ahead = d.Place - p.Room.Admitted - 1
		}
	}
	_, d.Listed, err = waitings.Get(v, member(id, customer))
	if err != nil || !d.Listed || p.Status == pool.Cancelled {
		d.Listed = d.Listed && p.Status != pool.Cancelled
		return d, err
	}
	n := 0
	for w, err := range waitings.All(v, &readdb.ListOptions{Index: byLine, Range: readdb.Under(readdb.Tuple(readdb.Text(id))), Limit: countedLine}) {
		if err != nil {
			return d, err
		}
		n++
		if w.Customer == customer {
			d.InLine = n
			break
		}
	}
	return d, nil
}
