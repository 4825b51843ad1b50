package readdb

import (
	"encoding/binary"
	"strings"
	"time"
)

// Value is what an index orders documents by. Values are compared by kind, then by
// content; no value is equal to one of another kind or content. The zero Value is
// the empty [Tuple], which comes before all others.
type Value struct {
	encoded string
	text    bool // ends with a text
}

// Each part of a value begins with its kind. After the last part comes endOfValue,
// which is less than any kind, so that a tuple comes before those that begin with it.
const (
	endOfValue = 1
	kindInt    = 2
	kindTime   = 3
	kindText   = 4
)

// A text ends with 0 1, and a zero byte in it is 0 255: so a text comes before those
// that begin with it, and no text is the beginning of another one.
const endOfText = "\x00\x01"

func appendText[T ~string | ~[]byte](to []byte, text T) []byte {
	for i := range len(text) {
		to = append(to, text[i])
		if text[i] == 0 {
			to = append(to, 255)
		}
	}
	return append(to, endOfText...)
}

// cutText reads a text that appendText has written.
func cutText[T ~string | ~[]byte](b T) (text string, rest T, ok bool) {
	var out []byte
	for i := 0; i+1 < len(b); i++ {
		switch {
		case b[i] != 0:
			out = append(out, b[i])
		case b[i+1] == 255:
			out = append(out, 0)
			i++
		default:
			return string(out), b[i+2:], b[i+1] == endOfText[1]
		}
	}
	return "", rest, false
}

// Text is a text, any bytes, in the order of its bytes.
func Text(s string) Value {
	return Value{string(appendText(append(make([]byte, 0, len(s)+3), kindText), s)), true}
}

// Int is a number.
func Int(i int64) Value {
	return Value{encoded: string(binary.BigEndian.AppendUint64([]byte{kindInt}, uint64(i)^1<<63))}
}

// Time is a moment, to the nanosecond; where on Earth does not matter.
func Time(t time.Time) Value {
	b := binary.BigEndian.AppendUint64([]byte{kindTime}, uint64(t.Unix())^1<<63)
	return Value{encoded: string(binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond())))}
}

// Tuple is several values, ordered by the first, then by the second, and so on. A
// tuple within another is the same as its values.
func Tuple(values ...Value) Value {
	var b strings.Builder
	text := false
	for _, v := range values {
		b.WriteString(v.encoded)
		if v.encoded != "" {
			text = v.text
		}
	}
	return Value{b.String(), text}
}

// Range is a part of an index. The zero Range is all of it.
type Range struct {
	from, to string // to is empty where there is no end
	wrong    string // why it is no range
}

// Equal is the part that has one value.
func Equal(v Value) Range {
	return Range{from: v.encoded + string(rune(endOfValue)), to: v.encoded + string(rune(endOfValue+1))}
}

// Under is the part whose tuples begin with the values of v.
func Under(v Value) Range {
	return Range{from: v.encoded, to: string(past(v.encoded))}
}

// Prefix is the part whose texts begin with the text v; of a tuple the last value is
// the beginning of a text, and those before it are whole.
func Prefix(v Value) Range {
	if !v.text {
		return Range{wrong: "is a Prefix of what does not end with a Text"}
	}
	from := strings.TrimSuffix(v.encoded, endOfText)
	return Range{from: from, to: string(past(from))}
}

// Between is the part from one value on, up to another, which is not in it. A zero
// Value stands for no bound.
func Between(from, to Value) Range { return Range{from: from.encoded, to: to.encoded} }
