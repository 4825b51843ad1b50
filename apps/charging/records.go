package charging

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// What the read DB keeps is in pieces, so that an event changes few bytes, however many
// stations there are and however many connectors one of them has. Of the documents of
// lists there is one each; the others are put together of records.
var (
	fleets = readdb.NewCollection("fleet", func(f fleetRecord) string { return f.ID })

	stations = readdb.NewCollection("stations", func(s stationRecord) string { return s.ID },
		readdb.Index[stationRecord]{Name: byFacet, Values: func(s stationRecord) []readdb.Value { return s.facets() }})

	connectors = readdb.NewCollection("connectors", func(c connectorRecord) string { return connectorKey(c.Station, c.ID) },
		readdb.Index[connectorRecord]{Name: byStation, Values: func(c connectorRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(c.Station), readdb.Int(int64(c.ID)))}
		}})

	plugs = readdb.NewCollection("plugs", func(p plugsRecord) string { return p.Station })

	marks = readdb.NewCollection("uptime", func(m markRecord) string { return numbered(m.Station, int(m.Version)) },
		readdb.Index[markRecord]{Name: byStation, Values: func(m markRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(m.Station), readdb.Time(m.At), readdb.Int(int64(m.Version)))}
		}})

	settings = readdb.NewCollection("settings", func(s SettingsDocument) string { return s.Station })

	transactions = readdb.NewCollection("transactions", func(t transactionRecord) string { return t.Key },
		readdb.Index[transactionRecord]{Name: byFacet, Values: func(t transactionRecord) []readdb.Value { return t.facets() }})

	points = readdb.NewCollection("points", func(p pointRecord) string { return pointKey(p.Transaction, p.At) },
		readdb.Index[pointRecord]{Name: byTransaction, Values: func(p pointRecord) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(p.Transaction), readdb.Time(p.At))}
		}})

	commands = readdb.NewCollection("commands", func(c CommandDocument) string { return c.ID },
		readdb.Index[CommandDocument]{Name: byFacet, Values: func(c CommandDocument) []readdb.Value {
			names := []string{ofAll, ofStation + c.Station, ofState + string(c.State)}
			if isOpen(c.State) {
				names = append(names, ofState+stateOpen)
			}
			if isUnknown(c.State) {
				names = append(names, ofState+stateDoubt)
			}
			return facets(c.RequestedAt, c.ID, names...)
		}})

	reservations = readdb.NewCollection("reservations", func(r ReservationDocument) string { return r.Key },
		readdb.Index[ReservationDocument]{Name: byFacet, Values: func(r ReservationDocument) []readdb.Value {
			return facets(r.MadeAt, r.Key, pending(r.Ended == "")...)
		}})

	unmatched = readdb.NewCollection("unmatched", func(u UnmatchedDocument) string { return u.Key },
		readdb.Index[UnmatchedDocument]{Name: byFacet, Values: func(u UnmatchedDocument) []readdb.Value {
			return facets(u.At, u.Key, pending(u.Used == 0)...)
		}})

	faults = readdb.NewCollection("faults", func(f FaultDocument) string { return f.Key },
		readdb.Index[FaultDocument]{Name: byFacet, Values: func(f FaultDocument) []readdb.Value {
			return facets(f.Since, f.Key, pending(f.Until.IsZero())...)
		}})

	securities = readdb.NewCollection("security", func(s SecurityDocument) string { return s.Key },
		readdb.Index[SecurityDocument]{Name: byFacet, Values: func(s SecurityDocument) []readdb.Value {
			return facets(s.At, s.Key, ofAll, ofStation+s.Station)
		}})

	notices = readdb.NewCollection("notices", func(n NoticeDocument) string { return n.Key },
		readdb.Index[NoticeDocument]{Name: byFacet, Values: func(n NoticeDocument) []readdb.Value {
			if n.Count < 2 {
				return nil // a station alone is none
			}
			return facets(n.First, n.Key, ofAll)
		}})

	idTags  = readdb.NewCollection("id-tags", func(t idTagRecord) string { return t.Key })
	tariffs = readdb.NewCollection("tariffs", func(t tariffRecord) string { return t.Key })

	strangers = readdb.NewCollection("strangers", func(s registry.Stranger) string { return s.Identity },
		readdb.Index[registry.Stranger]{Name: byFacet, Values: func(s registry.Stranger) []readdb.Value {
			return facets(s.Last, s.Identity, ofAll)
		}})

	days = readdb.NewCollection("days", func(d dayRecord) string { return d.Day })
)

// The names of the indexes.
const (
	byFacet       = "facet"       // lists the documents that have something in common, by a time
	byStation     = "station"     // lists the connectors of a station, or when it was there
	byTransaction = "transaction" // lists the points of a curve, in the order of their times
)

// The facets: what documents have in common. Where a value follows it is a part of them.
const (
	ofAll     = "all"
	ofStation = "station:"
	ofState   = "state:"
	ofTag     = "tag:"
	ofStatus  = "status:"
	ofRunning = "running:" // transactions of an id tag that run
	ofEnded   = "ended"    // transactions that a charge detail record is of, by their ends
	ofPending = "pending"  // what is not over: reservations, faults, unmatched stops
	ofOnline  = "online"
	ofOffline = "offline"
	ofFaulted = "faulted"
)

// What more than one state of a command is called in queries.
const (
	stateOpen  = "open"
	stateDoubt = "doubt"
)

// isOpen says whether more is to come of a command.
func isOpen(s station.State) bool { c := station.Command{State: s}; return c.Open() }

// isUnknown says whether nobody knows if the station got a command.
func isUnknown(s station.State) bool { c := station.Command{State: s}; return c.Unknown() }

func pending(is bool) []string {
	if is {
		return []string{ofAll, ofPending}
	}
	return []string{ofAll}
}

// longestFacet is how many bytes of a facet count: some are what a station has sent.
const longestFacet = 300

func facetOf(name string) readdb.Value { return readdb.Text(name[:min(len(name), longestFacet)]) }

// facets are the values of a document with a time and a key.
func facets(at time.Time, key string, names ...string) []readdb.Value {
	values := make([]readdb.Value, len(names))
	for i, name := range names {
		values[i] = readdb.Tuple(facetOf(name), readdb.Time(at), readdb.Text(key))
	}
	return values
}

// numbered is the name of something that a station counts.
func numbered(id string, number int) string { return fmt.Sprintf("%s-%d", id, number) }

func connectorKey(id string, connector int) string { return fmt.Sprintf("%s/%d", id, connector) }

func pointKey(transaction string, at time.Time) string {
	return fmt.Sprintf("%s/%d.%09d", transaction, at.Unix(), at.Nanosecond())
}

// plugsRecord is what an operator says about the connectors of a station.
type plugsRecord struct {
	Station string          `json:"station"`
	Plugs   []registry.Plug `json:"plugs"`
}

// connectorRecord is a connector that was registered, or has reported.
type connectorRecord struct {
	Station string `json:"station"`
	ID      int    `json:"id"`
	station.Condition
	Since time.Time `json:"since,omitzero"`
	Fault string    `json:"fault,omitempty"` // the key of the one that it has
}

// faulted says whether a condition is a fault, and whether that is one of the supply.
func faulted(c station.Condition) (fault, power bool) {
	fault = c.Status == station.Faulted
	return fault, fault && station.PowerFault(c.ErrorCode)
}

// pointRecord is what was measured at one time. The energy is what the register showed.
type pointRecord struct {
	Transaction string `json:"transaction"`
	CurvePoint
}

// markRecord is how long a station was online, and how long it had a fault, until a time;
// and what is the case from then on.
type markRecord struct {
	Station string         `json:"station"`
	Version aether.Version `json:"version"`
	At      time.Time      `json:"at"`
	Online  bool           `json:"online"`
	Faulted bool           `json:"faulted"`

	OnlineFor time.Duration `json:"onlineFor"`
	FaultFor  time.Duration `json:"faultFor"`
}

// until returns the two durations until a time, which is not before the mark.
func (m *markRecord) until(at time.Time) (online, fault time.Duration) {
	more := max(at.Sub(m.At), 0)
	online, fault = m.OnlineFor, m.FaultFor
	if m.Online {
		online += more
	}
	if m.Faulted {
		fault += more
	}
	return online, fault
}

// idTagRecord is an id tag, and tariffRecord a tariff, with the key of its actor.
type idTagRecord struct {
	Key string `json:"key"`
	IDTagDocument
}

type tariffRecord struct {
	Key string `json:"key"`
	TariffDocument
}

// dayRecord is a day of all stations, UTC. A session is of the day on which it ended, and
// its time of the hours in which it charged.
type dayRecord struct {
	Day          string           `json:"day"`
	EnergyWh     int              `json:"energyWh"`
	Transactions int              `json:"transactions"`
	Revenue      map[string]int64 `json:"revenue,omitempty"`
	Hours        [24]int64        `json:"hours"` // seconds
}

// fleetID is the key of the one record that has the counts of all stations.
const fleetID = "fleet"

// fleetRecord has the counts, and the notice that a station which goes offline now is of.
type fleetRecord struct {
	ID string `json:"id"`
	tally
	Notice     string    `json:"notice,omitempty"`
	NoticeLast time.Time `json:"noticeLast,omitzero"`
}

// tally is what something counts for in the counts of the fleet.
type tally struct {
	Stations   int            `json:"stations,omitempty"`
	Online     int            `json:"online,omitempty"`
	Connectors map[string]int `json:"connectors,omitempty"`
	Faulted    int            `json:"faulted,omitempty"`
	PowerFault int            `json:"powerFault,omitempty"`
	Running    int            `json:"running,omitempty"`
	MilliWatts int64          `json:"milliWatts,omitempty"` // whole numbers have no rest that grows
	InDoubt    int            `json:"inDoubt,omitempty"`
	Inbox      int            `json:"inbox,omitempty"`
}

// add adds another tally so many times.
func (t *tally) add(other tally, times int) {
	t.Stations += times * other.Stations
	t.Online += times * other.Online
	t.Faulted += times * other.Faulted
	t.PowerFault += times * other.PowerFault
	t.Running += times * other.Running
	t.MilliWatts += int64(times) * other.MilliWatts
	t.InDoubt += times * other.InDoubt
	t.Inbox += times * other.Inbox
	for status, n := range other.Connectors {
		if t.Connectors == nil {
			t.Connectors = make(map[string]int)
		}
		if t.Connectors[status] += times * n; t.Connectors[status] == 0 {
			delete(t.Connectors, status)
		}
	}
}

// none says whether it is nothing.
func (t *tally) none() bool {
	only := *t
	only.Connectors = nil
	return len(t.Connectors) == 0 && reflect.ValueOf(only).IsZero()
}

// document is what everybody may know of the counts.
func (t *tally) document() FleetDocument {
	d := FleetDocument{
		Stations: t.Stations, Online: t.Online, Connectors: map[string]int{}, Faulted: t.Faulted, PowerFault: t.PowerFault,
		Running: t.Running, PowerW: float64(t.MilliWatts) / 1000, InDoubt: t.InDoubt, Inbox: t.Inbox,
	}
	maps.Copy(d.Connectors, t.Connectors)
	return d
}

// occupation is a transaction or a reservation of a connector.
type occupation struct {
	ID        int `json:"id"`
	Connector int `json:"connector"`
}

// vacate returns the occupations without one.
func vacate(all []occupation, id int) []occupation {
	return slices.DeleteFunc(all, func(o occupation) bool { return o.ID == id })
}
