package charging

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// reservationsPage is the page of the reservations, with the form that makes one.
type reservationsPage struct {
	ReservationPage
	all    bool // those too that are over
	cursor string
	make   web.Form
	cancel web.Form
}

const reservationUntil = "until"

func (p *pages) reservations(w http.ResponseWriter, r *http.Request) {
	f := web.NewForm("connector", "1", "station", r.URL.Query().Get("station"))
	p.showReservations(w, r, http.StatusOK, f, web.NewForm())
}

func (p *pages) showReservations(w http.ResponseWriter, r *http.Request, status int, made, cancel web.Form) {
	page := paging(r)
	d := reservationsPage{all: r.URL.Query().Get("all") == "true", cursor: page.Cursor, make: made, cancel: cancel}
	var err error
	if d.ReservationPage, err = p.charging.Reservations(r.Context(), "", d.all, page); err != nil {
		p.problem(w, r, err)
		return
	}
	at := sessionsPlace("Reservations", reservationsPath, topicStations)
	p.show(w, r, status, at, reservationsContent(d))
}

// reserve has a station asked to keep a connector for an id tag.
func (p *pages) reserve(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "station", "connector", "idTag", "parent", reservationUntil, web.InZone(reservationUntil))
	options := f.Command()
	b := reserveBody{Connector: f.Number("connector"), IDTag: f.Values["idTag"], Parent: f.Values["parent"], Until: f.Moment(reservationUntil)}
	if f.Wrong[reservationUntil] == "" {
		f.Values[reservationUntil] = inputMoment(b.Until)
	}
	if id := f.Values["station"]; !validStation(id) {
		f.Wrong["station"] = "Which station? Say its ID."
	}
	if f.Wrong["connector"] == "" && b.Connector < 0 {
		f.Wrong["connector"] = "Connectors are 1, 2 and so on; 0 is any of them."
	}
	if b.IDTag == "" || len(b.IDTag) > registry.MaxIDTag {
		f.Wrong["idTag"] = "For which id tag? It has 1 to 20 characters."
	}
	if len(b.Parent) > registry.MaxIDTag {
		f.Wrong["parent"] = "It has at most 20 characters."
	}
	if !f.OK() {
		p.showReservations(w, r, http.StatusUnprocessableEntity, f, web.NewForm())
		return
	}
	var asked Asked
	if err := p.charging.send(r.Context(), stationActor(f.Values["station"]), AskStation, b.order(), options, &asked); err != nil {
		p.showReservations(w, r, fail(&f, err, map[string]string{station.NoStation: "station"}), f, web.NewForm())
		return
	}
	p.toCommand(w, r, &asked)
}

func (p *pages) cancelReservation(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "station", "reservation")
	number := f.Number("reservation")
	if f.Failure == "" && (!f.OK() || !validStation(f.Values["station"])) {
		f.Title, f.Failure = "The input is not right", "The form could not be read."
	}
	if !f.OK() {
		p.showReservations(w, r, http.StatusUnprocessableEntity, web.NewForm("connector", "1"), f)
		return
	}
	var asked Asked
	if err := p.charging.send(r.Context(), stationActor(f.Values["station"]), AskStation, cancelBody{number}.order(), f.Command(), &asked); err != nil {
		p.showReservations(w, r, fail(&f, err, nil), web.NewForm("connector", "1"), f)
		return
	}
	p.toCommand(w, r, &asked)
}

// badge is a word about the state of a reservation, and its kind.
func (d *ReservationDocument) badge() (kind, text string) {
	switch d.Ended {
	case "":
		return "good", "Stands"
	case "used":
		return "", "Used"
	case "cancelled":
		return "", "Cancelled"
	case "expired":
		return "", "Expired"
	}
	return "", d.Ended
}

// unmatchedPage is the page of the stops without a transaction.
type unmatchedPage struct {
	UnmatchedPage
	all        bool // those too that have one by now
	cursor     string
	assign     web.Form
	candidates map[string][]TransactionDocument // by station
}

func (p *pages) unmatched(w http.ResponseWriter, r *http.Request) {
	p.showUnmatched(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showUnmatched(w http.ResponseWriter, r *http.Request, status int, assign web.Form) {
	page := paging(r)
	d := unmatchedPage{all: r.URL.Query().Get("all") == "true", cursor: page.Cursor, assign: assign}
	err := d.read(r.Context(), p.charging, page)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	at := sessionsPlace("Stops without a transaction", sessionsPath, topicStations)
	p.show(w, r, status, at, unmatchedContent(d))
}

func (d *unmatchedPage) read(ctx context.Context, c *Charging, page Page) (err error) {
	if d.UnmatchedPage, err = c.Unmatched(ctx, "", d.all, page); err != nil {
		return err
	}
	d.candidates = make(map[string][]TransactionDocument)
	for i := range d.Stops {
		id := d.Stops[i].Station
		if _, known := d.candidates[id]; known || d.Stops[i].Used != 0 {
			continue
		}
		if d.candidates[id], err = c.endless(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// mostCandidates is how many transactions a stop may be said to belong to, of those that
// are proposed.
const mostCandidates = 20

// endless lists the transactions of a station whose end nobody has told, the newest first.
func (c *Charging) endless(ctx context.Context, id string) ([]TransactionDocument, error) {
	var found []TransactionDocument
	for _, state := range []string{stateRunning, stateAbandoned} {
		page, err := c.Transactions(ctx, TransactionFilter{Station: id, State: state}, Page{Limit: mostCandidates})
		if err != nil {
			return nil, err
		}
		found = append(found, page.Transactions...)
	}
	return found, nil
}

// assign says which transaction a stop belongs to.
func (p *pages) assign(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "stop", "station", "number", "transaction")
	number, errNumber := strconv.Atoi(f.Values["number"])
	if f.OK() && (errNumber != nil || !validStation(f.Values["station"])) {
		f.Title, f.Failure = "The input is not right", "The form could not be read."
	}
	transaction := f.Number("transaction")
	if !f.OK() {
		p.showUnmatched(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	var a Answer
	data := station.Assign{Number: number, Transaction: transaction}
	if err := p.charging.send(r.Context(), stationActor(f.Values["station"]), AssignStop, data, f.Command(), &a); err != nil {
		p.showUnmatched(w, r, fail(&f, err, map[string]string{station.NoTransaction: "transaction"}), f)
		return
	}
	web.Done(w, r, unmatchedPath, a.Position, "assigned")
}

// why says why a stop has no transaction.
func (d *UnmatchedDocument) why() string {
	switch d.Why {
	case station.UnknownTransaction:
		if d.Transaction < 0 {
			return "The station does not know the transaction's number."
		}
		return "The station names the transaction " + strconv.Itoa(d.Transaction) + ", which nobody knows."
	case station.Ambiguous:
		return "Several transactions may be meant."
	case station.StoppedAlready:
		return "The transaction " + strconv.Itoa(d.Transaction) + " has ended already, with other values."
	}
	return d.Why
}

// when is when it ended: by the station's clock, unless that cannot be.
func (d *UnmatchedDocument) when() time.Time {
	if plausible(d.StationTime, d.At) {
		return d.StationTime
	}
	return d.At
}
