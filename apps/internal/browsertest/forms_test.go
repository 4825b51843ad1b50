package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Everything but what is live works without JavaScript; what is refused can be mended.
func testWithoutJavaScript(t *testing.T, b *browser) {
	world := newWorld(t)
	w := b.open(t, "one")
	w.run(emulation.SetScriptExecutionDisabled(true))
	w.visit(world.url("/rover"))
	w.has("[data-empty]", "There is no grid yet")
	w.has("[data-connection]", "Not live without JavaScript")

	w.fill("[data-create] [name=id]", "mars")
	w.fill("[data-create] [name=width]", "6")
	w.fill("[data-create] [name=height]", "5")
	w.fill("[data-create] [name=obstacles]", "3,2 four")
	w.follow(click("[data-create] button"))
	w.has("[data-create] [data-failure] [role=alert]", "The input is not right")
	w.has("#wrong-obstacles", `"four" is not a cell`)
	w.keeps("[data-create]", "id=mars", "width=6", "height=5", "obstacles=3,2 four")
	w.failed(422, "/rover")
	w.fill("[data-create] [name=obstacles]", "3,2 4,4")
	w.follow(click("[data-create] button"))
	w.at("/rover/mars")
	w.has("h1", "mars")

	w.fillLanding("ann", "0", "0")
	w.follow(click("[data-land] button"))
	w.at("/rover/mars")
	w.has("[data-said]", "ann landed at 0,0, facing north.")
	w.has("#field-text", "ann at 0,0, facing north")

	// Where ann is nobody can land.
	w.fillLanding("bob", "0", "0")
	w.click("[data-land] label:has([value=W])")
	w.follow(click("[data-land] button"))
	w.has("[data-land] [data-failure] [role=alert]", "0,0 is ann.")
	w.keeps("[data-land]", "id=bob", "x=0", "y=0", "heading=W")
	w.failed(409, "/rover/mars/rovers")
	w.fill("[data-land] [name=x]", "5")
	w.follow(click("[data-land] button"))
	w.has("[data-said]", "bob landed at 5,0, facing west.")
	w.keeps("[data-drive]", "rover=bob")

	w.follow(click("[value=F][name=step]"))
	w.has("[data-said]", "bob moved forward to 4,0.")
	w.fill("[data-drive] [name=moves]", "flff")
	w.follow(click("[data-drive] button.send"))
	w.has("[data-said]", "bob made 2 moves. In the end: bob was stopped by the edge of the grid")
	w.keeps("[data-drive]", "rover=bob")
	w.fill("[data-drive] [name=moves]", "FX")
	w.follow(click("[data-drive] button.send"))
	w.has("[data-drive] [data-failure] [role=alert]", "of the letters F, B, L and R")
	w.keeps("[data-drive]", "rover=bob", "moves=FX")
	w.failed(409, "/rover/mars/moves")

	// Enter in a form does what its main button does.
	w.fill("[data-drive] [name=moves]", "R")
	w.follow(chromedp.KeyEvent("\r"))
	w.has("[data-said]", "bob turned right")

	// Through time, by links.
	w.follow(click("[data-events] [data-version='2'] a"))
	w.has("[data-past]", "This is the past: version 2")
	w.has("#field-text", "ann at 0,0, facing north")
	w.follow(click("[data-travel] [data-by='-1']"))
	w.wait(`document.querySelector("[data-field] [data-rover]") === null`)
	w.follow(click("[data-now]"))
	w.has("#field-text", "bob at 3,0")
}

func (w *window) fillLanding(rover, x, y string) {
	w.t.Helper()
	w.fill("[data-land] [name=id]", rover)
	w.fill("[data-land] [name=x]", x)
	w.fill("[data-land] [name=y]", y)
}

// has checks that an element has a text, or a part of it, now.
func (w *window) has(selector, part string) {
	w.t.Helper()
	text := ""
	w.eval(`document.querySelector("`+selector+`")?.textContent ?? "nothing: it is not there"`, &text)
	if got := strings.Join(strings.Fields(text), " "); !strings.Contains(got, part) {
		w.t.Errorf("%s has %q, want %q", selector, got, part)
	}
}

// keeps checks what a form has in its fields.
func (w *window) keeps(form string, fields ...string) {
	w.t.Helper()
	var got []string
	w.eval(`Array.from(new FormData(document.querySelector("`+form+`")), ([name, value]) => name + "=" + value)`, &got)
	for _, want := range fields {
		if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+want+"\n") {
			w.t.Errorf("%s has %q, want %q", form, got, want)
		}
	}
}

func (w *window) at(path string) {
	w.t.Helper()
	got := ""
	w.eval("location.pathname", &got)
	if got != path {
		w.t.Fatalf("the page is %s, want %s", got, path)
	}
}
