package simulate

import "math"

// Model is a make of station.
type Model struct {
	Vendor, Name, Firmware string
	Connectors             []Plug

	// What it can do besides the core of OCPP 1.6. A call for something else is
	// answered as the standard says: NotSupported, or NotImplemented.
	Lock          bool // of the cable, which UnlockConnector releases
	Reservations  bool
	LocalList     bool
	SmartCharging bool
	Security      bool // the security extension
}

// Plug is what a connector is.
type Plug struct {
	Type    string `json:"type"`      // Type2, CCS2
	Current string `json:"current"`   // AC, DC
	Power   int    `json:"maxPowerW"` // in W
}

// Models returns the makes that a fleet has.
func Models() []Model {
	return []Model{
		{Vendor: "Aether Works", Name: "Wall 22", Firmware: "2.4.1", Connectors: []Plug{{"Type2", "AC", 22_000}},
			Lock: true, Reservations: true, LocalList: true, SmartCharging: true, Security: true},
		{Vendor: "Aether Works", Name: "Twin 22", Firmware: "2.4.1", Connectors: []Plug{{"Type2", "AC", 22_000}, {"Type2", "AC", 22_000}},
			Lock: true, Reservations: true, LocalList: true, SmartCharging: true, Security: true},
		{Vendor: "Aether Works", Name: "Fast 150", Firmware: "5.0.3", Connectors: []Plug{{"CCS2", "DC", 150_000}, {"CCS2", "DC", 150_000}},
			Reservations: true, LocalList: true, SmartCharging: true, Security: true},
		{Vendor: "Kerb", Name: "K11", Firmware: "1.19", Connectors: []Plug{{"Type2", "AC", 11_000}},
			Lock: true, LocalList: true, SmartCharging: true},
		{Vendor: "Kerb", Name: "K7", Firmware: "1.12", Connectors: []Plug{{"Type2", "AC", 7_400}},
			Lock: true},
		{Vendor: "Voltaire", Name: "DC50", Firmware: "3.3.0-r7", Connectors: []Plug{{"CCS2", "DC", 50_000}},
			Reservations: true, SmartCharging: true},
	}
}

// The mains: volts between phase and neutral, and the least amperes that a cable may
// be told (IEC 61851-1).
const (
	volts     = 230.0
	leastAmps = 6.0
)

func (p Plug) dc() bool { return p.Current == "DC" }

// phases of an AC plug: small ones have one.
func (p Plug) phases() int {
	if p.Power <= 7_400 {
		return 1
	}
	return 3
}

// Car is a car. The zero value is a common one with an empty battery.
type Car struct {
	// Capacity of the battery, in Wh, 60 kWh by default.
	Capacity float64

	// SoC is how full it is, and Target when it stops charging: in percent, Target is
	// 100 by default.
	SoC, Target float64

	// AC and DC are what it can take, in W: 11 kW and 120 kW by default. Phases are
	// those that it uses, 3 by default.
	AC, DC float64
	Phases int
}

func (v *Car) setDefaults() {
	if v.Capacity <= 0 {
		v.Capacity = 60_000
	}
	if v.Target <= 0 || v.Target > 100 {
		v.Target = 100
	}
	if v.AC <= 0 {
		v.AC = 11_000
	}
	if v.DC <= 0 {
		v.DC = 120_000
	}
	if v.Phases <= 0 {
		v.Phases = 3
	}
}

// phasesAt are those over which it charges.
func (v *Car) phasesAt(p Plug) int { return min(v.Phases, p.phases()) }

// wants is the power that the car would take from a plug without a limit, in W.
func (v *Car) wants(p Plug) float64 {
	switch {
	case v.SoC >= v.Target:
		return 0
	case p.dc():
		power := min(float64(p.Power), v.DC)
		if v.SoC > 80 { // the battery is careful with the rest
			power *= max(0.12, 1-0.88*(v.SoC-80)/20)
		}
		return power
	}
	// An AC plug offers as many amperes on each phase.
	power := min(v.AC, float64(p.Power)*float64(v.phasesAt(p))/float64(p.phases()))
	if v.SoC > 97 {
		power *= max(0.1, (100-v.SoC)/3)
	}
	return power
}

// takes is what it takes with a limit of the station, in W.
func (v *Car) takes(p Plug, limit float64) float64 {
	if !p.dc() && limit < leastAmps*volts*float64(v.phasesAt(p)) {
		return 0
	}
	return min(v.wants(p), limit)
}

// charge fills the battery with energy from a plug, in Wh.
func (v *Car) charge(p Plug, energy float64) {
	efficiency := 0.9
	if p.dc() {
		efficiency = 0.95
	}
	v.SoC = math.Min(v.Target, v.SoC+100*energy*efficiency/v.Capacity)
}
