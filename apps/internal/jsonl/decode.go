package jsonl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/jsoncheck"
)

var (
	eventFields    = []string{"id", "actorId", "version", "type", "schema", "data", "metadata", "time", "position"}
	metadataFields = []string{"correlationId", "causationId", "traceparent"}
)

// decode reads one event. Nothing of it shares memory with text. The error has
// no line yet.
func decode(text []byte) (aether.Event, *LineError) {
	var e aether.Event
	if err := jsoncheck.Check(text); err != nil {
		return e, &LineError{Reason: cmp.Or(syntaxFault(text), err.Error())}
	}
	text = text[skipSpace(text, 0):]
	if text[0] != '{' {
		return e, &LineError{Reason: "is not an event: it must be a JSON object"}
	}
	fault := members(text, eventFields, func(field string, value []byte) *LineError {
		if string(value) == "null" && field != "data" {
			return nil // as good as absent
		}
		reason := ""
		switch field {
		case "id":
			e.ID, reason = stringValue(value)
		case "actorId":
			e.ActorID, reason = stringValue(value)
		case "version":
			e.Version, reason = versionValue(value)
		case "type":
			e.Type, reason = stringValue(value)
		case "schema":
			e.Schema, reason = schemaValue(value)
		case "data":
			e.Data = slices.Clone(value)
		case "metadata":
			var fault *LineError
			e.Metadata, fault = metadataValue(value)
			return fault
		case "time":
			e.Time, reason = timeValue(value)
		case "position":
			// The store assigns it; a line that was exported has that of another one.
		}
		return faultOf(field, reason)
	})
	return e, fault
}

// syntaxFault says where a line stops being JSON. It counts characters from 1, as
// editors do. It is empty when that is not what is wrong.
func syntaxFault(text []byte) string {
	// A space at the end tells a line that ends too early from one whose last byte
	// does not fit.
	text = slices.Concat(bytes.TrimRight(text, "\r\n"), []byte(" "))
	var value json.RawMessage
	var fault *json.SyntaxError
	if !errors.As(json.Unmarshal(text, &value), &fault) {
		return ""
	}
	at := int(fault.Offset) - 1 // the offset is the one behind the byte
	switch {
	case at >= len(text)-1:
		return "is not JSON: it ends too early; an event is one object on one line"
	case at < 0 || at >= 10000 && (text[at] == '[' || text[at] == '{'):
		return "" // it may be nested too deep
	}
	char, _ := utf8.DecodeRune(text[at:])
	return fmt.Sprintf("is not JSON: unexpected %q in column %d", char, utf8.RuneCount(text[:at])+1)
}

func faultOf(field, reason string) *LineError {
	if reason == "" {
		return nil
	}
	return &LineError{Field: field, Reason: reason}
}

// members passes the members of an object, whose names must be among fields, to
// visit. The text begins with the object and is known to be JSON.
func members(text []byte, fields []string, visit func(field string, value []byte) *LineError) *LineError {
	var seen [16]bool
	for at := skipSpace(text, 1); text[at] != '}'; {
		end := skipValue(text, at)
		i, fault := fieldOf(text[at:end], fields)
		switch {
		case fault != nil:
			return fault
		case seen[i]:
			return &LineError{Field: fields[i], Reason: "is there twice"}
		}
		seen[i] = true

		at = skipSpace(text, end) + 1 // the colon
		at = skipSpace(text, at)
		end = skipValue(text, at)
		if fault := visit(fields[i], text[at:end]); fault != nil {
			return fault
		}
		if at = skipSpace(text, end); text[at] == ',' {
			at = skipSpace(text, at+1)
		}
	}
	return nil
}

// fieldOf finds the field of a name, which is a JSON string.
func fieldOf(name []byte, fields []string) (int, *LineError) {
	plain := name[1 : len(name)-1]
	for i := range fields {
		if string(plain) == fields[i] {
			return i, nil
		}
	}
	text, reason := stringValue(name) // it may have escapes
	if reason != "" {
		return 0, &LineError{Field: "the name of a field", Reason: reason}
	}
	if i := slices.Index(fields, text); i >= 0 {
		return i, nil
	}
	return 0, &LineError{Field: strconv.Quote(text), Reason: "is not a field; there are " + strings.Join(fields, ", ")}
}

func metadataValue(value []byte) (aether.Metadata, *LineError) {
	var m aether.Metadata
	if value[0] != '{' {
		return m, &LineError{Field: "metadata", Reason: "must be an object"}
	}
	fault := members(value, metadataFields, func(field string, value []byte) *LineError {
		if string(value) == "null" {
			return nil
		}
		text, reason := stringValue(value)
		switch field {
		case "correlationId":
			m.CorrelationID = text
		case "causationId":
			m.CausationID = text
		case "traceparent":
			m.Traceparent = text
		}
		return faultOf(field, reason)
	})
	if fault != nil {
		fault.Field = "metadata." + fault.Field
	}
	return m, fault
}

func stringValue(value []byte) (text, reason string) {
	if value[0] != '"' {
		return "", "must be a string"
	}
	if !slices.Contains(value, '\\') {
		return string(value[1 : len(value)-1]), ""
	}
	if halfPair(value) {
		return "", `has half of a surrogate pair, as in "\ud800", which is no character`
	}
	if err := json.Unmarshal(value, &text); err != nil {
		return "", err.Error()
	}
	return text, ""
}

func versionValue(value []byte) (aether.Version, string) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return 0, fmt.Sprintf("is %s; it must be a whole number from 1 to %d", excerpt(value), uint64(1)<<63-1)
	}
	if n == 0 {
		return 0, "is 0; versions start at 1"
	}
	return aether.Version(n), ""
}

func schemaValue(value []byte) (int, string) {
	n, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		return 0, fmt.Sprintf("is %s; it must be a whole number from 1 to %d", excerpt(value), 1<<31-1)
	}
	return int(n), ""
}

func timeValue(value []byte) (time.Time, string) {
	text, reason := stringValue(value)
	if reason != "" {
		return time.Time{}, reason
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return t, fmt.Sprintf("is %s; it must be like \"2026-03-02T08:01:00.125Z\" (RFC 3339)", excerpt(value))
	}
	if t.IsZero() {
		return t, "is the zero time; leave it out to have the store set it"
	}
	return t, ""
}

// excerpt is a value for a message: not all of it when it is long.
func excerpt(value []byte) string {
	const most = 40
	if len(value) <= most {
		return string(value)
	}
	return strings.ToValidUTF8(string(value[:most]), "") + "…"
}
