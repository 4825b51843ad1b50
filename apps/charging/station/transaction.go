package station

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/internal/heard"
)

// NoID is the transaction ID in the messages of a station that did not get one.
const NoID = -1

// Key says what a start is about: two with the same key are one, whatever the IDs of their
// messages. A host's command ID that is made of it recognises a repetition for ever.
func (m Start) Key() string {
	return fmt.Sprintf("start/%d/%s/%s/%d", m.Connector, strings.ToLower(m.IDTag), heard.Time(m.Timestamp).Format(time.RFC3339Nano), m.MeterStart)
}

// Started returns the transaction that a start has begun already, nil when it is new. Its
// ID and Authorisation are the answer, the first time and after each repetition.
//
// The same content is the same start. So is the same message with another time, as long
// as its transaction runs: a station that has set its clock meanwhile. The ID of a message
// alone says nothing, for a station that has booted may count from 1 again.
func (s *Station) Started(m Start) *Transaction {
	m.IDTag, m.MessageID, m.Timestamp = text(m.IDTag), text(m.MessageID), heard.Time(m.Timestamp)
	for i := len(s.Transactions) - 1; i >= 0; i-- {
		t := s.Transactions[i]
		if t.Connector != m.Connector || t.MeterStart != m.MeterStart || !sameTag(t.IDTag, m.IDTag) {
			continue
		}
		if t.Started.Equal(m.Timestamp) || m.MessageID != "" && t.StartMessage == m.MessageID && !t.Ended {
			return t
		}
	}
	return nil
}

func (s *Station) start(m Start) []Event {
	if s.Started(m) != nil {
		return nil
	}
	e := TransactionStarted{
		Transaction: s.Next, Connector: m.Connector, IDTag: text(m.IDTag), MeterStart: m.MeterStart, Authorisation: text(m.Authorisation),
		Reservation: m.Reservation, StationTime: heard.Time(m.Timestamp), MessageID: text(m.MessageID), At: m.At,
	}
	command := s.startedBy(e)
	if command != nil {
		e.Command, e.Account, e.Authorisation = command.ID, command.Account, string(Accepted)
	}
	var events []Event
	if former := s.Running(m.Connector); former != nil {
		events = append(events, TransactionAbandoned{former.ID, former.Connector, Superseded, m.At})
	}
	events = append(events, e)
	if i := s.usedBy(m); i >= 0 {
		events = append(events, ReservationEnded{s.Reservations[i].ID, s.Reservations[i].Connector, Used, m.At})
	}
	if command != nil {
		events = append(events, CommandEffective{ID: command.ID, Proof: "transaction-started", Transaction: e.Transaction, At: m.At})
	}
	// A station that has got no answer may have told of the end first.
	if u := s.endOf(e); u != nil {
		events = append(events, UnmatchedStopUsed{u.Number, e.Transaction, m.At}, TransactionStopped{
			Transaction: e.Transaction, Connector: e.Connector, IDTag: u.IDTag, MeterStop: u.MeterStop, Reason: u.Reason,
			By: ByConnector, StationTime: u.StationTime, MessageID: u.MessageID, At: m.At,
		})
	}
	return events
}

// endOf returns the one kept stop without an ID that can only be of this transaction: with
// its tag, a later time and no less energy. Where there are several nobody knows.
func (s *Station) endOf(e TransactionStarted) *StopUnmatched {
	var found *StopUnmatched
	for i := range s.Unmatched {
		u := &s.Unmatched[i]
		if u.Transaction > 0 || !sameTag(u.IDTag, e.IDTag) || u.MeterStop < e.MeterStart || !u.StationTime.After(e.StationTime) ||
			u.Connector != 0 && u.Connector != e.Connector {
			continue
		}
		if found != nil {
			return nil
		}
		found = u
	}
	return found
}

func (s *Station) stop(m Stop) []Event {
	m.IDTag, m.MessageID, m.Timestamp = text(m.IDTag), text(m.MessageID), heard.Time(m.Timestamp)
	m.Reason = cmp.Or(text(m.Reason), "Local")
	if s.repeats(m) {
		return nil
	}
	t, by, why := s.stopped(m)
	if t == nil {
		return []Event{StopUnmatched{
			Number: s.LastUnmatched + 1, Transaction: m.Transaction, Connector: m.Connector, IDTag: m.IDTag, MeterStop: m.MeterStop,
			Reason: m.Reason, Why: why, StationTime: m.Timestamp, MessageID: m.MessageID, At: m.At,
		}}
	}
	events := []Event{TransactionStopped{
		Transaction: t.ID, Connector: t.Connector, IDTag: m.IDTag, MeterStop: m.MeterStop, Reason: m.Reason, By: by,
		StationTime: m.Timestamp, MessageID: m.MessageID, At: m.At,
	}}
	return append(events, s.provenByStop(t.ID, m.At)...)
}

// repeats says whether a stop was told before: with the same content, or in the same
// message by a station that has set its clock meanwhile.
func (s *Station) repeats(m Stop) bool {
	same := func(tag, message string, meter int, at time.Time) bool {
		return meter == m.MeterStop && sameTag(tag, m.IDTag) && (at.Equal(m.Timestamp) || message != "" && message == m.MessageID)
	}
	for _, t := range s.Transactions {
		if t.Ended && (t.ID == m.Transaction || m.Transaction <= 0 && (m.Connector == 0 || m.Connector == t.Connector)) &&
			same(t.StopTag, t.StopMessage, t.MeterStop, t.Stopped) {
			return true
		}
	}
	for i := range s.Unmatched {
		u := &s.Unmatched[i]
		if u.Transaction == m.Transaction && same(u.IDTag, u.MessageID, u.MeterStop, u.StationTime) {
			return true
		}
	}
	return false
}

// stopped returns the transaction that a stop ends, and how that is known, or why it is
// not.
func (s *Station) stopped(m Stop) (t *Transaction, by, why string) {
	if m.Transaction > 0 {
		switch t := s.Transaction(m.Transaction); {
		case t == nil:
			return nil, "", UnknownTransaction
		case t.Ended:
			return nil, "", StoppedAlready
		default:
			return t, ByID, ""
		}
	}
	// Without an ID it is of one that runs, has not more energy already and began no later:
	// with the tag where there is one, and on the connector where the caller knows it. Where
	// these two do not fit each other it is ambiguous: tags of one group may stop each
	// other's transactions, but groups are not known here. To leave a stop to an operator is
	// better than to end the transaction of somebody else.
	why = UnknownTransaction
	for _, other := range s.Transactions {
		switch {
		case !other.Running() || other.MeterStart > m.MeterStop || later(other.Started, m.Timestamp):
		case m.Connector != 0 && other.Connector != m.Connector:
		case m.IDTag != "" && !sameTag(other.IDTag, m.IDTag):
			if m.Connector != 0 {
				why = Ambiguous
			}
		case t != nil:
			return nil, "", Ambiguous
		default:
			t = other
		}
	}
	if t == nil {
		return nil, "", why
	}
	return t, ByConnector, ""
}

// later says whether a time is after another, as far as the station's clock was set.
func later(a, b time.Time) bool {
	const unset = 2010 // clocks without a battery begin before it
	return a.Year() >= unset && b.Year() >= unset && a.After(b)
}

func (s *Station) abandon(m Abandon) ([]Event, error) {
	t := s.Transaction(m.Transaction)
	switch {
	case t == nil:
		return nil, aether.Refuse(NoTransaction, "the station has no transaction %d, or it ended long ago", m.Transaction)
	case t.Abandoned:
		return nil, nil
	case t.Ended:
		return nil, aether.Refuse(NotRunning, "transaction %d has ended", m.Transaction)
	}
	return []Event{TransactionAbandoned{t.ID, t.Connector, ByOperator, m.At}}, nil
}

func (s *Station) assign(m Assign) ([]Event, error) {
	t := s.Transaction(m.Transaction)
	switch {
	case t == nil:
		return nil, aether.Refuse(NoTransaction, "the station has no transaction %d, or it ended long ago", m.Transaction)
	case t.Ended:
		return nil, aether.Refuse(NotRunning, "transaction %d has its end already", m.Transaction)
	}
	for i := range s.Unmatched {
		if u := &s.Unmatched[i]; u.Number == m.Number {
			events := []Event{UnmatchedStopUsed{u.Number, t.ID, m.At}, TransactionStopped{
				Transaction: t.ID, Connector: t.Connector, IDTag: u.IDTag, MeterStop: u.MeterStop, Reason: u.Reason,
				By: ByOperator, StationTime: u.StationTime, MessageID: u.MessageID, At: m.At,
			}}
			return append(events, s.provenByStop(t.ID, m.At)...), nil
		}
	}
	return nil, aether.Refuse(NoStop, "there is no kept stop %d, or it has found its transaction", m.Number)
}
