package tickets_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
)

func TestTheWholeWay(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("  Jazz   Night ", 10, fields{"pricing": fields{"rise": 1000}})
	if d := w.pool(jazz); d.Name != "Jazz Night" || d.Price != 5000 || d.Available != 10 || d.Payment != pool.Door || d.Status != pool.Open {
		t.Errorf("the pool is %+v", d)
	}
	var page tickets.PoolPage
	if w.ask("GET", "/pools", nil, &page); len(page.Pools) != 1 || page.Pools[0].ID != jazz {
		t.Errorf("the pools are %+v", page)
	}

	held := w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/claims", fields{"customer": "ann", "quantity": 3, "priceSeen": 5000})
	c := held.Claim
	if held.ID != jazz+"-1" || c.State != tickets.ClaimHeld || fmt.Sprint(c.Tickets) != "[1 2 3]" || c.Price != 5000 || c.Amount != 15000 || c.Rule != 1 || !c.Until.Equal(noon.Add(pool.Hold)) {
		t.Errorf("the claim is %+v %+v", held, c)
	}
	w.books(jazz, 3, 0)
	if d := w.look(held.ID); d.State != tickets.ClaimHeld || d.Name != "Jazz Night" || d.Customer != "" || len(d.Tickets) != 3 || d.Tickets[0].Code != "" {
		t.Errorf("the cart is %+v", d)
	}
	var cart tickets.ClaimDocument
	if w.ask("GET", "/claims/"+held.ID, nil, &cart, as("ann")...); cart.Tickets[0].Code != "" {
		t.Errorf("what is only held has a code: %+v", cart)
	}
	sold := w.buy(held.ID, "ann", "")
	if sold.Claim.State != tickets.ClaimSold || len(sold.Claim.Tickets) != 3 {
		t.Errorf("sold: %+v %+v", sold, sold.Claim)
	}
	if again := w.buy(held.ID, "ann", ""); again.Claim == nil || again.Claim.State != tickets.ClaimSold || again.Version != sold.Version {
		t.Errorf("bought twice: %+v", again)
	}
	w.books(jazz, 0, 3)
	if d := w.pool(jazz); d.Price != 5300 {
		t.Errorf("with 3 of 10 sold a ticket is %d", d.Price)
	}

	// The tickets have codes, for their customer, which are scanned once.
	var mine tickets.CustomerDocument
	w.ask("GET", "/mine?after="+w.end(), nil, &mine, as("ann")...)
	if len(mine.Claims) != 1 || len(mine.Claims[0].Tickets) != 3 || mine.Claims[0].Tickets[0].Code == "" {
		t.Fatalf("ann has %+v", mine)
	}
	code := mine.Claims[0].Tickets[1].Code
	w.refused(pool.NotYourClaim, "GET", "/claims/"+held.ID, nil, as("bob")...)
	if in := w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/check-ins", fields{"code": " " + strings.ToLower(code)}); fmt.Sprint(in.Claim.Tickets) != "[2]" {
		t.Errorf("checked in: %+v", in)
	}
	w.refused(pool.CheckedIn, "POST", "/pools/"+jazz+"/check-ins", fields{"code": code})
	forged := "1" + code[1:]
	rock := w.create("Rock Night", 10, nil)
	w.refused(tickets.BadCode, "POST", "/pools/"+jazz+"/check-ins", fields{"code": forged})
	w.refused(tickets.BadCode, "POST", "/pools/"+jazz+"/check-ins", fields{"code": "x"})
	w.refused(tickets.BadCode, "POST", "/pools/"+rock+"/check-ins", fields{"code": mine.Claims[0].Tickets[0].Code})

	// What the promoter sees.
	var orders tickets.OrderPage
	w.ask("GET", "/pools/"+jazz+"/orders?after="+w.end(), nil, &orders)
	if len(orders.Orders) != 1 || orders.Orders[0].Customer != tickets.CustomerID("ann") || orders.Orders[0].Tickets[1].CheckedIn.IsZero() {
		t.Errorf("the orders are %+v", orders)
	}
	var sales tickets.SalesDocument
	w.ask("GET", "/pools/"+jazz+"/sales?after="+w.end(), nil, &sales)
	if want := (tickets.Totals{Claims: 1, Orders: 1, CheckedIn: 1, Revenue: 15000}); sales.Totals != want {
		t.Errorf("the totals are %+v", sales.Totals)
	}
	if n := len(sales.Points); sales.Step != 1 || n != 1 || sales.Points[0].Claimed != 3 || sales.Points[0].Bought != 3 || sales.Points[0].Sold != 3 || sales.Points[0].Price != 5300 {
		t.Errorf("the history is %+v", sales)
	}
	var simulated tickets.SimulationDocument
	w.ask("POST", "/pools/"+jazz+"/pricing/simulation", fields{"rule": fields{"base": 6000}}, &simulated)
	if simulated.Earned != 15000 || simulated.WouldHave != 18000 || simulated.Tickets != 3 || len(simulated.Points) != 1 {
		t.Errorf("the simulation is %+v", simulated)
	}
	w.refused(pool.BadPrice, "POST", "/pools/"+jazz+"/pricing/simulation", fields{"rule": fields{"base": 6000, "floor": 9, "ceiling": 8}})
	// Over the bus a customer may have any ID.
	odd := w.send(jazz, tickets.ClaimTickets, pool.ClaimTickets{Customer: "=1+1", Quantity: 1, PriceSeen: 9999}).ID
	w.send(jazz, tickets.BuyTickets, pool.Buy{Claim: 2, Customer: "=1+1"})
	w.pool(jazz)
	_, csv := w.raw("GET", "/pools/"+jazz+"/sales.csv", nil)
	if text := string(csv); strings.Count(text, "\n") != 3 || !strings.Contains(text, jazz+"-1,"+tickets.CustomerID("ann")+",sold,1 2 3,5000,15000,EUR,") || !strings.Contains(text, ",'=1+1,") {
		t.Errorf("the export is\n%s", text)
	}

	// A refund makes the tickets available again.
	w.do(http.StatusOK, "POST", "/claims/"+odd+"/refund", nil)
	w.refused(pool.CheckedIn, "POST", "/claims/"+held.ID+"/refund", nil)
	w.refused(pool.NotSold, "POST", "/claims/"+odd+"/refund", nil)
	w.pool(jazz)
	w.ask("POST", "/pools/"+jazz+"/pricing/simulation", fields{"rule": fields{"base": 6000}}, &simulated)
	if simulated.Orders != 1 || simulated.Earned != 15000 {
		t.Errorf("after the refund the simulation is %+v", simulated)
	}
	w.books(jazz, 0, 3)
	if d := w.look(odd); d.State != tickets.ClaimRefunded {
		t.Errorf("refunded: %+v", d)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 4, fields{"payment": "door"})
	paid := w.create("Paid", 4, nil)
	claims, claim := "/pools/"+jazz+"/claims", fields{"customer": "ann", "quantity": 2, "priceSeen": 5000}
	w.refused(pool.NameTaken, "POST", "/pools", fields{"name": " JAZZ ", "capacity": 1, "price": fields{"amount": 5000, "currency": "EUR"}, "eventDate": event})
	w.refused(pool.BadDate, "POST", "/pools", fields{"name": "Past", "capacity": 1, "price": fields{"amount": 1, "currency": "EUR"}, "eventDate": noon})
	w.refused(pool.NoPool, "POST", "/pools/nowhere/claims", claim)
	w.refused(pool.NoPool, "POST", "/pools/NO%20WAY/claims", claim)
	w.refused(pool.NoPool, "GET", "/pools/nowhere", nil)
	w.refused(pool.NoPool, "GET", "/pools/nowhere/sales.csv", nil)
	w.refused(pool.NoClaim, "GET", "/claims/"+jazz+"-9", nil, as("ann")...)
	w.refused(pool.NoClaim, "POST", "/claims/"+jazz+"-9/buy", fields{"customer": "ann"})
	w.refused(pool.NoClaim, "POST", "/claims/x/buy", fields{"customer": "ann"})
	w.refused(pool.NotSoldOut, "POST", "/pools/"+jazz+"/waiting-list", fields{"customer": "ann", "quantity": 1})
	w.refused(pool.NoRoom, "POST", "/pools/"+jazz+"/room", fields{"customer": "ann"})

	first := w.claim(jazz, "ann", 2)
	w.refused(pool.NotYourClaim, "POST", "/claims/"+first+"/buy", fields{"customer": "bob"})
	w.refused(pool.NotYourClaim, "DELETE", "/claims/"+first, nil, as("bob")...)
	if p := w.refused(pool.LimitExceeded, "POST", claims, fields{"customer": "ann", "quantity": 3, "priceSeen": 5000}); p.Facts["has"] != 2.0 {
		t.Errorf("the limit: %+v", p)
	}
	if p := w.refused(pool.SoldOut, "POST", claims, fields{"customer": "bob", "quantity": 3, "priceSeen": 5000}); p.Facts["available"] != 2.0 || p.Detail != "only 2 tickets are left" {
		t.Errorf("sold out: %+v", p)
	}
	if p := w.refused(pool.PriceChanged, "POST", claims, fields{"customer": "bob", "quantity": 1, "priceSeen": 4999}); p.Facts["price"] != 5000.0 || p.Facts["currency"] != "EUR" {
		t.Errorf("price changed: %+v", p)
	}
	w.refused(pool.NotSold, "POST", "/claims/"+first+"/refund", nil)
	w.do(http.StatusOK, "DELETE", "/claims/"+first, nil, as("ann")...)
	w.refused(pool.ClaimExpired, "POST", "/claims/"+first+"/buy", fields{"customer": "ann"})
	online := w.claim(paid, "ann", 1)
	w.refused(pool.PaymentNeeded, "POST", "/claims/"+online+"/buy", fields{"customer": "ann"})
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/cancel", fields{"reason": "rain"})
	w.refused(pool.IsCancelled, "POST", claims, claim)
	w.refused(pool.IsCancelled, "POST", "/pools/"+jazz+"/resume", nil)
	w.clock.Set(event)
	w.refused(pool.SalesEnded, "POST", "/pools/"+paid+"/claims", claim)

	// Bad input is told by field.
	for body, location := range map[string]string{
		`{"customer":"ann","quantity":5,"priceSeen":1}`:   "body.quantity",
		`{"customer":"ann","quantity":1}`:                 "body",
		`{"customer":"","quantity":1,"priceSeen":1}`:      "body.customer",
		`{"customer":"ann","quantity":"1","priceSeen":1}`: "body.quantity",
	} {
		var p problem
		if status := w.ask("POST", claims, body, &p); status != http.StatusUnprocessableEntity || len(p.Errors) == 0 || p.Errors[0].Location != location {
			t.Errorf("%s: %d %+v", body, status, p)
		}
	}
}

// Without a provider nothing can be sold that is to be paid for online.
func TestNoProvider(t *testing.T) {
	w := newWorld(t, nil)
	w.refused(pool.BadPayment, "POST", "/pools", fields{"name": "x", "capacity": 1, "price": fields{"amount": 1, "currency": "EUR"}, "eventDate": event, "payment": "online"})
	promoter := promoterVisitor{w}
	promoter.expect(200, "/tickets/promoter/new", []string{"none is set up at this server"}, "/tickets/promoter/new")
	free := w.create("Free", 1, fields{"price": fields{"amount": 0, "currency": "EUR"}})
	if d := w.pool(free); d.Payment != pool.Free {
		t.Errorf("a pool for nothing is paid %s", d.Payment)
	}
}

// What was to be paid for online, where there was a provider, cannot be bought where there
// is none any more: nobody's tickets are kept for a payment that does not begin.
func TestNoProviderAnyMore(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 8, nil)
	bought, held := w.claim(jazz, "ann", 1), w.claim(jazz, "bob", 1)
	key := []string{"Idempotency-Key", "k"}
	first := w.do(http.StatusOK, "POST", "/claims/"+bought+"/buy", fields{"customer": "ann", "method": good}, key...)
	w.state(bought, tickets.ClaimSold, tickets.MoneyCaptured)
	w.stop()
	w.provider = nil
	w.start()
	if again := w.do(http.StatusOK, "POST", "/claims/"+bought+"/buy", fields{"customer": "ann", "method": good}, key...); !again.Repeated || again.Version != first.Version {
		t.Errorf("bought again: %+v", again)
	}
	w.refused(tickets.NoProvider, "POST", "/claims/"+held+"/buy", fields{"customer": "bob", "method": good})
	if d := w.look(held); d.State != tickets.ClaimHeld || !d.Until.Equal(noon.Add(pool.Hold)) {
		t.Errorf("the claim is %+v", d)
	}
	promoterVisitor{w}.expect(200, "/tickets/promoter/"+jazz, []string{"Nobody can pay", "--payments-key-file"}, "/tickets/promoter/"+jazz)
	cid := w.visitor()
	cid.open(200, nil, "/tickets/"+jazz)
	cid.press(200, []string{"Held for you", "Nothing can be paid at the moment", "Give it back"}, "claim-tickets")
	if strings.Contains(cid.page, "buy-tickets") {
		t.Error("there is a button to buy")
	}
	cid.open(409, []string{"The promoter has not set up online payment here"}, cid.at, "do", "buy-tickets", "method", good, "key", "x")
}

// After a stop no claim and no purchase succeeds, until the sale is resumed.
func TestStop(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	cart := w.claim(jazz, "ann", 2)
	stopped := w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil)
	w.refused(pool.StoppedSales, "POST", "/claims/"+cart+"/buy", fields{"customer": "ann"})
	w.refused(pool.StoppedSales, "POST", "/pools/"+jazz+"/claims", fields{"customer": "bob", "quantity": 1, "priceSeen": 5000})
	if d := w.pool(jazz); d.Status != pool.Stopped || d.Version != stopped.Version {
		t.Errorf("stopped: %+v", d)
	}
	if again := w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil); again.Version != stopped.Version {
		t.Errorf("stopped again: %+v", again)
	}
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/resume", nil)
	w.buy(cart, "ann", "")
	w.books(jazz, 0, 2)
	if status := w.ask("POST", "/pools/"+jazz+"/stop", nil, nil, "If-Match", fmt.Sprintf(`"%d"`, stopped.Version)); status != http.StatusPreconditionFailed {
		t.Errorf("stopped by somebody who has not seen that it was resumed: %d", status)
	}
}

// A new rule holds for new claims; a claim keeps the price that it was made at.
func TestPricing(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 10, nil)
	cart := w.claim(jazz, "ann", 2)
	seen := w.pool(jazz).Version
	w.do(http.StatusOK, "PUT", "/pools/"+jazz+"/pricing", fields{"base": 7000}, "If-Match", fmt.Sprintf(`"%d"`, seen))
	if p := w.refused(pool.PriceChanged, "POST", "/pools/"+jazz+"/claims", fields{"customer": "bob", "quantity": 1, "priceSeen": 5000}); p.Facts["price"] != 7000.0 {
		t.Errorf("the new price: %+v", p)
	}
	if d := w.look(cart); d.Price != 5000 || d.Amount != 10000 || d.Rule != 1 {
		t.Errorf("the cart has become %+v", d)
	}
	// Somebody who has not seen the new rule does not change it; claims do not matter to them.
	w.claim(jazz, "cid", 1)
	if status := w.ask("PUT", "/pools/"+jazz+"/pricing", fields{"base": 8000}, nil, "If-Match", fmt.Sprintf(`"%d"`, seen)); status != http.StatusPreconditionFailed {
		t.Errorf("upon an old rule: %d", status)
	}
	w.do(http.StatusOK, "PUT", "/pools/"+jazz+"/pricing", fields{"base": 4000}, "If-Match", fmt.Sprintf(`"%d"`, seen+1))
	if c := w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/claims", fields{"customer": "bob", "quantity": 1, "priceSeen": 7000}); c.Claim.Price != 4000 || c.Claim.Rule != 3 {
		t.Errorf("the price has fallen: %+v", c.Claim)
	}
}

// The same key again has the first result; with another command it is an error.
func TestKeys(t *testing.T) {
	w := newWorld(t, nil)
	body := fields{"name": "Jazz", "capacity": 4, "price": fields{"amount": 5000, "currency": "EUR"}, "eventDate": event}
	first := w.do(http.StatusCreated, "POST", "/pools", body, "Idempotency-Key", "k")
	again := w.do(http.StatusCreated, "POST", "/pools", body, "Idempotency-Key", "k")
	if again.ID != first.ID || !again.Repeated || again.Position != first.Position {
		t.Errorf("created %+v and then %+v", first, again)
	}
	reused := func(method, path string, body any) {
		t.Helper()
		var p problem
		if status := w.ask(method, path, body, &p, "Idempotency-Key", "k"); status != http.StatusUnprocessableEntity || p.Type != "urn:aether:idempotency-key-reused" {
			t.Errorf("%s %v: %d %+v", path, body, status, p)
		}
	}
	body["capacity"] = 5
	reused("POST", "/pools", body)
	body["name"], body["capacity"] = "Rock", 4
	reused("POST", "/pools", body)

	claims := "/pools/" + first.ID + "/claims"
	claim := fields{"customer": "ann", "quantity": 4, "priceSeen": 5000}
	one := w.do(http.StatusCreated, "POST", claims, claim, "Idempotency-Key", "k")
	w.refused(pool.SoldOut, "POST", claims, fields{"customer": "bob", "quantity": 1, "priceSeen": 5000})
	two := w.do(http.StatusCreated, "POST", claims, claim, "Idempotency-Key", "k") // though it is sold out
	if !two.Repeated || two.ID != one.ID || fmt.Sprint(two.Claim) != fmt.Sprint(one.Claim) {
		t.Errorf("claimed %+v %+v and then %+v %+v", one, one.Claim, two, two.Claim)
	}
	claim["quantity"] = 3
	reused("POST", claims, claim)
	bought := w.do(http.StatusOK, "POST", "/claims/"+one.ID+"/buy", fields{"customer": "ann"}, "Idempotency-Key", "k")
	again = w.do(http.StatusOK, "POST", "/claims/"+one.ID+"/buy", fields{"customer": "ann"}, "Idempotency-Key", "k")
	if bought.Repeated || !again.Repeated || again.Version != bought.Version {
		t.Errorf("bought %+v and then %+v", bought, again)
	}
	w.books(first.ID, 0, 4)

	// For another claim it is another command.
	rock := w.create("Rock", 4, nil)
	for _, name := range []string{"ann", "bob"} {
		cart := w.claim(rock, name, 1)
		w.do(http.StatusOK, "POST", "/claims/"+cart+"/buy", fields{"customer": name}, "Idempotency-Key", "k")
	}
	w.books(rock, 0, 2)
}

// Of those who want one name at the same instant exactly one gets it.
func TestOneNameForMany(t *testing.T) {
	w := newWorld(t, nil)
	const promoters = 16
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses, ids := map[int]int{}, map[string]bool{}
	for i := range promoters {
		all.Go(func() {
			status, data := w.raw("POST", "/pools", fields{"name": "Jazz", "capacity": i + 1, "price": fields{"amount": 1, "currency": "EUR"}, "eventDate": event})
			var d struct{ ID, Reason string }
			_ = json.Unmarshal(data, &d)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
			if status == http.StatusCreated {
				ids[d.ID] = true
			} else if d.Reason != pool.NameTaken {
				t.Errorf("%d %s", status, data)
			}
		})
	}
	all.Wait()
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != promoters-1 {
		t.Errorf("the statuses are %v", statuses)
	}
	w.until("the read model has it", func() bool {
		var page tickets.PoolPage
		w.ask("GET", "/pools", nil, &page)
		return len(page.Pools) == 1 && ids[page.Pools[0].ID]
	})
}

// Who comes when nothing is left costs no save, and reads no events: but that an earlier
// claim with the same ID did not succeed must be looked up.
func TestSoldOutSavesNothing(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 4, nil)
	w.claim(jazz, "ann", 4)
	w.pool(jazz)
	saves, reads, lookups := w.store.saves.Load(), w.store.reads.Load(), w.store.lookups.Load()
	for range 100 {
		w.refused(pool.SoldOut, "POST", "/pools/"+jazz+"/claims", fields{"customer": "bob", "quantity": 1, "priceSeen": 5000})
	}
	if s, r, l := w.store.saves.Load()-saves, w.store.reads.Load()-reads, w.store.lookups.Load()-lookups; s != 0 || r != 0 || l > 100 {
		t.Errorf("100 refusals took %d saves, %d reads and %d lookups of an ID", s, r, l)
	}
}

// A hold ends by the server's clock, also when the server was down meanwhile.
func TestExpiry(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 8, nil)
	first := w.claim(jazz, "ann", 4)
	w.clock.Advance(pool.Hold - time.Second)
	second := w.claim(jazz, "bob", 2)
	w.books(jazz, 6, 0)
	w.clock.Advance(time.Second)
	if d := w.state(first, tickets.ClaimReleased, ""); d.Reason != pool.Expired {
		t.Errorf("expired: %+v", d)
	}
	w.books(jazz, 2, 0)

	w.stop()
	w.clock.Advance(pool.Hold)
	w.start()
	w.state(second, tickets.ClaimReleased, "")
	w.refused(pool.ClaimExpired, "POST", "/claims/"+second+"/buy", fields{"customer": "bob"})
	w.books(jazz, 0, 0)
	var sales tickets.SalesDocument
	if w.ask("GET", "/pools/"+jazz+"/sales?after="+w.end(), nil, &sales); sales.Totals.Expired != 2 || sales.Totals.Claims != 2 {
		t.Errorf("the totals are %+v", sales.Totals)
	}
}
