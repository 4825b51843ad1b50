package tickets

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/schema"
)

// Name is what the tickets system is called in paths, on the bus and in topics.
const Name = "tickets"

// eventPrefix stands before the type of the domain event in that of the integration
// event, which is unique among all CloudEvents that way.
const eventPrefix = "aether.tickets."

// Moment is the data of the integration events: what happened to their subject, which
// is a pool or a payment.
type Moment struct {
	Version aether.Version  `json:"version"`
	Event   json.RawMessage `json:"event"` // in its newest schema; that of a new pool without its secret
}

// registries are the events of the system, by the kinds of their actors.
type registries struct {
	pools    *schema.Registry[pool.Event]
	payments *schema.Registry[PaymentEvent]
}

func newRegistries() registries { return registries{pool.Events(), PaymentEvents()} }

// mapping lets everybody know what happens to pools and payments, but for the secrets
// that make the codes of tickets.
func (r registries) mapping() integration.Mapping {
	return integration.Mapping{
		System: Name, Version: 1, Kinds: []string{pool.Kind, PaymentKind}, Types: append(r.pools.Types(), r.payments.Types()...),
		Map: func(e aether.Event) ([]integration.Event, error) {
			data, err := r.public(e)
			if err == nil {
				data, err = json.Marshal(Moment{e.Version, data})
			}
			return []integration.Event{{Type: eventPrefix + e.Type, Subject: e.ActorID, Data: data}}, err
		},
	}
}

// public returns the data of an event in its newest schema, without secrets.
func (r registries) public(e aether.Event) (json.RawMessage, error) {
	if e.Kind() == PaymentKind {
		return r.payments.Newest(e)
	}
	if e.Type != createdType {
		return r.pools.Newest(e)
	}
	value, err := r.pools.Decode(e)
	if err != nil {
		return nil, err
	}
	created, ok := value.(pool.PoolCreated)
	if !ok {
		return nil, fmt.Errorf("%s is a %T", e.Type, value)
	}
	created.Secret = nil
	encoded, err := r.pools.Encode(created)
	return encoded.Data, err
}

// createdType is the type of the event that has a secret.
const createdType = "PoolCreated"

// decodeMoment is the reverse of the mapping.
func decodeMoment[E any](events *schema.Registry[E], e integration.Event) (aether.Version, E, error) {
	var m Moment
	if err := json.Unmarshal(e.Data, &m); err != nil {
		var none E
		return 0, none, err
	}
	name := strings.TrimPrefix(e.Type, eventPrefix)
	event, err := events.Decode(aether.Event{ActorID: e.Subject, Version: m.Version, Type: name, Schema: events.Schema(name), Data: m.Event})
	return m.Version, event, err
}
