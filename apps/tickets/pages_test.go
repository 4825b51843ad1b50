package tickets_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets/pool"
)

// visitor is a customer with a browser without JavaScript.
type visitor struct {
	*world
	client http.Client
	page   string // that was opened last
	at     string // its path
}

func (w *world) visitor() *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{world: w, client: http.Client{Jar: jar}}
}

// id is the ID of the customer, which is in the cookie; "" before there is one.
func (v *visitor) id() string {
	v.t.Helper()
	at, err := url.Parse(v.url + "/tickets/mine")
	if err != nil {
		v.t.Fatal(err)
	}
	for _, cookie := range v.client.Jar.Cookies(at) {
		if cookie.Name == "aether-customer" {
			return cookie.Value
		}
	}
	return ""
}

var forbidden = regexp.MustCompile(`<style|\sstyle=|<script>|\son[a-z]+=`)

// open follows a link, or sends a form that is given as pairs of name and value, and
// expects a status and some texts on the page that it leads to.
func (v *visitor) open(status int, texts []string, path string, form ...string) {
	v.t.Helper()
	var response *http.Response
	var err error
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
	v.page, v.at = string(body), response.Request.URL.Path
	if response.StatusCode != status {
		v.t.Errorf("%s %q: %d, want %d", path, form, response.StatusCode, status)
	}
	v.shows(texts...)
	if found := forbidden.FindString(v.page); found != "" {
		v.t.Errorf("%s has %q, which the policy forbids", path, found)
	}
	if id := v.id(); id != "" && (strings.Contains(v.page, id) || strings.Contains(response.Request.URL.String(), id)) {
		v.t.Errorf("%s tells the ID of the customer", path)
	}
}

// shows expects some texts on the page that was opened last.
func (v *visitor) shows(texts ...string) {
	v.t.Helper()
	text := strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(v.page, " "))), " ")
	for _, want := range texts {
		if !strings.Contains(text, want) && !strings.Contains(v.page, want) {
			v.t.Errorf("the page at %s has no %q:\n%s", v.at, want, text)
		}
	}
}

var (
	formPart  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)".*?</form>`)
	inputPart = regexp.MustCompile(`<input ([^>]*)>`)
	attribute = regexp.MustCompile(`([a-z]+)(?:="([^"]*)")?`)
)

// press sends the form that has a button, as it is on the page: with what is in its hidden
// fields, and what is chosen, unless other values are given.
func (v *visitor) press(status int, texts []string, button string, values ...string) {
	v.t.Helper()
	for _, form := range formPart.FindAllStringSubmatch(v.page, -1) {
		if !strings.Contains(form[0], `name="do" value="`+button+`"`) {
			continue
		}
		sent := map[string]string{"do": button}
		for _, input := range inputPart.FindAllStringSubmatch(form[0], -1) {
			attributes := map[string]string{}
			for _, a := range attribute.FindAllStringSubmatch(input[1], -1) {
				attributes[a[1]] = html.UnescapeString(a[2])
			}
			if _, checked := attributes["checked"]; attributes["type"] != "radio" || checked {
				sent[attributes["name"]] = attributes["value"]
			}
		}
		for i := 0; i < len(values); i += 2 {
			sent[values[i]] = values[i+1]
		}
		var pairs []string
		for name, value := range sent {
			pairs = append(pairs, name, value)
		}
		v.open(status, texts, form[1], pairs...)
		return
	}
	v.t.Fatalf("the page at %s has no button %q", v.at, button)
}

// settled opens the page of a claim again until it says something.
func (v *visitor) settled(path, text string) {
	v.t.Helper()
	v.until(path+" says "+text, func() bool {
		v.open(http.StatusOK, nil, path)
		return strings.Contains(v.page, text)
	})
}

// From the list to the tickets, by links and buttons alone.
func TestPagesFromClaimToTickets(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.visitor(), w.visitor()
	ann.open(200, []string{"Nothing is on sale yet", `<a href="/tickets" aria-current="page">`}, "/tickets")
	ann.open(200, []string{"You have no tickets yet"}, "/tickets/mine")
	jazz := w.create(`Jazz & "Blues"`, 6, fields{"pricing": fields{"rise": 3000}})
	w.pool(jazz)
	ann.open(200, []string{`href="/tickets/` + jazz + `"`, `Jazz & "Blues"`, "€50.00", "6 of 6 left", "On sale", "Mon 21 Dec 2026, 12:00 UTC"}, "/tickets")
	if strings.Contains(ann.page, `"Blues"<`) {
		t.Error("a name is markup")
	}

	ann.open(200, []string{"€50.00 a ticket", "It goes up to €55.00 once one more ticket is sold.", "paid at the door", "Available 6", "In carts 0", "Sold 0"}, "/tickets/"+jazz)
	claiming := ann.page
	ann.press(200, []string{"Held for you", "10 minutes left", "2 tickets at €50.00", "€100.00", "You pay €100.00 at the door.", "Available 4", "In carts 2"}, "claim-tickets", "quantity", "2")
	cart := ann.at
	if cart != "/tickets/claims/"+jazz+"-1" || len(ann.id()) != 43 {
		t.Errorf("the cart of %q is at %s", ann.id(), cart)
	}
	ann.open(200, []string{"In your cart", "Held for you for 10 minutes", `href="` + cart + `"`}, "/tickets/mine")
	ann.open(200, []string{"2 tickets in your cart", "Hold for me"}, "/tickets/"+jazz)

	// The same form again, as by a double click, is the same cart.
	ann.page = claiming
	ann.press(200, []string{"Held for you"}, "claim-tickets", "quantity", "2")
	if ann.at != cart {
		t.Errorf("clicked twice, the cart is at %s", ann.at)
	}
	w.books(jazz, 2, 0)

	// Nobody else sees it, buys it or gives it back.
	bob.open(403, []string{"somebody else's cart"}, cart)
	bob.open(403, []string{"somebody else's cart"}, cart, "do", "buy-tickets", "key", "x")
	bob.open(403, []string{"somebody else's cart"}, cart, "do", "give-back-tickets", "key", "x")
	w.books(jazz, 2, 0)

	ann.open(200, nil, cart)
	ann.press(200, []string{"The tickets are yours", "You pay €100.00 at the door.", "Ticket 1", "Ticket 2", `aria-label="QR code of ticket 1"`, "Sold 2"}, "buy-tickets")
	if n := strings.Count(ann.page, `<path class="qr-ink"`); n != 2 {
		t.Errorf("there are %d QR codes", n)
	}
	code := regexp.MustCompile(`<code>(2-1-[A-Z2-7]{16})</code>`).FindStringSubmatch(ann.page)
	if code == nil {
		t.Fatal("the second ticket has no code")
	}
	ann.open(200, []string{"Tickets", "Ticket 2", code[1]}, "/tickets/mine")
	w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/check-ins", fields{"code": code[1]})
	w.pool(jazz)
	ann.open(200, []string{"Used"}, cart)
	bob.open(200, []string{"You have no tickets yet"}, "/tickets/mine")
	bob.open(404, []string{"Not found", "All tickets"}, "/tickets/nowhere")
	bob.open(404, []string{"Not found"}, "/tickets/claims/"+jazz+"-99")
	bob.open(404, []string{"Not found"}, "/tickets/claims/x", "do", "buy-tickets")
}

// What is refused is worded, and says what to do next.
func TestPagesRefuse(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 6, fields{"pricing": fields{"rise": 3000}})
	w.pool(jazz)
	path := "/tickets/" + jazz
	ann := w.visitor()
	ann.open(200, nil, path)
	w.buy(w.claim(jazz, "zoe", 1), "zoe", "")
	w.pool(jazz)
	ann.press(409, []string{"The price has risen since you saw it", "A ticket is €55.00 by now.", "claim again", `name="price" value="5500"`}, "claim-tickets", "quantity", "3")
	ann.shows(`value="3" checked`)
	ann.press(200, []string{"3 tickets at €55.00"}, "claim-tickets")
	cart := ann.at
	ann.open(200, []string{"3 tickets in your cart"}, path)
	ann.press(409, []string{"more than you may have", "you have 3 already", "Choose fewer."}, "claim-tickets", "quantity", "2")
	ann.press(409, []string{"How many?", "1 to 4"}, "claim-tickets", "quantity", "9")
	ann.press(422, []string{"The input is not right"}, "claim-tickets", "quantity", "many")
	ann.open(422, []string{"no such button"}, path, "do", "nothing")
	ann.open(422, []string{"no such button"}, cart, "do", "nothing")

	bob := w.visitor()
	bob.open(200, nil, path)
	bob.press(409, []string{"There are not as many left", "2 tickets: choose fewer"}, "claim-tickets", "quantity", "4")
	claiming := bob.page
	w.claim(jazz, "zoe", 2)
	w.pool(jazz)
	bob.press(409, []string{"Others were faster", "Join the waiting list"}, "claim-tickets", "quantity", "1")

	// Stopped, for carts too; and resumed.
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/stop", nil)
	w.pool(jazz)
	bob.page = claiming
	bob.press(409, []string{"The sale is stopped", "Keep this page open", "The sale is stopped for now"}, "claim-tickets")
	ann.open(409, []string{"The sale is stopped", "Held for you", "Give them back"}, cart, "do", "buy-tickets", "key", "a")
	if strings.Contains(ann.page, `value="buy-tickets"`) {
		t.Error("of a stopped sale a cart can be bought")
	}
	bob.open(200, []string{"Stopped for now"}, "/tickets")
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/resume", nil)

	// Given back, and too late.
	w.pool(jazz)
	ann.open(200, nil, cart)
	buying := ann.page
	ann.press(200, []string{"You have given them back", "Nothing was paid."}, "give-back-tickets")
	ann.page = buying
	ann.press(409, []string{"Your time was over", "Look whether there are some left", "Back to the sale"}, "buy-tickets")
	ann.open(200, []string{"Not yours any more", "You have given them back."}, "/tickets/mine")
	ann.open(200, nil, path)
	ann.press(200, []string{"Held for you"}, "claim-tickets")
	late := ann.at
	w.clock.Advance(pool.Hold)
	ann.settled(late, "Your time was over")
	ann.shows("went back to the sale", "Back to the sale")

	// Over, and cancelled.
	w.clock.Set(event)
	bob.open(200, []string{"The sale is over", "See what else is on sale"}, path)
	bob.open(409, []string{"The event has begun"}, path, "do", "claim-tickets", "quantity", "1", "price", "9999")
	other := w.create("Rock", 6, fields{"eventDate": event.AddDate(0, 1, 0)})
	w.pool(other)
	bob.open(200, nil, "/tickets/"+other)
	bob.press(200, []string{"Held for you"}, "claim-tickets")
	held := bob.at
	bob.press(200, []string{"The ticket is yours"}, "buy-tickets")
	w.do(http.StatusOK, "POST", "/pools/"+other+"/cancel", fields{"reason": "rain on the roof"})
	w.pool(other)
	ann.open(200, []string{"The event was cancelled", "Rain on the roof."}, "/tickets/"+other)
	ann.open(409, []string{"The event was cancelled", "gets the money back"}, "/tickets/"+other, "do", "claim-tickets", "quantity", "1", "price", "9999")
	bob.settled(held, "lets nobody in any more")
	bob.shows("The event was cancelled", "Rain on the roof.", "Nothing was paid.")
	if strings.Contains(bob.page, "qr-ink") {
		t.Error("a ticket that was taken back has a QR code")
	}
}

// A browser that keeps no cookies is told so, before anything is claimed.
func TestPagesNeedCookies(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 6, nil)
	w.pool(jazz)
	ann := w.visitor()
	ann.open(422, []string{"Your browser kept no cookie", "send it again"}, "/tickets/"+jazz, "do", "claim-tickets", "quantity", "1", "price", "5000")
	w.books(jazz, 0, 0)
	ann.press(200, []string{"Held for you"}, "claim-tickets")

	// What others put into the cookie is no ID: nobody becomes a customer whom they know.
	r, err := http.NewRequest("GET", w.url+"/tickets/mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "aether-customer", Value: "ann"})
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	set := response.Cookies()
	if len(set) != 1 || len(set[0].Value) != 43 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteLaxMode || set[0].Secure || set[0].MaxAge < 365*24*3600 {
		t.Errorf("the cookies are %+v", set)
	}
	r.Header.Set("X-Forwarded-Proto", "https, http") // by the proxy that the browser came to
	behind, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Body.Close()
	if set := behind.Cookies(); len(set) != 1 || !set[0].Secure {
		t.Errorf("behind a proxy with TLS the cookies are %+v", set)
	}
}

// The payment may take its time, be declined, and made again.
func TestPagesPay(t *testing.T) {
	w := newWorld(t, newLedger())
	jazz := w.create("Jazz", 6, nil)
	free := w.create("Choir", 6, fields{"price": fields{"amount": 0, "currency": "EUR"}})
	w.pool(free)
	ann := w.visitor()
	ann.open(200, []string{"paid online"}, "/tickets/"+jazz)
	ann.press(200, []string{"Pay €50.00", "Payment method", "no money moves"}, "claim-tickets")
	cart := ann.at
	ann.press(409, []string{"How do you pay?"}, "buy-tickets", "method", "")
	ann.press(409, []string{"How do you pay?"}, "buy-tickets", "method", "4242 4242 4242 4242")
	ann.press(409, []string{"How do you pay?"}, "buy-tickets", "method", "4242424242424242")
	ann.press(200, nil, "buy-tickets", "method", poor)
	ann.settled(cart, "The payment was declined")
	ann.shows("Nothing was paid. Your ticket is still held: try again")
	ann.press(200, []string{"Your payment is under way", "need not pay again", `http-equiv="refresh"`}, "buy-tickets", "method", slow)
	<-w.provider.waiting
	ann.open(409, []string{"The payment is under way"}, cart, "do", "give-back-tickets", "key", "x")
	ann.open(200, []string{"Payment under way"}, "/tickets/mine")
	ann.open(200, []string{"1 ticket being paid for"}, "/tickets/"+jazz)
	close(w.provider.holding)
	ann.settled(cart, "It is paid.")
	ann.shows("The ticket is yours", "Ticket 1")
	ann.open(409, []string{"These tickets are bought"}, cart, "do", "give-back-tickets", "key", "y")
	w.do(http.StatusOK, "POST", "/claims/"+strings.TrimPrefix(cart, "/tickets/claims/")+"/refund", nil)
	ann.settled(cart, "You have got €50.00 back")
	ann.shows("This ticket was taken back")

	ann.open(200, []string{"Free a ticket", "free"}, "/tickets/"+free)
	ann.press(200, []string{"Get the ticket"}, "claim-tickets")
	ann.press(200, []string{"There is nothing to pay."}, "buy-tickets")
}

// Who waits sees the place, and the offer.
func TestPagesWait(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 2, nil)
	path := "/tickets/" + jazz
	sold := w.claim(jazz, "zoe", 2)
	w.pool(jazz)
	ann, bob := w.visitor(), w.visitor()
	ann.open(200, []string{"Sold out", "With a waiting list"}, "/tickets")
	ann.open(200, []string{"Sold out"}, path)
	ann.press(200, []string{"You are on the waiting list. You are next."}, "join-waiting-list", "quantity", "2")
	bob.open(200, []string{"1 customer is on it."}, path)
	bob.press(200, []string{"1 customer is before you."}, "join-waiting-list")
	bob.press(200, []string{"Join the waiting list"}, "leave-waiting-list")
	ann.open(200, []string{"You wait for", "2 tickets, since"}, "/tickets/mine")
	w.do(http.StatusOK, "DELETE", "/claims/"+sold, nil, as("zoe")...)
	w.pool(jazz)
	ann.open(200, []string{"2 tickets offered to you", "30 minutes", "To the cart"}, path)
	ann.open(200, []string{"Offered to you"}, "/tickets/mine")
	ann.open(200, []string{"Offered to you", "30 minutes left"}, "/tickets/claims/"+jazz+"-2")
	bob.open(409, []string{"Others were faster"}, path, "do", "claim-tickets", "quantity", "1", "price", "5000")
	ann.press(200, []string{"The tickets are yours"}, "buy-tickets")
	ann.open(200, []string{"2 tickets bought", "How many do you wait for?"}, path)
}

// The waiting room shows the place, and lets in.
func TestPagesRoom(t *testing.T) {
	w := newWorld(t, nil)
	opens := noon.Add(time.Hour)
	jazz := w.create("Jazz", 10, fields{"room": fields{"opensAt": opens, "perMinute": 12}})
	path := "/tickets/" + jazz
	w.do(http.StatusCreated, "POST", "/pools/"+jazz+"/room", fields{"customer": "zoe"})
	w.pool(jazz)
	ann := w.visitor()
	ann.open(200, []string{"Waiting room", "12 customers a minute", "Sat 21 Nov 2026, 13:00 UTC"}, path)
	ann.open(409, []string{"Your turn has not come yet", "Take your place"}, path, "do", "claim-tickets", "quantity", "1", "price", "5000")
	ann.press(200, []string{"2 is your place", "1 customer is before you.", `http-equiv="refresh"`}, "join-waiting-room")
	w.clock.Set(opens)
	w.until("zoe is in", func() bool { return w.place(jazz, "zoe").Admitted })
	ann.open(200, []string{"You are next."}, path)
	w.clock.Advance(pool.Advance)
	ann.settled(path, "Hold for me")
	ann.press(200, []string{"Held for you"}, "claim-tickets")
	w.do(http.StatusOK, "POST", "/pools/"+jazz+"/room/close", nil)
	w.pool(jazz)
	ann.open(409, []string{"Nobody has to wait any more"}, path, "do", "join-waiting-room")
}

// A list that is longer than a page goes on.
func TestPagesList(t *testing.T) {
	w := newWorld(t, nil)
	last := ""
	for i := range 51 {
		last = w.create("Night "+string(rune('A'+i/26))+string(rune('A'+i%26)), 5, nil)
	}
	w.pool(last)
	ann := w.visitor()
	ann.open(200, []string{"Night BY", `data-topics="pools"`}, "/tickets")
	if strings.Contains(ann.page, "Night AA") {
		t.Error("the first page has the oldest")
	}
	more := regexp.MustCompile(`href="(/tickets\?cursor=[^"]*)"`).FindStringSubmatch(ann.page)
	if more == nil {
		t.Fatal("there is no way to the second page")
	}
	ann.open(200, []string{"Night AA", "To the newest", `data-topics=""`}, html.UnescapeString(more[1]))
}
