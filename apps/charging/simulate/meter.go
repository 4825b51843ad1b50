package simulate

import (
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// meter counts the energy since it was called last, and finds the power of now. It is
// called before and after everything that changes the power, with the lock.
func (s *Station) meter(c *connector) {
	from := c.meteredAt
	c.meteredAt = time.Now()
	if !s.charges(c) {
		c.power, c.limited = 0, false
		return
	}
	// Cars change slowly: half a minute of theirs is a step.
	const step, most = 30 * time.Second, 200
	passed := time.Duration(float64(c.meteredAt.Sub(from)) * s.o.Speed)
	size := max(step, passed/most)
	for done := time.Duration(0); done < passed; done += size {
		part := min(size, passed-done)
		power := c.car.takes(c.plug, s.limit(c, from.Add(s.pace(done))))
		energy := power * part.Hours()
		c.register += energy
		c.car.charge(c.plug, energy)
	}
	c.power = c.car.takes(c.plug, s.limit(c, c.meteredAt))
	c.limited = c.power == 0 && c.car.wants(c.plug) > 0
}

func (s *Station) charges(c *connector) bool {
	return c.tx != nil && !c.tx.refused && c.car != nil && s.powered && !c.interrupted && c.fault == "" && s.connectors[0].fault == ""
}

// sampleAfter has the next sample of a transaction taken, and those after it.
func (s *Station) sampleAfter(tx *transaction) {
	interval := time.Duration(s.number("MeterValueSampleInterval")) * time.Second
	sends := interval > 0
	if !sends {
		interval = time.Minute // to see how the car does
	}
	tx.sample = s.agenda.after(max(time.Second, s.pace(interval)), func() {
		c := tx.connector
		if c.tx != tx {
			return
		}
		s.meter(c)
		if sends && s.powered && !c.interrupted {
			s.tellSample(c, v16.ContextSamplePeriodic)
		}
		s.sampleAfter(tx)
	})
}

// tellSample sends meter values, those of a transaction if there is one.
func (s *Station) tellSample(c *connector, context v16.ReadingContext) {
	v := s.measure(c, context, "MeterValuesSampledData")
	if len(v.SampledValue) == 0 {
		return
	}
	request := &v16.MeterValuesReq{ConnectorID: c.id, MeterValue: []v16.MeterValue{v}}
	if c.tx != nil {
		s.record(c.tx, request, nil)
		return
	}
	s.send(request, nil)
}

// measure takes the values that a configuration key lists.
func (s *Station) measure(c *connector, context v16.ReadingContext, key string) v16.MeterValue {
	s.meter(c)
	v := v16.MeterValue{Timestamp: s.now()}
	for name := range strings.SplitSeq(s.value(key), ",") {
		for _, sample := range s.sampled(c, v16.Measurand(strings.TrimSpace(name))) {
			sample.Context, sample.Measurand = context, v16.Measurand(strings.TrimSpace(name))
			v.SampledValue = append(v.SampledValue, sample)
		}
	}
	return v
}

// measurands are those that the meters know.
func (s *Station) measurands() []v16.Measurand {
	known := []v16.Measurand{
		v16.MeasurandEnergyActiveImportRegister, v16.MeasurandPowerActiveImport, v16.MeasurandPowerOffered,
		v16.MeasurandCurrentImport, v16.MeasurandCurrentOffered, v16.MeasurandVoltage,
	}
	for _, c := range s.connectors[1:] {
		if c.plug.dc() {
			return append(known, v16.MeasurandSoC)
		}
	}
	return known
}

func (s *Station) sampled(c *connector, measurand v16.Measurand) []v16.SampledValue {
	one := func(x float64, digits int, unit v16.UnitOfMeasure) []v16.SampledValue {
		return []v16.SampledValue{{Value: strconv.FormatFloat(x, 'f', digits, 64), Unit: unit}}
	}
	if c.id == 0 { // the main meter counts all
		if measurand != v16.MeasurandEnergyActiveImportRegister {
			return nil
		}
		sum := 0
		for _, c := range s.connectors[1:] {
			s.meter(c)
			sum += int(c.register)
		}
		return one(float64(sum), 0, v16.UnitWh)
	}
	offered := 0.0
	if s.charges(c) {
		offered = s.limit(c, c.meteredAt)
	}
	switch measurand {
	case v16.MeasurandEnergyActiveImportRegister:
		return one(float64(int(c.register)), 0, v16.UnitWh)
	case v16.MeasurandPowerActiveImport:
		return one(c.power, 1, v16.UnitW)
	case v16.MeasurandPowerOffered:
		return one(offered, 1, v16.UnitW)
	case v16.MeasurandSoC:
		if c.car == nil || !c.plug.dc() {
			return nil // only a DC station is told by the car
		}
		return one(c.car.SoC, 0, v16.UnitPercent)
	case v16.MeasurandCurrentOffered:
		if c.plug.dc() {
			return one(offered/batteryVolts(c.car), 1, v16.UnitA)
		}
		return one(offered/volts/float64(c.plug.phases()), 1, v16.UnitA)
	case v16.MeasurandVoltage, v16.MeasurandCurrentImport:
		return s.electric(c, measurand)
	}
	return nil
}

// electric are voltage or current: of each phase, or of the battery.
func (s *Station) electric(c *connector, measurand v16.Measurand) []v16.SampledValue {
	unit := v16.UnitV
	if measurand == v16.MeasurandCurrentImport {
		unit = v16.UnitA
	}
	if c.plug.dc() {
		x := batteryVolts(c.car)
		if measurand == v16.MeasurandCurrentImport {
			x = c.power / x
		}
		return []v16.SampledValue{{Value: strconv.FormatFloat(x, 'f', 1, 64), Unit: unit}}
	}
	var values []v16.SampledValue
	for i := range c.plug.phases() {
		x, phase := volts+float64(s.random.IntN(50)-25)/10, []v16.Phase{v16.PhaseL1N, v16.PhaseL2N, v16.PhaseL3N}[i]
		if measurand == v16.MeasurandCurrentImport {
			x, phase = 0, []v16.Phase{v16.PhaseL1, v16.PhaseL2, v16.PhaseL3}[i]
			if c.car != nil && i < c.car.phasesAt(c.plug) {
				x = c.power / volts / float64(c.car.phasesAt(c.plug))
			}
		}
		values = append(values, v16.SampledValue{Value: strconv.FormatFloat(x, 'f', 1, 64), Phase: phase, Unit: unit})
	}
	return values
}

// batteryVolts rises as the battery fills.
func batteryVolts(v *Car) float64 {
	if v == nil {
		return 400
	}
	return 350 + v.SoC/2
}
