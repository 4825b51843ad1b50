package station

import (
	"slices"
	"time"
)

// Evolve returns the station after an event. It changes the one it is given.
func Evolve(s *Station, event Event) *Station {
	switch e := event.(type) {
	case StationRegistered:
		s.Registered, s.Count, s.Admission, s.Next = true, e.Connectors, e.Admission, max(s.Next, e.First)
	case AdmissionChanged:
		s.Admission = e.Admission
	case StationBooted:
		s.About, s.Boot, s.Booted, s.BootEpoch, s.BootMessage = e.About, e.Admission, e.At, e.Epoch, e.MessageID
	case StationCameOnline:
		s.Online, s.Epoch, s.Since = true, e.Epoch, e.At
	case StationWentOffline:
		s.Online, s.Epoch, s.Since = false, e.Epoch, e.At
		if e.Reason == Closed {
			s.ClosedEpoch = e.Epoch
		}
	case ConnectorStatusChanged:
		c := s.Connectors[e.Connector]
		if c == nil {
			c = &Connector{}
			s.Connectors[e.Connector] = c
		}
		if c.Status != e.Status {
			c.Since = e.At
		}
		c.Condition, c.Reported = e.Condition, e.At
	case ConnectorFaulted:
		if c := s.Connectors[e.Connector]; c != nil && c.Broken.IsZero() {
			c.Broken = e.At
		}
	case ConnectorRecovered:
		if c := s.Connectors[e.Connector]; c != nil {
			c.Broken = time.Time{}
		}
	case FirmwareStatusChanged:
		s.Firmware = e.Status
	case DiagnosticsStatusChanged:
		s.Diagnostics = e.Status
	case SecurityEventReported:
		s.Security = securityKey(e.Type, e.Info, e.StationTime)
	case ConfigurationReported:
		for _, setting := range e.Settings {
			s.Configuration[setting.Key] = setting
		}
	case ReservationMade:
		s.unreserve(e.Reservation)
		s.Reservations = append(s.Reservations, Reservation{e.Reservation, e.Connector, e.IDTag, e.Until})
	case ReservationEnded:
		s.unreserve(e.Reservation)
	default:
		s.transacted(event)
		s.commanded(event)
	}
	return s
}

func (s *Station) unreserve(id int) {
	s.Reservations = slices.DeleteFunc(s.Reservations, func(r Reservation) bool { return r.ID == id })
}

// transacted is the part of Evolve for transactions.
func (s *Station) transacted(event Event) {
	switch e := event.(type) {
	case TransactionStarted:
		s.Next = max(s.Next, e.Transaction+1)
		s.Transactions = append(s.Transactions, &Transaction{
			ID: e.Transaction, Connector: e.Connector, IDTag: e.IDTag, MeterStart: e.MeterStart, Started: e.StationTime,
			StartMessage: e.MessageID, Command: e.Command, At: e.At, Authorisation: e.Authorisation,
		})
	case TransactionStopped:
		if t := s.Transaction(e.Transaction); t != nil {
			t.Ended, t.MeterStop, t.Stopped, t.StopTag, t.StopMessage = true, e.MeterStop, e.StationTime, e.IDTag, e.MessageID
		}
		s.forgetTransactions()
	case TransactionAbandoned:
		if t := s.Transaction(e.Transaction); t != nil {
			t.Abandoned = true
		}
		s.forgetTransactions()
	case StopUnmatched:
		s.Unmatched, s.LastUnmatched = append(s.Unmatched, e), e.Number
		if n := len(s.Unmatched) - RememberedStops; n > 0 {
			s.Unmatched = slices.Delete(s.Unmatched, 0, n)
		}
	case UnmatchedStopUsed:
		s.Unmatched = slices.DeleteFunc(s.Unmatched, func(u StopUnmatched) bool { return u.Number == e.Number })
	}
}

// forgetTransactions keeps the last of those that have ended.
func (s *Station) forgetTransactions() {
	ended := 0
	for _, t := range s.Transactions {
		if !t.Running() {
			ended++
		}
	}
	s.Transactions = slices.DeleteFunc(s.Transactions, func(t *Transaction) bool {
		if ended <= RememberedTransactions || t.Running() {
			return false
		}
		ended--
		return true
	})
}

// commanded is the part of Evolve for commands.
func (s *Station) commanded(event Event) {
	if e, ok := event.(CommandRequested); ok {
		s.Commands = append(s.Commands, &Command{ID: e.ID, Order: e.Order, State: IsRequested})
		return
	}
	to := func(id string, state State) *Command {
		c := s.Command(id)
		if c == nil {
			return &Command{}
		}
		c.State, c.Settled = state, false
		return c
	}
	switch e := event.(type) {
	case CommandSent:
		to(e.ID, IsSent)
	case CommandAccepted:
		c := to(e.ID, IsAccepted)
		c.Answer, c.Until = e.Answer, e.Until
		s.configured(c)
	case CommandRejected:
		to(e.ID, IsRejected).Answer = e.Answer
	case CommandNotSent:
		to(e.ID, IsNotSent)
	case CommandInDoubt:
		to(e.ID, IsInDoubt).Until = e.Until
	case CommandTimedOut:
		to(e.ID, IsTimedOut).Until = e.Until
	case CommandEffective:
		to(e.ID, IsEffective).Started = e.Transaction
	case CommandFailed:
		to(e.ID, IsFailed)
	case CommandExpired:
		to(e.ID, IsExpired)
	case CommandSettled:
		state := IsFailed
		if e.Happened {
			state = IsEffective
		}
		to(e.ID, state).Settled = true
	}
	s.forgetCommands()
}

// configured notes what an accepted command has changed in the station.
func (s *Station) configured(c *Command) {
	switch c.Action {
	case ChangeConfiguration:
		if setting, known := s.Configuration[c.Key]; (known || len(s.Configuration) < MaxKeys) && !secretKey(c.Key) {
			value := c.Value
			setting.Key, setting.Value = c.Key, &value
			s.Configuration[c.Key] = setting
		}
	case SendLocalList:
		s.LocalList = c.Version
	}
}

// forgetCommands keeps the last of those that are closed.
func (s *Station) forgetCommands() {
	closed := 0
	for _, c := range s.Commands {
		if !c.Open() {
			closed++
		}
	}
	s.Commands = slices.DeleteFunc(s.Commands, func(c *Command) bool {
		if closed <= RememberedCommands || c.Open() {
			return false
		}
		closed--
		return true
	})
}
