// Package jsonstring reads and writes strings of JSON, for frames and payloads.
package jsonstring

import (
	"encoding/json"
	"unicode/utf8"
)

// Append appends s as a JSON string. It escapes what JSON asks for and nothing else:
// what comes out is short, and plain enough for the parsers of small devices. Bytes
// that are not UTF-8 become U+FFFD.
func Append(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, `\n`...)
		case c == '\r':
			to = append(to, `\r`...)
		case c == '\t':
			to = append(to, `\t`...)
		case c < ' ' || c == 0x7f:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			to = append(to, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			to = utf8.AppendRune(to, r)
			i += size
			continue
		}
		i++
	}
	return append(to, '"')
}

// Parse returns the string that raw is, false when it is something else.
func Parse(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
