// Package station is the domain of a charging station, as pure functions: what may be
// commanded, what happens, and what is then the case.
//
// What a station or its network reports is a fact, and is never refused: it has happened.
// One that changes nothing, as a repeated message, leads to no event. What people ask of a
// station is an intent, which a rule may refuse. It becomes a command with an honest life:
//
//	requested ─► sent ─► accepted ─► effective (the station's own report is the proof)
//	    │          │         └──► failed, expired
//	    │          ├──► rejected
//	    │          └──► in doubt, timed out ─► settled by a report, a late answer, an operator
//	    └──► not sent
//
// Heartbeats, meter values and authorisations are in no station's stream.
//
//	station.go       the events of the station and its connectors
//	events.go        those of transactions and commands; the registry
//	state.go         what is the case after them
//	evolve.go        how an event changes it
//	decide.go        the commands, and which events they lead to
//	report.go        facts: boots, connections, statuses, what else a station reports
//	transaction.go   facts: transactions, and which messages belong together
//	order.go         what may be asked of a station
//	check.go         the rules for it
//	connector.go     those about connectors
//	outcome.go       facts: what became of a command
//	proof.go         facts: which report proves it
package station

import "time"

// Kind is the kind of the actors: a station.
const Kind = "station"

// The limits of a station's state and of what is asked of it.
const (
	MaxConnectors = 200       // of a station; the status of one above it is not kept
	MaxOpen       = 20        // commands of a station that wait to be sent or answered, or are in doubt
	MaxAccepted   = 200       // accepted ones that wait for their proof; of more the oldest expire
	MaxKeys       = 1000      // of a reported configuration
	MaxIDTag      = 20        // bytes of an id tag
	MaxID         = 100       // bytes of a command's ID
	MaxText       = 500       // bytes of a text that a station sends; more is cut
	MaxData       = 256 << 10 // bytes of the data of an order

	// What is remembered to know a repeated message: so many transactions that have
	// ended, stops without a transaction, and commands that are closed. The messages of
	// a station come in order, so a repetition comes soon.
	RememberedTransactions = 200
	RememberedStops        = 50
	RememberedCommands     = 50
)

// How long things take.
const (
	// Sending is how long a command may wait until it is sent; then it is none any more,
	// since nobody may stand before the station when it moves.
	Sending = time.Minute

	// ConnectionTimeOut is how long a station waits for a car to be connected, where it
	// has not reported its configuration key of that name.
	ConnectionTimeOut = 2 * time.Minute

	// Margin is added to it, for the way of the messages.
	Margin = 30 * time.Second

	// Proving is how long another report that proves a command may take; Working how
	// long an update or an upload may.
	Proving = 5 * time.Minute
	Working = 24 * time.Hour
)

// Admission is what the answer to a station's boot is: whether it may take part.
type Admission string

// The values of Admission.
const (
	Accepted Admission = "Accepted"
	Pending  Admission = "Pending"  // it may be configured, but nothing is started or stopped
	Rejected Admission = "Rejected" // it asks again later
)

// The statuses of connectors that rules are about (OCPP 1.6, 7.7). There are others, and a
// station's word is taken for it.
const (
	Available     = "Available"
	Preparing     = "Preparing"
	Charging      = "Charging"
	SuspendedEVSE = "SuspendedEVSE"
	SuspendedEV   = "SuspendedEV"
	Finishing     = "Finishing"
	Reserved      = "Reserved"
	Unavailable   = "Unavailable"
	Faulted       = "Faulted"
)

// NoError is the error code of a connector in order.
const NoError = "NoError"

// PowerFault says whether an error code is one of the electrical supply, its protection or
// its measurement.
func PowerFault(code string) bool {
	switch code {
	case "GroundFailure", "OverCurrentFailure", "OverVoltage", "UnderVoltage", "PowerMeterFailure", "PowerSwitchFailure":
		return true
	}
	return false
}

// Event is what can happen to a station. At is the time by the server's clock, StationTime
// that by the station's, which may be anything.
type Event interface{ station() }

// StationRegistered is an operator's word that the station is one of ours.
type StationRegistered struct {
	Connectors int       `json:"connectors"` // 1 to this; 0 when it is not known
	Admission  Admission `json:"admission"`

	// First is the ID of its first transaction; the others follow. Transactions that
	// another system has numbered are unlikely to have one of these.
	First int       `json:"first"`
	At    time.Time `json:"at"`
}

// AdmissionChanged has the answer to the station's next boots.
type AdmissionChanged struct {
	Admission Admission `json:"admission"`
	At        time.Time `json:"at"`
}

// About is what a station tells about itself.
type About struct {
	Vendor          string `json:"vendor"`
	Model           string `json:"model"`
	Serial          string `json:"serial,omitempty"`
	ChargeBoxSerial string `json:"chargeBoxSerial,omitempty"`
	Firmware        string `json:"firmware,omitempty"`
	ICCID           string `json:"iccid,omitempty"`
	IMSI            string `json:"imsi,omitempty"`
	MeterType       string `json:"meterType,omitempty"`
	MeterSerial     string `json:"meterSerial,omitempty"`
}

// StationBooted says that the station has started, and what it was answered. One that is
// not accepted asks again and again: that is an event only where something is new, as the
// connection, or where it was triggered.
type StationBooted struct {
	About
	Admission Admission `json:"admission"`
	Interval  int       `json:"interval"` // seconds, as answered
	Epoch     int64     `json:"epoch"`
	MessageID string    `json:"messageId"`
	At        time.Time `json:"at"`
}

// StationCameOnline says that the station is connected. A connection has an epoch, which
// is greater than those of all before it.
type StationCameOnline struct {
	Epoch  int64     `json:"epoch"`
	Remote string    `json:"remote,omitempty"` // its address
	At     time.Time `json:"at"`
}

// StationWentOffline says that this connection, and no newer one, is gone or silent.
type StationWentOffline struct {
	Epoch  int64     `json:"epoch"`
	Reason string    `json:"reason"`         // Closed or Silent
	Heard  time.Time `json:"heard,omitzero"` // its last sign of life, where that is known
	At     time.Time `json:"at"`
}

// Why a station is offline. A connection that was only silent may be heard again.
const (
	Closed = "closed"
	Silent = "silent"
)

// Condition is what a station reports about a connector.
type Condition struct {
	Status          string `json:"status"`
	ErrorCode       string `json:"errorCode"`
	Info            string `json:"info,omitempty"`
	VendorID        string `json:"vendorId,omitempty"`
	VendorErrorCode string `json:"vendorErrorCode,omitempty"`
}

// Warning says whether it is an error in spite of which the connector works.
func (c Condition) Warning() bool {
	return c.ErrorCode != NoError && c.ErrorCode != "" && c.Status != Faulted
}

// ConnectorStatusChanged has what is reported of a connector; 0 is the station's main
// controller, whose status says nothing about the connectors. It comes also where nothing
// has changed but a command in doubt waits for the report.
type ConnectorStatusChanged struct {
	Connector int `json:"connector"`
	Condition
	Before      string    `json:"before,omitempty"` // its status until now
	StationTime time.Time `json:"stationTime,omitzero"`
	At          time.Time `json:"at"`
}

// ConnectorFaulted comes with the status Faulted, and with another error of it.
type ConnectorFaulted struct {
	Connector       int       `json:"connector"`
	ErrorCode       string    `json:"errorCode"`
	Power           bool      `json:"power"` // see PowerFault
	Info            string    `json:"info,omitempty"`
	VendorErrorCode string    `json:"vendorErrorCode,omitempty"`
	At              time.Time `json:"at"`
}

// ConnectorRecovered comes with the end of the status Faulted.
type ConnectorRecovered struct {
	Connector int       `json:"connector"`
	ErrorCode string    `json:"errorCode"` // the one that is over
	Power     bool      `json:"power"`
	Since     time.Time `json:"since"`
	At        time.Time `json:"at"`
}

// FirmwareStatusChanged has how far an update is.
type FirmwareStatusChanged struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// DiagnosticsStatusChanged has how far an upload of diagnostics or of a log is.
type DiagnosticsStatusChanged struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// SecurityEventReported is a security event of the station (security white paper, 4.1).
type SecurityEventReported struct {
	Type        string    `json:"type"`
	Info        string    `json:"info,omitempty"`
	StationTime time.Time `json:"stationTime"`
	At          time.Time `json:"at"`
}

// Setting is a configuration key.
type Setting struct {
	Key      string  `json:"key"`
	Value    *string `json:"value,omitempty"` // nil when it has none, or is a secret
	Readonly bool    `json:"readonly,omitempty"`
}

// ConfigurationReported has the keys that the station was asked for, by their names.
type ConfigurationReported struct {
	Settings []Setting `json:"settings"`
	Unknown  []string  `json:"unknown,omitempty"`
	Dropped  int       `json:"dropped,omitempty"` // so many keys more than MaxKeys
	At       time.Time `json:"at"`
}
