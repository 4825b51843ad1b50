package tickets

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// promoterPages are the pages of those who sell: promoter*.go and promoter*.templ.
type promoterPages struct {
	site    *web.Site
	tickets *Tickets
}

func newPromoterPages(site *web.Site, tickets *Tickets) *promoterPages {
	return &promoterPages{site, tickets}
}

const promoterPath = "/tickets/promoter"

func (p *promoterPages) register(mux web.Mux) {
	mux.HandleFunc("GET "+promoterPath, p.list)
	mux.HandleFunc("GET "+promoterPath+"/new", p.new)
	mux.HandleFunc("POST "+promoterPath+"/new", p.create)
	mux.HandleFunc("GET "+promoterPath+"/cases", p.cases)
	mux.HandleFunc("POST "+promoterPath+"/cases", p.settle)
	mux.HandleFunc("GET "+promoterPath+"/{pool}", p.sale)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/stop", p.stop)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/resume", p.resume)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/cancel", p.cancel)
	mux.HandleFunc("GET "+promoterPath+"/{pool}/pricing", p.pricing)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/pricing", p.reprice)
	mux.HandleFunc("GET "+promoterPath+"/{pool}/orders", p.orders)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/orders", p.refund)
	mux.HandleFunc("GET "+promoterPath+"/{pool}/waiting", p.waiting)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/waiting", p.closeRoom)
	mux.HandleFunc("GET "+promoterPath+"/{pool}/door", p.door)
	mux.HandleFunc("POST "+promoterPath+"/{pool}/door", p.checkIn)
}

// page describes a page to the layout.
func (p *promoterPages) page(title string) web.Page {
	return web.Page{
		Title: title, Path: "/tickets", Live: true, System: Name,
		Scripts: []string{"tickets/promoter.js"}, Styles: []string{"tickets/promoter.css"},
	}
}

func (p *promoterPages) problem(w http.ResponseWriter, r *http.Request, err error) {
	p.site.Problem(w, r, err, pool.NoPool, pool.NoClaim, NotOpen)
}

// justDone is what was done before a page is shown.
func justDone(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	return saidOf(r.URL.Query().Get("done"))
}

func saleURL(id string) string { return promoterPath + "/" + url.PathEscape(id) }

// send carries out a command upon the pool of a page.
func (p *promoterPages) send(r *http.Request, kind string, data any, f *web.Form) (CommandDocument, error) {
	return p.tickets.send(r.Context(), command{pool: r.PathValue("pool"), kind: kind, data: data, options: f.Command()})
}

// promoterList is the page of the list of pools.
type promoterList struct {
	PoolPage
	first bool // the page with the newest
	open  int  // payments that somebody must see to
}

func (p *promoterPages) list(w http.ResponseWriter, r *http.Request) {
	cursor := r.URL.Query().Get("cursor")
	pools, err := p.tickets.Pools(r.Context(), cursor, poolsOnPage)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	open, err := p.tickets.Cases(r.Context())
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, http.StatusOK, p.page("Sales"), promoterListContent(promoterList{pools, cursor == "", len(open)}))
}

// promoterNew is the page on which a pool is made.
type promoterNew struct {
	web.Form
	online bool // there is a payment provider
}

// advanced says whether something was put in that is not on the page at first.
func (n *promoterNew) advanced() bool {
	for _, field := range ruleFields()[1:] {
		if n.Values[field] != "" || n.Wrong[field] != "" {
			return true
		}
	}
	return false
}

func (n *promoterNew) room() bool {
	return n.Values["per-minute"] != "" || n.Values["opens"] != "" || n.Wrong["per-minute"] != "" || n.Wrong["opens"] != ""
}

func (p *promoterPages) new(w http.ResponseWriter, r *http.Request) {
	p.showNew(w, r, http.StatusOK, web.NewForm("currency", "EUR", "payment", string(p.tickets.payment("", 1, nil))))
}

func (p *promoterPages) showNew(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	page := p.page("New sale")
	page.Live = false
	p.site.Render(w, r, status, page, promoterNewContent(promoterNew{f, p.tickets.provider != nil}))
}

func (p *promoterPages) create(w http.ResponseWriter, r *http.Request) {
	names := append([]string{"name", "date", web.InZone("date"), "capacity", "payment", "currency", "per-minute", "opens", web.InZone("opens")}, ruleFields()...)
	f := web.ReadForm(w, r, names...)
	if f.Failure != "" {
		p.showNew(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	f.Values["currency"] = strings.ToUpper(f.Values["currency"])
	in := ruleForm{&f, f.Values["currency"]}
	c := pool.Create{
		Name: f.Values["name"], Capacity: f.Number("capacity"), Currency: in.currency, EventDate: in.Moment("date"),
		Payment: pool.Payment(f.Values["payment"]),
	}
	c.Rule = in.rule(c.Payment)
	c.Room = in.room()
	if !f.OK() {
		p.showNew(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	d, err := p.tickets.send(r.Context(), command{kind: CreatePool, data: c, options: f.Command()})
	if err != nil {
		status := refused(&f, err, map[string]string{
			pool.NameTaken: "name", pool.BadName: "name", pool.BadCapacity: "capacity", pool.BadCurrency: "currency",
			pool.BadDate: "date", pool.BadPayment: "payment", pool.BadPrice: "price", pool.BadRoom: "per-minute",
		})
		if isRefused(err, pool.NameTaken) {
			f.Wrong["name"] = "Another sale has this name. Choose another one."
		}
		p.showNew(w, r, status, f)
		return
	}
	web.Done(w, r, saleURL(d.Pool), d.Position, "created")
}

// room returns the waiting room that was put in, nil when there is none.
func (f ruleForm) room() *pool.Room {
	if f.Values["per-minute"] == "" && f.Values["opens"] == "" {
		return nil
	}
	room := &pool.Room{PerMinute: f.Number("per-minute")}
	if f.Values["opens"] == "" {
		f.Wrong["opens"] = "Say when the waiting room opens; a time that is over opens it at once."
		return room
	}
	room.OpensAt = f.Moment("opens")
	return room
}

// promoterHead is the head of the pages of a pool.
type promoterHead struct {
	PoolDocument
	place string // the last part of the page's path
	said  string // what was just done
	now   time.Time
}

func (h *promoterHead) ended() bool { return !h.now.Before(h.EventDate) }

// head returns the head of a page of a pool. What it fails with is told already.
func (p *promoterPages) head(w http.ResponseWriter, r *http.Request, place string) (promoterHead, bool) {
	d, err := p.tickets.Pool(r.Context(), r.PathValue("pool"), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return promoterHead{}, false
	}
	return promoterHead{d, place, justDone(r), p.tickets.now()}, true
}

// path is that of a page of the pool.
func (h *promoterHead) path(place string) string {
	if place == "" {
		return saleURL(h.ID)
	}
	return saleURL(h.ID) + "/" + place
}

// title is that of a page of the pool.
func (h *promoterHead) title(what string) string { return fmt.Sprintf("%s, %s", h.Name, what) }
