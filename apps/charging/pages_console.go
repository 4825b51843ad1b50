package charging

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// consolePage is the page on which a station is asked.
type consolePage struct {
	stationHead
	web.Form
	ask    string // the form that is open
	shown  *CommandDocument
	others []CommandDocument
}

func (p *pages) console(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	f := web.NewForm()
	for i := range consoleAsks {
		for _, field := range consoleAsks[i].fields {
			f.Values[consoleAsks[i].path+"-"+field.name] = field.initial
		}
	}
	if ask := askOf(query.Get("ask")); ask != nil {
		for _, field := range ask.fields {
			if value := query.Get(field.name); value != "" {
				f.Values[ask.path+"-"+field.name] = value
			}
		}
	}
	p.showConsole(w, r, http.StatusOK, f, query.Get("ask"))
}

func (p *pages) showConsole(w http.ResponseWriter, r *http.Request, status int, f web.Form, ask string) {
	head, ok := p.stationHead(w, r, "console")
	if !ok {
		return
	}
	asked, err := p.charging.Commands(r.Context(), CommandFilter{Station: head.ID}, Page{Limit: 9})
	if err != nil {
		p.problem(w, r, err)
		return
	}
	d := consolePage{stationHead: head, Form: f, ask: ask, others: asked.Commands}
	if id := r.URL.Query().Get("command"); id != "" {
		c, err := p.charging.Command(r.Context(), id, 0)
		if err == nil && c.Station == head.ID {
			d.shown = &c
		}
	}
	at := d.at("console")
	p.show(w, r, status, at, consoleContent(&d))
}

func (p *pages) askFromConsole(w http.ResponseWriter, r *http.Request) {
	ask, id := askOf(r.PathValue("ask")), r.PathValue("station")
	if ask == nil {
		p.problem(w, r, aether.Refuse(station.NoCommand, "a station cannot be asked %q here", r.PathValue("ask")))
		return
	}
	f := web.ReadForm(w, r, ask.names()...)
	f.Values["ask"] = ask.path // two forms without an input are not the same
	in := askForm{&f, ask.path, p.charging.now()}
	var order Ask
	if f.Failure == "" {
		ask.check(in)
	}
	if f.OK() {
		order = ask.order(in)
	}
	if !f.OK() {
		p.showConsole(w, r, http.StatusUnprocessableEntity, p.refilled(f, ask), ask.path)
		return
	}
	var asked Asked
	if err := p.charging.send(r.Context(), stationActor(id), AskStation, order, f.Command(), &asked); err != nil {
		status := f.Fail(err, station.NoStation)
		p.showConsole(w, r, status, p.refilled(f, ask), ask.path)
		return
	}
	http.Redirect(w, r, withQuery(stationURL(id)+"/console", "ask", ask.path, "command", asked.Command, "after", fmt.Sprint(asked.Position))+"#sent", http.StatusSeeOther)
}

// refilled is a form with what the other forms of the console begin with.
func (p *pages) refilled(f web.Form, sent *consoleAsk) web.Form {
	for i := range consoleAsks {
		if ask := &consoleAsks[i]; ask != sent {
			for _, field := range ask.fields {
				f.Values[ask.path+"-"+field.name] = field.initial
			}
		}
	}
	return f
}

// failed is the form as one of the console shows it: what failed is said in the one that
// was sent.
func (c *consolePage) failed(ask *consoleAsk) web.Form {
	if ask.path == c.ask {
		return c.Form
	}
	return web.Form{Key: c.Key, Values: c.Values}
}

// commandPage is the page of a command.
type commandPage struct {
	CommandDocument
	settle web.Form
}

func (p *pages) command(w http.ResponseWriter, r *http.Request) {
	p.showCommand(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showCommand(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	d, err := p.charging.Command(r.Context(), r.PathValue("command"), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, place{
		title: "Command " + d.ID, nav: pagesPath, topics: []string{topicCommands + "/" + d.ID}, styles: []string{"charging/station.css"},
	}, commandContent(commandPage{d, f}))
}

// settle takes an operator's word about a command that nobody knows the outcome of.
func (p *pages) settle(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "happened", "back")
	d, err := p.charging.Command(r.Context(), r.PathValue("command"), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	happened := f.Values["happened"]
	if f.OK() && happened != "yes" && happened != "no" {
		f.Title, f.Failure = "The input is not right", "Say whether it happened or not."
	}
	if !f.OK() {
		p.backTo(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	var a Answer
	err = p.charging.send(r.Context(), stationActor(d.Station), SettleCommand, station.Settle{ID: d.ID, Happened: happened == "yes"}, f.Command(), &a)
	if err != nil {
		p.backTo(w, r, f.Fail(err, station.NoStation), f)
		return
	}
	web.Done(w, r, backPath(f, d.ID), a.Position, "settled")
}

// lookAfter asks the station how things are now, which may tell what became of a command.
func (p *pages) lookAfter(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "back")
	d, err := p.charging.Command(r.Context(), r.PathValue("command"), 0)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	var asked Asked
	order := triggerBody{Message: "StatusNotification", Connector: d.Connector}.order()
	f.Values["look"] = d.ID
	if err := p.charging.send(r.Context(), stationActor(d.Station), AskStation, order, f.Command(), &asked); err != nil {
		p.backTo(w, r, f.Fail(err, station.NoStation), f)
		return
	}
	web.Done(w, r, backPath(f, d.ID), asked.Position, "looked")
}

// backPath is the page that a form about a command was on.
func backPath(f web.Form, command string) string {
	if f.Values["back"] == "doubt" {
		return pagesPath + "/doubt"
	}
	return commandURL(command)
}

// backTo shows the page that a form was on, with why it failed.
func (p *pages) backTo(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	if f.Values["back"] == "doubt" {
		p.showDoubt(w, r, status, f, r.PathValue("command"))
		return
	}
	p.showCommand(w, r, status, f)
}

// doubtPage is the page of the commands that nobody knows the outcome of.
type doubtPage struct {
	CommandPage
	cursor string
	form   web.Form
	failed string // the command that the form is about
}

func (p *pages) doubt(w http.ResponseWriter, r *http.Request) {
	p.showDoubt(w, r, http.StatusOK, web.NewForm(), "")
}

func (p *pages) showDoubt(w http.ResponseWriter, r *http.Request, status int, f web.Form, failed string) {
	page := paging(r)
	found, err := p.charging.Commands(r.Context(), CommandFilter{State: stateDoubt}, page)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, place{
		title: "Commands in doubt", nav: pagesPath + "/doubt", topics: []string{topicDoubt}, styles: []string{"charging/station.css"},
	}, doubtContent(doubtPage{found, page.Cursor, f, failed}))
}

// formFor is the form of a command in doubt: with why it failed, if it is the one that did.
func (d *doubtPage) formFor(command string) web.Form {
	if command == d.failed {
		return d.form
	}
	return web.Form{Key: d.form.Key}
}

// pretty is JSON for people to read.
func pretty(data []byte) string {
	text, err := indented(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "�")
	}
	return text
}
