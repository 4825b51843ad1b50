package simulate

import (
	"strings"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// reserves says whether a call is one of the Reservation profile.
func reserves(request ocpp.Request) bool {
	switch request.(type) {
	case *v16.ReserveNowReq, *v16.CancelReservationReq:
		return true
	}
	return false
}

func (s *Station) answerReservation(request ocpp.Request) ocpp.Response {
	if q, ok := request.(*v16.ReserveNowReq); ok {
		return &v16.ReserveNowConf{Status: s.reserve(q)}
	}
	r := s.reservation(request.(*v16.CancelReservationReq).ReservationID)
	if r != nil {
		s.unreserve(r)
	}
	return &v16.CancelReservationConf{Status: generic(r != nil)}
}

// reservation finds one by its ID.
func (s *Station) reservation(id int) *reservation {
	for _, c := range s.connectors {
		if c.reservation != nil && c.reservation.id == id {
			return c.reservation
		}
	}
	return nil
}

// reserve keeps a connector for a tag (5.13). One with the same ID is replaced.
func (s *Station) reserve(q *v16.ReserveNowReq) v16.ReservationStatus {
	if q.ConnectorID < 0 || q.ConnectorID >= len(s.connectors) || !q.ExpiryDate.After(s.now()) {
		return v16.ReservationRejected
	}
	old := s.reservation(q.ReservationID)
	if status := s.reservable(q.ConnectorID, old); status != v16.ReservationAccepted {
		return status
	}
	if old != nil {
		s.unreserve(old)
	}
	r := &reservation{id: q.ReservationID, tag: q.IDTag, parent: q.ParentIDTag, connector: q.ConnectorID}
	r.expiry = s.agenda.after(q.ExpiryDate.Sub(s.now()), func() { s.unreserve(r) }) // by its own clock
	s.connectors[q.ConnectorID].reservation = r
	return v16.ReservationAccepted
}

// reservable says in what way a connector is free for a reservation, other than the one
// that it replaces. Connector 0 is free when any is.
func (s *Station) reservable(number int, old *reservation) v16.ReservationStatus {
	if number == 0 {
		status := v16.ReservationOccupied
		if r := s.connectors[0].reservation; r != nil && r != old {
			return status
		}
		for i := 1; i < len(s.connectors); i++ {
			if status = s.reservable(i, old); status == v16.ReservationAccepted {
				break
			}
		}
		return status
	}
	c := s.connectors[number]
	switch {
	case c.fault != "" || s.connectors[0].fault != "":
		return v16.ReservationFaulted
	case c.inoperative:
		return v16.ReservationUnavailable
	case c.car != nil || c.claim != nil || c.tx != nil || c.reservation != nil && c.reservation != old:
		return v16.ReservationOccupied
	}
	return v16.ReservationAccepted
}

// unreserve ends a reservation: it is used, taken back, replaced or too old.
func (s *Station) unreserve(r *reservation) {
	s.agenda.drop(r.expiry)
	if c := s.connectors[r.connector]; c.reservation == r {
		c.reservation = nil
	}
}

// sendLocalList replaces or changes the local list (5.15).
func (s *Station) sendLocalList(q *v16.SendLocalListReq) v16.UpdateStatus {
	switch {
	case !s.o.Model.LocalList || !s.flag("LocalAuthListEnabled"):
		return v16.UpdateNotSupported
	case q.UpdateType == v16.UpdateDifferential && q.ListVersion <= s.listVersion:
		return v16.UpdateVersionMismatch
	case len(q.LocalAuthorizationList) > s.number("SendLocalListMaxLength"):
		return v16.UpdateFailed
	}
	list := map[string]v16.IDTagInfo{}
	if q.UpdateType == v16.UpdateDifferential {
		for tag, info := range s.localList {
			list[tag] = info
		}
	}
	for _, entry := range q.LocalAuthorizationList {
		tag := strings.ToLower(entry.IDTag)
		if entry.IDTagInfo == nil {
			delete(list, tag)
			continue
		}
		list[tag] = *entry.IDTagInfo
	}
	if len(list) > s.number("LocalAuthListMaxLength") {
		return v16.UpdateFailed
	}
	s.localList, s.listVersion = list, q.ListVersion
	return v16.UpdateAccepted
}
