package tickets

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/aether-es/aether/apps/internal/money"
)

// Money and time in words. static/words.js says the same; testdata/words.json has
// examples of both.

// count says how many there are: "no tickets", "1 ticket", "1 200 tickets".
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return money.Thousands(strconv.Itoa(n)) + " " + what + "s"
}

// one chooses between the words for one thing and for several.
func one(n int, single, several string) string {
	if n == 1 {
		return single
	}
	return several
}

// date is a moment to the minute, in UTC. static/words.js rewrites it as the visitor's
// clock has it.
func date(at time.Time) string { return at.UTC().Format("Mon 2 Jan 2006, 15:04 UTC") }

// span says how long something is, in the largest unit that fits, and the next one where
// that matters: "40 seconds", "1 hour 30 minutes", "12 days". What is left of the
// smallest unit is cut off.
func span(d time.Duration) string {
	seconds := int(max(d, 0) / time.Second)
	pair := func(big int, bigName string, small int, smallName string) string {
		if small == 0 {
			return count(big, bigName)
		}
		return count(big, bigName) + " " + count(small, smallName)
	}
	switch minutes, hours := seconds/60, seconds/3600; {
	case seconds < 60:
		return count(seconds, "second")
	case minutes < 60:
		return count(minutes, "minute")
	case hours < 24:
		return pair(hours, "hour", minutes%60, "minute")
	case hours < 10*24:
		return pair(hours/24, "day", hours%24, "hour")
	default:
		return count(hours/24, "day")
	}
}

// customerName is what a customer is called before others: the ID in short, for people.
// The same customer has the same name everywhere.
func customerName(id string) string {
	sum := sha256.Sum256([]byte("name of " + id))
	return fmt.Sprintf("Customer %s", short.EncodeToString(sum[:])[:6])
}
