package station

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/internal/heard"
)

// text cuts what a station has sent to what is kept.
func text(s string) string { return heard.Text(s, MaxText) }

func (s *Station) register(m Register) ([]Event, error) {
	switch {
	case s.Registered:
		return nil, aether.Refuse(StationExists, "the station is there already")
	case m.Connectors < 0 || m.Connectors > MaxConnectors:
		return nil, aether.Refuse(BadStation, "a station has 1 to %d connectors, or 0 where that is not known; these are %d", MaxConnectors, m.Connectors)
	case m.First < 1 || m.First > 1<<30:
		return nil, aether.Refuse(BadStation, "the ID of the first transaction is from 1 to %d; this is %d", 1<<30, m.First)
	case !m.Admission.valid():
		return nil, badAdmission(m.Admission)
	}
	return []Event{StationRegistered(m)}, nil
}

func (a Admission) valid() bool { return a == Accepted || a == Pending || a == Rejected }

func badAdmission(a Admission) error {
	return aether.Refuse(BadAdmission, "a station is %q, %q or %q; this is %q", Accepted, Pending, Rejected, a)
}

func (s *Station) admit(m Admit) ([]Event, error) {
	switch {
	case !m.Admission.valid():
		return nil, badAdmission(m.Admission)
	case m.Admission == s.Admission:
		return nil, nil
	}
	return []Event{AdmissionChanged(m)}, nil
}

func (s *Station) boot(m Boot) []Event {
	admission := cmp.Or(s.Admission, Rejected)
	for _, field := range []*string{&m.Vendor, &m.Model, &m.Serial, &m.ChargeBoxSerial, &m.About.Firmware, &m.ICCID, &m.IMSI, &m.MeterType, &m.MeterSerial} {
		*field = text(*field)
	}
	m.MessageID = text(m.MessageID)
	asBefore := m.About == s.About && admission == s.Boot && m.Epoch == s.BootEpoch
	proofs := s.provenByBoot(m.At)
	switch {
	case asBefore && m.MessageID == s.BootMessage:
		return nil
	case asBefore && admission != Accepted:
		// It asks again, which is no boot: one that boots connects again. But it is the
		// message that was triggered.
		if proofs = s.provenByTrigger(m.At); proofs == nil {
			return nil
		}
	}
	return append([]Event{StationBooted{m.About, admission, m.Interval, m.Epoch, m.MessageID, m.At}}, proofs...)
}

func (s *Station) connected(m Connected) []Event {
	if m.Epoch <= s.ClosedEpoch || m.Epoch < s.Epoch || m.Epoch == s.Epoch && s.Online {
		return nil // an older one, or one whose end was told before
	}
	return []Event{StationCameOnline{m.Epoch, text(m.Remote), m.At}}
}

// disconnected marks the station offline, unless a newer connection is there. The end of
// one that nobody has told of is noted too, so that its beginning, told late, is not taken
// for the news.
func (s *Station) disconnected(m Disconnected) []Event {
	reason := Closed
	if m.Reason == Silent {
		reason = Silent
	}
	over := !s.Online && (reason == Silent || m.Epoch <= s.ClosedEpoch)
	if m.Epoch < s.Epoch || over {
		return nil
	}
	return []Event{StationWentOffline{m.Epoch, reason, m.Heard.UTC(), m.At}}
}

func (s *Station) reported(m Status) []Event {
	for _, field := range []*string{&m.Status, &m.ErrorCode, &m.Info, &m.VendorID, &m.VendorErrorCode} {
		*field = text(*field)
	}
	m.ErrorCode = cmp.Or(m.ErrorCode, NoError)
	if m.Connector < 0 || m.Connector > MaxConnectors {
		return nil
	}
	var events []Event
	before := Connector{}
	if c := s.Connectors[m.Connector]; c != nil {
		before = *c
	}
	if before.Condition != m.Condition || s.awaited(m, before.Reported) {
		events = append(events, ConnectorStatusChanged{m.Connector, m.Condition, before.Status, heard.Time(m.Timestamp), m.At})
	}
	was, is := before.Status == Faulted, m.Condition.Status == Faulted
	if is && (!was || before.ErrorCode != m.ErrorCode || before.VendorErrorCode != m.VendorErrorCode) {
		events = append(events, ConnectorFaulted{m.Connector, m.ErrorCode, PowerFault(m.ErrorCode), m.Info, m.VendorErrorCode, m.At})
	}
	if was && !is {
		events = append(events, ConnectorRecovered{m.Connector, before.ErrorCode, PowerFault(before.ErrorCode), before.Broken, m.At})
	}
	return append(events, s.provenByStatus(m)...)
}

func (s *Station) firmware(m Firmware) []Event {
	m.Status = text(m.Status)
	var events []Event
	if m.Status != s.Firmware {
		events = append(events, FirmwareStatusChanged(m))
	}
	return append(events, s.provenByWork(ofFirmware, m.Status, m.At)...)
}

func (s *Station) diagnostics(m Diagnostics) []Event {
	m.Status = text(m.Status)
	var events []Event
	if m.Status != s.Diagnostics {
		events = append(events, DiagnosticsStatusChanged(m))
	}
	return append(events, s.provenByWork(ofUpload, m.Status, m.At)...)
}

func (s *Station) security(m Security) []Event {
	e := SecurityEventReported{text(m.Type), text(m.Info), heard.Time(m.Timestamp), m.At}
	if securityKey(e.Type, e.Info, e.StationTime) == s.Security {
		return nil // told again
	}
	return []Event{e}
}

func securityKey(kind, info string, at time.Time) string {
	return kind + " " + at.Format(time.RFC3339Nano) + " " + info
}

// secretKey says whether a configuration key is one whose value nobody may read.
func secretKey(key string) bool { return strings.EqualFold(key, "AuthorizationKey") }

// configuration notes what is new about the keys. A value that must stay secret is not
// kept, although a station has sent it.
func (s *Station) configuration(m Configured) []Event {
	e := ConfigurationReported{At: m.At}
	seen := map[string]bool{}
	news := false
	for _, setting := range m.Settings {
		setting.Key = text(setting.Key)
		if seen[setting.Key] {
			continue
		}
		seen[setting.Key] = true
		if setting.Value != nil {
			value := text(*setting.Value)
			setting.Value = &value
			if secretKey(setting.Key) {
				setting.Value = nil
			}
		}
		known, ok := s.Configuration[setting.Key]
		if len(e.Settings) == MaxKeys || !ok && len(s.Configuration)+len(e.Settings) >= 2*MaxKeys {
			e.Dropped++
			continue
		}
		news = news || !ok || !known.same(setting)
		e.Settings = append(e.Settings, setting)
	}
	for _, key := range m.Unknown[:min(len(m.Unknown), MaxKeys)] {
		e.Unknown = append(e.Unknown, text(key))
	}
	if !news && len(e.Unknown) == 0 && e.Dropped == 0 {
		return nil
	}
	slices.SortFunc(e.Settings, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	return []Event{e}
}

func (s Setting) same(other Setting) bool {
	value := s.Value == other.Value || s.Value != nil && other.Value != nil && *s.Value == *other.Value
	return value && s.Key == other.Key && s.Readonly == other.Readonly
}
