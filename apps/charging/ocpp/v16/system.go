package v16

import (
	"strings"
	"time"
)

// CancelReservationReq takes a reservation back (6.5).
type CancelReservationReq struct{ ReservationID int }

// CancelReservationConf answers it (6.6).
type CancelReservationConf struct{ Status GenericStatus }

func (m *CancelReservationReq) fields(f *fields) {
	f.integer("reservationId", &m.ReservationID, required, anyInteger)
}
func (m *CancelReservationConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// ChangeAvailabilityReq puts a connector in or out of service; 0 is the station with
// all its connectors (6.7).
type ChangeAvailabilityReq struct {
	ConnectorID int
	Type        AvailabilityType
}

// ChangeAvailabilityConf answers it (6.8).
type ChangeAvailabilityConf struct{ Status AvailabilityStatus }

func (m *ChangeAvailabilityReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 0)
	enum(f, "type", &m.Type, required)
}
func (m *ChangeAvailabilityConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// KeyAuthorizationKey is the configuration key with the station's password. It can
// only be written (J errata 3.10).
const KeyAuthorizationKey = "AuthorizationKey"

// ChangeConfigurationReq sets a configuration key (6.9).
type ChangeConfigurationReq struct{ Key, Value string }

// ChangeConfigurationConf answers it (6.10).
type ChangeConfigurationConf struct{ Status ConfigurationStatus }

// Secret implements [ocpp.SecretRequest].
func (m *ChangeConfigurationReq) Secret() string {
	if strings.EqualFold(m.Key, KeyAuthorizationKey) {
		return m.Value
	}
	return ""
}

func (m *ChangeConfigurationReq) fields(f *fields) {
	f.text("key", &m.Key, required, 50)
	f.text("value", &m.Value, required, 500)
}
func (m *ChangeConfigurationConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// ClearCacheReq empties the authorization cache (6.11).
type ClearCacheReq struct{}

// ClearCacheConf answers it (6.12).
type ClearCacheConf struct{ Status GenericStatus }

func (m *ClearCacheReq) fields(*fields)    {}
func (m *ClearCacheConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// GetConfigurationReq asks for keys, or for all (6.23).
type GetConfigurationReq struct{ Key []string }

// GetConfigurationConf answers it (6.24).
type GetConfigurationConf struct {
	ConfigurationKey []KeyValue
	UnknownKey       []string
}

// KeyValue is one key of a station's configuration (7.29).
type KeyValue struct {
	Key      string
	Readonly bool

	// Value is nil when the key is known but not set.
	Value *string
}

func (m *GetConfigurationReq) fields(f *fields) { f.texts("key", &m.Key, 50) }

func (m *GetConfigurationConf) fields(f *fields) {
	list(f, "configurationKey", &m.ConfigurationKey, optional)
	f.texts("unknownKey", &m.UnknownKey, 50)
}

func (v *KeyValue) fields(f *fields) {
	f.text("key", &v.Key, required, 50)
	f.boolean("readonly", &v.Readonly)
	f.optionalText("value", &v.Value, 500)
}

// RemoteStartTransactionReq asks for a transaction (6.33). It has no ID that would
// come back: a virtual, single-use IDTag recognises the transaction (3.9).
type RemoteStartTransactionReq struct {
	// ConnectorID is nil to leave the choice to the station.
	ConnectorID *int
	IDTag       string

	// ChargingProfile is a TxProfile without a transaction ID (errata 3.41).
	ChargingProfile *ChargingProfile
}

// RemoteStartTransactionConf answers it (6.34).
type RemoteStartTransactionConf struct{ Status GenericStatus }

func (m *RemoteStartTransactionReq) fields(f *fields) {
	f.optionalInteger("connectorId", &m.ConnectorID, 1)
	f.text("idTag", &m.IDTag, required, maxIDTag)
	optionalObject(f, "chargingProfile", &m.ChargingProfile)
	if p := m.ChargingProfile; p != nil {
		f.rule(p.ChargingProfilePurpose == PurposeTxProfile, "chargingProfile.chargingProfilePurpose", "is not TxProfile")
		f.occurs(p.TransactionID == nil, "chargingProfile.transactionId", "is not allowed in a remote start")
	}
}
func (m *RemoteStartTransactionConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// RemoteStopTransactionReq asks for the end of a transaction (6.35).
type RemoteStopTransactionReq struct{ TransactionID int }

// RemoteStopTransactionConf answers it (6.36).
type RemoteStopTransactionConf struct{ Status GenericStatus }

func (m *RemoteStopTransactionReq) fields(f *fields) {
	f.integer("transactionId", &m.TransactionID, required, anyInteger)
}
func (m *RemoteStopTransactionConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// ReserveNowReq reserves a connector, with 0 any (6.37). One with the ID of a
// reservation that the station has replaces it (5.13).
type ReserveNowReq struct {
	ConnectorID   int
	ExpiryDate    time.Time
	IDTag         string
	ParentIDTag   string
	ReservationID int
}

// ReserveNowConf answers it (6.38).
type ReserveNowConf struct{ Status ReservationStatus }

func (m *ReserveNowReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 0)
	f.date("expiryDate", &m.ExpiryDate, required)
	f.text("idTag", &m.IDTag, required, maxIDTag)
	f.text("parentIdTag", &m.ParentIDTag, optional, maxIDTag)
	f.integer("reservationId", &m.ReservationID, required, anyInteger)
}
func (m *ReserveNowConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// ResetReq restarts a station (6.39).
type ResetReq struct{ Type ResetType }

// ResetConf answers it (6.40).
type ResetConf struct{ Status GenericStatus }

func (m *ResetReq) fields(f *fields)  { enum(f, "type", &m.Type, required) }
func (m *ResetConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// TriggerMessageReq asks for a message (6.51).
type TriggerMessageReq struct {
	RequestedMessage MessageTrigger

	// ConnectorID is nil for all.
	ConnectorID *int
}

// TriggerMessageConf answers it (6.52).
type TriggerMessageConf struct{ Status TriggerMessageStatus }

func (m *TriggerMessageReq) fields(f *fields) {
	enum(f, "requestedMessage", &m.RequestedMessage, required)
	f.optionalInteger("connectorId", &m.ConnectorID, 1)
}
func (m *TriggerMessageConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// UnlockConnectorReq releases the lock of a cable, and finishes a transaction that
// runs first (6.53, 5.18).
type UnlockConnectorReq struct{ ConnectorID int }

// UnlockConnectorConf answers it (6.54).
type UnlockConnectorConf struct{ Status UnlockStatus }

func (m *UnlockConnectorReq) fields(f *fields) {
	f.integer("connectorId", &m.ConnectorID, required, 1)
}
func (m *UnlockConnectorConf) fields(f *fields) { enum(f, "status", &m.Status, required) }
