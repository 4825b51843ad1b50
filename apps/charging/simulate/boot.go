package simulate

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// bootRetry is how long a station waits with its next BootNotification where the
// central system leaves it to it (4.2).
const bootRetry = 30 * time.Second

// answers is the Station as the ocpp.Handler of its connections.
type answers Station

// Connected notes a connection.
func (a *answers) Connected(_ context.Context, c *ocpp.Conn) {
	s := (*Station)(a)
	s.do(func() {
		if !s.powered {
			return
		}
		s.conn, s.letIn = c, true
		s.stats.connects.Add(1)
		if s.registration != v16.RegistrationAccepted {
			s.boot()
		}
	})
}

// Seen does nothing.
func (a *answers) Seen(*ocpp.Conn) {}

// Disconnected notes the end of a connection.
func (a *answers) Disconnected(c *ocpp.Conn, reason error) {
	s := (*Station)(a)
	s.do(func() {
		if s.conn == c || s.conn == nil {
			s.conn = nil
			s.forget(reason)
			for _, c := range s.connectors {
				c.telling = c.told
			}
		}
	})
}

// boot sends a BootNotification, with the lock.
func (s *Station) boot() {
	m := s.o.Model
	request := &v16.BootNotificationReq{
		ChargePointVendor: m.Vendor, ChargePointModel: m.Name, ChargePointSerialNumber: cutTo(s.id, 25), FirmwareVersion: s.firmwareVersion(),
		MeterType: "SIM-3P", MeterSerialNumber: cutTo("M-"+s.id, 25),
	}
	s.queue = append(s.queue, &message{request: request, anyway: true, done: s.booted})
}

func (s *Station) booted(response ocpp.Response, err error) {
	conf, ok := response.(*v16.BootNotificationConf)
	if !ok {
		if !errors.Is(err, ocpp.ErrNotSent) && !errors.Is(err, ocpp.ErrNoAnswer) || errors.Is(err, ocpp.ErrTimeout) {
			s.bootAgain(bootRetry) // a CALLERROR; else the next connection boots
		}
		return
	}
	s.registration = conf.Status
	s.interval = time.Duration(conf.Interval) * time.Second
	s.setClock(conf.CurrentTime)
	if conf.Status != v16.RegistrationAccepted {
		wait := s.interval
		if wait == 0 {
			wait = bootRetry
		}
		s.bootAgain(wait)
		return
	}
	if seconds := strconv.Itoa(conf.Interval); seconds != s.value("HeartbeatInterval") && conf.Interval > 0 {
		s.settings["HeartbeatInterval"] = seconds
	}
	s.setHeartbeat(s.number("HeartbeatInterval")) // its own where the central system leaves it to the station
	s.announce()
}

func (s *Station) bootAgain(wait time.Duration) {
	s.agenda.after(wait, func() {
		if s.conn != nil && s.registration != v16.RegistrationAccepted && !s.asking("BootNotification") {
			s.boot()
		}
	})
}

// asking says whether a message with the action is queued.
func (s *Station) asking(action string) bool {
	for _, m := range s.queue {
		if m.request.Action() == action {
			return true
		}
	}
	return false
}

// announce sends what follows the acceptance.
func (s *Station) announce() {
	for _, c := range s.connectors {
		c.told, c.telling = report{}, report{}
	}
	s.reportStatuses()
	if s.o.Model.Security && s.bootReason != "" {
		s.send(&v16.SecurityEventNotificationReq{Type: "StartupOfTheDevice", Timestamp: s.now(), TechInfo: s.bootReason}, nil)
	}
	s.bootReason = ""
	s.firmwareAfterBoot()
}

// beatAfter has the next Heartbeat sent, and those after it.
func (s *Station) beatAfter(d time.Duration) {
	s.agenda.drop(s.heartbeat)
	s.heartbeat = s.agenda.after(d, func() {
		if s.interval <= 0 || !s.powered {
			return
		}
		if s.registration == v16.RegistrationAccepted && s.conn != nil && !s.asking("Heartbeat") {
			s.beat()
		}
		s.beatAfter(s.interval)
	})
}

func (s *Station) beat() {
	s.send(&v16.HeartbeatReq{}, func(response ocpp.Response, _ error) {
		if conf, ok := response.(*v16.HeartbeatConf); ok {
			s.setClock(conf.CurrentTime)
		}
	})
}

// setClock sets the station's clock by that of the central system.
func (s *Station) setClock(t time.Time) {
	if s.o.Stubborn {
		return
	}
	if off := time.Until(t); off > time.Second || off < -time.Second { // what is less is the network's
		s.skew = off
	} else {
		s.skew = 0
	}
}

// powerOn starts the station, with the lock.
func (s *Station) powerOn(reason string) {
	if s.powered {
		return
	}
	s.powered, s.registration, s.bootReason = true, "", reason
	now := time.Now()
	for _, c := range s.connectors[1:] {
		c.meteredAt = now
		if c.interrupted {
			s.stop(c, v16.ReasonPowerLoss, "")
		}
	}
	s.surroundings()
}

// powerOff stops it at once, with the lock: quietly, or so that the other side sees it.
func (s *Station) powerOff(quietly bool) {
	if !s.powered {
		return
	}
	for _, c := range s.connectors[1:] {
		s.meter(c)
		c.claim = nil
		if c.tx != nil {
			c.interrupted, c.interruptedAt = true, s.now()
		}
	}
	s.powered, s.registration, s.conn, s.interval = false, "", nil, 0
	if quietly {
		s.silence()
	} else {
		s.cut()
	}
	s.surroundings()
}

// restart is a reboot: off, and on again after a while, with the lock.
func (s *Station) restart(reason string) {
	if !s.powered {
		return
	}
	s.powerOff(false)
	s.agenda.after(s.bootTime(), func() {
		if !s.dark {
			s.powerOn(reason)
		}
	})
}

// bootTime is how long a start takes.
func (s *Station) bootTime() time.Duration {
	return time.Second + s.pace(time.Duration(5+s.random.IntN(20))*time.Second)
}

func cutTo(s string, n int) string { return s[:min(n, len(s))] }
