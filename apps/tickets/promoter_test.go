package tickets_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
)

const promoter = "/tickets/promoter"

// promoterVisitor is a promoter's browser without JavaScript.
type promoterVisitor struct{ *world }

// open follows a link, or sends a form that is given as pairs of name and value. It
// returns the page it ends at, and its path.
func (v promoterVisitor) open(path string, form ...string) (status int, at, text string) {
	v.t.Helper()
	position, err := v.store.GetLatestPosition(v.t.Context())
	if err == nil {
		err = v.tickets.Wait(v.t.Context(), position) // the pages know what has happened
	}
	if err != nil {
		v.t.Fatal(err)
	}
	var response *http.Response
	if form == nil {
		response, err = v.client.Get(v.url + path)
	} else {
		values := url.Values{}
		for i := 0; i < len(form); i += 2 {
			values.Add(form[i], form[i+1])
		}
		response, err = v.client.PostForm(v.url+path, values)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, forbidden := range []string{`<style`, ` style=`, `<script>`, ` on[a-z]+=`} {
		if found := regexp.MustCompile(forbidden).FindString(string(body)); found != "" {
			v.t.Errorf("%s has %q, which the policy forbids", path, found)
		}
	}
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="[^"]+"`).FindAllString(string(body), -1) {
		if ids[id] {
			v.t.Errorf("%s has%s twice", path, id)
		}
		ids[id] = true
	}
	return response.StatusCode, response.Request.URL.Path, html.UnescapeString(string(body))
}

// expect opens a page that ends at a path and has some texts. One with an exclamation
// mark before it must not be there.
func (v promoterVisitor) expect(status int, at string, texts []string, path string, form ...string) string {
	v.t.Helper()
	gotStatus, gotAt, text := v.open(path, form...)
	if gotStatus != status || gotAt != at {
		v.t.Errorf("%s %q: %d at %s, want %d at %s", path, form, gotStatus, gotAt, status, at)
	}
	for _, want := range texts {
		if unwanted, is := strings.CutPrefix(want, "!"); is == strings.Contains(text, strings.TrimPrefix(want, "!")) {
			v.t.Errorf("%s %q: %q is wrong there: %t", path, form, unwanted, is)
		}
	}
	return text
}

// key returns the key of the form on a page.
func key(t *testing.T, text string) string {
	t.Helper()
	found := regexp.MustCompile(`name="key" value="([^"]+)"`).FindStringSubmatch(text)
	if found == nil {
		t.Fatal("the page has no form with a key")
	}
	return found[1]
}

// fresh are the inputs of a new sale, with others as they are given.
func fresh(more ...string) []string {
	all := map[string]string{"name": "Jazz Night", "date": event.Format("2006-01-02T15:04"), "capacity": "100", "payment": "door", "price": "50", "currency": "eur"}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	var form []string
	for name, value := range all {
		form = append(form, name, value)
	}
	return form
}

func TestPromoterCreates(t *testing.T) {
	v := promoterVisitor{newWorld(t, nil)}
	v.expect(200, promoter, []string{"There is no sale yet", `href="/tickets/promoter/new"`}, promoter)
	v.expect(200, promoter+"/new", []string{`value="EUR"`, `value="door" checked`, "none is set up at this server", `!value="online"`}, promoter+"/new")

	for _, test := range []struct {
		status int
		form   []string
		texts  []string
	}{
		{409, fresh("name", ""), []string{"A name has 1 to 120 bytes"}},
		{422, fresh("capacity", "many"), []string{"not a whole number", `value="many"`}},
		{409, fresh("capacity", "1000001"), []string{"A pool has 1 to 1000000 tickets"}},
		{422, fresh("date", "soon"), []string{"not a date with a time"}},
		{409, fresh("date", noon.Format("2006-01-02T15:04")), []string{"must be in the future"}},
		{409, fresh("payment", "online"), []string{"No payment provider is set up here"}},
		{409, fresh("currency", "e"), []string{"three capital letters"}},
		{422, fresh("price", "5,555"), []string{"not an amount; amounts are like 50.00"}},
		{422, fresh("price", "-1"), []string{"This is 0.00 to 10000000.00."}},
		{422, fresh("price", ""), []string{"A price is missing"}},
		{422, fresh("payment", "free"), []string{"Where tickets are free there is nothing to pay"}},
		{422, fresh("drop", "10"), []string{"how many hours before the event", `class="more" open`}},
		{422, fresh("floor", "60", "ceiling", "55"), []string{"less than the lowest price"}},
		{422, fresh("steps", "50 5.00\n20 1"), []string{"rise from line to line; 20 does not", "50 5.00\n20 1</textarea>"}},
		{422, fresh("steps", "half 5"), []string{"“half 5” is not a step"}},
		{422, fresh("per-minute", "10"), []string{"Say when the waiting room opens"}},
		{409, fresh("per-minute", "0", "opens", noon.Format("2006-01-02T15:04")), []string{"lets in 1 to 1,000,000 customers"}},
	} {
		v.expect(test.status, promoter+"/new", append(test.texts, "See the fields that are marked.", `class="wrong"`), promoter+"/new", test.form...)
	}
	v.expect(200, promoter, []string{"There is no sale yet"}, promoter)

	// The same form twice, as by a double click, is one sale.
	var at string
	for range 2 {
		form := fresh("key", "once", "rise", "25", "steps", "50: 5.00\n90% 2", "drop", "10", "before", "72", "round", "0.50", "per-minute", "60", "opens", noon.Format("2006-01-02T15:04"),
			"date", "2000-01-01T00:00", "date-at", event.Format(time.RFC3339))
		status, path, text := v.open(promoter+"/new", form...)
		if status != 200 || !strings.Contains(text, "The sale is open.") || at != "" && at != path {
			t.Fatalf("%d at %s, before %s", status, path, at)
		}
		at = path
	}
	d := v.pool(strings.TrimPrefix(at, promoter+"/"))
	if d.Rule.Rise != 2500 || len(d.Rule.Steps) != 2 || d.Rule.Steps[0].Change != 500 || d.Rule.Round != 50 || d.Currency != "EUR" || !d.EventDate.Equal(event) || d.Room == nil {
		t.Errorf("the pool is %+v", d)
	}
	v.expect(409, promoter+"/new", []string{"Another sale has this name."}, promoter+"/new", fresh("name", " jazz  NIGHT")...)
	v.expect(200, promoter, []string{">Jazz Night</a>", "0 of 100 sold", "On sale", "€50.00 now"}, promoter)
	v.expect(200, at+"/waiting", []string{"no customers in it", "Nobody is waiting"}, at+"/waiting")
	v.expect(200, at+"/waiting", []string{"You have closed the waiting room", "There is none"}, at+"/waiting", "key", "k")
	v.expect(404, promoter+"/none", []string{"There is no such pool."}, promoter+"/none")
}

func TestPromoterSteersTheSale(t *testing.T) {
	v := promoterVisitor{newWorld(t, nil)}
	jazz := v.create("Jazz Night", 10, nil)
	at := promoter + "/" + jazz
	v.expect(200, at, []string{"Nothing has happened yet", "Stop the sale", "Nobody is on the waiting list"}, at)
	v.buy(v.claim(jazz, "ann", 2), "ann", "")
	v.claim(jazz, "bob", 1)

	v.expect(200, at+"/orders", []string{"Take the order back"}, at+"/orders")
	v.expect(200, at, []string{"You have stopped the sale.", "Nothing is sold until you resume", "!Stop the sale", "2 of 10 sold, 20\u00a0%", "To be paid at the door", "€100.00", "Price over time"}, at+"/stop", "key", "a")
	v.refused("sales-stopped", "POST", "/pools/"+jazz+"/claims", fields{"customer": "cid", "quantity": 1, "priceSeen": 5000})
	v.expect(200, at, []string{"You have resumed the sale.", "!Resume the sale"}, at+"/resume", "key", "b")

	for _, wrong := range []string{"", "jazz night", "Jazz"} {
		v.expect(422, at+"/cancel", []string{"Nothing was cancelled. To cancel the event, type its name: Jazz Night", "Tickets are being sold", "rain</textarea>"}, at+"/cancel", "confirm", wrong, "reason", "rain")
	}
	v.expect(422, at+"/cancel", []string{"too long"}, at+"/cancel", "confirm", "Jazz Night", "reason", strings.Repeat("x", 501))
	v.expect(200, at, []string{"You have cancelled the event.", "The event was cancelled: Rain.", "!Stop the sale", "!Cancel the event for good"}, at+"/cancel", "confirm", " Jazz  Night ", "reason", "rain")
	v.expect(409, at+"/stop", []string{"Refused", "The event was cancelled."}, at+"/stop", "key", "c")
	v.until("the order is refunded", func() bool { return v.pool(jazz).Sold == 0 })
	v.expect(200, at, []string{"€100.00 were refunded", "Ended by the cancellation"}, at)
	v.expect(200, at+"/pricing", []string{"Its prices cannot be changed any more"}, at+"/pricing")
	v.expect(200, at+"/waiting", []string{"nobody waits any more"}, at+"/waiting")
	v.expect(200, promoter, []string{"Cancelled", "!now</span>"}, promoter)
}

func TestPromoterChangesPrices(t *testing.T) {
	v := promoterVisitor{newWorld(t, nil)}
	jazz := v.create("Jazz Night", 10, nil)
	at := promoter + "/" + jazz + "/pricing"
	v.expect(200, at, []string{"Nothing was sold yet", "In force: rule 1", "€50.00 for the first ticket", `value="50.00"`}, at)
	v.buy(v.claim(jazz, "ann", 4), "ann", "")
	v.buy(v.claim(jazz, "bob", 1), "bob", "")

	text := v.expect(200, at, []string{"2 orders earned €250.00, with 5 tickets", "exactly as much", "!Your rule</span>"}, at)
	seen := regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(text)[1]
	// Bob would have paid 4 of 10 of the 20 more.
	tried := v.expect(200, at, []string{"€258.00: €8.00 more", "In force: rule 1", `value="20"`, "From nothing sold to all sold the price of a ticket goes from €50.00 to €70.00. By the rule in force it stays at €50.00."},
		at, "do", "try", "price", "50", "rise", "20", "seen", seen)
	v.expect(200, at, []string{"€125.00: €125.00 less"}, at, "do", "try", "price", "25")
	v.expect(422, at, []string{"There is nothing to draw yet", "not an amount"}, at, "do", "change", "price", "a lot", "seen", seen)
	v.expect(200, at, []string{"You have changed the prices.", "In force: rule 2", "€20.00 more for the last one", "A ticket costs <strong>€60.00</strong> now"},
		at, "do", "change", "price", "50", "rise", "20", "seen", seen, "key", key(t, tried))

	// Somebody who has not seen that is told, and can send it again.
	text = v.expect(412, at, []string{"Somebody else has changed the prices meanwhile", `value="30"`, "In force: rule 2"}, at, "do", "change", "price", "30", "seen", seen)
	seen = regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(text)[1]
	v.expect(200, at, []string{"In force: rule 3"}, at, "do", "change", "price", "30", "seen", seen, "key", key(t, text))
}

func TestPromoterAtTheDoor(t *testing.T) {
	v := promoterVisitor{newWorld(t, nil)}
	jazz, rock := v.create("Jazz Night", 10, nil), v.create("Rock Night", 10, nil)
	v.buy(v.claim(jazz, "ann", 2), "ann", "")
	v.pool(jazz) // the read model has it
	var mine tickets.CustomerDocument
	v.ask("GET", "/mine", nil, &mine, as("ann")...)
	codes := mine.Claims[0].Tickets
	at := promoter + "/" + jazz + "/door"
	v.expect(200, at, []string{"Ready", "0 of 2 tickets sold are in.", "autofocus"}, at)
	v.expect(422, at, []string{"Scan a code, or type it."}, at, "code", " ")
	v.expect(409, at, []string{"No, not a ticket", "it may be for another event"}, at, "code", "1-1-AAAAAAAAAAAAAAAA")
	v.expect(409, promoter+"/"+rock+"/door", []string{"No, not a ticket"}, promoter+"/"+rock+"/door", "code", codes[0].Code)

	for range 2 { // the page loaded again is the same scan
		v.expect(200, at, []string{"Yes, come in", fmt.Sprint("Ticket ", codes[0].Number), "1 of 2 tickets sold are in.", `!value="` + codes[0].Code}, at, "code", " "+strings.ToLower(codes[0].Code), "key", "a")
	}
	v.expect(409, at, []string{"No, already used", "It was scanned at", noon.Format("15:04:05")}, at, "code", codes[0].Code, "key", "b")
	v.expect(200, at, []string{"Yes, come in", "2 of 2 tickets sold are in."}, at, "code", codes[1].Code, "key", "b")
}

func TestPromoterOrders(t *testing.T) {
	v := promoterVisitor{newWorld(t, newLedger())}
	jazz := v.create("Jazz Night", 4, nil)
	at := promoter + "/" + jazz + "/orders"
	v.expect(200, at, []string{"Nothing was bought yet", "/api/tickets/pools/" + jazz + "/sales.csv"}, at)
	claim := v.claim(jazz, "ann", 4)
	v.buy(claim, "ann", good)
	v.state(claim, tickets.ClaimSold, "captured")
	v.do(http.StatusCreated, "POST", "/pools/"+jazz+"/waiting-list", fields{"customer": "bob", "quantity": 2})
	waiting := promoter + "/" + jazz + "/waiting"
	v.expect(200, waiting, []string{"1 customer in all", "!>bob<"}, waiting)
	v.expect(200, at, []string{claim, "1, 2, 3, 4", "€200.00", "Sold, paid", "Give €200.00 back", "!>ann<"}, at)
	v.expect(422, at, []string{"There is no such order here."}, at, "claim", "other-1")
	v.expect(409, at, []string{"Refused", "Claim 7 has bought nothing"}, at, "claim", jazz+"-7")
	v.expect(200, at, []string{"You have refunded the order.", "Refunded, ", "!Give €200.00 back"}, at, "claim", claim)
	v.state(claim, tickets.ClaimRefunded, "refunded")
	v.expect(200, at, []string{"Refunded, money given back"}, at)
	v.expect(200, waiting, []string{"Nobody is waiting"}, waiting)
}

func TestPromoterSettlesPayments(t *testing.T) {
	v := promoterVisitor{newWorld(t, newLedger())}
	at := promoter + "/cases"
	v.expect(200, at, []string{"No payment is open"}, at)
	jazz := v.create("Jazz Night", 10, nil)
	v.provider.set(v.provider.rejects, "capture", true)
	claim := v.claim(jazz, "ann", 2)
	v.buy(claim, "ann", good)
	v.state(claim, tickets.ClaimSold, "failed")
	text := v.expect(200, at, []string{"The provider did not take the money: €100.00", ">Jazz Night</a>", claim, "Try again", "It was done"}, at)
	v.expect(200, promoter, []string{"1 open payment"}, promoter)
	v.expect(200, promoter+"/"+jazz+"/orders", []string{"Sold, payment needs you", "See to it"}, promoter+"/"+jazz+"/orders")
	again := regexp.MustCompile(`name="settle" value="(again [^"]+)"`).FindStringSubmatch(text)[1]
	v.expect(422, at, []string{"Say who you are", "Try again"}, at, "settle", again, "by", "")
	v.expect(422, at, []string{"Choose one of the buttons of a case."}, at, "by", "eve")
	v.expect(422, at, []string{"none of the ways"}, at, "by", "eve", "settle", strings.Replace(again, "again", "look", 1))
	v.expect(404, at, []string{"Not found"}, at, "by", "eve", "settle", "done payment/none#capture")
	v.provider.set(v.provider.rejects, "capture", false)
	v.expect(200, at, []string{"It is settled.", "No payment is open", `value="eve"`}, at, "by", "eve", "settle", again)
	v.state(claim, tickets.ClaimSold, "captured")
}

// What nobody knows, the provider is asked first; then somebody says it.
func TestPromoterSettlesWhatIsInDoubt(t *testing.T) {
	v := promoterVisitor{newWorld(t, newLedger())}
	at := promoter + "/cases"
	jazz := v.create("Jazz Night", 10, nil)
	v.buy(v.claim(jazz, "ann", 2), "ann", vanished)
	v.moveOn(time.Minute, "it is a case", func() bool { return len(v.cases()) == 1 })
	text := v.expect(200, at, []string{"Nobody knows whether the provider did reserve the money: €100.00", "Ask the provider", "It was not done", "!It was done<"}, at)
	id := regexp.MustCompile(`name="settle" value="look ([^"]+)"`).FindStringSubmatch(text)[1]
	v.expect(409, at, []string{"Refused", "The payment provider does not know of it, or not yet; try again in a while.", `value="eve"`}, at, "by", "eve", "settle", "look "+id)
	v.clock.Advance(2 * time.Minute) // by then the provider would know
	v.expect(200, at, []string{"It is settled.", "No payment is open"}, at, "by", "eve", "note", "called them", "settle", "not-done "+id)
}
