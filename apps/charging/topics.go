package charging

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// The kinds of live topics. Of a topic with a key there are documents only; they are read
// when somebody looks. Positions are those of the log.
//
//	charging-fleet                 FleetDocument; a change is the new one
//	charging-stations              a change is the StationChange of one station; the document
//	                               is empty: whoever gets it reads the list again
//	charging-station/CP-1          StationDocument
//	charging-sessions              TransactionPage of those that run; a change is the
//	                               TransactionDocument of one, which may have ended
//	charging-transaction/CP-1-17   TransactionLive
//	charging-commands/k7x2m9       CommandDocument
//	charging-doubt                 CommandPage of those in doubt
const (
	topicFleet       = "charging-fleet"
	topicStations    = "charging-stations"
	topicStation     = "charging-station"
	topicSessions    = "charging-sessions"
	topicTransaction = "charging-transaction"
	topicCommands    = "charging-commands"
	topicDoubt       = "charging-doubt"
)

// listedLive is how many sessions, or commands in doubt, their topics list.
const listedLive = 500

// registerTopics has the documents of the topics read.
func (c *Charging) registerTopics(to *server.Server) {
	to.Topic(topicWire, c.wireTopic)
	to.Topic(topicFleet, topic(c, func(r readdb.Reader, _ string) (any, error) { return getFleet(r) }))
	to.Topic(topicStations, topic(c, func(readdb.Reader, string) (any, error) { return struct{}{}, nil }))
	to.Topic(topicStation, topic(c, func(r readdb.Reader, id string) (any, error) {
		s, err := getStation(r, id)
		if err != nil {
			return nil, err
		}
		return c.assembled(r, &s)
	}))
	to.Topic(topicSessions, topic(c, func(r readdb.Reader, _ string) (any, error) {
		return listTransactions(r, TransactionFilter{State: stateRunning}, Page{Limit: listedLive})
	}))
	to.Topic(topicTransaction, topic(c, func(r readdb.Reader, key string) (any, error) { return liveTransaction(r, key) }))
	to.Topic(topicCommands, topic(c, func(r readdb.Reader, id string) (any, error) { return getCommand(r, id) }))
	to.Topic(topicDoubt, topic(c, func(r readdb.Reader, _ string) (any, error) {
		return listCommands(r, CommandFilter{State: stateDoubt}, Page{Limit: listedLive})
	}))
}

// topic reads a document of a moment, with the position of that moment.
func topic(c *Charging, read func(r readdb.Reader, key string) (any, error)) server.TopicFunc {
	return func(ctx context.Context, key string) (live.Document, error) {
		v, err := c.view(ctx, 0)
		if err != nil {
			return live.Document{}, err
		}
		defer v.Close()
		cursor, err := projection.CursorOf(v)
		if err != nil {
			return live.Document{}, err
		}
		d, err := read(v, key)
		if errors.Is(err, errNoStation) || errors.Is(err, errNoTransaction) || errors.Is(err, errNoCommand) {
			return live.Document{}, live.ErrNoTopic
		}
		if err != nil {
			return live.Document{}, err
		}
		data, err := json.Marshal(d)
		return live.Document{Position: uint64(cursor.Position), Data: data}, err
	}
}

// liveTransaction is a transaction with the newest point of its curve.
func liveTransaction(r readdb.Reader, key string) (TransactionLive, error) {
	t, err := getTransaction(r, key)
	if err != nil {
		return TransactionLive{}, err
	}
	d := TransactionLive{TransactionDocument: t.document()}
	last := readdb.ListOptions{Index: byTransaction, Range: readdb.Under(readdb.Tuple(readdb.Text(key))), Reverse: true, Limit: 1}
	for p, err := range points.All(r, &last) {
		if err != nil {
			return d, err
		}
		point := t.point(p.CurvePoint)
		d.Point = &point
	}
	return d, nil
}

// touched is what some events have changed: each with the position of the last of them.
type touched struct {
	stations, transactions, commands map[string]aether.Position

	last   aether.Position
	counts bool // the counts of the fleet may be others
	doubt  bool
}

// touch finds out what an event has changed.
func (t *touched) touch(e integration.Event) {
	t.last = e.Position
	id, kind := key(e.Subject), strings.TrimPrefix(e.Type, eventPrefix)
	switch aether.Kind(e.Subject) {
	case session.Kind:
		t.transactions[id], t.counts = e.Position, true
	case registry.InboxKind:
		t.counts = true
	case registry.RecordKind:
		t.stations[id] = e.Position
	case station.Kind:
		t.stations[id], t.counts = e.Position, true
		var moment struct {
			Event struct {
				ID          string `json:"id"`
				Transaction int    `json:"transaction"`
			} `json:"event"`
		}
		switch {
		case strings.HasPrefix(kind, "Command"):
			if json.Unmarshal(e.Data, &moment) == nil {
				t.commands[moment.Event.ID], t.doubt = e.Position, true
			}
		case strings.HasPrefix(kind, "Transaction"):
			if json.Unmarshal(e.Data, &moment) == nil {
				t.transactions[numbered(id, moment.Event.Transaction)] = e.Position
			}
		}
	}
}

// publish tells the pages what has been applied. However many events of a station or a
// transaction that were, it is told once.
func (c *Charging) publish(events []integration.Event) {
	if c.hub == nil {
		return
	}
	v, err := c.projector.Space().View()
	if err != nil {
		return // it is closed
	}
	defer v.Close()
	t := touched{stations: map[string]aether.Position{}, transactions: map[string]aether.Position{}, commands: map[string]aether.Position{}}
	for _, e := range events {
		t.touch(e)
	}
	var changes []live.Change
	add := func(topic string, position aether.Position, d any, err error) {
		change := live.Change{Topic: topic, Position: uint64(position)}
		if err != nil {
			return // it is not there
		}
		if d != nil {
			if change.Data, err = json.Marshal(d); err != nil {
				c.logger.Error("charging: a change cannot be told", "topic", topic, "error", err)
			}
		}
		changes = append(changes, change)
	}
	for _, id := range byPosition(t.stations) {
		d, err := c.stationChange(v, id)
		add(topicStations, t.stations[id], d, err)
		add(topicStation+"/"+id, t.stations[id], nil, err)
	}
	for _, key := range byPosition(t.transactions) {
		r, err := getTransaction(v, key)
		add(topicSessions, t.transactions[key], r.document(), err)
		add(topicTransaction+"/"+key, t.transactions[key], nil, err)
	}
	for _, id := range byPosition(t.commands) {
		add(topicCommands+"/"+id, t.commands[id], nil, nil)
	}
	if t.doubt {
		add(topicDoubt, t.last, nil, nil)
	}
	if t.counts {
		d, err := getFleet(v)
		add(topicFleet, t.last, d, err)
	}
	c.hub.Publish(changes...)
}

// byPosition returns what was changed, in the order of the changes.
func byPosition(changed map[string]aether.Position) []string {
	return slices.SortedFunc(maps.Keys(changed), func(a, b string) int { return cmp.Compare(changed[a], changed[b]) })
}

// stationChange is what others are told of a station that has changed.
func (c *Charging) stationChange(r readdb.Reader, id string) (StationChange, error) {
	s, err := getStation(r, id)
	if err != nil {
		return StationChange{}, err
	}
	d, err := c.assembled(r, &s)
	change := StationChange{
		ID: d.ID, Label: d.Label, Online: d.Online, Since: d.Since, LastSeen: d.LastSeen, Skew: d.Skew, Faults: d.Faults,
		PowerFault: d.PowerFault, Running: d.Running, Connectors: make([]ConnectorChange, len(d.Connectors)),
	}
	for i, connector := range d.Connectors {
		change.Connectors[i] = ConnectorChange{connector.ID, connector.Status, connector.ErrorCode, connector.Transaction}
		if connector.ErrorCode == station.NoError {
			change.Connectors[i].ErrorCode = ""
		}
	}
	return change, err
}

// refresh has the pages look again: something was applied that publish was not told.
func (c *Charging) refresh() {
	if c.hub != nil {
		c.hub.Refresh(func(topic string) bool { return strings.HasPrefix(topic, Name+"-") })
	}
}
