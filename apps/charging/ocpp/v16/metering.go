package v16

import "time"

// MeterValue is what was measured at one moment (7.33).
type MeterValue struct {
	Timestamp    time.Time
	SampledValue []SampledValue
}

func (v *MeterValue) fields(f *fields) {
	f.date("timestamp", &v.Timestamp, required)
	list(f, "sampledValue", &v.SampledValue, required)
}

// SampledValue is one measured value (7.43). What is absent has a default: use the
// methods.
type SampledValue struct {
	// Value is a decimal number, or a signed block in hexadecimal digits.
	Value     string
	Context   ReadingContext
	Format    ValueFormat
	Measurand Measurand
	Phase     Phase
	Location  Location
	Unit      UnitOfMeasure
}

func (v *SampledValue) fields(f *fields) {
	f.text("value", &v.Value, required, unlimited)
	enum(f, "context", &v.Context, optional)
	enum(f, "format", &v.Format, optional)
	enum(f, "measurand", &v.Measurand, optional)
	enum(f, "phase", &v.Phase, optional)
	enum(f, "location", &v.Location, optional)
	enum(f, "unit", &v.Unit, optional)
	if !f.writing && v.Unit == UnitCelcius {
		v.Unit = UnitCelsius
	}
}

// ContextOrDefault returns the context, Sample.Periodic when it is absent.
func (v *SampledValue) ContextOrDefault() ReadingContext {
	return orDefault(v.Context, ContextSamplePeriodic)
}

// FormatOrDefault returns the format, Raw when it is absent.
func (v *SampledValue) FormatOrDefault() ValueFormat { return orDefault(v.Format, FormatRaw) }

// MeasurandOrDefault returns the measurand, the imported energy when it is absent.
func (v *SampledValue) MeasurandOrDefault() Measurand {
	return orDefault(v.Measurand, MeasurandEnergyActiveImportRegister)
}

// LocationOrDefault returns the location, Outlet when it is absent.
func (v *SampledValue) LocationOrDefault() Location { return orDefault(v.Location, LocationOutlet) }

// UnitOrDefault returns the unit: Wh when it is absent, and nothing of a measurand
// that is no energy (7.43).
func (v *SampledValue) UnitOrDefault() UnitOfMeasure {
	if v.Unit == "" && v.MeasurandOrDefault().energy() {
		return UnitWh
	}
	return v.Unit
}

func orDefault[T ~string](value, standard T) T {
	if value == "" {
		return standard
	}
	return value
}

// ReadingContext says why a value was taken (7.35).
type ReadingContext string

// The values of ReadingContext.
const (
	ContextInterruptionBegin ReadingContext = "Interruption.Begin"
	ContextInterruptionEnd   ReadingContext = "Interruption.End"
	ContextOther             ReadingContext = "Other"
	ContextSampleClock       ReadingContext = "Sample.Clock"
	ContextSamplePeriodic    ReadingContext = "Sample.Periodic"
	ContextTransactionBegin  ReadingContext = "Transaction.Begin"
	ContextTransactionEnd    ReadingContext = "Transaction.End"
	ContextTrigger           ReadingContext = "Trigger"
)

func (c ReadingContext) valid() bool {
	switch c {
	case ContextInterruptionBegin, ContextInterruptionEnd, ContextOther, ContextSampleClock, ContextSamplePeriodic,
		ContextTransactionBegin, ContextTransactionEnd, ContextTrigger:
		return true
	}
	return false
}

// ValueFormat says what a value is (7.49).
type ValueFormat string

// The values of ValueFormat.
const (
	FormatRaw        ValueFormat = "Raw"
	FormatSignedData ValueFormat = "SignedData"
)

func (v ValueFormat) valid() bool { return v == FormatRaw || v == FormatSignedData }

// Measurand is what was measured (7.31).
type Measurand string

// The values of Measurand. A frequency is in Hertz, which has no unit (7.31).
const (
	MeasurandCurrentExport                Measurand = "Current.Export"
	MeasurandCurrentImport                Measurand = "Current.Import"
	MeasurandCurrentOffered               Measurand = "Current.Offered"
	MeasurandEnergyActiveExportRegister   Measurand = "Energy.Active.Export.Register"
	MeasurandEnergyActiveImportRegister   Measurand = "Energy.Active.Import.Register"
	MeasurandEnergyReactiveExportRegister Measurand = "Energy.Reactive.Export.Register"
	MeasurandEnergyReactiveImportRegister Measurand = "Energy.Reactive.Import.Register"
	MeasurandEnergyActiveExportInterval   Measurand = "Energy.Active.Export.Interval"
	MeasurandEnergyActiveImportInterval   Measurand = "Energy.Active.Import.Interval"
	MeasurandEnergyReactiveExportInterval Measurand = "Energy.Reactive.Export.Interval"
	MeasurandEnergyReactiveImportInterval Measurand = "Energy.Reactive.Import.Interval"
	MeasurandFrequency                    Measurand = "Frequency"
	MeasurandPowerActiveExport            Measurand = "Power.Active.Export"
	MeasurandPowerActiveImport            Measurand = "Power.Active.Import"
	MeasurandPowerFactor                  Measurand = "Power.Factor"
	MeasurandPowerOffered                 Measurand = "Power.Offered"
	MeasurandPowerReactiveExport          Measurand = "Power.Reactive.Export"
	MeasurandPowerReactiveImport          Measurand = "Power.Reactive.Import"
	MeasurandRPM                          Measurand = "RPM"
	MeasurandSoC                          Measurand = "SoC"
	MeasurandTemperature                  Measurand = "Temperature"
	MeasurandVoltage                      Measurand = "Voltage"
)

func (m Measurand) valid() bool {
	switch m {
	case MeasurandCurrentExport, MeasurandCurrentImport, MeasurandCurrentOffered, MeasurandFrequency, MeasurandPowerActiveExport,
		MeasurandPowerActiveImport, MeasurandPowerFactor, MeasurandPowerOffered, MeasurandPowerReactiveExport,
		MeasurandPowerReactiveImport, MeasurandRPM, MeasurandSoC, MeasurandTemperature, MeasurandVoltage:
		return true
	}
	return m.energy()
}

func (m Measurand) energy() bool {
	switch m {
	case MeasurandEnergyActiveExportRegister, MeasurandEnergyActiveImportRegister, MeasurandEnergyReactiveExportRegister,
		MeasurandEnergyReactiveImportRegister, MeasurandEnergyActiveExportInterval, MeasurandEnergyActiveImportInterval,
		MeasurandEnergyReactiveExportInterval, MeasurandEnergyReactiveImportInterval:
		return true
	}
	return false
}

// Phase says between what was measured (7.34).
type Phase string

// The values of Phase.
const (
	PhaseL1   Phase = "L1"
	PhaseL2   Phase = "L2"
	PhaseL3   Phase = "L3"
	PhaseN    Phase = "N"
	PhaseL1N  Phase = "L1-N"
	PhaseL2N  Phase = "L2-N"
	PhaseL3N  Phase = "L3-N"
	PhaseL1L2 Phase = "L1-L2"
	PhaseL2L3 Phase = "L2-L3"
	PhaseL3L1 Phase = "L3-L1"
)

func (p Phase) valid() bool {
	switch p {
	case PhaseL1, PhaseL2, PhaseL3, PhaseN, PhaseL1N, PhaseL2N, PhaseL3N, PhaseL1L2, PhaseL2L3, PhaseL3L1:
		return true
	}
	return false
}

// Location says where was measured (7.30).
type Location string

// The values of Location.
const (
	LocationBody   Location = "Body"
	LocationCable  Location = "Cable"
	LocationEV     Location = "EV"
	LocationInlet  Location = "Inlet"
	LocationOutlet Location = "Outlet"
)

func (l Location) valid() bool {
	switch l {
	case LocationBody, LocationCable, LocationEV, LocationInlet, LocationOutlet:
		return true
	}
	return false
}

// UnitOfMeasure is the unit of a value (7.45).
type UnitOfMeasure string

// The values of UnitOfMeasure. Celcius is the misspelling of the first schemas, which
// stations send (J errata 2.1); it is read as Celsius.
const (
	UnitWh         UnitOfMeasure = "Wh"
	UnitKWh        UnitOfMeasure = "kWh"
	UnitVarh       UnitOfMeasure = "varh"
	UnitKvarh      UnitOfMeasure = "kvarh"
	UnitW          UnitOfMeasure = "W"
	UnitKW         UnitOfMeasure = "kW"
	UnitVA         UnitOfMeasure = "VA"
	UnitKVA        UnitOfMeasure = "kVA"
	UnitVar        UnitOfMeasure = "var"
	UnitKvar       UnitOfMeasure = "kvar"
	UnitA          UnitOfMeasure = "A"
	UnitV          UnitOfMeasure = "V"
	UnitCelsius    UnitOfMeasure = "Celsius"
	UnitCelcius    UnitOfMeasure = "Celcius"
	UnitFahrenheit UnitOfMeasure = "Fahrenheit"
	UnitK          UnitOfMeasure = "K"
	UnitPercent    UnitOfMeasure = "Percent"
)

func (u UnitOfMeasure) valid() bool {
	switch u {
	case UnitWh, UnitKWh, UnitVarh, UnitKvarh, UnitW, UnitKW, UnitVA, UnitKVA, UnitVar, UnitKvar, UnitA, UnitV, UnitCelsius,
		UnitCelcius, UnitFahrenheit, UnitK, UnitPercent:
		return true
	}
	return false
}
