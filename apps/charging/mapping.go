package charging

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/schema"
)

// Name is what the charging system is called in paths, on the bus and in topics.
const Name = "charging"

// eventPrefix stands before the type of the domain event in that of the integration
// event, which is unique among all CloudEvents that way.
const eventPrefix = "aether.charging."

// Moment is the data of the integration events: what happened to their subject.
type Moment struct {
	Version aether.Version  `json:"version"`
	Event   json.RawMessage `json:"event"` // in its newest schema
}

// Kinds are those of the actors whose events the system makes.
func Kinds() []string {
	return []string{station.Kind, session.Kind, registry.IDTagKind, registry.TariffKind, registry.RecordKind, registry.InboxKind}
}

// registries are the events of the system, by the kinds of their actors.
type registries struct {
	stations *schema.Registry[station.Event]
	sessions *schema.Registry[session.Event]
	tags     *schema.Registry[registry.IDTagEvent]
	tariffs  *schema.Registry[registry.TariffEvent]
	records  *schema.Registry[registry.RecordEvent]
	inbox    *schema.Registry[registry.InboxEvent]
}

func newRegistries() registries {
	return registries{station.Events(), session.Events(), registry.IDTagEvents(), registry.TariffEvents(), registry.RecordEvents(), registry.InboxEvents()}
}

// mapping lets everybody know what happens, but for the hashes of authorization keys.
func (r registries) mapping() integration.Mapping {
	var types []string
	for _, of := range [][]string{r.stations.Types(), r.sessions.Types(), r.tags.Types(), r.tariffs.Types(), r.records.Types(), r.inbox.Types()} {
		types = append(types, of...)
	}
	return integration.Mapping{
		System: Name, Version: 1, Kinds: Kinds(), Types: types,
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
	switch e.Kind() {
	case station.Kind:
		data, err := r.stations.Newest(e)
		if err == nil && e.Type == "CommandRequested" { // where to upload to may have a password in it
			data = ocpp.Redact(data)
		}
		return data, err
	case session.Kind:
		return r.sessions.Newest(e)
	case registry.IDTagKind:
		return r.tags.Newest(e)
	case registry.TariffKind:
		return r.tariffs.Newest(e)
	case registry.InboxKind:
		return r.inbox.Newest(e)
	case registry.RecordKind:
		event, err := r.records.Decode(e)
		if err != nil {
			return nil, err
		}
		if changed, ok := event.(registry.CredentialsChanged); ok {
			for i := range changed.Keys {
				changed.Keys[i] = hiddenKey
			}
			event = changed
		}
		encoded, err := r.records.Encode(event)
		return encoded.Data, err
	}
	return nil, fmt.Errorf("charging: %s is of no actor of ours", e.ActorID)
}

// hiddenKey stands for the hash of an authorization key in what others may know.
const hiddenKey = "***"

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
