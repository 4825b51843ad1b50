package tickets_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/lease"
)

// audit reads every event of a pool, and fails unless at every version no ticket is in
// two hands, no customer has more than they may, and the books are right. It returns what
// is held and sold, by ticket.
func (w *world) audit(id string) (held, sold map[int]string) {
	w.t.Helper()
	held, sold = map[int]string{}, map[int]string{}
	has := map[string]int{}
	state, capacity := pool.Initial(id), 0
	release := func(from map[int]string, numbers []int) {
		for _, n := range numbers {
			if from[n] == "" {
				w.t.Fatalf("ticket %d comes back from nobody", n)
			}
			has[from[n]]--
			delete(from, n)
		}
	}
	for e, err := range w.store.GetEvents(w.t.Context(), "pool/"+id, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		event, err := pool.Events().Decode(e)
		if err != nil {
			w.t.Fatal(err)
		}
		state = pool.Evolve(state, event)
		switch e := event.(type) {
		case pool.PoolCreated:
			capacity = e.Capacity
		case pool.TicketClaimed:
			if held[e.Ticket] != "" || sold[e.Ticket] != "" || e.Ticket > capacity {
				w.t.Fatalf("ticket %d is claimed by %s, %s holds it, %s has it", e.Ticket, e.Customer, held[e.Ticket], sold[e.Ticket])
			}
			held[e.Ticket] = e.Customer
			has[e.Customer]++
		case pool.TicketBought:
			if held[e.Ticket] != e.Customer {
				w.t.Fatalf("ticket %d is bought by %s, and %s holds it", e.Ticket, e.Customer, held[e.Ticket])
			}
			delete(held, e.Ticket)
			sold[e.Ticket] = e.Customer
		case pool.ClaimReleased:
			release(held, e.Tickets)
		case pool.OrderRefunded:
			release(sold, e.Tickets)
		}
		for customer, n := range has {
			if n > pool.MaxTickets {
				w.t.Fatalf("%s has %d tickets at version %d", customer, n, e.Version)
			}
		}
		if state.Held != len(held) || state.Sold != len(sold) || state.Held+state.Sold+state.Available() != capacity || state.Available() < 0 {
			w.t.Fatalf("at version %d held are %d and sold %d, but the pool says %d and %d of %d", e.Version, len(held), len(sold), state.Held, state.Sold, capacity)
		}
	}
	return held, sold
}

// customer does what customers do, once.
func customer(w *world, id, name string, random *rand.Rand) {
	status := func(method, path string, body any, answer any, headers ...string) int {
		s := w.ask(method, path, body, answer, append(headers, "Idempotency-Key", fmt.Sprint(name, random.Uint64()))...)
		if s != http.StatusOK && s != http.StatusCreated && s != http.StatusConflict {
			w.t.Errorf("%s %s %v: %d", method, path, body, s)
		}
		return s
	}
	for range 3 {
		var d tickets.CommandDocument
		if status("POST", "/pools/"+id+"/claims", fields{"customer": name, "quantity": 1 + random.IntN(4), "priceSeen": 5000}, &d) != http.StatusCreated {
			continue
		}
		buy := fields{"customer": name, "method": good}
		switch random.IntN(8) {
		case 0:
			status("DELETE", "/claims/"+d.ID, nil, nil, as(name)...)
		case 1: // goes away
		case 2:
			buy["method"] = poor
			status("POST", "/claims/"+d.ID+"/buy", buy, nil)
		default:
			status("POST", "/claims/"+d.ID+"/buy", buy, nil)
			status("POST", "/claims/"+d.ID+"/buy", buy, nil) // a double click
		}
	}
}

// A rush on two processes at once, which write to the same pool: nothing is sold twice,
// nothing is lost, no customer meets a conflict, and the money is that of the tickets.
func TestRush(t *testing.T) {
	const capacity, customers = 90, 40
	w := newWorldOn(t, newLedger(), &lease.Local{})
	worlds := []*world{w, w.another()}
	jazz := w.create("Jazz", capacity, nil)
	var rush sync.WaitGroup
	for i := range customers {
		rush.Go(func() {
			customer(worlds[i%2], jazz, fmt.Sprint("customer-", i), rand.New(rand.NewPCG(1, uint64(i))))
		})
	}
	rush.Wait()
	w.audit(jazz)

	// What nobody bought comes back, and is sold to the last ticket.
	w.moveOn(time.Minute, "nothing is held", func() bool { return w.pool(jazz).Held == 0 })
	for i := 0; w.pool(jazz).Available > 0; i++ {
		cart := w.claim(jazz, fmt.Sprint("late-", i), 1)
		w.buy(cart, fmt.Sprint("late-", i), good)
		w.state(cart, tickets.ClaimSold, tickets.MoneyCaptured)
	}
	_, sold := w.audit(jazz)
	if len(sold) != capacity {
		t.Errorf("%d of %d are sold", len(sold), capacity)
	}
	w.until("all is captured", func() bool { reserved, _ := w.provider.sums(); return reserved == 0 })
	w.money(0, capacity*5000)
	w.books(jazz, 0, capacity)
	if d := worlds[1].pool(jazz); d.Sold != capacity {
		t.Errorf("the other process says %+v", d)
	}
	if open := w.cases(); len(open) > 0 {
		t.Errorf("there are cases: %+v", open)
	}
	var sales tickets.SalesDocument
	if w.ask("GET", "/pools/"+jazz+"/sales?after="+w.end(), nil, &sales); sales.Totals.Revenue != capacity*5000 {
		t.Errorf("the totals are %+v", sales.Totals)
	}
}

// A rush with the real client of the provider, and one that does not answer, answers with
// failures, or loses what it is asked: in the end money and tickets agree all the same, and
// nothing is open.
func TestBadProvider(t *testing.T) {
	sim, err := paysim.New(&paysim.Options{
		Seed: 7, Logger: slog.New(slog.DiscardHandler),
		Faults: paysim.Faults{Timeout: 0.15, Cut: 0.1, Lose: 0.1, Fail: 0.1, Break: 0.1, HangMillis: 100, SearchMillis: 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client, err := payment.New(paysim.SecretKey, &payment.Options{URL: server.URL, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := newWorld(t, nil)
	w.stop()
	w.real = client
	w.start()

	const customers = 24
	jazz := w.create("Jazz", 2*customers, nil)
	var carts []string
	for i := range customers {
		name, method := fmt.Sprint("customer-", i), "pm_card_visa"
		if i%6 == 5 {
			method = "pm_card_chargeDeclined"
		}
		cart := w.claim(jazz, name, 2)
		w.buy(cart, name, method)
		carts = append(carts, cart)
	}
	settled := func() bool {
		for _, cart := range carts {
			if d := w.look(cart); d.State == tickets.ClaimPaying || d.State == tickets.ClaimHeld && d.Declined == "" || d.State == tickets.ClaimSold && d.Payment != tickets.MoneyCaptured {
				return false
			}
		}
		return true
	}
	w.moveOn(time.Second, "every cart is paid for or declined", settled)
	_, sold := w.audit(jazz)
	all := sim.Ledger().Totals["eur"]
	if len(sold) == 0 || all.Captured != int64(len(sold))*5000 || all.Refunded != 0 {
		t.Errorf("%d tickets are sold, and the provider says %+v", len(sold), all)
	}

	// And back again.
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/cancel", nil)
	w.moveOn(time.Second, "everything is refunded", func() bool {
		for _, cart := range carts {
			if d := w.look(cart); d.State == tickets.ClaimRefunded && d.Payment != tickets.MoneyRefunded {
				return false
			}
		}
		return w.pool(jazz).Sold == 0
	})
	w.moveOn(time.Minute, "nothing is open", func() bool {
		now := sim.Ledger().Totals["eur"]
		return len(w.cases()) == 0 && now.Refunded == now.Captured && now.Released == now.Authorised-now.Captured
	})
}
