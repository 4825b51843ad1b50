package charging

import (
	"net/http"
	"slices"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/internal/web"
)

// faultsPage is the page of faults: those that last, and those that are over.
type faultsPage struct {
	open   []FaultDocument // power faults first
	more   bool            // there are more of them
	past   FaultPage
	cursor string
}

func (p *pages) faults(w http.ResponseWriter, r *http.Request) {
	page := paging(r)
	open, err := p.charging.Faults(r.Context(), "", false, Page{Limit: 200, After: page.After})
	if err != nil {
		p.problem(w, r, err)
		return
	}
	d := faultsPage{open: open.Faults, more: open.Next != "", cursor: page.Cursor}
	if d.past, err = p.charging.Faults(r.Context(), "", true, page); err != nil {
		p.problem(w, r, err)
		return
	}
	d.past.Faults = slices.DeleteFunc(d.past.Faults, func(f FaultDocument) bool { return f.Until.IsZero() })
	slices.SortStableFunc(d.open, func(a, b FaultDocument) int {
		switch {
		case a.Power && !b.Power:
			return -1
		case b.Power && !a.Power:
			return 1
		}
		return 0
	})
	p.show(w, r, http.StatusOK, place{title: "Faults", nav: pagesPath + "/faults", topics: []string{topicFleet}, styles: []string{"charging/station.css"}}, faultsContent(d))
}

// inboxPage is the page of stations that nobody knows.
type inboxPage struct {
	InboxDocument
	form    web.Form
	connect string
	unknown bool // whoever connects is let in
}

func (p *pages) inbox(w http.ResponseWriter, r *http.Request) {
	p.showInbox(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showInbox(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	found, err := p.charging.Inbox(r.Context(), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, place{title: "Inbox", nav: pagesPath + "/inbox", topics: []string{topicFleet}, styles: []string{"charging/station.css"}},
		inboxContent(inboxPage{found, f, p.connectURL(r), p.charging.config.AcceptUnknown}))
}

func (p *pages) dismiss(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "station")
	if !f.OK() {
		p.showInbox(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	var a Answer
	err := p.charging.send(r.Context(), registry.InboxID, Dismiss, registry.Forget{Identity: f.Values["station"]}, f.Command(), &a)
	if err != nil {
		p.showInbox(w, r, fail(&f, err, nil), f)
		return
	}
	web.Done(w, r, pagesPath+"/inbox", a.Position, "dismissed")
}
