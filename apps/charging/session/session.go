// Package session is the domain of a charging transaction, as pure functions: what was
// metered, how it ended and what it costs. Every transaction of a station is an actor of
// its own, so that its meter values are not in the station's stream.
//
// What comes from the station is a fact and is never refused; it may come in any order and
// any number of times, and only what is new is an event. What cannot be right is flagged,
// not corrected.
//
//	session.go   the events, the state
//	decide.go    the commands, and which events they lead to
//	meter.go     measured values in common units
//	cost.go      tariffs, and what a session costs
//	record.go    the charge detail record
package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/aether-es/aether/schema"
)

// Kind is the kind of the actors: a transaction.
const Kind = "transaction"

// Key is the key of the actor of a station's transaction.
func Key(station string, transaction int) string { return fmt.Sprintf("%s-%d", station, transaction) }

// The limits of a session.
const (
	MaxReadings = 500       // of one message; of more the first are kept, and the rest is counted
	MaxSamples  = 100       // of one reading, likewise
	MaxBytes    = 700 << 10 // of the readings of one message together, likewise
	MaxText     = 200       // bytes of a text that a station sends; more is cut
	MaxSeen     = 4000      // readings that are recognised when they are repeated
	MaxPoints   = 1000      // of the energy's curve, for prices that change with the time
)

// What is worth a flag.
const (
	GapAfter  = 15 * time.Minute // without a reading
	LateAfter = 5 * time.Minute  // between the station's time and ours
	Ahead     = 5 * time.Minute  // that a station's clock may be ahead
	Longest   = 366 * 24 * time.Hour
	MaxEnergy = 1_000_000_000 // Wh of a session
)

// Flag says what cannot be right about a session, or is to be known.
type Flag string

// The values of Flag.
const (
	MeterBackwards   Flag = "meter-backwards"   // it showed less than before; no energy is counted
	MeterImplausible Flag = "meter-implausible" // it showed more than MaxEnergy since the start
	Gap              Flag = "gap"               // no reading for GapAfter
	ClockSkew        Flag = "clock-skew"        // a station's time that cannot be: unset, ahead, an end before the start
	Late             Flag = "late"              // told long after it happened, as the station's clock has it
	NoStart          Flag = "no-start"          // it has ended, and nobody has told of its beginning
)

// Event is what can happen to a session. At is the time by the server's clock, StationTime
// that by the station's, which may be anything.
type Event interface{ session() }

// SessionStarted begins it.
type SessionStarted struct {
	Station     string `json:"station"`
	Transaction int    `json:"transaction"`
	Connector   int    `json:"connector"`
	IDTag       string `json:"idTag"`
	Account     string `json:"account,omitempty"` // for whom it was started remotely
	MeterStart  int    `json:"meterStart"`        // Wh

	// Authorisation is what the station was answered about the tag, "" in events that are
	// older than the field.
	Authorisation string    `json:"authorisation,omitempty"`
	StationTime   time.Time `json:"stationTime"`
	Flags         []Flag    `json:"flags,omitempty"`
	At            time.Time `json:"at"`
}

// refused says whether the station was told not to charge.
func (e *SessionStarted) refused() bool {
	return e.Authorisation != "" && e.Authorisation != "Accepted"
}

// MeterValuesRecorded has what was measured, where it was not told before.
type MeterValuesRecorded struct {
	Readings []Reading `json:"readings"`

	// Unreadable are values that are no numbers, Dropped those of a message that has too
	// many.
	Unreadable int       `json:"unreadable,omitempty"`
	Dropped    int       `json:"dropped,omitempty"`
	Flags      []Flag    `json:"flags,omitempty"`
	At         time.Time `json:"at"`
}

// SessionStopped ends it. Energy is what the meter counted, never less than 0.
type SessionStopped struct {
	MeterStop   int       `json:"meterStop"` // Wh
	Energy      int       `json:"energy"`    // Wh
	Reason      string    `json:"reason"`    // Local when the station gave none
	IDTag       string    `json:"idTag,omitempty"`
	StationTime time.Time `json:"stationTime"`
	Flags       []Flag    `json:"flags,omitempty"`
	At          time.Time `json:"at"`
}

// SessionAbandoned ends one whose end nobody has told. Its energy is that of the last
// reading, until a SessionStopped comes after all.
type SessionAbandoned struct {
	MeterStop int       `json:"meterStop"`
	Energy    int       `json:"energy"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// SessionPriced has what it costs, by which tariff. One that comes later, after the end of
// an abandoned session was told, is in place of the former. A session whose tag was not
// accepted, and which has used no energy, costs nothing: neither its start nor its time.
type SessionPriced struct {
	Tariff   string    `json:"tariff"`
	Currency string    `json:"currency"` // ISO 4217
	Zone     string    `json:"zone"`     // of the tariff's times
	Start    time.Time `json:"start"`
	Stop     time.Time `json:"stop"`
	Clock    string    `json:"clock"` // StationClock or ServerClock
	Energy   int       `json:"energy"`
	Cost     Cost      `json:"cost"`
	At       time.Time `json:"at"`
}

// Whose clock the times of a session are by: the station's, unless they cannot be right.
const (
	StationClock = "station"
	ServerClock  = "server"
)

func (SessionStarted) session()      {}
func (MeterValuesRecorded) session() {}
func (SessionStopped) session()      {}
func (SessionAbandoned) session()    {}
func (SessionPriced) session()       {}

// Events returns the registry of the events.
func Events() *schema.Registry[Event] {
	return schema.New[Event](
		schema.Type[SessionStarted]("SessionStarted"),
		schema.Type[MeterValuesRecorded]("MeterValuesRecorded"),
		schema.Type[SessionStopped]("SessionStopped"),
		schema.Type[SessionAbandoned]("SessionAbandoned"),
		schema.Type[SessionPriced]("SessionPriced"),
	)
}

// Session is the state of a session.
type Session struct {
	Started   *SessionStarted   `json:"started,omitempty"`
	Stopped   *SessionStopped   `json:"stopped,omitempty"`
	Abandoned *SessionAbandoned `json:"abandoned,omitempty"`
	Priced    *SessionPriced    `json:"priced,omitempty"`

	Flags []Flag `json:"flags,omitempty"`

	// Last is the time of the newest reading, by the station's clock; Readings counts all.
	Last     time.Time `json:"last,omitzero"`
	Readings int       `json:"readings,omitempty"`
	Seen     []uint64  `json:"seen,omitempty"` // what they are recognised by

	// Points is the curve of the energy register, rising in both; a long one has fewer.
	Points []Point `json:"points,omitempty"`
}

// Point is what the energy register showed at a time.
type Point struct {
	At time.Time `json:"at"`
	Wh int       `json:"wh"`
}

// Initial returns the state of a session that nobody has told of.
func Initial(string) *Session { return &Session{} }

// Evolve returns the session after an event. It changes the one it is given.
func Evolve(s *Session, event Event) *Session {
	switch e := event.(type) {
	case SessionStarted:
		s.Started = &e
		s.Flags = slices.DeleteFunc(s.Flags, func(f Flag) bool { return f == NoStart })
		s.flag(e.Flags)
	case MeterValuesRecorded:
		for _, r := range e.Readings {
			s.recorded(r, e.At)
		}
		s.flag(e.Flags)
	case SessionStopped:
		s.Stopped, s.Priced = &e, nil
		s.flag(e.Flags)
	case SessionAbandoned:
		s.Abandoned = &e
	case SessionPriced:
		s.Priced = &e
	}
	return s
}

// flag notes flags, each once.
func (s *Session) flag(flags []Flag) {
	for _, f := range flags {
		if !slices.Contains(s.Flags, f) {
			s.Flags = append(s.Flags, f)
		}
	}
}

func (s *Session) recorded(r Reading, at time.Time) {
	s.Readings++
	sum, _ := r.sum()
	s.Seen = append(s.Seen, sum)
	if len(s.Seen) > MaxSeen {
		s.Seen = slices.Delete(s.Seen, 0, len(s.Seen)-MaxSeen)
	}
	if !plausible(r.Time, at) {
		return
	}
	if r.Time.After(s.Last) {
		s.Last = r.Time
	}
	wh, ok := r.register()
	if !ok {
		return
	}
	if n := len(s.Points); n > 0 && (!r.Time.After(s.Points[n-1].At) || wh < s.Points[n-1].Wh) {
		return
	}
	s.Points = append(s.Points, Point{r.Time, wh})
	if len(s.Points) > MaxPoints { // every second one, and the last
		kept := s.Points[:0]
		for i, p := range s.Points {
			if i%2 == 0 || i == len(s.Points)-1 {
				kept = append(kept, p)
			}
		}
		s.Points = kept
	}
}

// plausible says whether a time by a station's clock may be right when it is told at a
// time by ours.
func plausible(t, at time.Time) bool {
	return t.Year() >= 2010 && !t.After(at.Add(Ahead)) // clocks without a battery begin before
}
