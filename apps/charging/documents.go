package charging

import (
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

// The documents that queries return, the read DB keeps and pages show. Their slices are
// never nil, so that JSON has [] and not null. Energy is in Wh, power in W, amounts are in
// minor units.

// StationDocument is a station as it is known.
type StationDocument struct {
	ID        string            `json:"id" doc:"Its identity, as in the URL that it connects to."`
	Label     string            `json:"label,omitempty" doc:"What people call it."`
	Address   string            `json:"address,omitempty" doc:"Where it stands."`
	Tariff    string            `json:"tariff" doc:"The tariff of its sessions."`
	Admission station.Admission `json:"admission" doc:"The answer to its next boot: Accepted, Pending or Rejected."`

	// Profile is the security profile that is asked for; HasKey whether it has a key.
	Profile int  `json:"profile" doc:"The security profile that it must fulfil, 0 to 3."`
	HasKey  bool `json:"hasKey" doc:"Whether it has an authorization key."`

	Online   bool              `json:"online" doc:"Whether it is connected, and heard."`
	Since    time.Time         `json:"since,omitzero" doc:"Since when it is online, or offline."`
	Why      string            `json:"why,omitempty" doc:"Why it is offline: closed or silent."`
	LastSeen time.Time         `json:"lastSeen,omitzero" doc:"The last sign of life, as far as this node has heard one."`
	Skew     *float64          `json:"skew,omitempty" doc:"By how many seconds its clock is ahead of ours, as its last message had it; missing where that is not known."`
	Boot     station.Admission `json:"boot,omitempty" doc:"What its last boot was answered."`
	Booted   time.Time         `json:"booted,omitzero" doc:"When that was."`
	About    station.About     `json:"about" doc:"What it tells about itself."`

	Connectors []ConnectorDocument `json:"connectors" doc:"By their numbers; 0 is the main controller, if it has reported. The status of one that has not is empty."`
	Faults     int                 `json:"faults" doc:"How many connectors are faulted; power faults are among them."`
	PowerFault bool                `json:"powerFault" doc:"Whether a connector has a fault of the electrical supply."`
	Running    int                 `json:"running" doc:"How many transactions run."`

	Firmware    string `json:"firmwareStatus,omitempty" doc:"How far an update is."`
	Diagnostics string `json:"diagnosticsStatus,omitempty" doc:"How far an upload is."`
	LocalList   int    `json:"localList" doc:"The version of the local list that it has, as far as we know; 0 for none."`

	Version  aether.Version  `json:"version" doc:"How many events it has."`
	Position aether.Position `json:"position" doc:"Of what changed it last in the log, an operator's note included."`
	Updated  time.Time       `json:"updated" doc:"When that was."`
}

// ConnectorDocument is a connector of a station.
type ConnectorDocument struct {
	ID int `json:"id" doc:"Its number; 0 is the main controller."`
	station.Condition
	Power       bool          `json:"power,omitempty" doc:"The fault is one of the electrical supply, its protection or its measurement."`
	Since       time.Time     `json:"since,omitzero" doc:"Since when it has the status."`
	Transaction int           `json:"transaction,omitempty" doc:"The transaction that runs on it."`
	Reservation int           `json:"reservation,omitempty" doc:"Its reservation."`
	Plug        registry.Plug `json:"plug" doc:"What it is."`
}

// StationPage is a page of the list of stations.
type StationPage struct {
	Stations []StationDocument `json:"stations" doc:"In the order of their IDs."`
	Next     string            `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// FleetDocument has the counts of all stations. It is what the live topic "charging-fleet" has, with
// the stations that have changed.
type FleetDocument struct {
	Stations   int            `json:"stations"`
	Online     int            `json:"online"`
	Connectors map[string]int `json:"connectors" doc:"How many connectors have which status; those of stations that are offline count as Offline."`
	Faulted    int            `json:"faulted" doc:"Stations with a faulted connector."`
	PowerFault int            `json:"powerFault" doc:"Stations with a power fault."`
	Running    int            `json:"running" doc:"Transactions that run."`
	PowerW     float64        `json:"powerW" doc:"What they draw, as last told."`
	InDoubt    int            `json:"inDoubt" doc:"Commands that nobody knows the outcome of."`
	Inbox      int            `json:"inbox" doc:"Unknown stations that have knocked."`
}

// TransactionDocument is a charging session.
type TransactionDocument struct {
	Key         string    `json:"key" doc:"Its name: the station's ID, a dash, its number."`
	ID          int       `json:"id" doc:"Its number, as the station has it."`
	Station     string    `json:"station"`
	Connector   int       `json:"connector"`
	IDTag       string    `json:"idTag"`
	Account     string    `json:"account,omitempty" doc:"For whom it was started remotely."`
	Command     string    `json:"command,omitempty" doc:"The remote start that it is."`
	State       string    `json:"state" doc:"running, stopped, or abandoned: nobody has told of its end."`
	MeterStart  int       `json:"meterStart" doc:"Wh."`
	MeterStop   *int      `json:"meterStop,omitempty" doc:"Wh; missing while it runs."`
	StartedAt   time.Time `json:"startedAt" doc:"By the station's clock."`
	StoppedAt   time.Time `json:"stoppedAt,omitzero" doc:"By the station's clock."`
	ToldAt      time.Time `json:"toldAt" doc:"When we were told of its start, by our clock."`
	ToldStopAt  time.Time `json:"toldStopAt,omitzero" doc:"When we were told of its end, by our clock."`
	Reason      string    `json:"reason,omitempty" doc:"Why it stopped; Local where the station gave none."`
	EnergyWh    int       `json:"energyWh" doc:"What it has used; of one that runs, as last told."`
	PowerW      *float64  `json:"powerW,omitempty" doc:"What it draws, as last told."`
	SoC         *float64  `json:"soc,omitempty" doc:"The state of charge in percent, as last told."`
	CurrentA    *float64  `json:"currentA,omitempty"`
	OfferedA    *float64  `json:"offeredA,omitempty" doc:"The current that the station offers."`
	LastReading time.Time `json:"lastReading,omitzero" doc:"Of its newest meter value, by the station's clock."`

	Tariff   string         `json:"tariff,omitempty"`
	Currency string         `json:"currency,omitempty"`
	Cost     *session.Cost  `json:"cost,omitempty" doc:"Missing until it is priced."`
	Flags    []session.Flag `json:"flags" doc:"What cannot be right about it, or is to be known."`

	Authorisation string          `json:"authorisation,omitempty" doc:"What the station was answered about the id tag."`
	Version       aether.Version  `json:"version" doc:"How many events the session has."`
	Position      aether.Position `json:"position"`
}

// TransactionPage is a page of the list of transactions, the newest first.
type TransactionPage struct {
	Transactions []TransactionDocument `json:"transactions"`
	Next         string                `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// CurvePoint is what was measured at one time; what is nil was not.
type CurvePoint struct {
	At       time.Time `json:"at"`
	EnergyWh *float64  `json:"energyWh,omitempty" doc:"Since the start."`
	PowerW   *float64  `json:"powerW,omitempty"`
	SoC      *float64  `json:"soc,omitempty"`
	CurrentA *float64  `json:"currentA,omitempty"`
	OfferedA *float64  `json:"offeredA,omitempty"`
	VoltageV *float64  `json:"voltageV,omitempty"`
}

// MaxCurve is how many points a curve has; a longer one has every second of them.
const MaxCurve = 500

// CurveDocument is what was measured during a transaction.
type CurveDocument struct {
	Key    string       `json:"key"`
	Points []CurvePoint `json:"points"`
}

// CommandDocument is what a station was asked, and what became of it.
type CommandDocument struct {
	ID      string `json:"id"`
	Station string `json:"station"`
	station.Order
	Data        json.RawMessage `json:"data,omitempty" doc:"The rest of what is sent."`
	By          string          `json:"by,omitempty"`
	State       station.State   `json:"state" doc:"requested, sent, accepted, effective; rejected, not-sent, failed, expired; in-doubt or timed-out: nobody knows."`
	Answer      string          `json:"answer,omitempty" doc:"The station's."`
	Detail      string          `json:"detail,omitempty"`
	Result      json.RawMessage `json:"result,omitempty" doc:"What the station has answered beside the status."`
	Proof       string          `json:"proof,omitempty" doc:"What shows that it has happened."`
	Started     int             `json:"started,omitempty" doc:"The transaction of a remote start."`
	Settled     bool            `json:"settled,omitempty" doc:"By an operator."`
	Until       time.Time       `json:"until,omitzero" doc:"When the proof is to be there."`
	RequestedAt time.Time       `json:"requestedAt"`
	UpdatedAt   time.Time       `json:"updatedAt"`
	Steps       []StepDocument  `json:"steps" doc:"What happened to it, in order."`
	Open        bool            `json:"open" doc:"More is to come."`
	InDoubt     bool            `json:"inDoubt" doc:"Nobody knows whether the station got it: an operator can settle it."`

	StationVersion aether.Version  `json:"stationVersion" doc:"How many events the station had after the last of the command's."`
	Position       aether.Position `json:"position"`
}

// StepDocument is an event in the life of a command.
type StepDocument struct {
	State  station.State `json:"state"`
	Detail string        `json:"detail,omitempty"`
	At     time.Time     `json:"at"`
}

// CommandPage is a page of the list of commands, the newest first.
type CommandPage struct {
	Commands []CommandDocument `json:"commands"`
	Next     string            `json:"next"`
}

// ReservationDocument is a reservation that a station keeps.
type ReservationDocument struct {
	Key       string    `json:"key" doc:"The station's ID, a dash, its number."`
	ID        int       `json:"id"`
	Station   string    `json:"station"`
	Connector int       `json:"connector"`
	IDTag     string    `json:"idTag"`
	Until     time.Time `json:"until"`
	Command   string    `json:"command"`
	MadeAt    time.Time `json:"madeAt"`
	Ended     string    `json:"ended,omitempty" doc:"used, cancelled or expired; missing while it stands."`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// UnmatchedDocument is a stop without a transaction, for an operator to assign.
type UnmatchedDocument struct {
	Key     string `json:"key" doc:"The station's ID, a dash, the number of the stop."`
	Station string `json:"station"`
	station.StopUnmatched
	Used int `json:"used,omitempty" doc:"The transaction that it was found to belong to."`
}

// FaultDocument is a fault of a connector, as long as it lasts and afterwards.
type FaultDocument struct {
	Key             string    `json:"key"`
	Station         string    `json:"station"`
	Connector       int       `json:"connector"`
	ErrorCode       string    `json:"errorCode"`
	Power           bool      `json:"power" doc:"It is one of the electrical supply, its protection or its measurement."`
	Info            string    `json:"info,omitempty"`
	VendorErrorCode string    `json:"vendorErrorCode,omitempty"`
	Since           time.Time `json:"since"`
	Until           time.Time `json:"until,omitzero" doc:"Missing while it lasts."`
}

// SecurityDocument is a security event of a station.
type SecurityDocument struct {
	Key         string    `json:"key"`
	Station     string    `json:"station"`
	Type        string    `json:"type"`
	Info        string    `json:"info,omitempty"`
	StationTime time.Time `json:"stationTime"`
	At          time.Time `json:"at"`
}

// NoticeDocument groups stations that went offline at about the same time: each within
// NoticeWindow of the former.
type NoticeDocument struct {
	Key      string    `json:"key"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Count    int       `json:"count"`
	Stations []string  `json:"stations" doc:"The first 50 of them."`
	Back     int       `json:"back" doc:"How many came back since."`
}

// NoticeWindow is how soon one station must follow another to be in the same notice.
const NoticeWindow = 30 * time.Second

// SettingsDocument is the configuration of a station.
type SettingsDocument struct {
	Station  string            `json:"station"`
	Settings []SettingDocument `json:"settings" doc:"In the order of their keys."`
	Unknown  []string          `json:"unknown" doc:"Keys that it was asked for and does not know."`
	Updated  time.Time         `json:"updated,omitzero"`
}

// SettingDocument is a configuration key.
type SettingDocument struct {
	station.Setting

	// Wanted is what we have told it to be, and Drift that it has another value now.
	Wanted *string   `json:"wanted,omitempty" doc:"What it was last told to be."`
	Drift  bool      `json:"drift" doc:"It has another value than it was told."`
	Reboot bool      `json:"reboot,omitempty" doc:"It takes effect with the next boot."`
	At     time.Time `json:"at"`
}

// IDTagDocument is an id tag.
type IDTagDocument struct {
	registry.Tag
	Running  int             `json:"running" doc:"How many transactions it has."`
	Updated  time.Time       `json:"updated"`
	Version  aether.Version  `json:"version"`
	Position aether.Position `json:"position"`
}

// IDTagPage is a page of the list of id tags.
type IDTagPage struct {
	IDTags []IDTagDocument `json:"idTags"`
	Next   string          `json:"next"`
}

// TariffDocument is a tariff.
type TariffDocument struct {
	registry.Zoned
	Updated  time.Time       `json:"updated"`
	Version  aether.Version  `json:"version"`
	Position aether.Position `json:"position"`
}

// EventDocument is an event of a station, or of a session, in its history.
type EventDocument struct {
	Version       aether.Version  `json:"version" doc:"Its number among the events of the actor."`
	Position      aether.Position `json:"position" doc:"Its place in the log."`
	Type          string          `json:"type"`
	Data          json.RawMessage `json:"data"`
	Time          time.Time       `json:"time"`
	CorrelationID string          `json:"correlationId,omitempty"`
}

// EventPage is a page of the history, the newest event first.
type EventPage struct {
	Events []EventDocument `json:"events"`
	More   bool            `json:"more" doc:"Whether there are older ones."`
}

// ReportDocument is what happened in some days.
type ReportDocument struct {
	From         string         `json:"from" doc:"The first day, UTC."`
	To           string         `json:"to" doc:"The last day."`
	EnergyWh     int            `json:"energyWh"`
	Transactions int            `json:"transactions"`
	Revenue      map[string]int `json:"revenue" doc:"By currency, in minor units."`
	Days         []DayDocument  `json:"days"`

	// Heat is how much of each hour connectors were charging: seconds, by the day of the
	// week (0 is Monday) and the hour, UTC.
	Heat   [7][24]int64     `json:"heat"`
	Uptime []UptimeDocument `json:"uptime" doc:"Of each station, the worst first."`
}

// DayDocument is a day of all stations.
type DayDocument struct {
	Day          string         `json:"day" doc:"As 2026-03-01, UTC; a session is of the day on which it ended."`
	EnergyWh     int            `json:"energyWh"`
	Transactions int            `json:"transactions"`
	Revenue      map[string]int `json:"revenue"`
}

// UptimeDocument is how long a station was there.
type UptimeDocument struct {
	Station       string  `json:"station"`
	OnlineSeconds int64   `json:"onlineSeconds"`
	FaultSeconds  int64   `json:"faultSeconds" doc:"A connector was faulted."`
	Share         float64 `json:"share" doc:"Of the time since it was registered, at most of the days asked for, that it was online; 0 to 1."`
}

// Answer is the answer to an operator's command about something other than a station's
// commands.
type Answer struct {
	ID       string          `json:"id" doc:"What it was about."`
	Version  aether.Version  `json:"version" doc:"Of that after the command."`
	Position aether.Position `json:"position" doc:"Of the last event in the log; a query that has it as after knows what happened."`
	Repeated bool            `json:"repeated" doc:"An earlier command had the same key; this is its result."`
}

// WireDocument is one message as it went over the wire.
type WireDocument struct {
	Number  uint64          `json:"number" doc:"Of the message, since the server started."`
	Time    time.Time       `json:"time"`
	Sent    bool            `json:"sent" doc:"By us."`
	Type    int             `json:"type" doc:"2 is a call, 3 its answer, 4 an error; 0 where it is no frame."`
	ID      string          `json:"id,omitempty" doc:"Relates an answer to its call."`
	Action  string          `json:"action,omitempty"`
	Elapsed int64           `json:"elapsedMs,omitempty" doc:"How long after the call an answer came."`
	Message json.RawMessage `json:"message,omitempty" doc:"Without credentials; as a text where it is no JSON."`
	Problem string          `json:"problem,omitempty"`
}

// WireLog is what went over the wire of a station lately, the newest last.
type WireLog struct {
	Station  string         `json:"station"`
	Messages []WireDocument `json:"messages"`
}
