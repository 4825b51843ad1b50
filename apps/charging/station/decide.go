package station

import (
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
)

// Message is what a station's actor is told. At is always the time by the server's clock,
// Timestamp that by the station's. (A [Command] is what was asked of the real station.)
type Message interface{ message() }

// The facts: what a station and its network report. They are never refused.
type (
	// Boot is a BootNotification. Interval is what the station is answered.
	Boot struct {
		About
		Interval  int       `json:"interval"`
		Epoch     int64     `json:"epoch"`
		MessageID string    `json:"messageId"`
		At        time.Time `json:"at"`
	}

	// Connected and Disconnected are about the connection of an epoch. Of a newer epoch
	// the end of an older one changes nothing. Reason is Closed or Silent.
	Connected struct {
		Epoch  int64     `json:"epoch"`
		Remote string    `json:"remote"`
		At     time.Time `json:"at"`
	}
	Disconnected struct {
		Epoch  int64     `json:"epoch"`
		Reason string    `json:"reason"`
		Heard  time.Time `json:"heard"`
		At     time.Time `json:"at"`
	}

	// Status is a StatusNotification.
	Status struct {
		Connector int `json:"connector"`
		Condition
		Timestamp time.Time `json:"timestamp"`
		At        time.Time `json:"at"`
	}

	// Start is a StartTransaction. Authorisation is what the rules for id tags say; the
	// tag of a remote start is accepted anyway. See [Station.Started] for the answer.
	Start struct {
		Connector     int       `json:"connector"`
		IDTag         string    `json:"idTag"`
		MeterStart    int       `json:"meterStart"`
		Reservation   int       `json:"reservation"`
		Authorisation string    `json:"authorisation"`
		Timestamp     time.Time `json:"timestamp"`
		MessageID     string    `json:"messageId"`
		At            time.Time `json:"at"`
	}

	// Stop is a StopTransaction. It says nothing of a connector, but the caller may know
	// one, from meter values with the same lack of an ID; else it is 0.
	Stop struct {
		Transaction int       `json:"transaction"`
		Connector   int       `json:"connector"`
		IDTag       string    `json:"idTag"`
		MeterStop   int       `json:"meterStop"`
		Reason      string    `json:"reason"`
		Timestamp   time.Time `json:"timestamp"`
		MessageID   string    `json:"messageId"`
		At          time.Time `json:"at"`
	}

	// Firmware and Diagnostics are status notifications, those of the security extension
	// too.
	Firmware struct {
		Status string    `json:"status"`
		At     time.Time `json:"at"`
	}
	Diagnostics struct {
		Status string    `json:"status"`
		At     time.Time `json:"at"`
	}

	// Security is a SecurityEventNotification.
	Security struct {
		Type      string    `json:"type"`
		Info      string    `json:"info"`
		Timestamp time.Time `json:"timestamp"`
		At        time.Time `json:"at"`
	}

	// Configured is the answer to a GetConfiguration.
	Configured struct {
		Settings []Setting `json:"settings"`
		Unknown  []string  `json:"unknown"`
		At       time.Time `json:"at"`
	}
)

// What became of a command: facts too, taken in any order and any number of times.
type (
	Sent struct {
		ID string    `json:"id"`
		At time.Time `json:"at"`
	}

	// Answered has the station's answer, of a call error its code. Accepted says whether
	// it is a yes.
	Answered struct {
		ID       string          `json:"id"`
		Accepted bool            `json:"accepted"`
		Answer   string          `json:"answer"`
		Detail   string          `json:"detail"`
		Data     json.RawMessage `json:"data"`
		At       time.Time       `json:"at"`
	}
	NotSent struct {
		ID     string    `json:"id"`
		Detail string    `json:"detail"`
		At     time.Time `json:"at"`
	}
	InDoubt struct {
		ID     string    `json:"id"`
		Detail string    `json:"detail"`
		At     time.Time `json:"at"`
	}
	TimedOut struct {
		ID string    `json:"id"`
		At time.Time `json:"at"`
	}
)

// The intents of operators.
type (
	// Register makes a station one of ours. First is the ID of its first transaction.
	Register struct {
		Connectors int       `json:"connectors"`
		Admission  Admission `json:"admission"`
		First      int       `json:"first"`
		At         time.Time `json:"at"`
	}

	// Admit changes the answer to the next boots.
	Admit struct {
		Admission Admission `json:"admission"`
		At        time.Time `json:"at"`
	}

	// Request asks the station for something. ID is new with each; the same ID with the
	// same order is the same request.
	Request struct {
		ID string `json:"id"`
		Order
		Data json.RawMessage `json:"data"`
		By   string          `json:"by"`
		At   time.Time       `json:"at"`
	}

	// Settle says what has become of a command that is in doubt.
	Settle struct {
		ID       string    `json:"id"`
		Happened bool      `json:"happened"`
		By       string    `json:"by"`
		At       time.Time `json:"at"`
	}

	// Abandon gives up a transaction that runs in our books only. Assign gives a kept
	// stop the transaction that it belongs to.
	Abandon struct {
		Transaction int       `json:"transaction"`
		At          time.Time `json:"at"`
	}
	Assign struct {
		Number      int       `json:"number"`
		Transaction int       `json:"transaction"`
		At          time.Time `json:"at"`
	}
)

// The commands of deadlines: a command's CommandAccepted.Until is over, a reservation's
// Until is.
type (
	ExpireCommand struct {
		ID string    `json:"id"`
		At time.Time `json:"at"`
	}
	ExpireReservation struct {
		Reservation int       `json:"reservation"`
		At          time.Time `json:"at"`
	}
)

func (Boot) message()              {}
func (Connected) message()         {}
func (Disconnected) message()      {}
func (Status) message()            {}
func (Start) message()             {}
func (Stop) message()              {}
func (Firmware) message()          {}
func (Diagnostics) message()       {}
func (Security) message()          {}
func (Configured) message()        {}
func (Sent) message()              {}
func (Answered) message()          {}
func (NotSent) message()           {}
func (InDoubt) message()           {}
func (TimedOut) message()          {}
func (Register) message()          {}
func (Admit) message()             {}
func (Request) message()           {}
func (Settle) message()            {}
func (Abandon) message()           {}
func (Assign) message()            {}
func (ExpireCommand) message()     {}
func (ExpireReservation) message() {}

// The reasons of refusals.
const (
	StationExists  = "station-exists"
	NoStation      = "no-station"
	BadStation     = "bad-station"
	BadAdmission   = "bad-admission"
	BadCommand     = "bad-command"
	CommandExists  = "command-exists"
	NoCommand      = "no-command"
	NotInDoubt     = "not-in-doubt"
	NotDue         = "not-due"
	IsOffline      = "offline"
	NotAccepted    = "not-accepted"
	TooMany        = "too-many-commands"
	NoConnector    = "no-connector"
	IsFaulted      = "faulted"
	IsUnavailable  = "unavailable"
	Occupied       = "occupied"
	IsReserved     = "reserved"
	AlreadyPending = "already-pending"
	BadIDTag       = "bad-id-tag"
	IDTagUsed      = "id-tag-used"
	NoTransaction  = "no-transaction"
	NotRunning     = "not-running"
	NoReservation  = "no-reservation"
	BadReservation = "bad-reservation"
	BadProfile     = "bad-profile"
	BadVersion     = "bad-version"
	SecretValue    = "secret-value"
	NoStop         = "no-stop"
)

// Decide says what happens because of a message.
func Decide(s *Station, message Message) ([]Event, error) {
	switch m := message.(type) {
	case Boot:
		return s.boot(m), nil
	case Connected:
		return s.connected(m), nil
	case Disconnected:
		return s.disconnected(m), nil
	case Status:
		return s.reported(m), nil
	case Start:
		return s.start(m), nil
	case Stop:
		return s.stop(m), nil
	case Firmware:
		return s.firmware(m), nil
	case Diagnostics:
		return s.diagnostics(m), nil
	case Security:
		return s.security(m), nil
	case Configured:
		return s.configuration(m), nil
	case Sent, Answered, NotSent, InDoubt, TimedOut:
		return s.outcome(m), nil
	case Register:
		return s.register(m)
	case ExpireCommand:
		return s.expireCommand(m)
	case ExpireReservation:
		return s.expireReservation(m)
	}
	if !s.Registered {
		return nil, aether.Refuse(NoStation, "there is no such station")
	}
	switch m := message.(type) {
	case Admit:
		return s.admit(m)
	case Request:
		return s.request(m)
	case Settle:
		return s.settle(m)
	case Abandon:
		return s.abandon(m)
	case Assign:
		return s.assign(m)
	}
	return nil, aether.Refuse(BadCommand, "a station knows no %T", message)
}
