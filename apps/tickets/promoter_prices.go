package tickets

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// promoterPrices is the page on which a promoter tries a rule, and puts it in force.
type promoterPrices struct {
	promoterHead
	web.Form
	tried bool      // the rule is another one than that in force
	rule  pool.Rule // that was put in
	valid bool      // it can be tried
	sim   SimulationDocument
}

func (p *promoterPages) pricing(w http.ResponseWriter, r *http.Request) {
	head, ok := p.head(w, r, "pricing")
	if !ok {
		return
	}
	f := web.NewForm(ruleValues(&head.Rule, head.Currency)...)
	p.showPricing(w, r, http.StatusOK, promoterPrices{promoterHead: head, Form: f, rule: head.Rule, valid: true})
}

// showPricing shows a rule, with what it would have earned.
func (p *promoterPages) showPricing(w http.ResponseWriter, r *http.Request, status int, page promoterPrices) {
	if page.valid {
		var err error
		if page.sim, err = p.tickets.Simulate(r.Context(), page.ID, page.rule); err != nil {
			p.problem(w, r, err)
			return
		}
	}
	p.site.Render(w, r, status, p.page(page.title("prices")), promoterPricesContent(page))
}

// reprice tries a rule, or puts it in force.
func (p *promoterPages) reprice(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, append(ruleFields(), "do", "seen")...)
	head, ok := p.head(w, r, "pricing")
	if !ok {
		return
	}
	page := promoterPrices{promoterHead: head, rule: ruleForm{&f, head.Currency}.rule(head.Payment)}
	page.tried = !sameRule(page.rule, head.Rule)
	page.valid = f.OK() && page.rule.Check(head.Payment, head.Capacity) == nil
	page.Form = f
	switch {
	case !f.OK():
		p.showPricing(w, r, http.StatusUnprocessableEntity, page)
		return
	case f.Values["do"] == "try":
		p.showPricing(w, r, http.StatusOK, page)
		return
	}
	options := f.Command()
	if seen, err := strconv.ParseUint(f.Values["seen"], 10, 63); err == nil {
		options.At = new(aether.Version(seen))
	}
	d, err := p.tickets.send(r.Context(), command{pool: head.ID, kind: ChangePricing, data: pool.ChangePricing{Rule: page.rule}, options: options})
	if err == nil {
		web.Done(w, r, head.path("pricing"), d.Position, "priced")
		return
	}
	status := refused(&f, err, map[string]string{pool.BadPrice: "price"})
	if errors.Is(err, aether.ErrVersionConflict) {
		f.Title = "Somebody else has changed the prices meanwhile"
		f.Failure = "Their rule is in force now, and is drawn beside yours. Look at both, and send yours again if you still want it."
	}
	page.Form = f
	p.showPricing(w, r, status, page)
}

// lines are those of both rules; one is enough where they are the same.
func (p *promoterPrices) lines(now, tried string) []plotLine {
	if !p.tried {
		return []plotLine{{"In force", "line-a", now}}
	}
	return []plotLine{{"Your rule", "line-a", tried}, {"In force", "line-b", now}}
}

// samples is how many parts a curve has, tableSamples how many of them are in its table.
const (
	samples      = 100
	tableSamples = 10
)

// curves are the prices by either rule: over the part that is sold, and over the time that
// is left.
func (p *promoterPrices) curves() []plot {
	if !p.valid {
		return nil
	}
	curves := []plot{p.curve("share", "Price over percentage sold, today", p.soldPart(), plotEnd{text: "nothing sold"}, plotEnd{text: "all sold"}, func(part float64) (int, time.Time, string) {
		return int(part * float64(p.Capacity)), p.now, fmt.Sprintf("%.0f %% sold", part*100)
	})}
	left := p.EventDate.Sub(p.now)
	if left <= 0 {
		return curves
	}
	return append(curves, p.curve("time", "Price until the event, if nothing more is sold", 0, plotEnd{text: "today"}, plotEnd{text: "the event"}, func(part float64) (int, time.Time, string) {
		until := time.Duration((1 - part) * float64(left)).Round(time.Second)
		words := span(until) + " before"
		if until == 0 {
			words = "at the beginning"
		}
		return p.Sold, p.EventDate.Add(-until), words
	}))
}

func (p *promoterPrices) soldPart() float64 {
	return plotWidth * float64(p.Sold) / float64(max(p.Capacity, 1))
}

// curve draws both rules, where at says what is sold when, and how that is said, at a
// part of the axis.
func (p *promoterPrices) curve(id, title string, here float64, from, to plotEnd, at func(part float64) (int, time.Time, string)) plot {
	price := func(r *pool.Rule, i int) int64 {
		sold, when, _ := at(float64(i) / samples)
		return r.Price(sold, p.Capacity, p.EventDate, when)
	}
	y := scaleOf(false, price(&p.Rule, 0), price(&p.rule, 0))
	for i := range samples + 1 {
		y = y.with(price(&p.Rule, i)).with(price(&p.rule, i))
	}
	y = y.rounded()
	words := func(n int64) string { return money.Format(n, p.Currency) }
	c := y.plot(id, title, words)
	c.here, c.from, c.to = here, from, to
	var now, tried path
	for i := range samples + 1 {
		x := plotWidth * float64(i) / samples
		now.to(x, y.y(price(&p.Rule, i)))
		tried.to(x, y.y(price(&p.rule, i)))
	}
	c.lines = p.lines(now.String(), tried.String())
	way := func(r *pool.Rule) string {
		first, last, moves := price(r, 0), price(r, samples), false
		for i := range samples {
			moves = moves || price(r, i) != last
		}
		switch {
		case !moves:
			return "stays at " + words(last)
		case first == last:
			return fmt.Sprintf("moves, and ends at %s, where it began", words(last))
		}
		return fmt.Sprintf("goes from %s to %s", words(first), words(last))
	}
	c.about = fmt.Sprintf("From %s to %s the price of a ticket %s.", from.text, to.text, way(&p.rule))
	c.columns = []string{"When", "Price"}
	if p.tried {
		c.about += fmt.Sprintf(" By the rule in force it %s.", way(&p.Rule))
		c.columns = []string{"When", "Your rule", "In force"}
	}
	const part = samples / tableSamples
	for i := 0; i <= samples; i += part {
		_, _, first := at(float64(i) / samples)
		cells := []string{words(price(&p.rule, i))}
		text := "a ticket costs " + cells[0]
		if p.tried {
			cells = append(cells, words(price(&p.Rule, i)))
			text = fmt.Sprintf("%s by your rule, %s by the one in force", cells[0], cells[1])
		}
		x := plotWidth * float64(i) / samples
		c.addText(max(x-plotWidth*part/samples/2, 0), min(x+plotWidth*part/samples/2, plotWidth), first, cells, text)
	}
	return c
}

// earnings draws what the sale has earned, and what it would have.
func (p *promoterPrices) earnings() []plot {
	if !p.valid || p.sim.Orders == 0 {
		return nil
	}
	points := p.sim.Points
	y := scaleOf(true, p.sim.Earned, p.sim.WouldHave).rounded()
	c := y.plot("earnings", "What was earned, ticket by ticket", func(n int64) string { return money.Format(n, p.Currency) })
	c.from, c.to = plotEnd{text: "first ticket"}, plotEnd{text: count(p.sim.Tickets, "ticket")}
	var earned, would path
	x := func(tickets int) float64 { return plotWidth * float64(tickets) / float64(max(p.sim.Tickets, 1)) }
	earned.to(0, y.y(0))
	would.to(0, y.y(0))
	c.columns = []string{"Tickets", "Price then", "Price by this rule", "Earned", "Would have earned"}
	every := max(len(points)/20, 1)
	last := 0.0
	for i, s := range points {
		earned.to(x(s.Tickets), y.y(s.Earned))
		would.to(x(s.Tickets), y.y(s.WouldHave))
		if i%every != every-1 && i != len(points)-1 {
			continue
		}
		cells := []string{money.Format(s.Price, p.Currency), money.Format(s.Simulated, p.Currency), money.Format(s.Earned, p.Currency), money.Format(s.WouldHave, p.Currency)}
		c.addText(last, x(s.Tickets), figure(s.Tickets), cells, fmt.Sprintf("%s earned, %s by this rule", cells[2], cells[3]))
		c.bands[len(c.bands)-1].first.text = count(s.Tickets, "ticket")
		last = x(s.Tickets)
	}
	c.lines = []plotLine{{"By this rule", "line-a", would.String()}, {"Earned", "line-b", earned.String()}}
	c.about = p.earned()
	return []plot{c}
}

// earned says what this rule would have earned.
func (p *promoterPrices) earned() string {
	difference := p.sim.WouldHave - p.sim.Earned
	words := "exactly as much"
	switch {
	case difference > 0:
		words = money.Format(difference, p.Currency) + " more"
	case difference < 0:
		words = money.Format(-difference, p.Currency) + " less"
	}
	return fmt.Sprintf("So far %s earned %s, with %s. This rule would have earned %s: %s.",
		count(p.sim.Orders, "order"), money.Format(p.sim.Earned, p.Currency), count(p.sim.Tickets, "ticket"), money.Format(p.sim.WouldHave, p.Currency), words)
}

// ruleWords says what a rule is, line by line.
func ruleWords(r *pool.Rule, currency string) []string {
	words := []string{money.Format(r.Base, currency) + " for the first ticket"}
	change := func(n int64) string {
		if n < 0 {
			return money.Format(-n, currency) + " less"
		}
		return money.Format(n, currency) + " more"
	}
	if r.Rise != 0 {
		words = append(words, change(r.Rise)+" for the last one, and between them in proportion")
	}
	for _, s := range r.Steps {
		words = append(words, fmt.Sprintf("%s once %d %% are sold", change(s.Change), s.Percent))
	}
	if r.Drop != 0 {
		words = append(words, fmt.Sprintf("%s when the event begins, gradually over the last %s", change(-r.Drop), count(r.Before, "hour")))
	}
	if r.Floor > 0 {
		words = append(words, "never less than "+money.Format(r.Floor, currency))
	}
	if r.Ceiling > 0 {
		words = append(words, "never more than "+money.Format(r.Ceiling, currency))
	}
	if r.Round > 1 {
		words = append(words, "rounded to "+money.Format(r.Round, currency))
	}
	return words
}
