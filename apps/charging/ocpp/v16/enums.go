package v16

// AuthorizationStatus says whether an ID tag may charge (7.2).
type AuthorizationStatus string

// The values of AuthorizationStatus.
const (
	AuthorizationAccepted     AuthorizationStatus = "Accepted"
	AuthorizationBlocked      AuthorizationStatus = "Blocked"
	AuthorizationExpired      AuthorizationStatus = "Expired"
	AuthorizationInvalid      AuthorizationStatus = "Invalid"
	AuthorizationConcurrentTx AuthorizationStatus = "ConcurrentTx"
)

func (s AuthorizationStatus) valid() bool {
	switch s {
	case AuthorizationAccepted, AuthorizationBlocked, AuthorizationExpired, AuthorizationInvalid, AuthorizationConcurrentTx:
		return true
	}
	return false
}

// AvailabilityStatus answers ChangeAvailability (7.3).
type AvailabilityStatus string

// The values of AvailabilityStatus. Scheduled: when the transaction has ended.
const (
	AvailabilityAccepted  AvailabilityStatus = "Accepted"
	AvailabilityRejected  AvailabilityStatus = "Rejected"
	AvailabilityScheduled AvailabilityStatus = "Scheduled"
)

func (s AvailabilityStatus) valid() bool {
	return s == AvailabilityAccepted || s == AvailabilityRejected || s == AvailabilityScheduled
}

// AvailabilityType is what ChangeAvailability asks for (7.4).
type AvailabilityType string

// The values of AvailabilityType.
const (
	Inoperative AvailabilityType = "Inoperative"
	Operative   AvailabilityType = "Operative"
)

func (t AvailabilityType) valid() bool { return t == Inoperative || t == Operative }

// GenericStatus is the answer of those actions that are accepted or rejected: the
// standard has a type for each (7.5, 7.20, 7.26, 7.39, 7.41, security 6.2, 6.8).
type GenericStatus string

// The values of GenericStatus. Of a remote start, Accepted means that the station
// will try: the proof is the StartTransaction that follows.
const (
	Accepted GenericStatus = "Accepted"
	Rejected GenericStatus = "Rejected"
)

func (s GenericStatus) valid() bool { return s == Accepted || s == Rejected }

// ChargePointErrorCode is what a station reports about a fault (7.6).
type ChargePointErrorCode string

// The values of ChargePointErrorCode.
const (
	ErrorConnectorLockFailure ChargePointErrorCode = "ConnectorLockFailure"
	ErrorEVCommunicationError ChargePointErrorCode = "EVCommunicationError"
	ErrorGroundFailure        ChargePointErrorCode = "GroundFailure"
	ErrorHighTemperature      ChargePointErrorCode = "HighTemperature"
	ErrorInternalError        ChargePointErrorCode = "InternalError"
	ErrorLocalListConflict    ChargePointErrorCode = "LocalListConflict"
	ErrorNoError              ChargePointErrorCode = "NoError"
	ErrorOtherError           ChargePointErrorCode = "OtherError"
	ErrorOverCurrentFailure   ChargePointErrorCode = "OverCurrentFailure"
	ErrorOverVoltage          ChargePointErrorCode = "OverVoltage"
	ErrorPowerMeterFailure    ChargePointErrorCode = "PowerMeterFailure"
	ErrorPowerSwitchFailure   ChargePointErrorCode = "PowerSwitchFailure"
	ErrorReaderFailure        ChargePointErrorCode = "ReaderFailure"
	ErrorResetFailure         ChargePointErrorCode = "ResetFailure"
	ErrorUnderVoltage         ChargePointErrorCode = "UnderVoltage"
	ErrorWeakSignal           ChargePointErrorCode = "WeakSignal"
)

func (c ChargePointErrorCode) valid() bool {
	switch c {
	case ErrorConnectorLockFailure, ErrorEVCommunicationError, ErrorHighTemperature, ErrorInternalError, ErrorLocalListConflict,
		ErrorNoError, ErrorOtherError, ErrorReaderFailure, ErrorResetFailure, ErrorWeakSignal:
		return true
	}
	return c.PowerFault()
}

// PowerFault says whether the fault is one of the electrical supply, its protection
// or its measurement.
func (c ChargePointErrorCode) PowerFault() bool {
	switch c {
	case ErrorGroundFailure, ErrorOverCurrentFailure, ErrorOverVoltage, ErrorUnderVoltage, ErrorPowerMeterFailure, ErrorPowerSwitchFailure:
		return true
	}
	return false
}

// ChargePointStatus is the status of a connector, or of the station (7.7).
type ChargePointStatus string

// The values of ChargePointStatus.
const (
	StatusAvailable     ChargePointStatus = "Available"
	StatusPreparing     ChargePointStatus = "Preparing"
	StatusCharging      ChargePointStatus = "Charging"
	StatusSuspendedEVSE ChargePointStatus = "SuspendedEVSE"
	StatusSuspendedEV   ChargePointStatus = "SuspendedEV"
	StatusFinishing     ChargePointStatus = "Finishing"
	StatusReserved      ChargePointStatus = "Reserved"
	StatusUnavailable   ChargePointStatus = "Unavailable"
	StatusFaulted       ChargePointStatus = "Faulted"
)

func (s ChargePointStatus) valid() bool {
	switch s {
	case StatusPreparing, StatusCharging, StatusSuspendedEVSE, StatusSuspendedEV, StatusFinishing, StatusReserved:
		return true
	}
	return s.ofStation()
}

// ofStation says whether connector 0, the main controller, can have it.
func (s ChargePointStatus) ofStation() bool {
	return s == StatusAvailable || s == StatusUnavailable || s == StatusFaulted
}

// ClearChargingProfileStatus answers ClearChargingProfile (7.21).
type ClearChargingProfileStatus string

// The values of ClearChargingProfileStatus.
const (
	ClearProfileAccepted ClearChargingProfileStatus = "Accepted"
	ClearProfileUnknown  ClearChargingProfileStatus = "Unknown"
)

func (s ClearChargingProfileStatus) valid() bool {
	return s == ClearProfileAccepted || s == ClearProfileUnknown
}

// ConfigurationStatus answers ChangeConfiguration (7.22).
type ConfigurationStatus string

// The values of ConfigurationStatus.
const (
	ConfigurationAccepted       ConfigurationStatus = "Accepted"
	ConfigurationRejected       ConfigurationStatus = "Rejected"
	ConfigurationRebootRequired ConfigurationStatus = "RebootRequired"
	ConfigurationNotSupported   ConfigurationStatus = "NotSupported"
)

func (s ConfigurationStatus) valid() bool {
	switch s {
	case ConfigurationAccepted, ConfigurationRejected, ConfigurationRebootRequired, ConfigurationNotSupported:
		return true
	}
	return false
}

// DataTransferStatus answers DataTransfer (7.23).
type DataTransferStatus string

// The values of DataTransferStatus.
const (
	DataTransferAccepted         DataTransferStatus = "Accepted"
	DataTransferRejected         DataTransferStatus = "Rejected"
	DataTransferUnknownMessageID DataTransferStatus = "UnknownMessageId"
	DataTransferUnknownVendorID  DataTransferStatus = "UnknownVendorId"
)

func (s DataTransferStatus) valid() bool {
	switch s {
	case DataTransferAccepted, DataTransferRejected, DataTransferUnknownMessageID, DataTransferUnknownVendorID:
		return true
	}
	return false
}

// RegistrationStatus answers BootNotification (7.38).
type RegistrationStatus string

// The values of RegistrationStatus. Pending: the station may be configured, but
// nothing is started or stopped remotely. Rejected: it waits, and asks again.
const (
	RegistrationAccepted RegistrationStatus = "Accepted"
	RegistrationPending  RegistrationStatus = "Pending"
	RegistrationRejected RegistrationStatus = "Rejected"
)

func (s RegistrationStatus) valid() bool {
	return s == RegistrationAccepted || s == RegistrationPending || s == RegistrationRejected
}

// Reason says why a transaction stopped (7.36).
type Reason string

// The values of Reason.
const (
	ReasonDeAuthorized   Reason = "DeAuthorized"
	ReasonEmergencyStop  Reason = "EmergencyStop"
	ReasonEVDisconnected Reason = "EVDisconnected"
	ReasonHardReset      Reason = "HardReset"
	ReasonLocal          Reason = "Local"
	ReasonOther          Reason = "Other"
	ReasonPowerLoss      Reason = "PowerLoss"
	ReasonReboot         Reason = "Reboot"
	ReasonRemote         Reason = "Remote"
	ReasonSoftReset      Reason = "SoftReset"
	ReasonUnlockCommand  Reason = "UnlockCommand"
)

func (r Reason) valid() bool {
	switch r {
	case ReasonDeAuthorized, ReasonEmergencyStop, ReasonEVDisconnected, ReasonHardReset, ReasonLocal, ReasonOther,
		ReasonPowerLoss, ReasonReboot, ReasonRemote, ReasonSoftReset, ReasonUnlockCommand:
		return true
	}
	return false
}

// ReservationStatus answers ReserveNow (7.40).
type ReservationStatus string

// The values of ReservationStatus.
const (
	ReservationAccepted    ReservationStatus = "Accepted"
	ReservationFaulted     ReservationStatus = "Faulted"
	ReservationOccupied    ReservationStatus = "Occupied"
	ReservationRejected    ReservationStatus = "Rejected"
	ReservationUnavailable ReservationStatus = "Unavailable"
)

func (s ReservationStatus) valid() bool {
	switch s {
	case ReservationAccepted, ReservationFaulted, ReservationOccupied, ReservationRejected, ReservationUnavailable:
		return true
	}
	return false
}

// ResetType is the kind of a reset (7.42).
type ResetType string

// The values of ResetType.
const (
	ResetHard ResetType = "Hard"
	ResetSoft ResetType = "Soft"
)

func (t ResetType) valid() bool { return t == ResetHard || t == ResetSoft }

// MessageTrigger is what TriggerMessage asks for (7.32).
type MessageTrigger string

// The values of MessageTrigger.
const (
	TriggerBootNotification              MessageTrigger = "BootNotification"
	TriggerDiagnosticsStatusNotification MessageTrigger = "DiagnosticsStatusNotification"
	TriggerFirmwareStatusNotification    MessageTrigger = "FirmwareStatusNotification"
	TriggerHeartbeat                     MessageTrigger = "Heartbeat"
	TriggerMeterValues                   MessageTrigger = "MeterValues"
	TriggerStatusNotification            MessageTrigger = "StatusNotification"
)

func (t MessageTrigger) valid() bool {
	switch t {
	case TriggerBootNotification, TriggerDiagnosticsStatusNotification, TriggerFirmwareStatusNotification, TriggerHeartbeat,
		TriggerMeterValues, TriggerStatusNotification:
		return true
	}
	return false
}

// TriggerMessageStatus answers TriggerMessage and ExtendedTriggerMessage (7.44,
// security 6.15).
type TriggerMessageStatus string

// The values of TriggerMessageStatus.
const (
	TriggerAccepted       TriggerMessageStatus = "Accepted"
	TriggerRejected       TriggerMessageStatus = "Rejected"
	TriggerNotImplemented TriggerMessageStatus = "NotImplemented"
)

func (s TriggerMessageStatus) valid() bool {
	return s == TriggerAccepted || s == TriggerRejected || s == TriggerNotImplemented
}

// UnlockStatus answers UnlockConnector (7.46).
type UnlockStatus string

// The values of UnlockStatus.
const (
	Unlocked           UnlockStatus = "Unlocked"
	UnlockFailed       UnlockStatus = "UnlockFailed"
	UnlockNotSupported UnlockStatus = "NotSupported"
)

func (s UnlockStatus) valid() bool {
	return s == Unlocked || s == UnlockFailed || s == UnlockNotSupported
}
