package tickets

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/projection"
)

// promoterDoor is the page at the door.
type promoterDoor struct {
	promoterHead
	web.Form
	answer *doorAnswer // nil when nothing was scanned yet
	in     int         // tickets that were scanned
}

// doorAnswer is what the page says to a code.
type doorAnswer struct {
	in      bool
	title   string
	about   string
	ticket  int
	scanned time.Time // of a ticket that was scanned before: when
}

func (p *promoterPages) door(w http.ResponseWriter, r *http.Request) {
	p.showDoor(w, r, http.StatusOK, web.NewForm(), nil)
}

func (p *promoterPages) showDoor(w http.ResponseWriter, r *http.Request, status int, f web.Form, answer *doorAnswer) {
	head, ok := p.head(w, r, "door")
	if !ok {
		return
	}
	sales, err := p.tickets.Sales(r.Context(), head.ID, 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.site.Render(w, r, status, p.page(head.title("door")), promoterDoorContent(promoterDoor{head, f, answer, sales.Totals.CheckedIn}))
}

// checkIn checks a ticket in, and says at once whether its holder may come in: what the
// command has answered, and not what somebody could write into an address. Sent again, as
// when the page is loaded again, it is the same scan.
func (p *promoterPages) checkIn(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "code")
	f.Values["code"] = strings.ToUpper(f.Values["code"])
	if f.OK() && f.Values["code"] == "" {
		f.Wrong["code"] = "Scan a code, or type it."
	}
	if !f.OK() {
		p.showDoor(w, r, http.StatusUnprocessableEntity, f, nil)
		return
	}
	d, err := p.send(r, CheckIn, Code{f.Values["code"]}, &f)
	answer, known := answerAtDoor(d, err)
	if !known {
		p.showDoor(w, r, f.Fail(err, pool.NoPool), f, nil)
		return
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusConflict
	} else if err := p.known(r.Context(), d.Position); err != nil && !errors.Is(err, projection.ErrBehind) {
		p.problem(w, r, err)
		return
	}
	p.showDoor(w, r, status, web.NewForm(), &answer)
}

// known returns once the pages know what happened at a position.
func (p *promoterPages) known(ctx context.Context, position aether.Position) error {
	v, err := p.tickets.view(ctx, position)
	if err != nil {
		return err
	}
	return v.Close()
}

// answerAtDoor says in large letters what has become of a code. It does not know what to
// say when the server failed.
func answerAtDoor(d CommandDocument, err error) (doorAnswer, bool) {
	if err == nil {
		answer := doorAnswer{in: true, title: "Yes, come in"}
		if d.Claim != nil && len(d.Claim.Tickets) == 1 {
			answer.ticket = d.Claim.Tickets[0]
		}
		return answer, true
	}
	refusal, _ := errors.AsType[*aether.Refusal](err)
	if refusal == nil {
		return doorAnswer{}, false
	}
	switch refusal.Reason {
	case pool.CheckedIn:
		return doorAnswer{
			title: "No, already used", about: "Somebody came in with this ticket. Ask for the order, and look it up among the orders.",
			scanned: fact[pool.Since](refusal).At,
		}, true
	case pool.NotSold:
		return doorAnswer{title: "No, refunded", about: "This ticket was given back, and its money too. It is no ticket any more."}, true
	case BadCode:
		return doorAnswer{title: "No, not a ticket", about: "This is no code of a ticket for this event. Scan it again; if it stays so, it may be for another event."}, true
	}
	return doorAnswer{}, false
}

// promoterCases is the page of the payments that somebody must see to.
type promoterCases struct {
	web.Form
	cases      []CaseDocument
	currencies map[string]string // by pool
	names      map[string]string // by pool
	said       string
}

func (p *promoterPages) cases(w http.ResponseWriter, r *http.Request) {
	p.showCases(w, r, http.StatusOK, web.NewForm("by", r.URL.Query().Get("by")))
}

func (p *promoterPages) showCases(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	page := promoterCases{Form: f, currencies: map[string]string{}, names: map[string]string{}, said: justDone(r)}
	var err error
	if page.cases, err = p.tickets.Cases(r.Context()); err != nil {
		p.problem(w, r, err)
		return
	}
	for _, c := range page.cases {
		if page.names[c.Pool] != "" {
			continue
		}
		d, err := p.tickets.Pool(r.Context(), c.Pool, 0)
		if err != nil && !errors.Is(err, errNoPool) {
			p.problem(w, r, err)
			return
		}
		page.names[c.Pool], page.currencies[c.Pool] = d.Name, d.Currency
	}
	p.site.Render(w, r, status, p.page("Open payments"), promoterCasesContent(page))
}

// settle settles a case. The button says which, and how: "look" and the ID of the case.
func (p *promoterPages) settle(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "by", "note", "settle")
	how, id, _ := strings.Cut(f.Values["settle"], " ")
	if f.OK() {
		switch {
		case f.Values["by"] == "":
			f.Wrong["by"] = "Say who you are: it is kept with the case."
		case len(f.Values["by"]) > maxBy:
			f.Wrong["by"] = "This is too long."
		}
		if len(f.Values["note"]) > maxReason {
			f.Wrong["note"] = "This is too long."
		}
		if !slices.Contains([]string{Look, Again, Done, NotDone}, how) || id == "" {
			f.Title, f.Failure = "The input is not right", "Choose one of the buttons of a case."
		}
	}
	if !f.OK() {
		p.showCases(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	if err := p.tickets.Settle(r.Context(), id, how, f.Values["by"], f.Values["note"]); err != nil {
		p.showCases(w, r, f.Fail(err, NotOpen), f)
		return
	}
	position, err := p.tickets.parts.Store.GetLatestPosition(r.Context())
	if err == nil {
		err = p.known(r.Context(), position)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	query := url.Values{"done": {"settled"}, "by": {f.Values["by"]}}
	http.Redirect(w, r, promoterPath+"/cases?"+query.Encode(), http.StatusSeeOther)
}

// maxBy is how many bytes the name of who settles a case has at most.
const maxBy = 100
