package simulate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// setting is a configuration key (9, security 2.3).
type setting struct {
	key      string
	value    string // by default
	kind     kind
	reboot   bool // a new value counts from the next start on
	readonly bool
}

type kind int

const (
	text kind = iota
	number
	boolean
	measurands // a list of those that the meters know
	secret     // can only be written
)

// settings are the keys that every station has. A list as a literal would be a global
// that somebody could write.
func settings() []setting {
	return []setting{
		{key: "AllowOfflineTxForUnknownId", value: "false", kind: boolean},
		{key: "AuthorizationCacheEnabled", value: "true", kind: boolean},
		{key: v16.KeyAuthorizationKey, kind: secret},
		{key: "AuthorizeRemoteTxRequests", value: "false", kind: boolean},
		{key: "ClockAlignedDataInterval", value: "0", kind: number, readonly: true},
		{key: "ConnectionTimeOut", value: "60", kind: number},
		{key: "ConnectorPhaseRotation", value: "NotApplicable"},
		{key: "GetConfigurationMaxKeys", value: "64", kind: number, readonly: true},
		{key: "HeartbeatInterval", value: "300", kind: number},
		{key: "LightIntensity", value: "80", kind: number},
		{key: "LocalAuthListEnabled", value: "true", kind: boolean},
		{key: "LocalAuthListMaxLength", value: "500", kind: number, readonly: true},
		{key: "LocalAuthorizeOffline", value: "true", kind: boolean},
		{key: "LocalPreAuthorize", value: "false", kind: boolean},
		{key: "MeterValueSampleInterval", value: "60", kind: number},
		{key: "MeterValuesSampledData", kind: measurands,
			value: "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered,Voltage,SoC"},
		{key: "MinimumStatusDuration", value: "0", kind: number, readonly: true},
		{key: "NumberOfConnectors", kind: number, readonly: true},
		{key: "ReserveConnectorZeroSupported", value: "true", kind: boolean, readonly: true},
		{key: "ResetRetries", value: "1", kind: number},
		{key: "SendLocalListMaxLength", value: "100", kind: number, readonly: true},
		{key: "StopTransactionOnEVSideDisconnect", value: "true", kind: boolean},
		{key: "StopTransactionOnInvalidId", value: "true", kind: boolean},
		{key: "StopTxnSampledData", kind: measurands},
		{key: "SupportedFeatureProfiles", readonly: true},
		{key: "TransactionMessageAttempts", value: "3", kind: number},
		{key: "TransactionMessageRetryInterval", value: "20", kind: number},
		{key: "UnlockConnectorOnEVSideDisconnect", value: "true", kind: boolean},
		{key: "WebSocketPingInterval", value: "0", kind: number, reboot: true},
		{key: "ChargeProfileMaxStackLevel", value: "10", kind: number, readonly: true},
		{key: "ChargingScheduleAllowedChargingRateUnit", value: "Current,Power", readonly: true},
		{key: "ChargingScheduleMaxPeriods", value: "24", kind: number, readonly: true},
		{key: "MaxChargingProfilesInstalled", value: "20", kind: number, readonly: true},
	}
}

func find(key string) (setting, bool) {
	for _, d := range settings() {
		if strings.EqualFold(d.key, key) { // keys are the same whatever the case (7.29)
			return d, true
		}
	}
	return setting{}, false
}

// value is that of a key.
func (s *Station) value(key string) string {
	if v, ok := s.settings[key]; ok {
		return v
	}
	switch key {
	case "NumberOfConnectors":
		return strconv.Itoa(len(s.connectors) - 1)
	case "SupportedFeatureProfiles":
		return s.featureProfiles()
	}
	d, _ := find(key)
	return d.value
}

func (s *Station) featureProfiles() string {
	m := s.o.Model
	profiles := []string{"Core", "FirmwareManagement", "RemoteTrigger"}
	for name, has := range map[string]bool{"LocalAuthListManagement": m.LocalList, "Reservation": m.Reservations, "SmartCharging": m.SmartCharging} {
		if has {
			profiles = append(profiles, name)
		}
	}
	slices.Sort(profiles)
	return strings.Join(profiles, ",")
}

func (s *Station) number(key string) int {
	n, _ := strconv.Atoi(s.value(key)) // it was checked when it was set
	return n
}

func (s *Station) flag(key string) bool { return strings.EqualFold(s.value(key), "true") }

// accepts says whether a key can have a value.
func (s *Station) accepts(d setting, value string) bool {
	switch d.kind {
	case number:
		n, err := strconv.Atoi(value)
		return err == nil && n >= 0 && n <= 1_000_000 && (d.key != "LightIntensity" || n <= 100) && (d.key != "TransactionMessageAttempts" || n > 0)
	case boolean:
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case measurands:
		known := s.measurands()
		for name := range strings.SplitSeq(value, ",") {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(known, v16.Measurand(name)) && name != string(v16.MeasurandSoC) {
				return false
			}
		}
	case secret:
		_, err := ocpp.ParseKey(value)
		return err == nil
	}
	return true
}

func (s *Station) changeConfiguration(q *v16.ChangeConfigurationReq) v16.ConfigurationStatus {
	d, known := find(q.Key)
	switch {
	case !known:
		return v16.ConfigurationNotSupported
	case d.readonly || !s.accepts(d, q.Value):
		return v16.ConfigurationRejected
	case d.kind == secret:
		s.password = q.Value
		s.agenda.after(commandTime, s.surroundings) // it connects again, with the new one
		return v16.ConfigurationAccepted
	}
	s.settings[d.key] = q.Value
	if d.key == "HeartbeatInterval" {
		s.setHeartbeat(s.number(d.key))
	}
	if d.reboot {
		return v16.ConfigurationRebootRequired
	}
	return v16.ConfigurationAccepted
}

func (s *Station) getConfiguration(q *v16.GetConfigurationReq) *v16.GetConfigurationConf {
	conf := &v16.GetConfigurationConf{}
	keys := q.Key
	if len(keys) == 0 {
		for _, d := range settings() {
			keys = append(keys, d.key)
		}
	}
	for _, key := range keys {
		d, known := find(key)
		if !known {
			conf.UnknownKey = append(conf.UnknownKey, key)
			continue
		}
		entry := v16.KeyValue{Key: d.key, Readonly: d.readonly}
		if d.kind != secret {
			v := s.value(d.key)
			entry.Value = &v
		}
		conf.ConfigurationKey = append(conf.ConfigurationKey, entry)
	}
	return conf
}
