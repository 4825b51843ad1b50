// Package jsoncheck says whether bytes are one JSON value in valid UTF-8. Every
// event that is saved passes through it: it is several times as fast as
// json.Valid, which also lets invalid UTF-8 pass. A fuzz test compares the two.
package jsoncheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is that of encoding/json, so that what is saved can be read again.
const maxDepth = 10000

// Check returns nil when data is one JSON value (RFC 8259) in valid UTF-8, with
// white space around it or not. The error completes the sentence "data …".
func Check(data []byte) error {
	if len(data) == 0 {
		return errors.New("is missing; it must be a JSON value")
	}
	at, ok := value(data, 0, 0)
	if ok {
		at = space(data, at)
	}
	switch {
	case ok && at == len(data):
		if !utf8.Valid(data) {
			return errors.New("is not valid UTF-8")
		}
		return nil
	case at == tooDeep:
		return fmt.Errorf("is not JSON: nested more than %d deep", maxDepth)
	case at >= len(data):
		return errors.New("is not JSON: it ends too early")
	default:
		return fmt.Errorf("is not JSON: unexpected %q at byte %d", data[at], at)
	}
}

// The functions below take the offset to read at and return the one behind what
// they read, or, with false, that of the first byte that does not fit. They let
// every byte that is not ASCII pass in strings: utf8.Valid sees to those.

// tooDeep is what value returns in place of an offset.
const tooDeep = -1

// Where a value may stand. For what is inside brackets it is the open bracket,
// except that the name of an object's member comes first.
const (
	top     = 0
	name    = '"'
	member  = '{'
	element = '['
)

// value reads a value and the white space before it. It is one loop without a
// call for the usual tokens, which is what makes it fast; the brackets that are
// open are kept in a small array, and value calls itself when that is full.
func value(data []byte, at, depth int) (int, bool) {
	var (
		outer [64]byte // where the values stand that the open brackets began
		open  uint
		in    byte = top
		ok    bool
	)
next:
	for at < len(data) {
		switch b := data[at]; {
		case b == '"':
			at++
			var end uint64
			if at+8 <= len(data) {
				end = special(binary.LittleEndian.Uint64(data[at:]))
			}
			if end != 0 {
				at += bits.TrailingZeros64(end) / 8
			} else {
				at = plain(data, at)
			}
			if at >= len(data) {
				return at, false
			}
			if data[at] != '"' {
				if at, ok = escaped(data, at); !ok {
					return at, false
				}
			}
			at++
			if in == name {
				if at < len(data) && data[at] != ':' {
					at = space(data, at)
				}
				if at >= len(data) || data[at] != ':' {
					return at, false
				}
				at++
				in = member
				continue
			}
		case b <= ' ':
			if !isSpace(b) {
				return at, false
			}
			at++
			continue
		case in == name:
			return at, false
		case isDigit(b) || b == '-':
			if b == '-' {
				if at++; at >= len(data) || !isDigit(data[at]) {
					return at, false
				}
			}
			if at++; data[at-1] != '0' {
				for at < len(data) && isDigit(data[at]) {
					at++
				}
			}
			if at < len(data) && (data[at] == '.' || data[at]|0x20 == 'e') {
				if at, ok = fraction(data, at); !ok {
					return at, false
				}
			}
		case b == '{' || b == '[':
			if depth == maxDepth {
				return tooDeep, false
			}
			if open == uint(len(outer)) {
				if at, ok = value(data, at, depth); !ok {
					return at, false
				}
				break
			}
			outer[open] = in
			open++
			depth++
			in = b
			if at = space(data, at+1); at >= len(data) || data[at] != b+2 {
				if b == '{' {
					in = name
				}
				continue
			}
		default:
			if at, ok = word(data, at); !ok {
				return at, false
			}
		}

		// A value was read. What follows are brackets that close, and a comma.
		for in != top {
			if at >= len(data) {
				return at, false
			}
			switch b := data[at]; {
			case b == ',':
				at++
				if in == member {
					in = name
				}
				continue next
			case b == in+2: // '{' and '}' are two apart, so are '[' and ']'
				at++
				open--
				depth--
				in = outer[open%uint(len(outer))]
			case isSpace(b):
				at++
			default:
				return at, false
			}
		}
		return at, true
	}
	return at, false
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }
func isDigit(b byte) bool { return b-'0' <= 9 }
func isPlain(b byte) bool { return b >= ' ' && b != '"' && b != '\\' }
func isHex(b byte) bool   { return isDigit(b) || b|0x20-'a' < 6 }

func space(data []byte, at int) int {
	for at < len(data) && isSpace(data[at]) {
		at++
	}
	return at
}

const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// special sets the high bit of the bytes in x that are control characters, quotes
// or backslashes; of others only behind one of these, since subtracting borrows.
// x^2 turns a quote into a space and a space into a quote, so that one
// comparison finds quotes and control characters.
func special(x uint64) uint64 {
	return ((x ^ low*2 - low*('!')) | (x ^ low*'\\' - low)) &^ x & high
}

// plain reads what stands for itself in a string: 16 bytes at a time, then 8 to
// find the end among them, and single bytes where fewer than 8 are left.
func plain(data []byte, at int) int {
	rest := data[at:]
	for len(rest) >= 16 && special(binary.LittleEndian.Uint64(rest))|special(binary.LittleEndian.Uint64(rest[8:])) == 0 {
		rest = rest[16:]
	}
	for len(rest) >= 8 {
		if end := special(binary.LittleEndian.Uint64(rest)); end != 0 {
			return len(data) - len(rest) + bits.TrailingZeros64(end)/8
		}
		rest = rest[8:]
	}
	for len(rest) > 0 && isPlain(rest[0]) {
		rest = rest[1:]
	}
	return len(data) - len(rest)
}

// escaped reads the rest of a string up to its closing quote.
func escaped(data []byte, at int) (int, bool) {
	for at < len(data) {
		switch b := data[at]; {
		case b == '"':
			return at, true
		case b < ' ':
			return at, false
		case b != '\\':
			at = plain(data, at)
		default:
			var ok bool
			if at, ok = escape(data, at+1); !ok {
				return at, false
			}
		}
	}
	return at, false
}

// escape reads what follows a backslash.
func escape(data []byte, at int) (int, bool) {
	if at >= len(data) {
		return at, false
	}
	switch data[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1, true
	case 'u':
		for range 4 {
			if at++; at >= len(data) || !isHex(data[at]) {
				return at, false
			}
		}
		return at + 1, true
	default:
		return at, false
	}
}

func word(data []byte, at int) (int, bool) {
	want := "null"
	switch data[at] {
	case 't':
		want = "true"
	case 'f':
		want = "false"
	}
	for i := range len(want) {
		if at >= len(data) || data[at] != want[i] {
			return at, false
		}
		at++
	}
	return at, true
}

// fraction reads what follows the integer part of a number.
func fraction(data []byte, at int) (int, bool) {
	if data[at] == '.' {
		var ok bool
		if at, ok = digits(data, at+1); !ok {
			return at, false
		}
	}
	if at < len(data) && data[at]|0x20 == 'e' {
		at++
		if at < len(data) && (data[at] == '+' || data[at] == '-') {
			at++
		}
		return digits(data, at)
	}
	return at, true
}

// digits reads one digit or more.
func digits(data []byte, at int) (int, bool) {
	start := at
	for at < len(data) && isDigit(data[at]) {
		at++
	}
	return at, at > start
}
