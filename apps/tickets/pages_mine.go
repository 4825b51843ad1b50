package tickets

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/readdb"
)

// claimsOnPage is how many claims of a customer a page has.
const claimsOnPage = 20

// minePage is what a customer has.
type minePage struct {
	CustomerDocument
	first   bool // the page with the newest
	waiting []waitingPool
	now     time.Time
}

// waitingPool is a pool that a customer waits for tickets of.
type waitingPool struct {
	PoolDocument
	quantity int
	since    time.Time
}

// in returns the claims in some states.
func (m *minePage) in(states ...ClaimState) []ClaimDocument {
	var found []ClaimDocument
	for _, c := range m.Claims {
		for _, s := range states {
			if c.State == s {
				found = append(found, c)
			}
		}
	}
	return found
}

// topics are those of what may change: open carts and orders, and the pools in whose
// sale an offer may come.
func (m *minePage) topics() string {
	var topics []string
	for _, c := range m.in(ClaimHeld, ClaimPaying, ClaimSold) {
		topics = append(topics, c.Topic)
	}
	for _, w := range m.waiting {
		topics = append(topics, topicPool+"/"+w.ID)
	}
	return strings.Join(topics, " ")
}

func (p *pages) mine(w http.ResponseWriter, r *http.Request) {
	customer, cursor := p.customer(w, r), r.URL.Query().Get("cursor")
	d, err := p.tickets.Customer(r.Context(), customer, cursor, claimsOnPage, web.After(r))
	m := minePage{CustomerDocument: d, first: cursor == "", now: p.tickets.now()}
	if err == nil && m.first {
		m.waiting, err = p.tickets.waitingFor(r.Context(), customer)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, http.StatusOK, page("My tickets"), mineContent(&m))
}

// waitingFor returns the pools that a customer waits for tickets of, the latest wait first.
func (t *Tickets) waitingFor(ctx context.Context, customer string) ([]waitingPool, error) {
	v, err := t.view(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	var found []waitingPool
	of := readdb.Under(readdb.Tuple(readdb.Text(customer)))
	for w, err := range waitings.All(v, &readdb.ListOptions{Index: byCustomer, Range: of, Reverse: true}) {
		if err != nil {
			return nil, err
		}
		p, there, err := pools.Get(v, w.Pool)
		if err != nil {
			return nil, err
		}
		if there && p.Status != pool.Cancelled {
			found = append(found, waitingPool{p.document(t.now()), w.Quantity, w.Since})
		}
	}
	return found, nil
}
