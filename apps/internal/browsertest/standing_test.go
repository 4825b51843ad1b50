package browsertest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
)

// await asks for the status until it has a text.
func (w *world) await(part string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		response, err := http.Get(w.url("/api/status"))
		if err != nil {
			w.t.Fatal(err)
		}
		data, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		text := string(data)
		if strings.Contains(text, part) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the status is %s, want %s", text, part)
		}
	}
}

// A read model stops while pages are open: they say so, and not that they are live. The
// start page says why, and has what can be done.
func testStopped(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	start, list, grid := b.open(t, "start"), b.open(t, "list"), b.open(t, "grid")
	start.visit(world.url("/"))
	start.wait(`document.querySelector("[data-system=rover] .badge.good")`)
	list.visit(world.url("/rover"))
	grid.visit(world.url("/rover/mars"))
	for _, w := range []*window{list, grid} {
		w.live()
		w.wait(`document.querySelector("[data-read-model]").childElementCount === 0 && document.querySelector("[data-stale]").hidden`)
	}
	world.halt("ghost")
	world.await(`"state":"stopped"`)
	world.ask("POST", "/api/rover/grids/mars/rovers/ann/moves", `{"moves":"F"}`, nil)
	for _, w := range []*window{list, grid} {
		w.texts("[data-read-model] [role=alert]", "What you see is not current")
		w.wait(`!document.querySelector("[data-stale]").hidden && getComputedStyle(document.querySelector("[data-connection]")).display === "none"`)
	}
	grid.visit(world.url("/rover/mars")) // it says so at once
	stale := false
	grid.eval(`document.querySelector("[data-read-model] [role=alert]") !== null && !document.querySelector("[data-stale]").hidden`, &stale)
	if !stale {
		t.Error("a page that is opened does not say that it is not current")
	}

	start.texts("[data-trouble]", `grid "ghost" was not created`)
	start.texts("[data-trouble]", "4, RoverLanded of grid/ghost")
	start.follow(click("[data-trouble] [value=retry]"))
	start.texts("[data-trouble]", "It was tried again.")
	start.follow(click("[data-trouble] [value=skip]"))
	start.wait(`document.querySelector("[data-system=rover] .badge.good") && !document.querySelector("[data-trouble]")`)
	for _, w := range []*window{list, grid} {
		w.wait(`document.querySelector("[data-read-model]").childElementCount === 0 && document.querySelector("[data-stale]").hidden`)
	}
	grid.wait(drawn("ann", 0, 1, "N"))

	// And without JavaScript.
	world.halt("spook")
	world.await(`"state":"stopped"`)
	start.run(emulation.SetScriptExecutionDisabled(true))
	start.visit(world.url("/"))
	start.follow(click("[data-trouble] [value=skip]"))
	start.at("/")
	world.await(`"state":"live"`)
}

// The figures of the start page change while it is open, and nothing moves.
func testStartPage(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	w := b.open(t, "one")
	w.visit(world.url("/"))
	w.live()
	const place = `document.querySelector(".flow-about").getBoundingClientRect().top`
	before, after := 0.0, 0.0
	w.eval(place, &before)
	w.texts("[data-figure=position]", "3")
	world.post("/mars/rovers/ann/moves", `{"moves":"FR"}`)
	w.texts("[data-figure=position]", "5")
	w.texts("[data-reached]", "5")
	w.eval(place, &after)
	if before != after {
		t.Errorf("what is below the figures was at %v, and is at %v", before, after)
	}
	world.stop()
	w.wait(`document.querySelector("[data-connection]").dataset.connection === "offline"`)
	w.forgive(`network: Failed to load resource: net::ERR_.*`)
}

// In the past nothing can be driven or landed, by button or key, which is said; the
// counts are those of then.
func testPast(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	w := b.open(t, "one")
	w.visit(world.url("/rover/mars"))
	w.known(3)
	w.texts("[data-size]", "6 by 5 cells, 2 obstacles, 2 rovers")
	const why = `Array.from(document.querySelectorAll(".why")).every((e) => (e.getClientRects().length > 0) === %v)`
	w.wait(fmt.Sprintf(why, false))
	w.click("[data-events] [data-version='2'] a")
	w.texts("[data-size]", "At version 2: 6 by 5 cells, 2 obstacles, 1 rover")
	disabled := func(want bool) {
		t.Helper()
		w.wait(fmt.Sprintf(`Array.from(document.querySelectorAll("[data-drive] button, [data-drive] select, [data-land] button, [data-land] input:not([type=hidden])")).every((e) => e.matches(":disabled") === %v)`, want))
	}
	disabled(true)
	w.wait(fmt.Sprintf(why, true))
	w.eval(`document.querySelector("[data-window]").focus()`, nil)
	w.press(kb.ArrowUp)
	w.texts("[aria-live=polite]", "The past cannot be changed.")
	w.texts("[data-past]", "This is the past: version 2.")
	w.texts("[data-latest]", "3")
	w.click(".drive [data-to-now]")
	disabled(false)
	w.wait(fmt.Sprintf(why, false))
	w.texts("[data-size]", "6 by 5 cells, 2 obstacles, 2 rovers")
	w.press(kb.ArrowUp) // the grid has the focus
	w.wait(drawn("ann", 0, 1, "N"))
}

// A large grid can be seen as a whole, and the rover found in it, with keys and buttons.
func testView(t *testing.T, b *browser) {
	world := newWorld(t)
	world.post("", `{"id":"huge","width":1000,"height":1000}`)
	w := b.open(t, "one")
	const corner = `(() => {
		const frame = document.querySelector("[data-window]").getBoundingClientRect(), ground = document.querySelector("[data-field] .ground").getBoundingClientRect();
		return ground.bottom <= frame.bottom && ground.bottom > frame.top && ground.left >= frame.left && ground.left < frame.right;
	})()`
	const whole = `(() => {
		const frame = document.querySelector("[data-window]").getBoundingClientRect(), ground = document.querySelector("[data-field] .ground").getBoundingClientRect();
		return ground.left >= frame.left && ground.right <= frame.right && ground.top >= frame.top && ground.bottom <= frame.bottom && ground.width > 150;
	})()`
	const found = `(() => {
		const frame = document.querySelector("[data-window]").getBoundingClientRect(), rover = document.querySelector("[data-rover=ann] .arrow").getBoundingClientRect();
		const ground = document.querySelector("[data-field] .ground").getBoundingClientRect();
		return Math.abs(rover.left - frame.left - frame.width / 2) < 60 && Math.abs(rover.top - frame.top - frame.height / 2) < 60 && ground.width >= 18000;
	})()`
	for _, look := range looks {
		if look.dark {
			continue
		}
		w.look(look)
		w.visit(world.url("/rover/huge"))
		w.live()
		if look.name == "wide" {
			w.wait(corner)
			w.click("[data-find]")
			w.texts("[data-said]", "No rover has landed yet.")
			world.post("/huge/rovers", `{"id":"ann","x":500,"y":300,"heading":"N"}`)
			w.known(2)
		}
		w.click("[data-fit]")
		w.wait(whole)
		w.click("[data-find]")
		w.wait(found)
		w.texts("[data-said]", "ann is at 500,300, facing north.")
		w.eval(`document.querySelector("[data-window]").focus()`, nil)
		w.press("0")
		w.wait(whole)
		w.press("r")
		w.wait(found)
		before, after := 0.0, 0.0
		const width = `document.querySelector("[data-field]").getBoundingClientRect().width`
		w.eval(width, &before)
		w.press("+")
		w.eval(width, &after)
		if after <= before {
			t.Errorf("%s: + makes the drawing %v wide, from %v", look.name, after, before)
		}
		w.wait(found)
	}
	w.look(looks[0])
	w.visit(world.url("/rover/huge"))
	w.tabTo("[data-find]")
	w.press(kb.Enter)
	w.wait(found)
}

// A finger is no mouse: it is told of no keys, and hits cells that are large enough.
func testFinger(t *testing.T, b *browser) {
	world := newWorld(t)
	world.post("", `{"id":"wide","width":24,"height":16}`)
	w := b.open(t, "one")
	w.look(looks[2])
	w.visit(world.url("/rover/wide"))
	w.live()
	w.wait(`getComputedStyle(document.querySelector(".with-mouse")).display === "none" && document.querySelector(".with-finger").innerText.includes("Tap")`)
	tap := func(x, y int) {
		t.Helper()
		var at []float64
		w.eval(fmt.Sprintf(`(() => {
			document.querySelector("[data-window]").scrollIntoView({ block: "center" });
			const ground = document.querySelector("[data-field] .ground").getBoundingClientRect();
			return [ground.left + ground.width * (%d + 0.5) / 24, ground.bottom - ground.height * (%d + 0.5) / 16];
		})()`, x, y), &at)
		w.run(input.DispatchTouchEvent(input.TouchStart, []*input.TouchPoint{{X: at[0], Y: at[1]}}),
			input.DispatchTouchEvent(input.TouchEnd, []*input.TouchPoint{}))
	}
	tap(5, 7)
	w.texts("[data-said]", "Closer now")
	w.wait(`document.querySelector("[data-land] [name=x]").value === "" && document.querySelector("[data-field] .ground").getBoundingClientRect().width / 24 >= 24`)
	tap(5, 7)
	w.wait(`document.querySelector("[data-land] [name=x]").value === "5" && document.querySelector("[data-land] [name=y]").value === "7"`)
}

// All pages begin at the same edge, whatever they show.
func testEdges(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	w := b.open(t, "one")
	for _, look := range []look{looks[0], looks[2], {"very wide", 2200, 900, false}} {
		w.look(look)
		edges := make(map[float64][]string)
		for _, path := range []string{"/", "/rover", "/rover/mars", "/api", "/rover/pluto"} {
			w.visit(world.url(path))
			for _, part := range []string{".brand", "h1", ".bottom p"} {
				edge := 0.0
				w.eval(`document.querySelector("`+part+`").getBoundingClientRect().left`, &edge)
				edges[edge] = append(edges[edge], path+" "+part)
			}
		}
		if len(edges) != 1 {
			t.Errorf("%s: the edges are %v", look.name, edges)
		}
		w.visit(world.url("/rover"))
		apart := 0.0
		w.eval(`document.querySelector("#all").getBoundingClientRect().top - document.querySelector("#new").getBoundingClientRect().top`, &apart)
		if apart != 0 && look.width > 960 {
			t.Errorf("%s: the headings of the list are %v apart", look.name, apart)
		}
	}
	w.forgive(`network: .*status of 404 .*/rover/pluto.*`)
}
