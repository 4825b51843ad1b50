// Package heard bounds what stations tell, for the domains that keep it.
package heard

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Time returns a time of a station's clock as it can be kept, zero when its year cannot be
// written.
func Time(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// Text cuts what a station has sent to so many bytes of valid UTF-8.
func Text(s string, longest int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= longest {
		return s
	}
	end := longest
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
