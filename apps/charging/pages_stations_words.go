package charging

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
)

// What operators read about stations.

// statusWord is a status of a connector in words.
func statusWord(status string) string {
	switch status {
	case "":
		return "Not reported"
	case statusUnknown:
		return "Not reported"
	case station.SuspendedEV:
		return "Suspended by car"
	case station.SuspendedEVSE:
		return "Suspended by station"
	case station.Unavailable:
		return "Out of service"
	}
	return status
}

// statusKind is the kind of pill that a status has.
func statusKind(status string) string {
	switch status {
	case station.Available:
		return "good"
	case station.Charging:
		return "busy"
	case station.Preparing, station.Finishing, station.SuspendedEV, station.SuspendedEVSE, station.Reserved:
		return "warn"
	case station.Faulted:
		return "bad"
	}
	return "off"
}

// pill is the kind and the text of what a connector does. What one of a station that is
// away did last is said as such.
func (c *ConnectorDocument) pill(online bool) (kind, text string) {
	kind, text = statusKind(c.Status), statusWord(c.Status)
	switch {
	case c.Power:
		kind, text = "power", "Power fault: "+c.ErrorCode
	case c.Status == station.Faulted:
		text = "Fault: " + c.ErrorCode
	case c.Warning():
		text += ", warns: " + c.ErrorCode
	}
	if !online && c.Status != "" {
		text = "last: " + text
		if kind != "power" && kind != "bad" {
			kind = "off"
		}
	}
	return kind, text
}

// connectorName is how a connector is called.
func connectorName(id int) string {
	if id == 0 {
		return "Station"
	}
	return fmt.Sprintf("Connector\u00a0%d", id)
}

// onConnector says where on a station something is; "" for nowhere in particular.
func onConnector(id int) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(", connector\u00a0%d", id)
}

// standing is whether a station is there, as a badge.
func (d *StationDocument) standing() (kind, text string) {
	switch {
	case d.Online && d.Boot == station.Accepted:
		return "good", "Online"
	case d.Online && d.Boot == station.Pending:
		return "warn", "Online, boot pending"
	case d.Online && d.Boot == station.Rejected:
		return "warn", "Online, boot rejected"
	case d.Online:
		return "warn", "Online, has not booted"
	case d.Since.IsZero():
		return "", "Never connected"
	}
	return "bad", "Offline"
}

// why says why a station is offline.
func (d *StationDocument) why() string {
	switch d.Why {
	case station.Closed:
		return "its connection was closed"
	case station.Silent:
		return "it has been silent for too long"
	}
	return d.Why
}

// skewed says by how much the clock of a station is wrong; "" where it is right, or that is
// not known.
func (d *StationDocument) skewed() string {
	const least = 5 // seconds: less may be the way of the message
	if d.Skew == nil || math.Abs(*d.Skew) <= least {
		return ""
	}
	by := lasting(time.Duration(math.Abs(*d.Skew) * float64(time.Second)))
	if *d.Skew > 0 {
		return "Its clock is " + by + " ahead of ours"
	}
	return "Its clock is " + by + " behind ours"
}

// powerFaults says which connectors have which faults of the supply; "" for none.
func (d *StationDocument) powerFaults() string {
	var words []string
	for i := range d.Connectors {
		if c := &d.Connectors[i]; c.Power {
			text := c.ErrorCode
			if c.ID > 0 {
				text += fmt.Sprintf(" on connector\u00a0%d", c.ID)
			}
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}

// about is what a station tells of itself, in a line.
func aboutLine(a station.About) string {
	line := strings.TrimSpace(a.Vendor + " " + a.Model)
	if a.Firmware != "" {
		line += ", firmware " + a.Firmware
	}
	return line
}

// noticed says what a notice is about.
func (n *NoticeDocument) noticed() string {
	text := count(n.Count, "station") + " went offline"
	if took := n.Last.Sub(n.First); took >= time.Second {
		text += " within " + lasting(took)
	} else {
		text += " at once"
	}
	return text
}

// back says how many stations of a notice are back.
func (n *NoticeDocument) back() string {
	switch {
	case n.Back >= n.Count:
		return "All of them are back."
	case n.Back == 0:
		return "None of them is back."
	}
	return fmt.Sprintf("Back: %s. Still away: %s.", figure(n.Back), figure(n.Count-n.Back))
}
