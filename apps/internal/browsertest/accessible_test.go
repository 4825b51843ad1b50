package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

	look string // the one that is enough, where it takes long; "" for all
}

const connected = `document.querySelector("[data-connection]").dataset.connection === "live"`

var sights = []sight{
	{name: "start", path: "/"},
	{name: "list", path: "/rover", until: connected},
	{name: "grid", path: "/rover/mars", until: connected},
	{name: "grid-past", path: "/rover/mars?version=4", until: connected + ` && document.querySelector("#version").ariaValueText?.startsWith("version 4 ")`},
	{
		name: "grid-refused", path: "/rover/mars", until: connected,
		do: `document.querySelector("[data-land] [name=id]").value = "ann";
			document.querySelector("[data-land] [name=x]").value = document.querySelector("[data-land] [name=y]").value = 1;
			document.querySelector("[data-land] button").click();`,
		then:   `document.querySelector("[data-land] [role=alert]")`,
		status: 409,
	},
	{name: "grid-empty", path: "/rover/venus", until: connected},
	{name: "grid-large", path: "/rover/jupiter", until: connected},
	{name: "api", path: "/api"},
	{
		name: "api-open", path: "/api", look: "wide",
		do: `for (const d of document.querySelectorAll("details")) d.open = true;`,
	},
	{name: "error", path: "/no/such/page", status: 404},
}

// testAccessible looks at every page in every way: axe-core finds nothing, nothing is
// wider than the window, and pictures of them are kept.
func testAccessible(t *testing.T, b *browser) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if errors.Is(err, fs.ErrNotExist) {
		testenv.Lacks(t, "axe-core")
	} else if err != nil {
		t.Fatal(err)
	}
	empty, full := newWorld(t), newWorld(t)
	full.fill()
	for _, look := range looks {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			w := b.open(t, look.name)
			w.look(look)
			w.visit(empty.url("/rover"))
			w.examine(look, sight{name: "list-empty", until: connected}, string(axe))
			for _, s := range sights {
				if s.look == "" || s.look == look.name {
					w.visit(full.url(s.path))
					w.examine(look, s, string(axe))
				}
			}
		})
	}
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
		}))
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
	w.eval(`axe.run({ resultTypes: ["violations"] }).then((found) => found.violations.flatMap((v) =>
		v.nodes.map((n) => v.id + ", " + v.impact + ": " + n.target.join(" ") + "\n\t" + n.failureSummary.replaceAll("\n", "\n\t"))))`, &violations)
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
