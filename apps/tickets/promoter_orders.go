package tickets

import (
	"net/http"

	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// promoterOrders is the page of the orders of a pool.
type promoterOrders struct {
	promoterHead
	OrderPage
	first  bool // the page with the newest
	refund web.Form
}

const ordersOnPage = 50

func (p *promoterPages) orders(w http.ResponseWriter, r *http.Request) {
	p.showOrders(w, r, http.StatusOK, web.NewForm())
}

func (p *promoterPages) showOrders(w http.ResponseWriter, r *http.Request, status int, refund web.Form) {
	head, ok := p.head(w, r, "orders")
	if !ok {
		return
	}
	cursor := r.URL.Query().Get("cursor")
	orders, err := p.tickets.Orders(r.Context(), head.ID, cursor, ordersOnPage, 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, status, p.page(head.title("orders")), promoterOrdersContent(promoterOrders{head, orders, cursor == "", refund}))
}

// refundable says whether a promoter may take an order back.
func (o *promoterOrders) refundable(d *ClaimDocument) bool {
	return d.State == ClaimSold && o.Status != pool.Cancelled && scanned(d) == 0
}

// refundWords is what the button says.
func (o *promoterOrders) refundWords(d *ClaimDocument) string {
	if o.Payment == pool.Online && d.Amount > 0 {
		return "Give " + money.Format(d.Amount, d.Currency) + " back"
	}
	return "Take the order back" // nobody has paid
}

func (p *promoterPages) refund(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "claim")
	id, number, ok := parseClaim(f.Values["claim"])
	if f.OK() && (!ok || id != r.PathValue("pool")) {
		f.Title, f.Failure = "Not found", "There is no such order here."
	}
	if !f.OK() {
		p.showOrders(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	d, err := p.send(r, RefundOrder, pool.Refund{Claim: number}, &f)
	if err != nil {
		p.showOrders(w, r, f.Fail(err, pool.NoPool, pool.NoClaim), f)
		return
	}
	web.Done(w, r, saleURL(id)+"/orders", d.Position, "refunded")
}

// promoterWaiting is the page of those who wait, in the room or on the list.
type promoterWaiting struct {
	promoterHead
	WaitingPage
	first bool
	close web.Form
}

const waitingOnPage = 100

func (p *promoterPages) waiting(w http.ResponseWriter, r *http.Request) {
	p.showWaiting(w, r, http.StatusOK, web.NewForm())
}

func (p *promoterPages) showWaiting(w http.ResponseWriter, r *http.Request, status int, room web.Form) {
	head, ok := p.head(w, r, "waiting")
	if !ok {
		return
	}
	cursor := r.URL.Query().Get("cursor")
	waiting, err := p.tickets.Waiting(r.Context(), head.ID, cursor, waitingOnPage, 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, status, p.page(head.title("waiting")), promoterWaitingContent(promoterWaiting{head, waiting, cursor == "", room}))
}

// inRoom is how many are in the waiting room still.
func (p *promoterWaiting) inRoom() int { return max(p.Room.Last-p.Room.Admitted, 0) }

func (p *promoterPages) closeRoom(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r)
	if !f.OK() {
		p.showWaiting(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	d, err := p.send(r, CloseRoom, pool.CloseRoom{}, &f)
	if err != nil {
		p.showWaiting(w, r, f.Fail(err, pool.NoPool), f)
		return
	}
	web.Done(w, r, saleURL(d.Pool)+"/waiting", d.Position, "admitted")
}
