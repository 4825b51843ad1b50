package rover

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/rover/grid"
)

//go:embed static
var static embed.FS

// System describes the rovers to the shell of the pages.
func System() web.System {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return web.System{
		Name: Name, Title: "Rovers", Path: "/rover", Home: "All grids", Static: files,
		About: "Rovers on a grid: land them, drive them, watch them in every open browser, and go back in time.",
		Steps: []string{
			"Open Rovers, and a grid in it; or make one.",
			"Land a rover, and drive it with the arrows.",
			"Open the same grid in a second window, and watch both.",
			"Move the slider below the grid: everything is as it was then.",
		},
	}
}

// pages are the pages of the system.
type pages struct {
	site   *web.Site
	rovers *Rover
}

func newPages(site *web.Site, rovers *Rover) *pages {
	return &pages{site: site, rovers: rovers}
}

func (p *pages) register(mux web.Mux) {
	mux.HandleFunc("GET /rover", p.list)
	mux.HandleFunc("POST /rover", p.create)
	mux.HandleFunc("GET /rover/{grid}", p.grid)
	mux.HandleFunc("POST /rover/{grid}/rovers", p.land)
	mux.HandleFunc("POST /rover/{grid}/moves", p.move)
}

// listPage is the page of the list of grids.
type listPage struct {
	grids  SummaryPage
	first  bool // the page with the newest, which is kept up to date
	create web.Form
}

const gridsOnPage = 50

func (p *pages) list(w http.ResponseWriter, r *http.Request) {
	p.showList(w, r, http.StatusOK, web.NewForm("width", "12", "height", "8"))
}

func (p *pages) showList(w http.ResponseWriter, r *http.Request, status int, create web.Form) {
	cursor := r.URL.Query().Get("cursor")
	grids, err := p.rovers.List(r.Context(), cursor, gridsOnPage)
	if err != nil {
		p.site.Problem(w, r, err, grid.NoGrid)
		return
	}
	page := web.Page{Title: "Grids", Path: "/rover", Scripts: []string{"rover/list.js"}, Styles: []string{"rover/rover.css"}, Live: true, System: Name}
	p.site.Render(w, r, status, page, gridsPage(listPage{grids, cursor == "", create}))
}

func (p *pages) create(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "id", "width", "height", "obstacles")
	command := grid.Create{Width: f.Number("width"), Height: f.Number("height"), Obstacles: points(&f, "obstacles")}
	if !f.OK() {
		p.showList(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	result, err := p.rovers.Create(r.Context(), f.Values["id"], command, f.Command())
	if err != nil {
		p.showList(w, r, f.Fail(err, grid.NoGrid), f)
		return
	}
	p.done(w, r, result, "", "")
}

// gridPage is the page of a grid.
type gridPage struct {
	drawing
	latest   aether.Version // beyond the version of the drawing, when that is of the past
	selected string         // a rover
	events   EventPage
	said     string // what the last command has led to
	land     web.Form
	move     web.Form
}

func (g *gridPage) past() bool { return g.Version < g.latest }

// size says how large the grid is, and what is on it, at the version of the drawing.
func (g *gridPage) size() string {
	text := size(g.Summary())
	if g.past() {
		text = fmt.Sprintf("At version %d: %s", g.Version, text)
	}
	return text
}

// standing says where the rover is that is selected, if only as the first.
func (g *gridPage) standing() string {
	for i, r := range g.Rovers {
		if r.ID == g.selected || g.selected == "" && i == 0 {
			return web.Sentence(standing(r))
		}
	}
	return noRover
}

const eventsOnPage = 50

func (p *pages) grid(w http.ResponseWriter, r *http.Request) {
	p.showGrid(w, r, http.StatusOK, gridPage{
		land: web.NewForm("heading", "N"), move: web.NewForm("rover", r.URL.Query().Get("rover")),
	})
}

func (p *pages) showGrid(w http.ResponseWriter, r *http.Request, status int, g gridPage) {
	id, query, ctx := r.PathValue("grid"), r.URL.Query(), r.Context()
	after, _ := strconv.ParseUint(query.Get("after"), 10, 63) // what is not a position is passed over
	version, _ := strconv.ParseUint(query.Get("version"), 10, 63)
	before, _ := strconv.ParseUint(query.Get("before"), 10, 63)

	d, err := p.rovers.Grid(ctx, id, 0, aether.Position(after))
	if errors.Is(err, errNoGrid) {
		err = aether.Refuse(grid.NoGrid, "there is no grid %q", gridName(id))
	}
	if err != nil {
		p.site.Problem(w, r, err, grid.NoGrid)
		return
	}
	g.latest = d.Version
	if version > 0 && aether.Version(version) < d.Version {
		if d, err = p.rovers.Grid(ctx, id, aether.Version(version), 0); err != nil {
			p.site.Problem(w, r, err, grid.NoGrid)
			return
		}
	}
	g.drawing = drawing{&d}
	if g.events, err = p.rovers.Events(ctx, id, aether.Version(before), eventsOnPage); err != nil {
		p.site.Problem(w, r, err, grid.NoGrid)
		return
	}
	g.selected = g.move.Values["rover"]
	g.said = said(query.Get("done"), g.events)
	page := web.Page{
		Title: gridName(id), Path: "/rover", Live: true, System: Name,
		Scripts: []string{"rover/grid.js"}, Styles: []string{"rover/rover.css", "rover/drawing.css"},
	}
	p.site.Render(w, r, status, page, gridPageContent(g))
}

func (p *pages) land(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "id", "x", "y", "heading")
	command := grid.Land{Rover: f.Values["id"], Point: grid.Point{X: f.Number("x"), Y: f.Number("y")}, Heading: grid.Heading(f.Values["heading"])}
	show := func(status int) {
		p.showGrid(w, r, status, gridPage{land: f, move: web.NewForm("rover", "")})
	}
	if !f.OK() {
		show(http.StatusUnprocessableEntity)
		return
	}
	result, err := p.rovers.Send(r.Context(), r.PathValue("grid"), command, f.Command())
	if err != nil {
		show(f.Fail(err, grid.NoGrid))
		return
	}
	p.done(w, r, result, command.Rover, "#drive")
}

func (p *pages) move(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "rover", "moves", "step")
	command := grid.Move{Rover: f.Values["rover"], Moves: cleanMoves(f.Values["moves"])}
	if step := f.Values["step"]; step != "" { // one of the buttons with arrows
		command.Moves = step
	}
	show := func(status int) {
		p.showGrid(w, r, status, gridPage{land: web.NewForm("heading", "N"), move: f})
	}
	if !f.OK() {
		show(http.StatusUnprocessableEntity)
		return
	}
	result, err := p.rovers.Send(r.Context(), r.PathValue("grid"), command, f.Command())
	if err != nil {
		show(f.Fail(err, grid.NoGrid))
		return
	}
	p.done(w, r, result, command.Rover, "#drive")
}

// done sends the visitor to the grid, as it is after a command.
func (p *pages) done(w http.ResponseWriter, r *http.Request, result CommandDocument, rover, place string) {
	query := url.Values{"after": {strconv.FormatUint(uint64(result.Position), 10)}}
	if n := len(result.Events); n > 0 && rover != "" {
		query.Set("done", fmt.Sprintf("%d-%d", int(result.Version)-n+1, result.Version))
	}
	if rover != "" {
		query.Set("rover", rover)
	}
	http.Redirect(w, r, gridURL(result.Grid)+"?"+query.Encode()+place, http.StatusSeeOther)
}

// said says what a command has led to, whose versions are "first-last".
func said(versions string, events EventPage) string {
	var first, last aether.Version
	if _, err := fmt.Sscanf(versions, "%d-%d", &first, &last); err != nil {
		return ""
	}
	var results []ResultDocument
	for _, e := range slices.Backward(events.Events) {
		if e.Version >= first && e.Version <= last {
			results = append(results, ResultDocument{e.Type, e.Data})
		}
	}
	if len(results) == 0 {
		return ""
	}
	return summary(results)
}

func gridURL(id string) string { return "/rover/" + url.PathEscape(id) }

// versionURL is the grid as of a version.
func versionURL(id string, version aether.Version) string {
	return gridURL(id) + "?version=" + strconv.FormatUint(uint64(version), 10)
}
