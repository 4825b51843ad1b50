package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/internal/heard"
)

// Command is what a session can be told. At is always the time by the server's clock,
// Timestamp that by the station's.
type Command interface{ command() }

// The facts: what the station has reported. They are never refused.
type (
	// Start is about the TransactionStarted of the station.
	Start struct {
		Station     string `json:"station"`
		Transaction int    `json:"transaction"`
		Connector   int    `json:"connector"`
		IDTag       string `json:"idTag"`
		Account     string `json:"account"`
		MeterStart  int    `json:"meterStart"`

		// Authorisation is what the station was answered about the tag.
		Authorisation string    `json:"authorisation"`
		Timestamp     time.Time `json:"timestamp"`
		At            time.Time `json:"at"`
	}

	// Record has meter values.
	Record struct {
		Readings []RawReading `json:"readings"`
		At       time.Time    `json:"at"`
	}

	// Stop is the end, with the values that come with it.
	Stop struct {
		MeterStop int          `json:"meterStop"`
		Reason    string       `json:"reason"`
		IDTag     string       `json:"idTag"`
		Readings  []RawReading `json:"readings"`
		Timestamp time.Time    `json:"timestamp"`
		At        time.Time    `json:"at"`
	}

	// Abandon says that the end was not told, and why the station's books close it.
	Abandon struct {
		Reason string    `json:"reason"`
		At     time.Time `json:"at"`
	}
)

// Price says by which tariff a session that has ended is paid. Zone is that of the
// tariff's times. It is no part of the command's JSON, since its name alone means nothing
// here: who receives one looks it up.
type Price struct {
	Tariff Tariff         `json:"tariff"`
	Zone   *time.Location `json:"-"`
	At     time.Time      `json:"at"`
}

func (Start) command()   {}
func (Record) command()  {}
func (Stop) command()    {}
func (Abandon) command() {}
func (Price) command()   {}

// The reasons of refusals.
const (
	BadTariff  = "bad-tariff"
	BadMeter   = "bad-meter"
	NotStarted = "not-started"
	NotStopped = "not-stopped"
	IsPriced   = "priced"
)

// Decide says what happens because of a command.
func Decide(s *Session, command Command) ([]Event, error) {
	switch c := command.(type) {
	case Start:
		return s.start(c), nil
	case Record:
		return s.record(c.Readings, c.At), nil
	case Stop:
		return s.stop(c), nil
	case Abandon:
		return s.abandon(c), nil
	case Price:
		return s.price(c)
	}
	return nil, aether.Refuse("unknown-command", "a session knows no %T", command)
}

func (s *Session) start(c Start) []Event {
	if s.Started != nil {
		return nil
	}
	c.Timestamp = heard.Time(c.Timestamp)
	flags := told(c.Timestamp, c.At)
	if s.Stopped != nil && s.Stopped.MeterStop < c.MeterStart {
		flags = append(flags, MeterBackwards)
	}
	return []Event{SessionStarted{
		Station: c.Station, Transaction: c.Transaction, Connector: c.Connector, IDTag: text(c.IDTag), Account: text(c.Account),
		MeterStart: c.MeterStart, Authorisation: text(c.Authorisation), StationTime: c.Timestamp, Flags: flags, At: c.At,
	}}
}

// told returns the flags of a station's time that is told at a time.
func told(t, at time.Time) []Flag {
	switch {
	case !plausible(t, at):
		return []Flag{ClockSkew}
	case at.Sub(t) > LateAfter:
		return []Flag{Late}
	}
	return nil
}

// record notes the readings that are new.
func (s *Session) record(raw []RawReading, at time.Time) []Event {
	e := MeterValuesRecorded{At: at}
	if len(raw) > MaxReadings {
		for _, r := range raw[MaxReadings:] {
			e.Dropped += len(r.Samples)
		}
		raw = raw[:MaxReadings]
	}
	var news []uint64
	last := s.Last
	if last.IsZero() && s.Started != nil && plausible(s.Started.StationTime, s.Started.At) {
		last = s.Started.StationTime
	}
	register, metered := s.register()
	room := MaxBytes
	for _, rr := range raw {
		r := Reading{Time: heard.Time(rr.Time)}
		unreadable, dropped := 0, max(len(rr.Samples)-MaxSamples, 0)
		for _, sample := range rr.Samples[:len(rr.Samples)-dropped] {
			if normal, ok := Normalise(sample); ok {
				r.Samples = append(r.Samples, normal)
			} else {
				unreadable++
			}
		}
		sum, bytes := r.sum()
		if bytes > room {
			dropped, r.Samples = dropped+len(r.Samples), nil
			sum, bytes = r.sum()
		}
		room -= bytes // also of what was told before, so that a repetition keeps the same
		if slices.Contains(s.Seen, sum) || slices.Contains(news, sum) {
			continue
		}
		news = append(news, sum)
		e.Readings, e.Unreadable, e.Dropped = append(e.Readings, r), e.Unreadable+unreadable, e.Dropped+dropped
		if !plausible(r.Time, at) {
			e.Flags = append(e.Flags, ClockSkew)
			continue
		}
		if r.Time.Before(last) {
			continue // told in another order
		}
		if !last.IsZero() && r.Time.Sub(last) > GapAfter {
			e.Flags = append(e.Flags, Gap)
		}
		if at.Sub(r.Time) > LateAfter {
			e.Flags = append(e.Flags, Late)
		}
		last = r.Time
		if wh, ok := r.register(); ok {
			if metered && wh < register {
				e.Flags = append(e.Flags, MeterBackwards)
			}
			register, metered = wh, true
		}
	}
	if len(e.Readings) == 0 {
		return nil
	}
	slices.Sort(e.Flags)
	e.Flags = slices.Compact(e.Flags)
	return []Event{e}
}

// register returns what the energy register showed last.
func (s *Session) register() (wh int, known bool) {
	if n := len(s.Points); n > 0 {
		return s.Points[n-1].Wh, true
	}
	if s.Started != nil {
		return s.Started.MeterStart, true
	}
	return 0, false
}

// energy is what was counted between the start and a state of the meter.
func (s *Session) energy(meterStop int) (int, []Flag) {
	switch {
	case s.Started == nil:
		return 0, []Flag{NoStart}
	case meterStop < s.Started.MeterStart:
		return 0, []Flag{MeterBackwards}
	case meterStop-s.Started.MeterStart > MaxEnergy:
		return meterStop - s.Started.MeterStart, []Flag{MeterImplausible}
	}
	return meterStop - s.Started.MeterStart, nil
}

func (s *Session) stop(c Stop) []Event {
	events := s.record(c.Readings, c.At)
	if s.Stopped != nil {
		return events
	}
	c.Timestamp = heard.Time(c.Timestamp)
	energy, flags := s.energy(c.MeterStop)
	flags = append(flags, told(c.Timestamp, c.At)...)
	if s.Started != nil && c.Timestamp.Before(s.Started.StationTime) && !slices.Contains(flags, ClockSkew) {
		flags = append(flags, ClockSkew)
	}
	return append(events, SessionStopped{
		MeterStop: c.MeterStop, Energy: energy, Reason: cmp.Or(text(c.Reason), "Local"), IDTag: text(c.IDTag),
		StationTime: c.Timestamp, Flags: flags, At: c.At,
	})
}

func (s *Session) abandon(c Abandon) []Event {
	if s.Stopped != nil || s.Abandoned != nil {
		return nil
	}
	meter, _ := s.register()
	energy, _ := s.energy(meter)
	return []Event{SessionAbandoned{MeterStop: meter, Energy: energy, Reason: text(c.Reason), At: c.At}}
}

func (s *Session) price(c Price) ([]Event, error) {
	if err := c.Tariff.Check(); err != nil {
		return nil, err
	}
	if c.Zone == nil {
		return nil, aether.Refuse(BadTariff, "say in which time zone the tariff %s is", c.Tariff.ID)
	}
	u, err := s.usage()
	if err != nil {
		return nil, err
	}
	if s.Priced != nil {
		if s.Priced.Tariff == c.Tariff.ID {
			return nil, nil
		}
		return nil, aether.Refuse(IsPriced, "the session is priced already, by the tariff %s", s.Priced.Tariff)
	}
	cost := Cost{}
	if !s.Started.refused() || u.Energy > 0 {
		cost = Charge(c.Tariff, u, c.Zone)
	}
	return []Event{SessionPriced{
		Tariff: c.Tariff.ID, Currency: c.Tariff.Currency, Zone: c.Zone.String(), Start: u.Start, Stop: u.Stop, Clock: u.clock,
		Energy: u.Energy, Cost: cost, At: c.At,
	}}, nil
}

// usage says what is to be paid for.
func (s *Session) usage() (Usage, error) {
	if s.Started == nil {
		return Usage{}, aether.Refuse(NotStarted, "nobody has told of the session's beginning, so nobody knows what it has used")
	}
	u := Usage{Start: s.Started.StationTime, clock: StationClock}
	var told time.Time
	switch {
	case s.Stopped != nil:
		u.Energy, _ = s.energy(s.Stopped.MeterStop) // the start may have come after it
		u.Stop, told = s.Stopped.StationTime, s.Stopped.At
	case s.Abandoned != nil:
		u.Energy, _ = s.energy(s.Abandoned.MeterStop)
		u.Stop, told = u.Start, s.Abandoned.At
		if s.Last.After(u.Start) {
			u.Stop = s.Last
		}
	default:
		return Usage{}, aether.Refuse(NotStopped, "the session has not ended")
	}
	if u.Energy > MaxEnergy {
		return Usage{}, aether.Refuse(BadMeter, "the meter shows %d Wh, more than any session can have", u.Energy)
	}
	u.Points = s.Points
	if !plausible(u.Start, s.Started.At) || !plausible(u.Stop, told) || u.Stop.Before(u.Start) || u.Stop.Sub(u.Start) > Longest {
		u.Start, u.Stop, u.Points, u.clock = s.Started.At, told, nil, ServerClock
	}
	if u.Stop.Before(u.Start) { // the start was told last
		u.Start = u.Stop
	}
	u.MeterStart = s.Started.MeterStart
	return u, nil
}
