package simulate

import (
	"errors"
	"fmt"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// ErrOccupied says that a car is plugged in already, ErrEmpty that there is none.
var (
	ErrOccupied = errors.New("simulate: a car is plugged in")
	ErrEmpty    = errors.New("simulate: no car is plugged in")
)

// PlugIn plugs a car into a connector. It charges when somebody taps, or has tapped.
func (s *Station) PlugIn(number int, car Car) error {
	return s.with(number, func(c *connector) error { return s.plugIn(c, car) })
}

func (s *Station) plugIn(c *connector, car Car) error {
	if c.car != nil {
		return fmt.Errorf("%w to connector %d of %s", ErrOccupied, c.id, s.id)
	}
	car.setDefaults()
	s.meter(c)
	c.car = &car
	s.ready(c)
	if c.tx != nil { // the same driver has come back
		s.meter(c)
	}
	return nil
}

// Unplug takes the car away, which ends its transaction.
func (s *Station) Unplug(number int) error {
	return s.with(number, func(c *connector) error {
		if c.car == nil {
			return fmt.Errorf("%w to connector %d of %s", ErrEmpty, c.id, s.id)
		}
		s.unplug(c)
		return nil
	})
}

func (s *Station) unplug(c *connector) {
	s.meter(c)
	if c.tx != nil && s.powered && s.flag("StopTransactionOnEVSideDisconnect") {
		s.stop(c, v16.ReasonEVDisconnected, "")
	}
	c.car, c.finishing = nil, false
	s.meter(c)
}

// Tap holds an ID tag to the reader of a connector: to start, or to stop.
func (s *Station) Tap(number int, idTag string) error {
	return s.with(number, func(c *connector) error {
		s.tap(c, idTag)
		return nil
	})
}

func (s *Station) tap(c *connector, tag string) {
	if tx := c.tx; tx != nil && s.powered {
		if sameTag(tx.tag, tag) {
			s.stop(c, v16.ReasonLocal, tag)
			return
		}
		s.authorize(tag, func(ok bool, parent string) {
			if ok && c.tx == tx && parent != "" && sameTag(parent, tx.parent) {
				s.stop(c, v16.ReasonLocal, tag)
			}
		})
		return
	}
	if s.usable(c) {
		s.request(c, &claim{tag: tag})
	}
}

// request asks whether somebody may charge, and gives them the connector then.
func (s *Station) request(c *connector, claim *claim) {
	c.claim = claim
	s.authorize(claim.tag, func(ok bool, parent string) {
		if c.claim != claim {
			return
		}
		if !ok || !s.admits(c, claim.tag, parent) {
			s.unclaim(c)
			return
		}
		claim.granted = true
		s.claimed(c, claim)
	})
}

// Fault breaks something. Connector 0 is the main controller, and nothing charges then.
// A transaction ends when the fault is one of power.
func (s *Station) Fault(number int, code v16.ChargePointErrorCode) error {
	if number == 0 {
		s.do(func() { s.fault(s.connectors[0], code) })
		return nil
	}
	return s.with(number, func(c *connector) error {
		s.fault(c, code)
		return nil
	})
}

func (s *Station) fault(c *connector, code v16.ChargePointErrorCode) {
	affected := []*connector{c}
	if c.id == 0 {
		affected = s.connectors[1:]
	}
	for _, other := range affected {
		s.meter(other)
	}
	c.fault = code
	for _, other := range affected {
		s.meter(other)
		if other.claim != nil {
			s.unclaim(other)
		}
		if code.PowerFault() && s.powered {
			s.stop(other, v16.ReasonOther, "")
		}
	}
}

// Repair ends a fault.
func (s *Station) Repair(number int) error {
	if number == 0 {
		s.do(func() { s.repair(s.connectors[0]) })
		return nil
	}
	return s.with(number, func(c *connector) error {
		s.repair(c)
		return nil
	})
}

func (s *Station) repair(c *connector) {
	for _, other := range s.connectors[1:] {
		s.meter(other)
	}
	c.fault = ""
	for _, other := range s.connectors[1:] {
		s.meter(other)
	}
}

// PullPlug takes the station's power away: it stops at once, and says nothing to
// anybody. The central system has a connection on which nothing comes any more.
func (s *Station) PullPlug() { s.do(s.pullPlug) }

func (s *Station) pullPlug() {
	s.dark = true
	s.powerOff(true)
}

// Restore gives power and network back, and the station boots if it was off.
func (s *Station) Restore() { s.do(s.restore) }

func (s *Station) restore() {
	if !s.network {
		s.network = true
		s.surroundings()
	}
	s.dark = false
	s.powerOn("PowerUp")
}

// Disconnect takes the network away until Restore: quietly, as when a mobile network is
// lost, or so that the central system sees the end of the connection. The station goes
// on, and has all the more to tell later.
func (s *Station) Disconnect(quietly bool) { s.do(func() { s.disconnect(quietly) }) }

func (s *Station) disconnect(quietly bool) {
	s.network = false
	if quietly {
		s.silence()
	} else {
		s.cut()
	}
	s.conn = nil
	s.forget(ocpp.ErrOffline)
	s.surroundings()
}

// LoseAnswer has the connection end when the next message of the central system comes,
// which the station does not see.
func (s *Station) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil {
		s.line.deafen()
	}
}

// Reboot restarts the station as its watchdog does. Transactions are stopped.
func (s *Station) Reboot() { s.do(func() { s.reboot(v16.ReasonReboot, "Watchdog") }) }

func (s *Station) reboot(reason v16.Reason, why string) {
	for _, c := range s.connectors[1:] {
		s.stop(c, reason, "")
	}
	s.restart(why)
}

// Status returns the status of a connector as the station sees it.
func (s *Station) Status(number int) v16.ChargePointStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	if number < 0 || number >= len(s.connectors) {
		return v16.StatusUnavailable
	}
	return s.status(s.connectors[number])
}

// Power returns what a station gives to cars, in W.
func (s *Station) Power() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0.0
	for _, c := range s.connectors[1:] {
		sum += c.power
	}
	return sum
}

// Ledger returns the transactions that the station believes to have had, oldest first.
func (s *Station) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.copy()
}
