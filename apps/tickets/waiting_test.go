package tickets_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
)

func (w *world) place(id, customer string) (d tickets.PlaceDocument) {
	w.t.Helper()
	w.ask("GET", "/pools/"+id+"/place?after="+w.end(), nil, &d, as(customer)...)
	return d
}

// has returns the newest claim of a customer.
func (w *world) has(customer string) (d tickets.ClaimDocument) {
	w.t.Helper()
	var page tickets.CustomerDocument
	w.ask("GET", "/mine?after="+w.end(), nil, &page, as(customer)...)
	if len(page.Claims) > 0 {
		d = page.Claims[0]
	}
	return d
}

// What comes free goes to the first in line, for a time.
func TestWaitingList(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	list := "/pools/" + jazz + "/waiting-list"
	cart := w.claim(jazz, "ann", 2)
	w.buy(w.claim(jazz, "bob", 2), "bob", "")
	for _, customer := range []string{"cid", "dan", "eve"} {
		w.do(http.StatusCreated, "POST", list, fields{"customer": customer, "quantity": 1})
	}
	if d := w.place(jazz, "dan"); !d.Listed || d.InLine != 2 || !d.Admitted {
		t.Errorf("dan is at %+v", d)
	}
	w.do(http.StatusOK, "DELETE", list, nil, as("dan")...)
	var page tickets.WaitingPage
	if w.ask("GET", list+"?after="+w.end(), nil, &page); len(page.Waiting) != 2 && w.pool(jazz).Waiting != 2 {
		t.Errorf("waiting are %+v", page)
	}
	if d := w.do(http.StatusOK, "DELETE", "/claims/"+cart, nil, as("ann")...); d.ID != cart || fmt.Sprint(d.Claim.Tickets) != "[1 2]" {
		t.Errorf("given back: %+v %+v", d, d.Claim)
	}
	for _, customer := range []string{"cid", "eve"} {
		if d := w.has(customer); d.State != tickets.ClaimHeld || !d.Offered || !d.Until.Equal(noon.Add(pool.Offer)) {
			t.Errorf("%s is offered %+v", customer, d)
		}
	}
	if d := w.pool(jazz); d.Waiting != 0 || d.Held != 2 || d.Available != 0 {
		t.Errorf("the pool is %+v", d)
	}
	w.refused(pool.SoldOut, "POST", "/pools/"+jazz+"/claims", fields{"customer": "zoe", "quantity": 1, "priceSeen": 5000})
	w.buy(w.has("cid").ID, "cid", "")
	w.clock.Advance(pool.Offer)
	w.state(w.has("eve").ID, tickets.ClaimReleased, "")
	w.books(jazz, 0, 3)
}

// What came free while the sale was stopped is offered when it goes on.
func TestOffersAfterAStop(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	w.claim(jazz, "ann", 4)
	for i := range 6 {
		w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/waiting-list", fields{"customer": fmt.Sprint("c", i), "quantity": 1})
	}
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil)
	w.clock.Advance(pool.Hold)
	w.until("nothing is held", func() bool { return w.pool(jazz).Held == 0 })
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/resume", nil)
	w.until("it is offered", func() bool { return w.pool(jazz).Held == 4 })
	if a, b := w.has("c3"), w.has("c4"); a.State != tickets.ClaimHeld || b.ID != "" {
		t.Errorf("the fourth has %+v, the fifth %+v", a, b)
	}
}

// The waiting room lets customers in, in the order in which they came, by the clock.
func TestWaitingRoom(t *testing.T) {
	w := newWorld(t, nil)
	opens := noon.Add(time.Hour)
	jazz := w.create("Jazz", 100, fields{"room": fields{"opensAt": opens, "perMinute": 12}})
	room := "/pools/" + jazz + "/room"
	w.refused(pool.NotAdmitted, "POST", "/pools/"+jazz+"/claims", fields{"customer": "c0", "quantity": 1, "priceSeen": 5000})
	for i := range 3 {
		if d := w.do(http.StatusCreated, "POST", room, fields{"customer": fmt.Sprint("c", i)}); d.Place != i+1 {
			t.Errorf("place %d: %+v", i+1, d)
		}
	}
	if d := w.place(jazz, "c2"); d.Place != 3 || d.Ahead != 2 || d.Admitted {
		t.Errorf("the third is at %+v", d)
	}
	w.clock.Set(opens)
	w.until("the first is in", func() bool { return w.place(jazz, "c0").Admitted })
	if d := w.pool(jazz).Room; d == nil || d.Admitted != 1 || d.Last != 3 || !d.Next.Equal(opens.Add(5*time.Second)) {
		t.Errorf("the room is %+v", d)
	}
	w.claim(jazz, "c0", 1)
	w.refused(pool.NotAdmitted, "POST", "/pools/"+jazz+"/claims", fields{"customer": "c1", "quantity": 1, "priceSeen": 5000})
	w.clock.Advance(5 * time.Second)
	w.until("the second is in", func() bool { return w.place(jazz, "c1").Admitted })
	w.do(http.StatusOK, "POST", room+"/close", nil)
	if d := w.place(jazz, "zoe"); !d.Admitted {
		t.Errorf("without a room: %+v", d)
	}
	w.claim(jazz, "zoe", 1)
}
