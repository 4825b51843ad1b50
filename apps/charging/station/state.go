package station

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Station is the state of a station.
type Station struct {
	Registered bool      `json:"registered"`
	Count      int       `json:"count"`               // connectors, as registered
	Admission  Admission `json:"admission,omitempty"` // the answer to the next boot

	About       About     `json:"about"`
	Boot        Admission `json:"boot,omitempty"` // the answer to the last boot
	Booted      time.Time `json:"booted,omitzero"`
	BootEpoch   int64     `json:"bootEpoch,omitempty"`
	BootMessage string    `json:"bootMessage,omitempty"`

	// Epoch is the greatest of its connections, ClosedEpoch the greatest that is gone.
	Online      bool      `json:"online"`
	Epoch       int64     `json:"epoch,omitempty"`
	ClosedEpoch int64     `json:"closedEpoch,omitempty"`
	Since       time.Time `json:"since,omitzero"` // online, or offline

	Connectors map[int]*Connector `json:"connectors"` // those that were reported

	Firmware      string             `json:"firmware,omitempty"`
	Diagnostics   string             `json:"diagnostics,omitempty"`
	Security      string             `json:"security,omitempty"` // the last event, as a key
	Configuration map[string]Setting `json:"configuration"`      // as reported
	LocalList     int                `json:"localList,omitempty"`

	// Next is the ID of the next transaction. Transactions are in the order of their IDs:
	// all that run, and of those that have ended the last.
	Next         int            `json:"next"`
	Transactions []*Transaction `json:"transactions"`

	// Unmatched are the last stops without a transaction; LastUnmatched counts all.
	Unmatched     []StopUnmatched `json:"unmatched"`
	LastUnmatched int             `json:"lastUnmatched,omitempty"`

	Reservations []Reservation `json:"reservations"`

	// Commands are in the order of their requests: all that are open, and of the closed
	// ones the last.
	Commands []*Command `json:"commands"`
}

// Connector is what is known of a connector.
type Connector struct {
	Condition
	Since    time.Time `json:"since"`             // of the status
	Broken   time.Time `json:"broken,omitzero"`   // since when it is Faulted
	Reported time.Time `json:"reported,omitzero"` // the last event of its status
}

// Transaction is one that runs, or has ended not long ago.
type Transaction struct {
	ID           int       `json:"id"`
	Connector    int       `json:"connector"`
	IDTag        string    `json:"idTag"`
	MeterStart   int       `json:"meterStart"`
	Started      time.Time `json:"started"` // by the station's clock
	StartMessage string    `json:"startMessage"`
	Command      string    `json:"command,omitempty"`
	At           time.Time `json:"at"` // when we were told

	// Authorisation is what the station was answered.
	Authorisation string `json:"authorisation"`

	Abandoned   bool      `json:"abandoned,omitempty"`
	Ended       bool      `json:"ended,omitempty"` // its stop is there
	MeterStop   int       `json:"meterStop,omitempty"`
	Stopped     time.Time `json:"stopped,omitzero"` // by the station's clock
	StopTag     string    `json:"stopTag,omitempty"`
	StopMessage string    `json:"stopMessage,omitempty"`
}

// Running says whether it has not ended, as far as is known.
func (t *Transaction) Running() bool { return !t.Ended && !t.Abandoned }

// Reservation is one that the station keeps.
type Reservation struct {
	ID        int       `json:"id"`
	Connector int       `json:"connector"`
	IDTag     string    `json:"idTag"`
	Until     time.Time `json:"until"`
}

// State is how far a command is.
type State string

// The values of State.
const (
	IsRequested State = "requested"
	IsSent      State = "sent"
	IsAccepted  State = "accepted"
	IsRejected  State = "rejected"
	IsNotSent   State = "not-sent"
	IsInDoubt   State = "in-doubt"
	IsTimedOut  State = "timed-out"
	IsEffective State = "effective"
	IsFailed    State = "failed"
	IsExpired   State = "expired"
)

// Command is what was asked of the station.
type Command struct {
	ID string `json:"id"`
	Order
	State   State     `json:"state"`
	Answer  string    `json:"answer,omitempty"`
	Until   time.Time `json:"until,omitzero"`    // see CommandAccepted and CommandInDoubt
	Settled bool      `json:"settled,omitempty"` // by an operator, against whom the station may say more
	Started int       `json:"started,omitempty"` // the transaction of a remote start
}

// Unknown says whether nobody knows if the station got it.
func (c *Command) Unknown() bool { return c.State == IsInDoubt || c.State == IsTimedOut }

// Open says whether more is to come.
func (c *Command) Open() bool {
	return c.State == IsRequested || c.State == IsSent || c.State == IsAccepted || c.Unknown()
}

// underWay says whether the station may be doing it.
func (c *Command) underWay() bool { return c.Open() && c.State != IsRequested }

// Initial returns the state of a station of which nothing is known.
func Initial(string) *Station {
	return &Station{Connectors: map[int]*Connector{}, Configuration: map[string]Setting{}, Next: 1}
}

// Command returns the command of an ID, nil when it is not known, or not any more.
func (s *Station) Command(id string) *Command {
	for _, c := range s.Commands {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Transaction returns the transaction of an ID, nil when it is not known, or not any more.
func (s *Station) Transaction(id int) *Transaction {
	i, ok := slices.BinarySearchFunc(s.Transactions, id, func(t *Transaction, id int) int { return t.ID - id })
	if !ok {
		return nil
	}
	return s.Transactions[i]
}

// Running returns the transaction that runs on a connector, nil when none does.
func (s *Station) Running(connector int) *Transaction {
	for _, t := range s.Transactions {
		if t.Connector == connector && t.Running() {
			return t
		}
	}
	return nil
}

// Metered returns the transaction that meter values belong to, by the ID and the connector
// that they came with; nil when there is none. A station that did not get an ID says -1,
// and some say none.
func (s *Station) Metered(transaction, connector int) *Transaction {
	if t := s.Transaction(transaction); t != nil || transaction > 0 {
		return t
	}
	return s.Running(connector)
}

// PowerFaults returns the connectors that have one, in their order.
func (s *Station) PowerFaults() []int {
	var found []int
	for n, c := range s.Connectors {
		if c.Status == Faulted && PowerFault(c.ErrorCode) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return found
}

// status returns the status of a connector, "" when it was not reported.
func (s *Station) status(connector int) string {
	if c := s.Connectors[connector]; c != nil {
		return c.Status
	}
	return ""
}

// has says whether the station has a connector, as far as is known.
func (s *Station) has(connector int) bool {
	return connector >= 1 && (connector <= s.Count || s.Connectors[connector] != nil || s.Count == 0 && connector <= MaxConnectors)
}

// reservation returns the place of one, -1 when there is none.
func (s *Station) reservation(id int) int {
	return slices.IndexFunc(s.Reservations, func(r Reservation) bool { return r.ID == id })
}

// connecting is how long the station waits for a car.
func (s *Station) connecting() time.Duration {
	if setting, ok := s.Configuration["ConnectionTimeOut"]; ok && setting.Value != nil {
		if seconds, err := strconv.Atoi(strings.TrimSpace(*setting.Value)); err == nil && seconds > 0 && seconds <= 86_400 {
			return time.Duration(seconds) * time.Second
		}
	}
	return ConnectionTimeOut
}

// sameTag compares two id tags, which are of any case (OCPP 1.6, 7.28).
func sameTag(a, b string) bool { return strings.EqualFold(a, b) }
