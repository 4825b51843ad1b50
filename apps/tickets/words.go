package tickets

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Money and time in words. static/words.js says the same; testdata/words.json has
// examples of both.

// money is an amount in minor units as people write it, with spaces that keep it
// together: "€1 250.00", "-CHF 5.00". A currency that has a sign in English has it,
// others their code.
func money(amount int64, currency string) string {
	sign, magnitude := "", uint64(amount)
	if amount < 0 {
		sign, magnitude = "-", -magnitude // also right for the smallest number
	}
	whole, rest := strconv.FormatUint(magnitude, 10), ""
	if n := digits(currency); n > 0 {
		whole = strings.Repeat("0", max(0, n+1-len(whole))) + whole
		whole, rest = whole[:len(whole)-n], "."+whole[len(whole)-n:]
	}
	return sign + cmp.Or(signs[currency], currency+"\u00a0") + thousands(whole) + rest
}

// signs are those of currencies that are known by them.
var signs = map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫"}

// digits is how many digits the minor unit of a currency has, by ISO 4217. The
// tables of Unicode, which libraries have, say 0 for some where ISO and payment
// providers say 2.
func digits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// thousands puts narrow spaces into a whole number, three digits from each other.
func thousands(number string) string {
	for i := len(number) - 3; i > 0; i -= 3 {
		number = number[:i] + "\u202f" + number[i:]
	}
	return number
}

// count says how many there are: "no tickets", "1 ticket", "1 200 tickets".
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return thousands(strconv.Itoa(n)) + " " + what + "s"
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
