package natsstore

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/nats-io/nats.go"
)

// The headers of a message. Its payload is the data of the event, its subject has the
// actor. See docs/format.md.
const (
	headerID          = "Aether-Id"
	headerVersion     = "Aether-Version"
	headerType        = "Aether-Type"
	headerSchema      = "Aether-Schema" // not there when it is 1
	headerTime        = "Aether-Time"
	headerMore        = "Aether-More" // events of the same save that follow; not there when it is 0
	headerCorrelation = "Aether-Correlation-Id"
	headerCausation   = "Aether-Causation-Id"
	headerTraceparent = "Aether-Traceparent" // the server has uses of its own for traceparent

	headerFence = "Aether-Fence" // no event, but what keeps one from landing

	headerExpected      = "Nats-Expected-Last-Subject-Sequence"
	headerBatch         = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// controlRoom is how many bytes of headers the committer may add to a message.
const controlRoom = 256

const timeForm = "2006-01-02T15:04:05.999999Z"

// encodeEvent returns the message of a complete event.
func encodeEvent(subject string, e *aether.Event, more int) *nats.Msg {
	h := make(nats.Header, 8)
	values := make([]string, 0, 12) // one allocation for what each header holds
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set(headerID, escapeValue(e.ID))
	set(headerVersion, strconv.FormatUint(uint64(e.Version), 10))
	set(headerType, escapeValue(e.Type))
	set(headerTime, e.Time.Format(timeForm))
	if e.Schema != 1 {
		set(headerSchema, strconv.Itoa(e.Schema))
	}
	if more > 0 {
		set(headerMore, strconv.Itoa(more))
	}
	if e.Metadata.CorrelationID != "" {
		set(headerCorrelation, escapeValue(e.Metadata.CorrelationID))
	}
	if e.Metadata.CausationID != "" {
		set(headerCausation, escapeValue(e.Metadata.CausationID))
	}
	if e.Metadata.Traceparent != "" {
		set(headerTraceparent, escapeValue(e.Metadata.Traceparent))
	}
	return &nats.Msg{Subject: subject, Header: h, Data: e.Data}
}

// messageSize is at least the size that counts towards the server's max_payload, with
// what the committer adds.
func messageSize(m *nats.Msg) int {
	size := len(m.Data) + len("NATS/1.0\r\n\r\n") + controlRoom
	for name, values := range m.Header {
		size += len(name) + len(values[0]) + len(": \r\n")
	}
	return size
}

// The ways in which a message is not an event.
var (
	errNoEvent = errors.New("the message is not an event")
	errActor   = errors.New("its subject is not that of an actor")
	errHeader  = errors.New("its headers are not those of an event")
)

// decodeEvent returns the event of a message, with the number of those that follow in
// the same save. The event shares the memory of the message.
func (s subjects) decodeEvent(m *nats.Msg) (e aether.Event, more int, err error) {
	version := m.Header.Get(headerVersion)
	if version == "" {
		return e, 0, errNoEvent
	}
	actorID, ok := s.actor(m.Subject)
	if !ok {
		return e, 0, errActor
	}
	number, err := strconv.ParseUint(version, 10, 63)
	if err != nil {
		return e, 0, errHeader
	}
	e = aether.Event{ActorID: actorID, Version: aether.Version(number), Schema: 1, Data: m.Data}
	if e.Time, err = time.Parse(timeForm, m.Header.Get(headerTime)); err != nil {
		return e, 0, errHeader
	}
	if text := m.Header.Get(headerSchema); text != "" {
		if e.Schema, err = strconv.Atoi(text); err != nil {
			return e, 0, errHeader
		}
	}
	if text := m.Header.Get(headerMore); text != "" {
		if more, err = strconv.Atoi(text); err != nil || more < 0 || more >= aether.MaxBatchEvents {
			return e, 0, errHeader
		}
	}
	for _, part := range []struct {
		name string
		to   *string
	}{
		{headerID, &e.ID}, {headerType, &e.Type}, {headerCorrelation, &e.Metadata.CorrelationID},
		{headerCausation, &e.Metadata.CausationID}, {headerTraceparent, &e.Metadata.Traceparent},
	} {
		if *part.to, ok = unescapeValue(m.Header.Get(part.name)); !ok {
			return e, 0, errHeader
		}
	}
	if e.ID == "" {
		return e, 0, errHeader // the copy must not make one
	}
	return e, more, nil
}

// escapeValue makes a text fit a header: spaces at its ends would be trimmed.
func escapeValue(s string) string {
	if !strings.Contains(s, "%") && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return s
	}
	var b strings.Builder
	inner := strings.Trim(s, " ")
	start := strings.Index(s, inner)
	for i := range len(s) {
		switch {
		case s[i] == '%':
			b.WriteString("%25")
		case i < start || i >= start+len(inner):
			b.WriteString("%20")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// unescapeValue is the reverse of escapeValue.
func unescapeValue(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if len(s) < i+3 {
			return "", false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		if hi > 15 || lo > 15 {
			return "", false
		}
		b = append(b, hi<<4|lo)
		i += 2
	}
	return string(b), true
}
