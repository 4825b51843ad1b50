package browsertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether/internal/testenv"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// look is how pages are looked at.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{
	{"wide", 1280, 900, false},
	{"wide-dark", 1280, 900, true},
	{"phone", 390, 844, false},
	{"phone-dark", 390, 844, true},
}

// sight is a page in some state.
type sight struct {
	name, path string

	// until is a condition that is true when the page is complete, before and after
	// what is then to be done with it.
	until, do, then string

	status int // of the page, where it is an error

	look   string // those that are enough, where it takes long; "" for all
	within string // what alone axe-core examines, where all takes long: others have the rest
}

const connected = `document.querySelector("[data-connection]").dataset.connection === "live"`

var sights = []sight{
	{name: "start", path: "/"},
	{name: "list", path: "/rover", until: connected},
	{name: "grid", path: "/rover/mars", until: connected},
	{name: "grid-past", path: "/rover/mars?version=4", until: connected + ` && document.querySelector("#version").ariaValueText?.startsWith("version 4 ")`},
	{
		name: "grid-refused", path: "/rover/mars", until: connected, look: "phone",
		do: `document.querySelector("[data-land] [name=id]").value = "ann";
			document.querySelector("[data-land] [name=x]").value = document.querySelector("[data-land] [name=y]").value = 1;
			document.querySelector("[data-land] button").click();`,
		then:   `document.querySelector("[data-land] [role=alert]")`,
		status: 409,
	},
	{name: "grid-empty", path: "/rover/venus", until: connected, look: "wide"},
	{name: "grid-large", path: "/rover/jupiter", until: connected, look: "phone-dark"},
	{name: "grid-crowd", path: "/rover/crowd", until: connected, look: "phone"},
	{name: "grid-huge", path: "/rover/huge", until: connected, look: "wide-dark"},
	{
		name: "grid-huge-small", path: "/rover/huge", until: connected, look: "wide",
		do: `for (let i = 0; i < 13; i++) document.querySelector("[data-zoom] [data-by='-1']").click();`,
	},
	{
		name: "grid-blocked", path: "/rover/io", until: connected, look: "phone-dark",
		do:   `document.querySelector("#in-moves").value = "FRB"; document.querySelector("button.send").click();`,
		then: `document.querySelector("[data-said]").textContent.includes("stopped by")`,
	},
	{name: "grid-rocks", path: "/rover/rocks", until: connected, look: "wide"},
	{name: "grid-tiny", path: "/rover/tiny", until: connected, look: "wide"},
	{name: "grid-fit", path: "/rover/huge", until: connected, look: "phone", do: `document.querySelector("[data-fit]").click();`},
	{name: "grid-found", path: "/rover/huge", until: connected, look: "wide-dark", do: `document.querySelector("[data-fit]").click(); document.querySelector("[data-find]").click();`},
	{name: "grid-unnamed", path: "/rover/0199a3c2-7c1e-7abc-8def-0123456789ab", until: connected, look: "phone"},
	{name: "api", path: "/api", look: "wide-dark phone"},
	{
		name: "api-open", path: "/api", look: "wide",
		// Of one operation: axe-core takes its time, and the others are made in the same way.
		do: `for (const d of document.querySelectorAll("#create-grid details")) d.open = true;`, within: "#create-grid",
	},
	{name: "error", path: "/no/such/page", status: 404},
	{name: "no-grid", path: "/rover/pluto", status: 404, look: "phone-dark"},
}

// stoppedSights are pages whose read model has stopped.
var stoppedSights = []sight{
	{name: "start-stopped", path: "/", look: "wide-dark"},
	{name: "list-stopped", path: "/rover", until: connected, look: "wide"},
	{name: "grid-stopped", path: "/rover/mars", until: connected, look: "phone-dark"},
}

// testAccessible looks at every page in every way: axe-core finds nothing, nothing is
// wider than the window, and pictures of them are kept.
func testAccessible(t *testing.T, b *browser) {
	axe := readAxe(t)
	empty, full, halted := newWorld(t), newWorld(t), newWorld(t)
	full.fill()
	halted.mars()
	halted.halt("ghost")
	halted.await(`"state":"stopped"`)
	for _, look := range looks {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			w := b.open(t, look.name)
			w.look(look)
			w.visit(empty.url("/rover"))
			w.examine(look, sight{name: "list-empty", until: connected}, axe)
			if look.name == "phone" {
				w.examineOffline(look, axe)
			}
			for _, s := range sights {
				if s.look == "" || slices.Contains(strings.Fields(s.look), look.name) {
					w.visit(full.url(s.path))
					w.examine(look, s, axe)
				}
			}
			for _, s := range stoppedSights {
				if s.look == "" || slices.Contains(strings.Fields(s.look), look.name) {
					w.visit(halted.url(s.path))
					w.examine(look, s, axe)
				}
			}
		})
	}
}

// readAxe returns the script of axe-core.
func readAxe(t *testing.T) string {
	t.Helper()
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if errors.Is(err, fs.ErrNotExist) {
		testenv.Lacks(t, "axe-core")
	} else if err != nil {
		t.Fatal(err)
	}
	return string(axe)
}

// examineOffline examines a page whose server has stopped.
func (w *window) examineOffline(l look, axe string) {
	world := newWorld(w.t)
	world.mars()
	w.visit(world.url("/rover/mars"))
	w.live()
	world.stop()
	w.examine(l, sight{
		name:  "grid-offline",
		until: `document.querySelector("[data-connection]").dataset.connection === "offline"`,
		do:    `document.querySelector("[name=step][value=F]").click();`,
		then:  `document.querySelector("[data-drive] [role=alert]")`,
	}, axe)
	w.visit("about:blank") // or it goes on trying
	w.forgive(`(?s).*net::ERR_.*`)
}

// fill makes grids that look like something.
func (w *world) fill() {
	w.t.Helper()
	w.post("", `{"id":"venus","width":12,"height":8}`)
	var rocks []string
	for i := range 400 {
		rocks = append(rocks, fmt.Sprintf(`{"x":%d,"y":%d}`, i*37%120, i*53%80))
	}
	w.post("", `{"id":"jupiter","width":120,"height":80,"obstacles":[`+strings.Join(rocks, ",")+`]}`)
	w.post("/jupiter/rovers", `{"id":"a rover with quite a long name","x":60,"y":41,"heading":"S"}`)
	w.post("", `{"id":"huge","width":1000,"height":1000,"obstacles":[`+strings.Join(rocks, ",")+`]}`)
	w.post("/huge/rovers", `{"id":"ann","x":500,"y":500,"heading":"S"}`)
	var some []string
	for i := range 70 {
		if x, y := i*7%24, i*5%16; y != 8 {
			some = append(some, fmt.Sprintf(`{"x":%d,"y":%d}`, x, y))
		}
	}
	w.post("", `{"id":"rocks","width":24,"height":16,"obstacles":[`+strings.Join(some, ",")+`]}`)
	for i, rover := range []string{"opportunity", "perseverance", "a rover with quite a long name", "ann"} {
		w.post("/rocks/rovers", fmt.Sprintf(`{"id":%q,"x":%d,"y":8,"heading":"E"}`, rover, 2+6*i))
	}
	w.post("", `{"id":"tiny","width":2,"height":3}`)
	w.post("", `{"id":"0199a3c2-7c1e-7abc-8def-0123456789ab","width":8,"height":6}`)
	w.post("", `{"id":"`+strings.Repeat("endless", 9)+`","width":8,"height":6}`)
	w.post("", `{"id":"io","width":8,"height":6}`)
	w.post("/io/rovers", `{"id":"ann","x":7,"y":5,"heading":"N"}`) // and before it is nothing
	w.post("", `{"id":"crowd","width":24,"height":16}`)
	for i := range 30 {
		w.post("/crowd/rovers", fmt.Sprintf(`{"id":"opportunity-%d","x":%d,"y":%d,"heading":"E"}`, i, 3+i%6*(1+i/18), 5+i/6))
	}
	w.post("", `{"id":"mars","width":12,"height":8,"obstacles":[{"x":3,"y":2},{"x":4,"y":4},{"x":9,"y":6},{"x":7,"y":1}]}`)
	w.post("/mars/rovers", `{"id":"ann","x":0,"y":0,"heading":"N"}`)
	w.post("/mars/rovers", `{"id":"bob","x":11,"y":0,"heading":"W"}`)
	w.post("/mars/rovers", `{"id":"cid","x":6,"y":6,"heading":"E"}`)
	w.post("/mars/rovers", `{"id":"dora","x":8,"y":3,"heading":"S"}`)
	w.post("/mars/rovers", `{"id":"eve","x":1,"y":1,"heading":"S"}`)
	w.post("/mars/rovers/ann/moves", `{"moves":"FFFRFF"}`)
	w.post("/mars/rovers/bob/moves", `{"moves":"FFRFFF"}`)
	w.post("/mars/rovers/cid/moves", `{"moves":"FFFRFF"}`)
}

func (w *window) look(l look) {
	w.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	w.run(
		emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}),
		emulation.SetTouchEmulationEnabled(l.width < 600))
}

// examine examines the page that is open.
func (w *window) examine(l look, s sight, axe string) {
	w.t.Helper()
	if s.until != "" {
		w.wait(s.until)
	}
	if s.do != "" {
		w.eval(s.do, nil)
	}
	if s.then != "" {
		w.wait(s.then)
	}
	if s.status > 0 {
		path := s.path
		if s.then != "" {
			path = "/api/rover/grids/mars/rovers"
		}
		w.failed(s.status, path)
	}
	w.picture(filepath.Join("screenshots", s.name+"-"+l.name+".png"))

	var width int64
	w.eval("document.documentElement.scrollWidth", &width)
	if width > l.width {
		w.t.Errorf("%s is %d pixels wide, in a window of %d", s.name, width, l.width)
	}
	w.eval(axe, nil)
	var violations []string
	run := fmt.Sprintf(`axe.run(document.querySelector(%q) ?? document, { resultTypes: ["violations"] }).then((found) => found.violations.flatMap((v) =>
		v.nodes.map((n) => v.id + ", " + v.impact + ": " + n.target.join(" ") + "\n\t" + n.failureSummary.replaceAll("\n", "\n\t"))))`, cmp.Or(s.within, "html"))
	if err := w.tryFor(3*patience, chromedp.Evaluate(run, &violations, awaited)); err != nil { // it computes for long
		w.t.Fatalf("%s: axe-core: %v", s.name, err)
	}
	for _, violation := range violations {
		w.t.Errorf("%s: %s", s.name, violation)
	}
}

// picture keeps a picture of the whole page, or of the first part of a long one.
func (w *window) picture(path string) {
	w.t.Helper()
	var data []byte
	w.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, _, _, _, _, size, err := page.GetLayoutMetrics().Do(ctx)
		if err != nil {
			return err
		}
		clip := &page.Viewport{Width: size.Width, Height: min(size.Height, 3000), Scale: 1}
		data, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).WithClip(clip).Do(ctx)
		return err
	}))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		w.t.Fatal(err)
	}
}
