package tickets

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

//go:embed static
var static embed.FS

// System describes the tickets to the shell of the pages.
func System() web.System {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return web.System{
		Name: Name, Title: "Tickets", Path: "/tickets", Home: "All tickets", Static: files,
		About: "Tickets for an event, sold in a rush: never one too many, and none lost.",
		Steps: []string{
			"Open Tickets, and something that is on sale.",
			"Claim some: they are held for you, for ten minutes.",
			"Open the same sale in a second window, and watch the numbers.",
			"Buy, and find your tickets under My tickets.",
		},
	}
}

// pages are the pages of customers: pages*.go and pages*.templ. Those of promoters are
// [promoterPages].
type pages struct {
	site    *web.Site
	tickets *Tickets
}

func newPages(site *web.Site, tickets *Tickets) *pages { return &pages{site, tickets} }

// register adds the pages. What is done on a page is sent to the page itself, and the
// field "do" says what.
func (p *pages) register(mux web.Mux) {
	mux.HandleFunc("GET /tickets", p.list)
	mux.HandleFunc("GET /tickets/{pool}", p.pool)
	mux.HandleFunc("POST /tickets/{pool}", p.changePool)
	mux.HandleFunc("GET /tickets/claims/{claim}", p.cart)
	mux.HandleFunc("POST /tickets/claims/{claim}", p.changeCart)
	mux.HandleFunc("GET /tickets/mine", p.mine)
}

// page describes a page to the layout.
func page(title string) web.Page {
	return web.Page{
		Title: title, Path: "/tickets", Live: true, System: Name,
		Scripts: []string{"tickets/page.js"}, Styles: []string{"tickets/tickets.css"},
	}
}

func (p *pages) problem(w http.ResponseWriter, r *http.Request, err error) {
	p.site.Problem(w, r, err, pool.NoPool, pool.NoClaim)
}

// listPage is the page of all pools.
type listPage struct {
	PoolPage
	first bool // the page with the newest, which is kept up to date
	now   time.Time
}

func (p *pages) list(w http.ResponseWriter, r *http.Request) {
	cursor := r.URL.Query().Get("cursor")
	pools, err := p.tickets.Pools(r.Context(), cursor, poolsOnPage)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, http.StatusOK, page("On sale"), listContent(listPage{pools, cursor == "", p.tickets.now()}))
}

// poolPage is the page of a pool, for a customer.
type poolPage struct {
	PoolDocument
	situation situation
	now       time.Time
	place     PlaceDocument
	claims    []ClaimDocument // what the customer holds and has bought of it
	form      web.Form        // that was sent, or is to be
}

// has is how many tickets the customer holds and has bought.
func (g *poolPage) has() int {
	n := 0
	for _, c := range g.claims {
		n += len(c.Tickets)
	}
	return n
}

// topics are those of what is on the page.
func (g *poolPage) topics() string {
	topics := topicPool + "/" + g.ID
	for _, c := range g.claims {
		topics += " " + c.Topic
	}
	return topics
}

// left is how many tickets more the customer may have.
func (g *poolPage) left() int { return pool.MaxTickets - g.has() }

func (p *pages) pool(w http.ResponseWriter, r *http.Request) {
	p.showPool(w, r, http.StatusOK, web.NewForm("quantity", "1"))
}

func (p *pages) showPool(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	g, err := p.readPool(r.Context(), r.PathValue("pool"), p.customer(w, r), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	g.form = f
	p.site.Render(w, r, status, page(g.Name), poolContent(g))
}

// readPool reads what a customer sees of a pool.
func (p *pages) readPool(ctx context.Context, id, customer string, after aether.Position) (*poolPage, error) {
	d, err := p.tickets.Pool(ctx, id, after)
	if err != nil {
		return nil, err
	}
	g := &poolPage{PoolDocument: d, now: p.tickets.now()}
	if g.place, err = p.tickets.Place(ctx, id, customer, 0); err != nil {
		return nil, err
	}
	g.situation = situationOf(&g.PoolDocument, g.now)
	if g.situation == inRoom && g.place.Admitted {
		g.situation = stock(&g.PoolDocument)
	}
	own, err := p.tickets.Customer(ctx, customer, "", claimsOnPage, 0)
	for _, c := range own.Claims {
		if c.Pool == id && (c.State == ClaimHeld || c.State == ClaimPaying || c.State == ClaimSold) {
			g.claims = append(g.claims, c)
		}
	}
	return g, err
}

// changePool carries out what a customer does on the page of a pool.
func (p *pages) changePool(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "do", "quantity", "price")
	id, customer := r.PathValue("pool"), known(r, &f)
	var c command
	switch do := f.Values["do"]; do {
	case ClaimTickets:
		price, _ := strconv.ParseInt(f.Values["price"], 10, 64) // what cannot be read was not seen
		c = command{kind: do, data: pool.ClaimTickets{Customer: customer, Quantity: f.Number("quantity"), PriceSeen: price}}
	case JoinList:
		c = command{kind: do, data: pool.JoinList{Customer: customer, Quantity: f.Number("quantity")}}
	case LeaveList:
		c = command{kind: do, data: pool.LeaveList{Customer: customer}}
	case JoinRoom:
		c = command{kind: do, data: pool.JoinRoom{Customer: customer}}
	default:
		unknown(&f)
	}
	if !f.OK() {
		p.showPool(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	c.pool, c.options = id, f.Command()
	d, err := p.tickets.send(r.Context(), c)
	switch {
	case err != nil:
		p.showPool(w, r, sorry(&f, err), f)
	case c.kind == ClaimTickets && d.Claim != nil:
		done(w, r, cartURL(d.ID), d.Position)
	default:
		done(w, r, poolURL(id), d.Position)
	}
}

// done leads to a page that knows what has happened up to a position.
func done(w http.ResponseWriter, r *http.Request, path string, position aether.Position) {
	http.Redirect(w, r, path+"?after="+strconv.FormatUint(uint64(position), 10), http.StatusSeeOther)
}

func poolURL(id string) string { return "/tickets/" + url.PathEscape(id) }

func cartURL(id string) string { return "/tickets/claims/" + url.PathEscape(id) }

// unknown says that a form asks for what there is not.
func unknown(f *web.Form) {
	if f.Failure == "" {
		f.Title, f.Failure = "The input is not right", "This page has no such button any more. Load it again."
	}
}
