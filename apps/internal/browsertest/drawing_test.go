package browsertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// holdVersions has a page wait for documents of the past until release() is called.
const holdVersions = `{
	const real = window.fetch;
	const held = new Promise((release) => { window.release = release; });
	window.fetch = async (path, options) => {
		if (String(path).includes("?version=")) {
			window.asked = true;
			await held;
		}
		return real(path, options);
	};
}`

// A page that is opened at a version shows that one from the first moment on, however
// long the script has to wait for its document.
func testVersionAsked(t *testing.T, b *browser) {
	world := newWorld(t)
	world.mars()
	world.post("/mars/rovers/ann/moves", `{"moves":"FFR"}`)
	w := b.open(t, "one")
	w.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(holdVersions).Do(ctx)
		return err
	}))
	w.visit(world.url("/rover/mars?version=4"))
	w.wait(`window.asked`)
	world.post("/mars/rovers/bob/moves", `{"moves":"F"}`) // which is not for this drawing
	w.complete(7)
	w.wait(drawn("bob", 5, 0, "W"))
	past := drawn("ann", 0, 1, "N") + ` && document.querySelector(".in-past") && document.querySelector("[data-shown]").textContent === "4" &&
		document.querySelector("[data-past]").textContent.includes("version 4.")`
	shown := false
	w.eval("Boolean("+past+")", &shown)
	if !shown {
		t.Error("the page shows the present before the version that it was asked for")
	}
	w.eval(`window.release()`, nil)
	w.known(7)
	w.wait(past)
	w.click("[data-now]")
	w.wait(drawn("ann", 0, 2, "E"))
	w.wait(drawn("bob", 4, 0, "W"))
}

// What others do moves nothing under the hands of somebody who fills in a form.
func testNothingMoves(t *testing.T, b *browser) {
	world := newWorld(t)
	for _, look := range looks {
		if look.dark {
			continue
		}
		w := b.open(t, look.name)
		w.look(look)
		id := "mars-" + look.name
		world.post("", `{"id":"`+id+`","width":6,"height":5}`)
		w.visit(world.url("/rover/" + id))
		w.known(1)
		var places [3]float64
		measure := func(i int) {
			t.Helper()
			w.eval(`document.querySelector("[data-land] button").getBoundingClientRect().top + scrollY`, &places[i])
		}
		measure(0)
		world.post("/"+id+"/rovers", `{"id":"ann","x":0,"y":4,"heading":"N"}`)
		w.known(2)
		measure(1)
		world.post("/"+id+"/rovers/ann/moves", `{"moves":"F"}`)
		w.texts("[data-standing]", "stopped by the edge of the grid.")
		measure(2)
		if places[0] != places[1] || places[1] != places[2] {
			t.Errorf("%s: the button to land is at %v, before the first landing, after it and after a move", look.name, places)
		}
	}
}

// Names are on no rover, on no other name and on no obstacle, and that of the rover
// which is driven is there in any crowd. What has room is not cut.
func testNames(t *testing.T, b *browser) {
	world := newWorld(t)
	world.fill()
	for _, look := range looks {
		if look.dark {
			continue
		}
		w := b.open(t, look.name)
		w.look(look)
		for grid, least := range map[string]int{"mars": 5, "crowd": 7, "io": 1, "rocks": 4} {
			w.visit(world.url("/rover/" + grid))
			w.live()
			w.wait(`document.querySelector("[data-rover].selected")`)
			var problems []string
			// A letter does not fill the height of its line.
			w.eval(fmt.Sprintf(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
				const boxes = (part) => Array.from(document.querySelectorAll("[data-rover] " + part))
					.filter((e) => getComputedStyle(e).visibility === "visible")
					.map((e) => ({ of: e.closest("[data-rover]").dataset.rover, box: e.getBoundingClientRect() }));
				const names = boxes(".name"), rovers = boxes(".arrow").map(({ of }) => ({
					of, box: document.querySelector('[data-rover="' + of + '"] .halo').getBoundingClientRect() }));
				const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
					a.top + a.height * 0.15 < b.bottom && b.top < a.bottom - a.height * 0.1;
				const problems = names.flatMap((n, i) => [
					...rovers.filter((r) => overlap(n.box, r.box)).map((r) => n.of + "'s name is on " + r.of),
					...names.slice(i + 1).filter((o) => overlap(n.box, o.box)).map((o) => n.of + "'s name is on that of " + o.of)]);
				const scale = document.querySelector("[data-field]").getBoundingClientRect().width / document.querySelector("[data-field]").viewBox.baseVal.width;
				const origin = document.querySelector("[data-field] .ground").getBoundingClientRect();
				const rocks = Array.from(document.querySelector("[data-field] .rocks").getAttribute("d").matchAll(/M(\d+) (\d+)/g), ([, x, y]) => ({
					left: origin.left + x * scale, right: origin.left + (Number(x) + 16) * scale,
					top: origin.top + y * scale, bottom: origin.top + (Number(y) + 16) * scale }));
				for (const n of names) if (innerWidth > 600 && rocks.some((r) => overlap(n.box, r))) problems.push(n.of + "'s name is on an obstacle");
				const texts = Array.from(document.querySelectorAll("[data-rover] .name"), (e) => [e.closest("[data-rover]").dataset.rover, e.textContent]);
				for (const [of, text] of texts) if (innerWidth > 600 && of.length <= 20 && !of.startsWith("opportunity-") && of !== text) problems.push(of + " is called " + text);
				if (names.length < %d) problems.push("only " + names.length + " names are shown");
				const driven = document.querySelector("#in-rover").value;
				if (!names.some((n) => n.of === driven)) problems.push("the name of " + driven + " is not shown");
				done(problems);
			})))`, least), &problems)
			for _, problem := range problems {
				t.Errorf("%s, %s: %s", grid, look.name, problem)
			}
		}
	}
}

// The numbers of columns and rows stay in sight wherever a large grid is scrolled to
// and however it is zoomed, and they are right.
func testRulers(t *testing.T, b *browser) {
	world := newWorld(t)
	world.post("", `{"id":"wide","width":300,"height":300}`)
	w := b.open(t, "one")
	for _, look := range looks {
		if look.dark {
			continue
		}
		w.look(look)
		for _, scripts := range []bool{true, false} {
			w.run(emulation.SetScriptExecutionDisabled(!scripts))
			w.visit(world.url("/rover/wide"))
			if scripts {
				w.live()
			}
			for _, zoom := range []int{0, 3, -12} {
				if zoom != 0 && !scripts {
					continue
				}
				if zoom != 0 {
					by := zoom / max(zoom, -zoom)
					w.eval(fmt.Sprintf(`for (let i = 0; i !== %d; i += %d) document.querySelector("[data-zoom] [data-by='%[2]d']").click()`, zoom, by), nil)
				}
				var problems []string
				if scripts { // the rulers are filled anew when the browser has measured the drawing
					w.eval(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))`, nil)
				}
				w.eval(checkRulers, &problems)
				for _, problem := range problems {
					t.Errorf("%s, scripts %v, zoomed by %d: %s", look.name, scripts, zoom, problem)
				}
			}
		}
	}
}

// checkRulers scrolls to the middle and returns what is wrong with the numbers there.
const checkRulers = `(() => {
	const scene = document.querySelector("[data-window]");
	scene.scrollTo(scene.scrollWidth / 2, scene.scrollHeight / 2);
	const frame = scene.getBoundingClientRect();
	const drawing = document.querySelector("[data-field] .ground").getBoundingClientRect();
	const problems = [];
	for (const [name, at, size] of [
		["columns", (r) => r.left + r.width / 2 - drawing.left, drawing.width],
		["rows", (r) => drawing.bottom - r.top - r.height / 2, drawing.height],
	]) {
		const numbers = Array.from(document.querySelectorAll("[data-" + name + "] text, .ticks ." + name.replace(/s$/, "")))
			.map((e) => ({ value: Number(e.textContent), box: e.getBoundingClientRect() }))
			.filter(({ box }) => box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom);
		if (numbers.length < 2) problems.push(numbers.length + " numbers of " + name + " can be seen");
		for (const { value, box } of numbers) {
			const field = at(box) / (size / 300) - 0.5;
			if (Math.abs(field - value) * (size / 300) > (value === 0 ? 6 : 2)) problems.push(name + ": " + value + " is at " + field);
		}
		numbers.forEach(({ box }, i) => numbers.slice(i + 1).forEach(({ box: other }) => {
			if (box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom) problems.push(name + ": numbers overlap");
		}));
	}
	return problems;
})()`

// The page of the API calls things by names that mean something, and its examples are
// not made up of nonsense.
func testAPIPage(t *testing.T, b *browser) {
	world := newWorld(t)
	w := b.open(t, "one")
	w.visit(world.url("/api"))
	var texts []string
	w.eval(`Array.from(document.querySelectorAll(".operation pre, .operation th, .operation td"), (e) => e.textContent)`, &texts)
	for _, text := range texts {
		for _, nonsense := range []string{"V2", "/text", `"text"`, "Property foo", "example.com", "RoverRover", "Create-grid"} {
			if strings.Contains(text, nonsense) {
				t.Errorf("the page has %q in %q", nonsense, text)
			}
		}
	}
	var titles []string
	w.eval(`Array.from(document.querySelectorAll(".api-groups h2"), (e) => e.textContent.trim())`, &titles)
	if slices.Index(titles, "Rovers") != 0 {
		t.Errorf("the groups are %q: the systems should come first", titles)
	}
	w.has("#move-rover pre:not(details pre)", "/api/rover/grids/mars/rovers/curiosity/moves")
}
