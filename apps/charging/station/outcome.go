package station

import (
	"time"

	"github.com/aether-es/aether"
)

// outcome takes what became of a command. It comes from several sides, late, repeated and
// in any order, so what counts is how sure it is: a proof is the surest, then the station's
// answer, that nothing was sent, an operator's word, and last that nobody knows.
func (s *Station) outcome(message Message) []Event {
	switch m := message.(type) {
	case Sent:
		if c := s.Command(m.ID); c != nil && c.State == IsRequested {
			return []Event{CommandSent(m)}
		}
	case Answered:
		return s.answered(m)
	case NotSent:
		c := s.Command(m.ID)
		if c != nil && (c.State == IsRequested || c.State == IsSent || c.Unknown() || c.Settled) {
			return append([]Event{CommandNotSent{m.ID, text(m.Detail), m.At}}, s.unsettled(c, m.At)...)
		}
	case InDoubt:
		if c := s.Command(m.ID); c != nil && (c.State == IsRequested || c.State == IsSent) {
			return []Event{CommandInDoubt{m.ID, text(m.Detail), s.until(c.Order, "", m.At), m.At}}
		}
	case TimedOut:
		if c := s.Command(m.ID); c != nil && (c.State == IsRequested || c.State == IsSent) {
			return []Event{CommandTimedOut{m.ID, s.until(c.Order, "", m.At), m.At}}
		}
	}
	return nil
}

// answered takes the station's answer, of which the first counts, also after a time-out.
func (s *Station) answered(m Answered) []Event {
	c := s.Command(m.ID)
	if c == nil || !(c.State == IsRequested || c.State == IsSent || c.Unknown() || c.State == IsNotSent || c.Settled) {
		return nil
	}
	m.Answer = text(m.Answer)
	if !m.Accepted {
		return append([]Event{CommandRejected{m.ID, m.Answer, text(m.Detail), m.At}}, s.unsettled(c, m.At)...)
	}
	if c.State == IsEffective {
		return nil // as the operator has said
	}
	data, err := compact(m.Data)
	if err != nil {
		data = nil // too much to keep; what is needed of it comes as a fact of its own
	}
	events := []Event{CommandAccepted{m.ID, m.Answer, data, s.until(c.Order, m.Answer, m.At), m.At}}
	proven := c.Order.proof(m.Answer) == ofAnswer
	switch c.Action {
	case RemoteStop:
		t := s.Transaction(c.Transaction)
		proven = t != nil && t.Ended
	case ReserveNow:
		events = append(events, c.reserved(m.At))
		proven = proven || s.status(c.Connector) == Reserved
	case CancelReservation:
		if i := s.reservation(c.Reservation); i >= 0 {
			events = append(events, ReservationEnded{c.Reservation, s.Reservations[i].Connector, Cancelled, m.At})
		}
	case ChangeAvailability:
		proven = inEffect(c.Type, s.status(c.Connector))
	}
	if proven {
		return append(events, CommandEffective{ID: c.ID, Proof: string(ofAnswer), At: m.At})
	}
	return append(events, s.crowded(m.At)...)
}

// crowded makes room for one more accepted command, so that those that wait for ever, for a
// reset or a transaction's end, are not kept without end. They go first, the oldest of them.
func (s *Station) crowded(at time.Time) []Event {
	var oldest *Command
	accepted := 0
	for _, c := range s.Commands {
		if c.State != IsAccepted {
			continue
		}
		if accepted++; oldest == nil || c.Until.IsZero() && !oldest.Until.IsZero() {
			oldest = c
		}
	}
	if accepted < MaxAccepted {
		return nil
	}
	return []Event{CommandExpired{oldest.ID, at}}
}

// unsettled takes back the reservation of which an operator has said wrongly that it was
// made.
func (s *Station) unsettled(c *Command, at time.Time) []Event {
	if c.State != IsEffective || c.Action != ReserveNow || s.reservation(c.Reservation) < 0 {
		return nil
	}
	return []Event{ReservationEnded{c.Reservation, c.Connector, Cancelled, at}}
}

func (c *Command) reserved(at time.Time) ReservationMade {
	return ReservationMade{c.Reservation, c.Connector, c.IDTag, c.Expires, c.ID, at}
}

func (s *Station) settle(m Settle) ([]Event, error) {
	c := s.Command(m.ID)
	switch {
	case c == nil:
		return nil, aether.Refuse(NoCommand, "the station has no command %s, or it was closed long ago", m.ID)
	case c.Settled && (c.State == IsEffective) == m.Happened:
		return nil, nil
	case !c.Unknown():
		return nil, &aether.Refusal{Reason: NotInDoubt, Facts: Other{c.ID, c.State}, Message: "the command is not in doubt: it is " + string(c.State)}
	}
	events := []Event{CommandSettled{m.ID, m.Happened, text(m.By), m.At}}
	switch i := s.reservation(c.Reservation); {
	case !m.Happened:
	case c.Action == ReserveNow:
		events = append(events, c.reserved(m.At))
	case c.Action == CancelReservation && i >= 0:
		events = append(events, ReservationEnded{c.Reservation, s.Reservations[i].Connector, Cancelled, m.At})
	}
	return events, nil
}

// expireCommand closes what was accepted and not seen to happen. What is in doubt stays so.
func (s *Station) expireCommand(m ExpireCommand) ([]Event, error) {
	c := s.Command(m.ID)
	switch {
	case c == nil || c.State != IsAccepted || c.Until.IsZero():
		return nil, nil
	case m.At.Before(c.Until):
		return nil, aether.Refuse(NotDue, "the command has time until %v", c.Until)
	}
	return []Event{CommandExpired(m)}, nil
}

func (s *Station) expireReservation(m ExpireReservation) ([]Event, error) {
	i := s.reservation(m.Reservation)
	if i < 0 {
		return nil, nil
	}
	r := s.Reservations[i]
	if m.At.Before(r.Until) {
		return nil, aether.Refuse(NotDue, "the reservation lasts until %v", r.Until)
	}
	return []Event{ReservationEnded{r.ID, r.Connector, Expired, m.At}}, nil
}
