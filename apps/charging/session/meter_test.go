package session_test

import (
	"testing"

	"github.com/aether-es/aether/apps/charging/session"
)

func TestNormalise(t *testing.T) {
	type raw = session.Raw
	type sample = session.Sample
	for _, test := range []struct {
		raw  raw
		want sample
	}{
		{raw{Value: "1234"}, sample{Measurand: session.EnergyRegister, Value: 1234, Unit: "Wh"}},
		{raw{Value: " 1.2345678 ", Unit: "kWh"}, sample{Measurand: session.EnergyRegister, Value: 1234.568, Unit: "Wh"}},
		{raw{Value: "11.04", Measurand: session.Power, Unit: "kW", Phase: "L1"}, sample{Measurand: session.Power, Value: 11040, Unit: "W", Phase: "L1"}},
		{raw{Value: "16", Measurand: session.Current, Phase: "L2"}, sample{Measurand: session.Current, Value: 16, Unit: "A", Phase: "L2"}},
		{raw{Value: "32", Measurand: session.CurrentOffered, Unit: "A"}, sample{Measurand: session.CurrentOffered, Value: 32, Unit: "A"}},
		{raw{Value: "55", Measurand: session.StateOfCharge, Location: "EV"}, sample{Measurand: session.StateOfCharge, Value: 55, Unit: "Percent", Location: "EV"}},
		{raw{Value: "20", Measurand: "Temperature", Unit: "Celcius"}, sample{Measurand: "Temperature", Value: 20, Unit: "Celsius"}},
		{raw{Value: "212", Measurand: "Temperature", Unit: "Fahrenheit"}, sample{Measurand: "Temperature", Value: 100, Unit: "Celsius"}},
		{raw{Value: "273.15", Measurand: "Temperature", Unit: "K"}, sample{Measurand: "Temperature", Unit: "Celsius"}},
		{raw{Value: "-0", Measurand: "Voltage"}, sample{Measurand: "Voltage", Unit: "V"}},
		{raw{Value: "50", Measurand: "Frequency"}, sample{Measurand: "Frequency", Value: 50, Unit: "Hz"}},
		{raw{Value: "900", Measurand: "RPM"}, sample{Measurand: "RPM", Value: 900, Unit: "1/min"}},
		{raw{Value: "0.95", Measurand: "Power.Factor"}, sample{Measurand: "Power.Factor", Value: 0.95}},
		{raw{Value: "2", Measurand: "Power.Reactive.Import", Unit: "kvar"}, sample{Measurand: "Power.Reactive.Import", Value: 2000, Unit: "var"}},
		{raw{Value: "3", Measurand: "Power.Reactive.Import"}, sample{Measurand: "Power.Reactive.Import", Value: 3, Unit: "var"}},
		{raw{Value: "3", Measurand: "Energy.Reactive.Import.Register"}, sample{Measurand: "Energy.Reactive.Import.Register", Value: 3, Unit: "varh"}},
		{raw{Value: "1", Context: "Sample.Periodic", Location: "Outlet"}, sample{Measurand: session.EnergyRegister, Value: 1, Unit: "Wh"}},
		{raw{Value: "1", Context: "Transaction.End"}, sample{Measurand: session.EnergyRegister, Value: 1, Unit: "Wh", Context: "Transaction.End"}},
		{raw{Value: "a1b2", Format: "SignedData"}, sample{Measurand: session.EnergyRegister, Signed: "a1b2"}},
	} {
		if got, ok := session.Normalise(test.raw); !ok || got != test.want {
			t.Errorf("%+v becomes %+v, %t\nwant %+v", test.raw, got, ok, test.want)
		}
	}
	for _, value := range []string{"", "NaN", "Inf", "0x10", "12,5", "1e400", "1e15", "--", "12 kWh"} {
		if got, ok := session.Normalise(session.Raw{Value: value}); ok {
			t.Errorf("%q becomes %+v", value, got)
		}
	}
}

func TestUnreadableValuesAreCounted(t *testing.T) {
	reading := at(now, 600)
	reading.Samples = append(reading.Samples, session.Raw{Value: "broken"})
	e := recorded(now, nil, read(now, 600))
	e.Unreadable = 1
	record := session.Record{Readings: []session.RawReading{reading}, At: now}
	given(t, started()).When(record).Then(e).When(record).Then()
}
