package jsonl

import (
	"encoding/json"
	"strconv"

	"github.com/aether-es/aether"
)

// Append appends the line of an event to b, with its newline. It is what
// encoding/json makes of the event, without the escapes that only browsers need,
// in a fifth of the time: the data, which is known to be JSON, is not parsed.
func Append(b []byte, e *aether.Event) ([]byte, error) {
	b, err := appendPlain(b, e)
	if err != nil || e.Position == 0 {
		return append(b, "}\n"...), err
	}
	return appendPosition(b, e.Position), nil
}

func appendPosition(b []byte, position aether.Position) []byte {
	b = append(b, `,"position":`...)
	b = strconv.AppendUint(b, uint64(position), 10)
	return append(b, "}\n"...)
}

// appendPlain appends the line up to the position, which is the last field.
func appendPlain(b []byte, e *aether.Event) ([]byte, error) {
	b = append(b, '{')
	if e.ID != "" {
		b = append(appendString(append(b, `"id":`...), e.ID), ',')
	}
	b = appendString(append(b, `"actorId":`...), e.ActorID)
	if e.Version != 0 {
		b = strconv.AppendUint(append(b, `,"version":`...), uint64(e.Version), 10)
	}
	b = appendString(append(b, `,"type":`...), e.Type)
	if e.Schema != 0 {
		b = strconv.AppendInt(append(b, `,"schema":`...), int64(e.Schema), 10)
	}
	b = append(b, `,"data":`...)
	if len(e.Data) == 0 {
		b = append(b, "null"...)
	} else {
		b = AppendCompact(b, e.Data)
	}
	if e.Metadata != (aether.Metadata{}) {
		b = append(b, `,"metadata":{`...)
		former := len(b)
		for _, m := range [...]struct{ name, value string }{
			{`"correlationId":`, e.Metadata.CorrelationID},
			{`"causationId":`, e.Metadata.CausationID},
			{`"traceparent":`, e.Metadata.Traceparent},
		} {
			if m.value == "" {
				continue
			}
			if len(b) > former {
				b = append(b, ',')
			}
			b = appendString(append(b, m.name...), m.value)
		}
		b = append(b, '}')
	}
	if e.Time.IsZero() {
		return b, nil
	}
	b, err := e.Time.AppendText(append(b, `,"time":"`...))
	return append(b, '"'), err
}

// appendString appends a text as a JSON string.
func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendUnusual(b, text)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

func appendUnusual(b []byte, text string) []byte {
	to := appender{b}
	encoder := json.NewEncoder(&to)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // neither a string nor memory fails
	return to.b[:len(to.b)-1]
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// AppendCompact appends a JSON value without the white space around its parts.
func AppendCompact(b, value []byte) []byte {
	from := 0 // of what has not been copied yet
	for at := 0; at < len(value); {
		switch value[at] {
		case '"':
			at = skipString(value, at)
		case ' ', '\n', '\r', '\t':
			b = append(b, value[from:at]...)
			at = skipSpace(value, at)
			from = at
		default:
			at++
		}
	}
	return append(b, value[from:]...)
}
