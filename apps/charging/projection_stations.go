package charging

import (
	"time"

	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// station applies what happened to a station.
func (a *applier) station(event station.Event) error {
	s, _, err := stations.Get(a.tx, a.id)
	if err != nil {
		return err
	}
	before := s.tally()
	s.ID, s.Version, s.Position, s.Updated = a.id, a.version, a.position, a.time
	if err := a.stationChanged(&s, event); err != nil {
		return err
	}
	if err := a.mark(&s, a.at); err != nil {
		return err
	}
	if err := stations.Put(a.tx, s); err != nil {
		return err
	}
	return a.counted(before, s.tally())
}

func (a *applier) stationChanged(s *stationRecord, event station.Event) error {
	switch e := event.(type) {
	case station.StationRegistered:
		s.Admission, a.at = e.Admission, e.At
		return a.registered(s, e.Connectors)
	case station.AdmissionChanged:
		s.Admission, a.at = e.Admission, e.At
	case station.StationBooted:
		s.About, s.Boot, s.Booted, a.at = e.About, e.Admission, e.At, e.At
	case station.StationCameOnline:
		s.Online, s.Since, s.Why, a.at = true, e.At, "", e.At
		return a.returned(s)
	case station.StationWentOffline:
		was := s.Online
		s.Online, s.Since, s.Why, a.at = false, e.At, e.Reason, e.At
		if was {
			return a.left(s, e.At)
		}
	case station.ConnectorStatusChanged:
		a.at = e.At
		return a.status(s, e)
	case station.ConnectorFaulted:
		a.at = e.At
		return a.faulted(e)
	case station.ConnectorRecovered:
		a.at = e.At
		return a.recovered(e.Connector, e.At)
	case station.FirmwareStatusChanged:
		s.Firmware, a.at = e.Status, e.At
	case station.DiagnosticsStatusChanged:
		s.Diagnostics, a.at = e.Status, e.At
	case station.SecurityEventReported:
		a.at = e.At
		return securities.Put(a.tx, SecurityDocument{
			Key: numbered(a.id, int(a.version)), Station: a.id, Type: e.Type, Info: e.Info, StationTime: e.StationTime, At: e.At,
		})
	case station.ConfigurationReported:
		a.at = e.At
		return a.configured(e)
	case station.ReservationMade, station.ReservationEnded:
		return a.reserved(s, event)
	case station.TransactionStarted, station.TransactionStopped, station.TransactionAbandoned, station.StopUnmatched, station.UnmatchedStopUsed:
		return a.transacted(s, event)
	default:
		return a.commanded(s, event)
	}
	return nil
}

// registered makes the connectors that have not reported.
func (a *applier) registered(s *stationRecord, count int) error {
	for n := 1; n <= count; n++ {
		_, found, err := connectors.Get(a.tx, connectorKey(a.id, n))
		if err != nil {
			return err
		}
		if found {
			continue
		}
		if err := connectors.Put(a.tx, connectorRecord{Station: a.id, ID: n}); err != nil {
			return err
		}
		s.statuses("", 1)
	}
	return nil
}

// statuses counts the connectors that have a status.
func (s *stationRecord) statuses(status string, more int) {
	if s.Statuses == nil {
		s.Statuses = make(map[string]int)
	}
	if s.Statuses[status] += more; s.Statuses[status] == 0 {
		delete(s.Statuses, status)
	}
}

// status applies what a connector reports.
func (a *applier) status(s *stationRecord, e station.ConnectorStatusChanged) error {
	c, found, err := connectors.Get(a.tx, connectorKey(a.id, e.Connector))
	if err != nil {
		return err
	}
	if e.Connector > 0 { // the main controller is no connector that somebody could use
		if found {
			s.statuses(c.Status, -1)
		}
		s.statuses(e.Status, 1)
	}
	count := func(condition station.Condition, n int) {
		fault, power := faulted(condition)
		if fault {
			s.Faults += n
		}
		if power {
			s.Power += n
		}
	}
	count(c.Condition, -1)
	count(e.Condition, 1)
	if c.Status != e.Status {
		c.Since = e.At
	}
	c.Station, c.ID, c.Condition = a.id, e.Connector, e.Condition
	return connectors.Put(a.tx, c)
}

// faulted begins a fault; another error of the same connector ends the former one.
func (a *applier) faulted(e station.ConnectorFaulted) error {
	if err := a.recovered(e.Connector, e.At); err != nil {
		return err
	}
	key := numbered(a.id, int(a.version))
	_, err := connectors.Update(a.tx, connectorKey(a.id, e.Connector), func(c *connectorRecord) { c.Fault = key })
	if err != nil {
		return err
	}
	return faults.Put(a.tx, FaultDocument{
		Key: key, Station: a.id, Connector: e.Connector, ErrorCode: e.ErrorCode, Power: e.Power, Info: e.Info,
		VendorErrorCode: e.VendorErrorCode, Since: e.At,
	})
}

// recovered ends the fault of a connector.
func (a *applier) recovered(connector int, at time.Time) error {
	fault := ""
	_, err := connectors.Update(a.tx, connectorKey(a.id, connector), func(c *connectorRecord) { fault, c.Fault = c.Fault, "" })
	if err != nil || fault == "" {
		return err
	}
	_, err = faults.Update(a.tx, fault, func(f *FaultDocument) { f.Until = at })
	return err
}

func (a *applier) reserved(s *stationRecord, event station.Event) error {
	switch e := event.(type) {
	case station.ReservationMade:
		a.at = e.At
		s.Reserved = append(vacate(s.Reserved, e.Reservation), occupation{e.Reservation, e.Connector})
		return reservations.Put(a.tx, ReservationDocument{
			Key: numbered(a.id, e.Reservation), ID: e.Reservation, Station: a.id, Connector: e.Connector, IDTag: e.IDTag,
			Until: e.Until, Command: e.Command, MadeAt: e.At,
		})
	case station.ReservationEnded:
		a.at = e.At
		s.Reserved = vacate(s.Reserved, e.Reservation)
		_, err := reservations.Update(a.tx, numbered(a.id, e.Reservation), func(r *ReservationDocument) { r.Ended, r.EndedAt = e.Reason, e.At })
		return err
	}
	return nil
}

// mark notes since when it is so that the station is online, and has a fault, if that is
// new.
func (a *applier) mark(s *stationRecord, at time.Time) error {
	fault := s.Faults > 0
	switch {
	case s.First.IsZero():
		s.First = at
	case s.Mark.Online == s.Online && s.Mark.Faulted == fault:
		return nil
	case at.Before(s.Mark.At):
		at = s.Mark.At // a clock that was set back
	}
	m := markRecord{Station: a.id, Version: a.version, At: at, Online: s.Online, Faulted: fault}
	m.OnlineFor, m.FaultFor = s.Mark.until(at)
	s.Mark = m
	return marks.Put(a.tx, m)
}

// transacted applies what a station has told of a transaction; the session tells the rest.
func (a *applier) transacted(s *stationRecord, event station.Event) error {
	switch e := event.(type) {
	case station.TransactionStarted:
		a.at = e.At
		s.Running = append(vacate(s.Running, e.Transaction), occupation{e.Transaction, e.Connector})
		return a.transaction(numbered(a.id, e.Transaction), func(t *transactionRecord) {
			t.Command, t.Authorisation = e.Command, e.Authorisation
			if t.Start == nil {
				t.Start = &beginning{false, e.Connector, e.IDTag, e.Account, e.MeterStart, e.StationTime, e.At}
			}
		})
	case station.TransactionStopped:
		a.at = e.At
		s.Running = vacate(s.Running, e.Transaction)
		return a.transaction(numbered(a.id, e.Transaction), func(t *transactionRecord) {
			if t.Stop == nil {
				t.Stop = &ending{false, &e.MeterStop, e.Reason, e.StationTime, e.At}
			}
		})
	case station.TransactionAbandoned:
		a.at = e.At
		s.Running = vacate(s.Running, e.Transaction)
		return a.transaction(numbered(a.id, e.Transaction), func(t *transactionRecord) {
			if t.Abandon == nil {
				t.Abandon = &ending{Reason: e.Reason, Told: e.At}
			}
		})
	case station.StopUnmatched:
		a.at = e.At
		return unmatched.Put(a.tx, UnmatchedDocument{Key: numbered(a.id, e.Number), Station: a.id, StopUnmatched: e})
	case station.UnmatchedStopUsed:
		a.at = e.At
		_, err := unmatched.Update(a.tx, numbered(a.id, e.Number), func(u *UnmatchedDocument) { u.Used = e.Transaction })
		return err
	}
	return nil
}

// thin drops every second point of a curve, and returns how many there are then. The first
// stays, and the last: it is called when there is one more than [MaxCurve], which is even.
func (a *applier) thin(transaction string) (int, error) {
	var keys []string
	within := readdb.ListOptions{Index: byTransaction, Range: readdb.Under(readdb.Tuple(readdb.Text(transaction)))}
	for p, err := range points.All(a.tx, &within) {
		if err != nil {
			return 0, err
		}
		keys = append(keys, pointKey(transaction, p.At))
	}
	left := len(keys)
	for i := range keys {
		if i%2 == 1 {
			if err := points.Delete(a.tx, keys[i]); err != nil {
				return 0, err
			}
			left--
		}
	}
	return left, nil
}
