package natsstore

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
)

// Integration events are CloudEvents 1.0 in the binary mode of the NATS binding: the
// attributes are headers that begin with ce-, the payload is the data. See
// docs/format.md.
const cloudHeader = "ce-"

// encodeCloudEvent returns the message of an integration event.
func encodeCloudEvent(subject string, e *integration.Event) *nats.Msg {
	h := nats.Header{
		"content-type": {"application/json"},
		"ce-last":      {strconv.FormatBool(e.Last)},
	}
	for name, value := range map[string]string{
		"specversion":   "1.0",
		"id":            e.ID,
		"source":        cloudSource(e.Stream.Namespace, e.Stream.System),
		"type":          e.Type,
		"subject":       e.Subject,
		"time":          e.Time.UTC().Format(time.RFC3339Nano),
		"sequence":      strconv.FormatUint(e.Sequence, 10),
		"namespace":     e.Stream.Namespace,
		"mapping":       strconv.Itoa(e.Stream.Version),
		"position":      strconv.FormatUint(uint64(e.Position), 10),
		"correlationid": e.Metadata.CorrelationID,
		"causationid":   e.Metadata.CausationID,
		"traceparent":   e.Metadata.Traceparent,
	} {
		if value != "" {
			h[cloudHeader+name] = []string{escapeCloud(value)}
		}
	}
	return &nats.Msg{Subject: subject, Header: h, Data: e.Data}
}

func cloudSource(namespace, system string) string {
	return "/aether/" + url.PathEscape(namespace) + "/" + url.PathEscape(system)
}

// decodeCloudEvent is the reverse of encodeCloudEvent. The stream is that of the subject.
func decodeCloudEvent(m *nats.Msg, stream integration.Stream) (integration.Event, error) {
	var wrong error
	text := func(name string) string {
		s, err := url.PathUnescape(m.Header.Get(cloudHeader + name))
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("natsstore: the header ce-%s is not one of a CloudEvent", name)
		}
		return s
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(text(name), 10, 64)
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("natsstore: the header ce-%s is not a number", name)
		}
		return n
	}
	if version := text("specversion"); version != "1.0" {
		return integration.Event{}, fmt.Errorf("natsstore: a message without the headers of a CloudEvent, on %s", m.Subject)
	}
	at, err := time.Parse(time.RFC3339Nano, text("time"))
	if err != nil {
		return integration.Event{}, fmt.Errorf("natsstore: the header ce-time is not a time")
	}
	e := integration.Event{
		Type: text("type"), Subject: text("subject"), Data: m.Data, ID: text("id"), Stream: stream,
		Sequence: number("sequence"), Position: aether.Position(number("position")), Last: text("last") == "true", Time: at,
		Metadata: aether.Metadata{CorrelationID: text("correlationid"), CausationID: text("causationid"), Traceparent: text("traceparent")},
	}
	return e, wrong
}

// escapeCloud encodes a value as CloudEvents has it in headers: what is not printable
// ASCII, spaces, quotes and percent signs are percent-encoded, by the bytes of UTF-8.
func escapeCloud(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && cloudByte(s[i])
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if cloudByte(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

func cloudByte(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
