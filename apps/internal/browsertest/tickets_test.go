package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestTickets runs the tests of the pages of tickets, as TestPages does those of others.
func TestTickets(t *testing.T) {
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *browser)
	}{
		{"last ticket", testLastTicket},
		{"stopped sale", testStoppedSale},
		{"price changed", testPriceChanged},
		{"price drops", testPriceDrops},
		{"hold expires", testHoldExpires},
		{"paid online", testPaidOnline},
		{"without the token", testWithoutToken},
		{"accessible", testTicketsAccessible},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, b)
		})
	}
}

const (
	claimButton = "form[data-form=claim] button"
	buyButton   = "form[data-form=buy] button"
	inCart      = `location.pathname.startsWith("/tickets/claims/")`
)

// titled is the condition that a page, or its cart, has a heading.
func titled(id, title string) string {
	return fmt.Sprintf("document.querySelector(%q)?.textContent.trim() === %q", "#"+id, title)
}

// numbers is the condition that a customer's page has so many tickets.
func numbers(available, held, sold int) string {
	return fmt.Sprintf(`["available", "held", "sold"].map((n) => document.querySelector(".stock [data-fill=" + n + "]").textContent).join() === "%d,%d,%d"`, available, held, sold)
}

// figures is the condition that the promoter's page has so many tickets.
func figures(available, held, sold int) string {
	return fmt.Sprintf(`Array.from(document.querySelectorAll("#figures [data-figure]"), (e) => e.textContent).slice(0, 3).join() === "%d,%d,%d"`, sold, held, available)
}

// control presses the button that stops or resumes a sale. For a while after the one the
// other does not work.
func (w *window) control(button, becomes string) {
	w.t.Helper()
	w.wait(fmt.Sprintf(`(() => { const b = document.querySelector("#control button"); return b.textContent === %q && !b.disabled; })()`, button))
	w.click("#control button")
	w.texts("#control h2", becomes)
}

// claim claims tickets on the page of a pool, and is in the cart then.
func (w *window) claim(quantity int) {
	w.t.Helper()
	if quantity > 1 {
		choice := fmt.Sprintf(`form[data-form=claim] label:has([value="%d"])`, quantity)
		w.click(choice)
		w.wait(fmt.Sprintf("document.querySelector('%s input').checked", choice))
	}
	w.follow(click(claimButton))
	w.wait(inCart + " && " + titled("cart", "Held for you"))
}

// refused expects the page to say why a form was refused, in an answer of status 409.
func (w *window) refused(title, text string) {
	w.t.Helper()
	w.has("[data-failure] [role=alert]", title)
	w.has("[data-failure] [role=alert]", text)
	w.complained(conflict)
}

const conflict = `network: Failed to load resource: the server responded with a status of 409 .*`

// Of two customers who try to get the last ticket at once exactly one does; the other
// can wait for it. The promoter watches.
func testLastTicket(t *testing.T, b *browser) {
	world := newTicketsWorld(t, aether.MachineClock{})
	id := world.create("Harbour Lights", 1, "door")
	ann, bob, late, promoter := b.open(t, "ann"), b.open(t, "bob"), b.open(t, "late"), b.open(t, "promoter")
	late.run(emulation.SetScriptExecutionDisabled(true)) // so that the page stays as it is
	late.visit(world.url("/tickets/" + id))
	world.promote(promoter, id)
	promoter.wait(figures(1, 0, 0))
	customers := []*window{ann, bob}
	for _, w := range customers {
		world.watch(w, "/tickets/"+id)
		w.wait(numbers(1, 0, 0))
		w.has("#tickets ~ form", "You can have 1 ticket.")
	}
	for _, w := range customers { // the page of the second may know by then that there is none left
		w.eval(fmt.Sprintf("document.querySelector(%q)?.click()", claimButton), nil)
	}
	var winner, loser *window
	for _, w := range customers {
		w.wait("(" + inCart + " || " + titled("tickets", "Sold out") + `) && document.readyState === "complete"`)
		won := false
		w.eval(inCart, &won)
		if won {
			winner = w
		} else {
			loser = w
		}
	}
	if winner == nil || loser == nil {
		t.Fatal("not exactly one customer has got the last ticket")
	}
	loser.forgive(conflict)
	winner.wait(titled("cart", "Held for you"))
	winner.wait(numbers(0, 1, 0))
	loser.wait(numbers(0, 1, 0))
	promoter.wait(figures(0, 1, 0))

	late.follow(click(claimButton))
	late.refused("Others were faster", "Join the waiting list")
	late.has("#tickets", "Sold out")

	loser.live()
	loser.follow(click("form[data-form=list] button"))
	loser.wait(`document.querySelector("[aria-labelledby=tickets]").textContent.includes("You are on the waiting list.")`)

	winner.follow(click(buyButton))
	winner.wait(titled("cart", "The ticket is yours"))
	winner.wait(numbers(0, 0, 1))
	loser.wait(numbers(0, 0, 1))
	promoter.wait(figures(0, 0, 1))
}

// The promoter stops the sale: all pages that are open show it, and nothing is bought
// until it goes on.
func testStoppedSale(t *testing.T, b *browser) {
	world := newTicketsWorld(t, aether.MachineClock{})
	id := world.create("Harbour Lights", 10, "door")
	ann, bob, old, promoter := b.open(t, "ann"), b.open(t, "bob"), b.open(t, "old"), b.open(t, "promoter")
	old.run(emulation.SetScriptExecutionDisabled(true))
	world.promote(promoter, id)
	for _, w := range []*window{old, ann} {
		w.visit(world.url("/tickets/" + id))
		w.claim(1)
	}
	world.watch(bob, "/tickets/"+id)
	ann.live()
	bob.wait(numbers(8, 2, 0))

	promoter.control("Stop the sale", "Stopped")
	bob.wait(titled("tickets", "The sale is stopped for now"))
	ann.wait(`document.querySelector(".cart").textContent.includes("The sale is stopped")`)
	for _, w := range []*window{ann, bob} {
		w.wait(fmt.Sprintf("document.querySelector(%q) === null", claimButton+", "+buyButton))
	}
	old.follow(click(buyButton))
	old.refused("The sale is stopped", "nobody can buy")

	promoter.control("Resume the sale", "On sale")
	bob.wait(fmt.Sprintf("document.querySelector(%q) !== null", claimButton))
	ann.wait(fmt.Sprintf("document.querySelector(%q) !== null", buyButton))
	ann.follow(click(buyButton))
	ann.wait(titled("cart", "The ticket is yours"))
	bob.wait(numbers(8, 1, 1))
	promoter.wait(figures(8, 1, 1))
}

// The price rises between look and claim: whoever has seen the old one is told the new
// one, and may take it.
func testPriceChanged(t *testing.T, b *browser) {
	world := newTicketsWorld(t, aether.MachineClock{})
	id := world.create("Harbour Lights", 10, "door")
	ann, bob, promoter := b.open(t, "ann"), b.open(t, "bob"), b.open(t, "promoter")
	ann.run(emulation.SetScriptExecutionDisabled(true))
	ann.visit(world.url("/tickets/" + id))
	ann.has(".price-line", "€50.00")
	world.watch(bob, "/tickets/"+id)

	world.watch(promoter, "/tickets/promoter/"+id+"/pricing")
	promoter.fill("#rule [name=price]", "60.00")
	promoter.click("#rule [name=do][value=change]")
	promoter.texts("#in-force h3", "rule 2")
	bob.texts(".price-line", "€60.00")
	bob.texts("[data-price-note]", "It was €50.00 a moment ago.")

	ann.follow(click(claimButton))
	ann.refused("The price has risen since you saw it", "A ticket is €60.00 by now.")
	ann.at("/tickets/" + id)
	ann.has(".price-line", "€60.00")
	ann.has(".stock [data-fill=available]", "10")
	ann.follow(click(claimButton))
	ann.wait(inCart)
	ann.has(".bill", "€60.00")
	bob.wait(numbers(9, 1, 0))
}

// The time of a cart is the server's, and when it is over its tickets go back.
func testHoldExpires(t *testing.T, b *browser) {
	clock := aethertest.NewClock(time.Date(2031, 5, 3, 12, 0, 0, 0, time.UTC)) // years from that of the browsers
	world := newTicketsWorld(t, clock)
	id := world.create("Harbour Lights", 10, "door")
	ann, bob := b.open(t, "ann"), b.open(t, "bob")
	ann.visit(world.url("/tickets/" + id))
	ann.claim(2)
	ann.wait(`/^(10:00|9:\d\d)$/.test(document.querySelector(".cart [data-until]").textContent)`)
	world.watch(bob, "/tickets/"+id)
	bob.wait(numbers(8, 2, 0))

	clock.Advance(9 * time.Minute)
	ann.run(chromedp.Reload())
	ann.live()
	ann.wait(`/^(1:00|0:\d\d)$/.test(document.querySelector(".cart [data-until]").textContent)`)
	ann.wait(titled("cart", "Held for you"))
	bob.wait(numbers(8, 2, 0))

	clock.Advance(time.Minute)
	ann.wait(titled("cart", "Your time was over"))
	ann.wait(numbers(10, 0, 0))
	bob.wait(numbers(10, 0, 0))
}

// Tickets are paid online, shown with their codes, and let their holders in.
func testPaidOnline(t *testing.T, b *browser) {
	world := newTicketsWorld(t, aether.MachineClock{})
	id := world.create("Harbour Lights", 10, "online")
	ann, promoter := b.open(t, "ann"), b.open(t, "promoter")
	ann.visit(world.url("/tickets/" + id))
	ann.claim(2)
	ann.texts(buyButton+".main", "Pay €100.00")
	ann.follow(click(buyButton + ".main"))
	ann.wait(titled("cart", "Your payment is under way"))
	ann.live()
	close(world.pay)
	ann.wait(titled("cart", "The tickets are yours"))
	ann.texts(".cart", "They are paid.")

	world.watch(ann, "/tickets/mine")
	ann.has(".order h3", "Harbour Lights")
	ann.wait(`document.querySelectorAll(".order .ticket .qr-ink").length === 2`)
	code := ""
	ann.eval(`document.querySelector(".ticket code").textContent`, &code)
	if strings.Count(code, "-") < 2 {
		t.Errorf("the code of the ticket is %q", code)
	}

	world.watch(promoter, "/tickets/promoter/"+id+"/door")
	promoter.fill("#door [name=code]", code)
	promoter.press(kb.Enter)
	promoter.wait(`document.querySelector("#door-answer .answer.yes") !== null`)
	promoter.texts("#door-count", "1 of 2 tickets sold are in.")
	ann.wait(`document.querySelectorAll(".order .ticket.used").length === 1`)
}

// A customer has no token of the server: everything on the pages works without it, live
// too, and nothing in the console says that something was refused.
func testWithoutToken(t *testing.T, b *browser) {
	world := newGuardedTickets(t, aether.MachineClock{}, "a-token-of-some-length")
	id := world.create("Harbour Lights", 10, "door")
	ann := b.open(t, "ann")
	ann.look(look{"phone", 390, 844, false})
	world.watch(ann, "/tickets")
	ann.wait(`document.querySelector("header nav") === null && document.querySelectorAll("[href*=promoter], [href='/'], [href='/api']").length === 0`)
	world.watch(ann, "/tickets/"+id)
	ann.picture("screenshots/tickets-outside-phone.png")
	ann.claim(2)
	ann.live()
	world.ask(http.StatusOK, "POST", "/api/tickets/pools/"+id+"/stop", "", nil)
	ann.wait(`document.querySelector(".cart").textContent.includes("The sale is stopped")`)
	world.ask(http.StatusOK, "POST", "/api/tickets/pools/"+id+"/resume", "", nil)
	ann.wait(fmt.Sprintf("document.querySelector(%q) !== null", buyButton))
	ann.follow(click(buyButton))
	ann.wait(titled("cart", "The tickets are yours"))
	world.watch(ann, "/tickets/mine")
	ann.wait(`document.querySelectorAll(".order .ticket .qr-ink").length === 2`)
}

// testTicketsAccessible looks at the pages: axe-core finds nothing, and nothing is wider
// than the window.
func testTicketsAccessible(t *testing.T, b *browser) {
	axe := readAxe(t)
	world := newTicketsWorld(t, aether.MachineClock{})
	close(world.pay)
	id := world.create("Harbour Lights", 20, "online")
	world.create("Village Choir, spring concert, with a name that is quite a bit longer than others", 1, "door")
	for _, look := range looks {
		if look.name != "phone" && look.name != "wide-dark" {
			continue
		}
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			w := b.open(t, look.name)
			w.look(look)
			w.visit(world.url("/tickets/" + id))
			w.claim(2)
			w.follow(click(buyButton + ".main"))
			w.wait(titled("cart", "The tickets are yours"))
			w.texts(".cart", "They are paid.")
			w.visit(world.url("/tickets/" + id))
			w.claim(1)
			cart := ""
			w.eval("location.pathname", &cart)
			sale := "/tickets/promoter/" + id
			for _, s := range []sight{
				{name: "tickets", path: "/tickets"},
				{name: "tickets-pool", path: "/tickets/" + id},
				{name: "tickets-cart", path: cart},
				{name: "tickets-mine", path: "/tickets/mine"},
				{name: "tickets-promoter", path: "/tickets/promoter"},
				{name: "tickets-sale", path: sale},
				{name: "tickets-pricing", path: sale + "/pricing"},
				{name: "tickets-door", path: sale + "/door"},
			} {
				s.until = connected
				w.visit(world.url(s.path))
				w.examine(look, s, axe)
			}
		})
	}
}
