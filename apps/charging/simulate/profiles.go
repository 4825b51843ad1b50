package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// installed is a charging profile of a connector, 0 for the whole station.
type installed struct {
	connector int
	profile   v16.ChargingProfile

	// A TxProfile is that of a transaction; of one that is going to begin it is nil.
	tx *transaction

	since time.Time // a profile without a start begins here
}

// profiles says whether a call is one of the SmartCharging profile.
func profiles(request ocpp.Request) bool {
	switch request.(type) {
	case *v16.SetChargingProfileReq, *v16.ClearChargingProfileReq, *v16.GetCompositeScheduleReq:
		return true
	}
	return false
}

func (s *Station) answerProfile(request ocpp.Request) ocpp.Response {
	for _, c := range s.connectors[1:] {
		s.meter(c) // with the limits of before
	}
	defer func() {
		for _, c := range s.connectors[1:] {
			s.meter(c)
		}
	}()
	switch q := request.(type) {
	case *v16.SetChargingProfileReq:
		return &v16.SetChargingProfileConf{Status: s.setProfile(q)}
	case *v16.ClearChargingProfileReq:
		return &v16.ClearChargingProfileConf{Status: s.clearProfiles(q)}
	}
	return s.composite(request.(*v16.GetCompositeScheduleReq))
}

func (s *Station) setProfile(q *v16.SetChargingProfileReq) v16.ChargingProfileStatus {
	p := &q.CSChargingProfiles
	if q.ConnectorID >= len(s.connectors) || q.ConnectorID < 0 {
		return v16.ProfileRejected
	}
	c := s.connectors[q.ConnectorID]
	if s.objects(c, p) {
		return v16.ProfileRejected
	}
	if p.ChargingProfilePurpose == v16.PurposeTxProfile && (c.tx == nil || p.TransactionID != nil && *p.TransactionID != c.tx.entry.ID) {
		return v16.ProfileRejected // 5.16
	}
	s.install(q.ConnectorID, *p)
	return v16.ProfileAccepted
}

// objects says whether a profile is beyond the station, or at odds with its purpose.
func (s *Station) objects(c *connector, p *v16.ChargingProfile) bool {
	others := 0
	for _, i := range s.profiles {
		if !replaces(c.id, p, i) {
			others++
		}
	}
	return p.StackLevel > s.number("ChargeProfileMaxStackLevel") ||
		len(p.ChargingSchedule.ChargingSchedulePeriod) > s.number("ChargingScheduleMaxPeriods") ||
		others >= s.number("MaxChargingProfilesInstalled") ||
		p.ChargingProfilePurpose == v16.PurposeChargePointMaxProfile && (c.id != 0 || p.ChargingProfileKind == v16.KindRelative)
}

// replaces says whether a profile takes the place of another one (5.16).
func replaces(connector int, p *v16.ChargingProfile, old installed) bool {
	return p.ChargingProfileID == old.profile.ChargingProfileID ||
		connector == old.connector && p.StackLevel == old.profile.StackLevel && p.ChargingProfilePurpose == old.profile.ChargingProfilePurpose
}

func (s *Station) install(number int, p v16.ChargingProfile) {
	s.profiles = slices.DeleteFunc(s.profiles, func(old installed) bool { return replaces(number, &p, old) })
	i := installed{connector: number, profile: p, since: time.Now()}
	if p.ChargingProfilePurpose == v16.PurposeTxProfile {
		i.tx = s.connectors[number].tx
	}
	s.profiles = append(s.profiles, i)
}

// bindTxProfiles gives the profiles of a remote start to the transaction that follows.
func (s *Station) bindTxProfiles(c *connector) {
	for i := range s.profiles {
		if p := &s.profiles[i]; p.connector == c.id && p.profile.ChargingProfilePurpose == v16.PurposeTxProfile {
			p.tx = c.tx
		}
	}
}

// dropTxProfiles removes those of a transaction that is over, or did not come.
func (s *Station) dropTxProfiles(c *connector) {
	s.profiles = slices.DeleteFunc(s.profiles, func(i installed) bool {
		return i.connector == c.id && i.profile.ChargingProfilePurpose == v16.PurposeTxProfile
	})
}

func (s *Station) clearProfiles(q *v16.ClearChargingProfileReq) v16.ClearChargingProfileStatus {
	before := len(s.profiles)
	s.profiles = slices.DeleteFunc(s.profiles, func(i installed) bool {
		p := &i.profile
		if q.ID != nil {
			return *q.ID == p.ChargingProfileID
		}
		return (q.ConnectorID == nil || *q.ConnectorID == i.connector) && (q.StackLevel == nil || *q.StackLevel == p.StackLevel) &&
			(q.ChargingProfilePurpose == "" || q.ChargingProfilePurpose == p.ChargingProfilePurpose)
	})
	if len(s.profiles) == before {
		return v16.ClearProfileUnknown
	}
	return v16.ClearProfileAccepted
}

// limit is the power that a connector may give at a moment, in W.
func (s *Station) limit(c *connector, at time.Time) float64 {
	limit := float64(c.plug.Power)
	if len(s.profiles) == 0 {
		return limit
	}
	tx, ok := s.stacked(v16.PurposeTxProfile, c.id, c, at)
	if !ok {
		tx, ok = s.stacked(v16.PurposeTxDefaultProfile, c.id, c, at)
	}
	if !ok {
		tx, ok = s.stacked(v16.PurposeTxDefaultProfile, 0, c, at)
	}
	if ok {
		limit = min(limit, tx)
	}
	if whole, ok := s.stacked(v16.PurposeChargePointMaxProfile, 0, c, at); ok {
		charging := 0
		for _, other := range s.connectors[1:] {
			if other.tx != nil {
				charging++
			}
		}
		limit = min(limit, whole/float64(max(1, charging)))
	}
	return limit
}

// stacked is the limit of the profiles of a purpose: that of the highest stack level
// that says something about the moment (3.13.2).
func (s *Station) stacked(purpose v16.ChargingProfilePurpose, number int, c *connector, at time.Time) (watts float64, ok bool) {
	level := -1
	for i := range s.profiles {
		p := &s.profiles[i]
		if p.profile.ChargingProfilePurpose != purpose || p.connector != number || p.profile.StackLevel <= level {
			continue
		}
		if w, says := p.limit(c, at); says {
			watts, ok, level = w, true, p.profile.StackLevel
		}
	}
	return watts, ok
}

// limit is what one profile says about a moment, if anything.
func (i *installed) limit(c *connector, at time.Time) (watts float64, says bool) {
	p := &i.profile
	if !p.ValidFrom.IsZero() && at.Before(p.ValidFrom) || !p.ValidTo.IsZero() && !at.Before(p.ValidTo) {
		return 0, false
	}
	offset := at.Sub(i.start(c, at))
	schedule := &p.ChargingSchedule
	if offset < 0 || schedule.Duration != nil && offset >= time.Duration(*schedule.Duration)*time.Second {
		return 0, false
	}
	for _, period := range schedule.ChargingSchedulePeriod {
		if time.Duration(period.StartPeriod)*time.Second > offset {
			break
		}
		phases := c.plug.phases()
		if period.NumberPhases != nil {
			phases = min(phases, *period.NumberPhases)
		}
		watts, says = period.Limit.Float64(), true
		if schedule.ChargingRateUnit == v16.RateA {
			watts *= volts * float64(phases)
		}
	}
	return watts, says
}

// start is when the schedule begins that counts at a moment.
func (i *installed) start(c *connector, at time.Time) time.Time {
	start := i.profile.ChargingSchedule.StartSchedule
	switch {
	case i.profile.ChargingProfileKind == v16.KindRelative && c.tx != nil:
		return c.tx.began
	case i.profile.ChargingProfileKind == v16.KindRelative:
		return at // nothing has begun: it would now
	case start.IsZero():
		return i.since
	case i.profile.ChargingProfileKind == v16.KindRecurring && !at.Before(start):
		every := 24 * time.Hour
		if i.profile.RecurrencyKind == v16.RecurrencyWeekly {
			every *= 7
		}
		return start.Add(at.Sub(start) / every * every)
	}
	return start
}

// composite tells what all profiles come to (5.7).
func (s *Station) composite(q *v16.GetCompositeScheduleReq) *v16.GetCompositeScheduleConf {
	if q.ConnectorID < 0 || q.ConnectorID >= len(s.connectors) {
		return &v16.GetCompositeScheduleConf{Status: v16.Rejected}
	}
	now := time.Now()
	duration := min(q.Duration, 7*24*3600)
	schedule := &v16.ChargingSchedule{Duration: &duration, StartSchedule: now, ChargingRateUnit: orIdle(q.ChargingRateUnit, v16.RateW)}
	last := v16.Decimal(-1)
	for _, offset := range s.turns(now, duration) {
		limit := s.rate(q.ConnectorID, now.Add(time.Duration(offset)*time.Second), schedule.ChargingRateUnit)
		if limit != last {
			schedule.ChargingSchedulePeriod = append(schedule.ChargingSchedulePeriod, v16.ChargingSchedulePeriod{StartPeriod: offset, Limit: limit})
			last = limit
		}
	}
	return &v16.GetCompositeScheduleConf{Status: v16.Accepted, ConnectorID: &q.ConnectorID, ScheduleStart: now, ChargingSchedule: schedule}
}

// rate is the limit of a connector, or of all for 0, in a unit: amperes are per phase.
func (s *Station) rate(number int, at time.Time, unit v16.ChargingRateUnit) v16.Decimal {
	sum, phases := 0.0, 1
	for _, c := range s.connectors[1:] {
		if number == 0 || c.id == number {
			sum += s.limit(c, at)
			phases = c.plug.phases()
		}
	}
	if unit == v16.RateA {
		sum /= volts * float64(phases)
	}
	return v16.DecimalOf(sum)
}

// turns are the seconds after a moment at which a limit may change.
func (s *Station) turns(from time.Time, duration int) []int {
	turns := []int{0}
	add := func(t time.Time) {
		if d := int(math.Ceil(t.Sub(from).Seconds())); d > 0 && d < duration {
			turns = append(turns, d)
		}
	}
	for i := range s.profiles {
		p := &s.profiles[i]
		add(p.profile.ValidFrom)
		add(p.profile.ValidTo)
		for _, c := range s.connectors[1:] {
			for at := from; ; at = at.Add(24 * time.Hour) { // each day, for those that recur
				start := p.start(c, at)
				add(start)
				for _, period := range p.profile.ChargingSchedule.ChargingSchedulePeriod {
					add(start.Add(time.Duration(period.StartPeriod) * time.Second))
				}
				if d := p.profile.ChargingSchedule.Duration; d != nil {
					add(start.Add(time.Duration(*d) * time.Second))
				}
				if at.Sub(from) > time.Duration(duration)*time.Second {
					break
				}
			}
		}
	}
	slices.Sort(turns)
	return slices.Compact(turns)
}
