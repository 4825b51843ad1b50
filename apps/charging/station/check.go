package station

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/internal/heard"
)

// LastSeen are the facts of a refusal because the station is offline.
type LastSeen struct {
	Since time.Time `json:"since,omitzero"`
}

// request decides whether the station is asked. An intent for a station that is offline is
// refused and not kept for later: what moves hours later, when nobody expects it, is worse
// than what must be asked again.
func (s *Station) request(m Request) ([]Event, error) {
	if !validText(m.ID, MaxID) {
		return nil, aether.Refuse(BadCommand, "a command's ID has 1 to %d bytes of printable text", MaxID)
	}
	m.Expires = heard.Time(m.Expires)
	if known := s.Command(m.ID); known != nil {
		if known.Order != m.Order {
			return nil, aether.Refuse(CommandExists, "the command %s is there already, with another order", m.ID)
		}
		return nil, nil
	}
	data, err := compact(m.Data)
	if err != nil {
		return nil, err
	}
	m.Data = data
	if err := s.checkForm(m); err != nil {
		return nil, err
	}
	if err := s.reachable(m.Order); err != nil {
		return nil, err
	}
	if err := s.check(m); err != nil {
		return nil, err
	}
	return []Event{CommandRequested{ID: m.ID, Order: m.Order, Data: m.Data, By: text(m.By), SendBy: m.At.Add(Sending), At: m.At}}, nil
}

func compact(data json.RawMessage) (json.RawMessage, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) > MaxData {
		return nil, aether.Refuse(BadCommand, "the data has %d bytes; at most %d are sent", len(data), MaxData)
	}
	var to bytes.Buffer
	if err := json.Compact(&to, data); err != nil {
		return nil, aether.Refuse(BadCommand, "the data is no JSON: %v", err)
	}
	return to.Bytes(), nil
}

func validText(text string, longest int) bool {
	return text != "" && len(text) <= longest && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkForm refuses what is no order at all.
func (s *Station) checkForm(m Request) error {
	for _, field := range [][2]string{{"account", m.Account}, {"type", m.Type}, {"key", m.Key}, {"value", m.Value}} {
		if len(field[1]) > MaxText || !utf8.ValidString(field[1]) {
			return aether.Refuse(BadCommand, "%s has at most %d bytes of text", field[0], MaxText)
		}
	}
	if m.Connector < 0 {
		return aether.Refuse(NoConnector, "a connector has the number 1 or more, and 0 is the station; this is %d", m.Connector)
	}
	needed := ""
	switch m.Action {
	case RemoteStart, RemoteStop, UnlockConnector, ReserveNow, CancelReservation, ClearCache, GetConfiguration,
		GetLocalListVersion, ClearProfile, GetSchedule:
	case Reset:
		needed = Hard + " " + Soft
	case ChangeAvailability:
		needed = Inoperative + " " + Operative
	case TriggerMessage, ExtendedTrigger:
		if !validText(m.Type, 50) {
			return aether.Refuse(BadCommand, "say which message is to be triggered")
		}
	case ChangeConfiguration:
		if !validText(m.Key, 50) {
			return aether.Refuse(BadCommand, "a configuration key has 1 to 50 bytes of printable text")
		}
		if secretKey(m.Key) && m.Value != "" {
			return aether.Refuse(SecretValue, "the value of %s is a secret, which is in no event: leave it out of the order", m.Key)
		}
	case SendLocalList:
		if m.Version < 1 {
			return aether.Refuse(BadVersion, "the version of a local list is 1 or more; this is %d", m.Version)
		}
	case SetChargingProfile, UpdateFirmware, SignedFirmware, GetDiagnostics, GetLog, DataTransfer, InstallCertificate,
		DeleteCertificate, GetCertificates, CertificateSigned:
		if m.Data == nil {
			return aether.Refuse(BadCommand, "%s needs its data", m.Action)
		}
	default:
		return aether.Refuse(BadCommand, "a station knows no %q", m.Action)
	}
	if a, b, _ := strings.Cut(needed, " "); needed != "" && m.Type != a && m.Type != b {
		return aether.Refuse(BadCommand, "the type of %s is %s or %s; this is %q", m.Action, a, b, m.Type)
	}
	return nil
}

// reachable refuses what the station could not be asked now.
func (s *Station) reachable(o Order) error {
	if !s.Online {
		return &aether.Refusal{Reason: IsOffline, Facts: LastSeen{s.Since}, Message: "the station is offline; ask again when it is back"}
	}
	switch s.Boot {
	case Accepted:
	case Pending:
		if o.Action == RemoteStart || o.Action == RemoteStop {
			return aether.Refuse(NotAccepted, "the station's boot is pending: it may be configured, but nothing is started or stopped")
		}
	default:
		if o.Action != TriggerMessage {
			return aether.Refuse(NotAccepted, "the station's boot was not accepted (%s): only a message can be triggered, as BootNotification",
				cmp.Or(s.Boot, "it has not booted here"))
		}
	}
	open := 0
	for _, c := range s.Commands {
		if c.Open() && c.State != IsAccepted { // what the station has promised may wait for a reset
			open++
		}
	}
	if open >= MaxOpen {
		return aether.Refuse(TooMany, "%d commands of the station are open; wait for them, or settle those in doubt", open)
	}
	return nil
}

// check applies the rules of an action.
func (s *Station) check(m Request) error {
	switch m.Action {
	case RemoteStart:
		return s.checkStart(m)
	case RemoteStop:
		return s.checkStop(m.Order)
	case UnlockConnector:
		if !s.has(m.Connector) {
			return s.noConnector(m.Connector)
		}
		return s.notPending(m.Order, func(c *Command) bool { return c.Connector == m.Connector })
	case ReserveNow:
		return s.checkReserve(m)
	case CancelReservation:
		if s.reservation(m.Reservation) < 0 {
			return aether.Refuse(NoReservation, "the station has no reservation %d", m.Reservation)
		}
		return s.notPending(m.Order, func(c *Command) bool { return c.Reservation == m.Reservation })
	case Reset:
		return s.notPending(m.Order, func(*Command) bool { return true })
	case ChangeAvailability:
		if m.Connector > 0 && !s.has(m.Connector) {
			return s.noConnector(m.Connector)
		}
		return s.notPending(m.Order, func(c *Command) bool { return c.Connector == m.Connector && c.Type == m.Type })
	case SetChargingProfile:
		return s.checkProfile(m, false)
	case UpdateFirmware, SignedFirmware, GetDiagnostics, GetLog:
		return s.notPending(m.Order, func(*Command) bool { return true })
	}
	return nil
}

func (s *Station) noConnector(connector int) error {
	return aether.Refuse(NoConnector, "the station has no connector %d", connector)
}

// Other are the facts of a refusal because of another command.
type Other struct {
	Command string `json:"command"`
	State   State  `json:"state"`
}

// notPending refuses a second command of an action while one that collides is open.
func (s *Station) notPending(o Order, collides func(*Command) bool) error {
	for _, c := range s.Commands {
		if c.Action != o.Action || !c.Open() || !collides(c) {
			continue
		}
		message := fmt.Sprintf("%s was asked for already (%s)", o.Action, c.State)
		if c.Unknown() {
			message += ": settle that first"
		}
		return &aether.Refusal{Reason: AlreadyPending, Facts: Other{c.ID, c.State}, Message: message}
	}
	return nil
}

func (s *Station) checkStop(o Order) error {
	switch t := s.Transaction(o.Transaction); {
	case t == nil:
		return aether.Refuse(NoTransaction, "the station has no transaction %d, or it ended long ago", o.Transaction)
	case t.Ended:
		return aether.Refuse(NotRunning, "transaction %d has ended", o.Transaction)
	}
	return s.notPending(o, func(c *Command) bool { return c.Transaction == o.Transaction })
}

// checkProfile refuses a profile of a transaction that has none, or in a remote start one
// that has (OCPP 1.6, 5.16).
func (s *Station) checkProfile(m Request, starting bool) error {
	var profile struct {
		Purpose     string `json:"chargingProfilePurpose"`
		Transaction *int   `json:"transactionId"`
	}
	if err := json.Unmarshal(m.Data, &profile); err != nil {
		return aether.Refuse(BadProfile, "the data is no charging profile: %v", err)
	}
	const ofTransaction = "TxProfile"
	switch {
	case starting && profile.Purpose != ofTransaction:
		return aether.Refuse(BadProfile, "the profile of a remote start is a TxProfile; this is %q", profile.Purpose)
	case starting && profile.Transaction != nil:
		return aether.Refuse(BadProfile, "the profile of a remote start has no transaction ID: there is none yet")
	case starting || profile.Purpose != ofTransaction:
		return nil
	case profile.Transaction == nil:
		return aether.Refuse(BadProfile, "a TxProfile needs the ID of its transaction")
	}
	t := s.Transaction(*profile.Transaction)
	if t == nil || t.Ended {
		return aether.Refuse(NotRunning, "transaction %d does not run", *profile.Transaction)
	}
	if t.Connector != m.Connector {
		return aether.Refuse(BadProfile, "transaction %d is on connector %d, not on %d", t.ID, t.Connector, m.Connector)
	}
	return nil
}
