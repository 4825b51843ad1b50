package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/aether-es/aether"
)

// size is a number of bytes for people.
func size(bytes int64) string {
	if bytes < 1<<10 {
		return plural(bytes, "byte")
	}
	unit, value := "KiB", float64(bytes)/(1<<10)
	for _, larger := range []string{"MiB", "GiB", "TiB"} {
		if value < 1<<10 {
			break
		}
		unit, value = larger, value/(1<<10)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// plural counts things for people: "1 event", "1,200 events".
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped writes a number with a comma between each three digits.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// span is a range for people: "position 7", "positions 7 to 9".
func span(thing string, first, last aether.Position) string {
	if first == last {
		return fmt.Sprintf("%s %d", thing, last)
	}
	return fmt.Sprintf("%ss %d to %d", thing, first, last)
}

// printable escapes what would do something to a terminal, or hide: control
// characters beyond ASCII, and those that turn the direction of writing.
func printable(text string) string {
	clean := true
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
