package station

import (
	"fmt"
	"time"
)

// startedBy returns the remote start that a transaction comes from, nil when it is none.
// Whatever is believed of that command, the tag made for it proves it; a tag that a person
// may have held before the reader proves only one that is under way.
func (s *Station) startedBy(e TransactionStarted) *Command {
	for _, c := range s.Commands {
		if c.Action != RemoteStart || !sameTag(c.IDTag, e.IDTag) || c.Started != 0 {
			continue
		}
		if c.Reservation == 0 || c.underWay() && (c.Connector == 0 || c.Connector == e.Connector) {
			return c
		}
	}
	return nil
}

// proven returns the proof of each command that may be under way and fits.
func (s *Station) proven(by proof, at time.Time, fits func(*Command) bool) []Event {
	var events []Event
	for _, c := range s.Commands {
		if c.underWay() && c.Order.proof(c.Answer) == by && fits(c) {
			events = append(events, CommandEffective{ID: c.ID, Proof: string(by), At: at})
		}
	}
	return events
}

func (s *Station) provenByStop(transaction int, at time.Time) []Event {
	return s.proven(ofStop, at, func(c *Command) bool { return c.Transaction == transaction })
}

func (s *Station) provenByBoot(at time.Time) []Event {
	return s.proven(ofBoot, at, func(*Command) bool { return true })
}

// inEffect says whether a status is one that an availability asks for.
func inEffect(availability, status string) bool {
	if availability == Inoperative {
		return status == Unavailable
	}
	return status != "" && status != Unavailable && status != Faulted
}

// provenByStatus looks at what a report of a connector says of open commands, also where
// it says nothing new of the connector.
func (s *Station) provenByStatus(m Status) []Event {
	status := m.Condition.Status
	events := s.proven(ofStatus, m.At, func(c *Command) bool { return c.Connector == 0 || c.Connector == m.Connector })
	here := func(c *Command) bool { return c.Connector == m.Connector }
	if status == Reserved {
		for _, c := range s.Commands {
			if c.Action == ReserveNow && here(c) && c.underWay() && c.State != IsAccepted {
				events = append(events, c.reserved(m.At))
			}
		}
		events = append(events, s.proven(ofReserved, m.At, here)...)
	}
	events = append(events, s.proven(ofAvailability, m.At, func(c *Command) bool { return here(c) && inEffect(c.Type, status) })...)
	if status != Available || m.Connector == 0 {
		return events
	}
	// A connector that is free, when the time for it is over, has not been started nor
	// reserved: so a command in doubt ends without an operator.
	for _, c := range s.Commands {
		if c.Unknown() && here(c) && (c.Action == RemoteStart || c.Action == ReserveNow) && !m.At.Before(c.Until) {
			events = append(events, CommandFailed{c.ID, fmt.Sprintf("connector %d is %s", m.Connector, status), m.At})
		}
	}
	return events
}

// provenByWork looks at the status of an update or an upload.
func (s *Station) provenByWork(by proof, status string, at time.Time) []Event {
	switch status {
	case "Installed", "Uploaded":
		return s.proven(by, at, func(*Command) bool { return true })
	case "DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature", "UploadFailed", "UploadFailure",
		"BadMessage", "NotSupportedOperation", "PermissionDenied":
		var events []Event
		for _, c := range s.Commands {
			if c.underWay() && c.Order.proof(c.Answer) == by {
				events = append(events, CommandFailed{c.ID, status, at})
			}
		}
		return events
	}
	return nil
}
