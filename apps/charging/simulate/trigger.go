package simulate

import (
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// trigger sends a message that was asked for, after the answer (5.17).
func (s *Station) trigger(what v16.MessageTrigger, number *int) v16.TriggerMessageStatus {
	if number != nil {
		if _, err := s.at(*number); err != nil {
			return v16.TriggerRejected
		}
	}
	s.agenda.after(commandTime, func() { s.triggered(what, number) })
	return v16.TriggerAccepted
}

func (s *Station) triggered(what v16.MessageTrigger, number *int) {
	switch what {
	case v16.TriggerBootNotification:
		if s.conn != nil && !s.asking("BootNotification") {
			s.boot()
		}
	case v16.TriggerHeartbeat:
		s.anyway(&v16.HeartbeatReq{})
	case v16.TriggerDiagnosticsStatusNotification:
		s.anyway(&v16.DiagnosticsStatusNotificationReq{Status: orIdle(v16.DiagnosticsStatus(s.diagnostics.status), v16.DiagnosticsIdle)})
	case v16.TriggerFirmwareStatusNotification:
		s.anyway(&v16.FirmwareStatusNotificationReq{Status: s.firmwareStatus(false)})
	case v16.TriggerStatusNotification:
		for _, c := range s.meant(number) {
			r := report{s.status(c), c.fault}
			c.telling = r
			request := &v16.StatusNotificationReq{ConnectorID: c.id, ErrorCode: orIdle(r.fault, v16.ErrorNoError), Status: r.status, Timestamp: s.now()}
			s.anyway(request)
		}
	case v16.TriggerMeterValues:
		for _, c := range s.meant(number) {
			if c.id > 0 {
				s.tellSample(c, v16.ContextTrigger)
			}
		}
	}
}

// meant are the connectors that a trigger means.
func (s *Station) meant(number *int) []*connector {
	if number != nil {
		return s.connectors[*number : *number+1]
	}
	return s.connectors
}

// anyway queues a message that may be sent before the station has been accepted (4.2.1).
func (s *Station) anyway(request ocpp.Request) {
	s.send(request, nil)
	if n := len(s.queue); n > 0 && s.queue[n-1].request == request {
		s.queue[n-1].anyway = true
	}
}

func orIdle[T ~string](value, idle T) T {
	if value == "" {
		return idle
	}
	return value
}
