package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// Status is how a fleet is.
type Status struct {
	Stations  int     `json:"stations"`
	Connected int     `json:"connected"`
	Pending   int     `json:"pending"` // connected, and not accepted
	Offline   int     `json:"offline"`
	Charging  int     `json:"charging"` // connectors
	Faulted   int     `json:"faulted"`  // connectors
	PowerW    float64 `json:"power_w"`
	Queued    int     `json:"queued"` // messages about transactions that have not been taken

	CallsPerSecond float64 `json:"calls_per_second"` // in both directions
	Errors         int64   `json:"errors"`           // refused, not answered, or no connection; since the beginning
}

// Status adds up how the fleet is. The rate of calls is that since the last Status.
func (f *Fleet) Status() Status {
	st := Status{Stations: len(f.stations), Errors: f.stats.refused.Load() + f.stats.failures.Load()}
	for _, s := range f.stations {
		s.addTo(&st)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	calls, now := f.stats.calls.Load()+f.stats.commands.Load(), time.Now()
	if passed := now.Sub(f.since).Seconds(); passed > 0 {
		st.CallsPerSecond = float64(calls-f.callsThen) / passed
	}
	f.since, f.callsThen = now, calls
	return st
}

func (s *Station) addTo(st *Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.conn == nil:
		st.Offline++
	case s.registration != v16.RegistrationAccepted:
		st.Pending++
	default:
		st.Connected++
	}
	for _, c := range s.connectors[1:] {
		st.PowerW += c.power
		switch s.status(c) {
		case v16.StatusCharging:
			st.Charging++
		case v16.StatusFaulted:
			st.Faulted++
		}
	}
	for _, m := range s.queue {
		if m.tx != nil {
			st.Queued++
		}
	}
}

// String is a line.
func (s Status) String() string {
	line := fmt.Sprintf("%d connected, %d charging with %.0f kW, %d faulted, %d offline, %d queued, %.0f calls/s, %d errors",
		s.Connected, s.Charging, s.PowerW/1000, s.Faulted, s.Offline, s.Queued, s.CallsPerSecond, s.Errors)
	if s.Pending > 0 {
		line += fmt.Sprintf(", %d not accepted", s.Pending)
	}
	return line
}

// Report is what a fleet has done, and what the audit has found.
type Report struct {
	Stations int     `json:"stations"`
	Prefix   string  `json:"prefix"`
	Seed     uint64  `json:"seed"`
	Seconds  float64 `json:"seconds"`

	Calls    int64 `json:"calls"`    // made to the central system
	Refused  int64 `json:"refused"`  // of them, with a CALLERROR
	Failures int64 `json:"failures"` // not answered in time, or no connection
	Commands int64 `json:"commands"` // of the central system
	Connects int64 `json:"connects"`

	// Transactions that were audited, Stopped of them; Undelivered are those of which
	// the server has not taken all; Forgotten were not audited, for there were too many.
	Transactions int `json:"transactions"`
	Stopped      int `json:"stopped"`
	Undelivered  int `json:"undelivered"`
	Forgotten    int `json:"forgotten"`
	EnergyWh     int `json:"energy_wh"`

	// Last is how the fleet was in the end.
	Last Status `json:"last"`

	// Problems are what the audit objects to: there should be none.
	Problems []string `json:"problems"`
}

func (f *Fleet) report(found audited) *Report {
	slices.Sort(found.problems)
	return &Report{
		Stations: len(f.stations), Prefix: f.o.Prefix, Seed: f.o.Seed,
		Calls: f.stats.calls.Load(), Refused: f.stats.refused.Load(), Failures: f.stats.failures.Load(),
		Commands: f.stats.commands.Load(), Connects: f.stats.connects.Load(),
		Transactions: found.transactions, Stopped: found.stopped, Undelivered: found.undelivered, Forgotten: found.forgotten,
		EnergyWh: found.energy, Last: f.Status(), Problems: append([]string{}, found.problems...),
	}
}

// shown is how many problems a text has.
const shown = 20

// Write writes the report as text.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "stations:      %d in %.1f s; in the end %d connected, %d offline, %d not accepted\n",
		r.Stations, r.Seconds, r.Last.Connected, r.Last.Offline, r.Last.Pending)
	fmt.Fprintf(&b, "conversation:  %d calls, of which %d were refused; %d failures, %d connections; %d commands\n",
		r.Calls, r.Refused, r.Failures, r.Connects, r.Commands)
	fmt.Fprintf(&b, "transactions:  %d, of which %d have ended, with %.1f kWh\n", r.Transactions, r.Stopped, float64(r.EnergyWh)/1000)
	if r.Forgotten > 0 {
		fmt.Fprintf(&b, "not audited:   %d older ones\n", r.Forgotten)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(&b, "audit:         holds")
	}
	for i, problem := range r.Problems {
		if i == shown {
			fmt.Fprintf(&b, "audit:         and %d more\n", len(r.Problems)-shown)
			break
		}
		fmt.Fprintf(&b, "audit:         %s\n", problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
