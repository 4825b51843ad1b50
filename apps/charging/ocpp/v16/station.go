package v16

import "time"

// IDTagInfo says what an ID tag may do (7.27). A status without an expiry date has no
// end.
type IDTagInfo struct {
	ExpiryDate  time.Time
	ParentIDTag string
	Status      AuthorizationStatus
}

func (i *IDTagInfo) fields(f *fields) {
	f.date("expiryDate", &i.ExpiryDate, optional)
	f.text("parentIdTag", &i.ParentIDTag, optional, maxIDTag)
	enum(f, "status", &i.Status, required)
}

// maxIDTag is the length of an IdToken, a CiString20Type (7.28).
const maxIDTag = 20

// AuthorizeReq asks whether an ID tag may charge (6.1).
type AuthorizeReq struct{ IDTag string }

// AuthorizeConf answers it (6.2).
type AuthorizeConf struct{ IDTagInfo IDTagInfo }

func (m *AuthorizeReq) fields(f *fields)  { f.text("idTag", &m.IDTag, required, maxIDTag) }
func (m *AuthorizeConf) fields(f *fields) { object(f, "idTagInfo", &m.IDTagInfo) }

// BootNotificationReq says that a station has started, and what it is (6.3).
type BootNotificationReq struct {
	ChargeBoxSerialNumber   string
	ChargePointModel        string
	ChargePointSerialNumber string
	ChargePointVendor       string
	FirmwareVersion         string
	ICCID                   string
	IMSI                    string
	MeterSerialNumber       string
	MeterType               string
}

func (m *BootNotificationReq) fields(f *fields) {
	f.text("chargeBoxSerialNumber", &m.ChargeBoxSerialNumber, optional, 25)
	f.text("chargePointModel", &m.ChargePointModel, required, 20)
	f.text("chargePointSerialNumber", &m.ChargePointSerialNumber, optional, 25)
	f.text("chargePointVendor", &m.ChargePointVendor, required, 20)
	f.text("firmwareVersion", &m.FirmwareVersion, optional, 50)
	f.text("iccid", &m.ICCID, optional, 20)
	f.text("imsi", &m.IMSI, optional, 20)
	f.text("meterSerialNumber", &m.MeterSerialNumber, optional, 25)
	f.text("meterType", &m.MeterType, optional, 25)
}

// BootNotificationConf answers it (6.4).
type BootNotificationConf struct {
	CurrentTime time.Time

	// Interval is in seconds: between heartbeats of a station that is accepted, else
	// until the next BootNotification, at least.
	Interval int
	Status   RegistrationStatus
}

func (m *BootNotificationConf) fields(f *fields) {
	f.date("currentTime", &m.CurrentTime, required)
	f.integer("interval", &m.Interval, required, 0)
	enum(f, "status", &m.Status, required)
}

// HeartbeatReq says that a station lives, and asks for the time (6.29).
type HeartbeatReq struct{}

// HeartbeatConf answers it (6.30).
type HeartbeatConf struct{ CurrentTime time.Time }

func (m *HeartbeatReq) fields(*fields)    {}
func (m *HeartbeatConf) fields(f *fields) { f.date("currentTime", &m.CurrentTime, required) }

// MeterValuesReq has measured values (6.31).
type MeterValuesReq struct {
	// ConnectorID is 0 for the main meter.
	ConnectorID int

	// TransactionID is -1 where the station did not get one (errata 3.18).
	TransactionID *int
	MeterValue    []MeterValue
}

// MeterValuesConf answers it (6.32).
type MeterValuesConf struct{}

func (m *MeterValuesReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 0)
	f.optionalInteger("transactionId", &m.TransactionID, anyInteger)
	list(f, "meterValue", &m.MeterValue, required)
}
func (m *MeterValuesConf) fields(*fields) {}

// StartTransactionReq says that a transaction has started (6.45).
type StartTransactionReq struct {
	ConnectorID int
	IDTag       string

	// MeterStart is the meter's register, in Wh.
	MeterStart    int
	ReservationID *int
	Timestamp     time.Time
}

// StartTransactionConf answers it (6.46): with a transaction ID and an IDTagInfo even
// where the tag is refused. IDs are positive: -1 means that the station has none
// (errata 3.54).
type StartTransactionConf struct {
	IDTagInfo     IDTagInfo
	TransactionID int
}

func (m *StartTransactionReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 1)
	f.text("idTag", &m.IDTag, required, maxIDTag)
	f.integer("meterStart", &m.MeterStart, required, anyInteger)
	f.optionalInteger("reservationId", &m.ReservationID, anyInteger)
	f.date("timestamp", &m.Timestamp, required)
}

func (m *StartTransactionConf) fields(f *fields) {
	object(f, "idTagInfo", &m.IDTagInfo)
	if f.writing {
		f.integer("transactionId", &m.TransactionID, required, 1)
		return
	}
	f.integer("transactionId", &m.TransactionID, required, anyInteger)
}

// StopTransactionReq says that a transaction has stopped (6.49): it is a fact, and
// nothing can be refused.
type StopTransactionReq struct {
	// IDTag is whose tag stopped it; empty when nobody's did.
	IDTag string

	// MeterStop is the meter's register, in Wh.
	MeterStop int
	Timestamp time.Time

	// TransactionID is -1 where the station did not get one (errata 3.18).
	TransactionID   int
	Reason          Reason
	TransactionData []MeterValue
}

// ReasonOrDefault returns the reason, Local when it is absent.
func (m *StopTransactionReq) ReasonOrDefault() Reason { return orDefault(m.Reason, ReasonLocal) }

// StopTransactionConf answers it (6.50).
type StopTransactionConf struct{ IDTagInfo *IDTagInfo }

func (m *StopTransactionReq) fields(f *fields) {
	f.text("idTag", &m.IDTag, optional, maxIDTag)
	f.integer("meterStop", &m.MeterStop, required, anyInteger)
	f.date("timestamp", &m.Timestamp, required)
	f.integer("transactionId", &m.TransactionID, required, anyInteger)
	enum(f, "reason", &m.Reason, optional)
	list(f, "transactionData", &m.TransactionData, optional)
}
func (m *StopTransactionConf) fields(f *fields) { optionalObject(f, "idTagInfo", &m.IDTagInfo) }

// StatusNotificationReq says in what status a connector is (6.47).
type StatusNotificationReq struct {
	// ConnectorID is 0 for the main controller, whose status is Available,
	// Unavailable or Faulted, independent of the connectors (7.7).
	ConnectorID     int
	ErrorCode       ChargePointErrorCode
	Info            string
	Status          ChargePointStatus
	Timestamp       time.Time
	VendorID        string
	VendorErrorCode string
}

// Warning says whether the station reports an error and works all the same (4.9).
func (m *StatusNotificationReq) Warning() bool {
	return m.ErrorCode != ErrorNoError && m.Status != StatusFaulted
}

// StatusNotificationConf answers it (6.48).
type StatusNotificationConf struct{}

func (m *StatusNotificationReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 0)
	enum(f, "errorCode", &m.ErrorCode, required)
	f.text("info", &m.Info, optional, 50)
	enum(f, "status", &m.Status, required)
	f.rule(m.ConnectorID != 0 || m.Status.ofStation(), "status", "is not one of connector 0")
	f.date("timestamp", &m.Timestamp, optional)
	f.text("vendorId", &m.VendorID, optional, 255)
	f.text("vendorErrorCode", &m.VendorErrorCode, optional, 50)
}
func (m *StatusNotificationConf) fields(*fields) {}

// DataTransferReq is whatever a vendor has defined; either side sends it (6.15).
type DataTransferReq struct {
	VendorID  string
	MessageID string
	Data      *string
}

// DataTransferConf answers it (6.16).
type DataTransferConf struct {
	Status DataTransferStatus
	Data   *string
}

func (m *DataTransferReq) fields(f *fields) {
	f.text("vendorId", &m.VendorID, required, 255)
	f.text("messageId", &m.MessageID, optional, 50)
	f.optionalText("data", &m.Data, unlimited)
}

func (m *DataTransferConf) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.optionalText("data", &m.Data, unlimited)
}
