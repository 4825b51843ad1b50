package session

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Detail is the charge detail record of a session: its JSON is by the tags, its CSV by
// [Columns] and [Detail.Row]. Energy is in Wh, amounts in minor units of the currency.
type Detail struct {
	Station     string    `json:"station"`
	Transaction int       `json:"transaction"`
	Connector   int       `json:"connector"`
	IDTag       string    `json:"idTag"`
	Account     string    `json:"account,omitempty"`
	Start       time.Time `json:"start"`
	Stop        time.Time `json:"stop"`
	Clock       string    `json:"clock"` // StationClock or ServerClock
	Seconds     int64     `json:"seconds"`
	MeterStart  int       `json:"meterStart"`
	MeterStop   int       `json:"meterStop"`
	Energy      int       `json:"energy"`
	Reason      string    `json:"reason"`
	Abandoned   bool      `json:"abandoned,omitempty"` // nobody has told of its end

	// Tariff, Currency and Cost are empty before it is priced.
	Tariff   string `json:"tariff,omitempty"`
	Currency string `json:"currency,omitempty"`
	Cost     *Cost  `json:"cost,omitempty"`
	Flags    []Flag `json:"flags,omitempty"`
}

// Detail returns the record of a session that has ended; an error says why there is none.
func (s *Session) Detail() (Detail, error) {
	u, err := s.usage()
	if err != nil {
		return Detail{}, err
	}
	d := Detail{
		Station: s.Started.Station, Transaction: s.Started.Transaction, Connector: s.Started.Connector,
		IDTag: s.Started.IDTag, Account: s.Started.Account, Start: u.Start, Stop: u.Stop, Clock: u.clock,
		Seconds: int64(u.Stop.Sub(u.Start) / time.Second), MeterStart: s.Started.MeterStart, Energy: u.Energy,
		Flags: slices.Clone(s.Flags),
	}
	if s.Stopped != nil {
		d.MeterStop, d.Reason = s.Stopped.MeterStop, s.Stopped.Reason
	} else {
		d.MeterStop, d.Reason, d.Abandoned = s.Abandoned.MeterStop, s.Abandoned.Reason, true
	}
	if p := s.Priced; p != nil {
		cost := p.Cost
		d.Tariff, d.Currency, d.Cost = p.Tariff, p.Currency, &cost
	}
	return d, nil
}

// Columns are the names of the columns of the CSV form.
func Columns() []string {
	return []string{"station", "transaction", "connector", "id_tag", "account", "start", "stop", "clock", "seconds", "meter_start_wh",
		"meter_stop_wh", "energy_wh", "reason", "abandoned", "tariff", "currency", "cost_minor", "flags"}
}

// Row returns the fields of [Columns], for a csv.Writer. A field that a spreadsheet would
// take for a formula, which a station could send as an id tag, begins with an apostrophe.
func (d *Detail) Row() []string {
	cost := ""
	if d.Cost != nil {
		cost = strconv.FormatInt(d.Cost.Total, 10)
	}
	flags := make([]string, len(d.Flags))
	for i, f := range d.Flags {
		flags[i] = string(f)
	}
	return []string{
		plain(d.Station), strconv.Itoa(d.Transaction), strconv.Itoa(d.Connector), plain(d.IDTag), plain(d.Account),
		d.Start.UTC().Format(time.RFC3339), d.Stop.UTC().Format(time.RFC3339), d.Clock, strconv.FormatInt(d.Seconds, 10),
		strconv.Itoa(d.MeterStart), strconv.Itoa(d.MeterStop), strconv.Itoa(d.Energy), plain(d.Reason), strconv.FormatBool(d.Abandoned),
		plain(d.Tariff), d.Currency, cost, strings.Join(flags, " "),
	}
}

func plain(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return "'" + field
	}
	return field
}
