package charging

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/live"
)

// What goes over the wire is kept for people who look, for a while and in memory only.
const (
	wireMessages = 200      // of a station
	wireStations = 500      // that have a log at a time; those with the oldest messages go
	wireBytes    = 16 << 10 // of a message; more is cut
)

// wires are the logs of the stations. It is safe for concurrent use.
type wires struct {
	mu     sync.Mutex
	number uint64
	logs   map[string]*wireLog
	dirty  map[string]bool // stations whose log has something that was not published
	wake   chan struct{}   // full when there are some
}

// wireLog is a ring of messages.
type wireLog struct {
	messages  []WireDocument
	last      uint64 // number of a message
	published uint64
}

func newWires() *wires {
	return &wires{logs: make(map[string]*wireLog), dirty: make(map[string]bool), wake: make(chan struct{}, 1)}
}

// note keeps a message. It does not block.
func (w *wires) note(conn *ocpp.Conn, m ocpp.Wire) {
	d := WireDocument{
		Time: m.Time.UTC(), Sent: m.Sent, Type: int(m.Type), ID: m.ID, Action: m.Action,
		Elapsed: m.Elapsed.Milliseconds(), Problem: m.Problem,
	}
	switch {
	case len(m.Message) > wireBytes:
		d.Message, _ = json.Marshal(string(m.Message[:wireBytes]) + " …") // a string is always JSON
	case json.Valid(m.Message):
		d.Message = m.Message
	case len(m.Message) > 0:
		d.Message, _ = json.Marshal(string(m.Message))
	}
	id := conn.Identity()
	w.mu.Lock()
	w.number++
	d.Number = w.number
	log := w.logs[id]
	if log == nil {
		if len(w.logs) >= wireStations {
			w.dropOldest()
		}
		log = &wireLog{}
		w.logs[id] = log
	}
	log.last = d.Number
	if len(log.messages) == wireMessages {
		copy(log.messages, log.messages[1:])
		log.messages = log.messages[:wireMessages-1]
	}
	log.messages = append(log.messages, d)
	w.dirty[id] = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// dropOldest is called with the lock.
func (w *wires) dropOldest() {
	oldest, last := "", w.number
	for id, log := range w.logs {
		if log.last < last {
			oldest, last = id, log.last
		}
	}
	delete(w.logs, oldest)
}

// log returns what went over the wire of a station, the newest last.
func (w *wires) log(id string) (d WireLog, last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d = WireLog{Station: id, Messages: []WireDocument{}}
	if log := w.logs[id]; log != nil {
		d.Messages, last = append(d.Messages, log.messages...), log.last
	}
	return d, last
}

// news returns the messages that were not published, by their stations, each time once.
func (w *wires) news() map[string][]WireDocument {
	w.mu.Lock()
	defer w.mu.Unlock()
	news := make(map[string][]WireDocument, len(w.dirty))
	for id := range w.dirty {
		log := w.logs[id]
		if log == nil {
			continue
		}
		for _, m := range log.messages {
			if m.Number > log.published {
				news[id] = append(news[id], m)
			}
		}
		log.published = log.last
	}
	clear(w.dirty)
	return news
}

// topicWire is the kind of the live topics of the logs: "charging-wire/CP-1" has what went
// over the wire of a station, as [WireLog]; a change is one [WireDocument], and positions
// are the numbers of messages.
const topicWire = "charging-wire"

// publishWires shows pages what goes over the wires, until ctx ends.
func (c *Charging) publishWires(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.wires.wake:
		}
		for id, messages := range c.wires.news() {
			changes := make([]live.Change, 0, len(messages))
			for _, m := range messages {
				data, err := json.Marshal(m)
				if err != nil {
					return err
				}
				changes = append(changes, live.Change{Topic: topicWire + "/" + id, Position: m.Number, Data: data})
			}
			if c.hub != nil {
				c.hub.Publish(changes...)
			}
		}
	}
}

func (c *Charging) wireTopic(_ context.Context, id string) (live.Document, error) {
	if !validStation(id) {
		return live.Document{}, live.ErrNoTopic
	}
	d, last := c.wires.log(id)
	data, err := json.Marshal(d)
	return live.Document{Position: last, Data: data}, err
}

// Wire returns what went over the wire of a station lately, as far as this node has it.
func (c *Charging) Wire(id string) WireLog {
	d, _ := c.wires.log(id)
	return d
}
