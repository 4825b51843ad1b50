package simulate

import (
	"context"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// commandTime is how long a station takes to do what it was told, after the answer.
const commandTime = 200 * time.Millisecond

// Handle answers a call of the central system.
func (a *answers) Handle(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	s := (*Station)(a)
	s.stats.commands.Add(1)
	s.mu.Lock()
	mood := s.mood()
	s.mu.Unlock()
	if mood.wait > 0 {
		select {
		case <-time.After(mood.wait):
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return nil, ocpp.Errorf(ocpp.GenericError, "the station is off") // the connection is over: nobody hears it
	}
	if s.registration == v16.RegistrationRejected || s.registration == "" {
		return nil, ocpp.Errorf(ocpp.SecurityError, "the station has not been accepted") // 4.2.1, J errata 3.8
	}
	if refusal := refusalOf(call.Request); mood.refuses && refusal != nil {
		return refusal, nil
	}
	response, err := s.answer(call.Request)
	s.follow()
	if mood.loses {
		s.cut()
	}
	return response, err
}

// mood is how a station feels about a call.
type mood struct {
	wait           time.Duration
	loses, refuses bool
}

func (s *Station) mood() mood {
	var m mood
	if s.random.Float64() >= s.o.Mischief {
		return m
	}
	switch s.random.IntN(3) {
	case 0:
		m.wait = time.Duration(1+s.random.IntN(10)) * time.Second
	case 1:
		m.loses = true
	case 2:
		m.refuses = true
	}
	return m
}

// refusalOf is how a station says no without a reason, nil where it does not.
func refusalOf(request ocpp.Request) ocpp.Response {
	switch request.(type) {
	case *v16.RemoteStartTransactionReq:
		return &v16.RemoteStartTransactionConf{Status: v16.Rejected}
	case *v16.RemoteStopTransactionReq:
		return &v16.RemoteStopTransactionConf{Status: v16.Rejected}
	case *v16.ReserveNowReq:
		return &v16.ReserveNowConf{Status: v16.ReservationRejected}
	case *v16.ResetReq:
		return &v16.ResetConf{Status: v16.Rejected}
	case *v16.ChangeAvailabilityReq:
		return &v16.ChangeAvailabilityConf{Status: v16.AvailabilityRejected}
	case *v16.UnlockConnectorReq:
		return &v16.UnlockConnectorConf{Status: v16.UnlockFailed}
	case *v16.SetChargingProfileReq:
		return &v16.SetChargingProfileConf{Status: v16.ProfileRejected}
	case *v16.SendLocalListReq:
		return &v16.SendLocalListConf{Status: v16.UpdateFailed}
	}
	return nil
}

// answer does what a call asks for, with the lock.
func (s *Station) answer(request ocpp.Request) (ocpp.Response, error) {
	m := s.o.Model
	switch q := request.(type) {
	case *v16.RemoteStartTransactionReq:
		return &v16.RemoteStartTransactionConf{Status: generic(s.remoteStart(q))}, nil
	case *v16.RemoteStopTransactionReq:
		return &v16.RemoteStopTransactionConf{Status: generic(s.remoteStop(q))}, nil
	case *v16.UnlockConnectorReq:
		return &v16.UnlockConnectorConf{Status: s.unlock(q)}, nil
	case *v16.ChangeAvailabilityReq:
		return &v16.ChangeAvailabilityConf{Status: s.changeAvailability(q)}, nil
	case *v16.ChangeConfigurationReq:
		return &v16.ChangeConfigurationConf{Status: s.changeConfiguration(q)}, nil
	case *v16.GetConfigurationReq:
		return s.getConfiguration(q), nil
	case *v16.ClearCacheReq:
		s.cache = nil
		return &v16.ClearCacheConf{Status: generic(s.flag("AuthorizationCacheEnabled"))}, nil
	case *v16.ResetReq:
		return &v16.ResetConf{Status: generic(s.reset(q))}, nil
	case *v16.DataTransferReq:
		return &v16.DataTransferConf{Status: v16.DataTransferUnknownVendorID}, nil
	case *v16.TriggerMessageReq:
		return &v16.TriggerMessageConf{Status: s.trigger(q.RequestedMessage, q.ConnectorID)}, nil
	case *v16.UpdateFirmwareReq:
		s.updateFirmware(q)
		return &v16.UpdateFirmwareConf{}, nil
	case *v16.GetDiagnosticsReq:
		return &v16.GetDiagnosticsConf{FileName: s.getDiagnostics()}, nil
	case *v16.GetLocalListVersionReq:
		if !m.LocalList || !s.flag("LocalAuthListEnabled") {
			return &v16.GetLocalListVersionConf{ListVersion: -1}, nil // 5.10
		}
		return &v16.GetLocalListVersionConf{ListVersion: s.listVersion}, nil
	case *v16.SendLocalListReq:
		return &v16.SendLocalListConf{Status: s.sendLocalList(q)}, nil
	}
	switch {
	case m.Reservations && reserves(request):
		return s.answerReservation(request), nil
	case m.SmartCharging && profiles(request):
		return s.answerProfile(request), nil
	case m.Security && secures(request):
		return s.answerSecurity(request), nil
	case secures(request):
		return nil, ocpp.Errorf(ocpp.NotImplemented, "%s is not implemented", request.Action())
	}
	return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", request.Action())
}

func generic(ok bool) v16.GenericStatus {
	if ok {
		return v16.Accepted
	}
	return v16.Rejected
}

// remoteStart says whether the station will try (5.11).
func (s *Station) remoteStart(q *v16.RemoteStartTransactionReq) bool {
	if s.registration != v16.RegistrationAccepted || q.ChargingProfile != nil && !s.o.Model.SmartCharging {
		return false
	}
	c := s.connectorFor(q)
	if c == nil || q.ChargingProfile != nil && s.objects(c, q.ChargingProfile) {
		return false
	}
	if q.ChargingProfile != nil {
		s.install(c.id, *q.ChargingProfile)
	}
	claim := &claim{tag: q.IDTag, remote: true}
	c.claim = claim
	s.agenda.after(commandTime, func() {
		switch {
		case c.claim != claim:
		case s.flag("AuthorizeRemoteTxRequests"):
			s.request(c, claim)
		default:
			claim.granted = true
			s.claimed(c, claim)
		}
		if s.life != nil {
			s.life.invited(s, c)
		}
	})
	return true
}

// connectorFor is the one that a remote start is for, nil for none: where it is not
// told which, one with a car goes before others.
func (s *Station) connectorFor(q *v16.RemoteStartTransactionReq) *connector {
	var found *connector
	for _, c := range s.connectors[1:] {
		if q.ConnectorID != nil && *q.ConnectorID != c.id || !s.usable(c) || !s.admits(c, q.IDTag, s.parentOf(q.IDTag)) {
			continue
		}
		if found == nil || found.car == nil && c.car != nil {
			found = c
		}
	}
	return found
}

func (s *Station) remoteStop(q *v16.RemoteStopTransactionReq) bool {
	if s.registration != v16.RegistrationAccepted {
		return false
	}
	for _, c := range s.connectors[1:] {
		if tx := c.tx; tx != nil && tx.entry.ID == q.TransactionID {
			s.agenda.after(commandTime, func() {
				if c.tx == tx {
					s.stop(c, v16.ReasonRemote, "")
				}
			})
			return true
		}
	}
	return false
}

// unlock finishes a transaction and releases the cable (5.18).
func (s *Station) unlock(q *v16.UnlockConnectorReq) v16.UnlockStatus {
	c, err := s.at(q.ConnectorID)
	switch {
	case err != nil || !s.o.Model.Lock:
		return v16.UnlockNotSupported // 6.54
	case c.fault == v16.ErrorConnectorLockFailure:
		return v16.UnlockFailed
	}
	s.stop(c, v16.ReasonUnlockCommand, "")
	return v16.Unlocked
}

// changeAvailability puts connectors in or out of service, those with a transaction
// when it is over (5.2).
func (s *Station) changeAvailability(q *v16.ChangeAvailabilityReq) v16.AvailabilityStatus {
	affected := s.connectors[1:]
	if q.ConnectorID > 0 {
		c, err := s.at(q.ConnectorID)
		if err != nil {
			return v16.AvailabilityRejected
		}
		affected = []*connector{c}
	}
	status := v16.AvailabilityAccepted
	for _, c := range affected {
		if c.tx != nil && q.Type == v16.Inoperative {
			c.scheduled, status = q.Type, v16.AvailabilityScheduled
			continue
		}
		c.inoperative, c.scheduled = q.Type == v16.Inoperative, ""
		if c.inoperative {
			c.claim = nil
		}
	}
	if q.ConnectorID == 0 {
		s.connectors[0].scheduled = q.Type
	}
	s.mainAvailability()
	return status
}

// mainAvailability makes a change of the whole station when the last transaction is
// over.
func (s *Station) mainAvailability() {
	main := s.connectors[0]
	if main.scheduled == "" || main.scheduled == v16.Inoperative && s.busy() {
		return
	}
	main.inoperative, main.scheduled = main.scheduled == v16.Inoperative, ""
}

func (s *Station) busy() bool {
	for _, c := range s.connectors[1:] {
		if c.tx != nil {
			return true
		}
	}
	return false
}

// reset restarts the station (5.14): a soft one lets it finish what it does.
func (s *Station) reset(q *v16.ResetReq) bool {
	if s.firmware.installing != "" {
		return false
	}
	if q.Type == v16.ResetHard {
		s.agenda.after(commandTime, func() { s.reboot(v16.ReasonHardReset, "HardReset") })
		return true
	}
	s.agenda.after(commandTime, func() {
		for _, c := range s.connectors[1:] {
			s.stop(c, v16.ReasonSoftReset, "")
		}
		s.agenda.after(2*time.Second, func() { s.reboot(v16.ReasonSoftReset, "SoftReset") })
	})
	return true
}

// setHeartbeat changes the interval of heartbeats, 0 for none.
func (s *Station) setHeartbeat(seconds int) {
	s.interval = time.Duration(seconds) * time.Second
	s.agenda.drop(s.heartbeat)
	if s.interval > 0 {
		s.beatAfter(s.interval)
	}
}
