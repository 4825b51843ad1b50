package station

import (
	"encoding/json"
	"time"

	"github.com/aether-es/aether/schema"
)

// TransactionStarted gives a transaction its ID, once, however often the station says so.
type TransactionStarted struct {
	Transaction int    `json:"transaction"` // positive
	Connector   int    `json:"connector"`
	IDTag       string `json:"idTag"`
	MeterStart  int    `json:"meterStart"` // Wh

	// Authorisation is what the station was answered about the tag: a transaction has an
	// ID also where that is no yes.
	Authorisation string `json:"authorisation"`

	// Command is the remote start that this is, and Account for whom that was.
	Command     string    `json:"command,omitempty"`
	Account     string    `json:"account,omitempty"`
	Reservation int       `json:"reservation,omitempty"`
	StationTime time.Time `json:"stationTime"`
	MessageID   string    `json:"messageId"`
	At          time.Time `json:"at"`
}

// TransactionStopped ends a transaction.
type TransactionStopped struct {
	Transaction int       `json:"transaction"`
	Connector   int       `json:"connector"`
	IDTag       string    `json:"idTag,omitempty"` // whose tag stopped it
	MeterStop   int       `json:"meterStop"`       // Wh
	Reason      string    `json:"reason"`          // Local when the station gave none
	By          string    `json:"by"`              // ByID, ByConnector or ByOperator
	StationTime time.Time `json:"stationTime"`
	MessageID   string    `json:"messageId"`
	At          time.Time `json:"at"`
}

// How a stop was matched with its transaction.
const (
	ByID        = "id"
	ByConnector = "connector" // it came without an ID, and belongs to no other
	ByOperator  = "operator"
)

// TransactionAbandoned says that a transaction has ended in a way that nobody reported. A
// stop that comes later all the same is taken.
type TransactionAbandoned struct {
	Transaction int       `json:"transaction"`
	Connector   int       `json:"connector"`
	Reason      string    `json:"reason"` // Superseded or ByOperator
	At          time.Time `json:"at"`
}

// Superseded is why a transaction is abandoned when the next has started on its connector.
const Superseded = "superseded"

// StopUnmatched keeps a stop that belongs to no transaction we know.
type StopUnmatched struct {
	Number      int       `json:"number"`      // 1, 2, 3 … of the station
	Transaction int       `json:"transaction"` // as the station says; -1 when it has no ID
	Connector   int       `json:"connector,omitempty"`
	IDTag       string    `json:"idTag,omitempty"`
	MeterStop   int       `json:"meterStop"`
	Reason      string    `json:"reason"`
	Why         string    `json:"why"` // UnknownTransaction, Ambiguous or StoppedAlready
	StationTime time.Time `json:"stationTime"`
	MessageID   string    `json:"messageId"`
	At          time.Time `json:"at"`
}

// Why a stop has no transaction.
const (
	UnknownTransaction = "unknown-transaction"
	Ambiguous          = "ambiguous"       // several transactions may be meant, or the tag is of none on its connector
	StoppedAlready     = "stopped-already" // with other values
)

// UnmatchedStopUsed says that a kept stop has found its transaction after all; the
// TransactionStopped is of the same save.
type UnmatchedStopUsed struct {
	Number      int       `json:"number"`
	Transaction int       `json:"transaction"`
	At          time.Time `json:"at"`
}

// ReservationMade says that the station keeps a connector for a tag; 0 is any of them. The
// same ID again replaces it.
type ReservationMade struct {
	Reservation int       `json:"reservation"`
	Connector   int       `json:"connector"`
	IDTag       string    `json:"idTag"`
	Until       time.Time `json:"until"`
	Command     string    `json:"command"`
	At          time.Time `json:"at"`
}

// ReservationEnded ends it.
type ReservationEnded struct {
	Reservation int       `json:"reservation"`
	Connector   int       `json:"connector"`
	Reason      string    `json:"reason"` // Used, Cancelled or Expired
	At          time.Time `json:"at"`
}

// Why a reservation ended.
const (
	Used      = "used"
	Cancelled = "cancelled"
	Expired   = "expired"
)

// CommandRequested is the decision that a station is told something. It is sent before
// SendBy, or never.
type CommandRequested struct {
	ID string `json:"id"`
	Order
	Data   json.RawMessage `json:"data,omitempty"` // the rest of what is sent
	By     string          `json:"by,omitempty"`   // the operator
	SendBy time.Time       `json:"sendBy"`
	At     time.Time       `json:"at"`
}

// CommandSent says that the station is being called.
type CommandSent struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// CommandAccepted has the station's yes, which is a promise: until Until its own report is
// to prove it. Until is zero where the answer is all that will come.
type CommandAccepted struct {
	ID     string          `json:"id"`
	Answer string          `json:"answer"` // the status, "Scheduled" for instance
	Data   json.RawMessage `json:"data,omitempty"`
	Until  time.Time       `json:"until,omitzero"`
	At     time.Time       `json:"at"`
}

// CommandRejected has the station's no.
type CommandRejected struct {
	ID     string    `json:"id"`
	Answer string    `json:"answer"` // the status, or the code of an error
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
}

// CommandNotSent says that the station has not got it, which is certain.
type CommandNotSent struct {
	ID     string    `json:"id"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
}

// CommandInDoubt says that nobody knows whether the station got it; from Until on the
// station's reports tell.
type CommandInDoubt struct {
	ID     string    `json:"id"`
	Detail string    `json:"detail,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	At     time.Time `json:"at"`
}

// CommandTimedOut says that the station has not answered in time: it is as unknown as one
// in doubt.
type CommandTimedOut struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until,omitzero"`
	At    time.Time `json:"at"`
}

// CommandEffective says that it has happened, and by what that is known.
type CommandEffective struct {
	ID          string    `json:"id"`
	Proof       string    `json:"proof"`
	Transaction int       `json:"transaction,omitempty"` // of a remote start
	At          time.Time `json:"at"`
}

// CommandFailed says that it was accepted, or may have been, and has not happened.
type CommandFailed struct {
	ID     string    `json:"id"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// CommandExpired says that what was accepted was not seen to happen in time, or before
// MaxAccepted others were accepted.
type CommandExpired struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// CommandSettled is the word of an operator about a command that was in doubt. A late
// answer of the station, or a transaction with the tag of a remote start, counts for more.
type CommandSettled struct {
	ID       string    `json:"id"`
	Happened bool      `json:"happened"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
}

func (StationRegistered) station()        {}
func (AdmissionChanged) station()         {}
func (StationBooted) station()            {}
func (StationCameOnline) station()        {}
func (StationWentOffline) station()       {}
func (ConnectorStatusChanged) station()   {}
func (ConnectorFaulted) station()         {}
func (ConnectorRecovered) station()       {}
func (FirmwareStatusChanged) station()    {}
func (DiagnosticsStatusChanged) station() {}
func (SecurityEventReported) station()    {}
func (ConfigurationReported) station()    {}
func (TransactionStarted) station()       {}
func (TransactionStopped) station()       {}
func (TransactionAbandoned) station()     {}
func (StopUnmatched) station()            {}
func (UnmatchedStopUsed) station()        {}
func (ReservationMade) station()          {}
func (ReservationEnded) station()         {}
func (CommandRequested) station()         {}
func (CommandSent) station()              {}
func (CommandAccepted) station()          {}
func (CommandRejected) station()          {}
func (CommandNotSent) station()           {}
func (CommandInDoubt) station()           {}
func (CommandTimedOut) station()          {}
func (CommandEffective) station()         {}
func (CommandFailed) station()            {}
func (CommandExpired) station()           {}
func (CommandSettled) station()           {}

// Events returns the registry of the events.
func Events() *schema.Registry[Event] {
	return schema.New[Event](
		schema.Type[StationRegistered]("StationRegistered"),
		schema.Type[AdmissionChanged]("AdmissionChanged"),
		schema.Type[StationBooted]("StationBooted"),
		schema.Type[StationCameOnline]("StationCameOnline"),
		schema.Type[StationWentOffline]("StationWentOffline"),
		schema.Type[ConnectorStatusChanged]("ConnectorStatusChanged"),
		schema.Type[ConnectorFaulted]("ConnectorFaulted"),
		schema.Type[ConnectorRecovered]("ConnectorRecovered"),
		schema.Type[FirmwareStatusChanged]("FirmwareStatusChanged"),
		schema.Type[DiagnosticsStatusChanged]("DiagnosticsStatusChanged"),
		schema.Type[SecurityEventReported]("SecurityEventReported"),
		schema.Type[ConfigurationReported]("ConfigurationReported"),
		schema.Type[TransactionStarted]("TransactionStarted"),
		schema.Type[TransactionStopped]("TransactionStopped"),
		schema.Type[TransactionAbandoned]("TransactionAbandoned"),
		schema.Type[StopUnmatched]("StopUnmatched"),
		schema.Type[UnmatchedStopUsed]("UnmatchedStopUsed"),
		schema.Type[ReservationMade]("ReservationMade"),
		schema.Type[ReservationEnded]("ReservationEnded"),
		schema.Type[CommandRequested]("CommandRequested"),
		schema.Type[CommandSent]("CommandSent"),
		schema.Type[CommandAccepted]("CommandAccepted"),
		schema.Type[CommandRejected]("CommandRejected"),
		schema.Type[CommandNotSent]("CommandNotSent"),
		schema.Type[CommandInDoubt]("CommandInDoubt"),
		schema.Type[CommandTimedOut]("CommandTimedOut"),
		schema.Type[CommandEffective]("CommandEffective"),
		schema.Type[CommandFailed]("CommandFailed"),
		schema.Type[CommandExpired]("CommandExpired"),
		schema.Type[CommandSettled]("CommandSettled"),
	)
}
