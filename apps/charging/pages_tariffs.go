package charging

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
)

// tariffsPage is the page of the tariffs.
type tariffsPage struct {
	TariffList
	remove web.Form
}

func (p *pages) tariffs(w http.ResponseWriter, r *http.Request) {
	p.showTariffs(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showTariffs(w http.ResponseWriter, r *http.Request, status int, remove web.Form) {
	all, err := p.charging.Tariffs(r.Context(), web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, sessionsPlace("Tariffs", tariffsPath), tariffsContent(tariffsPage{all, remove}))
}

func (p *pages) removeTariff(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "id")
	actorID, ok := tariffActor(f.Values["id"])
	if f.OK() && !ok {
		f.Title, f.Failure = "Not found", "There is no such tariff."
	}
	if !f.OK() {
		p.showTariffs(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	var a Answer
	if err := p.charging.send(r.Context(), actorID, RemoveTariff, struct{}{}, f.Command(), &a); err != nil {
		p.showTariffs(w, r, fail(&f, err, nil), f)
		return
	}
	web.Done(w, r, tariffsPath, a.Position, "tariff-removed")
}

// tariffPage is the page on which a tariff is made or changed.
type tariffPage struct {
	web.Form
	known   bool // it is there already
	rows    int  // of bands, some of them empty
	example *tariffExample
}

// tariffExample is what a session would cost.
type tariffExample struct {
	session.Cost
	kWh, hours float64
	at         string
	currency   string
}

// The rows of bands: those with something in them, and some more.
const (
	moreBands  = 2
	leastBands = 4
)

// bandField is the name of an input of a band.
func bandField(name string, i int) string { return fmt.Sprintf("band-%s-%d", name, i) }

func bandFields() []string { return []string{"name", "from", "to", "kwh", "minute"} }

func tariffFields() []string {
	names := []string{"known", "id", "currency", "start", "kwh", "minute", "zone", "do", "example-kwh", "example-hours", "example-at"}
	for i := range session.MaxBands {
		for _, name := range bandFields() {
			names = append(names, bandField(name, i))
		}
	}
	return names
}

func (p *pages) editTariff(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	f := web.NewForm("currency", "EUR", "zone", "UTC", "example-kwh", "30", "example-hours", "2", "example-at", "18:00")
	if id == "" {
		all, err := p.charging.Tariffs(r.Context(), 0)
		if err != nil {
			p.problem(w, r, err)
			return
		}
		if len(all.Tariffs) == 0 {
			f.Values["id"] = registry.DefaultTariff
		}
		p.showTariff(w, r, http.StatusOK, tariffPage{Form: f})
		return
	}
	d, err := p.charging.Tariff(r.Context(), id, web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	amount := func(n int64) string { return money.Decimal(n, d.Currency) }
	f.Values["known"], f.Values["id"], f.Values["currency"], f.Values["zone"] = d.ID, d.ID, d.Currency, d.Zone
	f.Values["start"], f.Values["kwh"], f.Values["minute"] = amount(d.Start), amount(d.PerKWh), amount(d.PerMinute)
	for i, b := range d.Bands {
		f.Values[bandField("name", i)] = b.Name
		f.Values[bandField("from", i)], f.Values[bandField("to", i)] = dayMinute(b.From), dayMinute(b.To)
		f.Values[bandField("kwh", i)], f.Values[bandField("minute", i)] = amount(b.PerKWh), amount(b.PerMinute)
	}
	t := tariffPage{Form: f, known: true}
	t.compute(d.Zoned)
	p.showTariff(w, r, http.StatusOK, t)
}

func (p *pages) showTariff(w http.ResponseWriter, r *http.Request, status int, t tariffPage) {
	for i := range session.MaxBands {
		if t.band(i) {
			t.rows = i + 1
		}
	}
	t.rows = min(max(t.rows+moreBands, leastBands), session.MaxBands)
	title := "New tariff"
	if t.known {
		title = "Tariff " + t.Values["id"]
	}
	p.show(w, r, status, sessionsPlace(title, tariffsPath), tariffContent(t))
}

// band says whether anything was put in for a band.
func (t *tariffPage) band(i int) bool {
	for _, name := range bandFields() {
		if t.Values[bandField(name, i)] != "" {
			return true
		}
	}
	return false
}

func (p *pages) setTariff(w http.ResponseWriter, r *http.Request) {
	t := tariffPage{Form: web.ReadForm(w, r, tariffFields()...)}
	t.known = t.Values["known"] != ""
	tariff := t.read()
	actorID, ok := tariffActor(tariff.ID)
	if t.OK() && !ok {
		t.Wrong["id"] = fmt.Sprintf("An ID has 1 to %d printable characters.", MaxStationID)
	}
	try := t.Values["do"] == "try"
	if try {
		t.compute(tariff)
	}
	if t.OK() && !t.known && !try {
		d, err := p.charging.Tariff(r.Context(), tariff.ID, 0)
		if err == nil && reflect.DeepEqual(d.Zoned, tariff) { // this form has come before
			t.known = true
		} else if err == nil {
			t.Wrong["id"] = "There is a tariff of this ID already. Choose another one, or change that one in the list."
		} else if _, missing := refused(err); !missing {
			p.showTariff(w, r, fail(&t.Form, err, nil), t)
			return
		}
	}
	switch {
	case !t.OK():
		p.showTariff(w, r, http.StatusUnprocessableEntity, t)
		return
	case try:
		p.showTariff(w, r, http.StatusOK, t)
		return
	}
	var a Answer
	if err := p.charging.send(r.Context(), actorID, SetTariff, tariff, t.Command(), &a); err != nil {
		p.showTariff(w, r, fail(&t.Form, err, nil), t)
		return
	}
	web.Done(w, r, tariffsPath, a.Position, "tariff-set")
}

// read returns the tariff that was put in. What is wrong with it is said at its fields.
func (t *tariffPage) read() registry.Zoned {
	currency := strings.ToUpper(t.Values["currency"])
	t.Values["currency"] = currency
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		t.Wrong["currency"] = "A currency has three letters, as EUR."
	}
	tariff := registry.Zoned{Zone: t.Values["zone"], Tariff: session.Tariff{
		ID: t.Values["id"], Currency: currency, Start: t.amount("start", currency),
		Rate: session.Rate{PerKWh: t.amount("kwh", currency), PerMinute: t.amount("minute", currency)},
	}}
	if tariff.ID == "" {
		t.Wrong["id"] = "A tariff has an ID."
	}
	if _, err := tariff.Location(); err != nil {
		t.Wrong["zone"] = "There is no such time zone; it has a name as Europe/Berlin."
	}
	for i := range session.MaxBands {
		if !t.band(i) {
			continue
		}
		b := session.Band{Name: t.Values[bandField("name", i)], From: t.minute(bandField("from", i)), To: t.minute(bandField("to", i))}
		b.PerKWh, b.PerMinute = t.amount(bandField("kwh", i), currency), t.amount(bandField("minute", i), currency)
		if b.Name == "" {
			t.Wrong[bandField("name", i)] = "A name, please."
		}
		if b.From == b.To && t.Wrong[bandField("to", i)] == "" {
			t.Wrong[bandField("to", i)] = "It ends when it begins."
		}
		if b.From == dayMinutes && t.Wrong[bandField("from", i)] == "" {
			t.Wrong[bandField("from", i)] = "Say 00:00."
		}
		tariff.Bands = append(tariff.Bands, b)
	}
	return tariff
}

// amount returns an input that is an amount, in minor units; 0 when it is empty.
func (t *tariffPage) amount(name, currency string) int64 {
	if t.Values[name] == "" {
		return 0
	}
	n, err := money.Parse(t.Values[name], currency)
	switch {
	case err != nil:
		t.Wrong[name] = fmt.Sprintf("This is not an amount; one is like %s.", money.Decimal(45, currency))
	case n < 0 || n > session.MaxAmount:
		t.Wrong[name] = fmt.Sprintf("This is 0 to %s.", money.Decimal(session.MaxAmount, currency))
	}
	return n
}

const dayMinutes = 24 * 60

// minute returns an input that is a time of the day, as 18:00; 24:00 is its end.
func (t *tariffPage) minute(name string) int {
	n, ok := readClock(t.Values[name])
	if !ok || n > dayMinutes {
		t.Wrong[name] = "A time is like 18:00."
	}
	return n
}

// readClock reads hours and minutes, as 18:00, in minutes.
func readClock(text string) (int, bool) {
	whole, part, found := strings.Cut(text, ":")
	hours, err := strconv.Atoi(whole)
	minutes := 0
	if found && err == nil {
		minutes, err = strconv.Atoi(part)
	}
	if err != nil || hours < 0 || hours > 1000 || minutes < 0 || minutes > 59 || strings.ContainsAny(text, "+-") {
		return 0, false
	}
	return hours*60 + minutes, true
}

// The bounds of the example.
const (
	mostKWh   = 1000
	mostHours = 72
)

// compute prices the example that was put in; it is on the day of a Monday in March, since
// bands are the same on every day.
func (t *tariffPage) compute(tariff registry.Zoned) {
	e := tariffExample{at: t.Values["example-at"], currency: tariff.Currency}
	var errEnergy, errHours error
	e.kWh, errEnergy = strconv.ParseFloat(strings.Replace(t.Values["example-kwh"], ",", ".", 1), 64)
	e.hours, errHours = strconv.ParseFloat(strings.Replace(t.Values["example-hours"], ",", ".", 1), 64)
	minute, ok := readClock(e.at)
	if errEnergy != nil || !(e.kWh > 0 && e.kWh <= mostKWh) {
		t.Wrong["example-kwh"] = fmt.Sprintf("This is more than 0, and at most %d.", mostKWh)
	}
	if errHours != nil || !(e.hours > 0 && e.hours <= mostHours) {
		t.Wrong["example-hours"] = fmt.Sprintf("This is more than 0, and at most %d.", mostHours)
	}
	if !ok || minute > dayMinutes {
		t.Wrong["example-at"] = "A time is like 18:00."
	}
	zone, err := tariff.Location()
	if !t.OK() || err != nil || tariff.Check() != nil {
		return
	}
	start := time.Date(2026, time.March, 2, minute/60, minute%60, 0, 0, zone)
	usage := session.Usage{Start: start, Stop: start.Add(time.Duration(e.hours * float64(time.Hour))), Energy: int(e.kWh * 1000)}
	e.Cost = session.Charge(tariff.Tariff, usage, zone)
	t.example = &e
}

// words say what the example is.
func (e *tariffExample) words() string {
	return fmt.Sprintf("%s kWh in %s from %s on",
		strconv.FormatFloat(e.kWh, 'f', -1, 64), lasting(time.Duration(e.hours*float64(time.Hour))), e.at)
}
