package charging

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// stationRecord is a station without its connectors. It is there from its first event on,
// or from that of its record on; only then is it a station (see there) when the former has
// come.
type stationRecord struct {
	ID string `json:"id"`

	// What an operator says.
	Label   string `json:"label,omitempty"`
	Address string `json:"address,omitempty"`
	Tariff  string `json:"tariff,omitempty"`
	Profile int    `json:"profile,omitempty"`
	HasKey  bool   `json:"hasKey,omitempty"`

	Admission   station.Admission `json:"admission,omitempty"`
	Online      bool              `json:"online,omitempty"`
	Since       time.Time         `json:"since,omitzero"`
	Why         string            `json:"why,omitempty"`
	Boot        station.Admission `json:"boot,omitempty"`
	Booted      time.Time         `json:"booted,omitzero"`
	About       station.About     `json:"about"`
	Firmware    string            `json:"firmware,omitempty"`
	Diagnostics string            `json:"diagnostics,omitempty"`
	LocalList   int               `json:"localList,omitempty"`

	Statuses map[string]int `json:"statuses,omitempty"` // of the connectors but the main controller
	Faults   int            `json:"faults,omitempty"`
	Power    int            `json:"power,omitempty"` // of the faults

	Running  []occupation `json:"running,omitempty"`
	Reserved []occupation `json:"reserved,omitempty"`

	// Notice is that of when it went offline last, Back whether it has come back.
	Notice string `json:"notice,omitempty"`
	Back   bool   `json:"back,omitempty"`

	First time.Time  `json:"first,omitzero"` // of its uptime
	Mark  markRecord `json:"mark"`           // the last

	Version  aether.Version  `json:"version,omitempty"`
	Position aether.Position `json:"position"`
	Updated  time.Time       `json:"updated"`
}

// there says whether anything has happened to the station itself.
func (s *stationRecord) there() bool { return s.Version > 0 }

// What the connectors are counted as that have not reported, or whose station is away.
const (
	statusUnknown = "Unknown"
	statusOffline = "Offline"
)

// tally is what the station counts for.
func (s *stationRecord) tally() tally {
	if !s.there() {
		return tally{}
	}
	t := tally{Stations: 1, Connectors: make(map[string]int, len(s.Statuses))}
	if s.Online {
		t.Online = 1
	}
	if s.Faults > 0 {
		t.Faulted = 1
	}
	if s.Power > 0 {
		t.PowerFault = 1
	}
	for status, n := range s.Statuses {
		if !s.Online {
			status = statusOffline
		}
		t.Connectors[cmp.Or(status, statusUnknown)] += n
	}
	return t
}

func (s *stationRecord) facets() []readdb.Value {
	if !s.there() {
		return nil
	}
	names := []string{ofAll, ofOffline}
	if s.Online {
		names[1] = ofOnline
	}
	if s.Faults > 0 {
		names = append(names, ofFaulted)
	}
	for status := range s.Statuses {
		names = append(names, ofStatus+cmp.Or(status, statusUnknown))
	}
	values := make([]readdb.Value, len(names))
	for i, name := range names {
		values[i] = readdb.Tuple(facetOf(name), readdb.Text(s.ID))
	}
	return values
}

// has says whether a text, in small letters, is in what people call the station.
func (s *stationRecord) has(text string) bool {
	for _, field := range []string{s.ID, s.Label, s.Address, s.About.Vendor, s.About.Model, s.About.Serial} {
		if strings.Contains(strings.ToLower(field), text) {
			return true
		}
	}
	return false
}

// document is the station with its connectors, in their order.
func (s *stationRecord) document(all []connectorRecord, plugged []registry.Plug) StationDocument {
	d := StationDocument{
		ID: s.ID, Admission: s.Admission, Online: s.Online, Since: s.Since, Why: s.Why, Boot: s.Boot, Booted: s.Booted, About: s.About,
		Connectors: make([]ConnectorDocument, len(all)), Running: len(s.Running), Firmware: s.Firmware, Diagnostics: s.Diagnostics,
		LocalList: s.LocalList, Version: s.Version, Position: s.Position, Updated: s.Updated,
	}
	for i, c := range all {
		d.Connectors[i] = ConnectorDocument{ID: c.ID, Condition: c.Condition, Since: c.Since}
	}
	d.note(s, plugged)
	d.complete(s.Running, s.Reserved, plugged)
	return d
}

// note writes what an operator says of the station.
func (d *StationDocument) note(s *stationRecord, plugged []registry.Plug) {
	d.Label, d.Address, d.Tariff = s.Label, s.Address, cmp.Or(s.Tariff, registry.DefaultTariff)
	d.Profile, d.HasKey = s.Profile, s.HasKey
	for i := range d.Connectors {
		if n := d.Connectors[i].ID; n >= 1 && n <= len(plugged) {
			d.Connectors[i].Plug = plugged[n-1]
		}
	}
}

// complete writes what follows from the rest: who has which connector, and the faults. A
// connector that nobody has told of is there when somebody has it.
func (d *StationDocument) complete(running, reserved []occupation, plugged []registry.Plug) {
	of := func(connector int) *ConnectorDocument {
		for i := range d.Connectors {
			if d.Connectors[i].ID == connector {
				return &d.Connectors[i]
			}
		}
		c := ConnectorDocument{ID: connector}
		if connector >= 1 && connector <= len(plugged) {
			c.Plug = plugged[connector-1]
		}
		d.Connectors = append(d.Connectors, c)
		return &d.Connectors[len(d.Connectors)-1]
	}
	for _, t := range running {
		of(t.Connector).Transaction = t.ID
	}
	for _, r := range reserved {
		if r.Connector > 0 { // 0 is any of them
			of(r.Connector).Reservation = r.ID
		}
	}
	slices.SortFunc(d.Connectors, func(a, b ConnectorDocument) int { return cmp.Compare(a.ID, b.ID) })
	for i := range d.Connectors {
		c := &d.Connectors[i]
		fault, power := faulted(c.Condition)
		c.Power = power
		if fault {
			d.Faults++
		}
		d.PowerFault = d.PowerFault || power
	}
}

// getStation returns a station of the read model.
func getStation(r readdb.Reader, id string) (stationRecord, error) {
	s, found, err := stations.Get(r, id)
	if err == nil && (!found || !s.there()) {
		err = errNoStation
	}
	return s, err
}

// assemble puts a station together.
func assemble(r readdb.Reader, s *stationRecord) (StationDocument, error) {
	var all []connectorRecord
	within := readdb.ListOptions{Index: byStation, Range: readdb.Under(readdb.Tuple(readdb.Text(s.ID)))}
	for c, err := range connectors.All(r, &within) {
		if err != nil {
			return StationDocument{}, err
		}
		all = append(all, c)
	}
	p, _, err := plugs.Get(r, s.ID)
	return s.document(all, p.Plugs), err
}

// pastDocument is a station as its state says.
func pastDocument(s *station.Station) (d StationDocument, running, reserved []occupation) {
	d = StationDocument{
		Admission: s.Admission, Online: s.Online, Since: s.Since, Boot: s.Boot, Booted: s.Booted, About: s.About,
		Connectors: []ConnectorDocument{}, Firmware: s.Firmware, Diagnostics: s.Diagnostics, LocalList: s.LocalList,
	}
	for n, c := range s.Connectors {
		d.Connectors = append(d.Connectors, ConnectorDocument{ID: n, Condition: c.Condition, Since: c.Since})
	}
	for n := 1; n <= s.Count; n++ {
		if s.Connectors[n] == nil {
			d.Connectors = append(d.Connectors, ConnectorDocument{ID: n})
		}
	}
	for _, t := range s.Transactions {
		if t.Running() {
			running = append(running, occupation{t.ID, t.Connector})
		}
	}
	for _, r := range s.Reservations {
		reserved = append(reserved, occupation{r.ID, r.Connector})
	}
	d.Running = len(running)
	return d, running, reserved
}
