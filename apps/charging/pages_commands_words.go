package charging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/web"
)

// What operators read about commands.

// asks says what a station is asked, in words.
func (c *CommandDocument) asks() string {
	on, it := "", "the station"
	if c.Connector > 0 {
		it = fmt.Sprintf("connector\u00a0%d", c.Connector)
		on = " on " + it
	}
	switch c.Action {
	case station.RemoteStart:
		text := "Start a session" + on
		if c.Account != "" {
			text += ", for " + c.Account
		}
		return text
	case station.RemoteStop:
		return fmt.Sprintf("Stop session %d", c.Transaction)
	case station.UnlockConnector:
		return "Unlock " + it
	case station.ReserveNow:
		if c.Connector == 0 {
			it = "any connector"
		}
		return fmt.Sprintf("Reserve %s for %s, until %s UTC", it, c.IDTag, c.Expires.UTC().Format("2006-01-02 15:04"))
	case station.CancelReservation:
		return fmt.Sprintf("Cancel reservation %d", c.Reservation)
	case station.Reset:
		return "Restart, " + strings.ToLower(c.Type)
	case station.ChangeAvailability:
		if c.Type == station.Inoperative {
			return "Take " + it + " out of service"
		}
		return "Bring " + it + " back into service"
	case station.ChangeConfiguration:
		if c.Value == "" {
			return "Change " + c.Key
		}
		return fmt.Sprintf("Change %s to %s", c.Key, c.Value)
	case station.GetConfiguration:
		return "Tell the configuration"
	case station.ClearCache:
		return "Clear the cache of id tags"
	case station.TriggerMessage, station.ExtendedTrigger:
		return "Send a " + c.Type + strings.Replace(on, " on ", " of ", 1)
	case station.SendLocalList:
		return fmt.Sprintf("Take the list of id tags, version %d", c.Version)
	case station.GetLocalListVersion:
		return "Tell the version of the list of id tags"
	case station.SetChargingProfile:
		return "Set a charging profile" + on
	case station.ClearProfile:
		return "Clear charging profiles"
	case station.GetSchedule:
		return "Tell what all charging profiles allow" + on
	case station.UpdateFirmware, station.SignedFirmware:
		return "Update the firmware"
	case station.GetDiagnostics:
		return "Upload diagnostics"
	case station.GetLog:
		return "Upload a log"
	}
	return c.Action
}

// stateBadge is how far a command is, in a word or two, and its kind.
func stateBadge(s station.State) (kind, text string) {
	switch s {
	case station.IsRequested:
		return "", "Requested"
	case station.IsSent:
		return "", "Sent"
	case station.IsAccepted:
		return "warn", "Accepted, not proven"
	case station.IsEffective:
		return "good", "Has happened"
	case station.IsRejected:
		return "bad", "Rejected"
	case station.IsNotSent:
		return "bad", "Not sent"
	case station.IsInDoubt:
		return "bad", "In doubt"
	case station.IsTimedOut:
		return "bad", "No answer, in doubt"
	case station.IsFailed:
		return "bad", "Has not happened"
	case station.IsExpired:
		return "bad", "Not seen to happen"
	}
	return "", string(s)
}

// stepTitle is what a step of a command is called, and stepAbout what it means.
func stepTitle(s station.State) string {
	switch s {
	case station.IsRequested:
		return "Requested"
	case station.IsSent:
		return "Sent"
	case station.IsAccepted:
		return "Accepted"
	case station.IsEffective:
		return "Effective"
	case station.IsRejected:
		return "Rejected"
	case station.IsNotSent:
		return "Not sent"
	case station.IsInDoubt:
		return "In doubt"
	case station.IsTimedOut:
		return "Timed out"
	case station.IsFailed:
		return "Failed"
	case station.IsExpired:
		return "Expired"
	}
	return string(s)
}

func (c *CommandDocument) stepAbout(s StepDocument) string {
	by, settled := strings.CutPrefix(s.Detail, "settled")
	by = strings.TrimPrefix(by, " by ")
	switch s.State {
	case station.IsRequested:
		return "It is saved. The station is asked one thing at a time."
	case station.IsSent:
		return "The station is being asked, once."
	case station.IsAccepted:
		return c.accepted()
	case station.IsEffective:
		if settled {
			return withDetail("An operator says that it happened", by)
		}
		return c.proven()
	case station.IsRejected:
		text := "The station says no"
		if c.Answer != "" {
			text += ": " + c.Answer
		}
		return withDetail(text, s.Detail)
	case station.IsNotSent:
		return "The station has not got it, for certain."
	case station.IsInDoubt:
		return "Nobody knows whether the station got it, so it is not sent again."
	case station.IsTimedOut:
		return "The station has not answered in time. Nobody knows whether it does it, so it is not sent again."
	case station.IsFailed:
		if settled {
			return withDetail("An operator says that it did not happen", by)
		}
		return withDetail("It did not happen", s.Detail)
	case station.IsExpired:
		return "The station had accepted it, and nothing that shows it came in time."
	}
	return web.Sentence(s.Detail)
}

// cause is why a command was not sent, or is in doubt, as the program has it; "" for nothing.
func (s StepDocument) cause() string {
	if s.State != station.IsNotSent && s.State != station.IsInDoubt {
		return ""
	}
	return web.Sentence(strings.NewReplacer("not done: ", "", "ocpp: ", "").Replace(s.Detail))
}

func withDetail(text, detail string) string {
	if detail != "" {
		text += " (" + detail + ")"
	}
	return web.Sentence(text)
}

// accepted says what the station has promised.
func (c *CommandDocument) accepted() string {
	switch {
	case c.Answer == rebootRequired:
		return "The station has taken it. It counts from its next restart on."
	case c.Answer == "Scheduled":
		return "The station will do it when the session has ended."
	case c.Proof == "answer" && c.State == station.IsEffective:
		return "The station says yes."
	}
	text := "The station will try"
	if c.Answer != "" && c.Answer != "Accepted" {
		text += ", and says " + c.Answer
	}
	return text + "."
}

// proven says what shows that it has happened.
func (c *CommandDocument) proven() string {
	switch c.Proof {
	case "answer":
		return "Its answer is the proof."
	case "transaction-started":
		if c.Started != 0 {
			return fmt.Sprintf("Proof: session %d has started.", c.Started)
		}
		return "Proof: the session has started."
	case "transaction-stopped":
		return fmt.Sprintf("Proof: session %d has stopped.", c.Transaction)
	case "booted":
		return "Proof: the station has booted since."
	case "status-reserved":
		return "Proof: the connector reports that it is reserved."
	case "status-availability":
		return "Proof: the connector reports it."
	case "status-reported":
		return "Proof: the status came."
	case "firmware-status":
		return "Proof: the station reports that the firmware is installed."
	case "upload-status":
		return "Proof: the station reports that it is uploaded."
	}
	return withDetail("It has happened", c.Proof)
}

// next says what is waited for; "" when nothing is.
func (c *CommandDocument) next() string {
	switch c.State {
	case station.IsRequested:
		return "Next: the station is asked, when its turn comes. If that cannot be done soon, it is not done at all."
	case station.IsSent:
		return "Next: the answer of the station."
	case station.IsAccepted:
		switch c.Action {
		case station.RemoteStart:
			return "Next: the session, which is the proof. Until then nothing has started."
		case station.RemoteStop:
			return "Next: the end of the session, which is the proof. Until then it runs."
		case station.Reset:
			return "Next: its boot, which is the proof."
		case station.ReserveNow, station.ChangeAvailability:
			return "Next: the report of the connector, which is the proof."
		}
		return "Next: a report of the station that proves it."
	case station.IsInDoubt, station.IsTimedOut:
		return "What the station reports may tell. You can also look at the station, and say what you have seen."
	}
	return ""
}

// outcomeKey is the session that a command is about, "" for none.
func (c *CommandDocument) outcomeKey() string {
	switch {
	case c.Started != 0:
		return session.Key(c.Station, c.Started)
	case c.Action == station.RemoteStop && c.Transaction != 0:
		return session.Key(c.Station, c.Transaction)
	}
	return ""
}

// stepKind is how a step is drawn.
func stepKind(s station.State) string {
	switch s {
	case station.IsEffective:
		return "good"
	case station.IsRejected, station.IsNotSent, station.IsFailed, station.IsExpired, station.IsInDoubt, station.IsTimedOut:
		return "bad"
	}
	return "on"
}

// indented is JSON with a line for each field.
func indented(data []byte) (string, error) {
	var to bytes.Buffer
	err := json.Indent(&to, data, "", "  ")
	return to.String(), err
}
