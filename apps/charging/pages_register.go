package charging

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// registerPage is the page on which a station is registered.
type registerPage struct {
	web.Form
	tariffs []web.Option
	connect string
}

func (p *pages) newStation(w http.ResponseWriter, r *http.Request) {
	p.showRegister(w, r, http.StatusOK, web.NewForm(
		"id", r.URL.Query().Get("id"), "connectors", "2", "type", "Type2", "current", "AC", "power", "22", "admission", string(station.Accepted), "profile", "0",
	))
}

func (p *pages) showRegister(w http.ResponseWriter, r *http.Request, status int, f web.Form) {
	tariffs, err := p.tariffOptions(r)
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, place{title: "Register a station", nav: pagesPath}, registerContent(registerPage{f, tariffs, p.connectURL(r)}))
}

// tariffOptions are the tariffs that a station can have.
func (p *pages) tariffOptions(r *http.Request) ([]web.Option, error) {
	list, err := p.charging.Tariffs(r.Context(), web.After(r))
	options := []web.Option{{Value: "", Label: "The default tariff"}}
	for i := range list.Tariffs {
		if t := &list.Tariffs[i]; t.ID != registry.DefaultTariff {
			options = append(options, web.Option{Value: t.ID, Label: t.ID})
		}
	}
	return options, err
}

func (p *pages) registerStation(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "id", "label", "address", "tariff", "connectors", "type", "current", "power", "admission", "profile", "password")
	if f.Failure != "" {
		p.showRegister(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	id := f.Values["id"]
	if !validStation(id) {
		f.Wrong["id"] = fmt.Sprintf("An identity has 1 to %d printable characters of ASCII, without spaces and slashes.", MaxStationID)
	}
	plug := registry.Plug{Type: f.Values["type"], Current: f.Values["current"], MaxPowerW: kilowatts(&f, "power")}
	n := f.Number("connectors")
	if f.Wrong["connectors"] == "" && (n < 1 || n > mostConnectors) {
		f.Wrong["connectors"] = fmt.Sprintf("A station has 1 to %d connectors.", mostConnectors)
	}
	profile := f.Number("profile")
	if f.Values["password"] != "" {
		profile = max(profile, 1)
	}
	if !f.OK() {
		p.showRegister(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	registration := Registration{
		Note:      registry.Note{Label: f.Values["label"], Address: f.Values["address"], Tariff: f.Values["tariff"]},
		Admission: station.Admission(f.Values["admission"]), Profile: profile, Key: f.Values["password"],
	}
	for range n {
		registration.Connectors = append(registration.Connectors, plug)
	}
	var a Answer
	if err := p.charging.send(r.Context(), stationActor(id), RegisterStation, registration, f.Command(), &a); err != nil {
		p.showRegister(w, r, fail(&f, err, map[string]string{registry.BadCredentials: "password"}), f)
		return
	}
	web.Done(w, r, stationURL(id), a.Position, "registered")
}

// mostConnectors is how many a station is registered with on the page.
const mostConnectors = 50

// kilowatts returns an input that is a power in kW, in W; 0 where it is empty.
func kilowatts(f *web.Form, name string) int {
	if f.Values[name] == "" {
		return 0
	}
	kw, err := strconv.ParseFloat(f.Values[name], 64)
	if err != nil || kw < 0 || kw > 10_000 {
		f.Wrong[name] = "This is not a power in kW, as 22 or 3.7."
		return 0
	}
	return int(kw*1000 + 0.5)
}

// inKilowatts is the reverse of kilowatts.
func inKilowatts(w int) string {
	if w == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(w)/1000, 'f', -1, 64)
}

func admissionOptions() []web.Option {
	return []web.Option{
		{Value: string(station.Accepted), Label: "Accept"},
		{Value: string(station.Pending), Label: "Pending"},
		{Value: string(station.Rejected), Label: "Reject"},
	}
}

func profileOptions() []web.Option {
	return []web.Option{
		{Value: "0", Label: "0: nothing, whoever has the identity is let in"},
		{Value: "1", Label: "1: a password"},
		{Value: "2", Label: "2: a password, over TLS"},
		{Value: "3", Label: "3: a client certificate, over TLS"},
	}
}

func currentOptions() []web.Option {
	return []web.Option{{Value: "", Label: "Not said"}, {Value: "AC", Label: "AC"}, {Value: "DC", Label: "DC"}}
}
