package charging

import (
	"container/list"
	"context"
	"encoding/json"
	"sync"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/live"
)

// What goes over the wire is kept for people who look, for a while and in memory only: the
// last messages of every station as far as there is room for all, else the newest of all.
const (
	wireMessages = 200      // of a station
	wireBudget   = 64 << 20 // bytes of all messages
	wireBytes    = 16 << 10 // of a message; more is cut
	wireOverhead = 400      // about what a message takes beside its texts
)

// wires are the logs of the stations. It is safe for concurrent use.
type wires struct {
	budget int
	mu     sync.Mutex
	number uint64
	size   int
	all    *list.List // of *wireEntry, the oldest first
	logs   map[string]*wireLog
	dirty  map[string]bool // stations whose log has something that was not published
	wake   chan struct{}   // full when there are some
}

// wireLog has the messages of a station: the elements of the list of all, the oldest first.
type wireLog struct {
	messages  []*list.Element
	published uint64 // number of a message
}

type wireEntry struct {
	WireDocument
	station string
	size    int
}

func newWires(budget int) *wires {
	return &wires{budget: budget, all: list.New(), logs: make(map[string]*wireLog), dirty: make(map[string]bool), wake: make(chan struct{}, 1)}
}

// note keeps a message. It does not block.
func (w *wires) note(conn *ocpp.Conn, m ocpp.Wire) { w.add(conn.Identity(), m) }

func (w *wires) add(id string, m ocpp.Wire) {
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
	size := wireOverhead + cap(d.Message) + len(d.ID) + len(d.Action) + len(d.Problem)
	w.mu.Lock()
	w.number++
	d.Number = w.number
	log := w.logs[id]
	if log == nil {
		log = &wireLog{}
		w.logs[id] = log
	}
	if len(log.messages) == wireMessages {
		w.drop(log)
	}
	log.messages = append(log.messages, w.all.PushBack(&wireEntry{d, id, size}))
	for w.size += size; w.size > w.budget; {
		w.drop(w.logs[w.all.Front().Value.(*wireEntry).station]) // of which it is the oldest too
	}
	w.dirty[id] = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drop drops the oldest message of a log. It is called with the lock.
func (w *wires) drop(log *wireLog) {
	m := w.all.Remove(log.messages[0]).(*wireEntry)
	w.size -= m.size
	log.messages[0] = nil
	if log.messages = log.messages[1:]; len(log.messages) == 0 {
		delete(w.logs, m.station)
	}
}

// clear forgets all messages; their numbers go on.
func (w *wires) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Init()
	clear(w.logs)
	clear(w.dirty)
	w.size = 0
}

// log returns what went over the wire of a station, the newest last.
func (w *wires) log(id string) (d WireLog, last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d = WireLog{Station: id, Messages: []WireDocument{}}
	if log := w.logs[id]; log != nil {
		for _, e := range log.messages {
			m := e.Value.(*wireEntry)
			d.Messages, last = append(d.Messages, m.WireDocument), m.Number
		}
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
		for _, e := range log.messages {
			if m := e.Value.(*wireEntry); m.Number > log.published {
				news[id], log.published = append(news[id], m.WireDocument), m.Number
			}
		}
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
