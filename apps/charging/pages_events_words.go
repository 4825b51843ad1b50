package charging

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aether-es/aether/apps/charging/station"
)

// eventWords says what an event of a station is, in words. One that is not known here is
// called by its name.
func eventWords(e EventDocument) string {
	var d struct {
		Connector, Transaction, Reservation, Number                                   int
		Status, ErrorCode, Reason, Remote, IDTag, Type, Vendor, Model, Why, Admission string

		Power    bool
		Settings []station.Setting
	}
	if json.Unmarshal(e.Data, &d) != nil {
		return e.Type
	}
	on := connectorName(d.Connector)
	switch e.Type {
	case "StationRegistered":
		return "The station was registered"
	case "AdmissionChanged":
		return "The answer to its boots is now: " + d.Admission
	case "StationBooted":
		return fmt.Sprintf("It booted, and was answered %s: %s", d.Admission, strings.TrimSpace(d.Vendor+" "+d.Model))
	case "StationCameOnline":
		if d.Remote == "" {
			return "It connected"
		}
		return "It connected, from " + d.Remote
	case "StationWentOffline":
		return "It went offline: " + (&StationDocument{Why: d.Reason}).why()
	case "ConnectorStatusChanged":
		return on + ": " + statusWord(d.Status)
	case "ConnectorFaulted":
		if d.Power {
			return on + " has a power fault: " + d.ErrorCode
		}
		return on + " has a fault: " + d.ErrorCode
	case "ConnectorRecovered":
		return on + " is in order again, after " + d.ErrorCode
	case "FirmwareStatusChanged":
		return "Firmware update: " + d.Status
	case "DiagnosticsStatusChanged":
		return "Upload: " + d.Status
	case "SecurityEventReported":
		return "Security event: " + d.Type
	case "ConfigurationReported":
		return "It told its configuration: " + count(len(d.Settings), "key")
	case "TransactionStarted":
		return fmt.Sprintf("Session %d started on connector %d, for %s", d.Transaction, d.Connector, d.IDTag)
	case "TransactionStopped":
		return fmt.Sprintf("Session %d stopped: %s", d.Transaction, d.Reason)
	case "TransactionAbandoned":
		return fmt.Sprintf("Session %d was given up: %s", d.Transaction, d.Reason)
	case "StopUnmatched":
		return fmt.Sprintf("A stop came that belongs to no session: %s", d.Why)
	case "UnmatchedStopUsed":
		return fmt.Sprintf("The stop number %d was found to belong to session %d", d.Number, d.Transaction)
	case "ReservationMade":
		return fmt.Sprintf("Reservation %d was made, for %s", d.Reservation, d.IDTag)
	case "ReservationEnded":
		return fmt.Sprintf("Reservation %d ended: %s", d.Reservation, d.Reason)
	}
	if strings.HasPrefix(e.Type, "Command") {
		return commandEventWords(e)
	}
	return e.Type
}

// commandEventWords says what an event about a command is.
func commandEventWords(e EventDocument) string {
	var c CommandDocument
	var d struct {
		Answer, Reason, Proof string
		Happened              bool
	}
	if json.Unmarshal(e.Data, &c) != nil || json.Unmarshal(e.Data, &d) != nil {
		return e.Type
	}
	name := "Command " + c.ID
	switch e.Type {
	case "CommandRequested":
		return "Asked: " + c.asks()
	case "CommandSent":
		return name + " is being sent"
	case "CommandAccepted":
		return name + " was accepted: " + d.Answer
	case "CommandRejected":
		return name + " was rejected: " + d.Answer
	case "CommandNotSent":
		return name + " was not sent"
	case "CommandInDoubt":
		return name + " is in doubt"
	case "CommandTimedOut":
		return name + " was not answered in time"
	case "CommandEffective":
		return name + " has happened, by " + d.Proof
	case "CommandFailed":
		return name + " has not happened: " + d.Reason
	case "CommandExpired":
		return name + " was not seen to happen in time"
	case "CommandSettled":
		if d.Happened {
			return "An operator says that command " + c.ID + " happened"
		}
		return "An operator says that command " + c.ID + " did not happen"
	}
	return e.Type
}

// isAre is "1 key is" or "2 keys are".
func isAre(n int, what string) string {
	if n == 1 {
		return count(n, what) + " is"
	}
	return count(n, what) + " are"
}
