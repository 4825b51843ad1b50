package charging

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What operators read, as far as several pages say it.

// navLink is a link of the navigation. What it counts is a field of [FleetDocument], by the
// name that it has in JSON: charging.js keeps it up to date.
type navLink struct {
	path, label string
	count       string
	n           int
	bad         bool
}

func navigation(f FleetDocument) []navLink {
	return []navLink{
		{path: pagesPath, label: "Fleet"},
		{path: pagesPath + "/sessions", label: "Sessions", count: "running", n: f.Running},
		{path: pagesPath + "/doubt", label: "Commands in doubt", count: "inDoubt", n: f.InDoubt, bad: true},
		{path: pagesPath + "/faults", label: "Faults", count: "faulted", n: f.Faulted, bad: true},
		{path: pagesPath + "/inbox", label: "Inbox", count: "inbox", n: f.Inbox},
		{path: pagesPath + "/id-tags", label: "Id tags"},
		{path: pagesPath + "/tariffs", label: "Tariffs"},
		{path: pagesPath + "/reservations", label: "Reservations"},
		{path: pagesPath + "/reports", label: "Reports"},
	}
}

// saidOf is what was done, by the word for it in the address of the page that follows.
func saidOf(done string) string {
	return map[string]string{
		"registered":  "The station is registered. It is let in when it connects.",
		"noted":       "You have changed what is noted about the station.",
		"admitted":    "You have changed the answer to the station's boots. It counts from the next boot on.",
		"credentials": "You have changed what the station must show. It counts from the next connection on.",
		"looked":      "The station is asked for its status. What it reports may tell what became of the command.",
		"settled":     "It is settled, by your word. What the station reports later counts for more.",
		"dismissed":   "You have dismissed the station. It comes back when it knocks again.",
		"tag-set":     "The id tag is set.",
		"tag-removed": "The id tag is removed.",
		"tariff-set":  "The tariff is set. It counts for sessions that are priced from now on.",

		"tariff-removed": "The tariff is removed.",
		"abandoned":      "You have given up the transaction. If the station tells of its end, that counts.",
		"assigned":       "The stop now belongs to the transaction.",
	}[done]
}

// figure is a number with its thousands apart.
func figure(n int) string {
	text, sign := strconv.Itoa(n), ""
	if n < 0 {
		sign, text = "−", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return sign + text
}

// count is a number of things: "1 station", "2 stations".
func count(n int, what string) string {
	if n == 1 {
		return "1\u00a0" + what
	}
	return figure(n) + "\u00a0" + what + "s"
}

// energy is an amount of energy, of Wh.
func energy(wh int) string {
	if wh > -1000 && wh < 1000 {
		return figure(wh) + "\u00a0Wh"
	}
	return strconv.FormatFloat(float64(wh)/1000, 'f', 2, 64) + "\u00a0kWh"
}

// power is a power, of W.
func power(w float64) string {
	if w < 1000 {
		return strconv.FormatFloat(w, 'f', 0, 64) + "\u00a0W"
	}
	return strconv.FormatFloat(w/1000, 'f', 1, 64) + "\u00a0kW"
}

// lasting is how long something has taken, to two of its units: "2 h 5 min".
func lasting(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, hours, minutes, seconds := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60, int(d/time.Second)%60
	pair := func(a int, unit string, b int, smaller string) string {
		if b == 0 {
			return fmt.Sprintf("%d\u00a0%s", a, unit)
		}
		return fmt.Sprintf("%d\u00a0%s %d\u00a0%s", a, unit, b, smaller)
	}
	switch {
	case days > 0:
		return pair(days, "d", hours, "h")
	case hours > 0:
		return pair(hours, "h", minutes, "min")
	case minutes > 0:
		return pair(minutes, "min", seconds, "s")
	}
	return fmt.Sprintf("%d\u00a0s", seconds)
}

// andCursor is the address of the next part of a list.
func andCursor(at, cursor string) string {
	mark := "?"
	if strings.Contains(at, "?") {
		mark = "&"
	}
	return at + mark + "cursor=" + url.QueryEscape(cursor)
}
