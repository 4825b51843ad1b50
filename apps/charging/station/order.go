package station

import "time"

// The actions of orders, as OCPP calls them.
const (
	RemoteStart         = "RemoteStartTransaction"
	RemoteStop          = "RemoteStopTransaction"
	UnlockConnector     = "UnlockConnector"
	ReserveNow          = "ReserveNow"
	CancelReservation   = "CancelReservation"
	Reset               = "Reset"
	ChangeAvailability  = "ChangeAvailability"
	ChangeConfiguration = "ChangeConfiguration"
	GetConfiguration    = "GetConfiguration"
	ClearCache          = "ClearCache"
	TriggerMessage      = "TriggerMessage"
	SendLocalList       = "SendLocalList"
	GetLocalListVersion = "GetLocalListVersion"
	SetChargingProfile  = "SetChargingProfile"
	ClearProfile        = "ClearChargingProfile"
	GetSchedule         = "GetCompositeSchedule"
	UpdateFirmware      = "UpdateFirmware"
	GetDiagnostics      = "GetDiagnostics"
	DataTransfer        = "DataTransfer"

	// Of the security extension.
	ExtendedTrigger    = "ExtendedTriggerMessage"
	SignedFirmware     = "SignedUpdateFirmware"
	GetLog             = "GetLog"
	InstallCertificate = "InstallCertificate"
	DeleteCertificate  = "DeleteCertificate"
	GetCertificates    = "GetInstalledCertificateIds"
	CertificateSigned  = "CertificateSigned"
)

// Order is what a station is asked to do: the action, and those of its fields that rules
// are about. The rest of what is sent is the Data of the [Request].
type Order struct {
	Action    string `json:"action"`
	Connector int    `json:"connector,omitempty"` // 0 is the station, or any of its connectors

	// IDTag is, of a remote start, made for it and never used again, so that the
	// transaction that has it is the one. A start for a reservation has the tag of that.
	IDTag   string `json:"idTag,omitempty"`
	Account string `json:"account,omitempty"` // for whom a remote start is

	Transaction int       `json:"transaction,omitempty"`
	Reservation int       `json:"reservation,omitempty"`
	Expires     time.Time `json:"expires,omitzero"` // of a reservation

	// Type is Hard or Soft of a reset, Inoperative or Operative of an availability, and
	// the message of a trigger.
	Type string `json:"type,omitempty"`

	Key     string `json:"key,omitempty"`     // of a configuration
	Value   string `json:"value,omitempty"`   // and what it is to be
	Version int    `json:"version,omitempty"` // of a local list
}

// The types of orders.
const (
	Hard        = "Hard"
	Soft        = "Soft"
	Inoperative = "Inoperative"
	Operative   = "Operative"
)

// proof is what shows that an accepted command has happened.
type proof string

const (
	ofAnswer       proof = "answer" // the answer says it
	ofStart        proof = "transaction-started"
	ofStop         proof = "transaction-stopped"
	ofBoot         proof = "booted"
	ofReserved     proof = "status-reserved"
	ofAvailability proof = "status-availability"
	ofStatus       proof = "status-reported"
	ofFirmware     proof = "firmware-status"
	ofUpload       proof = "upload-status"
)

// proof returns the one of an order; the answer of the station may make it another.
func (o Order) proof(answer string) proof {
	switch o.Action {
	case RemoteStart:
		return ofStart
	case RemoteStop:
		return ofStop
	case Reset:
		return ofBoot
	case ReserveNow:
		if o.Connector > 0 {
			return ofReserved
		}
	case ChangeAvailability:
		return ofAvailability
	case ChangeConfiguration:
		if answer == "RebootRequired" {
			return ofBoot
		}
	case TriggerMessage, ExtendedTrigger:
		switch o.Type {
		case "BootNotification":
			return ofBoot
		case "StatusNotification":
			return ofStatus
		}
	case UpdateFirmware, SignedFirmware:
		return ofFirmware
	case GetDiagnostics, GetLog:
		return ofUpload
	}
	return ofAnswer
}

// until is when the proof is to be there, zero when that cannot be told.
func (s *Station) until(o Order, answer string, at time.Time) time.Time {
	switch o.proof(answer) {
	case ofStart:
		return at.Add(s.connecting() + Margin)
	case ofStop, ofReserved, ofStatus:
		return at.Add(Proving)
	case ofBoot:
		if o.Action == ChangeConfiguration {
			return time.Time{} // when somebody resets it
		}
		return at.Add(Proving)
	case ofAvailability:
		if answer == "Scheduled" {
			return time.Time{} // when the transaction has ended
		}
		return at.Add(Proving)
	case ofFirmware, ofUpload:
		return at.Add(Working)
	}
	return time.Time{}
}
