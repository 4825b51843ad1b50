package station

import (
	"fmt"
	"slices"
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

// provenByTrigger is the proof of those that ask for the message, not for the boot.
func (s *Station) provenByTrigger(at time.Time) []Event {
	return s.proven(ofBoot, at, func(c *Command) bool { return c.Action == TriggerMessage || c.Action == ExtendedTrigger })
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
	// reserved: so a command in doubt ends without an operator. One for any connector ends
	// when all of them were reported free after that time.
	for _, c := range s.Commands {
		over, doubt := c.over()
		switch {
		case !doubt || m.At.Before(over):
		case here(c):
			events = append(events, CommandFailed{c.ID, fmt.Sprintf("connector %d is %s", m.Connector, status), m.At})
		case c.Connector == 0 && s.freeSince(over, m.Connector):
			events = append(events, CommandFailed{c.ID, "all connectors are " + status, m.At})
		}
	}
	return events
}

// over returns when the time is over for a start or a reservation that is in doubt. A
// station shows one of any connector nowhere, as long as enough are free (OCPP 1.6, 5.13):
// that ends with the reservation's own time.
func (c *Command) over() (at time.Time, doubt bool) {
	switch {
	case !c.Unknown():
		return time.Time{}, false
	case c.Action == ReserveNow && c.Connector == 0:
		return c.Expires, true
	}
	return c.Until, c.Action == RemoteStart || c.Action == ReserveNow
}

// awaited says whether a command for any connector waits for the first report after its
// time that a connector is free, although that is no news. The former one came at reported.
func (s *Station) awaited(m Status, reported time.Time) bool {
	return m.Connector > 0 && m.Condition.Status == Available && slices.ContainsFunc(s.Commands, func(c *Command) bool {
		over, doubt := c.over()
		return doubt && c.Connector == 0 && !m.At.Before(over) && reported.Before(over)
	})
}

// freeSince says whether all connectors were reported Available from a time on; one of them
// is, right now.
func (s *Station) freeSince(at time.Time, reporting int) bool {
	for n := 1; n <= s.Count; n++ {
		if n != reporting && s.Connectors[n] == nil {
			return false
		}
	}
	for n, c := range s.Connectors {
		if n != 0 && n != reporting && (c.Status != Available || c.Reported.Before(at)) {
			return false
		}
	}
	return true
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
