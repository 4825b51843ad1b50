package v16

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Decimal is a number with at most one digit after the point, counted in tenths:
// 8.1 is 81. It is exact, which a float64 is not (7.13, 7.14).
type Decimal int64

// DecimalOf returns the decimal next to a number.
func DecimalOf(x float64) Decimal { return Decimal(math.Round(x * 10)) }

// Float64 returns the number.
func (d Decimal) Float64() float64 { return float64(d) / 10 }

func (d Decimal) String() string {
	sign, n := "", uint64(d)
	if d < 0 {
		sign, n = "-", -n
	}
	s := sign + strconv.FormatUint(n/10, 10)
	if n%10 != 0 {
		s += "." + strconv.FormatUint(n%10, 10)
	}
	return s
}

// MarshalJSON writes the number.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads the number.
func (d *Decimal) UnmarshalJSON(raw []byte) (err error) {
	*d, err = ParseDecimal(string(raw))
	return err
}

// The limits of what ParseDecimal reads.
const (
	maxDecimalText = 40
	maxExponent    = 30
	maxDecimal     = 1e15
)

// ParseDecimal reads a number of JSON. It refuses one with more than one digit after
// the point, unless they are zero.
func ParseDecimal(s string) (Decimal, error) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	e := 0
	if scientific {
		var err error
		if e, err = strconv.Atoi(exponent); err != nil || e > maxExponent || e < -maxExponent {
			return 0, errors.New("has an exponent out of range")
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	negative := strings.HasPrefix(whole, "-")
	digits := strings.TrimPrefix(whole, "-") + fraction
	if digits == "" || len(s) > maxDecimalText || strings.Trim(digits, "0123456789") != "" {
		return 0, errors.New("is not a number")
	}
	// The value in tenths is digits · 10^shift.
	shift := e - len(fraction) + 1
	for ; shift < 0; shift++ {
		if digits != "" && !strings.HasSuffix(digits, "0") {
			return 0, errors.New("has more than one digit after the point")
		}
		digits = strings.TrimSuffix(digits, "0")
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, nil
	}
	if len(digits)+shift > len("10000000000000000") {
		return 0, errors.New("is out of range")
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", shift), 10, 64)
	if err != nil || n > maxDecimal*10 {
		return 0, errors.New("is out of range")
	}
	if negative {
		n = -n
	}
	return Decimal(n), nil
}

// FormatTime writes a date and time as messages have it: ISO 8601 in UTC, with
// milliseconds (3.14, 3.15).
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// ParseTime reads a date and time in ISO 8601 (3.15) as stations write it: with or
// without fractions, seconds or colons in the zone, with a space or small letters
// where a "T" and a "Z" belong. Without a zone it is taken for UTC, see 3.14.
func ParseTime(s string) (time.Time, error) {
	const longest = len("2006-01-02T15:04:05.999999999999999999+07:00")
	text := strings.ToUpper(strings.TrimSpace(s))
	if len(text) > len("2006-01-02") && text[len("2006-01-02")] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	text = strings.Replace(text, " ", "", 1) // before the zone
	if len(text) <= longest {
		for _, layout := range []string{
			"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
			"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04",
		} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("v16: not a date in ISO 8601")
}
