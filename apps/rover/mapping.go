package rover

import (
	"encoding/json"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/schema"
)

// Name is what the rover system is called in paths, on the bus and in topics.
const Name = "rover"

// eventPrefix stands before the type of the domain event in that of the integration
// event, which is unique among all CloudEvents that way.
const eventPrefix = "aether.rover."

// Moment is the data of the integration events: what happened to a grid.
type Moment struct {
	Grid    string          `json:"grid"`
	Version aether.Version  `json:"version"`
	Event   json.RawMessage `json:"event"` // as package grid has it, in its newest schema
}

// mapping lets everybody know everything that happens to grids: nothing about them
// is private.
func mapping(events *schema.Registry[grid.Event]) integration.Mapping {
	return integration.Mapping{
		System: Name, Version: 1, Kinds: []string{grid.Kind}, Types: events.Types(),
		Map: func(e aether.Event) ([]integration.Event, error) {
			data, err := events.Newest(e)
			if err == nil {
				data, err = json.Marshal(Moment{gridID(e.ActorID), e.Version, data})
			}
			return []integration.Event{{Type: eventPrefix + e.Type, Subject: e.ActorID, Data: data}}, err
		},
	}
}

// decodeMoment is the reverse of the mapping.
func decodeMoment(events *schema.Registry[grid.Event], e integration.Event) (Moment, grid.Event, error) {
	var m Moment
	if err := json.Unmarshal(e.Data, &m); err != nil {
		return m, nil, err
	}
	name := strings.TrimPrefix(e.Type, eventPrefix)
	event, err := events.Decode(aether.Event{
		ActorID: e.Subject, Version: m.Version, Type: name, Schema: events.Schema(name), Data: m.Event,
	})
	return m, event, err
}

func gridID(actorID string) string { return strings.TrimPrefix(actorID, grid.Kind+"/") }

func actorID(gridID string) string { return grid.Kind + "/" + gridID }
