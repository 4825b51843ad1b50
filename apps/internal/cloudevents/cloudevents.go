// Package cloudevents is the wire form of integration events: CloudEvents 1.0, in
// structured JSON.
//
// Beside the attributes of the specification there are extensions: sequence (that of
// the CloudEvents extension of this name, of which every number is there), namespace,
// mapping (the version of the mapping), position and last (as integration.Event has
// them), correlationid, causationid, and traceparent of the tracing extension.
package cloudevents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// MediaType is that of one event, BatchMediaType that of a list of them.
const (
	MediaType      = event.ApplicationCloudEventsJSON
	BatchMediaType = event.ApplicationCloudEventsBatchJSON
)

// source is "/aether/{namespace}/{system}".
func source(namespace, system string) string {
	return "/aether/" + url.PathEscape(namespace) + "/" + url.PathEscape(system)
}

// From returns an integration event as a CloudEvent.
func From(e integration.Event) (event.Event, error) {
	from := types.ParseURIRef(source(e.Stream.Namespace, e.Stream.System))
	if from == nil {
		return event.Event{}, fmt.Errorf("cloudevents: %q and %q make no source", e.Stream.Namespace, e.Stream.System)
	}
	// The setters of the library would cut off the space around texts.
	kind := event.ApplicationJSON
	c := event.Event{
		Context: &event.EventContextV1{
			ID: e.ID, Source: *from, Type: e.Type, Subject: &e.Subject, Time: &types.Timestamp{Time: e.Time}, DataContentType: &kind,
		},
		DataEncoded: e.Data,
	}
	c.SetExtension("sequence", strconv.FormatUint(e.Sequence, 10))
	c.SetExtension("namespace", e.Stream.Namespace)
	c.SetExtension("mapping", strconv.Itoa(e.Stream.Version))
	c.SetExtension("position", strconv.FormatUint(uint64(e.Position), 10))
	c.SetExtension("last", e.Last)
	for name, text := range map[string]string{
		"correlationid": e.Metadata.CorrelationID, "causationid": e.Metadata.CausationID, "traceparent": e.Metadata.Traceparent,
	} {
		if text != "" {
			c.SetExtension(name, text)
		}
	}
	return c, c.Validate()
}

// Attributes returns an integration event as the members of its JSON. Numbers are as
// they were written.
func Attributes(e integration.Event) (map[string]any, error) {
	c, err := From(e)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return members, decoder.Decode(&members)
}

// To is the reverse of From.
func To(c event.Event) (integration.Event, error) {
	if err := c.Validate(); err != nil {
		return integration.Event{}, err
	}
	var wrong error
	text := func(name string) string {
		value, ok := c.Extensions()[name]
		if !ok {
			return ""
		}
		s, err := types.Format(value)
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("cloudevents: %s: %w", name, err)
		}
		return s
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(text(name), 10, 64)
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("cloudevents: %s is not a number: %w", name, err)
		}
		return n
	}
	namespace := text("namespace")
	system, err := url.PathUnescape(c.Source()[strings.LastIndexByte(c.Source(), '/')+1:])
	if err != nil || c.Source() != source(namespace, system) {
		return integration.Event{}, fmt.Errorf("cloudevents: source %q is not one of Aether", c.Source())
	}
	e := integration.Event{
		Type: c.Type(), Subject: c.Subject(), Data: json.RawMessage(c.Data()), ID: c.ID(),
		Stream:   integration.Stream{Namespace: namespace, System: system, Version: int(number("mapping"))},
		Sequence: number("sequence"), Position: aether.Position(number("position")), Last: text("last") == "true", Time: c.Time(),
		Metadata: aether.Metadata{CorrelationID: text("correlationid"), CausationID: text("causationid"), Traceparent: text("traceparent")},
	}
	return e, wrong
}
