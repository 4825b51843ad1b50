package charging

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/money"
)

// What operators read about sessions.

// flagName is a flag in a word or two.
func flagName(f session.Flag) string {
	switch f {
	case session.MeterBackwards:
		return "Meter ran backwards"
	case session.MeterImplausible:
		return "Meter implausible"
	case session.Gap:
		return "Gap in the readings"
	case session.ClockSkew:
		return "Clock wrong"
	case session.Late:
		return "Told late"
	case session.NoStart:
		return "Beginning unknown"
	}
	return string(f)
}

// flagMeaning says what a flag means for the session.
func flagMeaning(f session.Flag) string {
	switch f {
	case session.MeterBackwards:
		return "The meter showed less than it had before. Where it shows less at the end than at the start, no energy is counted."
	case session.MeterImplausible:
		return fmt.Sprintf("The meter showed more than %s since the start, which no session can use. The session is not priced.", energy(session.MaxEnergy))
	case session.Gap:
		return fmt.Sprintf("For %s or longer the station told of no reading. Between them the energy is taken to have flowed evenly.", lasting(session.GapAfter))
	case session.ClockSkew:
		return "A time that the station told cannot be right: its clock was not set, was ahead, or the end was before the start. Where start or end cannot be right, the session is billed by the server's clock."
	case session.Late:
		return fmt.Sprintf("The station told of it more than %s after it happened, as after a time without a connection. Its own times count.", lasting(session.LateAfter))
	case session.NoStart:
		return "The session has ended, and nobody has told of its beginning. What it has used is not known."
	}
	return ""
}

// stateBadge is a word about the state of a session, and its kind.
func (d *TransactionDocument) stateBadge() (kind, text string) {
	switch d.State {
	case stateRunning:
		return "good", "Running"
	case stateAbandoned:
		return "warn", "Given up"
	}
	return "", "Ended"
}

// ending says why the session ended.
func (d *TransactionDocument) ending() string {
	switch d.Reason {
	case "":
		return ""
	case "Local":
		return "Stopped at the station"
	case "Remote":
		return "Stopped remotely"
	case "EVDisconnected":
		return "The car was unplugged"
	case "DeAuthorized":
		return "The id tag was refused"
	case "EmergencyStop":
		return "Emergency stop"
	case "PowerLoss":
		return "The power failed"
	case "Reboot", "HardReset", "SoftReset":
		return "The station restarted"
	case "UnlockCommand":
		return "The connector was unlocked"
	case "Other":
		return "Another reason"
	case station.Superseded:
		return "Another transaction began on the connector"
	case station.ByOperator:
		return "Given up by an operator"
	}
	return d.Reason
}

// who is the tag that a session was started with, or for whom it was started remotely.
func (d *TransactionDocument) who() string {
	switch {
	case d.Account != "":
		return d.Account
	case d.Command != "":
		return "Nobody in particular"
	}
	return d.IDTag
}

// answeredWords says what it means that the station was answered that about the tag.
func answeredWords(authorisation string) string {
	switch registry.Status(authorisation) {
	case registry.Accepted:
		return "The id tag was accepted."
	case registry.Blocked:
		return "The id tag was blocked when the station told of the start."
	case registry.Expired:
		return "The id tag had expired when the station told of the start."
	case registry.Invalid:
		return "The id tag was not known when the station told of the start."
	case registry.ConcurrentTx:
		return "The id tag had another session when the station told of the start."
	}
	return ""
}

// percentage is a number as such.
func percentage(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) + "\u00a0%" }

// ampere is a current.
func ampere(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) + "\u00a0A" }

// orDash is what was measured, or that it was not.
func orDash(n *float64, words func(float64) string) string {
	if n == nil {
		return "–"
	}
	return words(*n)
}

// energyOf is [energy] of what was measured.
func energyOf(wh float64) string { return energy(int(math.Round(wh))) }

// rateWords is a price of energy and of time, in words.
func rateWords(r session.Rate, currency string) string {
	var parts []string
	if r.PerKWh > 0 || r.PerMinute == 0 {
		parts = append(parts, money.Format(r.PerKWh, currency)+" a kWh")
	}
	if r.PerMinute > 0 {
		parts = append(parts, money.Format(r.PerMinute, currency)+" a minute")
	}
	return strings.Join(parts, " + ")
}

// dayMinute is a minute of the day, as 18:00.
func dayMinute(n int) string { return fmt.Sprintf("%02d:%02d", n/60, n%60) }

// bandName is the name of a line of a bill.
func bandName(l session.Line) string { return cmp.Or(l.Band, "Basic price") }

// utc is a moment that is written here and not rewritten by the page.
func utc(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// costWords is what a session that has ended costs.
func (d *TransactionDocument) costWords() string {
	if d.Cost == nil {
		return "not priced"
	}
	return money.Format(d.Cost.Total, d.Currency)
}

// lineWords are how much of it a line of a bill is about.
func lineWords(l session.Line) string {
	return energy(int(l.Energy)) + ", " + lasting(time.Duration(l.Seconds)*time.Second)
}

func cellNumber(n int) string { return strconv.Itoa(n) }
