package v16

import "time"

// ChargingProfile limits power or current over time (7.8).
type ChargingProfile struct {
	ChargingProfileID int

	// TransactionID only goes with a TxProfile.
	TransactionID          *int
	StackLevel             int
	ChargingProfilePurpose ChargingProfilePurpose
	ChargingProfileKind    ChargingProfileKind

	// RecurrencyKind only goes with the kind Recurring (errata 3.56).
	RecurrencyKind   RecurrencyKind
	ValidFrom        time.Time
	ValidTo          time.Time
	ChargingSchedule ChargingSchedule
}

func (p *ChargingProfile) fields(f *fields) {
	f.integer("chargingProfileId", &p.ChargingProfileID, required, anyInteger)
	f.optionalInteger("transactionId", &p.TransactionID, anyInteger)
	f.integer("stackLevel", &p.StackLevel, required, 0)
	enum(f, "chargingProfilePurpose", &p.ChargingProfilePurpose, required)
	f.occurs(p.TransactionID == nil || p.ChargingProfilePurpose == PurposeTxProfile, "transactionId", "is only allowed in a TxProfile")
	enum(f, "chargingProfileKind", &p.ChargingProfileKind, required)
	enum(f, "recurrencyKind", &p.RecurrencyKind, optional)
	f.occurs(p.RecurrencyKind == "" || p.ChargingProfileKind == KindRecurring, "recurrencyKind", "is only allowed in a profile of the kind Recurring")
	f.date("validFrom", &p.ValidFrom, optional)
	f.date("validTo", &p.ValidTo, optional)
	object(f, "chargingSchedule", &p.ChargingSchedule)
}

// ChargingSchedule is a list of periods (7.13).
type ChargingSchedule struct {
	// Duration is in seconds; nil is without an end.
	Duration *int

	// StartSchedule is zero in a schedule that is relative to the start of charging.
	StartSchedule          time.Time
	ChargingRateUnit       ChargingRateUnit
	ChargingSchedulePeriod []ChargingSchedulePeriod
	MinChargingRate        *Decimal
}

func (s *ChargingSchedule) fields(f *fields) {
	f.optionalInteger("duration", &s.Duration, 0)
	f.date("startSchedule", &s.StartSchedule, optional)
	enum(f, "chargingRateUnit", &s.ChargingRateUnit, required)
	list(f, "chargingSchedulePeriod", &s.ChargingSchedulePeriod, required)
	for i, period := range s.ChargingSchedulePeriod {
		if i == 0 {
			f.rule(period.StartPeriod == 0, "chargingSchedulePeriod[0].startPeriod", "is not 0") // errata 3.69
			continue
		}
		f.rule(period.StartPeriod > s.ChargingSchedulePeriod[i-1].StartPeriod, index("chargingSchedulePeriod", i)+".startPeriod", "is not later than the one before")
	}
	f.optionalDecimal("minChargingRate", &s.MinChargingRate)
}

// ChargingSchedulePeriod is a part of a schedule (7.14).
type ChargingSchedulePeriod struct {
	// StartPeriod is in seconds from the start of the schedule.
	StartPeriod int

	// Limit is in the unit of the schedule.
	Limit Decimal

	// NumberPhases is nil for 3.
	NumberPhases *int
}

func (p *ChargingSchedulePeriod) fields(f *fields) {
	f.integer("startPeriod", &p.StartPeriod, required, 0)
	f.decimal("limit", &p.Limit)
	f.rule(p.Limit >= 0, "limit", "is less than 0")
	f.optionalInteger("numberPhases", &p.NumberPhases, 1)
	f.rule(p.NumberPhases == nil || *p.NumberPhases <= 3, "numberPhases", "is more than 3")
}

// SetChargingProfileReq gives a station a profile; connector 0 is the whole station
// (6.43).
type SetChargingProfileReq struct {
	ConnectorID        int
	CSChargingProfiles ChargingProfile
}

// SetChargingProfileConf answers it (6.44).
type SetChargingProfileConf struct{ Status ChargingProfileStatus }

func (m *SetChargingProfileReq) fields(f *fields) {
	const purpose = "csChargingProfiles.chargingProfilePurpose"
	f.integer("connectorId", &m.ConnectorID, required, 0)
	object(f, "csChargingProfiles", &m.CSChargingProfiles)
	switch m.CSChargingProfiles.ChargingProfilePurpose {
	case PurposeChargePointMaxProfile:
		f.rule(m.ConnectorID == 0, purpose, "is only allowed for connector 0") // 3.13.1
	case PurposeTxProfile:
		f.rule(m.ConnectorID > 0, purpose, "is not allowed for connector 0") // 3.13.1
		if f.writing {                                                       // 5.16: without it the profile may meet another transaction
			f.occurs(m.CSChargingProfiles.TransactionID != nil, "csChargingProfiles.transactionId", "is missing in a TxProfile")
		}
	}
}
func (m *SetChargingProfileConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// ClearChargingProfileReq removes the profiles that have all that is given (6.13).
type ClearChargingProfileReq struct {
	ID                     *int
	ConnectorID            *int
	ChargingProfilePurpose ChargingProfilePurpose
	StackLevel             *int
}

// ClearChargingProfileConf answers it (6.14).
type ClearChargingProfileConf struct{ Status ClearChargingProfileStatus }

func (m *ClearChargingProfileReq) fields(f *fields) {
	f.optionalInteger("id", &m.ID, anyInteger)
	f.optionalInteger("connectorId", &m.ConnectorID, 0)
	enum(f, "chargingProfilePurpose", &m.ChargingProfilePurpose, optional)
	f.optionalInteger("stackLevel", &m.StackLevel, 0)
}
func (m *ClearChargingProfileConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// GetCompositeScheduleReq asks what a station will do with all its profiles (6.21).
type GetCompositeScheduleReq struct {
	ConnectorID int

	// Duration is in seconds.
	Duration         int
	ChargingRateUnit ChargingRateUnit
}

// GetCompositeScheduleConf answers it (6.22). A rejected one has nothing else.
type GetCompositeScheduleConf struct {
	Status           GenericStatus
	ConnectorID      *int
	ScheduleStart    time.Time
	ChargingSchedule *ChargingSchedule
}

func (m *GetCompositeScheduleReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 0)
	f.integer("duration", &m.Duration, required, 0)
	enum(f, "chargingRateUnit", &m.ChargingRateUnit, optional)
}

func (m *GetCompositeScheduleConf) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.optionalInteger("connectorId", &m.ConnectorID, 0)
	f.date("scheduleStart", &m.ScheduleStart, optional)
	optionalObject(f, "chargingSchedule", &m.ChargingSchedule)
}

// ChargingProfilePurpose is what a profile is for (7.10).
type ChargingProfilePurpose string

// The values of ChargingProfilePurpose.
const (
	PurposeChargePointMaxProfile ChargingProfilePurpose = "ChargePointMaxProfile"
	PurposeTxDefaultProfile      ChargingProfilePurpose = "TxDefaultProfile"
	PurposeTxProfile             ChargingProfilePurpose = "TxProfile"
)

func (p ChargingProfilePurpose) valid() bool {
	return p == PurposeChargePointMaxProfile || p == PurposeTxDefaultProfile || p == PurposeTxProfile
}

// ChargingProfileKind says what the periods of a profile are relative to (7.9).
type ChargingProfileKind string

// The values of ChargingProfileKind.
const (
	KindAbsolute  ChargingProfileKind = "Absolute"
	KindRecurring ChargingProfileKind = "Recurring"
	KindRelative  ChargingProfileKind = "Relative"
)

func (k ChargingProfileKind) valid() bool {
	return k == KindAbsolute || k == KindRecurring || k == KindRelative
}

// RecurrencyKind says how often a profile recurs (7.37).
type RecurrencyKind string

// The values of RecurrencyKind.
const (
	RecurrencyDaily  RecurrencyKind = "Daily"
	RecurrencyWeekly RecurrencyKind = "Weekly"
)

func (k RecurrencyKind) valid() bool { return k == RecurrencyDaily || k == RecurrencyWeekly }

// ChargingRateUnit is the unit of a schedule: watts in total, or amperes per phase
// (7.12).
type ChargingRateUnit string

// The values of ChargingRateUnit.
const (
	RateW ChargingRateUnit = "W"
	RateA ChargingRateUnit = "A"
)

func (u ChargingRateUnit) valid() bool { return u == RateW || u == RateA }

// ChargingProfileStatus answers SetChargingProfile (7.11).
type ChargingProfileStatus string

// The values of ChargingProfileStatus.
const (
	ProfileAccepted     ChargingProfileStatus = "Accepted"
	ProfileRejected     ChargingProfileStatus = "Rejected"
	ProfileNotSupported ChargingProfileStatus = "NotSupported"
)

func (s ChargingProfileStatus) valid() bool {
	return s == ProfileAccepted || s == ProfileRejected || s == ProfileNotSupported
}
