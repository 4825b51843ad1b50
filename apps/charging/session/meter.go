package session

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/internal/heard"
)

// Raw is a sampled value as the station sends it (OCPP 1.6, 7.43). What is absent has the
// default of the standard.
type Raw struct {
	Value     string `json:"value"`
	Context   string `json:"context,omitempty"`
	Format    string `json:"format,omitempty"`
	Measurand string `json:"measurand,omitempty"`
	Phase     string `json:"phase,omitempty"`
	Location  string `json:"location,omitempty"`
	Unit      string `json:"unit,omitempty"`
}

// RawReading is what was sampled at one time of the station's clock.
type RawReading struct {
	Time    time.Time `json:"time"`
	Samples []Raw     `json:"samples"`
}

// Reading is what was measured at one time of the station's clock.
type Reading struct {
	Time    time.Time `json:"time"`
	Samples []Sample  `json:"samples"`
}

// Sample is a measured value in the unit that all values of its kind have: Wh, W, A, V,
// varh, var, VA, Celsius, Percent, Hz, 1/min. It has three decimals at most.
type Sample struct {
	Measurand string  `json:"measurand"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit,omitempty"`
	Phase     string  `json:"phase,omitempty"`    // "" is all of them
	Context   string  `json:"context,omitempty"`  // "" is Sample.Periodic
	Location  string  `json:"location,omitempty"` // "" is Outlet

	// Signed is a signed block, in place of a value.
	Signed string `json:"signed,omitempty"`
}

// The measurands that charts and bills are about.
const (
	EnergyRegister = "Energy.Active.Import.Register"
	Power          = "Power.Active.Import"
	Current        = "Current.Import"
	CurrentOffered = "Current.Offered"
	StateOfCharge  = "SoC"
)

// Normalise returns a sample in its common unit, false when its value is no number. That
// of a signed block is kept as it is, up to the length that the standard names.
func Normalise(r Raw) (Sample, bool) {
	s := Sample{Measurand: text(r.Measurand), Phase: text(r.Phase), Context: text(r.Context), Location: text(r.Location)}
	if s.Measurand == "" {
		s.Measurand = EnergyRegister
	}
	if s.Context == "Sample.Periodic" {
		s.Context = ""
	}
	if s.Location == "Outlet" {
		s.Location = ""
	}
	if r.Format == "SignedData" {
		const longest = 2500
		s.Signed = strings.ToValidUTF8(r.Value, "\uFFFD")
		return s, s.Signed != "" && len(s.Signed) <= longest
	}
	value := strings.TrimSpace(r.Value)
	if len(value) > 40 || strings.Trim(value, "0123456789+-.eE") != "" {
		return s, false
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return s, false
	}
	unit := r.Unit
	if unit == "" {
		unit = usual(s.Measurand)
	}
	number, s.Unit = common(number, unit)
	s.Value = math.Round(number*1000)/1000 + 0 // no -0, which JSON would keep
	return s, math.Abs(number) < 1e15
}

// common turns a value into the unit that all values of its kind have.
func common(value float64, unit string) (float64, string) {
	switch unit {
	case "kWh", "kW", "kVA", "kvar", "kvarh":
		return value * 1000, unit[1:]
	case "Celcius": // as the first schemas had it
		return value, "Celsius"
	case "Fahrenheit":
		return (value - 32) * 5 / 9, "Celsius"
	case "K":
		return value - 273.15, "Celsius"
	}
	return value, text(unit)
}

// usual is the unit of a measurand whose value came without one.
func usual(measurand string) string {
	switch kind, _, _ := strings.Cut(measurand, "."); kind {
	case "Energy":
		if strings.HasPrefix(measurand, "Energy.Reactive") {
			return "varh"
		}
		return "Wh"
	case "Power":
		switch {
		case measurand == "Power.Factor":
			return ""
		case strings.HasPrefix(measurand, "Power.Reactive"):
			return "var"
		}
		return "W"
	case "Current":
		return "A"
	case "Voltage":
		return "V"
	case "SoC":
		return "Percent"
	case "Temperature":
		return "Celsius"
	case "Frequency":
		return "Hz"
	case "RPM":
		return "1/min"
	}
	return ""
}

// register returns what the energy register of the whole outlet showed.
func (r *Reading) register() (wh int, ok bool) {
	for _, s := range r.Samples {
		if s.Measurand == EnergyRegister && s.Phase == "" && s.Location == "" && s.Signed == "" && s.Unit == "Wh" && math.Abs(s.Value) < 1e12 {
			wh, ok = int(math.Round(s.Value)), true
		}
	}
	return wh, ok
}

// sum is what a reading is recognised by when it is repeated (FNV-1a of all it says), and
// how many bytes it has in an event.
func (r *Reading) sum() (sum uint64, size int) {
	data, err := json.Marshal(r)
	if err != nil { // of a float that is none; Normalise lets no such pass
		return 0, 0
	}
	sum = 14695981039346656037
	for _, b := range data {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum, len(data)
}

// text cuts what a station has sent to what is kept.
func text(s string) string { return heard.Text(s, MaxText) }
