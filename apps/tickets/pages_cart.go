package tickets

import (
	"fmt"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// cartPage is the page of a claim: the cart, then the order.
type cartPage struct {
	ClaimDocument
	pool      PoolDocument
	situation situation
	now       time.Time
	methods   []web.Option // to choose from; none where nothing can be paid
	form      web.Form     // that was sent, or is to be
}

// online says whether the customer pays before the tickets are sold.
func (c *cartPage) online() bool { return c.pool.Payment == pool.Online && c.Amount > 0 }

func (p *pages) cart(w http.ResponseWriter, r *http.Request) {
	p.showCart(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showCart(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	customer := p.customer(w, r)
	d, err := p.tickets.Claim(r.Context(), r.PathValue("claim"), customer, web.After(r))
	if isRefused(err, pool.NotYourClaim) {
		notYours := page("Not your cart")
		notYours.Live, notYours.Scripts = false, nil
		p.site.Render(w, r, http.StatusForbidden, notYours, notYoursContent())
		return
	}
	c := cartPage{ClaimDocument: d, now: p.tickets.now(), form: f}
	if err == nil {
		c.pool, err = p.tickets.Pool(r.Context(), d.Pool, 0)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	c.situation = situationOf(&c.pool, c.now)
	if c.online() {
		c.methods = p.methods()
	}
	p.site.Render(w, r, status, page(d.Name), cartContent(&c))
}

// methods are the payment methods that a provider takes with which no money moves. With
// any other this page could only ask for the number of a card, which is to go to the
// provider alone.
func (p *pages) methods() []web.Option {
	if provider, ok := p.tickets.provider.(interface{ TestMode() bool }); !ok || !provider.TestMode() {
		return nil
	}
	return []web.Option{
		{Value: "pm_card_visa", Label: "Card that pays"},
		{Value: "pm_card_chargeDeclinedInsufficientFunds", Label: "Card without money"},
	}
}

// changeCart carries out what a customer does on the page of a claim.
func (p *pages) changeCart(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "do", "method")
	customer := known(r, &f)
	id, number, ok := parseClaim(r.PathValue("claim"))
	if !ok {
		p.problem(w, r, errNoClaim)
		return
	}
	c := command{pool: id, kind: f.Values["do"]}
	switch c.kind {
	case BuyTickets:
		c.data = pool.Buy{Claim: number, Customer: customer, Method: f.Values["method"]}
	case GiveBack:
		c.data = pool.GiveBack{Claim: number, Customer: customer}
	default:
		unknown(&f)
	}
	if !f.OK() {
		p.showCart(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	c.options = f.Command()
	d, err := p.tickets.send(r.Context(), c)
	if err != nil {
		p.showCart(w, r, sorry(&f, err), f)
		return
	}
	done(w, r, cartURL(claimID(id, number)), d.Position)
}

// cartKey is what a page of a claim says that its numbers do not; when it is another one
// the page is. static/words.js has the same.
func cartKey(c *ClaimDocument) string {
	scanned := 0
	for _, t := range c.Tickets {
		if !t.CheckedIn.IsZero() {
			scanned++
		}
	}
	return fmt.Sprintf("%s %s %s %d", c.State, c.Declined, c.Payment, scanned)
}
