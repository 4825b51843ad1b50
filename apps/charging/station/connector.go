package station

import (
	"fmt"
	"time"

	"github.com/aether-es/aether"
)

// Fault are the facts of a refusal because a connector is faulted.
type Fault struct {
	ErrorCode string    `json:"errorCode"`
	Power     bool      `json:"power"`
	Since     time.Time `json:"since"`
}

// checkStart says why no transaction may be started.
func (s *Station) checkStart(m Request) error {
	if err := s.checkTag(m.Order); err != nil {
		return err
	}
	if m.Data != nil {
		if err := s.checkProfile(m, true); err != nil {
			return err
		}
	}
	// A start on any connector may come to be on this one.
	if err := s.notPending(m.Order, func(c *Command) bool {
		return c.Connector == m.Connector || c.Connector == 0 || m.Connector == 0
	}); err != nil {
		return err
	}
	if m.Connector > 0 {
		if !s.has(m.Connector) {
			return s.noConnector(m.Connector)
		}
		return s.startable(m.Connector, m.Reservation, m.At)
	}
	var first error
	for connector := 1; connector <= max(s.Count, len(s.Connectors), 1); connector++ {
		err := s.startable(connector, m.Reservation, m.At)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// checkTag refuses a tag that would not tell which transaction is the one.
func (s *Station) checkTag(o Order) error {
	if !validText(o.IDTag, MaxIDTag) {
		return aether.Refuse(BadIDTag, "an id tag has 1 to %d bytes of printable text", MaxIDTag)
	}
	if o.Reservation != 0 {
		i := s.reservation(o.Reservation)
		if i < 0 {
			return aether.Refuse(NoReservation, "the station has no reservation %d", o.Reservation)
		}
		if !sameTag(s.Reservations[i].IDTag, o.IDTag) {
			return aether.Refuse(BadIDTag, "reservation %d is for another id tag", o.Reservation)
		}
		return nil
	}
	used := func(tag string) bool { return tag != "" && sameTag(tag, o.IDTag) }
	for _, c := range s.Commands {
		if used(c.IDTag) {
			return aether.Refuse(IDTagUsed, "the id tag of a remote start is used once; this one was used by command %s", c.ID)
		}
	}
	for _, t := range s.Transactions {
		if used(t.IDTag) {
			return aether.Refuse(IDTagUsed, "the id tag of a remote start is used once; transaction %d has this one", t.ID)
		}
	}
	return nil
}

// startable says why nothing can start on a connector, nil when it can. What connector 0
// reports is independent of the others, and does not matter.
func (s *Station) startable(connector, reservation int, at time.Time) error {
	if err := s.works(connector); err != nil {
		return err
	}
	if err := s.free(connector); err != nil {
		return err
	}
	kept := s.keeps(connector, at)
	if kept != nil && kept.ID != reservation || kept == nil && s.status(connector) == Reserved && !s.keepsAny(reservation, at) {
		return aether.Refuse(IsReserved, "connector %d is reserved", connector)
	}
	return nil
}

// works refuses a connector that is out of order or of service.
func (s *Station) works(connector int) error {
	switch c := s.Connectors[connector]; s.status(connector) {
	case Faulted:
		kind := "a fault"
		if PowerFault(c.ErrorCode) {
			kind = "a power fault"
		}
		return &aether.Refusal{Reason: IsFaulted, Facts: Fault{c.ErrorCode, PowerFault(c.ErrorCode), c.Broken},
			Message: fmt.Sprintf("connector %d has %s: %s", connector, kind, c.ErrorCode)}
	case Unavailable:
		return aether.Refuse(IsUnavailable, "connector %d is out of service", connector)
	}
	return nil
}

// free refuses a connector on which a transaction runs, by our books or by its status.
func (s *Station) free(connector int) error {
	if t := s.Running(connector); t != nil {
		return aether.Refuse(Occupied, "transaction %d runs on connector %d", t.ID, connector)
	}
	switch status := s.status(connector); status {
	case Charging, SuspendedEV, SuspendedEVSE:
		return aether.Refuse(Occupied, "connector %d is occupied (%s)", connector, status)
	}
	return nil
}

// keeps returns the reservation of a connector at a time.
func (s *Station) keeps(connector int, at time.Time) *Reservation {
	for i := range s.Reservations {
		if r := &s.Reservations[i]; r.Connector == connector && at.Before(r.Until) {
			return r
		}
	}
	return nil
}

// keepsAny says whether a reservation is one of any connector, which the station may show
// on whichever it likes.
func (s *Station) keepsAny(reservation int, at time.Time) bool {
	i := s.reservation(reservation)
	return i >= 0 && s.Reservations[i].Connector == 0 && at.Before(s.Reservations[i].Until)
}

// usedBy returns the place of the reservation that a start uses, -1 when it uses none. A
// station need not name it: then it is the one of the tag, of that connector or of any.
func (s *Station) usedBy(m Start) int {
	if m.Reservation != 0 {
		return s.reservation(m.Reservation)
	}
	found := -1
	for i, r := range s.Reservations {
		if !sameTag(r.IDTag, m.IDTag) || !m.At.Before(r.Until) {
			continue
		}
		if r.Connector == m.Connector {
			return i
		}
		if r.Connector == 0 && found < 0 {
			found = i
		}
	}
	return found
}

func (s *Station) checkReserve(m Request) error {
	switch {
	case m.Reservation < 1:
		return aether.Refuse(BadReservation, "the ID of a reservation is 1 or more; this is %d", m.Reservation)
	case !validText(m.IDTag, MaxIDTag):
		return aether.Refuse(BadIDTag, "an id tag has 1 to %d bytes of printable text", MaxIDTag)
	case !m.Expires.After(m.At):
		return aether.Refuse(BadReservation, "a reservation ends in the future; %s is not", m.Expires.Format(time.RFC3339))
	case m.Connector > 0 && !s.has(m.Connector):
		return s.noConnector(m.Connector)
	}
	if err := s.notPending(m.Order, func(c *Command) bool {
		return c.Reservation == m.Reservation || c.Connector == m.Connector
	}); err != nil {
		return err
	}
	if m.Connector == 0 {
		return nil // the station finds one, or says no
	}
	if err := s.works(m.Connector); err != nil {
		return err
	}
	if err := s.free(m.Connector); err != nil {
		return err
	}
	if status := s.status(m.Connector); status == Preparing || status == Finishing {
		return aether.Refuse(Occupied, "connector %d is occupied (%s)", m.Connector, status)
	}
	// The same ID replaces what it has reserved (OCPP 1.6, 5.13).
	kept := s.keeps(m.Connector, m.At)
	if kept != nil && kept.ID != m.Reservation || kept == nil && s.status(m.Connector) == Reserved {
		return aether.Refuse(IsReserved, "connector %d is reserved", m.Connector)
	}
	return nil
}
