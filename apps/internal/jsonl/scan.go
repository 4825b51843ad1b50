package jsonl

import "strconv"

// The functions here find their way in text that is known to be JSON.

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}

// skipValue returns the end of the value that begins at an offset.
func skipValue(text []byte, at int) int {
	for depth := 0; ; {
		switch text[at] {
		case '"':
			at = skipString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ' ', '\n', '\r', '\t', ',', ':':
			at++ // inside of brackets
		default:
			at = skipWord(text, at)
		}
		if depth == 0 {
			return at
		}
	}
}

func skipString(text []byte, at int) int {
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// skipWord returns the end of a number or a literal.
func skipWord(text []byte, at int) int {
	for at < len(text) {
		switch text[at] {
		case ' ', '\n', '\r', '\t', ',', ']', '}':
			return at
		}
		at++
	}
	return at
}

// halfPair says whether a string has an escaped half of a surrogate pair without
// the other half. Decoders replace it by U+FFFD, so that two different names
// would become one.
func halfPair(value []byte) bool {
	for at := 0; at < len(value); at++ {
		if value[at] != '\\' {
			continue
		}
		at++
		if value[at] != 'u' {
			continue
		}
		switch unit := utf16Unit(value[at+1:]); {
		case unit>>10 == 0xd800>>10:
			next := value[at+5:]
			if len(next) < 6 || next[0] != '\\' || next[1] != 'u' || utf16Unit(next[2:])>>10 != 0xdc00>>10 {
				return true
			}
			at += 10
		case unit>>10 == 0xdc00>>10:
			return true
		default:
			at += 4
		}
	}
	return false
}

func utf16Unit(digits []byte) uint64 {
	unit, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return unit
}
