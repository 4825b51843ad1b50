package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// drawn is the condition that a rover is drawn at a field with a heading.
func drawn(rover string, x, y int, heading string) string {
	degrees := map[string]int{"N": 0, "E": 90, "S": 180, "W": 270}[heading]
	return fmt.Sprintf(`(() => {
		const height = document.querySelector("[data-field] .ground").getAttribute("height") / 20;
		const mark = document.querySelector('[data-field] [data-rover=%q]');
		const [px, py] = mark.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
		const turn = Number(mark.querySelector(".arrow").getAttribute("transform")?.match(/-?[\d.]+/)[0] ?? 0);
		return px === %d * 20 + 10 && py === (height - 1 - %d) * 20 + 10 && ((turn - %d) %% 360) === 0;
	})()`, rover, x, y, degrees)
}

// live waits until the window says that it is live.
func (w *window) live() {
	w.t.Helper()
	w.wait(`document.querySelector("[data-connection]").dataset.connection === "live"`)
}

// known waits until the script of the page has the grid at a version.
func (w *window) known(version int) {
	w.t.Helper()
	w.live()
	w.wait(fmt.Sprintf(`document.querySelector("#version").ariaValueText?.endsWith(" of %d")`, version))
}

// land lands a rover by the form.
func (w *window) land(rover string, x, y int, heading string) {
	w.t.Helper()
	w.fill("[data-land] [name=id]", rover)
	w.fill("[data-land] [name=x]", fmt.Sprint(x))
	w.fill("[data-land] [name=y]", fmt.Sprint(y))
	w.click(fmt.Sprintf("[data-land] label:has([value=%s])", heading))
	w.wait(fmt.Sprintf("document.querySelector('[data-land] [value=%s]').checked", heading))
	w.click("[data-land] button")
	w.wait(drawn(rover, x, y, heading))
	w.texts("[data-said]", rover+" landed at")
}

// complete waits until the list has exactly the events up to a version, in order.
func (w *window) complete(version int) {
	w.t.Helper()
	var all []string
	for v := version; v > 0; v-- {
		all = append(all, fmt.Sprint(v))
	}
	w.wait(fmt.Sprintf(`Array.from(document.querySelectorAll("[data-events] li"), (e) => e.dataset.version).join() === %q`, strings.Join(all, ",")))
}

// A grid is made in one window and found in the other; each sees what the other does.
func testTwoWindows(t *testing.T, b *browser) {
	world := newWorld(t)
	one, two := b.open(t, "one"), b.open(t, "two")
	one.visit(world.url("/rover"))
	two.visit(world.url("/rover"))
	one.live()
	two.live()

	one.fill("[data-create] [name=id]", "mars")
	one.fill("[data-create] [name=width]", "6")
	one.fill("[data-create] [name=height]", "5")
	one.fill("[data-create] [name=obstacles]", "3,2 4,4")
	one.click("[data-create] button")
	one.wait(`location.pathname === "/rover/mars"`)
	one.known(1)
	one.texts("[data-standing]", "No rover has landed")

	two.texts("[data-grid=mars] [data-size]", "6 by 5 cells, 2 obstacles, no rovers")
	two.click("[data-grid=mars] a")
	two.wait(`location.pathname === "/rover/mars"`)
	two.known(1)

	one.land("ann", 0, 0, "N")
	two.wait(drawn("ann", 0, 0, "N"))
	two.known(2) // by then the form to drive has made room for itself
	two.land("bob", 5, 0, "W")
	one.wait(drawn("bob", 5, 0, "W"))
	one.known(3)

	one.click("[value=F][name=step]")
	one.texts("[data-said]", "ann moved forward to 0,1.")
	one.wait(drawn("ann", 0, 1, "N"))
	two.wait(drawn("ann", 0, 1, "N"))

	two.fill("[data-drive] [name=moves]", "flff")
	two.click("[data-drive] button.send")
	two.texts("[data-said]", "bob made 2 moves. In the end: bob was stopped by the edge of the grid")
	two.wait(drawn("bob", 4, 0, "S"))
	one.wait(drawn("bob", 4, 0, "S"))

	for _, w := range []*window{one, two} {
		w.texts("#field-text", "ann at 0,1, facing north; bob at 4,0, facing south, stopped by the edge of the grid")
		w.complete(7)
		w.texts("[data-latest]", "7")
	}

	// A refusal says why, and nobody sees anything of it.
	one.fill("[data-land] [name=id]", "cid")
	one.fill("[data-land] [name=x]", "3")
	one.fill("[data-land] [name=y]", "2")
	one.click("[data-land] button")
	one.texts("[data-land] [data-failure]", "3,2 is an obstacle")
	one.wait(`document.querySelector("[data-land] [name=id]").value === "cid"`)
	one.complete(7)
	one.complained(`network: Failed to load resource: the server responded with a status of 409 \(Conflict\) \(.*/api/rover/grids/mars/rovers\)`)
}

// The slider shows every version; the grid goes on meanwhile.
func testTravel(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	world.post("/mars/rovers/ann/moves", `{"moves":"FFR"}`)
	w := b.open(t, "one")
	w.visit(world.url("/rover/mars"))
	w.known(6)
	w.wait(drawn("ann", 0, 2, "E"))

	w.eval(`document.querySelector("#version").focus()`, nil)
	w.press(kb.Home)
	w.texts("[data-past]", "This is the past: version 1.")
	w.wait(`document.querySelectorAll("[data-field] [data-rover], [data-field] .trail").length === 0`)
	w.wait(`document.querySelector("[data-events] [aria-current]").dataset.version === "1"`)
	w.press(kb.ArrowRight)
	w.texts("[data-past]", "version 2.")
	w.wait(drawn("ann", 0, 0, "N"))
	w.wait(`document.querySelector("[data-field] [data-rover=bob]") === null`)

	// What happens now is counted and listed, and not drawn.
	world.post("/mars/rovers/bob/moves", `{"moves":"F"}`)
	w.texts("[data-latest]", "7")
	w.complete(7)
	w.texts("[data-shown]", "2")
	w.wait(drawn("ann", 0, 0, "N"))
	w.wait(`document.querySelector("[data-field] [data-rover=bob]") === null`)

	w.click("[data-events] [data-version='4'] a")
	w.texts("[data-past]", "version 4.")
	w.wait(drawn("ann", 0, 1, "N"))
	w.click("[data-travel] [data-by='1']")
	w.texts("[data-past]", "version 5.")
	w.wait(drawn("ann", 0, 2, "N"))
	w.click("[data-travel] [data-by='-1']")
	w.texts("[data-past]", "version 4.")

	// The address has what is shown.
	w.wait(`location.search === "?version=4"`)
	w.visit(world.url("/rover/mars?version=4"))
	w.known(7)
	w.texts("[data-past]", "version 4.")
	w.wait(drawn("ann", 0, 1, "N"))

	w.click("[data-now]")
	w.wait(`document.querySelector("[data-past]").textContent.trim() === "" && location.search === ""`)
	w.wait(drawn("ann", 0, 2, "E"))
	w.wait(drawn("bob", 4, 0, "W"))
}

// The server stops, events come while the pages cannot be told, and it starts again:
// the pages find their way back and have missed nothing.
func testRestart(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	one, two := b.open(t, "one"), b.open(t, "two")
	for _, w := range []*window{one, two} {
		w.visit(world.url("/rover/mars"))
		w.known(3)
		w.complete(3)
	}
	address := world.address
	world.stop()
	for _, w := range []*window{one, two} {
		w.texts("[data-connection]", "Offline")
	}
	one.click("[value=F][name=step]")
	one.texts("[data-drive] [data-failure]", "The server cannot be reached")

	// Elsewhere the grid goes on.
	world.start("127.0.0.1:0")
	world.post("/mars/rovers/ann/moves", `{"moves":"FFRF"}`)
	world.post("/mars/rovers/bob/moves", `{"moves":"RFB"}`)
	world.post("/mars/rovers", `{"id":"cid","x":2,"y":4,"heading":"S"}`)
	world.stop()

	world.start(address)
	for _, w := range []*window{one, two} {
		w.live()
		w.wait(drawn("ann", 1, 2, "E"))
		w.wait(drawn("bob", 5, 0, "N"))
		w.wait(drawn("cid", 2, 4, "S"))
		w.complete(11)
		w.texts("#field-text", "ann at 1,2, facing east; bob at 5,0, facing north; cid at 2,4, facing south")
	}
	for _, w := range []*window{one, two} { // whether it came to these is a matter of time
		w.forgive(`.*: WebSocket connection to 'ws://` + address + `/live' failed: Error in connection establishment: net::ERR_CONNECTION_REFUSED .*`)
		w.forgive(`network: Failed to load resource: net::ERR_CONNECTION_REFUSED \(http://` + address + `/(static/.*/icon\.svg|api/status)\)`)
	}
	one.complained(`network: Failed to load resource: net::ERR_CONNECTION_REFUSED \(http://` + address + `/api/rover/grids/mars/rovers/ann/moves\)`)
	two.complained()

	// And it goes on between them.
	one.click("[value=R][name=step]")
	two.wait(drawn("ann", 1, 2, "S"))
	two.complete(12)
}

// All can be done by keyboard, and is said.
func testKeyboard(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	w := b.open(t, "one")
	w.visit(world.url("/rover/mars"))
	w.known(3)

	w.press(kb.Tab)
	w.wait(`document.activeElement.matches(".skip")`)
	w.press(kb.Enter)
	w.wait(`document.activeElement.matches("#main")`)
	w.tabTo("[data-window]")
	w.eval(`document.querySelector("[data-said]").setAttribute("data-same", "")`, nil)
	said := "[data-said][data-same][role=status]" // read out only if it stays in the page
	for _, step := range []struct{ key, said string }{
		{kb.ArrowUp, "ann moved forward to 0,1."},
		{kb.ArrowRight, "ann turned right, now facing east."},
		{kb.ArrowDown, "ann was stopped by the edge of the grid"},
		{kb.ArrowLeft, "ann turned left, now facing north."},
	} {
		w.press(step.key)
		w.texts(said, step.said)
	}
	w.wait(drawn("ann", 0, 1, "N"))

	w.tabTo("#in-rover")
	w.press("b")
	w.texts("[data-standing]", "At 5,0, facing west.")
	w.tabTo("[data-window]")
	w.press(kb.ArrowUp)
	w.texts(said, "bob moved forward to 4,0.")

	w.tabTo("[data-land] [name=id]")
	w.press("cid", kb.Tab, "1", kb.Tab, "3", kb.Tab, kb.ArrowRight, kb.Enter)
	w.texts(said, "cid landed at 1,3, facing east")
	w.wait(drawn("cid", 1, 3, "E"))
}

// tabTo presses Tab until an element has the focus, which can be seen then.
func (w *window) tabTo(selector string) {
	w.t.Helper()
	for range 60 {
		w.press(kb.Tab)
		at, outlined := false, false
		w.eval(fmt.Sprintf("document.activeElement.matches(%q)", selector), &at)
		if !at {
			continue
		}
		w.eval(`getComputedStyle(document.activeElement).outlineStyle !== "none"`, &outlined)
		if !outlined {
			w.t.Errorf("%s has the focus, and nothing shows it", selector)
		}
		return
	}
	w.t.Fatalf("the keyboard does not come to %s", selector)
}
