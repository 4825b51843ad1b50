package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// life is what happens to a station of a fleet: drivers come and go, things break. What
// happens follows from the seed, as far as the central system answers the same and in
// time. It is guarded by the lock of the station.
type life struct {
	tags  []string // of the drivers, one for each connector
	calm  bool     // nothing breaks
	drive []*rand.Rand
	luck  *rand.Rand
	lose  bool // the answer to the next message about a transaction
	over  bool
}

// The usual times, of the cars' clock.
const (
	meanGap        = 25 * time.Minute
	meanMisfortune = 3 * time.Hour
)

func newLife(seed, station uint64, connectors int, tags []string, calm bool) *life {
	l := &life{tags: tags, calm: calm, luck: rand.New(rand.NewPCG(seed, station<<8|255))}
	for i := range connectors {
		l.drive = append(l.drive, rand.New(rand.NewPCG(seed, station<<8|uint64(i))))
	}
	return l
}

// begin has the first drivers come, and the first thing break.
func (l *life) begin(s *Station) {
	s.life = l
	for _, c := range s.connectors[1:] {
		l.expect(s, c)
	}
	if !l.calm {
		l.misfortuneAfter(s)
	}
}

// visit is what a driver is going to do. It is decided when they set out, so that it
// does not depend on what else happens.
type visit struct {
	tag      string
	car      Car
	gap      time.Duration // before they come
	tapFirst bool
	stay     time.Duration // at most
	linger   time.Duration // when the car is full
	tapToEnd bool
	ends     time.Time // by the true clock
	patience time.Time // until it must charge
}

func exponential(r *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(math.Min(r.ExpFloat64(), 5) * float64(mean))
}

func (l *life) plan(c *connector) *visit {
	r := l.drive[c.id-1]
	v := &visit{
		tag: l.tags[c.id-1], gap: exponential(r, meanGap) + 10*time.Second, tapFirst: r.IntN(3) == 0,
		stay: 20*time.Minute + exponential(r, time.Hour), linger: exponential(r, 5*time.Minute), tapToEnd: r.IntN(2) == 0,
		car: Car{
			Capacity: float64(40_000 + 1000*r.IntN(61)), SoC: float64(5 + r.IntN(70)), Target: []float64{80, 90, 100}[r.IntN(3)],
			AC: []float64{7_400, 11_000, 11_000, 22_000}[r.IntN(4)], DC: float64(50_000 + 10_000*r.IntN(13)), Phases: []int{1, 3, 3, 3}[r.IntN(4)],
		},
	}
	if stranger := r.IntN(50) == 0; stranger && !l.calm {
		v.tag = "STRANGER"
	}
	return v
}

// expect has the next driver come.
func (l *life) expect(s *Station, c *connector) {
	v := l.plan(c)
	s.agenda.after(s.pace(v.gap), func() { l.arrive(s, c, v) })
}

func (l *life) arrive(s *Station, c *connector, v *visit) {
	switch {
	case l.over:
		return
	case c.car != nil || !s.usable(c):
		l.expect(s, c) // they drive on
		return
	}
	v.ends = time.Now().Add(s.pace(v.stay))
	v.patience = time.Now().Add(s.pace(3*time.Minute) + 10*time.Second)
	second := func() { s.tap(c, v.tag) }
	if v.tapFirst {
		s.tap(c, v.tag)
		second = func() { l.plug(s, c, v) }
	} else {
		l.plug(s, c, v)
	}
	s.agenda.after(s.pace(8*time.Second), func() {
		if !l.over {
			second()
			l.watch(s, c, v)
		}
	})
}

// plug plugs the car in. What the connector is about meanwhile is not the driver's fault.
func (l *life) plug(s *Station, c *connector, v *visit) {
	if c.car == nil {
		_ = s.plugIn(c, v.car) // nobody else's is there
	}
}

// watch looks after a car until it leaves.
func (l *life) watch(s *Station, c *connector, v *visit) {
	s.agenda.after(s.pace(30*time.Second), func() {
		now := time.Now()
		switch {
		case l.over:
		case c.car == nil:
			l.expect(s, c)
		case c.tx != nil && c.car.wants(c.plug) > 0 && now.Before(v.ends), c.tx == nil && !c.finishing && now.Before(v.patience):
			l.watch(s, c, v)
		default:
			s.agenda.after(s.pace(v.linger), func() { l.leave(s, c, v) })
		}
	})
}

func (l *life) leave(s *Station, c *connector, v *visit) {
	if l.over {
		return
	}
	wait := time.Duration(0)
	if c.tx != nil && sameTag(c.tx.tag, v.tag) && v.tapToEnd {
		s.tap(c, v.tag)
		wait = 15 * time.Second
	}
	s.agenda.after(s.pace(wait), func() {
		if l.over {
			return
		}
		if c.car != nil {
			s.unplug(c)
		}
		l.expect(s, c)
	})
}

// invited has somebody come whom a remote start has been made for.
func (l *life) invited(s *Station, c *connector) {
	if c.car != nil || l.over {
		return // who is there charges
	}
	v := l.plan(c)
	s.agenda.after(s.pace(8*time.Second), func() {
		if c.claim == nil || c.car != nil || l.over {
			return
		}
		v.tag, v.ends, v.patience = c.claim.tag, time.Now().Add(s.pace(v.stay)), time.Now().Add(s.pace(3*time.Minute)+10*time.Second)
		l.plug(s, c, v)
		l.watchInvited(s, c, v)
	})
}

// watchInvited is watch for somebody who came between two others.
func (l *life) watchInvited(s *Station, c *connector, v *visit) {
	s.agenda.after(s.pace(30*time.Second), func() {
		now := time.Now()
		switch {
		case l.over || c.car == nil:
		case c.tx != nil && c.car.wants(c.plug) > 0 && now.Before(v.ends), c.tx == nil && !c.finishing && now.Before(v.patience):
			l.watchInvited(s, c, v)
		default:
			s.unplug(c)
		}
	})
}

// losesAnswer says whether the answer to a message about a transaction is to be lost.
func (l *life) losesAnswer() bool {
	lose := l.lose
	l.lose = false
	return lose
}

// misfortuneAfter has something break after a while, and be mended, and so on.
func (l *life) misfortuneAfter(s *Station) {
	s.agenda.after(s.pace(exponential(l.luck, meanMisfortune)), func() {
		if l.over {
			return
		}
		r := l.luck
		lasts := s.pace(time.Minute+exponential(r, 5*time.Minute)) + 2*time.Second
		c, code := s.connectors[1+r.IntN(len(s.connectors)-1)], faults()[r.IntN(len(faults()))]
		mend := func() {}
		switch kind := r.IntN(10); kind {
		case 0, 1, 2:
			s.fault(c, code)
			mend = func() { s.repair(c) }
		case 3, 4, 5:
			s.disconnect(kind == 3)
			mend = s.restore
		case 6:
			s.pullPlug()
			mend = s.restore
		case 7:
			s.reboot(v16.ReasonReboot, "Watchdog")
		default:
			l.lose = true
		}
		s.agenda.after(lasts, func() {
			if !l.over {
				mend()
				l.misfortuneAfter(s)
			}
		})
	})
}

// faults are what breaks at a connector.
func faults() []v16.ChargePointErrorCode {
	return []v16.ChargePointErrorCode{
		v16.ErrorGroundFailure, v16.ErrorPowerMeterFailure, v16.ErrorOverVoltage, v16.ErrorUnderVoltage, v16.ErrorOverCurrentFailure,
		v16.ErrorPowerSwitchFailure, v16.ErrorHighTemperature, v16.ErrorEVCommunicationError, v16.ErrorConnectorLockFailure,
	}
}

// end has all drivers leave, mends what is broken, and lets nothing more happen.
func (l *life) end(s *Station) {
	l.over = true
	for _, c := range s.connectors {
		s.repair(c)
	}
	if !s.network || !s.powered {
		s.restore()
	}
	for _, c := range s.connectors[1:] {
		if c.car != nil {
			s.unplug(c)
		}
		if tx := c.tx; tx != nil { // a station may be configured to go on
			s.stop(c, v16.ReasonLocal, tx.tag)
		}
		c.claim = nil
	}
}
