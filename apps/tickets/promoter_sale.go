package tickets

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// promoterSale is the page of a sale that is on.
type promoterSale struct {
	promoterHead
	sales   SalesDocument
	control web.Form // stops and resumes
	unpaid  bool     // it is paid for online, and there is no payment provider
	cancel  web.Form
}

func (p *promoterPages) sale(w http.ResponseWriter, r *http.Request) {
	p.showSale(w, r, http.StatusOK, web.NewForm(), web.NewForm())
}

func (p *promoterPages) showSale(w http.ResponseWriter, r *http.Request, status int, control, cancel web.Form) {
	head, ok := p.head(w, r, "")
	if !ok {
		return
	}
	sales, err := p.tickets.Sales(r.Context(), head.ID, head.Position)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, status, p.page(head.title("sale")), promoterSaleContent(promoterSale{
		head, sales, control, head.Payment == pool.Online && p.tickets.provider == nil, cancel,
	}))
}

func (p *promoterPages) stop(w http.ResponseWriter, r *http.Request) {
	p.steer(w, r, StopSales, pool.Stop{}, "stopped")
}

func (p *promoterPages) resume(w http.ResponseWriter, r *http.Request) {
	p.steer(w, r, ResumeSales, pool.Resume{}, "resumed")
}

// steer carries out a command that is a button.
func (p *promoterPages) steer(w http.ResponseWriter, r *http.Request, kind string, data any, done string) {
	f := web.ReadForm(w, r)
	if !f.OK() {
		p.showSale(w, r, http.StatusUnprocessableEntity, f, web.NewForm())
		return
	}
	d, err := p.send(r, kind, data, &f)
	if err != nil {
		p.showSale(w, r, f.Fail(err, pool.NoPool), f, web.NewForm())
		return
	}
	web.Done(w, r, saleURL(d.Pool), d.Position, done)
}

func (p *promoterPages) cancel(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "confirm", "reason")
	d, err := p.tickets.Pool(r.Context(), r.PathValue("pool"), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	if f.OK() && strings.Join(strings.Fields(f.Values["confirm"]), " ") != d.Name {
		f.Wrong["confirm"] = fmt.Sprintf("Nothing was cancelled. To cancel the event, type its name: %s", d.Name)
	}
	if len(f.Values["reason"]) > maxReason {
		f.Wrong["reason"] = fmt.Sprintf("This is too long: at most %d bytes.", maxReason)
	}
	if !f.OK() {
		p.showSale(w, r, http.StatusUnprocessableEntity, web.NewForm(), f)
		return
	}
	result, err := p.send(r, CancelPool, pool.Cancel{Reason: f.Values["reason"]}, &f)
	if err != nil {
		p.showSale(w, r, f.Fail(err, pool.NoPool), web.NewForm(), f)
		return
	}
	web.Done(w, r, saleURL(d.ID), result.Position, "cancelled")
}

// maxReason is how many bytes the reason of a cancellation has at most.
const maxReason = 500

// funnelStep is what became of some of the carts.
type funnelStep struct {
	what  string
	carts int
	about string
}

// funnel says what became of the carts.
func (s *promoterSale) funnel() []funnelStep {
	t := &s.sales.Totals
	steps := []funnelStep{
		{"Claimed", t.Claims, "Carts that were filled."},
		{"Bought", t.Orders, "Carts that became orders."},
		{"Expired", t.Expired, "Their ten minutes were over; the tickets came back."},
		{"Given back", t.GivenBack, "By their customers."},
		{"Payment without outcome", t.NotPaid, "The provider did not say in time; the tickets came back."},
	}
	rest := t.Claims - t.Orders - t.Expired - t.GivenBack - t.NotPaid
	if s.Status == pool.Cancelled {
		return append(steps, funnelStep{"Ended by the cancellation", rest, "They were open when the event was cancelled."})
	}
	return append(steps, funnelStep{"Open now", rest, "In somebody's cart, or being paid for."})
}

// revenue is what was sold and not taken back.
func (s *promoterSale) revenue() int64 { return s.sales.Totals.Revenue - s.sales.Totals.Returned }

// charts are drawn once something has happened.
func (s *promoterSale) charts() []plot {
	points := s.sales.Points
	if len(points) == 0 {
		return nil
	}
	last := points[len(points)-1]
	last.At, last.Price, last.Sold, last.Held = s.now, s.Price, s.Sold, s.Held
	if s.ended() {
		last.At = s.EventDate
	}
	if least := points[len(points)-1].At.Add(time.Second); last.At.Before(least) {
		last.At = least
	}
	axis := timeAxis{points[0].At, last.At}
	return []plot{s.priceOverTime(axis, points, last), s.salesOverTime(axis, points, last)}
}

func (s *promoterSale) priceOverTime(axis timeAxis, points []SalesPoint, last SalesPoint) plot {
	y := scaleOf(false, last.Price, last.Price)
	for _, p := range points {
		y = y.with(p.Price)
	}
	y = y.rounded()
	words := func(n int64) string { return money.Format(n, s.Currency) }
	c := y.plot("price", "Price over time", words)
	c.from, c.to = plotEnd{at: axis.from}, plotEnd{at: axis.to}
	var line path
	for _, p := range append(points[:len(points):len(points)], last) {
		line.step(axis.x(p.At), y.y(p.Price))
	}
	c.lines = []plotLine{{"Price of a ticket", "line-a", line.String()}}
	c.about = fmt.Sprintf("A ticket has always cost %s.", words(last.Price))
	if y.lowest != y.highest {
		c.about = fmt.Sprintf("A ticket has cost %s to %s; now it costs %s.", words(y.lowest), words(y.highest), words(last.Price))
	}
	c.columns = []string{"From", "Price at the end", "Sold by then"}
	for _, g := range axis.groups(points) {
		c.add(axis.x(g.from), axis.x(g.to), g.point.At, []string{words(g.point.Price), figure(g.point.Sold)}, "a ticket costs "+words(g.point.Price))
	}
	return c
}

func (s *promoterSale) salesOverTime(axis timeAxis, points []SalesPoint, last SalesPoint) plot {
	y := scaleOf(true, 0, int64(last.Sold))
	for _, p := range points {
		y = y.with(int64(p.Sold)).with(int64(p.Held))
	}
	y = y.rounded()
	c := y.plot("sales", "Sales over time", func(n int64) string { return figure(int(n)) })
	c.from, c.to = plotEnd{at: axis.from}, plotEnd{at: axis.to}
	var sold, held path
	for _, p := range append(points[:len(points):len(points)], last) {
		sold.step(axis.x(p.At), y.y(int64(p.Sold)))
		held.step(axis.x(p.At), y.y(int64(p.Held)))
	}
	c.lines = []plotLine{{"Sold", "line-a", sold.String()}, {"In carts", "line-b", held.String()}}
	c.about = fmt.Sprintf("Sold by now: %s. In carts: %s.", count(last.Sold, "ticket"), count(last.Held, "ticket"))
	c.columns = []string{"From", "Claimed", "Bought", "Came back", "Refunded", "Sold by then", "In carts by then"}
	for _, g := range axis.groups(points) {
		p := g.point
		cells := []string{figure(p.Claimed), figure(p.Bought), figure(p.Released), figure(p.Refunded), figure(p.Sold), figure(p.Held)}
		c.add(axis.x(g.from), axis.x(g.to), p.At, cells, fmt.Sprintf("%s sold, %s in carts", figure(p.Sold), figure(p.Held)))
	}
	return c
}
